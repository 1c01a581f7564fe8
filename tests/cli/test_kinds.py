# SPDX-License-Identifier: MIT
"""vpcctl <kind> create|list|show|set|delete, sg allow|revoke, and the output formats."""

import json
import subprocess
import threading

import pytest

from conftest import VPCCTL

VPC = {"VpcId": "vpc-0123456789abcdef0", "Name": "shop", "CidrBlock": "10.0.0.0/16",
       "State": "available", "Tags": {"Name": "shop", "Team": "x"}, "Revision": 4}
OTHER = {"VpcId": "vpc-1123456789abcdef0", "CidrBlock": "10.0.0.0/8", "State": "available",
         "Tags": {}, "Revision": 2}


@pytest.fixture
def vpcs(daemon):
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [VPC, OTHER], "Revision": 4})
    daemon.routes["GET", "/v1/vpcs/shop"] = (200, VPC)
    return daemon


def test_create_sends_typed_fields(vpcctl, daemon):
    daemon.routes["POST", "/v1/vpcs"] = (201, VPC)
    done = vpcctl("vpc", "create", "--name", "shop", "--cidr-block", "10.0.0.0/16",
                  "--enable-dns-support=false", "--tag", "Team=x", "--set", "Tags.Tier=front")
    assert done.returncode == 0
    assert done.stdout == "vpc shop created (vpc-0123456789abcdef0)\n"
    (_, _, query, body), = daemon.sent("POST")
    assert query == {}
    assert json.loads(body) == {"Name": "shop", "CidrBlock": "10.0.0.0/16",
                                "EnableDnsSupport": False, "Tags": {"Team": "x", "Tier": "front"}}


def test_create_takes_lists_records_maps_and_a_command(vpcctl, daemon):
    daemon.routes["POST", "/v1/instances"] = (201, {"InstanceId": "i-1"})
    daemon.routes["POST", "/v1/route-tables"] = (201, {"RouteTableId": "rtb-1"})
    vpcctl("instance", "create", "--subnet", "a", "--security-group-ids", "x,y",
           "--security-group-ids", "z", "--environment", "A=1", "--environment", "B=c=d",
           "--", "sleep", "--version")
    vpcctl("rtb", "create", "--vpc", "shop",
           "--routes", "DestinationCidrBlock=0.0.0.0/0,gateway-id=igw",
           "--routes", '{"DestinationCidrBlock": "10.9.0.0/16"}')
    instance, table = (json.loads(r[3]) for r in daemon.sent("POST"))
    assert instance == {"SubnetId": "a", "SecurityGroupIds": ["x", "y", "z"],
                        "Environment": {"A": "1", "B": "c=d"}, "Command": ["sleep", "--version"]}
    assert table["Routes"] == [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw"},
                               {"DestinationCidrBlock": "10.9.0.0/16"}]


def test_dry_run_and_no_wait_go_into_the_query(vpcctl, daemon):
    daemon.routes["POST", "/v1/vpcs"] = (201, VPC)
    done = vpcctl("vpc", "create", "--cidr-block", "10.0.0.0/16", "--dry-run", "--no-wait")
    assert "dry run: nothing changed" in done.stdout
    assert daemon.sent("POST")[0][2] == {"dry_run": "1", "wait": "0"}


def test_unknown_field_in_set_is_usage(vpcctl, daemon):
    done = vpcctl("vpc", "create", "--cidr-block", "10.0.0.0/16", "--set", "Nonsense=1")
    assert done.returncode == 2 and "Nonsense" in done.stderr
    assert not daemon.requests


def test_set_sends_a_merge_patch(vpcctl, daemon):
    daemon.routes["PATCH", "/v1/vpcs/a/b"] = (200, VPC)
    done = vpcctl("vpc", "set", "a/b", "--enable-dns-support", "--unset", "Name")
    assert done.returncode == 0
    assert json.loads(daemon.sent("PATCH")[0][3]) == {"EnableDnsSupport": True, "Name": None}
    assert vpcctl("vpc", "set", "a/b").returncode == 2


def test_delete_goes_on_behind_a_failure(vpcctl, daemon):
    daemon.routes["DELETE", "/v1/vpcs/b"] = (200, VPC)
    done = vpcctl("vpcs", "rm", "a", "b")
    assert done.returncode == 3
    assert [r[1] for r in daemon.sent("DELETE")] == ["/v1/vpcs/a", "/v1/vpcs/b"]
    assert "deleted" in done.stdout


@pytest.mark.parametrize("status,message,code", [
    (404, "no vpc", 3), (409, "in use", 1), (422, "refused", 1), (400, "malformed", 2),
    (409, '"a" is ambiguous: vpc-1, vpc-2', 2), (412, "changed", 1), (500, "kernel", 1),
    (403, "not allowed", 1),
])
def test_http_status_becomes_the_exit_code(vpcctl, daemon, status, message, code):
    daemon.routes["GET", "/v1/vpcs/a"] = (status, {
        "Error": {"Code": "SomeCode", "Message": message, "Field": "VpcId"}})
    done = vpcctl("vpc", "show", "a")
    assert done.returncode == code
    assert done.stderr == f"vpcctl: VpcId: {message} (SomeCode)\n"
    assert json.loads(vpcctl("vpc", "show", "a", "-o", "json").stderr)["Error"]["Code"] == "SomeCode"


def test_tables_show_names_first_and_short_ids(vpcctl, vpcs):
    lines = vpcctl("vpc", "list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "ID", "CIDR-BLOCK", "IPV6-CIDR-BLOCK", "STATE"]
    assert lines[1].split() == ["shop", "vpc-01234567", "10.0.0.0/16", "-", "available"]
    assert lines[2].split()[:2] == ["-", "vpc-11234567"]
    assert "vpc-0123456789abcdef0" in vpcctl("vpcs", "--no-trunc").stdout
    assert "TAGS" in vpcctl("vpc", "ls", "-o", "wide").stdout
    assert vpcctl("vpc", "ls", "--no-headers").stdout.splitlines()[0].split()[0] == "shop"


def test_columns_sort_and_formats(vpcctl, vpcs):
    assert vpcctl("vpc", "list", "--columns", "id,Tags.Team", "-o", "tsv").stdout == (
        "id\tTags.Team\nvpc-0123456789abcdef0\tx\nvpc-1123456789abcdef0\t\n")
    by = vpcctl("vpc", "list", "--sort", "-cidr-block", "-q").stdout.split()
    assert by == [VPC["VpcId"], OTHER["VpcId"]]
    assert vpcctl("vpc", "list", "--sort", "cidr-block", "-q").stdout.split() == by[::-1]
    assert vpcctl("vpc", "list", "-o", "name").stdout.split() == ["shop", OTHER["VpcId"]]
    assert vpcctl("vpc", "list", "-o", "json=.CidrBlock").stdout.split() == ["10.0.0.0/16",
                                                                           "10.0.0.0/8"]
    assert vpcctl("vpc", "list", "-o", "json=[0].Tags.Team").stdout == "x\n"
    assert vpcctl("vpc", "list", "--json").json() == [VPC, OTHER]
    assert vpcctl("vpc", "list", VPCCTL_OUTPUT="json").json() == [VPC, OTHER]
    assert vpcctl("vpc", "list", "--columns", "nonsense").returncode == 2
    assert vpcctl("vpc", "list", "--sort", "nonsense").returncode == 2


def test_empty_list_is_a_header_or_brackets(vpcctl, daemon):
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [], "Revision": 1})
    assert vpcctl("vpc", "list").stdout.split()[0] == "NAME"
    assert vpcctl("vpc", "list", "-o", "json").json() == []
    assert vpcctl("vpc", "list", "-q").stdout == ""


def test_filters_are_sent_in_field_names(vpcctl, daemon):
    daemon.routes["GET", "/v1/subnets"] = (200, {"Items": [], "Revision": 1})
    vpcctl("subnet", "list", "--filter", "vpc-id=shop", "--filter", "tag:Team=a b")
    query = daemon.sent("GET")[0][2]
    assert (query["VpcId"], query["Tags.Team"]) == ("shop", "a b")
    assert vpcctl("subnet", "list", "--filter", "nonsense=1").returncode == 2


def test_pages_are_followed(vpcctl, daemon):
    pages = {None: {"Items": [VPC], "Revision": 4, "NextAfter": VPC["VpcId"]},
             VPC["VpcId"]: {"Items": [OTHER], "Revision": 4}}
    daemon.routes["GET", "/v1/vpcs"] = lambda query, body: (200, pages[query.get("after")])
    assert len(vpcctl("vpc", "list", "-q").stdout.split()) == 2


def test_show_prints_every_member(vpcctl, vpcs):
    done = vpcctl("vpc", "describe", "shop")
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert lines["VpcId"].strip() == VPC["VpcId"] and lines["Tags"].strip() == "Name=shop,Team=x"
    assert vpcctl("vpc", "show", "shop", "shop", "-o", "json").json() == [VPC, VPC]


def test_colour_only_where_wanted(vpcctl, vpcs):
    assert "\033[" not in vpcctl("vpc", "list").stdout
    assert "\033[" in vpcctl("vpc", "list", "--color", "always").stdout
    assert "\033[" not in vpcctl("vpc", "list", "--color", "auto", NO_COLOR="1").stdout


RULES = ("POST", "/v1/security-groups/db/rules")


@pytest.mark.parametrize("args,rules", [
    (["tcp 5432 from orders"], ["tcp 5432 from orders"]),
    (["tcp", "5432", "from", "orders"], ["tcp 5432 from orders"]),
    (["all from web", "udp 53 to 0.0.0.0/0"], ["all from web", "udp 53 to 0.0.0.0/0"]),
    (["--from", "orders", "--tcp", "5432"], ["tcp 5432 from orders"]),
    (["--from", "a", "--from", "b", "--tcp", "1-9", "--icmp"],
     ["tcp 1-9 from a", "tcp 1-9 from b", "icmp from a", "icmp from b"]),
    (["--to", "10.0.0.0/8", "--icmp=8/0"], ["icmp 8/0 to 10.0.0.0/8"]),
    (["--proto", "47", "--to", "x"], ["47 to x"]),
    (["--all", "--from", "x"], ["all from x"]),
])
def test_sg_allow_sends_rules(vpcctl, daemon, args, rules):
    daemon.routes[RULES] = (201, {"Items": []})
    done = vpcctl("sg", "allow", "db", *args)
    assert done.returncode == 0, done.stderr
    assert json.loads(daemon.sent("POST")[0][3]) == {"Rules": rules}
    assert f"db: {rules[0]} allowed" in done.stdout


@pytest.mark.parametrize("args", [[], ["db"], ["db", "--tcp", "80"], ["db", "--from", "x"]])
def test_sg_allow_without_a_whole_rule_is_usage(vpcctl, daemon, args):
    assert vpcctl("sg", "allow", *args).returncode == 2
    assert not daemon.requests


def test_sg_revoke_deletes(vpcctl, daemon):
    daemon.routes["DELETE", RULES[1]] = (200, {"Items": []})
    assert vpcctl("sg", "revoke", "db", "all from web").returncode == 0
    assert json.loads(daemon.sent("DELETE")[0][3]) == {"Rules": ["all from web"]}


def test_list_watch_lists_again_when_one_changes(environment, daemon, directory):
    shown = [[VPC], [VPC, OTHER]]
    hold = threading.Event()

    def items(query, body):
        return 200, {"Items": shown.pop(0) if len(shown) > 1 else shown[0], "Revision": 4}

    def events(query, body):
        if len(daemon.sent("GET")) > 2:
            hold.wait(30)
            return 200, b""
        return 200, (b'{"Kind": "subnet", "Id": "subnet-1"}\n' b'{"Kind": "vpc", "Id": "vpc-1"}\n')

    daemon.routes["GET", "/v1/vpcs"] = items
    daemon.routes["GET", "/v1/events"] = events
    child = subprocess.Popen([VPCCTL, "vpc", "list", "--watch", "-q"], env=environment, text=True,
                             cwd=directory, stdout=subprocess.PIPE)
    assert [child.stdout.readline().strip() for _ in range(3)] == [
        VPC["VpcId"], VPC["VpcId"], OTHER["VpcId"]]
    child.terminate()
    child.wait(timeout=60)
    child.stdout.close()
    hold.set()

# SPDX-License-Identifier: MIT
"""Verbs of ACLs, route tables and peerings, unused rules, and the tables beneath `show`."""

import json
import os

import pytest

EXAMPLE = os.path.join(os.path.dirname(__file__), "../../examples/everything.json")

GROUP = {"GroupId": "sg-0123456789abcdef0", "Name": "db", "GroupName": "db",
         "VpcId": "vpc-0123456789abcdef0", "Ingress": ["tcp 5432 from orders"], "Egress": [],
         "Rules": [
             {"SecurityGroupRuleId": "sgr-0123456789abcdef0", "IsEgress": True,
              "Rule": "all to 0.0.0.0/0", "Hits": 0},
             {"SecurityGroupRuleId": "sgr-1123456789abcdef0", "IsEgress": False,
              "Rule": "tcp 5432 from orders", "Hits": 41},
             {"SecurityGroupRuleId": "sgr-2123456789abcdef0", "IsEgress": False,
              "Rule": "tcp 1 from other/x", "Hits": 0, "Stale": True}]}
VPC = {"VpcId": "vpc-0123456789abcdef0", "Name": "shop"}
ACL = {"NetworkAclId": "acl-0123456789abcdef0", "Name": "strict",
       "Entries": [{"RuleNumber": 100, "Protocol": "-1"}],
       "Rules": [{"RuleNumber": 90, "Egress": True, "Rule": "90 deny all to ::/0", "Hits": 2},
                 {"RuleNumber": 100, "Egress": False, "Rule": "100 allow all from ::/0", "Hits": 7}]}
TABLE = {"RouteTableId": "rtb-0123456789abcdef0", "Name": "private", "Routes": [
    {"DestinationCidrBlock": "10.0.0.0/16", "LocalTarget": True, "State": "active"},
    {"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1",
     "State": "blackhole"},
    {"DestinationPrefixListId": "pl-1", "NatGatewayId": "nat-1", "State": "active"}]}


def rows(text):
    return [line.split() for line in text.split("\n\n", 1)[1].splitlines()]


def test_show_of_a_group_has_its_rules_with_hits(vpcctl, daemon):
    daemon.routes["GET", "/v1/security-groups/db"] = (200, GROUP)
    done = vpcctl("sg", "show", "db")
    assert "Ingress:" not in done.stdout and "GroupName:" in done.stdout
    assert rows(done.stdout) == [
        ["DIRECTION", "RULE", "HITS", "ID", "DESCRIPTION"],
        ["ingress", "tcp", "5432", "from", "orders", "41", "sgr-11234567", "-"],
        ["ingress", "tcp", "1", "from", "other/x", "(stale)", "0", "sgr-21234567", "-"],
        ["egress", "all", "to", "0.0.0.0/0", "0", "sgr-01234567", "-"]]
    assert vpcctl("sg", "show", "db", "-o", "json").json() == GROUP
    assert vpcctl("sg", "show", "db", "-q").stdout.strip() == GROUP["GroupId"]


def test_show_of_an_acl_has_its_entries_with_hits(vpcctl, daemon):
    daemon.routes["GET", "/v1/network-acls/strict"] = (200, ACL)
    assert rows(vpcctl("acl", "show", "strict").stdout) == [
        ["DIRECTION", "ENTRY", "HITS"],
        ["ingress", "100", "allow", "all", "from", "::/0", "7"],
        ["egress", "90", "deny", "all", "to", "::/0", "2"]]


def test_show_of_a_table_has_its_routes_with_state(vpcctl, daemon):
    daemon.routes["GET", "/v1/route-tables/private"] = (200, TABLE)
    daemon.routes["GET", "/v1/resolve/nat-1"] = (200, {"NatGatewayId": "nat-1", "Name": "way-out"})
    assert rows(vpcctl("rtb", "show", "private").stdout) == [
        ["DESTINATION", "TARGET", "STATE"],
        ["10.0.0.0/16", "local", "active"],
        ["::/0", "eigw-1", "blackhole"],
        ["pl-1", "way-out", "active"]]


def test_unused_lists_rules_without_hits(vpcctl, daemon):
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [VPC], "Revision": 1})
    daemon.routes["GET", "/v1/security-groups"] = (200, {"Items": [GROUP], "Revision": 1})
    daemon.routes["GET", f"/v1/security-groups/{GROUP['GroupId']}"] = (200, GROUP)
    daemon.routes["GET", "/v1/security-groups/db"] = (200, GROUP)
    for args in ([], ["db"]):
        done = vpcctl("sg", "unused", *args)
        assert [line.split() for line in done.stdout.splitlines()] == [
            ["GROUP", "DIRECTION", "RULE", "ID"],
            ["shop/db", "egress", "all", "to", "0.0.0.0/0", "sgr-01234567"],
            ["shop/db", "ingress", "tcp", "1", "from", "other/x", "sgr-21234567"]]
    assert vpcctl("sg", "unused", "-q").stdout.split() == ["sgr-0123456789abcdef0",
                                                          "sgr-2123456789abcdef0"]
    assert vpcctl("sg", "unused", "nobody").returncode == 3


def test_unused_without_counters_says_so(vpcctl, daemon):
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [], "Revision": 1})
    daemon.routes["GET", "/v1/security-groups/db"] = (200, {"GroupId": "sg-1", "VpcId": "vpc-1"})
    assert vpcctl("sg", "unused", "db").returncode == 1


def test_unused_says_of_which_rules_nobody_knows(vpcctl, daemon):
    rules = [{**GROUP["Rules"][0], "Hits": None}, *GROUP["Rules"][1:]]
    daemon.routes["GET", "/v1/vpcs"] = (200, {"Items": [VPC], "Revision": 1})
    daemon.routes["GET", "/v1/security-groups/db"] = (200, {**GROUP, "Rules": rules})
    done = vpcctl("sg", "unused", "-q", "db")
    assert done.stdout.split() == ["sgr-2123456789abcdef0"]
    assert "shop/db: 1 rules are not listed, since they are not counted" in done.stderr


@pytest.mark.parametrize("args,method,path,query,body", [
    (["acl", "allow", "strict", "100", "tcp", "80", "from", "10.0.0.0/8"], "POST",
     "/v1/network-acls/strict/entries", {}, {"Entries": ["100 allow tcp 80 from 10.0.0.0/8"]}),
    (["acl", "deny", "strict", "7", "all to ::/0", "--replace"], "POST",
     "/v1/network-acls/strict/entries", {"replace": "1"}, {"Entries": ["7 deny all to ::/0"]}),
    (["acl", "remove", "strict", "100", "out", "--dry-run"], "DELETE",
     "/v1/network-acls/strict/entries", {"dry_run": "1"},
     {"Entries": [{"RuleNumber": 100, "Egress": True}]}),
    (["rtb", "add-route", "private", "::/0", "eigw"], "POST", "/v1/route-tables/private/routes",
     {}, {"Routes": [{"Destination": "::/0", "Target": "eigw"}]}),
    (["rtb", "set-route", "private", "10.0.0.0/16", "local"], "POST",
     "/v1/route-tables/private/routes", {"replace": "1"},
     {"Routes": [{"Destination": "10.0.0.0/16", "Target": "local"}]}),
    (["rtb", "delete-route", "private", "pl:offices"], "DELETE",
     "/v1/route-tables/private/routes", {}, {"Routes": [{"Destination": "pl:offices"}]}),
])
def test_one_entry_is_sent(vpcctl, daemon, args, method, path, query, body):
    daemon.routes[method, path] = (200, {"Name": "x"})
    done = vpcctl(*args)
    assert done.returncode == 0, done.stderr
    sent = daemon.sent(method)[0]
    assert (sent[1], sent[2], json.loads(sent[3])) == (path, query, body)
    assert done.stdout.startswith(f"{args[2]}: {args[3]}")
    assert ("dry run" in done.stdout) == ("--dry-run" in args)


@pytest.mark.parametrize("args", [
    ["acl", "allow", "strict"], ["acl", "allow", "strict", "100"], ["acl", "remove", "strict", "1"],
    ["acl", "remove", "strict", "one", "in"], ["acl", "remove", "strict", "1", "sideways"],
    ["rtb", "add-route", "private", "::/0"], ["rtb", "delete-route", "private"],
    ["pcx", "accept"], ["sg", "accept", "x"], ["vpc", "allow", "x"], ["acl", "revoke", "x"],
])
def test_half_an_entry_is_usage(vpcctl, daemon, args):
    assert vpcctl(*args).returncode == 2
    assert not daemon.requests


@pytest.mark.parametrize("verb,status", [("accept", "active"), ("reject", "rejected")])
def test_peerings_are_decided(vpcctl, daemon, verb, status):
    for name in ("a", "b"):
        daemon.routes["POST", f"/v1/vpc-peering-connections/{name}/{verb}"] = (
            200, {"VpcPeeringConnectionId": "pcx-1", "Status": status})
    done = vpcctl("pcx", verb, "a", "b")
    assert done.returncode == 0 and done.stdout == f"a: {status}\nb: {status}\n"
    daemon.routes["POST", f"/v1/vpc-peering-connections/a/{verb}"] = (
        422, {"Error": {"Code": "InvalidStateTransition", "Message": "it is over"}})
    done = vpcctl("pcx", verb, "a", "b")
    assert done.returncode == 1 and "InvalidStateTransition" in done.stderr
    assert f"b: {status}" in done.stdout


@pytest.mark.parametrize("args,rules", [
    (["--from", "pl:offices", "--icmpv6", "128/0"], ["icmpv6 128/0 from pl:offices"]),
    (["--from", "other/web", "--tcp", "--udp"], ["tcp from other/web", "udp from other/web"]),
    (["--to", "::/0", "--icmpv6"], ["icmpv6 to ::/0"]),
    (["--tcp", "443", "--from", "2001:db8::/32"], ["tcp 443 from 2001:db8::/32"]),
])
def test_long_forms_of_a_rule(vpcctl, daemon, args, rules):
    daemon.routes["POST", "/v1/security-groups/db/rules"] = (201, {"Items": []})
    assert vpcctl("sg", "allow", "db", *args).returncode == 0
    assert json.loads(daemon.sent("POST")[0][3]) == {"Rules": rules}


def test_verbs_are_of_their_kind(vpcctl):
    assert "accept" in vpcctl("pcx", "--help").stdout
    assert "accept" not in vpcctl("vpc", "--help").stdout
    assert "add-route" in vpcctl("__complete", "rtb", "add").stdout
    assert vpcctl("__complete", "rtb", "acc").stdout.strip() == ""
    for args in (["acl", "allow"], ["sg", "unused"], ["pcx", "reject"], ["rtb", "set-route"]):
        assert "Example: vpcctl" in vpcctl(*args, "--help").stdout
    assert vpcctl("explain", "rtb.Routes.State").stdout.startswith("State")
    assert vpcctl("explain", "pl.Entries").returncode == 0


def test_the_example_of_everything_is_valid(vpcctl):
    done = vpcctl("validate", "-f", EXAMPLE)
    assert done.returncode == 0, done.stderr

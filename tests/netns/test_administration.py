# SPDX-License-Identifier: MIT
"""Policy as people administer it, against a running daemon: single rules, entries and routes, hits of
rules, requests of peering, and a lab with everything there and back.

    shop 10.0.0.0/16 : web 10.0.1.10, db 10.0.1.20          other 10.1.0.0/16
"""

import json
import pathlib

import pytest

from conftest import server, until

EXAMPLES = pathlib.Path(__file__).parent / "../../examples"
WEEK = 7 * 86400


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--lab-clock")


@pytest.fixture
def shop(lab):
    return lab({
        "Vpcs": {
            "shop": {"CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
                     "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "NetworkAcl": "acl"},
                                 "b": {"CidrBlock": "10.0.2.0/24", "NetworkAcl": "acl"}},
                     "RouteTables": {"private": {"Routes": {}}},
                     "SecurityGroups": {"web": {}, "db": {"Ingress": ["tcp 5432 from web",
                                                                      "udp 53 from web"]}},
                     "NetworkAcls": {"acl": {"Entries": ["100 allow all from 10.0.0.0/8",
                                                         "100 allow all to 10.0.0.0/8",
                                                         "200 deny all from 0.0.0.0/0"]}}},
            "other": {"CidrBlock": "10.1.0.0/16"}},
        "Instances": {
            "web": {"Subnet": "shop/a", "SecurityGroups": ["web"]},
            "db": {"Subnet": "shop/b", "SecurityGroups": ["db"],
                   "Command": server("db", "tcp:5432")}}})


def refused(vpcd, code, *args, exit_code=1):
    r = vpcd.ctl(*args, check=False)
    assert r.returncode == exit_code and f"({code})" in r.stderr, (r.returncode, r.stderr)


def hits(vpcd, kind, name):
    return {r["Rule"]: r["Hits"] for r in vpcd.json(kind, "show", name)["Rules"]}


def test_rules_count_what_they_decide(shop):
    shop.wait_log("db", "serving")
    address = shop.address("db")
    assert hits(shop, "sg", "shop/db") == {"all to 0.0.0.0/0": 0, "tcp 5432 from web": 0,
                                           "udp 53 from web": 0}
    assert shop.fetch("web", address, 5432)
    assert hits(shop, "sg", "shop/db") == {"all to 0.0.0.0/0": 0, "tcp 5432 from web": 1,
                                           "udp 53 from web": 0}
    assert hits(shop, "sg", "shop/web")["all to 0.0.0.0/0"] == 1
    entries = hits(shop, "acl", "shop/acl")
    assert entries["100 allow all from 10.0.0.0/8"] > 0 and entries["100 allow all to 10.0.0.0/8"] > 0
    assert entries["200 deny all from 0.0.0.0/0"] == 0
    unused = {(r["Group"], r["Rule"]) for r in shop.json("sg", "unused", "shop/web", "shop/db")}
    assert unused == {("shop/db", "all to 0.0.0.0/0"), ("shop/db", "udp 53 from web")}
    rule = next(r for r in shop.json("sgr", "list") if r["Rule"] == "tcp 5432 from web")
    assert rule["Hits"] == 1


def test_a_rule_and_an_entry_open_and_close(shop):
    shop.wait_log("db", "serving")
    address = shop.address("db")
    assert not shop.pings("web", address)
    shop.ctl("sg", "allow", "shop/db", "--from", "web", "--icmp", "8/0")
    assert shop.pings("web", address)
    shop.ctl("acl", "deny", "shop/acl", "50", "icmp", "8", "from", "10.0.1.0/24")
    assert not shop.pings("web", address)
    shop.ctl("acl", "allow", "shop/acl", "50", "icmp", "8/0", "from", "10.0.1.0/24", "--replace")
    assert shop.pings("web", address)
    shop.ctl("acl", "remove", "shop/acl", "50", "in")
    shop.ctl("sg", "revoke", "shop/db", "icmp 8/0 from web")
    assert not shop.pings("web", address)


def test_bad_input_names_the_code_and_changes_nothing(shop):
    before = shop.json("export", "-p", shop.json("vpc", "show", "shop")["Lab"])
    for code, *args in [
            ("InvalidPermission.Malformed", "sg", "allow", "db", "icmp 300 from web"),
            ("InvalidPermission.Malformed", "sg", "allow", "db", "tcp 90-80 from web"),
            ("InvalidParameterValue", "sg", "allow", "db", "tcp 80 from 10.0.0.1/8"),
            ("InvalidGroup.NotFound", "sg", "allow", "db", "tcp 80 from nobody"),
            ("InvalidPermission.Duplicate", "sg", "allow", "db", "tcp 5432 from web"),
            ("InvalidPermission.NotFound", "sg", "revoke", "db", "tcp 5433 from web"),
            ("InvalidPrefixListID.NotFound", "sg", "allow", "db", "tcp 80 from pl:nobody"),
            ("NetworkAclEntryAlreadyExists", "acl", "allow", "acl", "100", "all from ::/0"),
            ("InvalidNetworkAclEntry.NotFound", "acl", "remove", "acl", "7", "out"),
            ("InvalidNetworkAclEntry.NotFound", "acl", "deny", "acl", "7", "all from ::/0",
             "--replace"),
            ("InvalidParameterValue", "rtb", "add-route", "private", "169.254.169.254/32", "igw"),
            ("InvalidParameterValue", "rtb", "add-route", "private", "10.0.0.0/17", "web"),
            ("InvalidParameterValue", "rtb", "add-route", "private", "0.0.0.0/0", "nobody"),
            ("RouteAlreadyExists", "rtb", "add-route", "private", "10.0.0.0/16", "web"),
            ("InvalidRoute.NotFound", "rtb", "delete-route", "private", "0.0.0.0/0"),
            ("InvalidRoute.NotFound", "rtb", "set-route", "private", "0.0.0.0/0", "igw"),
            ("DependencyViolation", "vpc", "delete", "shop"),
            ("CannotDelete", "sg", "delete", "shop/default")]:
        r = shop.ctl(*args, check=False)
        assert r.returncode in (1, 3) and f"({code})" in r.stderr, (args, r.stderr)
    assert shop.json("export", "-p", shop.json("vpc", "show", "shop")["Lab"]) == before


def test_the_61st_rule_of_a_family_is_refused(shop):
    rules = [f"tcp {port} from 0.0.0.0/0" for port in range(1, 59)]
    shop.ctl("sg", "allow", "db", *rules)
    refused(shop, "RulesPerSecurityGroupLimitExceeded", "sg", "allow", "db", "tcp 99 from 0.0.0.0/0")
    shop.ctl("sg", "allow", "db", "tcp 99 from ::/0")
    shop.ctl("sg", "revoke", "db", "tcp 1 from 0.0.0.0/0")
    shop.ctl("sg", "allow", "db", "tcp 99 from 0.0.0.0/0")


def test_routes_show_their_state(shop):
    shop.ctl("rtb", "add-route", "private", "192.0.2.0/24", "web")
    shop.ctl("rtb", "set-route", "private", "10.0.0.0/16", "web")

    def routes():
        return {r["DestinationCidrBlock"]: (r.get("InstanceId", "local")[:2], r["State"])
                for r in shop.json("rtb", "show", "private")["Routes"]}

    assert routes() == {"192.0.2.0/24": ("i-", "active"), "10.0.0.0/16": ("i-", "active")}
    shop.ctl("instance", "delete", "web")
    assert routes() == {"192.0.2.0/24": ("i-", "blackhole"), "10.0.0.0/16": ("i-", "blackhole")}
    shop.ctl("rtb", "set-route", "private", "10.0.0.0/16", "local")
    shop.ctl("rtb", "delete-route", "private", "192.0.2.0/24")
    assert routes() == {"10.0.0.0/16": ("lo", "active")}


def pcx(vpcd, name):
    return {p["Name"]: p["Status"] for p in vpcd.json("pcx", "list")}.get(name)


def test_requests_are_decided_and_expire(shop):
    shop.ctl("pcx", "create", "--name", "one", "--vpc-id", "shop", "--peer-vpc-id", "other")
    assert pcx(shop, "one") == "pending-acceptance"
    refused(shop, "VpcPeeringConnectionAlreadyExists", "pcx", "create", "--vpc-id", "other",
            "--peer-vpc-id", "shop")
    shop.ctl("pcx", "reject", "one")
    refused(shop, "InvalidStateTransition", "pcx", "accept", "one")
    shop.ctl("pcx", "create", "--name", "two", "--vpc-id", "other", "--peer-vpc-id", "shop")
    shop.ctl("clock", "advance", f"{WEEK - 3600}s")
    assert pcx(shop, "two") == "pending-acceptance"
    shop.ctl("clock", "advance", "2h")
    until(lambda: pcx(shop, "two") == "expired", what="expiry of a request")
    assert pcx(shop, "one") is None  # rejected more than two days ago
    shop.ctl("pcx", "create", "--name", "three", "--vpc-id", "shop", "--peer-vpc-id", "other")
    shop.ctl("pcx", "accept", "three")
    assert pcx(shop, "three") == "active"
    shop.ctl("pcx", "delete", "three", "two")
    assert pcx(shop, "three") == "deleted"
    shop.ctl("clock", "advance", "48h")
    until(lambda: pcx(shop, "three") is None, what="the end of a deleted connection")


def test_everything_goes_up_twice_comes_back_and_goes_down(vpcd):
    example = EXAMPLES / "everything.json"
    vpcd.ctl("up", "-f", example)
    assert vpcd.ctl("diff", "-f", example).stdout.endswith("0 to add, 0 to change, 0 to delete\n")
    assert vpcd.json("pcx", "show", "shop-data")["Status"] == "active"
    assert vpcd.json("vpc", "show", "shop")["Ipv6CidrBlock"] == "2001:db8:1000::/56"
    for form in ([], ["--canonical"]):
        text = vpcd.ctl("export", "-p", "everything", *form).stdout
        assert json.loads(text)["Lab"] == "everything"
        copy = vpcd.dir / "copy.json"
        copy.write_text(text)
        assert vpcd.ctl("diff", "-f", copy).stdout.endswith("0 to add, 0 to change, 0 to delete\n")
    vpcd.down("everything")
    assert vpcd.json("vpc", "list") == [] and vpcd.json("prefix-list", "list") == []



# SPDX-License-Identifier: MIT
"""vpcctl least-privilege: what it proposes admits what was seen, and nothing that was not.

 shop 10.0.0.0/16   other (the same range)
 ├─ public   web (group web, common; EIP)
 ├─ private  a, b (workers), c (workers, extra), db (db, common)
 └─ internet: www 203.0.113.80          other: twin of db's address
"""

import itertools
import json
import random
import shlex

import pytest

TOPOLOGY = {
    "Lab": "privilege",
    "Vpcs": {
        "shop": {
            "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
            "Subnets": {"public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                        "private": {"CidrBlock": "10.0.1.0/24"}},
            "NatGateways": {"nat": {"Subnet": "public", "PublicIp": "198.51.100.99"}},
            "RouteTables": {"public": {"Routes": {"0.0.0.0/0": "igw"}}},
            "SecurityGroups": {
                "web": {"Ingress": ["tcp 80 from 0.0.0.0/0"]},
                "db": {"Ingress": ["all from 0.0.0.0/0"]},
                "workers": {}, "extra": {},
                "common": {"Ingress": ["tcp 22 from workers"], "Egress": []}}},
        "other": {"CidrBlock": "10.0.0.0/16", "Subnets": {"x": {"CidrBlock": "10.0.1.0/24"}}},
    },
    "Instances": {
        "web": {"Subnet": "shop/public", "SecurityGroups": ["web", "common"], "PublicIp": "198.51.100.20"},
        "a": {"Subnet": "shop/private", "SecurityGroups": ["workers"]},
        "b": {"Subnet": "shop/private", "SecurityGroups": ["workers"]},
        "c": {"Subnet": "shop/private", "SecurityGroups": ["workers", "extra"]},
        "db": {"Subnet": "shop/private", "PrivateIpAddress": "10.0.1.100",
               "SecurityGroups": ["db", "common"]},
        "twin": {"Subnet": "other/x", "PrivateIpAddress": "10.0.1.100"}},
    "InternetHosts": {"www": {"Address": "203.0.113.80"}},
}


@pytest.fixture
def net(vpcd):
    vpcd.up(TOPOLOGY)
    vpcd.addresses = {s["Name"]: s["PrivateIpAddress"] for s in vpcd.json("ps")
                      if s["Kind"] == "instance"}
    vpcd.enis = {s["Name"]: vpcd.rest("GET", f"/v1/instances/{s['Id']}")["NetworkInterfaceId"]
                 for s in vpcd.json("ps") if s["Kind"] == "instance"}
    yield vpcd
    for r in vpcd.rest("GET", "/v1/security-groups/db")["Rules"]:  # pasted ones are of no lab
        vpcd.rest("DELETE", f"/v1/security-group-rules/{r['SecurityGroupRuleId']}")
    vpcd.down("privilege")


def record(net, at, sender, to, port, action="ACCEPT", protocol=6):
    src, dst = (net.addresses.get(x, x) for x in (sender, to))
    return f"2 123456789012 {net.enis[at]} {src} {dst} 40000 {port} {protocol} 5 300 0 60 {action} OK\n"


def propose(net, tmp_path, group, records, *args, code=0):
    log = tmp_path / "flows.log"
    log.write_text("".join(records))
    r = net.ctl("least-privilege", group, "--flow-logs", log, "-o", "json", *args, check=False)
    assert r.returncode == code, r.stdout + r.stderr
    return json.loads(r.stdout) if code < 2 else r.stderr


def rules(answer):
    return {r["Rule"] for r in answer["Rules"]}


def paste(net, answer):
    for command in answer["Commands"]:
        word, *rest = shlex.split(command)
        assert word == "vpcctl"
        net.ctl(*rest)


def test_members_of_a_group_become_a_reference(net, tmp_path):
    a = propose(net, tmp_path, "shop/db", [record(net, "db", w, "db", 5432) for w in "ab"])
    assert rules(a) == {"tcp 5432 from shop/workers"}
    assert a["Rules"][0]["AlsoAdmits"] == ["c"] and a["Rules"][0]["Flows"] == 2
    assert {(r["Rule"], r["Status"], r["Flows"]) for r in a["Current"]} == {
        ("all from 0.0.0.0/0", "revoke", 2), ("all to 0.0.0.0/0", "revoke", 0)}
    assert (a["Flows"], a["Admitted"], a["Opened"]) == (2, 2, 0) and a["Closed"] > 0
    assert a["Topology"] == {"Ingress": ["tcp 5432 from shop/workers"], "Egress": []}


def test_the_smaller_group_is_chosen(net, tmp_path):
    a = propose(net, tmp_path, "shop/db", [record(net, "db", "c", "db", 5432)])
    assert rules(a) == {"tcp 5432 from shop/extra"} and "AlsoAdmits" not in a["Rules"][0]


def test_where_the_way_hides_the_group_addresses_stand(net, tmp_path):
    """By its public address web is no member of anything."""
    a = propose(net, tmp_path, "shop/web", [record(net, "web", "203.0.113.80", "web", 80),
                                            record(net, "web", "192.0.2.9", "web", 80),
                                            record(net, "web", "a", "web", 80)])
    assert rules(a) == {"tcp 80 from 203.0.113.80/32", "tcp 80 from 192.0.2.9/32",
                        "tcp 80 from shop/workers"}


def test_too_many_rules_are_refused_until_widened(net, tmp_path):
    seen = [record(net, "web", f"192.0.2.{2 * i}", "web", 80) for i in range(70)]
    log = tmp_path / "flows.log"
    log.write_text("".join(seen))
    r = net.ctl("least-privilege", "shop/web", "--flow-logs", log, check=False)
    assert r.returncode == 1 and "70 rules are needed" in r.stderr, r.stderr
    a = propose(net, tmp_path, "shop/web", seen, "--prefix", "24")
    assert rules(a) == {"tcp 80 from 192.0.2.0/24"}


def test_what_another_group_admits_is_no_need(net, tmp_path):
    a = propose(net, tmp_path, "shop/db", [record(net, "db", "a", "db", 22),
                                           record(net, "db", "a", "db", 5432)])
    assert rules(a) == {"tcp 5432 from shop/workers"}
    assert (a["Flows"], a["OtherFlows"], a["Admitted"]) == (2, 1, 2)


def test_only_the_witness_counts(net, tmp_path):
    """That a sent says nothing of what db let in; refused records say nothing at all."""
    a = propose(net, tmp_path, "shop/db", [record(net, "a", "a", "db", 5432),
                                           record(net, "db", "b", "db", 1, "REJECT")])
    assert rules(a) == set()
    a = propose(net, tmp_path, "shop/workers", [record(net, "a", "a", "db", 5432)])
    assert rules(a) == {"tcp 5432 to shop/db"}
    net.enis["nat"] = net.rest("GET", "/v1/nat-gateways/nat")["NetworkInterfaceId"]
    a = propose(net, tmp_path, "shop/workers", [record(net, "nat", "a", "db", 5432)])
    assert rules(a) == set()


def test_replies_are_nobodys_need(net, tmp_path):
    a = propose(net, tmp_path, "shop/db", [
        f"2 1 {net.enis['db']} 10.0.1.100 {net.addresses['a']} 5432 40000 6 5 300 0 60 ACCEPT OK\n",
        record(net, "db", "a", "db", 5432)])
    assert rules(a) == {"tcp 5432 from shop/workers"}


def test_ports_are_joined_where_asked(net, tmp_path):
    seen = [record(net, "db", "a", "db", p) for p in (8000, 8001, 8003, 9000)]
    assert rules(propose(net, tmp_path, "shop/db", seen)) == {
        f"tcp {p} from shop/workers" for p in ("8000-8001", "8003", "9000")}
    assert rules(propose(net, tmp_path, "shop/db", seen, "--port-gap", "1")) == {
        "tcp 8000-8003 from shop/workers", "tcp 9000 from shop/workers"}


def test_what_is_right_already_is_kept(net, tmp_path):
    seen = [record(net, "db", "a", "db", 5432), record(net, "db", "203.0.113.80", "db", 0, protocol=1)]
    paste(net, propose(net, tmp_path, "shop/db", seen))
    a = propose(net, tmp_path, "shop/db", seen)
    assert a["Commands"] == [] and (a["Opened"], a["Closed"]) == (0, 0)
    assert {r["Status"] for r in a["Rules"]} == {r["Status"] for r in a["Current"]} == {"keep"}


def admits(rule, port):
    protocol, ports, word, _ = rule.split()
    first, _, last = ports.partition("-")
    return (protocol, word) == ("tcp", "from") and int(first) <= port <= int(last or first)


def allowed(net, sender, to, service):
    r = net.ctl("trace", sender, f"{to}:{service}", check=False)
    return r.returncode == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_pasted_proposal_admits_what_was_seen_and_no_more(net, tmp_path, seed):
    """Random flows of db. All pairs on all ports around: open are those that were seen, those of a
    member of a referenced group (which the answer names), and what common admits; and no rule can
    be spared."""
    rng = random.Random(seed)
    sandboxes = ["web", "a", "b", "c"]
    ports = [5432, 5433, 6000]
    seen = {(s, p) for s in sandboxes for p in ports if rng.random() < 0.4} or {("a", 5432)}
    out = {(s, 7000) for s in sandboxes if rng.random() < 0.4}
    records = [record(net, "db", s, "db", p) for s, p in seen] + \
              [record(net, "db", "db", s, p) for s, p in out]
    a = propose(net, tmp_path, "db", records)
    paste(net, a)
    for s, p in itertools.product(sandboxes, ports + [5431, 5434, 7000]):
        named = any(s in r.get("AlsoAdmits", []) and admits(r["Rule"], p) for r in a["Rules"])
        assert allowed(net, s, "db", f"{p}/tcp") == ((s, p) in seen or named), (s, p, a["Rules"])
    for stranger in ("www", "internet", "twin"):
        assert not any(allowed(net, stranger, "db", f"{p}/tcp") for p in ports)
    for r in a["Rules"]:
        word = "revoke", "db", r["Rule"]
        net.ctl("sg", *word)
        again = propose(net, tmp_path, "db", records)
        assert {x["Rule"] for x in again["Rules"] if x["Status"] == "allow"} == {r["Rule"]}
        net.ctl("sg", "allow", "db", r["Rule"])


def test_nothing_is_touched(net, tmp_path):
    before = net.ctl("export").stdout, net.json("status")["Revision"]
    propose(net, tmp_path, "db", [record(net, "db", "a", "db", 5432)])
    assert (net.ctl("export").stdout, net.json("status")["Revision"]) == before


def test_bad_questions(net, tmp_path):
    log = tmp_path / "flows.log"
    log.write_text(record(net, "db", "a", "db", 5432))
    for args, code, text in [
            (["dbx", "--flow-logs", log], 3, "did you mean db"),
            (["db"], 2, "--flow-logs"),
            (["db", "--flow-logs", log, "--prefix", "33"], 2, "--prefix takes a number"),
            (["db", "--flow-logs", tmp_path / "none"], 2, "none"),
            (["db", "--flow-logs", log, "--vpc", "shup"], 3, "did you mean shop")]:
        r = net.ctl("least-privilege", *args, check=False)
        assert r.returncode == code and text in r.stderr, (args, r)
    log.write_text(record(net, "db", "192.168.9.9", "db", 5432))
    r = net.ctl("least-privilege", "db", "--flow-logs", log, check=False)
    assert r.returncode == 1 and "no interface has 192.168.9.9" in r.stderr, r
    for body, text in [({"SecurityGroup": "db"}, "Flows an array"),
                       ({"SecurityGroup": "db", "Flows": [], "Prefix": 1.5}, "Prefix is a number")]:
        status, answer = net.request("POST", "/v1/least-privilege", body)
        assert status in (400, 422) and text in answer

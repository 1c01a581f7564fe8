# SPDX-License-Identifier: MIT
"""vpcctl test and up --test: assertions judged by the program, and held against real attempts."""

import json
import os
import random
import xml.etree.ElementTree as ET

import pytest

from conftest import ROOT, allow_all, server
from random_lab import random_topology


@pytest.fixture(scope="module")
def net(vpcd):
    r = vpcd.ctl("up", "-y", "--test", "-f", ROOT / "examples" / "functions.json")
    assert r.stdout.splitlines()[-1].endswith("passed, 0 failed"), r.stdout
    yield vpcd
    vpcd.down("functions")


def judge(net, tmp_path, tests, *args, lab="functions"):
    f = tmp_path / "tests.json"
    f.write_text(json.dumps({"Lab": lab, "Tests": tests}))
    r = net.ctl("test", "-f", f, "-o", "json", *args, check=False)
    assert r.returncode in (0, 1, 2), r.stderr
    answer = json.loads(r.stdout)
    assert r.returncode == (2 if answer["Errors"] else 1 if answer["Failed"] else 0)
    return answer


def one(net, tmp_path, **test):
    return judge(net, tmp_path, [test])["Tests"][0]


def result(net, tmp_path, sender, to, expect="allow", **more):
    return one(net, tmp_path, **{"from": sender, "to": to, "expect": expect, **more})["Result"]


@pytest.mark.parametrize("sender,to,expect,pairs", [
    ("!orders", "db:any", "deny", 5),                     # nothing but orders reaches db
    ("all functions", "db:5432", "allow", 1),
    ("all", "web:22", "deny", 6),
    ("subnet private-*", "web:80/tcp", "allow", None),
    ("vpc other", "vpc shop:any", "deny", 6),
    ("shop/*", "other/*", "deny", 6),
    ("group web,group orders", "www.example.com:80", "allow", 2),
    ("tag Name=or*", "db:5432", "allow", 1),
    ("intruder,bystander", "shop/*:any", "deny", 6),
    ("internet", "web:80", "allow", 1),
])
def test_sets(net, tmp_path, sender, to, expect, pairs):
    t = one(net, tmp_path, **{"from": sender, "to": to, "expect": expect})
    if pairs is None:  # db may not send at all
        assert t["Result"] == "fail" and len(t["Failures"]) == 1
    else:
        assert (t["Result"], t["Pairs"]) == ("pass", pairs), t


def test_via_and_reason_are_held_to(net, tmp_path):
    www = "www.example.com:80/tcp"
    assert result(net, tmp_path, "orders", www, via="nat") == "pass"
    assert result(net, tmp_path, "orders", www, via="igw") == "pass"
    assert result(net, tmp_path, "web", www, via="nat") == "fail"
    assert result(net, tmp_path, "web", "db:5432", "deny", reason="ENI_SG_RULES_MISMATCH") == "pass"
    assert result(net, tmp_path, "web", "db:5432", "deny", reason="SG_INGRESS") == "pass"
    assert result(net, tmp_path, "web", "db:5432", "deny", reason="SUBNET_ACL_RESTRICTION") == "fail"


def test_port_and_proto_may_stand_alone(net, tmp_path):
    assert result(net, tmp_path, "orders", "db", port=5432) == "pass"
    assert result(net, tmp_path, "orders", "db", "deny", port=5432, proto="udp") == "pass"
    assert result(net, tmp_path, "orders", "db", "deny", port="any") == "fail"
    assert result(net, tmp_path, "orders", "db", port=8, proto="icmp") == "fail"


def test_any_finds_the_one_open_port(net, tmp_path):
    t = one(net, tmp_path, **{"from": "orders", "to": "db:any", "expect": "deny"})
    assert t["Result"] == "fail"
    assert t["Failures"][0]["Service"] == "5432/tcp"


def test_faults_of_one_test_leave_the_others(net, tmp_path):
    answer = judge(net, tmp_path, [
        {"from": "orders", "to": "db:5432", "expect": "allow"},
        {"from": "oders", "to": "db:5432", "expect": "allow"},
        {"from": "orders", "to": "db:5432", "expect": "perhaps"},
        {"from": "orders", "to": "db:http", "expect": "allow"},
        {"from": "orders", "expect": "allow"},
        {"from": "orders", "to": "db:1", "expect": "deny", "resaon": "x"},
        {"from": "tag a=b", "to": "db:1", "expect": "deny"},
        {"from": "db", "to": "db:1", "expect": "deny"},
        {"from": "orders", "to": "db:1", "expect": "allow", "reason": "SG_INGRESS"}, 7])
    assert [t["Result"] for t in answer["Tests"]] == ["pass"] + ["error"] * 9
    messages = [t.get("Message", "") for t in answer["Tests"]]
    for i, text in enumerate(["", "did you mean orders", '"allow" or "deny"', "is no port",
                              "from and to are required", "unknown member", "no sandbox matches",
                              "nobody to ask", "reason goes with", "is an object"]):
        assert text in messages[i], messages[i]


def test_reports_for_machines(net, tmp_path):
    f = tmp_path / "t.json"
    f.write_text(json.dumps([{"from": "orders", "to": "db:5432", "expect": "allow"},
                             {"from": "web", "to": "db:5432", "expect": "allow", "name": "a <b> & #1"},
                             {"from": "nobody", "to": "db:1", "expect": "deny"}]))
    tap = net.ctl("test", "-f", f, "--report", "tap", check=False).stdout.splitlines()
    assert tap[:3] == ["TAP version 13", "1..3", "ok 1 - orders -> db:5432 allow"]
    assert tap[3] == "not ok 2 - a <b> &  1" and "    web -> db:5432/tcp is denied" in tap[6]
    xml = ET.fromstring(net.ctl("test", "-f", f, "--report", "junit", check=False).stdout)
    cases = list(xml.iter("testcase"))
    assert [c.get("name") for c in cases][1] == "a <b> & #1"
    assert [len(list(c)) for c in cases] == [0, 1, 1]
    assert cases[1][0].tag == "failure" and cases[2][0].tag == "error"
    table = net.ctl("test", "-f", f, check=False).stdout
    assert table.endswith("1 passed, 1 failed, 1 invalid\n")


def test_a_file_without_tests_is_invalid(net, tmp_path):
    for text, code in (('{"Lab": "x"}', 2), ("[", 2), ('{"Tests": {}}', 2), ("[]", 0)):
        (tmp_path / "t.json").write_text(text)
        assert net.ctl("test", "-f", tmp_path / "t.json", check=False).returncode == code, text


def test_real_attempts_agree_with_the_program(net, tmp_path):
    tests = json.loads("\n".join(
        line.split("//")[0] for line in
        (ROOT / "examples" / "functions.json").read_text().splitlines()))["Tests"]
    answer = judge(net, tmp_path, tests, "--live")
    assert (answer["Failed"], answer["Disagreements"]) == (0, 0), answer
    assert answer["Tried"] > len(tests)


def test_a_disagreement_is_a_failure_of_its_own(net, tmp_path):
    """A sandbox that swallows what comes, behind the program's back."""
    net.ctl("exec", "web", "--", "true")
    net.ctl("instance", "create", "--name", "deaf", "--subnet-id", "other/a", "--security-group-ids",
            "other/open", "--capabilities", "net_admin")
    try:
        net.exec("deaf", "ip", "route", "add", "blackhole", net.address("bystander") + "/32")
        answer = judge(net, tmp_path, [{"from": "bystander", "to": "deaf:80", "expect": "allow"}],
                       "--live")
        assert answer["Disagreements"] == 1 and answer["Tests"][0]["Result"] == "fail"
        assert "real attempt got no answer" in answer["Tests"][0]["Failures"][0]["Message"]
    finally:
        net.ctl("delete", "deaf")


def test_over_random_topologies_trace_and_packets_agree(net, tmp_path):
    seed = int(os.environ.get("VPCD_TEST_SEED", random.randrange(1 << 30)))
    rng = random.Random(seed)
    tried = allowed = 0
    for _ in range(6):
        topology = random_topology(rng)
        net.up(topology)
        ends = [*topology["Instances"], "out.example.com"]
        tests = [{"from": a, "to": f"{b}:{service}", "expect": "allow"} for a in ends for b in ends
                 if a != b for service in ("22", "80", "8/icmp")]
        answer = judge(net, tmp_path, tests, "--live", lab="random")
        assert answer["Disagreements"] == 0, (seed, [t for t in answer["Tests"] if any(
            "disagreement" in f["Message"] for f in t.get("Failures", []))])
        tried += answer["Tried"]
        allowed += answer["Passed"]
        net.down("random")
    assert tried > 500 and 0 < allowed < tried, (seed, tried, allowed)


def test_a_planted_hole_among_200_sandboxes_is_found(net, tmp_path):
    """One rule too much, in one group of twenty."""
    groups = {f"team{i}": {"Ingress": [f"tcp 80 from team{i}"]} for i in range(20)}
    topology = {"Lab": "big", "Vpcs": {"big": {
        "CidrBlock": "10.0.0.0/16", "Subnets": {"s": {"CidrBlock": "10.0.0.0/23"}},
        "SecurityGroups": groups}},
        "Instances": {f"n{i}": {"Subnet": "big/s", "SecurityGroups": [f"big/team{i % 20}"]}
                      for i in range(200)}}
    net.up(topology)
    try:
        tests = [{"from": f"!group team{i}", "to": f"group team{i}:any", "expect": "deny"}
                 for i in range(10)]
        answer = judge(net, tmp_path, tests, lab="big")
        assert (answer["Passed"], answer["Failed"]) == (10, 0)
        assert sum(t["Pairs"] for t in answer["Tests"]) == 10 * 190 * 10
        net.ctl("sg", "allow", "big/team7", "udp 5353 from 10.0.0.9/32")
        answer = judge(net, tmp_path, tests, lab="big")
        assert [i for i, t in enumerate(answer["Tests"]) if t["Result"] == "fail"] == [7]
        found = answer["Tests"][7]["Failures"]
        assert {f["Service"] for f in found} == {"5353/udp"} and len({f["From"] for f in found}) == 1
    finally:
        net.down("big")


def test_labs_of_one_file_are_judged_by_their_own_names(net, tmp_path):
    """Two labs with the same names; of the second one a rule is closed by hand."""
    f = tmp_path / "lab.json"
    f.write_text(json.dumps({
        "Vpcs": {"v": {"CidrBlock": "10.0.0.0/16", "Subnets": {"s": {"CidrBlock": "10.0.1.0/24"}},
                       "SecurityGroups": {"a": {}, "b": {"Ingress": ["tcp 80 from a"]}}}},
        "Instances": {"a": {"Subnet": "v/s", "SecurityGroups": ["a"]},
                      "b": {"Subnet": "v/s", "SecurityGroups": ["b"]}},
        "Tests": [{"from": "a", "to": "b:80", "expect": "allow"},
                  {"from": "!b", "to": "b:81", "expect": "deny"}]}))
    try:
        for name in ("one", "two"):
            net.ctl("up", "-y", "--test", "-p", name, "-f", f)
        rules = [r for r in net.json("sgr", "list")
                 if r.get("Lab") == "two" and r.get("FromPort") == 80]
        net.ctl("sgr", "delete", rules[0]["SecurityGroupRuleId"])
        for name, code in (("one", 0), ("two", 1)):
            assert net.ctl("test", "-p", name, "-f", f, check=False).returncode == code
    finally:
        for name in ("one", "two"):
            net.ctl("down", "-y", "-p", name, check=False)

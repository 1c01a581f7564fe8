# SPDX-License-Identifier: MIT
"""vpcctl whatif: the verdicts that a change would flip, and nothing of the network touched.

 shop 10.0.0.0/16            other 10.0.0.0/16 (the same range)
 ├─ public  web  (EIP)       └─ a  intruder 10.0.2.10, bystander
 ├─ private-a/b  orders, nat ─ internet: www, visitor
 └─ private-b  db 10.0.2.10
"""

import copy
import json
import os
import pathlib
import random
import re
import subprocess

import pytest

from conftest import ROOT, until
from random_lab import random_topology

EXAMPLE = ROOT / "examples" / "functions.json"


def without_comments(text):
    return re.sub(r"(?m)(^|\s)//.*$", r"\1", text)


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.ctl("up", "-y", "-f", EXAMPLE)
    yield vpcd
    vpcd.down("functions")


@pytest.fixture
def topology():
    return json.loads(without_comments(EXAMPLE.read_text()))


def whatif(net, topology, *args, code=None):
    """The answer to a changed file that lies beside the example, so that directories are the same."""
    r = net.ctl("whatif", "-f", "-", "-o", "json", *args, check=False, input=json.dumps(topology),
                cwd=EXAMPLE.parent)
    assert r.returncode in ((0, 1) if code is None else (code,)), r.stdout + r.stderr
    answer = json.loads(r.stdout)
    if r.returncode < 2:
        assert r.returncode == bool(answer["Flips"] or answer.get("Tests"))
    return answer


def ends(flip, key):
    return [flip[key], *flip.get(key + "Alike", [])]


def flips(answer):
    """Every pair for itself, also of ends that are alike."""
    return {(f["Change"], a, b, f"{f['Service'].split('/')[0]}-{f['ToPort']}/{f['Service'].split('/')[1]}"
             if "ToPort" in f else f["Service"])
            for f in answer["Flips"] for a in ends(f, "From") for b in ends(f, "To") if a != b}


def dump(net):
    """Every pinned map of the data plane, byte for byte."""
    pins = sorted((net.run_dir / "bpf").glob("v*/*"))
    assert len(pins) > 20
    return {p.name: subprocess.run(["bpftool", "-j", "map", "dump", "pinned", p], check=True,
                                   capture_output=True).stdout for p in pins}


def state(net):
    return {"maps": dump(net), "pins": sorted(map(str, (net.run_dir / "bpf").rglob("*"))),
            "namespaces": sorted(map(str, (net.run_dir / "ns").iterdir())),
            "descriptors": len(os.listdir(f"/proc/{net.process.pid}/fd")),
            "mappings": sum("bpf-map" in line for line in
                            pathlib.Path(f"/proc/{net.process.pid}/maps").open()),
            "topology": net.ctl("export").stdout, "revision": net.json("status")["Revision"]}


def untouched(net, action):
    """Does action() leave all bit-equal? A sandbox may send something of its own just then (a router
    solicitation): then it is done again."""
    def tried():
        before = state(net)
        action()
        after = state(net)
        return {k for k in before["maps"] if before["maps"][k] != after["maps"][k]} | \
            {k for k in before if k != "maps" and before[k] != after[k]}
    until(lambda: not tried(), 60, "a what-if that changes nothing")


def test_nothing_changes_without_a_change(net, topology):
    a = whatif(net, topology, code=0)
    assert a["Flips"] == [] and a["Steps"] == [] and a["Tests"] == []
    assert a["TestsBefore"] == a["TestsAfter"] == {"Passed": 7, "Failed": 0, "Errors": 0}
    assert whatif(net, topology, "--all", code=0)["Asked"] > a["Asked"]


def test_a_moved_port_closes_and_opens_by_name_of_the_rules(net, topology):
    topology["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 6432-6500 from orders"]
    a = whatif(net, topology, code=1)
    assert flips(a) == {("closes", "orders", "db", "5432/tcp"),
                        ("opens", "orders", "db", "6432-6500/tcp")}
    closed = next(f for f in a["Flips"] if f["Change"] == "closes")
    rule = next(r["SecurityGroupRuleId"] for r in net.json("security-group-rule", "list")
                if r.get("FromPort") == 5432)
    assert closed["Before"]["By"]["Id"] == rule
    assert closed["Before"]["By"]["Matched"] == "tcp 5432 from shop/orders"
    assert closed["After"]["Code"] == "ENI_SG_RULES_MISMATCH"
    assert [(t["Name"], t["Before"], t["Result"]) for t in a["Tests"]] == \
        [("orders -> db:5432/tcp allow", "pass", "fail")]
    assert {(s["Op"], s["Kind"]) for s in a["Steps"]} == {("create", "security-group-rule"),
                                                         ("delete", "security-group-rule")}


@pytest.mark.parametrize("change,expected", [
    (lambda t: t["Vpcs"]["shop"]["RouteTables"]["private"].update(Routes={}),
     ("closes", "orders", "www.example.com", "NO_ROUTE_TO_DESTINATION", "route-table")),
    (lambda t: t["Instances"]["web"].pop("PublicIp"),
     ("closes", "internet", "web", "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", None)),
    (lambda t: t["Vpcs"]["shop"]["Subnets"]["private-b"].update(NetworkAcl="shut") or
     t["Vpcs"]["shop"].update(NetworkAcls={"shut": {"Entries": ["100 deny tcp 5432 from 10.0.1.0/24",
                                                                "200 allow all from 0.0.0.0/0",
                                                                "100 allow all to 0.0.0.0/0"]}}),
     ("closes", "orders", "db", "SUBNET_ACL_RESTRICTION", "network-acl")),
])
def test_routes_gateways_and_acls(net, topology, change, expected):
    change(topology)
    a = whatif(net, topology, code=1)
    word, sender, to, code, kind = expected
    found = [f for f in a["Flips"] if (f["Change"], f["From"], f["To"]) == (word, sender, to)]
    assert found and all(f["After"].get("Code") == code for f in found), a["Flips"]
    assert kind is None or found[0]["After"]["By"]["Kind"] == kind


def test_who_comes_and_who_goes_is_told_apart_from_who_is_denied(net, topology):
    topology["Instances"]["cache"] = {"Subnet": "shop/private-a", "SecurityGroups": ["db"]}
    del topology["Instances"]["bystander"]
    a = whatif(net, topology, code=1)
    assert ("opens", "orders", "cache", "5432/tcp") in flips(a)
    assert {f["Before"]["Verdict"] for f in a["Flips"] if f["To"] == "cache"} == {"absent"}
    gone = [f for f in a["Flips"] if "bystander" in (f["From"], f["To"])]
    assert gone and {f["After"]["Verdict"] for f in gone} == {"absent"}
    assert all(f["Change"] == "closes" for f in gone)


def test_what_is_replaced_is_the_same_by_name(net, topology):
    topology["Instances"]["db"]["PrivateIpAddress"] = "10.0.2.20"
    a = whatif(net, topology)
    assert {s["Op"] for s in a["Steps"]} == {"replace"}
    assert flips(a) == set()


def test_the_pairs_that_are_asked_are_enough(net, topology):
    """Whatever a change flips, it flips among the pairs that it can touch."""
    for change in (lambda t: t["Vpcs"]["shop"]["SecurityGroups"]["db"].update(Egress=["all to web"]),
                   lambda t: t["Vpcs"]["shop"]["SecurityGroups"]["orders"].update(
                       Ingress=["tcp 80-90 from web"]),
                   lambda t: t["Functions"]["orders"].update(SecurityGroups=["web"]),
                   lambda t: t["Instances"]["web"].update(SecurityGroups=["orders", "web"]),
                   lambda t: t["Vpcs"]["shop"]["Subnets"]["public"].pop("RouteTable")):
        changed = copy.deepcopy(topology)
        change(changed)
        some, every = whatif(net, changed), whatif(net, changed, "--all")
        assert flips(some) == flips(every)
        assert some["Asked"] <= every["Asked"]


def test_tests_of_a_file_alone(net, topology, tmp_path):
    f = tmp_path / "tests.json"
    f.write_text(json.dumps([{"from": "orders", "to": "db:5432", "expect": "allow"},
                             {"from": "all", "to": "db:22", "expect": "deny"}]))
    topology["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 22 from web"]
    a = whatif(net, topology, "--tests", f, code=1)
    assert flips(a) == {("closes", "orders", "db", "5432/tcp"), ("opens", "web", "db", "22/tcp")}
    assert {t["Name"] for t in a["Tests"]} == {"orders -> db:5432 allow", "all -> db:22 deny"}
    assert {f["Test"] for f in a["Flips"]} == {t["Name"] for t in a["Tests"]}


def test_a_flip_comes_true(net, topology, tmp_path):
    """What is said to open opens once the file is up, and back again."""
    changed = copy.deepcopy(topology)
    changed["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 5432 from web"]
    del changed["Tests"]
    a = whatif(net, changed, code=1)
    assert flips(a) == {("closes", "orders", "db", "5432/tcp"), ("opens", "web", "db", "5432/tcp")}
    net.ctl("up", "-y", "-f", "-", input=json.dumps(changed), cwd=EXAMPLE.parent)
    for f in a["Flips"]:
        r = net.ctl("trace", f["From"], f"{f['To']}:{f['Service']}", check=False)
        assert r.returncode == (0 if f["Change"] == "opens" else 1), r.stdout
    back = whatif(net, topology, code=1)
    turned = {"opens": "closes", "closes": "opens"}
    assert flips(back) == {(turned[c], *rest) for c, *rest in flips(a)}
    net.ctl("up", "-y", "-f", EXAMPLE)


def test_the_network_is_bit_equal_before_and_after(net, topology):
    net.exec("orders", "true")
    topology["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 80 from web"]
    topology["Vpcs"]["new"] = {"CidrBlock": "10.9.0.0/16", "Subnets": {"n": {"CidrBlock": "10.9.1.0/24"}}}
    topology["Instances"]["more"] = {"Subnet": "new/n"}
    untouched(net, lambda: whatif(net, topology, code=1))


@pytest.mark.parametrize("change,code", [
    (lambda t: t["Vpcs"]["shop"]["SecurityGroups"]["db"].update(Ingress=["tcp 80 from nobody"]),
     "InvalidGroup.NotFound"),
    (lambda t: t["Vpcs"]["shop"]["Subnets"].update(x={"CidrBlock": "10.0.1.0/24"}),
     "InvalidSubnet.Conflict"),
    (lambda t: t["Instances"]["db"].update(PrivateIpAddress="10.0.9.9"), None),
])
def test_an_invalid_change_is_refused_as_up_refuses_it(net, topology, change, code):
    change(topology)

    def compare():
        up = net.ctl("up", "-y", "-f", "-", check=False, input=json.dumps(topology),
                     cwd=EXAMPLE.parent)
        r = net.ctl("whatif", "-f", "-", check=False, input=json.dumps(topology), cwd=EXAMPLE.parent)
        assert (r.returncode, r.stderr) == (up.returncode, up.stderr)
        assert r.returncode == 2 and r.stdout == ""
        assert code is None or code in r.stderr
    untouched(net, compare)


def test_bad_questions(net):
    for body, status, code in [({}, 400, "MissingParameter"),
                               ({"Topology": "{}", "Tests": 1}, 422, "InvalidParameterValue"),
                               ({"Topology": "{}", "Tset": []}, 400, "UnknownParameter"),
                               ({"Topology": "{"}, 400, "MalformedJSON")]:
        s, text = net.request("POST", "/v1/whatif", body)
        assert (s, json.loads(text)["Error"]["Code"]) == (status, code), text


# ---- at random ----

SERVICES = [(22, "tcp"), (80, "tcp"), (443, "tcp"), (80, "udp"), (8, "icmp")]


def reached(net, lab):
    """Who reaches whom on what, by traces of the network that runs: {(from, to, service)}."""
    names = {s["Id"]: s["Name"] for s in net.json("ps")}
    return {(names.get(e["From"], e["From"]), names.get(e["To"], e["To"]), f"{port}/{proto}")
            for port, proto in SERVICES
            for e in net.rest("POST", "/v1/reach", {"Service": f"{port}/{proto}", "Lab": lab})["Edges"]}


def joined(answer):
    """Flips with adjacent ranges of ports joined, whatever rule decides about each."""
    ranges = {}
    for f in answer["Flips"]:
        first, _, proto = f["Service"].partition("/")
        for a in ends(f, "From"):
            for b in ends(f, "To"):
                if a != b:
                    ranges.setdefault((f["Change"], a, b, proto), []).append(
                        [int(first), f.get("ToPort", int(first))])
    for v in ranges.values():
        v.sort()
        for i in range(len(v) - 1, 0, -1):
            if v[i - 1][1] + 1 == v[i][0]:
                v[i - 1][1] = v.pop(i)[1]
    return ranges


def covers(flip, service):
    port, _, proto = service.partition("/")
    first, _, of = flip["Service"].partition("/")
    return of == proto and int(first) <= int(port) <= flip.get("ToPort", int(first))


def test_over_random_changes_what_is_said_comes_true(vpcd, lab, tmp_path):
    """A random lab becomes another one: what flips, by what-if, is what is reached before and not after,
    or the other way, in the network itself; and asking one of many that are alike loses nothing."""
    seed = int(os.environ.get("VPCD_TEST_SEED", 20))
    rng = random.Random(seed)
    file = tmp_path / "lab.json"
    flipped = alike = 0
    topology = random_topology(rng, 12)
    lab(topology)
    mine = {*topology["Instances"], *topology["InternetHosts"], "internet"}
    for _ in range(3):
        other = random_topology(rng, 12)  # its rules and routes, and some of its sandboxes
        topology["Vpcs"] = other["Vpcs"]
        for name in rng.sample(sorted(topology["Instances"]), 3):
            topology["Instances"][name] = other["Instances"][name]
        file.write_text(json.dumps(topology))
        answers = [json.loads(vpcd.ctl("whatif", "-f", file, "-o", "json", *more, check=False).stdout)
                   for more in ((), ("--all",))]
        assert not any("MoreFlips" in a for a in answers), seed
        assert joined(answers[0]) == joined(answers[1]), seed
        before = reached(vpcd, "random")
        vpcd.ctl("up", "-y", "-f", file)
        after = reached(vpcd, "random")
        said = {(f["Change"], a, b, f"{port}/{proto}") for f in answers[0]["Flips"]
                for port, proto in SERVICES if covers(f, f"{port}/{proto}")
                for a in ends(f, "From") for b in ends(f, "To") if a != b and {a, b} <= mine}
        true = {("opens", *x) for x in after - before} | {("closes", *x) for x in before - after}
        assert said == true, (seed, said ^ true)
        flipped += len(true)
        alike += sum("FromAlike" in f or "ToAlike" in f for f in answers[0]["Flips"])
    assert flipped > 20 and alike > 0, (seed, flipped, alike)


# ---- recorded traffic ----

def replay(net, topology, flows, vpc=None):
    return net.rest("POST", "/v1/whatif", {"Topology": json.dumps(topology), "Pairs": False,
                                           "Flows": flows, **({"Vpc": vpc} if vpc else {})})


def flow(sender, to, service, **more):
    return {"From": sender, "To": to, "Service": service, "Packets": 1, **more}


def test_a_capture_is_replayed(net, topology, tmp_path):
    """What orders did, as its own capture has it: the address of db is another's in the VPC beside."""
    f = tmp_path / "orders.pcapng"
    capture = net.popen("capture", "orders", "tcp", "-w", f, "-c", 3)
    until(lambda: f.exists() and f.stat().st_size, 10, "the capture")
    net.exec("orders", "nc", "-w1", "10.0.2.10", "5432", check=False)
    assert capture.wait(30) == 0
    topology["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 5432 from web"]
    a = whatif(net, topology, "--pcap", f, code=1)
    assert flips(a) == {("closes", "orders", "db", "5432/tcp")}
    assert a["Flips"][0]["Packets"] >= 3 and a["Flows"] == a["Asked"] == 1


def test_flow_logs_are_replayed_by_interface(net, topology, tmp_path):
    eni = {s["Name"]: net.rest("GET", f"/v1/instances/{s['Id']}")["NetworkInterfaceId"]
           for s in net.json("ps") if s["Kind"] == "instance"}
    orders, web = net.address("orders"), net.address("web")
    log = tmp_path / "log"
    log.write_text("".join(
        f"2 123456789012 {at} {src} {dst} {sport} {dport} 6 5 300 0 60 {action} OK\n"
        for at, src, dst, sport, dport, action in [
            (eni["db"], orders, "10.0.2.10", 40000, 5432, "ACCEPT"),
            (eni["db"], "10.0.2.10", orders, 5432, 40000, "ACCEPT"),
            (eni["db"], web, "10.0.2.10", 40000, 5432, "REJECT"),
            (eni["web"], "192.0.2.7", web, 50000, 80, "ACCEPT")]))
    topology["Vpcs"]["shop"]["SecurityGroups"]["db"]["Ingress"] = ["tcp 5432 from web"]
    topology["Vpcs"]["shop"]["SecurityGroups"]["web"]["Ingress"] = ["tcp 80 from 198.18.0.0/15"]
    a = whatif(net, topology, "--flow-logs", log, code=1)
    assert flips(a) == {("closes", "orders", "db", "5432/tcp"), ("opens", "web", "db", "5432/tcp"),
                        ("closes", "192.0.2.7", "web", "80/tcp")}
    assert (a["Flows"], a["NotJudgedFlows"]) == (3, 0)


def test_equal_ranges_need_to_be_told_apart(net, topology):
    topology["Vpcs"]["other"]["SecurityGroups"]["open"]["Egress"] = []
    flows = [flow("10.0.2.10", net.address("bystander"), "7/udp")]
    assert flips(replay(net, topology, flows)) == {("closes", "intruder", "bystander", "7/udp")}
    flows = [flow("10.0.2.10", "10.0.2.4", "80/tcp"), flow("10.0.2.10", "192.0.2.1", "80/tcp")]
    status, text = net.request("POST", "/v1/whatif", {"Topology": json.dumps(topology),
                                                      "Flows": flows[1:]})
    assert status == 422 and "several VPCs have 10.0.2.10" in text
    a = replay(net, topology, flows)
    assert [f["Message"] for f in a["NotJudged"]] == ["several VPCs have 10.0.2.10: say which by --vpc"]
    assert replay(net, topology, flows, "shop")["NotJudged"] == []
    mac = net.rest("GET", f"/v1/network-interfaces/{net.rest('GET', '/v1/instances/db')['NetworkInterfaceId']}")
    a = replay(net, topology, [flow("10.0.2.10", "192.0.2.1", "80/tcp", FromMac=mac["MacAddress"])])
    assert a["Flows"] == 1
    status, text = net.request("POST", "/v1/whatif", {"Topology": "{}", "Flows": flows, "Vpc": "shup"})
    assert status == 404 and "did you mean shop" in text


def test_hosts_outside_stand_in_for_any_address(net, topology):
    """A host that the lab does not have, as a source and as a destination, to the byte."""
    sg = topology["Vpcs"]["shop"]["SecurityGroups"]
    sg["web"]["Ingress"] = ["tcp 80 from 192.0.2.128/25"]
    sg["orders"]["Egress"] = ["tcp 443 to 192.0.2.0/25"]
    orders, web = net.address("orders"), net.address("web")
    flows = [flow("192.0.2.200", web, "80/tcp"), flow("192.0.2.100", web, "80/tcp"),
             flow("192.0.2.100", "198.51.100.20", "80/tcp"),
             flow(orders, "192.0.2.200", "443/tcp"), flow(orders, "192.0.2.100", "443/tcp"),
             flow("192.168.1.1", web, "80/tcp"), flow(orders, "198.51.100.10", "80/tcp"),
             flow("192.0.2.1", "192.0.2.2", "80/tcp")]
    a = replay(net, topology, flows)
    assert flips(a) == {("closes", "192.0.2.100", "web", "80/tcp"),
                        ("closes", "orders", "192.0.2.200", "443/tcp")}
    assert [f["Message"].split(":")[0] for f in a["NotJudged"]] == [
        "no interface has 192.168.1.1", "198.51.100.10 is a NAT gateway's or a service's",
        "192.0.2.1 and its peer are both outside of any VPC"]


def test_replays_touch_nothing_either(net, topology):
    topology["Vpcs"]["shop"]["SecurityGroups"]["web"]["Ingress"] = []
    flows = [flow("192.0.2.200", net.address("web"), "80/tcp")]
    untouched(net, lambda: flips(replay(net, topology, flows)) or pytest.fail("no flip"))


def test_bad_flows(net):
    for bad, message in [({"From": "x", "To": "10.0.0.1", "Service": "80/tcp"}, "From of a flow"),
                         ({"From": "10.0.0.1", "To": "10.0.0.1"}, "is no port"),
                         ({"From": "10.0.0.1", "To": "::1", "Service": "80/tcp"}, "one address family"),
                         ({"From": "10.0.0.1", "To": "10.0.0.1", "Service": "any"}, "one service")]:
        status, text = net.request("POST", "/v1/whatif", {"Topology": "{}", "Flows": [bad]})
        assert status in (400, 422) and message in text, text
    assert "there are none" in net.request("POST", "/v1/whatif", {"Topology": "{}", "Flows": []})[1]

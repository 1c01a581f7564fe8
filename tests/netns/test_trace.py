# SPDX-License-Identifier: MIT
"""vpcctl trace: what it says, and that it is so.

    VPC p 10.0.0.0/16                             VPC q 10.0.0.0/16 (the same)
      pub  10.0.0.0/24  web (public), nat, box      c 10.0.2.0/24 twin (b's address)
      a    10.0.1.0/24  a, fn; by nat             internet: host 203.0.113.70
      b    10.0.2.0/24  b (group b: tcp 80 from a), strict ACL
"""

import json
import subprocess

import pytest

from conftest import VPCCTL, allow_all, server, until

B = "10.0.2.10"


def topology():
    return {"Lab": "trace", "Vpcs": {
        "p": {"CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
              "Subnets": {"pub": {"CidrBlock": "10.0.0.0/24", "RouteTable": "pub"},
                          "a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "out"},
                          "b": {"CidrBlock": "10.0.2.0/24", "NetworkAcl": "strict"}},
              "NatGateways": {"nat": {"Subnet": "pub", "PublicIp": "198.51.100.70"}},
              "RouteTables": {"pub": {"Routes": {"0.0.0.0/0": "igw"}},
                              "out": {"Routes": {"0.0.0.0/0": "nat"}}},
              "NetworkAcls": {"strict": {
                  "Entries": ["100 allow tcp 80-90 from 0.0.0.0/0",
                              "90 deny tcp 85 from 0.0.0.0/0",
                              "100 allow tcp 1024-65535 to 0.0.0.0/0"]}},
              "SecurityGroups": {"a": {}, "web": {"Ingress": ["tcp 80 from 0.0.0.0/0"]},
                                 "b": {"Ingress": ["tcp 80-89 from a"], "Egress": []},
                                 "open": allow_all()}},
        "q": {"CidrBlock": "10.0.0.0/16", "Subnets": {"c": {"CidrBlock": "10.0.2.0/24"}},
              "SecurityGroups": {"open": allow_all()}}},
        "Functions": {"fn": {"Subnets": ["p/a"], "SecurityGroups": ["p/a"]}},
        "Instances": {
            "a": {"Subnet": "p/a", "SecurityGroups": ["p/a"]},
            "b": {"Subnet": "p/b", "PrivateIpAddress": B, "SecurityGroups": ["p/b"],
                  "Command": server("b", "tcp:80", "tcp:85", "tcp:95")},
            "web": {"Subnet": "p/pub", "SecurityGroups": ["p/web"], "PublicIp": "198.51.100.71",
                    "Command": server("web", "tcp:80")},
            "plain": {"Subnet": "p/pub", "SecurityGroups": ["p/open"]},
            "twin": {"Subnet": "q/c", "PrivateIpAddress": B, "SecurityGroups": ["q/open"]}},
        "InternetHosts": {"host.example.com": {"Address": "203.0.113.70",
                                               "Command": server("host", "tcp:80")}}}


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up(topology())
    for name in ("b", "web", "host.example.com"):
        vpcd.wait_log(name, "serving")
    yield vpcd
    vpcd.down("trace")


def trace(net, *args):
    r = net.ctl("trace", *args, "-o", "json", check=False)
    assert r.returncode in (0, 1), r.stderr
    t = json.loads(r.stdout)
    assert (t["Verdict"] == "allow") == (r.returncode == 0)
    return t


def kinds(path):
    return [h["Kind"] for h in path["Hops"]]


def test_an_open_path_names_rule_and_route_there_and_back(net):
    t = trace(net, "a", "b:80/tcp")
    assert t["Verdict"] == t["Forward"]["Verdict"] == t["Return"]["Verdict"] == "allow"
    assert kinds(t["Forward"]) == ["network-interface", "security-group-rule", "route-table",
                                   "network-acl", "security-group-rule", "network-interface"]
    rule = t["Forward"]["Hops"][4]
    assert rule["Matched"] == "tcp 80-89 from p/a" and rule["Direction"] == "ingress"
    assert rule["Id"] in [r["SecurityGroupRuleId"] for r in net.json("security-group-rule", "list")]
    acl = t["Forward"]["Hops"][3]
    assert acl["RuleNumber"] == 100 and acl["Matched"] == "100 allow tcp 80-90 from 0.0.0.0/0"
    assert kinds(t["Return"]) == ["network-interface", "tracked-flow", "network-acl", "route-table",
                                  "tracked-flow", "network-interface"]
    assert "Opens" not in t
    first = net.ctl("trace", "a", "b:80/tcp").stdout.splitlines()[0]
    assert first.startswith("a → b:80/tcp: allow (tcp 80-89 from p/a, sgr-")


def test_nat_and_gateway_rewrite_out_and_back(net):
    t = trace(net, "a", "host.example.com:80")
    by = {h["Kind"]: h for h in t["Forward"]["Hops"] if "Rewritten" in h}
    assert by["nat-gateway"]["Name"] == "nat"
    assert by["internet-gateway"]["Rewritten"]["Source"].startswith("198.51.100.70:")
    assert t["Forward"]["Mtu"] == 1500
    back = [h for h in t["Return"]["Hops"] if h["Kind"] == "nat-gateway"]
    assert back[0]["Rewritten"]["Destination"].startswith(net.address("a") + ":")


@pytest.mark.parametrize("args,code,reason", [
    (["a", "b:95"], "SUBNET_ACL_RESTRICTION", "ACL_INGRESS"),
    (["a", "b:85"], "SUBNET_ACL_RESTRICTION", "ACL_INGRESS"),
    (["web", "b:80"], "ENI_SG_RULES_MISMATCH", "SG_INGRESS"),
    (["b", "a:80"], "SG_HAS_NO_RULES", "SG_EGRESS"),
    (["web", "a:80"], "SG_HAS_NO_RULES", "SG_INGRESS"),
    (["internet", "web:22"], "ENI_SG_RULES_MISMATCH", "SG_INGRESS"),
    (["internet", "a:80"], "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", "NO_DESTINATION"),
    (["plain", "internet:80"], "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS", "IGW_NO_PUBLIC_IP"),
    (["twin", "internet:80"], "NO_ROUTE_TO_DESTINATION", "NO_ROUTE"),
    (["a", "twin:80"], "DISCONNECTED_VPCS", "NO_DESTINATION"),
    (["a", "nat:80"], "NO_POSSIBLE_DESTINATION", "NAT_UNSOLICITED"),
    (["a", "host.example.com:0/47"], "PROTOCOL_RESTRICTION", "NAT_PROTOCOL"),
    (["a", "b:80", "--size", "9002"], None, "MTU"),
])
def test_a_blocked_path_has_its_code(net, args, code, reason):
    t = trace(net, *args)
    assert t["Verdict"] == "deny"
    assert (t.get("Code"), t["Reason"]) == (code, reason)
    line = net.ctl("trace", *args, check=False).stdout.splitlines()[0]
    assert f"DENY ({code or reason})" in line


def test_a_reference_that_a_nat_gateway_hides_is_named_so(net):
    """Routed through a public address, a group reference does not hold."""
    net.ctl("sg", "allow", "p/web", "tcp 81 from a")
    try:
        t = trace(net, "a", "198.51.100.71:81")
        assert t["Code"] == "SG_REFERENCES_NOT_PRESERVED", t
    finally:
        net.ctl("sg", "revoke", "p/web", "tcp 81 from a")


def test_a_blackhole_is_a_bad_state(net):
    net.ctl("instance", "create", "--name", "hop", "--subnet-id", "p/pub")
    net.ctl("rtb", "create", "--name", "detour", "--vpc-id", "q", "--set", "Routes=[]")
    net.ctl("rtb", "delete", "detour")
    net.ctl("rtb", "create", "--name", "detour", "--vpc-id", "p", "--set",
            'Routes=[{"DestinationCidrBlock": "192.0.2.0/24", "InstanceId": "hop"}]')
    net.ctl("subnet", "set", "p/pub", "--route-table-id", "detour")
    try:
        net.ctl("instance", "delete", "hop")
        assert trace(net, "web", "192.0.2.1:80")["Code"] == "BAD_STATE_ROUTE"
    finally:
        net.ctl("subnet", "set", "p/pub", "--route-table-id", "pub")
        net.ctl("rtb", "delete", "detour")


@pytest.mark.parametrize("args", [
    ["web", "b:80"], ["a", "b:85"], ["b", "a:80"], ["internet", "web:443"],
    ["plain", "internet:443"], ["a", "web:22"], ["plain", "b:95"], ["web", "b:85"]])
def test_the_command_that_opens_it_opens_it(net, args):
    t = trace(net, *args)
    assert t["Verdict"] == "deny"
    command = t["Opens"].replace("vpcctl ", f"{VPCCTL} --socket {net.socket} ")
    r = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert r.returncode == 0, (t["Opens"], r.stderr)
    try:
        assert trace(net, *args)["Verdict"] == "allow", t["Opens"]
    finally:
        net.up(topology(), check=False)
        for eip in net.json("eip", "list"):
            if not eip.get("Lab"):
                net.ctl("eip", "set", eip["AllocationId"], "--unset", "NetworkInterfaceId")
                net.ctl("eip", "delete", eip["AllocationId"])
        for rule in net.json("security-group-rule", "list"):
            if not rule.get("Lab"):
                net.ctl("security-group-rule", "delete", rule["SecurityGroupRuleId"])
    assert trace(net, *args)["Verdict"] == "deny"


def test_what_no_single_change_opens_has_no_command(net):
    for args in (["twin", "plain:80"], ["a", "twin:80"], ["twin", "internet:80"], ["a", "nat:80"]):
        assert "Opens" not in trace(net, *args)


def test_openings_of_acls_and_routes_are_single_verbs(net):
    assert trace(net, "a", "b:85")["Opens"] == (
        f"vpcctl acl allow p/strict 89 tcp 85 from {net.address('a')}/32")
    opens = trace(net, "b", "internet:80")["Opens"].split(" && ")
    assert opens[0] == 'vpcctl sg allow p/b "tcp 80 to 0.0.0.0/0"'
    assert opens[1] == "vpcctl acl allow p/strict 101 tcp 80 to 0.0.0.0/0"
    assert opens[2].startswith("vpcctl rtb add-route p/main 0.0.0.0/0 nat-")


def test_the_printed_opening_is_the_last_line(net):
    last = net.ctl("trace", "web", "b:80", check=False).stdout.splitlines()[-1]
    assert last == 'to open it: vpcctl sg allow p/b "tcp 80 from p/web"'


def test_a_middlebox_is_walked_through(net):
    net.ctl("instance", "create", "--name", "box", "--subnet-id", "p/pub", "--security-group-ids",
            "p/open", "--set", "SourceDestCheck=false")
    net.ctl("rtb", "set", "out", "--set",
            'Routes=[{"DestinationCidrBlock": "0.0.0.0/0", "InstanceId": "box"}]')
    net.ctl("eip", "create", "--name", "box-ip", "--network-interface-id",
            [e["NetworkInterfaceId"] for e in net.json("eni", "list")
             if e.get("AttachmentId") == net.json("instance", "show", "box")["InstanceId"]][0])
    try:
        t = trace(net, "a", "internet:80")
        names = [h.get("Name") for h in t["Forward"]["Hops"] if h["Kind"] == "network-interface"]
        assert names[:3] == ["a", "box", "box"]
        assert "box" in [h.get("TargetName") for h in t["Forward"]["Hops"]]
        # it sends on a source that is not its own: the gateway has no public address for it
        assert t["Reason"] == "IGW_NO_PUBLIC_IP" and "Opens" not in t
    finally:
        net.ctl("eip", "set", "box-ip", "--unset", "NetworkInterfaceId")
        net.ctl("eip", "delete", "box-ip")
        net.up(topology())
        net.ctl("delete", "box")


def test_the_resolver_is_reached_whatever_the_groups_say(net):
    assert trace(net, "b", "10.0.0.2:53/udp")["Verdict"] == "allow"


def maps(net):
    """Every map that the programs share with anybody, byte by byte."""
    return {path.name: subprocess.run(["bpftool", "-j", "map", "dump", "pinned", path],
                                      capture_output=True, check=True).stdout
            for path in (net.run_dir / "bpf").glob("v*/*")}


def test_questions_change_nothing(net):
    """Traces, tests and reachability: maps, counters and flows are bit-equal before and after."""
    assert net.fetch("a", B)  # there are flows and counts to be changed
    before = []

    def settled():  # what the connection's end leaves to do is done
        before[:] = [*before[-1:], maps(net)]
        return len(before) == 2 and before[0] == before[1]

    until(settled, 60, "an unchanging network")
    assert {"flows", "drops", "eni_totals", "rule_hits", "names"} <= before[0].keys()
    for args in (["a", "b:80"], ["web", "b:80"], ["a", "internet:80"], ["internet", "web:80"],
                 ["a", "b"], ["b", "10.0.0.2:53/udp"], ["a", "nat:80"], ["twin", "plain:80"]):
        trace(net, *args)
    net.rest("POST", "/v1/test", {"Tests": [{"from": "all", "to": "all", "expect": "deny"}]})
    net.rest("POST", "/v1/reach", {"Service": "80/tcp"})
    after = maps(net)
    for name, entries in before[0].items():
        assert after[name] == entries, name


def test_bad_input(net):
    for args, code, text in [
            (["a", "bb:80"], 3, "no object \"bb\""), (["a", "p/subnet:80"], 3, "no object"),
            (["a", "p:80"], 1, "is a vpc"), (["a", "b:http"], 1, "is no port"),
            (["a", "b:80/sctp"], 1, "is no port"), (["a", "b:70000"], 1, "is no port"),
            (["a", "b:300/icmp"], 1, "is no port"), (["a", "b:any"], 1, "any is for tests"),
            (["a", "b@eth1:80"], 3, "one interface"), (["nat", "a:80"], 1, "no interface"),
            (["a", "[2001:db8::1]:80"], 1, "no IPv6 address"), (["a"], 2, "from where"),
            (["a", "b", "--size", "x"], 2, "--size"), (["192.0.2.9", "a"], 1, "no interface")]:
        r = net.ctl("trace", *args, check=False)
        assert r.returncode == code and text in r.stderr, (args, r)

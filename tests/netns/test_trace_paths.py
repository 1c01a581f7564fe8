# SPDX-License-Identifier: MIT
"""Traces over IPv6, egress-only gateways and peerings, held against real datagrams: the same verdict
and reason, there and back, and what is said to open a path does so.

    VPC left 10.1/16, …1100::/56, igw, eigw         VPC right 10.2/16, …1200::/56    VPC far 10.3/16, …1300::/56
      a caller (group callers)     == left-right ==   b db, unnamed  == right-far ==   c beyond
        stranger, forger (no check)                   w walled (strict ACL)
      e inner (::/0 by eigw)                        VPC soon 10.4/16: d waiting, asks left by left-soon
    internet: www 203.0.113.80, 2001:db8:ff::80
    db: udp 7 from left/callers, udp 8 from left's blocks. right has no route to left for …:1101::/64 (e).
"""

import json
import select
import subprocess

import pytest

from conftest import VPCCTL, until

NET = "2001:db8:1000"
WWW = {4: "203.0.113.80", 6: "2001:db8:ff::80"}
SUBNETS = {"a": ("left", 1, 0), "e": ("left", 1, 1), "b": ("right", 2, 0), "w": ("right", 2, 1),
           "c": ("far", 3, 0), "d": ("soon", 4, 0)}
PLACES = {"caller": ("a", 10), "stranger": ("a", 11), "forger": ("a", 12), "inner": ("e", 10),
          "db": ("b", 80), "mute": ("b", 81), "walled": ("w", 80), "beyond": ("c", 80),
          "waiting": ("d", 80)}
NOISE = {"MULTICAST", "NEIGHBOUR", "LINK_LOCAL"}  # what namespaces say by themselves


def address(name, family):
    if name == "www":
        return WWW[family]
    subnet, host = PLACES[name]
    _, vpc, n = SUBNETS[subnet]
    return f"10.{vpc}.{n}.{host}" if family == 4 else f"{NET}:1{vpc}0{n}::{host}"


def block(vpc, family):
    return f"10.{vpc}.0.0/16" if family == 4 else f"{NET}:1{vpc}00::/56"


def vpc(n, routes, **more):
    subnets = {s: {"CidrBlock": f"10.{n}.{i}.0/24", "Ipv6CidrBlock": f"{NET}:1{n}0{i}::/64",
                   "RouteTable": s if s in routes else "t"}
               for s, (_, owner, i) in SUBNETS.items() if owner == n}
    subnets.get("w", {})["NetworkAcl"] = "strict"
    if n != 2:
        subnets.pop("w", None)
    return {"CidrBlock": block(n, 4), "Ipv6CidrBlock": block(n, 6), "Subnets": subnets,
            "RouteTables": {t: {"Routes": r} for t, r in routes.items()}, **more}


def both(n, target):
    return {block(n, 4): target, block(n, 6): target}


def topology():
    groups = {"caller": "left/callers", "db": "right/db", "walled": "right/open",
              "mute": "right/mute", "beyond": "far/open", "waiting": "soon/open"}
    everybody = {"Ingress": ["all from 0.0.0.0/0", "all from ::/0"]}
    out = {"0.0.0.0/0": "igw", "::/0": "igw"}
    return {"Lab": "paths", "Vpcs": {
        "left": vpc(1, {"t": {**both(2, "left-right"), **both(3, "left-right"),
                              **both(4, "left-soon"), **out},
                        "e": {**both(2, "left-right"), "::/0": "eigw"}},
                    InternetGateway="igw", EgressOnlyInternetGateway="eigw",
                    SecurityGroups={"callers": {}, "others": {"Ingress": ["udp 7 from ::/0"]}}),
        "right": vpc(2, {"t": {"10.1.0.0/24": "left-right", f"{NET}:1100::/64": "left-right",
                               **both(3, "right-far")}},
                     NetworkAcls={"strict": {"Entries": [
                         "100 allow udp 7 from 0.0.0.0/0", f"105 deny udp 9 from {block(1, 6)}",
                         "110 allow udp 7-9 from ::/0", "100 allow udp 1024-65535 to ::/0"]}},
                     SecurityGroups={
                         "db": {"Ingress": ["udp 7 from left/callers",
                                            f"udp 8 from {block(1, 4)}",
                                            f"udp 8 from {block(1, 6)}"], "Egress": []},
                         "mute": {"Egress": []}, "open": everybody}),
        "far": vpc(3, {"t": {**both(2, "right-far"), **both(1, "right-far")}},
                   SecurityGroups={"open": everybody}),
        "soon": vpc(4, {"t": both(1, "left-soon")}, SecurityGroups={"open": everybody})},
        "VpcPeeringConnections": {"left-right": {"Vpc": "left", "PeerVpc": "right"},
                                  "right-far": {"Vpc": "far", "PeerVpc": "right"},
                                  "left-soon": {"Vpc": "soon", "PeerVpc": "left",
                                                "Accept": False}},
        "Instances": {name: {
            "Subnet": f"{SUBNETS[subnet][0]}/{subnet}",
            "SecurityGroups": [groups.get(name, "left/others")],
            "PrivateIpAddress": address(name, 4), "Ipv6Addresses": [address(name, 6)],
            "SourceDestCheck": name != "forger"} for name, (subnet, _) in PLACES.items()},
        "InternetHosts": {"www": {"Address": WWW[4], "Ipv6Address": WWW[6]}}}


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up(topology())
    yield vpcd
    vpcd.down("paths")


@pytest.fixture
def restored(net):
    """After the test the lab is as the file has it, without what openings added."""
    yield net
    net.up(topology())
    for kind, key in (("eip", "AllocationId"), ("security-group-rule", "SecurityGroupRuleId")):
        for item in net.json(kind, "list"):
            if not item.get("Lab"):
                if item.get("NetworkInterfaceId"):
                    net.ctl(kind, "set", item[key], "--unset", "NetworkInterfaceId")
                net.ctl(kind, "delete", item[key])


def trace(net, *args):
    r = net.ctl("trace", *args, "-o", "json", check=False)
    assert r.returncode in (0, 1), r.stderr
    return json.loads(r.stdout)


def drops(net):
    found = {}
    for line in net.metrics().splitlines():
        if line.startswith("vpcd_dropped_packets_total{"):
            reason = line.split('reason="')[1].split('"')[0]
            if reason not in NOISE:
                found[reason] = found.get(reason, 0) + int(line.split()[-1])
    return found


def send(net, sender, to, receiver):
    """A datagram: the address that it comes from, or the reason for which it is dropped."""
    before = drops(net)
    sender.sendto(b"?", to)

    def fate():
        if select.select([receiver], [], [], 0)[0]:
            return receiver.recvfrom(64)[1][:2]
        return [r for r, n in drops(net).items() if n > before.get(r, 0)]

    found = until(fate, what=f"arrival or drop of a datagram to {to}")
    return found if isinstance(found, tuple) else found[0]


def attempt(net, inside, start, end, family, port):
    """What becomes of a datagram and its answer: (source port, where it ended, reason)."""
    sender, receiver = inside(start).udp(v6=family == 6), inside(end).udp(port, v6=family == 6)
    peer = send(net, sender, (address(end, family), port), receiver)
    at = sender.getsockname()[1]
    if isinstance(peer, str):
        return at, "Forward", peer
    answer = send(net, receiver, peer, sender)
    return (at, "Return", answer) if isinstance(answer, str) else (at, None, None)


def ask(net, start, end, family, port, at):
    """The same question as a trace: by address, and by name, which must agree."""
    where = address(end, family)
    literal = f"[{where}]:{port}/udp" if family == 6 else f"{where}:{port}/udp"
    t = trace(net, start, literal, "--from-port", at)
    named = trace(net, start, f"{end}:{port}/udp", "--from-port", at,
                  *(["-6"] if family == 6 else []))
    assert {**t, "To": ""} == {**named, "To": ""}
    return t


def verdict(t):
    for path in ("Forward", "Return"):
        if path in t and t[path]["Verdict"] == "deny":
            return path, t[path]["Reason"]
    assert t["Verdict"] == "allow"
    return None, None


CASES = [
    # over a peering: references, blocks, routes of both sides, ACL, no third party, no gateways
    ("caller", "db", 7, 46, None, None, None),
    ("stranger", "db", 7, 46, "Forward", "SG_INGRESS", "ENI_SG_RULES_MISMATCH"),
    ("stranger", "db", 8, 46, None, None, None),
    ("inner", "db", 8, 46, "Return", "NO_ROUTE", "NO_ROUTE_TO_DESTINATION"),
    ("db", "caller", 7, 46, "Forward", "SG_EGRESS", "SG_HAS_NO_RULES"),
    ("caller", "mute", 7, 46, "Forward", "SG_INGRESS", "SG_HAS_NO_RULES"),
    ("caller", "walled", 7, 4, "Return", "ACL_EGRESS", "SUBNET_ACL_RESTRICTION"),
    ("caller", "walled", 7, 6, None, None, None),
    ("caller", "walled", 9, 46, "Forward", "ACL_INGRESS", "SUBNET_ACL_RESTRICTION"),
    ("beyond", "walled", 9, 6, None, None, None),
    ("caller", "beyond", 7, 46, "Forward", "PEERING_DESTINATION",
     "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"),
    ("beyond", "caller", 7, 46, "Forward", "PEERING_DESTINATION",
     "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"),
    ("caller", "waiting", 7, 46, "Forward", "BLACKHOLE", "BAD_STATE_ROUTE"),
    # within a VPC
    ("caller", "stranger", 7, 6, None, None, None),
    ("caller", "stranger", 7, 4, "Forward", "SG_INGRESS", "ENI_SG_RULES_MISMATCH"),
    ("stranger", "inner", 7, 6, None, None, None),
    # gateways
    ("caller", "www", 7, 6, None, None, None),
    ("caller", "www", 7, 4, "Forward", "IGW_NO_PUBLIC_IP", "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"),
    ("inner", "www", 7, 6, None, None, None),
    ("inner", "www", 7, 4, "Forward", "NO_ROUTE", "NO_ROUTE_TO_DESTINATION"),
    ("www", "stranger", 7, 6, None, None, None),
    ("www", "caller", 7, 6, "Forward", "SG_INGRESS", "SG_HAS_NO_RULES"),
    ("www", "inner", 7, 6, "Return", "EIGW_UNSOLICITED", "NO_POSSIBLE_DESTINATION"),
    ("www", "db", 7, 6, "Forward", "IGW_UNASSOCIATED", "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"),
]
PAIRS = [pytest.param(*c[:3], f, *c[4:], id=f"{c[0]}-{c[1]}-{c[2]}-v{f}")
         for c in CASES for f in map(int, str(c[3]))]


@pytest.mark.parametrize("start,end,port,family,path,reason,code", PAIRS)
def test_trace_says_what_a_datagram_finds(net, inside, start, end, port, family, path, reason,
                                          code):
    at, *real = attempt(net, inside, start, end, family, port)
    t = ask(net, start, end, family, port, at)
    assert real == [path, reason] == list(verdict(t)), t
    assert t.get("Code") == code


OPENED = [("stranger", "db", 7), ("inner", "db", 8), ("db", "caller", 7), ("caller", "mute", 7),
          ("caller", "walled", 9), ("caller", "waiting", 7), ("waiting", "caller", 7)]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("start,end,port", OPENED + [("inner", "www", 7)])
def test_the_opening_opens_the_path(net, restored, inside, start, end, port, family):
    for _ in range(3):  # behind a missing route the rest is known only once it is there
        t = ask(net, start, end, family, port, 40000)
        if t["Verdict"] == "allow":
            break
        if family == 4 and end == "www":
            assert "Opens" not in t  # neither NAT gateway nor public address
            return
        command = t["Opens"].replace("vpcctl ", f"{VPCCTL} --socket {net.socket} ")
        r = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        assert r.returncode == 0, (t["Opens"], r.stderr)
    assert attempt(net, inside, start, end, family, port)[1:] == (None, None), t


def kinds(t, path="Forward"):
    return [h["Kind"] for h in t[path]["Hops"]]


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_peering_is_named_itself(net, family):
    t = trace(net, "caller", "db:7/udp", *([] if family == "-4" else [family]))
    pcx = net.json("pcx", "show", "left-right")["VpcPeeringConnectionId"]
    for path in ("Forward", "Return"):
        route = next(h for h in t[path]["Hops"] if h["Kind"] == "route-table")
        hop = next(h for h in t[path]["Hops"] if h["Kind"] == "vpc-peering-connection")
        assert route["Target"] == hop["Id"] == pcx
        assert route["TargetName"] == hop["Name"] == "left-right"
    tree = net.ctl("trace", "caller", "db:7/udp", *([] if family == "-4" else [family])).stdout
    assert " → left-right  t (rtb-" in tree


def test_gateways_over_ipv6_are_named(net):
    t = trace(net, "inner", "www:7/udp", "-6")
    assert "egress-only-internet-gateway" in kinds(t)
    t = trace(net, "internet", "stranger:7/udp", "-6")
    assert t["Verdict"] == "allow" and t["Forward"]["Source"].startswith("[2001:db8::35]:")
    assert kinds(t)[:3] == ["network-interface", "internet", "internet-gateway"]
    assert trace(net, "internet", "inner:7/udp", "-6")["Reason"] == "EIGW_UNSOLICITED"
    opens = trace(net, "internet", "caller:7/udp", "-6")["Opens"]
    assert opens == 'vpcctl sg allow left/callers "udp 7 from ::/0"'


def test_an_echo_request_is_of_the_family_asked_for(net):
    assert trace(net, "caller", "beyond")["Service"] == "8/icmp"
    assert trace(net, "caller", "beyond", "-6")["Service"] == "128/icmpv6"
    assert trace(net, "caller", f"[{address('beyond', 6)}]")["Service"] == "128/icmpv6"
    assert trace(net, "stranger", "walled", "-6")["Verdict"] == "deny"  # the ACL has none
    assert trace(net, "caller", "www", "-6")["Verdict"] == "allow"
    r = net.ctl("trace", "caller", "www:8/icmp", "-6", check=False)
    assert r.returncode == 1 and "128/icmpv6 over IPv6" in r.stderr


def test_a_missing_way_out_over_ipv6_opens_by_the_gateway_there_is(net, restored):
    net.ctl("rtb", "delete-route", "left/e", "::/0")
    net.ctl("rtb", "delete-route", "left/t", "::/0")
    igw = net.json("igw", "show", "left/igw")["InternetGatewayId"]
    assert trace(net, "inner", "www:7/udp", "-6")["Opens"].endswith(f"::80/128 {igw}")

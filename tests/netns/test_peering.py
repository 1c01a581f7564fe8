# SPDX-License-Identifier: MIT
"""SEMANTICS.md, Peering.

    VPC left 10.1.0.0/16 ====== VPC right 10.2.0.0/16 ====== VPC far 10.3.0.0/16
      a 10.1.1.0/24               b 10.2.1.0/24, igw           c 10.3.1.0/24
        caller (callers)            db 10.2.1.80                 beyond 10.3.1.80
        stranger                      (udp 7 from left/callers,
        forger (no check)              udp 8 from 10.1.0.0/16)
    Routes on both sides of both peerings; left sends 10.3.0.0/16 and 0.0.0.0/0 to right as well.
"""

import socket

import pytest
from scapy.all import IP, UDP, Ether, raw

from conftest import dropped, passes, until

DB, BY_CIDR, BEYOND = ("10.2.1.80", 7), ("10.2.1.80", 8), ("10.3.1.80", 7)


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--lab-clock")


@pytest.fixture(scope="module")
def net(vpcd):
    def vpc(n, routes, **more):
        return {"CidrBlock": f"10.{n}.0.0/16",
                "Subnets": {"abc"[n - 1]: {"CidrBlock": f"10.{n}.1.0/24", "RouteTable": "t"}},
                "RouteTables": {"t": {"Routes": routes}}, **more}

    vpcd.up({"Lab": "peering", "Vpcs": {
        "left": vpc(1, {"10.2.0.0/16": "left-right", "10.3.0.0/16": "left-right",
                        "0.0.0.0/0": "left-right"},
                    SecurityGroups={"callers": {}, "others": {}}),
        "right": vpc(2, {"10.1.0.0/16": "left-right", "10.3.0.0/16": "right-far",
                         "0.0.0.0/0": "igw"}, InternetGateway="igw",
                     SecurityGroups={"db": {"Ingress": ["udp 7 from left/callers",
                                                        "udp 8 from 10.1.0.0/16"]}}),
        "far": vpc(3, {"10.2.0.0/16": "right-far", "10.1.0.0/16": "right-far"},
                   SecurityGroups={"open": {"Ingress": ["all from 0.0.0.0/0"]}})},
        "VpcPeeringConnections": {"left-right": {"Vpc": "left", "PeerVpc": "right"},
                                  "right-far": {"Vpc": "right", "PeerVpc": "far"}},
        "Instances": {
            "caller": {"Subnet": "left/a", "SecurityGroups": ["left/callers"]},
            "stranger": {"Subnet": "left/a", "SecurityGroups": ["left/others"]},
            "forger": {"Subnet": "left/a", "SecurityGroups": ["left/callers"],
                       "SourceDestCheck": False},
            "db": {"Subnet": "right/b", "SecurityGroups": ["right/db"],
                   "PrivateIpAddress": DB[0], "PublicIp": "198.51.100.20"},
            "beyond": {"Subnet": "far/c", "SecurityGroups": ["far/open"],
                       "PrivateIpAddress": BEYOND[0]}},
        "InternetHosts": {"www.example.com": {"Address": "203.0.113.80"}}})
    yield vpcd
    vpcd.down("peering")


def test_a_group_reference_admits_members_of_the_peer(net, inside):
    db, caller, stranger = inside("db").udp(7), inside("caller").udp(), inside("stranger").udp()
    peer = passes(caller, DB, db)
    assert peer[0] == net.address("caller")  # nothing is translated
    passes(db, peer, caller)
    with dropped(net, "SG_INGRESS"):
        stranger.sendto(b"?", DB)


def test_a_range_admits_the_peers_addresses(net, inside):
    db, stranger = inside("db").udp(8), inside("stranger").udp()
    passes(db, passes(stranger, BY_CIDR, db), stranger)


def test_routes_are_needed_on_both_sides(net, inside):
    db, caller = inside("db").udp(7), inside("caller").udp()
    whole = net.rest("GET", "/v1/route-tables/right%2Ft")["Routes"]
    less = [{k: v for k, v in r.items() if k != "State"} for r in whole
            if r.get("DestinationCidrBlock") not in ("10.1.0.0/16", "0.0.0.0/0", "10.2.0.0/16")]
    net.rest("PATCH", "/v1/route-tables/right%2Ft", {"Routes": less})
    try:
        peer = passes(caller, DB, db)
        with dropped(net, "NO_ROUTE"):
            db.sendto(b"?", peer)
    finally:
        net.rest("PATCH", "/v1/route-tables/right%2Ft", {"Routes": [
            {k: v for k, v in r.items() if k != "State"} for r in whole
            if r.get("DestinationCidrBlock") != "10.2.0.0/16"]})
    passes(db, peer, caller)


def test_it_is_not_transitive(net, inside):
    db, beyond = inside("db").udp(), inside("beyond").udp(7)
    passes(db, BEYOND, beyond)
    with dropped(net, "PEERING_DESTINATION"):
        inside("caller").udp().sendto(b"?", BEYOND)


def test_a_peers_gateways_are_its_own(net, inside):
    passes(inside("db").udp(), ("203.0.113.80", 7), inside("www.example.com").udp(7))
    with dropped(net, "PEERING_DESTINATION"):
        inside("caller").udp().sendto(b"?", ("203.0.113.80", 7))


def test_a_peers_resolver_is_its_own(net, inside):
    with dropped(net, "NO_DESTINATION"):
        inside("caller").udp().sendto(b"?", ("10.2.0.2", 53))


def test_a_source_outside_of_the_vpc_does_not_cross(net, inside):
    forger, db = inside("forger"), inside("db").udp(8)
    passes(forger.udp(), BY_CIDR, db)
    mac = net.rest("GET", f"/v1/network-interfaces/{forger.attachment}")["MacAddress"]
    frame = Ether(src=mac, dst="0a:ff:ff:ff:ff:01") / \
        IP(src="10.9.9.9", dst=DB[0]) / UDP(sport=1, dport=8) / b"?"
    with dropped(net, "PEERING_SOURCE"):
        forger.frames().send(raw(frame))


def test_large_packets_cross_whole(net, inside):
    db, caller = inside("db").udp(8), inside("caller").udp()
    caller.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    caller.sendto(b"x" * 8900, BY_CIDR)
    assert len(db.recvfrom(65535)[0]) == 8900


def status(net, name):
    return net.rest("GET", f"/v1/vpc-peering-connections/{name}")["Status"]


@pytest.fixture
def request_(net):
    """A request between far and left, and a route of far's that waits for it."""
    def make(**more):
        pcx = net.rest("POST", "/v1/vpc-peering-connections",
                       {"VpcId": "far", "PeerVpcId": "left", "Name": "far-left", **more})
        net.ctl("rtb", "create", "--name", "short", "--vpc-id", "far", "--set",
                'Routes=[{"DestinationCidrBlock": "10.1.1.0/25",'
                ' "VpcPeeringConnectionId": "far-left"}]')
        net.ctl("subnet", "set", "far/c", "--route-table-id", "short")
        return pcx

    yield make
    net.ctl("subnet", "set", "far/c", "--route-table-id", "far/t")
    net.ctl("rtb", "delete", "short")
    net.ctl("pcx", "delete", "far-left", check=False)


def test_a_request_is_a_blackhole_until_it_is_accepted_and_after_it_is_deleted(
        net, inside, request_):
    request_()
    assert status(net, "far-left") == "pending-acceptance"
    beyond, caller = inside("beyond").udp(), (net.address("caller"), 9)
    with dropped(net, "BLACKHOLE"):
        beyond.sendto(b"?", caller)
    net.ctl("pcx", "set", "far-left", "--set", "Accept=true")
    assert status(net, "far-left") == "active"
    with dropped(net, "SG_INGRESS"):  # it arrives
        beyond.sendto(b"?", caller)
    net.ctl("pcx", "delete", "far-left")
    with dropped(net, "BLACKHOLE"):
        beyond.sendto(b"?", caller)


def test_a_request_expires_after_seven_days(net, inside, request_):
    request_()
    net.rest("POST", "/v1/clock", {"AdvanceSeconds": 7 * 86400 - 60})
    assert status(net, "far-left") == "pending-acceptance"
    net.rest("POST", "/v1/clock", {"AdvanceSeconds": 61})
    until(lambda: status(net, "far-left") == "expired", what="the request's end")
    with dropped(net, "BLACKHOLE"):
        inside("beyond").udp().sendto(b"?", (net.address("caller"), 9))


def test_vpcs_that_overlap_end_in_state_failed(net):
    net.ctl("vpc", "create", "--name", "twin", "--cidr-block", "10.1.128.0/17")
    try:
        net.rest("POST", "/v1/vpc-peering-connections",
                 {"VpcId": "twin", "PeerVpcId": "left", "Name": "twin-left", "Accept": True})
        assert status(net, "twin-left") == "failed"
    finally:
        net.ctl("pcx", "delete", "twin-left")
        net.ctl("vpc", "delete", "twin")


def test_references_to_a_former_peers_groups_match_nobody(net, inside):
    db, caller = inside("db").udp(7), inside("caller").udp()
    passes(caller, DB, db)
    net.ctl("pcx", "delete", "left-right")
    try:
        with dropped(net, "BLACKHOLE"):
            inside("caller").udp().sendto(b"?", DB)
    finally:
        net.ctl("up", "-y", "-f", net.dir / "peering.json")
    passes(caller, DB, db)

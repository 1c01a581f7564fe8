# SPDX-License-Identifier: MIT
"""SEMANTICS.md, Security groups: what references match and do not, protocols, the default group.

    VPC 10.0.0.0/16, igw
      pub 10.0.0.0/24 (igw)   server 10.0.0.80 (EIP 198.51.100.20), member (EIP 198.51.100.21), nat
      prv 10.0.1.0/24 (nat)   inner (a member too), mute (nothing out), one and two (default group)
    Group server: udp 7 from members; protocol 47 and icmp 13/0 from 10.0.0.0/16.
"""

import socket

import pytest
from scapy.all import ICMP, raw

from conftest import dropped, passes

SERVER, PUBLIC = ("10.0.0.80", 7), ("198.51.100.20", 7)


@pytest.fixture(scope="module")
def net(vpcd):
    def instance(subnet, *groups, **more):
        return {"Subnet": f"v/{subnet}", "SecurityGroups": [f"v/{g}" for g in groups], **more}

    vpcd.up({"Lab": "groups", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"pub": {"CidrBlock": "10.0.0.0/24", "RouteTable": "pub"},
                    "prv": {"CidrBlock": "10.0.1.0/24", "RouteTable": "prv"}},
        "NatGateways": {"nat": {"Subnet": "pub", "PublicIp": "198.51.100.10"}},
        "RouteTables": {"pub": {"Routes": {"0.0.0.0/0": "igw"}},
                        "prv": {"Routes": {"0.0.0.0/0": "nat"}}},
        "SecurityGroups": {
            "members": {}, "mute": {"Egress": []},
            "server": {"Ingress": ["udp 7 from members", "47 from 10.0.0.0/16",
                                   "icmp 13/0 from 10.0.0.0/16"]}}}},
        "Instances": {
            "server": instance("pub", "server", PrivateIpAddress=SERVER[0], PublicIp=PUBLIC[0]),
            "member": instance("pub", "members", PublicIp="198.51.100.21"),
            "inner": instance("prv", "members"), "mute": instance("prv", "mute"),
            "one": {"Subnet": "v/prv"}, "two": {"Subnet": "v/prv"}}})
    yield vpcd
    vpcd.down("groups")


@pytest.mark.parametrize("name", ["member", "inner"])
def test_a_reference_matches_private_addresses_alone(net, inside, name):
    """Not the public address of the server, nor what a NAT gateway has lent."""
    sender = inside(name).udp()
    passes(sender, SERVER, inside("server").udp(7))
    with dropped(net, "SG_INGRESS"):
        sender.sendto(b"?", PUBLIC)


def test_the_default_group_admits_its_own_members(net, inside):
    one, two, other = inside("one").udp(), inside("two").udp(7), inside("inner").udp()
    passes(one, (net.address("two"), 7), two)
    with dropped(net, "SG_INGRESS"):
        other.sendto(b"?", (net.address("two"), 7))


def test_two_gates_the_senders_and_the_receivers(net, inside):
    server = inside("server").udp(7)
    net.ctl("instance", "set", "mute", "--security-group-ids", "v/mute,v/members")
    try:
        passes(inside("mute").udp(), SERVER, server)  # members' rule lets it out
        net.ctl("instance", "set", "mute", "--security-group-ids", "v/mute")
        with dropped(net, "SG_EGRESS"):
            inside("mute").udp().sendto(b"?", SERVER)
    finally:
        net.ctl("instance", "set", "mute", "--security-group-ids", "v/mute")


def test_a_protocol_number_opens_that_protocol(net, inside):
    gre = [inside(n).socket(kind=socket.SOCK_RAW, proto=47) for n in ("inner", "server")]
    gre[0].sendto(b"\0" * 4, (SERVER[0], 0))
    assert gre[1].recvfrom(64)[1][0] == net.address("inner")
    esp = inside("inner").socket(kind=socket.SOCK_RAW, proto=50)
    with dropped(net, "SG_INGRESS"):
        esp.sendto(b"\0" * 16, (SERVER[0], 0))


def test_icmp_goes_by_type_and_code(net, inside):
    icmp = [inside(n).socket(kind=socket.SOCK_RAW, proto=1) for n in ("inner", "server")]
    icmp[0].sendto(raw(ICMP(type=13, code=0, id=7)), (SERVER[0], 0))
    assert icmp[1].recvfrom(64)[0][20] == 13
    for kind, code in ((13, 1), (8, 0)):
        with dropped(net, "SG_INGRESS"):
            icmp[0].sendto(raw(ICMP(type=kind, code=code, id=8)), (SERVER[0], 0))


def test_the_resolver_is_never_filtered(net):
    r = net.exec("mute", "dig", "+short", "+time=2", "server.ec2.internal")
    assert r.stdout.strip() == SERVER[0]

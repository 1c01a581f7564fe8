# SPDX-License-Identifier: MIT
"""SEMANTICS.md, Network ACLs.

    VPC 10.0.0.0/16, igw                                   simulated internet
      a 10.0.1.0/24 (nat)   client, mate                     www 203.0.113.80
      b 10.0.2.0/24         server 10.0.2.80
      g 10.0.3.0/24 (igw)   NAT gateway, EIP 198.51.100.10
    Groups are open. Each test gives a subnet an ACL of its own.
"""

import pytest

from conftest import dropped, passes

SERVER, WWW = ("10.0.2.80", 7), ("203.0.113.80", 7)


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "acl", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "a"},
                    "b": {"CidrBlock": "10.0.2.0/24"},
                    "g": {"CidrBlock": "10.0.3.0/24", "RouteTable": "g"}},
        "NatGateways": {"nat": {"Subnet": "g", "PublicIp": "198.51.100.10"}},
        "RouteTables": {"a": {"Routes": {"0.0.0.0/0": "nat"}},
                        "g": {"Routes": {"0.0.0.0/0": "igw"}}},
        "SecurityGroups": {"open": {"Ingress": ["all from 0.0.0.0/0"]}}}},
        "Instances": {
            "client": {"Subnet": "v/a", "SecurityGroups": ["v/open"]},
            "mate": {"Subnet": "v/a", "SecurityGroups": ["v/open"]},
            "server": {"Subnet": "v/b", "SecurityGroups": ["v/open"],
                       "PrivateIpAddress": SERVER[0]}},
        "InternetHosts": {"www.example.com": {"Address": WWW[0]}}})
    yield vpcd
    vpcd.down("acl")


@pytest.fixture
def acl(net):
    """acl(SUBNET, "100 allow udp 7 from 10.0.1.0/24", …): the subnet's entries for one test."""
    given = []

    def entry(text):
        number, action, protocol, *rest = text.split()
        e = {"RuleNumber": int(number), "RuleAction": action, "Egress": rest[-2] == "to",
             "Protocol": "-1" if protocol == "all" else protocol, "CidrBlock": rest[-1]}
        if len(rest) == 3:
            low, _, high = rest[0].partition("-")
            e.update(FromPort=int(low), ToPort=int(high or low))
        return e

    def give(subnet, *entries):
        if subnet not in given:
            net.rest("POST", "/v1/network-acls", {"Name": f"of-{subnet}", "VpcId": "v"})
            net.ctl("subnet", "set", f"v/{subnet}", "--network-acl-id", f"of-{subnet}")
            given.append(subnet)
        net.rest("PATCH", f"/v1/network-acls/of-{subnet}",
                 {"Entries": [entry(e) for e in entries]})

    yield give
    for subnet in given:
        net.ctl("subnet", "set", f"v/{subnet}", "--unset", "NetworkAclId")
        net.ctl("acl", "delete", f"of-{subnet}")


ANY = ("100 allow all from 0.0.0.0/0", "100 allow all to 0.0.0.0/0")


def test_a_new_acl_denies_all(net, inside, acl):
    acl("b")
    with dropped(net, "ACL_INGRESS"):
        inside("client").udp().sendto(b"?", SERVER)
    with dropped(net, "ACL_EGRESS"):
        inside("server").udp().sendto(b"?", (net.address("client"), 7))


def test_the_first_match_by_number_counts(net, inside, acl):
    client, server = inside("client").udp(), inside("server").udp(7)
    acl("b", "200 allow udp 7 from 0.0.0.0/0", "300 deny all from 0.0.0.0/0")
    passes(client, SERVER, server)
    acl("b", "200 allow udp 7 from 0.0.0.0/0", "199 deny udp 7 from 10.0.1.0/24")
    with dropped(net, "ACL_INGRESS"):
        client.sendto(b"?", SERVER)
    acl("b", "200 deny udp 7 from 10.0.1.0/24", "32766 allow udp 7 from 0.0.0.0/0",
        f"199 allow udp 7 from {net.address('client')}/32")
    passes(client, SERVER, server)


def test_it_is_stateless(net, inside, acl):
    client, server = inside("client").udp(33000), inside("server").udp(7)
    acl("b", "100 allow udp 7 from 0.0.0.0/0")
    peer = passes(client, SERVER, server)
    with dropped(net, "ACL_EGRESS"):
        server.sendto(b"!", peer)
    acl("b", "100 allow udp 7 from 0.0.0.0/0", "100 allow udp 32768-61000 to 0.0.0.0/0")
    passes(server, peer, client)


def test_it_is_never_asked_within_a_subnet(net, inside, acl):
    acl("a")
    client, mate = inside("client").udp(), inside("mate").udp(7)
    passes(mate, passes(client, (net.address("mate"), 7), mate), client)


def test_both_subnets_are_asked(net, inside, acl):
    acl("a", "100 allow udp 7 to 10.0.2.0/24", "100 allow all from 0.0.0.0/0")
    acl("b", "100 allow udp 7 from 10.0.1.0/24", "100 allow all to 0.0.0.0/0")
    passes(inside("client").udp(), SERVER, inside("server").udp(7))
    with dropped(net, "ACL_EGRESS"):
        inside("client").udp().sendto(b"?", (SERVER[0], 8))


def test_the_resolver_is_never_filtered(net, acl):
    acl("a")
    r = net.exec("client", "dig", "+short", "+time=2", "server.ec2.internal")
    assert r.stdout.strip() == SERVER[0]


def test_through_a_nat_gateway_its_subnet_is_asked_too(net, inside, acl):
    """Out of the client's subnet, into and out of the gateway's; replies the other way round."""
    client, www = inside("client").udp(40000), inside("www.example.com").udp(7)
    acl("g", *ANY)
    peer = passes(client, WWW, www)
    passes(www, peer, client)
    acl("g", ANY[0])
    with dropped(net, "ACL_EGRESS"):
        client.sendto(b"?", WWW)
    acl("g", ANY[1])
    with dropped(net, "ACL_INGRESS"):
        client.sendto(b"?", WWW)
    # The gateway's source port is one of 1024 to 65535.
    acl("g", "100 allow udp 7 from 10.0.1.0/24", "100 allow udp 7 to 0.0.0.0/0",
        "110 allow udp 1024-65535 from 203.0.113.0/24", "110 allow udp 40000 to 10.0.1.0/24")
    peer = passes(client, WWW, www)
    assert peer[0] == "198.51.100.10"
    passes(www, peer, client)


def test_an_icmp_error_is_subject_to_it(net, inside, acl):
    client = inside("client").udp()
    client.connect((SERVER[0], 9))  # closed: the server's kernel says so
    client.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        client.recv(64)
    acl("b", ANY[0], "50 deny icmp to 0.0.0.0/0", ANY[1])
    with dropped(net, "ACL_EGRESS"):
        client.send(b"?")

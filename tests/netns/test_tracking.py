# SPDX-License-Identifier: MIT
"""SEMANTICS.md, Tracking: which flows are remembered, and for how long. The clock is the lab's.

    VPC 10.0.0.0/16
      a 10.0.1.0/24   client (all out, nothing in)
      b 10.0.2.0/24   server 10.0.2.80 (udp, tcp, icmp from client's subnet; nothing out)
                      quick 10.0.2.81  (the same; UDP time-outs of its own: 40 and 70 s)
                      open 10.0.2.82   (udp 7 from 0.0.0.0/0, all out: untracked)
"""

import socket

import pytest

from conftest import dropped, passes

SERVER, QUICK, OPEN = ("10.0.2.80", 7), ("10.0.2.81", 7), ("10.0.2.82", 7)


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--lab-clock")


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "tracking", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}, "b": {"CidrBlock": "10.0.2.0/24"}},
        "SecurityGroups": {
            "client": {"Ingress": []},
            "server": {"Ingress": ["udp 7 from 10.0.1.0/24", "tcp 7 from 10.0.1.0/24",
                                   "47 from 10.0.1.0/24"], "Egress": []},
            "open": {"Ingress": ["udp 7 from 0.0.0.0/0"], "Egress": ["all to 0.0.0.0/0"]}}}},
        "Instances": {
            "client": {"Subnet": "v/a", "SecurityGroups": ["v/client"]},
            "server": {"Subnet": "v/b", "SecurityGroups": ["v/server"],
                       "PrivateIpAddress": SERVER[0]},
            "quick": {"Subnet": "v/b", "SecurityGroups": ["v/server"],
                      "PrivateIpAddress": QUICK[0],
                      "ConnectionTrackingSpecification": {"UdpTimeout": 40,
                                                          "UdpStreamTimeout": 70}},
            "open": {"Subnet": "v/b", "SecurityGroups": ["v/open"], "PrivateIpAddress": OPEN[0]}}})
    yield vpcd
    vpcd.down("tracking")


@pytest.fixture
def pair(net, inside):
    """A client's socket, and a server's for each address."""
    def make(name):
        client, server = inside("client").udp(), inside(name).udp(7)
        return client, server
    return make


def wait(net, seconds):
    net.rest("POST", "/v1/clock", {"AdvanceSeconds": seconds})


def test_udp_one_way_is_remembered_for_30_seconds(net, pair):
    client, server = pair("server")
    peer = passes(client, SERVER, server)
    wait(net, 29)
    assert passes(server, peer, client) == SERVER
    wait(net, 31)
    with dropped(net, "SG_EGRESS"):
        server.sendto(b"late", peer)


def test_udp_of_more_than_one_exchange_is_remembered_for_180_seconds(net, pair):
    client, server = pair("server")
    for _ in range(2):
        peer = passes(client, SERVER, server)
        passes(server, peer, client)
    wait(net, 179)
    passes(server, peer, client)
    wait(net, 181)
    with dropped(net, "SG_EGRESS"):
        server.sendto(b"late", peer)


def test_an_interface_has_time_outs_of_its_own(net, pair):
    client, server = pair("quick")
    peer = passes(client, QUICK, server)
    wait(net, 31)  # 30 s is the client's, and the shorter one counts
    with dropped(net, "SG_EGRESS"):
        server.sendto(b"late", peer)
    for _ in range(2):
        peer = passes(client, QUICK, server)
        passes(server, peer, client)
    wait(net, 69)
    passes(server, peer, client)
    wait(net, 71)
    with dropped(net, "SG_EGRESS"):
        server.sendto(b"late", peer)


def test_tcp_is_remembered_for_days(net, inside):
    listener = inside("server").listen(7)
    client = inside("client").socket(kind=socket.SOCK_STREAM)
    client.connect(SERVER)
    server, _ = listener.accept()
    wait(net, 431000)
    server.sendall(b"still here")
    assert client.recv(64) == b"still here"
    server.settimeout(10)
    client.sendall(b"so am I")
    assert server.recv(64) == b"so am I"
    wait(net, 432001)
    with dropped(net, "SG_EGRESS"):
        server.sendall(b"late")
    server.close()


def test_other_protocols_are_remembered_by_addresses_for_600_seconds(net, inside):
    gre = [inside(n).socket(kind=socket.SOCK_RAW, proto=47) for n in ("client", "server")]
    gre[0].sendto(b"\0" * 8, (SERVER[0], 0))
    peer = gre[1].recvfrom(1024)[1]
    wait(net, 599)
    gre[1].sendto(b"\0" * 8, peer)
    assert gre[0].recvfrom(1024)[1][0] == SERVER[0]
    wait(net, 601)
    with dropped(net, "SG_EGRESS"):
        gre[1].sendto(b"\0" * 8, peer)


def test_a_revoked_rule_leaves_tracked_flows_and_stops_untracked_ones(net, pair, inside):
    tracked, untracked = pair("server"), pair("open")
    peers = [passes(tracked[0], SERVER, tracked[1]), passes(untracked[0], OPEN, untracked[1])]
    passes(tracked[1], peers[0], tracked[0])
    passes(untracked[1], peers[1], untracked[0])
    net.ctl("sg", "revoke", "v/server", "udp 7 from 10.0.1.0/24")
    net.ctl("sg", "revoke", "v/open", "udp 7 from 0.0.0.0/0")
    try:
        passes(tracked[0], SERVER, tracked[1])
        passes(tracked[1], peers[0], tracked[0])
        with dropped(net, "SG_INGRESS"):
            untracked[0].sendto(b"?", OPEN)
        with dropped(net, "SG_INGRESS"):
            inside("client").udp().sendto(b"?", SERVER)
    finally:
        net.ctl("sg", "allow", "v/server", "udp 7 from 10.0.1.0/24")
        net.ctl("sg", "allow", "v/open", "udp 7 from 0.0.0.0/0")


def test_a_denying_acl_cuts_both(net, pair):
    tracked, untracked = pair("server"), pair("open")
    peers = [passes(tracked[0], SERVER, tracked[1]), passes(untracked[0], OPEN, untracked[1])]
    net.ctl("acl", "create", "--name", "shut", "--vpc-id", "v")
    net.ctl("subnet", "set", "v/b", "--network-acl-id", "shut")
    try:
        for sockets, address, peer in ((tracked, SERVER, peers[0]), (untracked, OPEN, peers[1])):
            with dropped(net, "ACL_INGRESS"):
                sockets[0].sendto(b"?", address)
            with dropped(net, "ACL_EGRESS"):
                sockets[1].sendto(b"?", peer)
    finally:
        net.ctl("subnet", "set", "v/b", "--unset", "NetworkAclId")
        net.ctl("acl", "delete", "shut")
    passes(tracked[0], SERVER, tracked[1])


def test_an_icmp_error_passes_a_group_for_a_flow_that_it_quotes(net, inside):
    """The server's kernel refuses a closed port; nothing else of it may leave."""
    net.ctl("sg", "allow", "v/server", "udp 9 from 10.0.1.0/24")
    client = inside("client").udp()
    try:
        client.connect((SERVER[0], 9))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(64)
    finally:
        net.ctl("sg", "revoke", "v/server", "udp 9 from 10.0.1.0/24")

# SPDX-License-Identifier: MIT
"""A middlebox between a NAT gateway and the internet gateway, examples/inspection.json: what leaves is
routed to it by the NAT gateway's subnet, what comes back by the internet gateway's own table.

    VPC 10.0.0.0/16                                          simulated internet
      private  10.0.1.0/24  app, batch    0/0 → gw             www.example.com 203.0.113.80
      nat      10.0.2.0/24  gw = NAT      0/0 → fw
      firewall 10.0.3.0/24  fw 10.0.3.9   0/0 → igw
      igw's table: nat → fw
    fw forwards by its kernel (no source/destination check) and counts what it forwards.
"""

import re
import socket

import pytest

from conftest import ROOT, dropped, passes, until

NAT, FW, WWW = "198.51.100.10", "10.0.3.9", "203.0.113.80"
SIZE = 300000


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.ctl("up", "-y", "-f", ROOT / "examples" / "inspection.json")
    vpcd.wait_log("fw", "ready")
    yield vpcd
    vpcd.down("inspection")


def forwarded(net):
    """Datagrams that the middlebox's kernel has forwarded."""
    lines = net.exec("fw", "grep", "^Ip:", "/proc/net/snmp").stdout.splitlines()
    return int(dict(zip(lines[0].split(), lines[1].split()))["ForwDatagrams"])


@pytest.fixture
def www(inside):
    return inside("www.example.com")


def test_datagrams_pass_the_middlebox_both_ways(net, inside, www):
    client, server = inside("app").udp(), www.udp(7)
    before = forwarded(net)
    peer = passes(client, (WWW, 7), server)
    assert peer[0] == NAT
    assert forwarded(net) == before + 1
    assert passes(server, peer, client) == (WWW, 7)
    assert forwarded(net) == before + 2


def read(s, size):
    data = b""
    while len(data) < size:
        part = s.recv(65536)
        assert part, f"closed after {len(data)} octets"
        data += part
    return data


def test_a_tcp_connection_passes_the_middlebox_both_ways(net, inside, www):
    listener, client = www.listen(80), inside("app").socket(kind=socket.SOCK_STREAM)
    before = forwarded(net)
    client.connect((WWW, 80))
    server, peer = listener.accept()
    with server:
        server.settimeout(10)
        assert peer[0] == NAT
        client.sendall(b"a" * SIZE)
        assert read(server, SIZE) == b"a" * SIZE
        server.sendall(b"b" * SIZE)
        assert read(client, SIZE) == b"b" * SIZE
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
    assert client.recv(1) == b""
    assert forwarded(net) >= before + 2 * SIZE // 65536 + 6


def test_clients_with_one_port_are_told_apart(net, inside, www):
    server = www.udp(7)
    ends = [inside(name).udp(4000) for name in ("app", "batch")]
    peers = [passes(end, (WWW, 7), server) for end in ends]
    assert peers[0][0] == peers[1][0] == NAT and peers[0] != peers[1]
    for end, peer in zip(ends, peers):
        passes(server, peer, end)


def test_ping_passes_the_middlebox(net):
    before = forwarded(net)
    assert net.pings("app", WWW)
    assert forwarded(net) == before + 2


def test_the_middleboxs_own_error_reaches_the_client(net):
    r = net.exec("app", "ping", "-n", "-c", "1", "-W", "5", "-t", "1", WWW, check=False)
    assert re.search(rf"From {FW} .*Time to live exceeded", r.stdout), r.stdout


def test_an_error_of_the_far_end_reaches_the_client(net, inside):
    client = inside("app").udp()
    client.connect((WWW, 9))
    client.send(b"?")  # nobody listens
    with pytest.raises(ConnectionRefusedError):
        client.recv(1)


def test_what_the_middlebox_holds_back_does_not_pass(net, inside, www):
    client, server = inside("app").udp(), www.udp(7)
    passes(client, (WWW, 7), server)
    net.exec("fw", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
    try:
        before = forwarded(net)
        client.sendto(b"held", (WWW, 7))
        assert forwarded(net) == before
    finally:
        net.exec("fw", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    passes(client, (WWW, 7), server)  # and the first thing that arrives is this


def test_nothing_unasked_passes_the_middleboxs_group_nor_the_nat_gateway(net, www):
    with dropped(net, "SG_INGRESS"):
        www.udp().sendto(b"?", (NAT, 4000))
    net.ctl("sg", "allow", "v/firewall", "udp 4000 from 203.0.113.0/24")
    try:
        before = forwarded(net)
        with dropped(net, "NAT_UNSOLICITED"):  # by the middlebox: its kernel sent it on
            www.udp().sendto(b"?", (NAT, 4000))
        until(lambda: forwarded(net) == before + 1, 5, "forwarding")
    finally:
        net.ctl("sg", "revoke", "v/firewall", "udp 4000 from 203.0.113.0/24")


def test_trace_explains_the_way_there_and_back(net):
    t = net.json("trace", "app", "www.example.com:80")
    assert t["Verdict"] == "allow", t

    def way(direction):
        return [(h["Kind"], h["Direction"], h.get("Name")) for h in t[direction]["Hops"]
                if h["Kind"] in ("network-interface", "nat-gateway", "internet-gateway")]

    assert way("Forward") == [
        ("network-interface", "egress", "app"), ("nat-gateway", "egress", "gw"),
        ("network-interface", "ingress", "fw"), ("network-interface", "egress", "fw"),
        ("internet-gateway", "egress", "igw")]
    assert way("Return") == [
        ("internet-gateway", "ingress", "igw"), ("network-interface", "ingress", "fw"),
        ("network-interface", "egress", "fw"), ("nat-gateway", "ingress", "gw"),
        ("network-interface", "ingress", "app")]


def test_the_examples_own_assertions_hold(net):
    out = net.ctl("test", "-f", ROOT / "examples" / "inspection.json").stdout
    assert "3 passed, 0 failed" in out, out

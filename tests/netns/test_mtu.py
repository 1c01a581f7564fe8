# SPDX-License-Identifier: MIT
"""SEMANTICS.md, MTU: 9001 in a VPC and over a peering, 1500 at the internet's gateways.

    VPC v 10.0.0.0/16, 2001:db8:1000::/56, igw === VPC p 10.5.0.0/16     simulated internet
      a 10.0.1.0/24, …:1::/64  client (EIP, ::10)        far 10.5.1.80     www 203.0.113.80,
      b 10.0.2.0/24            server 10.0.2.80                              2001:db8:ff::80
                                                                           naive 203.0.113.81
    Groups let udp 7 in and nothing of ICMP: the router's own errors are never filtered.
"""

import errno
import socket

import pytest

from conftest import IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_DONT, dropped, until

NAIVE = "203.0.113.81"
WWW, WWW6, SERVER, FAR = "203.0.113.80", "2001:db8:ff::80", "10.0.2.80", "10.5.1.80"
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24


@pytest.fixture(scope="module")
def net(vpcd):
    rules = {"Ingress": ["udp 7 from 0.0.0.0/0", "udp 7 from ::/0"]}
    vpcd.up({"Lab": "mtu", "Vpcs": {
        "v": {"CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": "2001:db8:1000::/56",
              "InternetGateway": "igw",
              "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "a",
                                "Ipv6CidrBlock": "2001:db8:1000:1::/64"},
                          "b": {"CidrBlock": "10.0.2.0/24"}},
              "RouteTables": {"a": {"Routes": {"0.0.0.0/0": "igw", "::/0": "igw",
                                               "10.5.0.0/16": "v-p"}}},
              "SecurityGroups": {"udp": rules}},
        "p": {"CidrBlock": "10.5.0.0/16", "Subnets": {"c": {"CidrBlock": "10.5.1.0/24"}},
              "SecurityGroups": {"udp": rules}}},
        "VpcPeeringConnections": {"v-p": {"Vpc": "v", "PeerVpc": "p"}},
        "Instances": {
            "client": {"Subnet": "v/a", "SecurityGroups": ["v/udp"], "PublicIp": "auto",
                       "Ipv6Addresses": ["2001:db8:1000:1::10"]},
            "server": {"Subnet": "v/b", "SecurityGroups": ["v/udp"], "PrivateIpAddress": SERVER},
            "far": {"Subnet": "p/c", "SecurityGroups": ["p/udp"], "PrivateIpAddress": FAR}},
        "InternetHosts": {"www.example.com": {"Address": WWW, "Ipv6Address": WWW6},
                          "naive.example.com": {"Address": NAIVE}}})
    yield vpcd
    vpcd.down("mtu")


def arrives(sender, to, receiver, size):
    sender.sendto(b"x" * size, to)
    return len(receiver.recvfrom(65535)[0]) == size


@pytest.mark.parametrize("name, address", [("server", SERVER), ("far", FAR)])
def test_9001_bytes_pass_within_a_vpc_and_over_a_peering(net, inside, name, address):
    client, receiver = inside("client").udp(), inside(name).udp(7)
    client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    assert arrives(client, (address, 7), receiver, 9001 - 28)


def refused(s, size):
    """The kernel has learnt of a smaller MTU: it refuses to send that much."""
    try:
        s.send(b"x" * size)
    except OSError as e:
        assert e.errno == errno.EMSGSIZE
        return True
    return False


def test_a_larger_packet_with_df_is_dropped_and_its_sender_told(net, inside):
    client = inside("client").udp()
    client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    client.connect((WWW, 7))
    with dropped(net, "MTU"):
        client.send(b"x" * 3000)
    until(lambda: refused(client, 3000), what="fragmentation needed")
    assert client.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1500
    assert arrives(inside("client").udp(), (WWW, 7), inside("www.example.com").udp(7), 1472)


def test_a_larger_packet_without_df_is_fragmented(net, inside):
    """To a host of which the sender's kernel has learnt nothing: the gateway cuts."""
    client, host = inside("client").udp(), inside("naive.example.com").udp(7)
    client.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    for size in (1500, 4000, 8900):
        assert arrives(client, (NAIVE, 7), host, size)


def test_a_larger_ipv6_packet_is_dropped_and_its_sender_told(net, inside):
    client = inside("client").udp(v6=True)
    client.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO)
    client.connect((WWW6, 7))
    with dropped(net, "MTU"):
        client.send(b"x" * 3000)
    until(lambda: refused(client, 3000), what="packet too big")
    assert client.getsockopt(socket.IPPROTO_IPV6, IPV6_MTU) == 1500
    # Its kernel cuts the next ones itself.
    assert arrives(inside("client").udp(v6=True), (WWW6, 7),
                   inside("www.example.com").udp(7, v6=True), 4000)


def test_tcp_finds_the_size_by_itself(net, inside):
    listener = inside("www.example.com").listen(80)
    client = inside("client").socket(kind=socket.SOCK_STREAM)
    client.connect((WWW, 80))
    there, _ = listener.accept()
    there.settimeout(10)
    data = bytes(range(256)) * 400
    client.sendall(data)
    got = b""
    while len(got) < len(data):
        got += there.recv(65536)
    assert got == data
    there.close()

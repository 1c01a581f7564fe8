# SPDX-License-Identifier: MIT
"""IPv6: addresses, neighbour and router discovery, internet and egress-only gateways.

    VPC 10.0.0.0/16, 2001:db8:1000::/56, igw, eigw       simulated internet
      a …:1::/64 (::/0 -> igw)    client ::10, mate ::11   www 2001:db8:ff::80
      b …:2::/64 (::/0 -> eigw)   server ::80
      c 10.0.3.0/24, no IPv6      old
    Group open: all in from ::/0 and 0.0.0.0/0; group four: all in from 0.0.0.0/0 alone.
"""

import socket

import pytest
from scapy.all import (Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_RS,
                       ICMPv6NDOptMTU, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS,
                       ICMPv6NDOptSrcLLAddr, IPv6, in6_getnsma, inet_ntop, inet_pton, raw)

from conftest import dropped, passes, server

NET = "2001:db8:1000"
CLIENT, MATE, SERVER = f"{NET}:1::10", f"{NET}:1::11", f"{NET}:2::80"
WWW, WWW4 = "2001:db8:ff::80", "203.0.113.80"
ROUTER, ROUTER_MAC = "fe80:ec2::1", "0a:ff:ff:ff:ff:01"


@pytest.fixture(scope="module")
def net(vpcd):
    def instance(subnet, *addresses, group="open", **more):
        return {"Subnet": f"v/{subnet}", "SecurityGroups": [f"v/{group}"],
                "Ipv6Addresses": list(addresses), **more}

    vpcd.up({"Lab": "six", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": f"{NET}::/56", "InternetGateway": "igw",
        "EgressOnlyInternetGateway": "eigw",
        "Subnets": {
            "a": {"CidrBlock": "10.0.1.0/24", "Ipv6CidrBlock": f"{NET}:1::/64", "RouteTable": "a"},
            "b": {"CidrBlock": "10.0.2.0/24", "Ipv6CidrBlock": f"{NET}:2::/64", "RouteTable": "b"},
            "c": {"CidrBlock": "10.0.3.0/24"}},
        "RouteTables": {"a": {"Routes": {"::/0": "igw", "0.0.0.0/0": "igw"}},
                        "b": {"Routes": {"::/0": "eigw"}}},
        "SecurityGroups": {"open": {"Ingress": ["all from 0.0.0.0/0", "all from ::/0"]},
                           "four": {"Ingress": ["all from 0.0.0.0/0"]},
                           "echo": {"Ingress": ["icmpv6 128 from ::/0"]}}}},
        "Instances": {
            "client": instance("a", CLIENT, Capabilities=["net_raw"]),
            "mate": instance("a", MATE, Command=server("mate", "tcp:80")),
            "server": instance("b", SERVER, Command=server("server", "tcp:80")),
            "four": instance("b", f"{NET}:2::4", group="four"),
            "echo": instance("b", f"{NET}:2::e", group="echo"),
            "old": {"Subnet": "v/c", "SecurityGroups": ["v/open"]}},
        "InternetHosts": {"www.example.com": {"Address": WWW4, "Ipv6Address": WWW,
                                              "Command": server("www", "tcp:80")}}})
    for name in ("mate", "server", "www.example.com"):
        vpcd.wait_log(name, "serving")
    yield vpcd
    vpcd.down("six")


def test_neighbours_subnets_and_the_internet_are_reached(net):
    assert net.fetch("client", f"[{MATE}]") == f"mate {CLIENT}"
    assert net.fetch("client", f"[{SERVER}]") == f"server {CLIENT}"
    assert net.fetch("client", f"[{WWW}]") == f"www {CLIENT}"  # no gateway translates
    assert all(net.pings("client", a) for a in (MATE, SERVER, WWW))


def test_a_sandbox_without_address_has_no_ipv6(net):
    assert net.exec("old", "ip", "-6", "addr", "show", "dev", "eth0").stdout == ""
    assert net.exec("old", "ip", "-6", "route").stdout == ""


def test_the_resolver_answers_over_ipv6(net):
    r = net.exec("client", "dig", "+short", "+time=2", "@fd00:ec2::253", "AAAA", "www.example.com")
    assert r.stdout.strip() == WWW


def ask(frames, mac, packet, want):
    """Sends an IPv6 packet from the client's link; the answer of that layer."""
    frames.send(raw(Ether(src=mac, dst="33:33:ff:00:00:01") / packet))
    while True:
        answer = Ether(frames.recv(2048))
        if want in answer and answer.src != mac:
            return answer


def solicitation(mac, target, source=CLIENT):
    group = inet_ntop(socket.AF_INET6, in6_getnsma(inet_pton(socket.AF_INET6, target)))
    ns = IPv6(src=source, dst=group, hlim=255) / ICMPv6ND_NS(tgt=target)
    return ns if source == "::" else ns / ICMPv6NDOptSrcLLAddr(lladdr=mac)


@pytest.fixture
def link(net, inside):
    client = inside("client")
    mac = net.rest("GET", f"/v1/network-interfaces/{client.attachment}")["MacAddress"]
    return client.frames(), mac


def test_neighbour_discovery_is_answered_for_router_and_live_neighbours(net, link, inside):
    mate = net.rest("GET", f"/v1/network-interfaces/{inside('mate').attachment}")["MacAddress"]
    for target, mac in ((ROUTER, ROUTER_MAC), (f"{NET}:1::1", ROUTER_MAC), (MATE, mate)):
        na = ask(*link, solicitation(link[1], target), ICMPv6ND_NA)
        assert (na[ICMPv6ND_NA].tgt, na.src) == (target, mac)


def test_it_is_not_answered_for_absent_and_own_addresses(net, link):
    for target, source in ((f"{NET}:1::99", CLIENT), (SERVER, CLIENT), (CLIENT, "::")):
        with dropped(net, "NEIGHBOUR"):
            link[0].send(raw(Ether(src=link[1], dst="33:33:ff:00:00:01") /
                             solicitation(link[1], target, source)))


def test_a_router_solicitation_gets_an_advertisement(net, link):
    rs = IPv6(src=CLIENT, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / \
        ICMPv6NDOptSrcLLAddr(lladdr=link[1])
    ra = ask(*link, rs, ICMPv6ND_RA)
    assert ra[IPv6].src == ROUTER and ra[IPv6].hlim == 255
    assert (ra[ICMPv6ND_RA].M, ra[ICMPv6ND_RA].routerlifetime) == (1, 1800)
    assert ra[ICMPv6NDOptMTU].mtu == 9001
    assert ra[ICMPv6NDOptRDNSS].dns == ["fd00:ec2::253"]
    assert not (ICMPv6NDOptPrefixInfo in ra and ra[ICMPv6NDOptPrefixInfo].A)


def test_a_range_of_ipv4_never_covers_ipv6(net, inside):
    client, four = inside("client").udp(v6=True), inside("four").udp(7, v6=True)
    with dropped(net, "SG_INGRESS"):
        client.sendto(b"?", (f"{NET}:2::4", 7))
    passes(inside("client").udp(), (net.address("four"), 7), four)


def test_icmpv6_rules_go_by_type(net, inside):
    assert net.pings("client", f"{NET}:2::e")
    with dropped(net, "SG_INGRESS"):
        inside("client").udp(v6=True).sendto(b"?", (f"{NET}:2::e", 7))


def test_an_internet_gateway_lets_the_internet_in(net, inside):
    www, client = inside("www.example.com").udp(v6=True), inside("client").udp(7, v6=True)
    peer = passes(www, (CLIENT, 7), client)
    assert peer[0] == WWW
    passes(client, peer, www)


def test_an_egress_only_gateway_lets_replies_in_and_nothing_else(net, inside):
    www, srv = inside("www.example.com").udp(7, v6=True), inside("server").udp(7, v6=True)
    srv_out = inside("server").udp(v6=True)
    peer = passes(srv_out, (WWW, 7), www)
    assert peer[0] == SERVER
    passes(www, peer, srv_out)
    # This VPC has an internet gateway too, but the subnet's way out is the other: the reply of what
    # comes in by the one may not leave by the other.
    fresh = inside("www.example.com").udp(v6=True)
    with dropped(net, "EIGW_UNSOLICITED"):
        fresh.sendto(b"?", (SERVER, 7))
        srv.sendto(b"!", srv.recvfrom(64)[1])


def test_without_internet_gateway_nothing_opens_from_outside(net, inside):
    net.rest("PATCH", "/v1/internet-gateways/igw", {"VpcId": None})
    try:
        with dropped(net, "EIGW_UNSOLICITED"):
            inside("www.example.com").udp(v6=True).sendto(b"?", (SERVER, 7))
        with dropped(net, "BLACKHOLE"):
            inside("client").udp(v6=True).sendto(b"?", (WWW, 7))
    finally:
        net.rest("PATCH", "/v1/internet-gateways/igw", {"VpcId": "v"})


def test_addresses_change_on_a_live_sandbox(net, inside):
    more = f"{NET}:1::77"
    client, mate = inside("client"), inside("mate")
    kept, receiver = client.udp(v6=True), mate.udp(7, v6=True)
    kept_peer = passes(kept, (MATE, 7), receiver)
    eni = f"/v1/network-interfaces/{client.attachment}"
    net.rest("PATCH", eni, {"Ipv6Addresses": [CLIENT, more],
                            "SecondaryPrivateIpAddresses": ["10.0.1.77"]})
    try:
        shown = net.exec("client", "ip", "-o", "addr", "show", "dev", "eth0").stdout
        assert more in shown and "10.0.1.77/32" in shown
        new = client.socket(socket.AF_INET6)
        new.bind((more, 0))
        assert passes(new, (MATE, 7), receiver)[0] == more
        passes(receiver, new.getsockname()[:2], new)
    finally:
        net.rest("PATCH", eni, {"Ipv6Addresses": [CLIENT], "SecondaryPrivateIpAddresses": []})
    assert more not in net.exec("client", "ip", "-o", "addr", "show", "dev", "eth0").stdout
    with dropped(net, "NO_DESTINATION"):
        inside("server").udp(v6=True).sendto(b"?", (more, 7))
    assert passes(kept, (MATE, 7), receiver) == kept_peer  # the same namespace, the same socket


def test_an_acl_of_ipv4_alone_denies_ipv6(net, inside):
    entry = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow"}
    four = [{**entry, "Egress": e, "CidrBlock": "0.0.0.0/0"} for e in (False, True)]
    six = [{**entry, "RuleNumber": 101, "Egress": e, "Ipv6CidrBlock": "::/0"}
           for e in (False, True)]
    net.rest("POST", "/v1/network-acls", {"Name": "four-only", "VpcId": "v", "Entries": four})
    net.ctl("subnet", "set", "v/b", "--network-acl-id", "four-only")
    try:
        client, srv = inside("client").udp(v6=True), inside("server").udp(7, v6=True)
        passes(inside("client").udp(), (net.address("server"), 7), srv)
        with dropped(net, "ACL_INGRESS"):
            client.sendto(b"?", (SERVER, 7))
        net.rest("PATCH", "/v1/network-acls/four-only", {"Entries": four + six})
        passes(srv, passes(client, (SERVER, 7), srv), client)
        deny = {**six[0], "RuleNumber": 50, "RuleAction": "deny", "Ipv6CidrBlock": f"{CLIENT}/128"}
        net.rest("PATCH", "/v1/network-acls/four-only", {"Entries": four + six + [deny]})
        with dropped(net, "ACL_INGRESS"):
            client.sendto(b"?", (SERVER, 7))
    finally:
        net.ctl("subnet", "set", "v/b", "--unset", "NetworkAclId")
        net.ctl("acl", "delete", "four-only")

# SPDX-License-Identifier: MIT
"""SEMANTICS.md, Routing. The middlebox forwards by its kernel and counts what it forwards.

    VPC 10.0.0.0/16, 10.8.0.0/16 (secondary)             simulated internet
      a 10.0.1.0/24 (table a)   client, mate               www 203.0.113.80
      b 10.0.2.0/24 (table b)   server 10.0.2.80 (EIP 198.51.100.20), other
      m 10.0.3.0/24             fw 10.0.3.9 (no source/destination check, EIP)
      x 10.8.1.0/24             extra 10.8.1.80
    Everything is open to 0.0.0.0/0; udp 9 at server to members of group clients only.
"""

import json

import pytest

from conftest import dropped, passes

SERVER, BY_GROUP, EXTRA, WWW = ("10.0.2.80", 7), ("10.0.2.80", 9), ("10.8.1.80", 7), \
    ("203.0.113.80", 7)
FW = {"InstanceId": "fw"}
IGW = {"GatewayId": "igw"}


@pytest.fixture(scope="module")
def net(vpcd):
    def instance(subnet, *groups, **more):
        return {"Subnet": f"v/{subnet}", "SecurityGroups": [f"v/{g}" for g in groups], **more}

    vpcd.up({"Lab": "routing", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "SecondaryCidrBlocks": ["10.8.0.0/16"],
        "InternetGateway": "igw",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "a"},
                    "b": {"CidrBlock": "10.0.2.0/24", "RouteTable": "b"},
                    "m": {"CidrBlock": "10.0.3.0/24", "RouteTable": "m"},
                    "x": {"CidrBlock": "10.8.1.0/24"}},
        "RouteTables": {"a": {"Routes": {}}, "b": {"Routes": {"0.0.0.0/0": "igw"}},
                        "m": {"Routes": {"0.0.0.0/0": "igw"}}},
        "SecurityGroups": {"open": {"Ingress": ["all from 0.0.0.0/0"]},
                           "clients": {},
                           "server": {"Ingress": ["udp 7 from 0.0.0.0/0",
                                                  "udp 9 from clients"]}}}},
        "Instances": {
            "client": instance("a", "open", "clients"), "mate": instance("a", "open"),
            "server": instance("b", "server", PrivateIpAddress=SERVER[0],
                               PublicIp="198.51.100.20"),
            "other": instance("b", "open"),
            "fw": instance("m", "open", PrivateIpAddress="10.0.3.9", SourceDestCheck=False,
                           PublicIp="198.51.100.9", Capabilities=["net_admin"], Command=[
                               "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo ready;"
                               " exec sleep infinity"]),
            "extra": instance("x", "open", PrivateIpAddress=EXTRA[0])},
        "InternetHosts": {"www.example.com": {"Address": WWW[0]}}})
    vpcd.wait_log("fw", "ready")
    yield vpcd
    vpcd.down("routing")


def set_routes(net, table, routes):
    net.rest("PATCH", f"/v1/route-tables/v%2F{table}", {"Routes": [
        {("DestinationPrefixListId" if d.startswith("pl") else "DestinationCidrBlock"): d, **t}
        for d, t in routes.items()]})


@pytest.fixture
def tables(net):
    """tables(a={destination: target}, b=…): routes for one test."""
    changed = {}

    def change(**routes):
        for table, r in routes.items():
            changed[table] = True
            set_routes(net, table, r)

    yield change
    for table in changed:
        set_routes(net, table, {} if table == "a" else {"0.0.0.0/0": IGW})


def forwarded(net):
    """Datagrams that the middlebox's kernel has forwarded."""
    lines = net.exec("fw", "grep", "^Ip:", "/proc/net/snmp").stdout.splitlines()
    return dict(zip(lines[0].split(), lines[1].split()))["ForwDatagrams"]


def test_every_block_of_a_vpc_is_local(net, inside):
    client, extra = inside("client").udp(), inside("extra").udp(7)
    passes(extra, passes(client, EXTRA, extra), client)


def test_a_route_to_a_whole_subnet_wins_over_local_and_leads_to_a_middlebox(net, inside, tables):
    client, server = inside("client").udp(), inside("server").udp(7)
    passes(client, SERVER, server)
    tables(a={"10.0.2.0/24": FW}, b={"10.0.1.0/24": FW, "0.0.0.0/0": IGW})
    before = int(forwarded(net))
    peer = passes(client, SERVER, server)
    assert peer[0] == net.address("client")
    assert int(forwarded(net)) == before + 1
    passes(server, peer, client)
    assert int(forwarded(net)) == before + 2


def test_the_local_route_can_be_retargeted_and_restored(net, inside, tables):
    client, server, mate = inside("client").udp(), inside("server").udp(7), inside("mate").udp(7)
    before = int(forwarded(net))
    tables(a={"10.0.0.0/16": FW})
    passes(client, SERVER, server)
    assert int(forwarded(net)) == before + 1
    passes(client, (net.address("mate"), 7), mate)  # same-subnet traffic ignores routes
    assert int(forwarded(net)) == before + 1
    tables(a={"10.0.0.0/16": {"LocalTarget": True}})
    passes(client, SERVER, server)
    assert int(forwarded(net)) == before + 1


def test_a_middlebox_with_the_check_on_gets_nothing_that_is_not_its_own(net, inside, tables):
    tables(a={"10.0.2.0/24": FW})
    net.ctl("instance", "set", "fw", "--set", "SourceDestCheck=true")
    try:
        with dropped(net, "DEST_CHECK"):
            inside("client").udp().sendto(b"?", SERVER)
    finally:
        net.ctl("instance", "set", "fw", "--set", "SourceDestCheck=false")


def test_a_group_reference_does_not_match_through_a_middlebox(net, inside, tables):
    client, server = inside("client").udp(), inside("server").udp(9)
    passes(client, BY_GROUP, server)
    tables(a={"10.0.2.0/24": FW}, b={"10.0.1.0/24": FW})
    with dropped(net, "SG_INGRESS"):
        inside("client").udp().sendto(b"?", BY_GROUP)


def test_the_longest_prefix_wins_whatever_its_kind(net, inside, tables):
    client = inside("client").udp()
    before = int(forwarded(net))
    tables(a={"0.0.0.0/0": IGW, "203.0.113.0/24": FW})
    with dropped(net, "IGW_NO_PUBLIC_IP"):  # behind the middlebox: the client has none
        client.sendto(b"?", WWW)
    assert int(forwarded(net)) == before + 1
    tables(a={"0.0.0.0/0": FW, "203.0.113.0/24": IGW})
    with dropped(net, "IGW_NO_PUBLIC_IP"):
        client.sendto(b"?", WWW)
    assert int(forwarded(net)) == before + 1


@pytest.fixture
def prefix_list(net):
    net.rest("POST", "/v1/prefix-lists", {"Name": "pl-www", "MaxEntries": 4, "Entries": [
        {"Cidr": "203.0.113.0/24"}, {"Cidr": "192.0.2.0/24"}]})
    yield "pl-www"
    net.ctl("prefix-list", "delete", "pl-www")


def test_a_prefix_lists_routes_follow_it_and_yield_to_static_ones(
        net, inside, prefix_list, tables):
    client = inside("client").udp()
    tables(a={"pl-www": FW, "0.0.0.0/0": IGW})
    try:
        before = int(forwarded(net))
        client.sendto(b"?", ("192.0.2.1", 7))
        assert int(forwarded(net)) == before + 1
        net.rest("PATCH", "/v1/prefix-lists/pl-www", {"Entries": [{"Cidr": "203.0.113.0/24"}]})
        with dropped(net, "IGW_NO_PUBLIC_IP"):
            client.sendto(b"?", ("192.0.2.1", 7))
        tables(a={"pl-www": FW, "203.0.113.0/24": IGW})
        with dropped(net, "IGW_NO_PUBLIC_IP"):
            client.sendto(b"?", WWW)
    finally:
        tables(a={})


def test_a_route_to_a_stopped_target_comes_back_with_it(net, inside, tables):
    client, server = inside("client").udp(), inside("server").udp(7)
    net.ctl("instance", "create", "--name", "hop", "--subnet-id", "v/m")
    tables(a={"10.0.2.0/24": {"InstanceId": "hop"}})
    net.ctl("instance", "delete", "hop")
    with dropped(net, "BLACKHOLE"):
        client.sendto(b"?", SERVER)
    tables(a={"10.0.2.0/24": FW})
    passes(client, SERVER, server)


@pytest.fixture
def edge(net):
    """The gateway's own table: what comes in for subnet b goes by the middlebox."""
    net.ctl("rtb", "create", "--name", "edge", "--vpc-id", "v", "--gateway-id", "igw", "--set",
            'Routes=[{"DestinationCidrBlock": "10.0.2.0/24", "InstanceId": "fw"}]')
    yield
    net.ctl("rtb", "set", "edge", "--unset", "GatewayId")
    net.ctl("rtb", "delete", "edge")


def test_what_comes_in_by_a_gateway_with_a_table_goes_by_the_middlebox(
        net, inside, edge, tables):
    www, server = inside("www.example.com").udp(), inside("server").udp(7)
    tables(b={"0.0.0.0/0": FW})
    before = int(forwarded(net))
    assert passes(www, ("198.51.100.20", 7), server)[0] == WWW[0]
    assert int(forwarded(net)) == before + 1


def test_an_ingress_middlebox_without_public_address_gets_nothing(net, inside, edge):
    fw = net.rest("GET", "/v1/instances/fw")["NetworkInterfaceId"]
    eip = next(e for e in net.json("eip", "list") if e.get("NetworkInterfaceId") == fw)
    net.ctl("eip", "set", eip["AllocationId"], "--unset", "NetworkInterfaceId")
    try:
        with dropped(net, "INGRESS_NO_PUBLIC_IP"):
            inside("www.example.com").udp().sendto(b"?", ("198.51.100.20", 7))
        t = json.loads(net.ctl("trace", "www.example.com", "server:7/udp", "-o", "json",
                               check=False).stdout)
        assert (t["Verdict"], t["Code"], t["Reason"]) == \
            ("deny", "INGRESS_RTB_NO_PUBLIC_IP", "INGRESS_NO_PUBLIC_IP"), t
        refusal = t["Forward"]["Hops"][-1]
        assert (refusal["Kind"], refusal["Target"]) == ("route-table", fw), t
        # The route itself is in order, as in AWS.
        assert [r["State"] for r in net.json("rtb", "show", "edge")["Routes"]] \
            == ["active"] * 3
    finally:
        net.ctl("eip", "set", eip["AllocationId"], "--network-interface-id", fw)


def test_traffic_within_a_subnet_ignores_routes(net, inside, tables):
    server, other = inside("server").udp(7), inside("other").udp()
    before = int(forwarded(net))
    tables(b={"10.0.0.0/16": FW})
    passes(other, SERVER, server)
    assert int(forwarded(net)) == before

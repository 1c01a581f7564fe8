# SPDX-License-Identifier: MIT
"""Internet and NAT gateways, elastic IPs.

    VPC 10.0.0.0/16, igw                                 simulated internet
      public 10.0.0.0/24    web (198.51.100.20)            www.example.com 203.0.113.80
                            nat (198.51.100.10)            visitor 203.0.113.90
                            bare (no public address)
      private 10.0.1.0/24   inside, inside2 -> nat
      cut 10.0.2.0/24       alone (no default route)
"""

import pytest

from conftest import allow_all, server

WWW, NAT_IP, WEB_IP = "203.0.113.80", "198.51.100.10", "198.51.100.20"


@pytest.fixture(scope="module")
def edge(vpcd):
    def instance(subnet, **more):
        return {"Subnet": f"edge/{subnet}", "SecurityGroups": ["edge/open"], **more}

    vpcd.up({"Lab": "edge", "Vpcs": {"edge": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                    "private": {"CidrBlock": "10.0.1.0/24", "RouteTable": "private"},
                    "cut": {"CidrBlock": "10.0.2.0/24"}},
        "NatGateways": {"nat": {"Subnet": "public", "PublicIp": NAT_IP}},
        "RouteTables": {"public": {"Routes": {"0.0.0.0/0": "igw"}},
                        "private": {"Routes": {"0.0.0.0/0": "nat"}}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {
            "web": instance("public", PublicIp=WEB_IP, Command=server("web", "tcp:80", "udp:7")),
            "bare": instance("public"),
            "inside": instance("private", Command=server("inside", "tcp:80")),
            "inside2": instance("private"),
            "alone": instance("cut")},
        "InternetHosts": {
            "www.example.com": {"Address": WWW, "Command": server("www", "tcp:80", "udp:7")},
            "visitor.example.com": {"Address": "203.0.113.90",
                                    "Command": server("visitor", "tcp:80")}}})
    for name in ("web", "inside", "www.example.com", "visitor.example.com"):
        vpcd.wait_log(name, "serving")
    yield vpcd
    vpcd.down("edge")


def test_nat_gateway_lends_its_elastic_ip(edge):
    for sandbox in ("inside", "inside2"):
        assert edge.fetch(sandbox, WWW) == f"www {NAT_IP}"
        assert edge.ask_udp(sandbox, WWW, 7) == f"www {NAT_IP}"
        assert edge.pings(sandbox, WWW, 3)
    assert f"tcp 80 {NAT_IP}" in edge.logs("www.example.com")
    assert "10.0.1." not in edge.logs("www.example.com")


def test_two_clients_may_use_the_same_source_port(edge):
    ask = ["nc", "-n", "-w", "3", "-p", "5555", WWW, "80"]
    for sandbox in ("inside", "inside2"):
        r = edge.exec(sandbox, "sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | " + " ".join(ask))
        assert f"www {NAT_IP}" in r.stdout


def test_internet_reaches_an_elastic_ip_and_its_holder_answers_from_it(edge):
    assert edge.fetch("visitor.example.com", WEB_IP) == "web 203.0.113.90"
    assert edge.fetch("web", WWW) == f"www {WEB_IP}"
    assert edge.pings("visitor.example.com", WEB_IP) and edge.pings("web", WWW)
    assert edge.ask_udp("visitor.example.com", WEB_IP, 7) == "web 203.0.113.90"


def test_nothing_comes_in_through_a_nat_gateway(edge):
    before = edge.drops("NAT_UNSOLICITED")
    assert edge.fetch("visitor.example.com", NAT_IP, timeout=2) is None
    assert not edge.pings("visitor.example.com", NAT_IP, wait=1)
    assert edge.drops("NAT_UNSOLICITED") > before


def test_private_addresses_are_no_destination_on_the_internet(edge):
    assert edge.fetch("visitor.example.com", edge.address("inside"), timeout=2) is None
    assert edge.fetch("visitor.example.com", edge.address("web"), timeout=2) is None


def test_a_sandbox_without_public_address_does_not_pass_the_internet_gateway(edge):
    before = edge.drops("IGW_NO_PUBLIC_IP")
    assert edge.fetch("bare", WWW, timeout=2) is None
    assert edge.drops("IGW_NO_PUBLIC_IP") > before


def test_a_subnet_without_route_reaches_its_vpc_only(edge):
    before = edge.drops("NO_ROUTE")
    assert edge.fetch("alone", WWW, timeout=2) is None
    assert edge.drops("NO_ROUTE") > before
    assert edge.fetch("alone", edge.address("inside")) is not None


def test_a_public_address_that_nobody_holds_is_dropped_by_reason(edge):
    before = edge.drops("IGW_UNASSOCIATED") + edge.drops("NO_DESTINATION")
    assert edge.fetch("visitor.example.com", "198.51.100.99", timeout=2) is None
    assert edge.drops("IGW_UNASSOCIATED") + edge.drops("NO_DESTINATION") > before


def test_an_elastic_ip_may_be_given_to_another_instance(edge):
    edge.ctl("eip", "create", "--name", "moving")
    moving = edge.json("eip", "show", "moving")
    moving = (moving[0] if isinstance(moving, list) else moving)["PublicIp"]

    def eni(name):
        return edge.ctl("instance", "show", name, "-o", "json=.NetworkInterfaceId").stdout.strip()

    try:
        assert edge.fetch("visitor.example.com", moving, timeout=2) is None
        edge.ctl("eip", "set", "moving", "--network-interface-id", eni("inside"))
        assert edge.fetch("visitor.example.com", moving, timeout=2) is None  # routed to the NAT
        edge.ctl("eip", "set", "moving", "--network-interface-id", eni("bare"))
        assert edge.fetch("bare", WWW) == f"www {moving}"
        edge.ctl("eip", "set", "moving", "--unset", "NetworkInterfaceId")
        assert edge.fetch("bare", WWW, timeout=2) is None
    finally:
        edge.ctl("eip", "delete", "moving")


def test_metrics_count_what_the_nat_gateway_did(edge):
    import subprocess
    assert edge.fetch("inside", WWW) == f"www {NAT_IP}"
    text = subprocess.run(["curl", "-s", "--unix-socket", str(edge.socket), "http://vpcd/metrics"],
                          capture_output=True, text=True, check=True).stdout
    values = {line.split("{")[0]: int(line.split()[-1]) for line in text.splitlines()
              if line.startswith("vpcd_nat_gateway_")}
    assert values["vpcd_nat_gateway_connection_attempts_total"] > 0
    assert values["vpcd_nat_gateway_out_to_destination_bytes_total"] > 0
    assert values["vpcd_nat_gateway_in_from_destination_packets_total"] > 0
    assert values["vpcd_nat_gateway_port_allocation_errors_total"] == 0
    shown = edge.json("nat", "show", "nat")
    shown = (shown[0] if isinstance(shown, list) else shown)["Metrics"]
    assert len(shown) == len(values) == 14  # CloudWatch's
    assert shown["ConnectionEstablishedCount"] == values[
        "vpcd_nat_gateway_connections_established_total"]


def test_a_nat_gateway_is_pending_until_it_is_made(edge):
    r = edge.json("nat", "create", "--name", "inner", "--subnet-id", "private",
                  "--connectivity-type", "private", "--no-wait")
    r = r[0] if isinstance(r, list) else r
    assert r["State"] in ("pending", "available") and len(r["NatGatewayAddresses"]) == 1
    edge.ctl("nat", "set", "inner", "--secondary-private-ip-address-count", "2")
    r = edge.json("nat", "show", "inner")
    r = r[0] if isinstance(r, list) else r
    assert r["State"] == "available" and len(r["NatGatewayAddresses"]) == 3
    edge.ctl("nat", "delete", "inner")
    assert edge.ctl("nat", "show", "inner", check=False).returncode == 3

# SPDX-License-Identifier: MIT
"""The way out of the machine (vpcd --uplink), with a machine and an outside of our own.

    netns host: vpcd                     netns router             netns far
      up0 192.0.2.1/24 ================= down0 192.0.2.9/24
      lan0 10.77.0.1/24 == netns lan     far0 198.18.0.1/30 ===== eth0 198.18.0.2/30, MTU 1300
      vpcd-… (the instance's link)       10.66.0.1 (a LAN address)
    VPC 10.0.0.0/16, igw: public 10.0.0.0/24 nat (198.51.100.10), web (198.51.100.20)
                          private 10.0.1.0/24 inside -> nat
    simulated internet: www 203.0.113.90, impostor 192.0.2.77

The router has routes to 198.51.100.0/24 and 10.77.0.0/24 by the host, as an attacker would.
"""

import ctypes
import os
import signal
import socket
import subprocess
import threading

import pytest

from conftest import (IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO, PYTHON, Inside, allow_all, dropped,
                      program, server, until)

HOST, ROUTER, FAR, LAN = "192.0.2.1", "192.0.2.9", "198.18.0.2", "10.66.0.1"
NAT, WEB, WWW, IMPOSTOR = "198.51.100.10", "198.51.100.20", "203.0.113.90", "192.0.2.77"
LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace of the test's, and programs in it."""

    def __init__(self, name):
        self.name = f"vpcd-t{os.getpid()}-{name}"
        self.enter = ["nsenter", f"--net=/run/netns/{self.name}"]
        self.processes = []
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self("ip", "link", "set", "lo", "up")

    def __call__(self, *command, check=True):
        return subprocess.run([*self.enter, *command], capture_output=True, text=True,
                              check=check).stdout

    def start(self, command):
        p = subprocess.Popen([*self.enter, *command], stdout=subprocess.PIPE, text=True)
        assert p.stdout.readline() == "serving\n"
        self.processes.append(p)
        return p

    def read(self, path):
        return self("cat", path).strip()

    def socket(self, kind=socket.SOCK_STREAM):
        made = []

        def make():
            with open(f"/run/netns/{self.name}", "rb") as f:
                assert LIBC.setns(f.fileno(), 0x40000000) == 0
            made.append(socket.socket(socket.AF_INET, kind))
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def end(self):
        for p in self.processes:
            p.kill()
            p.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=True)


def wire(a, a_name, a_address, b, b_name, b_address):
    a("ip", "link", "add", a_name, "type", "veth", "peer", "name", b_name, "netns", b.name)
    for end, name, address in ((a, a_name, a_address), (b, b_name, b_address)):
        end("ip", "address", "add", address, "dev", name)
        end("ip", "link", "set", name, "up")


@pytest.fixture(scope="module")
def world():
    host, router, far, lan = (Namespace(n) for n in ("host", "router", "far", "lan"))
    wire(host, "up0", HOST + "/24", router, "down0", ROUTER + "/24")
    wire(router, "far0", "198.18.0.1/30", far, "eth0", FAR + "/30")
    wire(host, "lan0", "10.77.0.1/24", lan, "eth0", "10.77.0.2/24")
    host("ip", "route", "add", "default", "via", ROUTER)
    far("ip", "route", "add", "default", "via", "198.18.0.1")
    router("sysctl", "-qw", "net.ipv4.ip_forward=1")
    router("ip", "link", "set", "far0", "mtu", "1300")
    router("ip", "address", "add", LAN + "/32", "dev", "lo")
    for block in ("198.51.100.0/24", "10.77.0.0/24"):
        router("ip", "route", "add", block, "via", HOST)
    router.start(server("router", "tcp:80", "udp:7"))
    router.start(program("name_server.py", ROUTER, 60))
    far.start(server("far", "tcp:80", "udp:7"))
    host.start(server("host", "tcp:80"))
    yield {"host": host, "router": router, "far": far, "lan": lan}
    for n in (lan, far, router, host):
        n.end()


def lab():
    def instance(subnet, **more):
        return {"Subnet": f"v/{subnet}", "SecurityGroups": ["v/open"], **more}

    return {"Lab": "uplink", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                    "private": {"CidrBlock": "10.0.1.0/24", "RouteTable": "private"}},
        "NatGateways": {"nat": {"Subnet": "public", "PublicIp": NAT}},
        "RouteTables": {"public": {"Routes": {"0.0.0.0/0": "igw"}},
                        "private": {"Routes": {"0.0.0.0/0": "nat"}}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {"web": instance("public", PublicIp=WEB, Command=server("web", "tcp:80")),
                      "inside": instance("private")},
        "InternetHosts": {"www": {"Address": WWW, "Command": server("www", "tcp:80")},
                          "impostor": {"Address": IMPOSTOR,
                                       "Command": server("impostor", "tcp:80")}},
        "ResolverRules": {"outside": {"DomainName": "outside.test", "Vpcs": ["v"],
                                      "TargetIps": [{"Ip": ROUTER}]}}}


@pytest.fixture(scope="module")
def on_host(world, make_daemon):
    """Daemons that live in our host, and leave it before it goes."""
    made = []

    def make():
        made.append(make_daemon(start=False))
        made[-1].prefix = world["host"].enter
        return made[-1]
    yield make
    for d in made:
        assert d.purge().returncode == 0
        d.prefix = []


@pytest.fixture(scope="module")
def net(on_host):
    vpcd = on_host()
    vpcd.start("--uplink", "up0")
    vpcd.up(lab())
    for name in ("web", "www", "impostor"):
        vpcd.wait_log(name, "serving")
    return vpcd


def link_of(vpcd, world):
    """The instance's link in the host's namespace."""
    run = world["host"]("ip", "-o", "link", "show", "type", "veth")
    names = {line.split()[1].split("@")[0] for line in run.splitlines()}
    return {n for n in names if n.startswith("vpcd-")}


# ---- out ----

def test_a_private_subnet_reaches_the_outside_as_the_host(net):
    assert net.fetch("inside", ROUTER) == f"router {HOST}"
    assert net.ask_udp("inside", ROUTER, 7) == f"router {HOST}"
    assert net.pings("inside", ROUTER)


def test_an_elastic_ip_reaches_the_outside_as_the_host(net):
    assert net.fetch("web", FAR) == f"far {HOST}"


def test_simulated_hosts_win_over_the_outside(net):
    assert net.fetch("inside", WWW) == f"www {NAT}"
    assert net.fetch("inside", IMPOSTOR) == f"impostor {NAT}"


def test_names_of_outside_are_asked_there_by_a_resolver_rule(net):
    assert net.exec("inside", "dig", "+short", "www.outside.test").stdout.strip() == ROUTER
    assert net.exec("inside", "dig", "+short", "www.example.org").stdout.strip() == ""


def test_a_path_mtu_outside_comes_back(net):
    inside = Inside(net, "inside")
    s = inside.udp()
    s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    s.connect((FAR, 7))

    def told():
        try:
            s.send(b"x" * 1400)
        except OSError:
            pass
        return s.getsockopt(socket.IPPROTO_IP, IP_MTU) == 1300
    until(told, what="the router's MTU")
    inside.close()


def test_trace_knows_the_way_out(net):
    r = net.json("trace", "inside", f"{ROUTER}:80")
    assert r["Verdict"] == "allow"
    assert r["Forward"]["Hops"][-1]["Kind"] == "uplink"
    assert r["Forward"]["Hops"][-1]["Name"].startswith("vpcd-")
    assert "uplink ingress  vpcd-" in net.ctl("trace", "inside", f"{ROUTER}:80").stdout
    assert net.json("trace", "inside", f"{IMPOSTOR}:80")["Forward"]["Hops"][-1]["Name"] == "impostor"
    r = net.ctl("trace", "www", f"{ROUTER}:80", "-o", "json", check=False)
    assert r.returncode == 1 and '"Reason": "NO_DESTINATION"' in r.stdout


# ---- what stays closed ----

def test_hosts_of_the_simulated_internet_stay_there(net):
    with dropped(net, "NO_DESTINATION"):
        assert net.fetch("www", ROUTER, timeout=1) is None


@pytest.mark.parametrize("address, reason", [
    (LAN, "IGW_PRIVATE_DESTINATION"), ("10.77.0.1", "IGW_PRIVATE_DESTINATION"),
    ("169.254.169.254", "LINK_LOCAL"), ("240.0.0.1", "NO_DESTINATION"),
    ("203.0.113.7", "NO_DESTINATION"), ("198.51.100.77", "NO_DESTINATION")])
def test_what_is_not_of_the_internet_never_leaves(net, address, reason):
    with dropped(net, reason):
        assert net.fetch("inside", address, timeout=1) is None


def test_the_hosts_own_services_are_not_reached(net, world):
    counted = world["host"].processes[0]
    assert counted.poll() is None
    assert net.fetch("inside", HOST, timeout=1) is None
    assert net.fetch("inside", "203.0.113.254", timeout=1) is None
    # And it is there for others.
    assert "host" in world["router"]("curl", "-s", "-m", "5", f"http://{HOST}/")


@pytest.mark.parametrize("where", ["router", "host"])
def test_nothing_comes_in_that_was_not_asked_for(net, world, where):
    before = net.logs("web")
    for command in (["curl", "-s", "-m", "1", f"http://{WEB}/"], ["ping", "-c1", "-W1", WEB]):
        assert subprocess.run([*world[where].enter, *command], capture_output=True,
                              check=False).returncode != 0
    assert net.logs("web") == before
    assert net.fetch("www", WEB) == f"web {WWW}"


def test_the_host_forwards_nothing_else(net, world):
    """Replies need net.ipv4.conf.up0.forwarding; what else would go on from there is dropped."""
    host, listener = world["host"], world["lan"].socket(socket.SOCK_DGRAM)
    forwarding = "/proc/sys/net/ipv4/conf/up0/forwarding"
    guard = host("nft", "list", "chains", "ip").split("chain vpcd_guard_")[1].split()[0]
    listener.bind(("10.77.0.2", 9))
    listener.settimeout(1)
    sender = world["router"].socket(socket.SOCK_DGRAM)
    assert host.read(forwarding) == "1"
    assert host.read("/proc/sys/net/ipv4/conf/lan0/forwarding") == "0"
    sender.sendto(b"in", ("10.77.0.2", 9))
    with pytest.raises(TimeoutError):
        listener.recv(9)
    # It was the guard.
    host("nft", "flush", "chain", "ip", f"vpcd-{net.name}", f"vpcd_guard_{guard}")
    sender.sendto(b"in", ("10.77.0.2", 9))
    assert listener.recv(9) == b"in"
    net.end()
    net.start("--uplink", "up0")
    sender.sendto(b"in", ("10.77.0.2", 9))
    with pytest.raises(TimeoutError):
        listener.recv(9)
    for s in (listener, sender):
        s.close()


# ---- life ----

def test_connections_outlive_a_killed_daemon(net, world):
    far = world["far"].socket()
    far.bind((FAR, 5000))
    far.listen()
    inside = Inside(net, "inside")
    client = inside.socket(kind=socket.SOCK_STREAM)
    client.connect((FAR, 5000))
    peer, _ = far.accept()
    peer.settimeout(10)

    def echo():
        client.sendall(b"ping")
        assert peer.recv(4) == b"ping"
        peer.sendall(b"pong")
        assert client.recv(4) == b"pong"

    echo()
    net.end(signal.SIGKILL)
    echo()
    net.start("--uplink", "up0")
    echo()
    net.end()
    net.start("--uplink", "up0")
    echo()
    assert net.fetch("inside", ROUTER) == f"router {HOST}"
    inside.close()
    for s in (peer, far):
        s.close()


def test_a_second_instance_has_the_same_uplink(net, world, on_host):
    host = world["host"]
    other = on_host()
    with pytest.raises(AssertionError, match="--public-pool"):
        other.start("--uplink", "up0")
    other.process = None
    other.start("--uplink", "up0", "--public-pool", "198.51.99.0/24")
    doc = lab()
    doc["Vpcs"]["v"]["NatGateways"]["nat"]["PublicIp"] = "198.51.99.10"
    doc["Instances"]["web"]["PublicIp"] = "198.51.99.20"
    other.up(doc)
    assert len(link_of(net, world)) == 2
    assert other.fetch("inside", ROUTER) == f"router {HOST}"
    assert net.fetch("inside", ROUTER) == f"router {HOST}"
    assert other.purge().returncode == 0
    assert host.read("/proc/sys/net/ipv4/conf/up0/forwarding") == "1"
    assert net.fetch("inside", ROUTER) == f"router {HOST}"


def test_only_what_is_allowed_is_reached(net):
    net.end()
    net.start("--uplink", "up0", "--uplink-allow", "198.18.0.0/30")
    assert net.fetch("inside", FAR) == f"far {HOST}"
    with dropped(net, "NO_DESTINATION"):
        assert net.fetch("inside", ROUTER, timeout=1) is None


@pytest.mark.parametrize("args, message", [
    (["--uplink", "eth77"], "no such interface"), (["--uplink", "lo"], "loopback"),
    (["--uplink", "a b"], "name of an interface"), (["--uplink", "up*"], "name of an interface"),
    (["--uplink-allow", "192.0.2.0/24"], "without --uplink"),
    (["--uplink", "up0", "--uplink-allow", "10.1.0.0/16"], "never leave")])
def test_bad_options_are_refused(on_host, args, message):
    d = on_host()
    with pytest.raises(AssertionError, match=message):
        d.start(*args)
    d.process = None


def test_a_link_of_somebody_else_is_left_alone(on_host, world):
    d, host = on_host(), world["host"]
    name = "vpcd-" + d.name
    if len(d.name) > 10:
        pytest.skip("the link's name is made of a hash")
    host("ip", "link", "add", name, "type", "veth", "peer", "name", "other")
    with pytest.raises(AssertionError, match="is there already"):
        d.start("--uplink", "up0")
    d.process = None
    assert name in host("ip", "-o", "link")
    host("ip", "link", "del", name)


def test_a_table_that_cannot_be_made_is_said_and_leaves_nothing(on_host, world):
    d = on_host()
    with pytest.raises(AssertionError, match="nftables"):
        d.start("--uplink", "up0", "--public-pool", "198.51.98.0/24",
                env={"VPCD_FAULT": "netns.nft:2=EIO"})
    d.process = None
    assert d.name not in world["host"]("nft", "list", "tables")


def test_status_names_the_uplink(net):
    assert net.json("status")["Uplink"] == "up0"


def test_without_the_option_nothing_is_left_of_it(net, world):
    host = world["host"]
    net.end()
    net.start()
    assert link_of(net, world) == set()
    assert "vpcd" not in host("nft", "list", "tables")
    assert host.read("/proc/sys/net/ipv4/conf/up0/forwarding") == "0"
    assert "198.51.100" not in host("ip", "route")
    assert net.fetch("inside", ROUTER, timeout=1) is None
    assert net.fetch("inside", WWW) == f"www {NAT}"


def test_a_purge_leaves_nothing(net, world):
    host = world["host"]
    net.end()
    net.start("--uplink", "up0")
    assert net.fetch("inside", ROUTER) == f"router {HOST}"
    assert net.purge().returncode == 0
    assert link_of(net, world) == set()
    assert "vpcd" not in host("nft", "list", "tables")
    assert host.read("/proc/sys/net/ipv4/conf/up0/forwarding") == "0"

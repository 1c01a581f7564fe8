# SPDX-License-Identifier: MIT
"""A NAT gateway against a namespace with nftables masquerade, and a bare veth.

   raw        client ─veth─ server
   nft        client ─veth─ router (conntrack, masquerade) ─veth─ server
   vpcd       function's subnet: client ─ENI─ fabric (NAT gateway, internet gateway) ─ENI─ host
   vpcd-flat  the same client to an instance of another subnet, untranslated

Each at one live connection and, but for raw, at 500,000 (50,000 with --quick): flows of UDP that
were opened before and are not used while the measured ones run. What a live connection takes of
memory is counted over those. Beside that the program alone (ns a packet, by test runs of bench_nat; in
instructions: tests/kernel/run --instructions).
"""

import dataclasses
import functools
import json
import pathlib
import re

import machine
from frame import Bench

HELP = "NAT gateway and nftables masquerade: packets, connections, throughput, latency, memory"
HOST = "203.0.113.80"
PORTS = 50000  # destination ports that flows are opened to, by each source port

FILL = """
import socket, sys
address, n = sys.argv[1], int(sys.argv[2])
for at in range(0, n, %d):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(10000, 10000 + min(%d, n - at)):
        try:
            s.sendto(b"x", (address, port))
        except ConnectionRefusedError:
            pass
""" % (PORTS, PORTS)


@dataclasses.dataclass
class Subject:
    client: machine.Namespace
    address: str


def link(a, name_a, b, name_b):
    a.ip("link", "add", name_a, "type", "veth", "peer", "name", name_b, "netns", b.name)


def up(ns, dev, address):
    ns.ip("addr", "add", address, "dev", dev)
    ns.ip("link", "set", dev, "mtu", "1500", "up")


def serve(stack, ns):
    ns.server(stack, machine.LOAD, "serve", machine.PORT, ready="ready")
    ns.server(stack, "iperf3", "-s", "-p", machine.IPERF_PORT, "--forceflush", ready="-----")
    # What fills the tables is for nobody, and must not be answered a million times.
    ns.run("nft", "add table inet mute; add chain inet mute in "
           "{ type filter hook prerouting priority -300; }; "
           "add rule inet mute in udp dport 10000-59999 drop")


def raw(stack):
    client, server = (machine.Namespace.make(stack, f"nat-raw-{e}") for e in "cs")
    link(client, "eth0", server, "eth0")
    up(client, "eth0", "10.70.0.2/24")
    up(server, "eth0", "10.70.0.1/24")
    serve(stack, server)
    return Subject(client, "10.70.0.1")


def masquerade(stack, name):
    client, router, server = (machine.Namespace.make(stack, f"nat-{name}-{e}") for e in "crs")
    link(client, "eth0", router, "in")
    link(server, "eth0", router, "out")
    up(client, "eth0", "10.71.0.2/24")
    up(router, "in", "10.71.0.1/24")
    up(router, "out", "10.72.0.1/24")
    up(server, "eth0", "10.72.0.2/24")
    client.ip("route", "add", "default", "via", "10.71.0.1")
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    router.run("nft", "-f", "-", stdin="""
        table ip nat {
            chain post {
                type nat hook postrouting priority 100;
                oifname "out" masquerade
            }
        }""")
    router.run("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=3600")
    serve(stack, server)
    return Subject(client, "10.72.0.2"), router


def topology(names):
    everything = {"Ingress": ["all from 0.0.0.0/0"]}
    return {"Lab": "bench", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                    "private": {"CidrBlock": "10.0.1.0/24", "RouteTable": "private"}},
        "NatGateways": {"nat": {"Subnet": "public", "PublicIp": "auto"}},
        "RouteTables": {"public": {"Routes": {"0.0.0.0/0": "igw"}},
                        "private": {"Routes": {"0.0.0.0/0": "nat"}}},
        "SecurityGroups": {"open": everything}}},
        "Instances": {name: {"Subnet": f"v/{subnet}", "SecurityGroups": ["v/open"]}
                      for name, subnet in names.items()},
        "InternetHosts": {"host": {"Address": HOST}}}


def ours(stack, *options):
    daemon = machine.Daemon(stack, "--max-flows", str(1 << 22), "--flow-quota", str(1 << 21),
                            "--lab-clock", *options)
    daemon.up(topology({"client": "private", "flat": "public"}))
    host, flat = daemon.namespace("host"), daemon.namespace("flat")
    serve(stack, host)
    serve(stack, flat)
    client = daemon.namespace("client")
    address = daemon.json("ps", "--filter", "Name=flat")[0]["PrivateIpAddress"]
    return daemon, Subject(client, HOST), Subject(client, address)


# ---- live connections ----

def conntrack_limit(stack, n):
    """The limit is the machine's, and is put back."""
    f = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
    if not f.exists():
        machine.run("modprobe", "nf_conntrack", check=False)
    before = f.read_text()
    f.write_text(str(max(int(before), n)))
    stack.callback(f.write_text, before)


def kernel_slabs():
    """Bytes of the kernel's slabs."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return 1024 * int(re.search(r"^Slab:\s+(\d+)", text, re.M).group(1))


def fill(subject, n, count):
    """Opens n connections; all must stand."""
    machine.run("nsenter", *subject.client.enter[1:], "/usr/bin/python3", "-c", FILL,
                subject.address, n, timeout=600)
    there = count()
    if there < n * 0.99:
        raise RuntimeError(f"{there} of {n} connections stand")


def conntrack_memory(subject, router, n):
    """What the slabs grow by."""
    before = kernel_slabs()
    fill(subject, n, functools.partial(conntrack_count, router))
    return (kernel_slabs() - before) / n


def flow_memory(daemon):
    """Two elements of the flow table, which has its memory from the start."""
    pinned = next((daemon.dir / "run" / "bpf").glob("v*/flows"))
    shown = json.loads(machine.run("bpftool", "-j", "map", "show", "pinned", pinned).stdout)
    return 2 * shown["bytes_memlock"] / shown["max_entries"]


def conntrack_count(router):
    return int(router.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count").stdout)


def attempts(daemon):
    shown = daemon.json("nat", "show", "nat")
    shown = shown[0] if isinstance(shown, list) else shown
    return int(shown["Metrics"]["ConnectionAttemptCount"])


def measures(context, subjects, suffix, pairs):
    seconds, names = context.seconds, list(subjects)

    def by_load(mode):
        return lambda s: machine.load(subjects[s].client, mode, subjects[s].address, seconds)

    def bench(name, unit, measure, higher=True):
        return Bench(f"nat/{name}/{suffix}", unit, names, "nft", measure, pairs, higher)

    yield bench("packets", "packets/s", by_load("packets"))
    yield bench("connections", "1/s", by_load("connections"))
    yield bench("latency", "us", by_load("latency"), higher=False)
    yield bench("tcp-1", "Gbit/s", lambda s: machine.iperf(
        subjects[s].client, subjects[s].address, 2 * seconds, 1))


class Program:
    """Figures of bench_nat, one run of it a round."""

    def __init__(self, context):
        self.runs, self.left = 4000 if context.quick else 40000, {}

    def take(self, direction, subject):
        if (direction, subject) not in self.left:
            out = machine.run(*machine.pinned(machine.cpus()[1]),
                              machine.BUILD / "tests" / "bench" / "bench_nat", self.runs).stdout
            self.left = {(d, s): float(v) for d, s, v in map(str.split, out.splitlines())}
        return self.left.pop((direction, subject))

    def benches(self):
        for direction in ("out", "back"):
            yield Bench(f"nat/program/{direction}", "ns", ["flat", "elastic-ip", "nat"], "flat",
                        functools.partial(self.take, direction), higher_is_better=False)


def prepare(context):
    stack, many = context.stack, 50000 if context.quick else 500000
    conntrack_limit(stack, 4 * many)
    nft, _ = masquerade(stack, "one")
    _, nat, flat = ours(stack)
    few = {"nft": nft, "raw": raw(stack), "vpcd": nat, "vpcd-flat": flat}
    benches = list(measures(context, few, "1", [("vpcd", "vpcd-flat"), ("vpcd", "raw")]))
    context.say(f"nat: opening {many} connections each")
    full, router = masquerade(stack, "many")
    daemon, full_nat, _ = ours(stack, "--instance", "benchmany")
    memory = {"nft": conntrack_memory(full, router, many)}
    fill(full_nat, many, functools.partial(attempts, daemon))
    memory["vpcd"] = flow_memory(daemon)
    benches += measures(context, {"nft": full, "vpcd": full_nat}, str(many), [])
    benches.append(Bench("nat/memory", "bytes a connection", list(memory), "nft",
                         memory.__getitem__, higher_is_better=False))
    return benches + list(Program(context).benches())

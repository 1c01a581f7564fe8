# SPDX-License-Identifier: MIT
"""The resolver against unbound, dnsmasq and knot, each asked over a veth by bench_dns, which costs less
than dnsperf does (tests/bench/dns_load.c); once, for comparison, by dnsperf.

   unbound, dnsmasq, knot   client ─veth─ server with the same zone (knot serves no other's names)
   vpcd-kernel              sandbox ─ENI─ answered on its own link
   vpcd-daemon              the same zone in a VPC whose firewall alerts of its names, so that the
                            kernel holds none: sandbox ─ENI─ fabric ─ service namespace

The zone is bench.test with 10,000 names. Forwarded names are asked of one more server, knot with the
zone outside.test on the simulated internet's side (for the peers: behind their own veth).
"""

import functools
import pathlib
import re
import tempfile
import time

import machine
from frame import Bench

HELP = "queries/s, latency and CPU of DNS answers: own zone, NXDOMAIN, forwarded and cached"
NAMES = 10000
OUTSIDE = 1000
CLIENT, SERVER, UPSTREAM = "10.77.0.2", "10.77.0.1", "10.78.0.1"
HOST = "203.0.113.90"
KINDS = ("one", "many", "nxdomain", "forwarded")
CODES = {"one": 0, "many": 0, "nxdomain": 3, "forwarded": 0}
LOAD = machine.BUILD / "tests" / "bench" / "bench_dns"


def address(i):
    return f"10.0.{i // 256 % 256}.{i % 256}"


def zone_text(origin, n):
    records = "\n".join(f"h{i} 3600 IN A {address(i)}" for i in range(n))
    return (f"$ORIGIN {origin}.\n@ 3600 IN SOA ns hostmaster 1 7200 900 1209600 60\n"
            f"@ 3600 IN NS ns\nns 3600 IN A 192.0.2.1\n{records}\n")


def query_files(directory):
    """A file of queries for each kind, each in an order that no cache likes."""
    lists = {"one": ["h7.bench.test"], "many": [f"h{i * 7919 % NAMES}.bench.test"
                                                for i in range(NAMES)],
             "nxdomain": [f"no{i}.bench.test" for i in range(NAMES)],
             "forwarded": [f"h{i}.outside.test" for i in range(OUTSIDE)]}
    for kind, names in lists.items():
        (directory / kind).write_text("".join(f"{n} A\n" for n in names))


# ---- servers ----

def knot_config(directory, listen, origin, n):
    directory.mkdir()
    (directory / f"{origin}.zone").write_text(zone_text(origin, n))
    (directory / "knot.conf").write_text(f"""
server:
    listen: {listen}@53
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {directory}
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {origin}
    file: {origin}.zone
""")
    return ["knotd", "-c", directory / "knot.conf"]


def unbound_config(directory):
    directory.mkdir()
    data = "\n".join(f'local-data: "h{i}.bench.test. 3600 IN A {address(i)}"' for i in range(NAMES))
    (directory / "unbound.conf").write_text(f"""
server:
    interface: {SERVER}
    access-control: 0.0.0.0/0 allow
    do-daemonize: no
    num-threads: 1
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    do-ip6: no
    minimal-responses: yes
    do-not-query-localhost: no
    local-zone: "bench.test." static
    local-zone: "test." nodefault
    {data}
remote-control:
    control-enable: no
forward-zone:
    name: "outside.test"
    forward-addr: {UPSTREAM}
""")
    return ["unbound", "-d", "-c", directory / "unbound.conf"]


def dnsmasq_config(directory):
    directory.mkdir()
    hosts = "\n".join(f"{address(i)} h{i}.bench.test" for i in range(NAMES))
    (directory / "hosts").write_text(hosts + "\n")
    (directory / "dnsmasq.conf").write_text(f"""
no-resolv
no-hosts
no-daemon
user=root
group=root
pid-file=
port=53
listen-address={SERVER}
bind-interfaces
cache-size=20000
local=/bench.test/
addn-hosts={directory}/hosts
server=/outside.test/{UPSTREAM}
local-ttl=3600
""")
    return ["dnsmasq", "-k", "-C", directory / "dnsmasq.conf"]


# ---- networks ----

def veth(a, name_a, address_a, b, name_b, address_b):
    a.ip("link", "add", name_a, "type", "veth", "peer", "name", name_b, "netns", b.name)
    for ns, name, own in ((a, name_a, address_a), (b, name_b, address_b)):
        ns.ip("addr", "add", f"{own}/24", "dev", name)
        ns.ip("link", "set", name, "up")


def peer(stack, directory, name, command):
    client = machine.Namespace.make(stack, f"{name}-c")
    server = machine.Namespace.make(stack, f"{name}-s")
    veth(client, "eth0", CLIENT, server, "eth0", SERVER)
    if name != "knot":
        up = machine.Namespace.make(stack, f"{name}-u")
        veth(server, "eth1", "10.78.0.2", up, "eth0", UPSTREAM)
        up.server(stack, *knot_config(directory / f"{name}-up", UPSTREAM, "outside.test", OUTSIDE))
    return client, SERVER, server.server(stack, *command)


def pin(pid):
    """All threads of a server on the server's CPU: knot pins its own elsewhere."""
    machine.run("taskset", "-a", "-c", "-p", machine.cpus()[1], pid)


def vpc():
    return {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
            "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}}}


def favour(pid):
    """The resolver's threads on the server's CPU and with its priority, as the peers have them."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "dns":
            machine.run("taskset", "-c", "-p", machine.cpus()[1], task.name)
            machine.run("renice", "-n", "-15", "-p", task.name)


def ours(stack, directory):
    daemon = machine.Daemon(stack, "--linklocal-packets", "4294967295")
    upstream = knot_config(directory / "vpcd-up", HOST, "outside.test", OUTSIDE)
    records = {f"h{i} A": {"TTL": 3600, "Values": [address(i)]} for i in range(NAMES)}
    daemon.up({
        "Lab": "bench", "Vpcs": {"kernel": vpc(), "daemon": vpc()},
        "Instances": {n: {"Subnet": f"{n}/a"} for n in ("kernel", "daemon")},
        "InternetHosts": {"ns": {"Address": HOST}},
        "HostedZones": {"bench.test": {"Vpcs": ["kernel", "daemon"], "Records": records}},
        "ResolverRules": {"out": {"DomainName": "outside.test", "TargetIps": [{"Ip": HOST}],
                                  "Vpcs": ["kernel", "daemon"]}},
        "FirewallDomainLists": {"all": {"Domains": ["*.bench.test"]}},
        "FirewallRuleGroups": {"alert": {"Vpcs": ["daemon"], "FirewallRules": [
            {"FirewallDomainListId": "all", "Priority": 1, "Action": "ALERT"}]}}})
    daemon.namespace("ns").server(stack, *upstream)
    favour(daemon.process.pid)
    for name in ("kernel", "daemon"):
        yield f"vpcd-{name}", (daemon.namespace(name), "10.0.0.2", daemon.process.pid)


# ---- measuring ----

def dnsperf(subject, file, seconds, *more):
    client, server, _ = subject
    return client.client("dnsperf", "-s", server, "-d", file, "-l", seconds, "-c", 1, "-T", 1,
                         "-t", 1, *more)


class Load:
    """What bench_dns measured; every answer had the right question and code."""

    def __init__(self, subject, file, seconds, window):
        client, server, _ = subject
        out = client.client(LOAD, server, file, CODES[file.name], seconds, window).split()
        self.rate, self.p50, self.p99 = (float(f) for f in out[:3])
        self.answered, self.lost, self.cpu_us = (int(f) for f in out[3:])
        if not self.answered or self.lost * 100 > self.answered:
            raise RuntimeError(f"{file.name}: {self.answered} answered, {self.lost} lost")


def server_cpu_us(subject):
    """What the server's threads have spent."""
    tasks = pathlib.Path(f"/proc/{subject[2]}/task").iterdir()
    return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1e3


def queries_per_second(subject, file, seconds):
    return Load(subject, file, seconds, 64).rate


def by_dnsperf(subject, file, seconds):
    out = dnsperf(subject, file, seconds, "-q", 64)
    return float(re.search(r"Queries per second:\s+([\d.]+)", out)[1])


def cpu_per_query(subject, file, seconds):
    """Of client and server: the kernel answers on the client's time."""
    before = server_cpu_us(subject)
    load = Load(subject, file, seconds, 64)
    return (server_cpu_us(subject) - before + load.cpu_us) / load.answered


def latency(subject, file, seconds, quantile):
    """One query at a time, in microseconds."""
    return getattr(Load(subject, file, seconds, 1), quantile)


def prove(name, subject, directory):
    """What is measured is right: names answered, NXDOMAIN where there is none."""
    expected = {"one": "NOERROR", "many": "NOERROR", "nxdomain": "NXDOMAIN", "forwarded": "NOERROR"}
    for kind in KINDS:
        if name == "knot" and kind == "forwarded":
            continue
        for _ in range(50):
            out = dnsperf(subject, directory / kind, 0.2, "-q", 64)
            codes = re.search(r"Response codes:\s+(\w+) \d+ \(100.00%\)", out)
            if codes and codes[1] == expected[kind]:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{name}: {kind}: {out}")


def prepare(context):
    directory = pathlib.Path(context.stack.enter_context(
        tempfile.TemporaryDirectory(prefix="vpcd-bench-dns-", dir="/var/tmp")))
    directory.chmod(0o755)
    query_files(directory)
    subjects = {
        "unbound": peer(context.stack, directory, "unbound", unbound_config(directory / "unbound")),
        "dnsmasq": peer(context.stack, directory, "dnsmasq", dnsmasq_config(directory / "dnsmasq")),
        "knot": peer(context.stack, directory, "knot",
                     knot_config(directory / "knot", SERVER, "bench.test", NAMES))}
    subjects.update(ours(context.stack, directory))
    for name, subject in subjects.items():
        context.say(f"dns: {name} answers?")
        prove(name, subject, directory)
        if not name.startswith("vpcd"):
            pin(subject[2])
    benches, forwarders = [], [n for n in subjects if n not in ("knot", "vpcd-kernel")]

    def of(kind, suffix, unit, measure, higher=True, names=None):
        file = directory / kind
        benches.append(Bench(f"dns {kind}{suffix}", unit, names or list(subjects), "unbound",
                             lambda s: measure(subjects[s], file, context.seconds),
                             higher_is_better=higher))

    for kind in KINDS:
        of(kind, "", "queries/s", queries_per_second,
           names=forwarders if kind == "forwarded" else None)
    of("many", " by dnsperf", "queries/s", by_dnsperf)
    for kind in ("one", "many", "nxdomain"):
        of(kind, " cpu", "us of CPU a query", cpu_per_query, False)
    of("many", " p50", "us", functools.partial(latency, quantile="p50"), False)
    of("many", " p99", "us", functools.partial(latency, quantile="p99"), False)
    return benches

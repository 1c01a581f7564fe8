# SPDX-License-Identifier: MIT
"""Security groups of 1 to 1,000 rules against bridge + nftables with the same rules, and a bare veth.

   raw          client ─veth─ server
   nft-chain-N  client ─veth─ bridge ─veth─ server, conntrack and a chain of N rules
   nft-set-N    the same with the N rules in one set
   vpcd-N       client ─ENI─ fabric ─ENI─ server, N rules in five groups of the server's

What each subject must refuse before its last rule is there is checked before anything is measured.
"""

import dataclasses
import functools

import machine
import rules
from frame import Bench

HELP = "packets, connections, throughput and latency with 1 to 1,000 rules; ns a packet"
COUNTS = (1, 10, 100, 1000)
ENDS = (1, 1000)


@dataclasses.dataclass
class Subject:
    client: machine.Namespace
    address: str


def link(a, name_a, b, name_b):
    """A veth between two namespaces."""
    a.ip("link", "add", name_a, "type", "veth", "peer", "name", name_b, "netns", b.name)


def end_up(ns, *addresses):
    for address in addresses:
        ns.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    ns.ip("link", "set", "eth0", "mtu", "1500", "up")


def serve(stack, ns):
    ns.server(stack, machine.LOAD, "serve", machine.PORT, ready="ready")
    ns.server(stack, "iperf3", "-s", "-p", machine.IPERF_PORT, "--forceflush", ready="-----")


def ends(stack, name):
    client = machine.Namespace.make(stack, f"{name}-c")
    server = machine.Namespace.make(stack, f"{name}-s")
    return client, server


def ends_up(client, server):
    end_up(client, f"{rules.CLIENT4}/24", f"{rules.CLIENT6}/64")
    end_up(server, f"{rules.SERVER4}/24", f"{rules.SERVER6}/64")


def raw(stack):
    client, server = ends(stack, "raw")
    link(client, "eth0", server, "eth0")
    ends_up(client, server)
    serve(stack, server)
    return client


def bridge(stack, name, table, last):
    """A bridge between both ends whose namespace's forward hook has the table."""
    client, server = ends(stack, name)
    middle = machine.Namespace.make(stack, f"{name}-b")
    middle.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    for ns, port in ((client, "c"), (server, "s")):
        link(ns, "eth0", middle, port)
        middle.ip("link", "set", port, "master", "br0", "up")
    middle.ip("link", "set", "br0", "up")
    ends_up(client, server)
    for family in ("ip", "ip6"):
        middle.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{family}tables=1")
    middle.run("nft", "-f", "-", stdin=table)
    serve(stack, server)
    return client, functools.partial(middle.run, "nft", "add", "rule", "inet", "filter", "forward",
                                     last)


def prove(name, subject, admit):
    """The rules judge: without the last one nothing gets through, with it everything does."""
    if machine.load(subject.client, "reach", subject.address, 0.3):
        raise RuntimeError(f"{name}: passes without a rule for it")
    admit()
    if not machine.load(subject.client, "reach", subject.address, 5):
        raise RuntimeError(f"{name}: does not pass")


def peers(stack, variant, counts):
    address = rules.SERVER6 if variant.ipv6 else rules.SERVER4
    for n in counts:
        for kind, make in (("nft-chain", rules.nft_chain), ("nft-set", rules.nft_set)):
            name = f"{kind}-{n}"
            client, admit = bridge(stack, f"{variant.name}-{name}", *make(variant, n))
            subject = Subject(client, address)
            prove(name, subject, admit)
            yield name, subject


def address_of(ns, ipv6):
    """eth0's global address."""
    family = "-6" if ipv6 else "-4"
    out = ns.ip(family, "-o", "addr", "show", "dev", "eth0", "scope", "global").stdout
    return out.split()[3].split("/")[0]


def ours(stack, daemon, client, variant, counts):
    for n in counts:
        server = daemon.namespace(f"{variant.name}-{n}")
        serve(stack, server)
        _, last = rules.vpcd_rules(variant, n, address_of(client, variant.ipv6))
        subject = Subject(client, address_of(server, variant.ipv6))
        prove(f"vpcd-{n}", subject, functools.partial(
            daemon.ctl, "sg", "allow", f"bench/{variant.name}-{n}-4", last))
        yield f"vpcd-{n}", subject


def subjects_of(stack, daemon, client, bare, variant, counts):
    made = {"raw": Subject(bare, rules.SERVER6 if variant.ipv6 else rules.SERVER4)}
    made.update(peers(stack, variant, counts))
    made.update(ours(stack, daemon, client, variant, counts))
    return made


def bench(name, unit, subjects, counts, measure, higher=True):
    """Of the subjects with these numbers of rules; also 1,000 rules to 1 of the same kind."""
    wanted = [s for s in subjects if s == "raw" or int(s.rsplit("-", 1)[1]) in counts]
    pairs = [(f"{kind}-{max(counts)}", f"{kind}-{min(counts)}")
             for kind in ("nft-chain", "nft-set", "vpcd") if len(counts) > 1]
    pairs += [(f"vpcd-{n}", f"{kind}-{n}") for n in counts for kind in ("nft-chain", "nft-set")]
    return Bench(f"policy/{name}", unit, wanted, "raw", lambda s: measure(subjects[s]), pairs,
                 higher)


def loads(context, variant, subjects, counts):
    seconds = context.seconds

    def by_load(mode):
        return lambda s: machine.load(s.client, mode, s.address, seconds)

    yield bench(f"packets/{variant.name}", "packets/s", subjects, counts, by_load("packets"))
    yield bench(f"connections/{variant.name}", "1/s", subjects, counts, by_load("connections"))
    if variant.name != "ipv4-cidr":
        return
    yield bench("latency/ipv4-cidr", "us", subjects, ENDS, by_load("latency"), higher=False)
    for streams in (1, 4):
        yield bench(f"tcp-{streams}/ipv4-cidr", "Gbit/s", subjects, ENDS,
                    lambda s, n=streams: machine.iperf(s.client, s.address, 2 * seconds, n))


class Program:
    """Figures of bench_policy, one run of it a round."""

    def __init__(self, context):
        self.runs, self.left = 1000 if context.quick else 10000, {}

    def take(self, bench_name, subject):
        if (bench_name, subject) not in self.left:
            out = machine.run(*machine.pinned(machine.cpus()[1]),
                              machine.BUILD / "tests" / "bench" / "bench_policy", self.runs).stdout
            self.left = {(b, s): float(v) for b, s, v in map(str.split, out.splitlines())}
        return self.left.pop((bench_name, subject))

    def benches(self):
        names = [f"rules-{n}" for n in COUNTS]
        for what in ("classifier", "first", "established"):
            for variant in rules.VARIANTS:
                key = f"{what}/{variant}"
                yield Bench(f"policy/program/{key}", "ns", names, names[0],
                            functools.partial(self.take, key), higher_is_better=False)


def prepare(context):
    stack = context.stack
    bare = raw(stack)
    daemon = machine.Daemon(stack, "--quota", "rules-per-group=200", "--max-flows", str(1 << 21))
    vpc, sandboxes = rules.topology(COUNTS)
    daemon.up(vpc)
    daemon.ctl("vpc", "set", "bench", "--ipv6-cidr-block", "2001:db8:1000::/56")
    daemon.ctl("subnet", "set", "bench/a", "--ipv6-cidr-block", "2001:db8:1000::/64")
    daemon.ctl("sg", "allow", "bench/clients", "all to ::/0")  # as in AWS: the VPC had no IPv6
    for name, groups in sandboxes.items():
        daemon.ctl("instance", "create", "--name", name, "--subnet-id", "bench/a",
                   "--ipv6-addresses", "auto", "--security-group-ids", ",".join(groups))
    client = daemon.namespace("client")
    benches = []
    for variant in rules.VARIANTS.values():
        counts = COUNTS if variant.name == "ipv4-cidr" else ENDS
        context.say(f"policy: {variant.name}")
        subjects = subjects_of(stack, daemon, client, bare, variant, counts)
        benches += loads(context, variant, subjects, counts)
    return benches + list(Program(context).benches())

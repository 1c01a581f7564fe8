# SPDX-License-Identifier: MIT
"""A thousand rules on one interface: five groups of 200, random port ranges, judged one by one.

    VPC 10.0.0.0/16, a daemon with --quota rules-per-group=200
      a 10.0.1.0/24   client 10.0.1.10
      b 10.0.2.0/24   server 10.0.2.80 (groups g0 to g4)
"""

import random

import pytest

from conftest import dropped, passes

CLIENT, SERVER = "10.0.1.10", "10.0.2.80"
GROUPS, RULES = 5, 200


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--quota", f"rules-per-group={RULES}")


def ranges():
    """Of low and high port, half of them for the client and half for somebody else."""
    pick = random.Random(4)
    for n in range(GROUPS * RULES):
        low = pick.randrange(1, 64000)
        yield low, low + pick.randrange(1, 30), n % 2 == 0


@pytest.fixture(scope="module")
def net(vpcd):
    groups = {f"g{g}": {"Ingress": []} for g in range(GROUPS)}
    for n, (low, high, ours) in enumerate(ranges()):
        who = "10.0.1.0/28" if ours else f"10.0.{3 + n % 200}.0/24"
        groups[f"g{n % GROUPS}"]["Ingress"].append(f"udp {low}-{high} from {who}")
    vpcd.up({"Lab": "thousand", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}, "b": {"CidrBlock": "10.0.2.0/24"}},
        "SecurityGroups": groups}},
        "Instances": {
            "client": {"Subnet": "v/a", "PrivateIpAddress": CLIENT},
            "server": {"Subnet": "v/b", "PrivateIpAddress": SERVER,
                       "SecurityGroups": [f"v/g{g}" for g in range(GROUPS)]}}})
    yield vpcd
    vpcd.down("thousand")


def test_ports_at_the_edges_of_ranges_are_judged_by_the_thousand(net, inside):
    client, server = inside("client").udp(), inside("server")
    everything = list(ranges())
    probes = random.Random(5).sample(everything, 30)
    ports = {p for low, high, _ in probes for p in (low - 1, low, high, high + 1) if p}
    for port in sorted(ports):
        if any(ours and low <= port <= high for low, high, ours in everything):
            s = server.udp(port)
            passes(client, (SERVER, port), s)
            s.close()
        else:
            with dropped(net, "SG_INGRESS"):
                client.sendto(b"?", (SERVER, port))


def test_one_rule_more_of_a_group_is_refused(net):
    r = net.ctl("sg", "allow", "v/g0", "udp 1 from 10.0.1.0/24", check=False)
    assert r.returncode == 1 and "RulesPerSecurityGroupLimitExceeded" in r.stderr


def test_a_change_takes_effect_among_them(net, inside):
    client, server = inside("client").udp(), inside("server").udp(65000)
    rule = "udp 65000-65001 from 10.0.1.0/24"
    low, high, ours = next(ranges())
    net.ctl("sg", "revoke", "v/g0", f"udp {low}-{high} from 10.0.1.0/28")
    with dropped(net, "SG_INGRESS"):
        client.sendto(b"?", (SERVER, 65000))
    net.ctl("sg", "allow", "v/g0", rule)
    passes(client, (SERVER, 65000), server)
    net.ctl("sg", "revoke", "v/g0", rule)
    with dropped(net, "SG_INGRESS"):
        inside("client").udp().sendto(b"?", (SERVER, 65000))

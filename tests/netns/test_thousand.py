# SPDX-License-Identifier: MIT
"""A thousand rules of each family on one interface: five groups of 200 and 200, random port
ranges, judged one by one; and what becomes of more.

    VPC 10.0.0.0/16, 2001:db8:1000::/56, a daemon with --quota rules-per-group=200
      a 10.0.1.0/24, 2001:db8:1000:1::/64   client 10.0.1.10, ::10
      b 10.0.2.0/24, 2001:db8:1000:2::/64   server 10.0.2.80, ::80 (groups g0 to g4)
"""

import random

import pytest

from conftest import Inside, dropped, passes, until

CLIENT, SERVER = "10.0.1.10", "10.0.2.80"
NET = "2001:db8:1000"
CLIENT6, SERVER6 = f"{NET}:1::10", f"{NET}:2::80"
GROUPS, RULES = 5, 200


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--quota", f"rules-per-group={RULES}")


def ranges(seed=4):
    """Of low and high port, half of them for the client and half for somebody else."""
    pick = random.Random(seed)
    for n in range(GROUPS * RULES):
        low = pick.randrange(1, 64000)
        yield low, low + pick.randrange(1, 30), n % 2 == 0


@pytest.fixture(scope="module")
def net(vpcd):
    groups = {f"g{g}": {"Ingress": []} for g in range(GROUPS)}
    for n, (low, high, ours) in enumerate(ranges()):
        who = "10.0.1.0/28" if ours else f"10.0.{3 + n % 200}.0/24"
        groups[f"g{n % GROUPS}"]["Ingress"].append(f"udp {low}-{high} from {who}")
    for n, (low, high, ours) in enumerate(ranges(6)):
        who = f"{NET}:1::/64" if ours else f"{NET}:{16 + n % 200:x}::/64"
        groups[f"g{n % GROUPS}"]["Ingress"].append(f"udp {low}-{high} from {who}")
    vpcd.up({"Lab": "thousand", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": f"{NET}::/56",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "Ipv6CidrBlock": f"{NET}:1::/64"},
                    "b": {"CidrBlock": "10.0.2.0/24", "Ipv6CidrBlock": f"{NET}:2::/64"}},
        "SecurityGroups": groups}},
        "Instances": {
            "client": {"Subnet": "v/a", "PrivateIpAddress": CLIENT, "Ipv6Addresses": [CLIENT6]},
            "server": {"Subnet": "v/b", "PrivateIpAddress": SERVER, "Ipv6Addresses": [SERVER6],
                       "SecurityGroups": [f"v/g{g}" for g in range(GROUPS)]}}})
    yield vpcd
    vpcd.down("thousand")


@pytest.mark.parametrize("address, seed", [(SERVER, 4), (SERVER6, 6)], ids=["ipv4", "ipv6"])
def test_ports_at_the_edges_of_ranges_are_judged_by_the_thousand(net, inside, address, seed):
    v6 = address == SERVER6
    client, server = inside("client").udp(v6=v6), inside("server")
    everything = list(ranges(seed))
    probes = random.Random(5).sample(everything, 30)
    ports = {p for low, high, _ in probes for p in (low - 1, low, high, high + 1) if p}
    for port in sorted(ports):
        if any(ours and low <= port <= high for low, high, ours in everything):
            s = server.udp(port, v6=v6)
            passes(client, (address, port), s)
            s.close()
        else:
            with dropped(net, "SG_INGRESS"):
                client.sendto(b"?", (address, port))


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


def test_quotas_that_were_lowered_leave_the_rules_before_and_say_which_are_too_many(make_daemon):
    """Two groups of 1,000 rules, one of them a prefix list, for an interface that may have 1,000."""
    daemon = make_daemon("--quota", "rules-per-group=1000", "--quota", "groups-per-interface=1")
    daemon.up({"Lab": "many", "PrefixLists": {"pl": {
        "MaxEntries": 1000, "Entries": [f"10.1.{n // 256}.{n % 256}/32" for n in range(1000)]}},
        "Vpcs": {"v": {
            "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
            "SecurityGroups": {
                "ports": {"Ingress": [f"udp {n} from 10.0.1.0/24" for n in range(1, 1001)]},
                "list": {"Ingress": ["udp 7 from pl"]}}}},
        "Instances": {"client": {"Subnet": "v/a"},
                      "server": {"Subnet": "v/a", "PrivateIpAddress": "10.0.1.80",
                                 "SecurityGroups": ["v/ports"]}}})
    daemon.end()
    daemon.start("--quota", "rules-per-group=200")
    client, server = Inside(daemon, "client"), Inside(daemon, "server")
    path = f"/v1/network-interfaces/{server.attachment}"
    groups = {name: daemon.json("sg", "show", f"v/{name}")["GroupId"] for name in ("ports", "list")}
    rule = next(r for r in daemon.json("sgr", "list") if r.get("PrefixListId"))

    def status():
        return daemon.rest("GET", path)["Status"]

    try:
        daemon.rest("PATCH", path, {"Groups": list(groups.values())})
        until(lambda: status() == "failed", what="the interface's state")
        reason = daemon.rest("GET", path)["StatusReason"]
        assert ", ".join(sorted(groups.values())) in reason
        assert f"2000 IPv4 and 0 IPv6 ingress rules, of which {rule['SecurityGroupRuleId']} is 1000" \
            in reason
        # No rules of a set that never stood, and nobody else's.
        with dropped(daemon, "SG_INGRESS"):
            client.udp().sendto(b"?", ("10.0.1.80", 7))
        daemon.rest("PATCH", path, {"Groups": [groups["ports"]]})
        until(lambda: status() == "in-use", what="the interface's recovery")
        assert not daemon.rest("GET", path).get("StatusReason")
        passes(client.udp(), ("10.0.1.80", 7), server.udp(7))
    finally:
        client.close()
        server.close()
        daemon.down("many")

# SPDX-License-Identifier: MIT
"""Rules change under load, and there is no moment in which neither the old nor the new ones hold.

    VPC 10.0.0.0/16
      a 10.0.1.0/24   client: 1,200 new flows a second, by turns to ports 7000, 7001, 7002
      b 10.0.2.0/24   server
    Of two sets of rules that take turns 1,000 times, each by other rules, both allow 7000, one
    allows 7001, none allows 7002.
"""

import json
import re
import subprocess

import pytest

from conftest import program, until

SERVER, PORTS = "10.0.2.80", (7000, 7001, 7002)
ROUNDS = 1000


@pytest.fixture
def net(vpcd):
    vpcd.up({"Lab": "switch", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}, "b": {"CidrBlock": "10.0.2.0/24"}},
        "SecurityGroups": {"client": {}, "server": {"Ingress": ["udp 7000 from 10.0.1.0/24"]},
                           "bystander": {"Ingress": ["tcp 1 from 10.0.1.0/24"]}}}},
        "Instances": {
            "client": {"Subnet": "v/a", "SecurityGroups": ["v/client"]},
            "bystander": {"Subnet": "v/a", "SecurityGroups": ["v/bystander"]},
            "server": {"Subnet": "v/b", "PrivateIpAddress": SERVER,
                       "SecurityGroups": ["v/server"],
                       "Command": program("probe.py", "count", *PORTS)}}})
    vpcd.wait_log("server", "serving")
    yield vpcd
    vpcd.down("switch")


def seen(net):
    """How many of the client's probes the server has seen, by port."""
    before = net.logs("server").count("seen")
    net.exec("server", "touch", "/tmp/count")
    until(lambda: net.logs("server").count("seen") > before, what="the server's count")
    return [int(n) for n in net.logs("server").splitlines()[-1].split()[1:]]


def overflown(net):
    """Datagrams that arrived and that the server was too slow for."""
    lines = [line.split() for line in net.exec("server", "cat", "/proc/net/snmp").stdout.splitlines()
             if line.startswith("Udp:")]
    return int(dict(zip(*lines))["RcvbufErrors"])


def under_load(net, change):
    """Runs change() while the client probes; what was sent and what seen by port, and how many
    arrived unseen."""
    before = overflown(net)
    with net.popen("exec", "client", "--", *program("probe.py", "send", SERVER, *PORTS),
                   stdout=subprocess.PIPE) as sender:
        assert sender.stdout.readline() == "sending\n"
        change()
        net.exec("client", "touch", "/tmp/stop")
        sent = [int(n) for n in sender.stdout.readline().split()[1:]]
    until(lambda: seen(net)[0] + overflown(net) - before >= sent[0],
          what="the last probe's arrival")
    return sent, seen(net), overflown(net) - before


def check(sent, got, unseen):
    assert sum(sent) > 1000
    assert sent[0] - unseen <= got[0] <= sent[0]  # always allowed: not one is lost
    assert 0 < got[1] < sent[1]  # the sets did take turns
    assert got[2] == 0  # never allowed: not one passed


def test_a_groups_rules_are_replaced_a_thousand_times_without_a_gap(net):
    sets = [["udp 7000-7001 from 10.0.1.0/24", "tcp 22 from 10.0.1.0/24"],
            ["udp 6990-7000 from client", "udp 7003-7010 from 10.0.0.0/16"]]
    path = f"/v1/topology?Lab=switch&Directory={net.dir}&prune=1"
    files = []
    for rules in sets:
        topology = json.loads((net.dir / "switch.json").read_text())
        topology["Vpcs"]["v"]["SecurityGroups"]["server"]["Ingress"] = rules
        files.append(topology)

    def change():
        for n in range(ROUNDS):
            r = net.rest("POST", path, files[n % 2])
            assert r["Steps"], r

    check(*under_load(net, change))


def test_an_acl_is_replaced_a_thousand_times_without_a_gap(net):
    def entries(*rules):
        return [{"RuleNumber": number, "Egress": egress, "Protocol": "udp", "FromPort": low,
                 "ToPort": high, "CidrBlock": "0.0.0.0/0", "RuleAction": action}
                for number, egress, action, low, high in rules]

    net.ctl("sg", "allow", "v/server", "udp 7001-7002 from 10.0.1.0/24")
    sets = [entries((100, False, "allow", 7000, 7001), (200, True, "allow", 0, 65535)),
            entries((10, False, "deny", 7001, 7009), (20, False, "allow", 6000, 7009))]
    net.ctl("acl", "create", "--name", "swap", "--vpc-id", "v", "--set",
            "Entries=" + json.dumps(sets[0]))
    net.ctl("subnet", "set", "v/b", "--network-acl-id", "swap")

    def change():
        for n in range(ROUNDS):
            net.rest("PATCH", "/v1/network-acls/swap", {"Entries": sets[(n + 1) % 2]})

    try:
        check(*under_load(net, change))
    finally:
        net.ctl("subnet", "set", "v/b", "--unset", "NetworkAclId")
        net.ctl("acl", "delete", "swap")


def writes(net):
    """Entries written; what is replaced is deleted later."""
    return sum(int(n) for n in re.findall(
        r'^vpcd_map_writes_total{op="(?:insert|update)"} (\d+)$', net.metrics(), re.M))


def test_a_change_of_one_rule_touches_only_the_sets_that_contain_it(net):
    """A set of 40 other rules stands beside it; what one rule costs does not depend on it."""
    for n in range(40):
        net.ctl("sg", "allow", "v/bystander",
                f"tcp {1000 + 7 * n}-{2000 + 11 * n} from 10.9.{n}.0/24")
    before = writes(net)
    net.ctl("sg", "allow", "v/server", "tcp 25 from 10.0.1.0/24")
    net.ctl("sg", "revoke", "v/server", "tcp 25 from 10.0.1.0/24")
    # A classifier of two rules with two ports and an address; the one of one rule may stand yet.
    assert 0 < writes(net) - before <= 8

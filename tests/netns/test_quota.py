# SPDX-License-Identifier: MIT
"""Each interface may open so many flows, and no interface takes another's share of the table.

    VPC 10.0.0.0/16, a daemon with --flow-quota 200
      a 10.0.1.0/24   greedy, modest, server 10.0.1.80 (udp 7 from 10.0.1.0/24)
"""

import contextlib
import re
import subprocess

import pytest

from conftest import Inside, passes, until

SERVER, QUOTA = ("10.0.1.80", 7), 200


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    return make_daemon("--lab-clock", "--flow-quota", str(QUOTA))


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "quota", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"in": {"Ingress": ["udp 7 from 10.0.1.0/24"]}}}},
        "Instances": {
            "greedy": {"Subnet": "v/a"}, "modest": {"Subnet": "v/a"},
            "server": {"Subnet": "v/a", "SecurityGroups": ["v/in"],
                       "PrivateIpAddress": SERVER[0]}}})
    yield vpcd
    vpcd.down("quota")


def figure(net, name, interface):
    return int(re.search(rf'^{name}{{network_interface="{interface}"}} (\d+)$', net.metrics(),
                         re.M).group(1))


def test_one_interface_cannot_take_anothers_room(net, inside):
    greedy, modest, server = inside("greedy"), inside("modest"), inside("server").udp(7)
    sockets = [greedy.udp() for _ in range(QUOTA + 50)]
    before = net.drops("CONNTRACK_ALLOWANCE")
    for s in sockets:
        s.sendto(b"?", SERVER)
    assert net.drops("CONNTRACK_ALLOWANCE") == before + 50
    assert figure(net, "vpcd_open_flows", greedy.attachment) == QUOTA
    assert figure(net, "vpcd_conntrack_allowance_exceeded_total", greedy.attachment) == 50
    # Its open flows go on, and another interface opens new ones.
    passes(server, passes(sockets[0], SERVER, server), sockets[0])
    other = modest.udp()
    passes(server, passes(other, SERVER, server), other)
    assert figure(net, "vpcd_conntrack_allowance_exceeded_total", modest.attachment) == 0


def test_what_is_idle_makes_room_again(net, inside):
    greedy, server = inside("greedy"), inside("server").udp(7)
    net.rest("POST", "/v1/clock", {"AdvanceSeconds": 200})
    until(lambda: figure(net, "vpcd_open_flows", greedy.attachment) == 0, what="collection")
    passes(greedy.udp(), SERVER, server)
    assert figure(net, "vpcd_open_flows", greedy.attachment) == 1


ENTRIES, INTERFACES = 4096, 64
SHARE, COMMON = ENTRIES // 4 // INTERFACES, ENTRIES // 2 * 3 // 8 - ENTRIES // 2 // 64


@pytest.fixture(scope="module")
def small(make_daemon):
    """A daemon with a small table and the default quota, which is far more than the table holds."""
    daemon = make_daemon("--max-flows", str(ENTRIES), "--max-interfaces", str(INTERFACES))
    daemon.up({"Lab": "shares", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"in": {"Ingress": ["udp 0-65535 from 10.0.1.0/24",
                                              "tcp 80 from 10.0.1.0/24"]}}}},
        "Instances": {
            "greedy": {"Subnet": "v/a"}, "modest": {"Subnet": "v/a"},
            "server": {"Subnet": "v/a", "SecurityGroups": ["v/in"],
                       "PrivateIpAddress": SERVER[0]}}})
    yield daemon
    daemon.down("shares")


def test_a_flood_leaves_every_other_interface_its_share(small):
    with contextlib.ExitStack() as stack:
        greedy, modest, server = (stack.enter_context(contextlib.closing(Inside(small, name)))
                                  for name in ("greedy", "modest", "server"))
        receiver, live = server.udp(7), modest.udp()
        passes(live, SERVER, receiver)
        flood = greedy.udp()
        for port in range(1000, 1000 + ENTRIES):  # a flow each
            flood.sendto(b"?", (SERVER[0], port))
        opened = figure(small, "vpcd_open_flows", greedy.attachment)
        assert opened == SHARE + COMMON
        assert figure(small, "vpcd_conntrack_allowance_exceeded_total",
                      greedy.attachment) == ENTRIES - opened
        assert re.search(rf"^vpcd_common_flows {COMMON}$", small.metrics(), re.M)
        assert re.search(rf"^vpcd_common_flows_limit {COMMON}$", small.metrics(), re.M)
        # The other's live flow goes on, and it opens what is its own; the answers come too.
        for _ in range(SHARE - 1):
            other = modest.udp()
            passes(receiver, passes(other, SERVER, receiver), other)
        passes(receiver, passes(live, SERVER, receiver), live)
        assert figure(small, "vpcd_open_flows", modest.attachment) == SHARE
        assert figure(small, "vpcd_conntrack_allowance_exceeded_total", modest.attachment) == 0
        modest.udp().sendto(b"?", SERVER)
        assert figure(small, "vpcd_conntrack_allowance_exceeded_total", modest.attachment) == 1
        assert small.drops("FLOW_TABLE_FULL") == 0


def test_a_table_without_a_share_for_everybody_is_refused(make_daemon):
    daemon = make_daemon(start=False)
    r = subprocess.run(daemon.command("--max-flows", "4096", "--max-interfaces", "2000"),
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 1
    assert "gives 2000 interfaces no share: at least 8000" in r.stderr

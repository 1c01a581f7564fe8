# SPDX-License-Identifier: MIT
"""Each interface has room for so many flows of its own, and cannot take another's.

    VPC 10.0.0.0/16, a daemon with --flow-quota 200
      a 10.0.1.0/24   greedy, modest, server 10.0.1.80 (udp 7 from 10.0.1.0/24)
"""

import re

import pytest

from conftest import passes, until

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

# SPDX-License-Identifier: MIT
"""Security groups, network ACLs and routes, on real sockets.

    VPC 10.0.0.0/16
      a 10.0.1.0/24   client (group client), other (group other)
      b 10.0.2.0/24   server (group server: tcp 80 from client)
"""

import pytest

from conftest import server


@pytest.fixture(scope="module")
def policy(vpcd):
    vpcd.up({"Lab": "policy", "Vpcs": {"p": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}, "b": {"CidrBlock": "10.0.2.0/24"}},
        "SecurityGroups": {"client": {}, "other": {}, "mute": {"Egress": []},
                           "server": {"Ingress": ["tcp 80 from client"], "Egress": []}}}},
        "Instances": {
            "client": {"Subnet": "p/a", "SecurityGroups": ["p/client"]},
            "other": {"Subnet": "p/a", "SecurityGroups": ["p/other"]},
            "mute": {"Subnet": "p/a", "SecurityGroups": ["p/client", "p/mute"]},
            "server": {"Subnet": "p/b", "PrivateIpAddress": "10.0.2.80",
                       "SecurityGroups": ["p/server"],
                       "Command": server("server", "tcp:80", "tcp:81", "udp:7")}}})
    vpcd.wait_log("server", "serving")
    yield vpcd
    vpcd.down("policy")


SERVER = "10.0.2.80"


def test_a_group_reference_admits_its_members_and_nobody_else(policy):
    assert policy.fetch("client", SERVER).startswith("server ")
    before = policy.drops("SG_INGRESS")
    assert policy.fetch("other", SERVER, timeout=2) is None
    assert policy.drops("SG_INGRESS") > before


def test_only_the_port_of_the_rule_is_open(policy):
    assert policy.fetch("client", SERVER, 81, timeout=2) is None
    assert policy.ask_udp("client", SERVER, 7, 1) is None
    assert not policy.pings("client", SERVER, wait=1)


def test_replies_need_no_egress_rule_but_new_flows_do(policy):
    before = policy.drops("SG_EGRESS")
    assert policy.fetch("server", policy.address("client"), timeout=2) is None
    assert policy.drops("SG_EGRESS") > before


def test_rules_are_the_union_of_an_interfaces_groups(policy):
    assert policy.fetch("mute", SERVER) is not None  # egress by group client
    policy.ctl("instance", "set", "mute", "--security-group-ids", "p/mute")
    assert policy.fetch("mute", SERVER, timeout=2) is None


def test_allow_and_revoke_take_effect_at_once(policy):
    assert policy.fetch("other", SERVER, timeout=2) is None
    policy.ctl("sg", "allow", "p/server", "tcp 80 from other")
    assert policy.fetch("other", SERVER) is not None
    policy.ctl("sg", "revoke", "p/server", "tcp 80 from other")
    assert policy.fetch("other", SERVER, timeout=2) is None


def test_icmp_rules_go_by_type(policy):
    policy.ctl("sg", "allow", "p/server", "--icmp", "8", "--from", "client")
    assert policy.pings("client", SERVER, 3)
    policy.ctl("sg", "revoke", "p/server", "--icmp", "8", "--from", "client")


def test_an_acl_is_stateless_and_acts_at_the_subnets_edge(policy):
    def entry(number, egress, action, low=None, high=None):
        e = {"RuleNumber": number, "Egress": egress, "Protocol": "tcp", "CidrBlock": "0.0.0.0/0",
             "RuleAction": action, "FromPort": low, "ToPort": high}
        return {k: v for k, v in e.items() if v is not None}

    import json
    entries = [entry(100, False, "allow", 80, 80), entry(100, True, "allow", 1, 1000)]
    policy.ctl("acl", "create", "--name", "strict", "--vpc-id", "p",
               "--set", "Entries=" + json.dumps(entries))
    policy.ctl("subnet", "set", "p/b", "--network-acl-id", "strict")
    try:
        before = policy.drops("ACL_EGRESS")
        assert policy.fetch("client", SERVER, timeout=2) is None  # the reply's port is not open
        assert policy.drops("ACL_EGRESS") > before
        entries[1] = entry(100, True, "allow", 1024, 65535)
        policy.ctl("acl", "set", "strict", "--set", "Entries=" + json.dumps(entries))
        assert policy.fetch("client", SERVER) is not None
        entries.insert(0, entry(50, False, "deny", 80, 80))
        policy.ctl("acl", "set", "strict", "--set", "Entries=" + json.dumps(entries))
        before = policy.drops("ACL_INGRESS")
        assert policy.fetch("client", SERVER, timeout=2) is None
        assert policy.drops("ACL_INGRESS") > before
    finally:
        policy.ctl("subnet", "set", "p/b", "--unset", "NetworkAclId")
        policy.ctl("acl", "delete", "strict")
    assert policy.fetch("client", SERVER) is not None


def test_a_route_whose_target_is_gone_is_a_blackhole(policy):
    policy.ctl("instance", "create", "--name", "hop", "--subnet-id", "p/a")
    policy.ctl("rtb", "create", "--name", "detour", "--vpc-id", "p", "--set",
               'Routes=[{"DestinationCidrBlock": "192.0.2.0/24", "InstanceId": "hop"}]')
    policy.ctl("subnet", "set", "p/a", "--route-table-id", "detour")
    try:
        policy.ctl("instance", "delete", "hop")
        before = policy.drops("BLACKHOLE")
        assert policy.fetch("client", "192.0.2.1", timeout=2) is None
        assert policy.drops("BLACKHOLE") > before
        before = policy.drops("NO_ROUTE")
        assert policy.fetch("client", "192.0.3.1", timeout=2) is None
        assert policy.drops("NO_ROUTE") > before
    finally:
        policy.ctl("subnet", "set", "p/a", "--unset", "RouteTableId")
        policy.ctl("rtb", "delete", "detour")


def test_large_packets_of_a_vpc_pass_whole(policy):
    policy.ctl("sg", "allow", "p/server", "--icmp", "8", "--from", "client")
    try:
        r = policy.exec("client", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-M", "do", "-s",
                        "8900", SERVER, check=False)
        assert r.returncode == 0, r.stdout
    finally:
        policy.ctl("sg", "revoke", "p/server", "--icmp", "8", "--from", "client")

# SPDX-License-Identifier: MIT
"""Rules count how often they decided; the counts outlive changes of other rules and the daemon.

    VPC 10.0.0.0/16
      a 10.0.1.0/24   client
      b 10.0.2.0/24   server 10.0.2.80 (group server: udp 7, udp 8, udp 9), ACL edge
"""

import pytest

from conftest import dropped, passes

SERVER = "10.0.2.80"


@pytest.fixture
def net(vpcd):
    vpcd.up({"Lab": "hits", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"},
                    "b": {"CidrBlock": "10.0.2.0/24", "NetworkAcl": "edge"}},
        "SecurityGroups": {"server": {"Ingress": [f"udp {p} from 10.0.1.0/24" for p in (7, 8, 9)]}},
        "NetworkAcls": {"edge": {"Entries": ["10 deny udp 9 from 0.0.0.0/0",
                                             "20 allow all from 10.0.1.0/24",
                                             "20 allow all to 0.0.0.0/0"]}}}},
        "Instances": {"client": {"Subnet": "v/a"},
                      "server": {"Subnet": "v/b", "SecurityGroups": ["v/server"],
                                 "PrivateIpAddress": SERVER}}})
    yield vpcd
    vpcd.down("hits")


def rule_hits(net):
    """By the port of the ingress rule ("udp 7 from …")."""
    rules = net.rest("GET", "/v1/security-groups/v%2Fserver")["Rules"]
    return {int(r["Rule"].split()[1]): r["Hits"] for r in rules if not r["IsEgress"]}


def entry_hits(net):
    entries = net.rest("GET", "/v1/network-acls/v%2Fedge")["Rules"]
    return {(e["RuleNumber"], e["Egress"]): e["Hits"] for e in entries}


def test_the_deciding_rule_counts_once_a_flow(net, inside):
    client, seven = inside("client"), inside("server").udp(7)
    for _ in range(3):
        s = client.udp()
        for _ in range(4):  # packets of one flow
            peer = passes(s, (SERVER, 7), seven)
    passes(inside("client").udp(), (SERVER, 8), inside("server").udp(8))
    with dropped(net, "ACL_INGRESS"):
        client.udp().sendto(b"?", (SERVER, 9))
    assert rule_hits(net) == {7: 3, 8: 1, 9: 0}
    assert entry_hits(net) == {(10, False): 1, (20, False): 4, (20, True): 0}
    passes(seven, peer, s)  # the first reply walks back: the ACL is stateless
    assert entry_hits(net)[20, True] == 1
    entries = net.rest("GET", "/v1/network-acls/v%2Fedge")["Entries"]
    net.rest("PATCH", "/v1/network-acls/v%2Fedge", {"Entries": entries[1:]})
    net.rest("PATCH", "/v1/network-acls/v%2Fedge", {"Entries": entries})
    assert entry_hits(net) == {(10, False): 0, (20, False): 4, (20, True): 1}  # 10 is a new one
    unused = net.json("sg", "unused", "v/server")
    assert [r["Rule"] for r in unused if "udp" in r["Rule"]] == ["udp 9 from 10.0.1.0/24"]


def test_counts_outlive_changes_of_other_rules_and_the_daemon(net, inside):
    client, seven = inside("client"), inside("server").udp(7)
    passes(client.udp(), (SERVER, 7), seven)
    net.ctl("sg", "allow", "v/server", "udp 10 from 10.0.1.0/24")  # another classifier
    passes(client.udp(), (SERVER, 7), seven)
    net.ctl("sg", "revoke", "v/server", "udp 8 from 10.0.1.0/24")
    assert rule_hits(net) == {7: 2, 9: 0, 10: 0}
    last = client.udp()
    net.end()
    passes(last, (SERVER, 7), seven)  # programs count on
    net.start()
    assert rule_hits(net) == {7: 3, 9: 0, 10: 0}
    net.end()
    net.start()  # nothing has changed since: all of it stands as it should
    assert net.rest("GET", "/v1/status")["Apply"]["Repaired"] == 0
    assert rule_hits(net) == {7: 3, 9: 0, 10: 0}

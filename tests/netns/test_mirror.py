# SPDX-License-Identifier: MIT
"""Traffic mirroring, read by tshark in the target. VPC Traffic Mirroring guide.

    VPC p 10.0.0.0/16                                    VPC q 10.1.0.0/16, peered
      a 10.0.1.0/24  web (source; tcp:80, udp:7), client   far (a target, UDP 4789 in)
      b 10.0.2.0/24  ids (target; UDP 4789 in)
"""

import socket
import subprocess

import pytest

from conftest import allow_all, server, until
from test_capture import Capture, fields

ANY = {"SourceCidrBlock": "0.0.0.0/0", "DestinationCidrBlock": "0.0.0.0/0"}


def rule(number, action="accept", **more):
    return {"RuleNumber": number, "RuleAction": action, **ANY, **more}


def topology():
    return {"Lab": "mirror", "Vpcs": {
        "p": {"CidrBlock": "10.0.0.0/16",
              "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "all"},
                          "b": {"CidrBlock": "10.0.2.0/24", "RouteTable": "all"}},
              "RouteTables": {"all": {"Routes": {"10.1.0.0/16": "p-q"}}},
              "SecurityGroups": {
                  "web": {"Ingress": ["tcp 80-81 from 0.0.0.0/0", "udp 7 from 0.0.0.0/0"],
                          "Egress": ["udp 9 to 0.0.0.0/0"]},
                  "open": allow_all(),
                  "ids": {"Ingress": ["udp 4789 from 10.0.1.0/24"]}}},
        "q": {"CidrBlock": "10.1.0.0/16",
              "Subnets": {"a": {"CidrBlock": "10.1.1.0/24", "RouteTable": "back"}},
              "RouteTables": {"back": {"Routes": {"10.0.0.0/16": "p-q"}}},
              "SecurityGroups": {"far": {"Ingress": ["udp 4789 from 10.0.0.0/16"]}}}},
        "VpcPeeringConnections": {"p-q": {"Vpc": "p", "PeerVpc": "q"}},
        "Instances": {
            "web": {"Subnet": "p/a", "SecurityGroups": ["p/web"],
                    "Command": server("web", "tcp:80", "udp:7")},
            "client": {"Subnet": "p/a", "SecurityGroups": ["p/open"]},
            "ids": {"Subnet": "p/b", "SecurityGroups": ["p/ids"]},
            "far": {"Subnet": "q/a", "SecurityGroups": ["q/far"]}},
        "TrafficMirrorTargets": {"ids": {"Interface": "ids"}, "far": {"Interface": "far"}},
        "TrafficMirrorFilters": {
            "all": {"IngressFilterRules": [rule(100)], "EgressFilterRules": [rule(100)]},
            "no-7": {"IngressFilterRules": [
                rule(10, "reject", Protocol="udp",
                     DestinationPortRange={"FromPort": 7, "ToPort": 7}), rule(20)]}},
        "TrafficMirrorSessions": {
            "web-ids": {"Interface": "web", "Target": "ids", "Filter": "all", "SessionNumber": 10,
                        "VirtualNetworkId": 77}}}


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up(topology())
    vpcd.wait_log("web", "serving")
    yield vpcd
    vpcd.down("mirror")


def copies(net, tmp_path, act, until_seen, target="ids"):
    """Rows (vni, outer source, inner source, inner destination, inner length) at the target."""
    c = Capture(net, tmp_path / "x", target, "udp", "port", "4789")
    act()
    rows = []

    def seen():
        rows[:] = fields(c.path, "vxlan.vni", "ip.src", "ip.dst", "frame.len")
        return until_seen(rows)
    until(seen, what="copies at the target")
    c.end(2)
    return rows


def inner(rows):
    """(source, destination) of what was copied."""
    return [(r[1].split(",")[1], r[2].split(",")[1]) for r in rows]


def test_both_directions_of_a_connection_arrive_in_vxlan(net, tmp_path):
    web, client = net.address("web"), net.address("client")
    rows = copies(net, tmp_path, lambda: net.fetch("client", web),
                  lambda rows: {(client, web), (web, client)} <= set(inner(rows)))
    assert {r[0] for r in rows} == {"77"}
    # Past the source's own groups, from its address, to the target's.
    assert {(r[1].split(",")[0], r[2].split(",")[0]) for r in rows} == {(web, net.address("ids"))}


def test_large_segments_arrive_as_what_is_on_the_wire(net, tmp_path, inside):
    """What the kernel would cut later is cut before it is copied, with whole checksums."""
    listener = inside("web").listen(81)
    sender = inside("client").socket(kind=socket.SOCK_STREAM)
    c = Capture(net, tmp_path / "x", "ids", "udp", "port", "4789")
    sender.connect((net.address("web"), 81))
    receiver = listener.accept()[0]
    with receiver:
        for _ in range(10):
            sender.sendall(bytes(20000))
            assert len(receiver.recv(20000, socket.MSG_WAITALL)) == 20000
    until(lambda: len(fields(c.path, "tcp.len", where="tcp.len > 8000")) > 3)
    c.end(2)
    sums = subprocess.run(
        ["tshark", "-n", "-r", str(c.path), "-o", "tcp.check_checksum:TRUE", "-o",
         "ip.check_checksum:TRUE", "-T", "fields", "-e", "frame.len", "-e", "tcp.checksum.status",
         "-e", "ip.checksum.status", "-e", "frame.cap_len"], capture_output=True, text=True)
    rows = [r.split("\t") for r in sums.stdout.splitlines()]
    assert max(int(r[0]) for r in rows) <= 9015
    whole = [r for r in rows if int(r[0]) < 9015]  # what was not cut to the target's MTU
    assert whole and {r[1].split(",")[-1] for r in whole} == {"1"}, rows
    assert {s for r in rows for s in r[2].split(",")} == {"1"}


def test_what_the_sources_groups_drop_is_not_copied(net, tmp_path):
    web, client = net.address("web"), net.address("client")

    def act():
        net.exec("client", "bash", "-c", f"echo x > /dev/udp/{web}/8")  # not let in
        net.exec("web", "bash", "-c", f"echo x > /dev/udp/{client}/8")  # not let out
        net.exec("web", "bash", "-c", f"echo x > /dev/udp/{client}/9")
    c = Capture(net, tmp_path / "x", "ids", "udp", "port", "4789")
    act()
    until(lambda: fields(c.path, "udp.dstport", where="udp.dstport == 9"))
    c.end(2)
    # The answer to it, port unreachable, quotes it.
    copied = fields(c.path, "udp.dstport", where="vxlan && !icmp")
    assert [r[0].split(",")[1] for r in copied] == ["9"]


def session(net, name, **patch):
    return net.rest("PATCH", f"/v1/traffic-mirror-sessions/{name}", patch)


def test_a_change_takes_hold_of_flows_that_stand(net, tmp_path):
    web = net.address("web")
    try:
        session(net, "web-ids", PacketLength=64, VirtualNetworkId=78)
        rows = copies(net, tmp_path, lambda: net.ask_udp("client", web, 7),
                      lambda rows: len(rows) >= 2)
        assert {r[0] for r in rows} == {"78"}
        assert max(int(r[3]) for r in rows) <= 64 + 50
    finally:
        session(net, "web-ids", PacketLength=None, VirtualNetworkId=77)


def test_rules_and_session_numbers_decide_who_gets_a_packet(net, tmp_path):
    web = net.address("web")
    net.rest("POST", "/v1/traffic-mirror-sessions",
             {"Name": "first", "NetworkInterfaceId": "web", "TrafficMirrorTargetId": "far",
              "TrafficMirrorFilterId": "no-7", "SessionNumber": 1, "VirtualNetworkId": 1})
    try:
        far = Capture(net, tmp_path / "far", "far", "udp", "port", "4789")
        ids = Capture(net, tmp_path / "ids", "ids", "udp", "port", "4789")
        assert net.ask_udp("client", web, 7) and net.fetch("client", web)
        until(lambda: fields(far.path, "tcp.port", where="tcp.flags.fin == 1"))
        until(lambda: fields(ids.path, "tcp.port", where="tcp.flags.fin == 1"))
        far.end(2)
        ids.end(2)
        # In: TCP by the first session, over the peering; UDP 7 is refused there, and the next one
        # takes it. Out: the first session's filter has no rules.
        assert {tuple(r) for r in fields(far.path, "vxlan.vni", "ip.proto")} == {("1", "17,6")}
        assert {r[0] for r in fields(far.path, "tcp.dstport")} == {"80"}
        assert {r[0] for r in fields(ids.path, "tcp.srcport", where="tcp")} == {"80"}
        assert fields(ids.path, "udp.port", where="udp.dstport == 7")
    finally:
        net.ctl("delete", "first")


def test_copies_count_and_are_nobodys_flows(net):
    def count(direction, series="vpcd_mirrored_packets_total"):
        return sum(int(line.split()[-1]) for line in net.metrics().splitlines()
                   if line.startswith(series + "{") and f'direction="{direction}"' in line)

    before = count("in"), count("out")
    assert net.ask_udp("client", net.address("web"), 7)
    until(lambda: count("in") == before[0] + 1 and count("out") == before[1] + 1)
    skipped = count("in", "vpcd_mirror_skipped_packets_total")
    net.ctl("sg", "revoke", "p/ids", "udp 4789 from 10.0.1.0/24")
    try:
        assert net.ask_udp("client", net.address("web"), 7)
        until(lambda: count("in", "vpcd_mirror_skipped_packets_total") == skipped + 1)
    finally:
        net.ctl("sg", "allow", "p/ids", "udp 4789 from 10.0.1.0/24")


def test_it_goes_on_over_a_restart(net, tmp_path):
    web = net.address("web")
    net.end()
    net.start()
    copies(net, tmp_path, lambda: net.ask_udp("client", web, 7), lambda rows: len(rows) >= 2)


def test_deletion_goes_by_what_refers_to_what(net, tmp_path):
    r = net.request("DELETE", "/v1/traffic-mirror-targets/ids")
    assert r[0] == 409 and "DependencyViolation" in r[1]
    r = net.request("DELETE", "/v1/traffic-mirror-filters/all")
    assert r[0] == 409 and "DependencyViolation" in r[1]
    # The target stays when its interface goes; the session goes with its source.
    net.ctl("instance", "create", "--name", "brief", "--subnet-id", "p/a")
    net.ctl("instance", "create", "--name", "sink", "--subnet-id", "p/a")
    net.rest("POST", "/v1/traffic-mirror-targets", {"Name": "sink", "NetworkInterfaceId": "sink"})
    net.rest("POST", "/v1/traffic-mirror-sessions",
             {"Name": "gone", "NetworkInterfaceId": "brief", "TrafficMirrorTargetId": "sink",
              "TrafficMirrorFilterId": "all", "SessionNumber": 1})
    net.rest("DELETE", "/v1/instances/sink")
    assert net.rest("GET", "/v1/traffic-mirror-targets/sink")
    assert net.pings("brief", net.address("client"))
    net.ctl("delete", "brief")
    assert net.request("GET", "/v1/traffic-mirror-sessions/gone")[0] == 404
    net.rest("DELETE", "/v1/traffic-mirror-targets/sink")


def test_up_keeps_what_it_made_and_export_says_it(net):
    assert "0 to add, 0 to change, 0 to delete" in net.up(topology()).stdout
    out = net.json("export", "-p", "mirror")
    assert out["TrafficMirrorSessions"]["web-ids"]["Interface"] == "web"
    assert out["TrafficMirrorTargets"]["ids"] == {"Interface": "ids"}
    assert out["TrafficMirrorFilters"]["all"]["EgressFilterRules"][0]["RuleNumber"] == 100


def test_without_the_session_nothing_is_copied(net, tmp_path):
    web = net.address("web")
    net.ctl("delete", "web-ids")
    try:
        c = Capture(net, tmp_path / "x", "ids")
        assert net.ask_udp("client", web, 7)
        net.exec("client", "bash", "-c", f"echo x > /dev/udp/{net.address('ids')}/4789")
        until(lambda: fields(c.path, "udp.dstport", where="udp.dstport == 4789"))
        c.end(2)
        assert not fields(c.path, "vxlan.vni", where="vxlan.vni == 77")
    finally:
        net.up(topology())

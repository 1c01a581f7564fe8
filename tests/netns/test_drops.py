# SPDX-License-Identifier: MIT
"""vpcctl capture --drops, read by tshark.

    VPC p 10.0.0.0/16                                  VPC q 10.1.0.0/16, peered
      a 10.0.1.0/24  client, server (no ingress)         far (no egress)
      b 10.0.2.0/24  (ACL: 50 deny udp 53 in) guarded
      c 10.0.3.0/24  (routes: local, peering) lone
    internet: host
"""

import os
import signal
import struct
import subprocess

import pytest

from conftest import PYTHON, allow_all, until
from test_capture import Capture, fields

HOST = "203.0.113.90"


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "drops", "Vpcs": {
        "p": {"CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
              "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "out"},
                          "b": {"CidrBlock": "10.0.2.0/24", "NetworkAcl": "strict"},
                          "c": {"CidrBlock": "10.0.3.0/24", "RouteTable": "in"}},
              "RouteTables": {"out": {"Routes": {"0.0.0.0/0": "igw", "10.1.0.0/16": "p-q"}},
                              "in": {"Routes": {}}},
              "NetworkAcls": {"strict": {
                  "Entries": ["50 deny udp 53 from 0.0.0.0/0", "100 allow tcp from 0.0.0.0/0",
                              "100 allow all to 0.0.0.0/0"]}},
              "SecurityGroups": {"open": allow_all(), "shut": {}}},
        "q": {"CidrBlock": "10.1.0.0/16",
              "Subnets": {"a": {"CidrBlock": "10.1.1.0/24", "RouteTable": "back"}},
              "RouteTables": {"back": {"Routes": {"10.0.0.0/16": "p-q"}}},
              "SecurityGroups": {"mute": {"Ingress": ["all from 0.0.0.0/0"], "Egress": []}}}},
        "VpcPeeringConnections": {"p-q": {"Vpc": "p", "PeerVpc": "q"}},
        "InternetHosts": {"host.example.com": {"Address": HOST}},
        "Instances": {
            "client": {"Subnet": "p/a", "SecurityGroups": ["p/open"], "PublicIp": "auto"},
            "server": {"Subnet": "p/a", "SecurityGroups": ["p/shut"], "PublicIp": "auto"},
            "guarded": {"Subnet": "p/b", "SecurityGroups": ["p/open"]},
            "lone": {"Subnet": "p/c", "SecurityGroups": ["p/open"]},
            "far": {"Subnet": "q/a", "SecurityGroups": ["q/mute"]}}})
    yield vpcd
    vpcd.down("drops")


def send(net, sandbox, address, port):
    """One datagram, to nobody who answers."""
    net.exec(sandbox, "bash", "-c", f"echo x > /dev/udp/{address}/{port}")


def comments(path, where=None):
    return [r[0] for r in fields(path, "frame.comment", where=where)]


def caught(net, tmp_path, name, act, *args):
    """Rows (comment, source, direction) of the one packet that act() has dropped."""
    c = Capture(net, tmp_path / "x", name, "--drops", "-c", "1", *args)
    act()
    code, err = c.end()
    assert code == 0 and err.startswith("1 packets captured, 0 lost"), err
    (row,) = fields(c.path, "frame.comment", "ip.src", "frame.packet_flags_direction")
    return row[0], row[1], int(row[2], 0)


def test_a_group_that_refuses_is_named_at_both_ends(net, tmp_path):
    for name, direction in [("client", 2), ("server", 1)]:
        text, source, seen = caught(
            net, tmp_path, name,
            lambda: send(net, "client", net.address("server"), 7))
        assert text == "SG_INGRESS: no ingress rule of the receiver's groups matches (p/shut)"
        assert (source, seen) == (net.address("client"), direction)


def test_an_acl_entry_is_named_and_the_final_deny(net, tmp_path):
    text = caught(net, tmp_path, "guarded",
                  lambda: send(net, "client", net.address("guarded"), 53))[0]
    assert text == ("ACL_INGRESS: network ACL denies entering the subnet "
                    "(p/strict: 50 deny udp 53 from 0.0.0.0/0)")
    text = caught(net, tmp_path, "guarded",
                  lambda: send(net, "client", net.address("guarded"), 54))[0]
    assert text.endswith("(p/strict: * deny all)")


def test_a_missing_route_names_the_table(net, tmp_path):
    text = caught(net, tmp_path, "lone", lambda: send(net, "lone", HOST, 7))[0]
    assert text == "NO_ROUTE: no route (p/in)"


def test_what_a_peer_may_not_send_was_meant_for_its_receiver(net, tmp_path):
    text = caught(net, tmp_path, "client", lambda: send(net, "far", net.address("client"), 7))[0]
    assert text == "SG_EGRESS: no egress rule of the sender's groups matches (q/mute)"


def test_from_the_internet_it_is_still_the_public_address(net, tmp_path):
    public = net.rest("GET", "/v1/instances/server")["PublicIpAddress"]
    c = Capture(net, tmp_path / "x", "server", "--drops", "-c", "1", f"dst host {public}")
    send(net, "host.example.com", public, 7)
    assert c.end()[0] == 0
    assert fields(c.path, "ip.dst", "ip.src") == [[public, HOST]]


def test_too_large_a_packet_is_shown_itself_not_the_answer(net, tmp_path):
    text = caught(net, tmp_path, "client", lambda: net.exec(
        "client", "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "3000", HOST,
        check=False))
    assert text[0].startswith("MTU: ") and text[1] == net.address("client")


def test_a_filter_chooses(net, tmp_path):
    c = Capture(net, tmp_path / "x", "server", "--drops", "-c", "2", "udp", "dst", "port", "9")
    for port in 7, 8, 9, 10, 9:
        send(net, "client", net.address("server"), port)
    assert c.end()[0] == 0
    assert [r[0] for r in fields(c.path, "udp.dstport")] == ["9", "9"]


def test_a_bad_filter_says_where(net):
    for args in ["server", "--drops"], ["--all", "--drops"]:
        r = net.ctl("capture", *args, "udp port 9 adn port 8", check=False)
        assert r.returncode == 1 and "column 12: " in r.stderr and "syntax error" in r.stderr


def test_lines_have_the_reason(net):
    p = net.popen("capture", "server", "--drops", "-c", "1", stdout=subprocess.PIPE)
    while p.poll() is None:
        send(net, "client", net.address("server"), 7)
    line = p.communicate()[0].splitlines()[0]
    assert f"> {net.address('server')}:7 udp" in line and " in " in line
    assert line.endswith("# SG_INGRESS: no ingress rule of the receiver's groups matches (p/shut)")


def test_of_all_sandboxes_each_has_an_interface_in_the_file(net, tmp_path):
    c = Capture(net, tmp_path / "x", "--all", "--drops", "udp dst port 7", "-c", "3")
    send(net, "client", net.address("server"), 7)
    send(net, "far", net.address("client"), 7)
    send(net, "lone", HOST, 7)
    assert c.end()[0] == 0
    rows = fields(c.path, "frame.interface_description", "frame.comment")
    assert [(r[0], r[1].split(":")[0]) for r in rows] == [
        ("client", "SG_INGRESS"), ("far", "SG_EGRESS"), ("lone", "NO_ROUTE")]


def test_every_file_of_a_ring_knows_all_interfaces(net, tmp_path):
    c = Capture(net, tmp_path / "ring", "--all", "--drops", "-C", "1", "-W", "2")

    def burst():
        for sandbox in "client", "lone":
            net.exec(sandbox, "ping", "-n", "-q", "-c", "60", "-i", "0.01", "-W", "0.1",
                     "-s", "8000", net.address("server"), check=False)
        return (tmp_path / "ring1").exists()
    until(burst, 60, "the second file")
    assert c.end(signal.SIGTERM)[0] == 0
    for f in tmp_path.iterdir():
        assert {r[0] for r in fields(f, "frame.interface_description")} <= {"client", "lone"}
        assert {t.split(":")[0] for t in comments(f)} == {"SG_INGRESS"}


def test_several_at_once_do_not_disturb_each_other(net, tmp_path):
    captures = [Capture(net, tmp_path / "all", "--all", "--drops", "udp dst port 77", "-c", "4"),
                Capture(net, tmp_path / "one", "server", "--drops", "udp dst port 77", "-c", "2"),
                Capture(net, tmp_path / "cut", "server", "--drops", "udp dst port 77", "-c", "2",
                        "-s", "40")]
    for to in "server", "guarded", "server", "guarded":
        send(net, "client", net.address(to), 77)
    assert [c.end()[0] for c in captures] == [0, 0, 0]
    assert len(comments(captures[0].path)) == 4
    assert len(comments(captures[1].path)) == 2
    assert {r[0] for r in fields(captures[2].path, "frame.cap_len")} == {"40"}
    assert {r[0] for r in fields(captures[1].path, "frame.cap_len")} == {"44"}


def test_a_full_disk_ends_it_and_the_network_goes_on(net, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], check=True)
    try:
        p = net.popen("capture", "server", "--drops", "-w", small / "x", stderr=subprocess.PIPE)
        while p.poll() is None:
            net.exec("client", "ping", "-n", "-q", "-c", "10", "-i", "0.01", "-W", "0.1",
                     "-s", "8000", net.address("server"), check=False)
        assert p.returncode == 1 and "No space left on device" in p.communicate()[1]
    finally:
        subprocess.run(["umount", small], check=True)
    assert net.pings("server", net.address("client"))


def said(pcapng):
    """The losses of the last Interface Statistics Block; 0: none so far."""
    at, lost = 0, 0
    while at + 8 <= len(pcapng):
        kind, length = struct.unpack_from("<II", pcapng, at)
        if kind == 5 and at + length <= len(pcapng):
            lost = struct.unpack_from("<Q", pcapng, at + 36)[0]
        at += length
    return lost


def test_a_slow_reader_loses_packets_and_hears_of_it(net, tmp_path):
    read, write = os.pipe()
    p = net.popen("capture", "server", "--drops", "-w", "-", stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    data = os.read(read, 8)
    before = net.drops("SG_INGRESS")
    # More than the pipe, the stream and the backlog hold: 8 KB each.
    net.exec("client", PYTHON, "-c", "import socket, sys\n"
             "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             "for _ in range(1500): s.sendto(bytes(8000), (sys.argv[1], 9))",
             net.address("server"))
    assert net.drops("SG_INGRESS") - before >= 1500
    assert net.pings("server", net.address("client"))
    while not said(data):
        data += os.read(read, 1 << 16)
    p.send_signal(signal.SIGINT)
    while more := os.read(read, 1 << 16):
        data += more
    err = p.communicate()[1]
    lost = int(err.split(" captured, ")[1].split()[0])
    assert lost > 0 and lost == said(data), err
    os.close(read)


def test_a_sandbox_that_goes_ends_it(net, tmp_path):
    net.ctl("instance", "create", "--name", "brief", "--subnet-id", "p/a")
    c = Capture(net, tmp_path / "x", "brief", "--drops")
    net.ctl("delete", "brief")
    assert c.end()[0] == 0


def test_usage(net):
    for args in [["server", "--drops", "--any"], ["--all"], ["--drops"],
                 ["server", "--drops", "--format", "pcap", "-w", "x"]]:
        assert net.ctl("capture", *args, check=False).returncode == 2, args
    assert net.request("GET", "/v1/capture")[0] == 400
    assert net.request("GET", "/v1/capture?drops=1&format=pcap")[0] == 422

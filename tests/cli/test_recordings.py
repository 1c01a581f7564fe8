# SPDX-License-Identifier: MIT
"""vpcctl whatif with recordings: what of captures and flow logs is asked of the daemon."""

import gzip
import json
import resource
import struct
import subprocess

import pytest
from scapy.all import (ARP, ICMP, IP, TCP, UDP, CookedLinux, Dot1Q, Ether, ICMPv6DestUnreach,
                       ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6,
                       IPv6ExtHdrDestOpt, PcapNgWriter, PcapWriter, Raw, RawPcapWriter)

from conftest import VPCCTL

A, B, ROUTER = "0a:00:00:00:00:01", "0a:00:00:00:00:02", "0a:ff:ff:ff:ff:01"
ANSWER = {"Lab": "x", "Steps": [], "Flips": [], "Opened": 0, "Closed": 0, "Asked": 1,
          "Flows": 1, "NotJudgedFlows": 0, "NotJudged": []}


def there(x):
    return Ether(src=A, dst=ROUTER) / x


def back(x):
    return Ether(src=ROUTER, dst=A) / x


def tcp(sport, dport, flags, src="10.0.0.1", dst="10.0.0.2"):
    return IP(src=src, dst=dst) / TCP(sport=sport, dport=dport, flags=flags)


def udp(sport, dport, src="10.0.0.1", dst="10.0.0.2"):
    return IP(src=src, dst=dst) / UDP(sport=sport, dport=dport)


def write(path, packets, **kwargs):
    with PcapWriter(str(path), **kwargs) as w:
        for p in packets:
            w.write(p)
    return str(path)


@pytest.fixture
def ask(vpcctl, daemon, tmp_path):
    """The flows that vpcctl makes of a recording; or what it says if it asks nothing."""
    (tmp_path / "t.json").write_text('{"Lab": "x"}')

    def run(*args, code=0):
        daemon.routes["POST", "/v1/whatif"] = (200, ANSWER)
        before = len(daemon.sent("POST"))
        done = vpcctl("whatif", "-f", str(tmp_path / "t.json"), *args)
        assert done.returncode == code, done.stderr
        if len(daemon.sent("POST")) == before:
            return done
        body = json.loads(daemon.sent("POST")[-1][3])
        assert body["Pairs"] is False and "Tests" not in body
        done.flows = body["Flows"]
        done.body = body
        return done

    return run


def known(flows):
    return {(f["From"], f["To"], f["Service"], f["Packets"]) for f in flows}


@pytest.mark.parametrize("packets,expected", [
    # who opened it is known by SYN, and by SYN-ACK if that came first
    ([there(tcp(40000, 80, "S")), back(tcp(80, 40000, "SA", "10.0.0.2", "10.0.0.1")),
      there(tcp(40000, 80, "A"))], {("10.0.0.1", "10.0.0.2", "80/6", 3)}),
    ([back(tcp(80, 40000, "SA", "10.0.0.2", "10.0.0.1"))], {("10.0.0.1", "10.0.0.2", "80/6", 1)}),
    # even where the ports say otherwise
    ([there(tcp(80, 40000, "S"))], {("10.0.0.1", "10.0.0.2", "40000/6", 1)}),
    # in the middle: by the port that is a service's, else by who was seen first
    ([there(tcp(443, 50000, "A"))], {("10.0.0.2", "10.0.0.1", "443/6", 1)}),
    ([there(tcp(5432, 50000, "PA"))], {("10.0.0.2", "10.0.0.1", "5432/6", 1)}),
    ([there(udp(6000, 7000)), back(udp(7000, 6000, "10.0.0.2", "10.0.0.1"))],
     {("10.0.0.1", "10.0.0.2", "7000/17", 2)}),
    ([back(udp(53, 40000, "10.0.0.2", "10.0.0.1"))], {("10.0.0.1", "10.0.0.2", "53/17", 1)}),
    # clients' ports do not tell flows apart, but those below 1024 do
    ([there(udp(p, 53)) for p in (40000, 40001, 50000)], {("10.0.0.1", "10.0.0.2", "53/17", 3)}),
    ([there(udp(123, 123)), there(udp(50000, 123))],
     {("10.0.0.1", "10.0.0.2", "123/17", 1)}),
    # echo, its reply, and no errors
    ([back(IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=0)),
      there(IP(src="10.0.0.1", dst="10.0.0.2") / ICMP(type=8)),
      back(IP(src="10.0.0.2", dst="10.0.0.1") / ICMP(type=3))],
     {("10.0.0.1", "10.0.0.2", "8/1", 2)}),
    # IPv6 behind extension headers, no errors, no neighbour discovery
    ([there(IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrDestOpt() / TCP(dport=22, flags="S")),
      there(IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest()),
      back(IPv6(src="2001:db8::2", dst="2001:db8::1") / ICMPv6EchoReply()),
      back(IPv6(src="2001:db8::2", dst="2001:db8::1") / ICMPv6DestUnreach()),
      there(IPv6(src="fe80::1", dst="ff02::1") / ICMPv6ND_NS())],
     {("2001:db8::1", "2001:db8::2", "22/6", 1), ("2001:db8::1", "2001:db8::2", "128/58", 2)}),
    # VLAN tags; no ARP, later fragments or headers that are not all there
    ([Ether(src=A, dst=ROUTER) / Dot1Q(vlan=7) / tcp(1, 80, "S"), there(ARP()),
      there(IP(src="10.0.0.1", dst="10.0.0.9", proto=17, frag=100) / Raw(b"x" * 20)),
      Ether(src=A, dst=ROUTER, type=0x800) / Raw(b"\x45\x00\x00")],
     {("10.0.0.1", "10.0.0.2", "80/6", 1)}),
])
def test_packets_become_flows_by_who_opened_them(ask, tmp_path, packets, expected):
    assert known(ask("--pcap", write(tmp_path / "p", packets)).flows) == expected


def test_macs_tell_who_saw_it(ask, tmp_path):
    flows = ask("--pcap", write(tmp_path / "p", [there(tcp(40000, 80, "S"))])).flows
    assert flows == [{"From": "10.0.0.1", "To": "10.0.0.2", "Service": "80/6", "FromPort": 40000,
                      "Packets": 1, "FromMac": A, "ToMac": ROUTER}]
    flows = ask("--pcap", write(tmp_path / "p", [back(tcp(80, 40000, "SA", "10.0.0.2", "10.0.0.1"))])).flows
    assert (flows[0]["FromMac"], flows[0]["ToMac"]) == (A, ROUTER)


def test_cooked_and_raw_captures_and_pcapng_are_read(ask, tmp_path):
    expected = {("10.0.0.1", "10.0.0.2", "80/6", 1)}
    cooked = CookedLinux(proto=0x800) / tcp(40000, 80, "S")
    assert known(ask("--pcap", write(tmp_path / "p", [cooked], linktype=113)).flows) == expected
    sll2 = struct.pack("!HHIHBB8s", 0x800, 0, 1, 1, 0, 6, b"") + bytes(tcp(40000, 80, "S"))
    with RawPcapWriter(str(tmp_path / "p"), linktype=276) as w:
        w.write(sll2)
    assert known(ask("--pcap", str(tmp_path / "p")).flows) == expected
    assert known(ask("--pcap", write(tmp_path / "p", [tcp(40000, 80, "S")], linktype=101)).flows) == expected
    with PcapNgWriter(str(tmp_path / "p")) as w:
        w.write(there(tcp(40000, 80, "S")))
    assert known(ask("--pcap", str(tmp_path / "p")).flows) == expected


def test_bad_captures_are_refused_by_what_is_wrong(ask, tmp_path):
    p = tmp_path / "p"
    write(p, [Raw(b"x" * 40)], linktype=105)
    assert "IEEE802_11" in ask("--pcap", str(p), code=2).stderr
    p.write_bytes(b"")
    assert "truncated dump file" in ask("--pcap", str(p), code=2).stderr
    p.write_text("no capture at all, but some text")
    assert "unknown file format" in ask("--pcap", str(p), code=2).stderr
    assert "No such file" in ask("--pcap", str(tmp_path / "none"), code=2).stderr
    write(p, [there(ARP())])
    assert "no TCP, UDP or ICMP among its 1 packets" in ask("--pcap", str(p), code=2).stderr


def test_of_a_cut_capture_what_was_read_counts(ask, tmp_path):
    p = tmp_path / "p"
    write(p, [there(tcp(40000, 80, "S")), there(tcp(40000, 81, "S"))])
    p.write_bytes(p.read_bytes()[:-10])
    done = ask("--pcap", str(p))
    assert known(done.flows) == {("10.0.0.1", "10.0.0.2", "80/6", 1)}
    assert "truncated dump file" in done.stderr and "1 packets, counts" in done.stderr


def test_a_large_capture_takes_bounded_memory(environment, daemon, tmp_path):
    """600,000 packets of 3,000 flows; and a scan of more flows than are kept is refused."""
    (tmp_path / "t.json").write_text('{"Lab": "x"}')
    daemon.routes["POST", "/v1/whatif"] = (200, ANSWER)
    frame = bytearray(bytes(there(tcp(40000, 80, "S"))))
    header = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 0, 0, len(frame), len(frame))

    def packets(n, flows):
        for i in range(n):
            frame[30:34] = struct.pack("!I", 0x0a000000 + i % flows)
            yield record + frame

    def run(n, flows):
        with open(tmp_path / "p", "wb") as f:
            f.write(header)
            f.writelines(packets(n, flows))
        return subprocess.run([VPCCTL, "whatif", "-f", tmp_path / "t.json", "--pcap", tmp_path / "p"],
                              env=environment, capture_output=True, text=True, timeout=60,
                              preexec_fn=None if "ASAN_OPTIONS" in environment else
                              lambda: resource.setrlimit(resource.RLIMIT_DATA, (64 << 20, 64 << 20)))

    done = run(600000, 3000)
    assert done.returncode == 0, done.stderr
    flows = json.loads(daemon.sent("POST")[-1][3])["Flows"]
    assert len(flows) == 3000 and sum(f["Packets"] for f in flows) == 600000
    done = run(70000, 70000)
    assert done.returncode == 1 and "more than 65536 different flows" in done.stderr


HEADER = "version interface-id vpc-id srcaddr dstaddr srcport dstport protocol packets action " \
         "log-status tcp-flags pkt-srcaddr pkt-dstaddr\n"


def record(src, dst, sport, dport, protocol=6, action="ACCEPT", flags="-", status="OK", pkt=("-", "-")):
    return f"5 eni-1 vpc-1 {src} {dst} {sport} {dport} {protocol} 7 {action} {status} {flags} {pkt[0]} {pkt[1]}\n"


@pytest.mark.parametrize("records,expected", [
    ([record("10.0.0.1", "10.0.0.2", 40000, 80, flags="3"),
      record("10.0.0.2", "10.0.0.1", 80, 40000, flags="19")], {("10.0.0.1", "10.0.0.2", "80/6", 14)}),
    ([record("10.0.0.2", "10.0.0.1", 50000, 40000, flags="18")], {("10.0.0.1", "10.0.0.2", "50000/6", 7)}),
    ([record("10.0.0.2", "10.0.0.1", 80, 40000)], {("10.0.0.1", "10.0.0.2", "80/6", 7)}),
    ([record("10.0.0.1", "10.0.0.2", 40000, 80, action="REJECT")], {("10.0.0.1", "10.0.0.2", "80/6", 7)}),
    ([record("10.0.0.1", "10.0.0.2", 0, 0, 1), record("10.0.0.2", "10.0.0.1", 0, 0, 1)],
     {("10.0.0.1", "10.0.0.2", "8/1", 14)}),
    ([record("10.0.0.9", "10.0.0.2", 40000, 80, pkt=("203.0.113.9", "10.0.0.2"))],
     {("203.0.113.9", "10.0.0.2", "80/6", 7)}),
    ([record("-", "-", "-", "-", "-", "-", status="NODATA").replace(" 7 ", " - "),
      record("10.0.0.1", "10.0.0.2", 40000, 80)], {("10.0.0.1", "10.0.0.2", "80/6", 7)}),
])
def test_flow_log_records_become_flows(ask, tmp_path, records, expected):
    for path, opener in ((tmp_path / "log", open), (tmp_path / "log.gz", gzip.open)):
        with opener(path, "wt") as f:
            f.write(HEADER + "".join(records))
        done = ask("--flow-logs", str(path))
        assert known(done.flows) == expected
        assert {(f["Interface"], f["Vpc"]) for f in done.flows} == {("eni-1", "vpc-1")}


def test_bad_flow_logs_are_refused_by_line(ask, tmp_path):
    log = tmp_path / "log"
    log.write_text(HEADER + record("10.0.0.1", "10.0.0.2", 40000, 80) + "5 eni-1 what\n")
    assert "line 3" in ask("--flow-logs", str(log), code=2).stderr
    log.write_text("")
    assert "no flow among its 0 records" in ask("--flow-logs", str(log), code=2).stderr


def test_a_vpc_may_be_said(ask, tmp_path):
    p = write(tmp_path / "p", [there(tcp(40000, 80, "S"))])
    assert ask("--pcap", p, "--vpc", "shop").body["Vpc"] == "shop"


def test_least_privilege_asks_by_what_was_accepted_and_prints_commands(vpcctl, daemon, tmp_path):
    answer = {"SecurityGroup": "shop/db", "GroupId": "sg-1", "Flows": 1, "OtherFlows": 0, "Admitted": 1,
              "Rules": [{"Rule": "tcp 80 from shop/web", "Status": "allow", "Flows": 1, "Packets": 7,
                         "AlsoAdmits": ["web-2"]}],
              "Current": [{"Rule": "all from 0.0.0.0/0", "Status": "revoke", "Flows": 1}],
              "Refused": [], "NotJudged": [], "Opened": 0, "Closed": 3,
              "Flips": [{"Change": "opens", "From": "a", "To": "b", "Service": "1/tcp"}],
              "Commands": ['vpcctl sg allow shop/db "tcp 80 from shop/web"']}
    daemon.routes["POST", "/v1/least-privilege"] = (200, answer)
    log = tmp_path / "log"
    log.write_text(HEADER + record("10.0.0.1", "10.0.0.2", 40000, 80) +
                   record("10.0.0.1", "10.0.0.2", 40000, 81, action="REJECT"))
    done = vpcctl("least-privilege", "db", "--flow-logs", str(log), "--port-gap", "2", "--prefix", "24")
    assert done.returncode == 0, done.stderr
    body = json.loads(daemon.sent("POST")[-1][3])
    assert (body["SecurityGroup"], body["PortGap"], body["Prefix"]) == ("db", 2, 24)
    assert known(body["Flows"]) == {("10.0.0.1", "10.0.0.2", "80/6", 7)}
    assert "1 records of what was rejected are left out" in done.stderr
    assert "allow   tcp 80 from shop/web  (1 flows, 7 packets)  also admits web-2\n" in done.stdout
    assert "opens  a → b:1/tcp" in done.stdout and "closes 3" in done.stdout
    assert done.stdout.endswith('vpcctl sg allow shop/db "tcp 80 from shop/web"\n')
    answer["Refused"] = [{"From": "x", "To": "y", "Service": "1/6", "Message": "no"}]
    assert vpcctl("least-privilege", "db", "--flow-logs", str(log)).returncode == 1

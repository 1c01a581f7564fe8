# SPDX-License-Identifier: MIT
"""Flow logs: what they say of live traffic, that nothing of it is lost, and what becomes of them when
the daemon or the disk fails.

    VPC 10.0.0.0/16 and 2001:db8:1000::/56, igw                  simulated internet
      public   10.0.0.0/24  nat (198.51.100.10), web (198.51.100.20)   www 203.0.113.90
      private  10.0.1.0/24  client -> nat
      box      10.0.3.0/24  box, a middlebox between private and far
      far      10.0.2.0/24  server, shut

Lines are read by a parser of this file, written from the list of fields in AWS's user guide ("Flow log
records"); it knows nothing of vpcd's own.
"""

import collections
import contextlib
import gzip
import ipaddress
import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import PYTHON, allow_all, server, until

WWW, WEB = "203.0.113.90", "198.51.100.20"
# User guide, "Available fields": name and type; text fields are STRING.
INTEGER = {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags",
           "traffic-path"}
ADDRESS = {"srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"}
WORDS = {"action": {"ACCEPT", "REJECT"}, "log-status": {"OK", "NODATA", "SKIPDATA"},
         "type": {"IPv4", "IPv6", "EFA"}, "flow-direction": {"ingress", "egress"},
         "traffic-path": set(range(1, 9))}
V2 = ("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
      "action log-status").split()
V5 = V2 + ("vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
           "sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction "
           "traffic-path").split()
CUSTOM = V5 + ["vpcd-drop-reason"]


def parse(text):
    """Records of a file as S3 delivers it: a header, then lines of as many fields."""
    lines = text.splitlines()
    names = lines[0].split(" ")
    records = []
    for line in lines[1:]:
        words = line.split(" ")
        assert len(words) == len(names), line
        record = {}
        for name, word in zip(names, words):
            if word == "-":
                continue
            if name in INTEGER:
                assert re.fullmatch("[0-9]+", word), line
                word = int(word)
            elif name in ADDRESS:
                word = str(ipaddress.ip_address(word))
            assert word in WORDS.get(name, {word}), line
            record[name] = word
        assert record["start"] <= record["end"], line
        records.append(record)
    return records


def topology():
    open_all = {"Ingress": ["all from 0.0.0.0/0", "all from ::/0"],
                "Egress": ["all to 0.0.0.0/0", "all to ::/0"]}
    return {
        "Lab": "logs",
        "Vpcs": {"p": {
            "CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": "2001:db8:1000::/56", "InternetGateway": "igw",
            "Subnets": {
                "public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                "private": {"CidrBlock": "10.0.1.0/24", "RouteTable": "private",
                            "Ipv6CidrBlock": "2001:db8:1000:1::/64"},
                "box": {"CidrBlock": "10.0.3.0/24"},
                "far": {"CidrBlock": "10.0.2.0/24", "RouteTable": "far",
                        "Ipv6CidrBlock": "2001:db8:1000:2::/64"}},
            "NatGateways": {"nat": {"Subnet": "public", "PublicIp": "198.51.100.10"}},
            "RouteTables": {
                "public": {"Routes": {"0.0.0.0/0": "igw"}},
                "private": {"Routes": {"0.0.0.0/0": "nat", "10.0.2.0/24": "box"}},
                "far": {"Routes": {"10.0.1.0/24": "box"}}},
            "SecurityGroups": {"open": open_all, "shut": {"Egress": []},
                               "web": {"Ingress": ["tcp 80 from 0.0.0.0/0"]}}}},
        "Instances": {
            "client": {"Subnet": "p/private", "PrivateIpAddress": "10.0.1.10", "SecurityGroups": ["p/open"],
                       "Ipv6Addresses": ["2001:db8:1000:1::10"]},
            "box": {"Subnet": "p/box", "PrivateIpAddress": "10.0.3.99", "SecurityGroups": ["p/open"],
                    "SourceDestCheck": False, "Capabilities": ["net_admin"],
                    "Command": ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward && echo on; sleep inf"]},
            "server": {"Subnet": "p/far", "PrivateIpAddress": "10.0.2.80", "SecurityGroups": ["p/open"],
                       "Ipv6Addresses": ["2001:db8:1000:2::80"],
                       "Command": server("server", "tcp:80", "udp:7")},
            "shut": {"Subnet": "p/far", "PrivateIpAddress": "10.0.2.81", "SecurityGroups": ["p/shut"]},
            "web": {"Subnet": "p/public", "SecurityGroups": ["p/web"], "PublicIp": WEB,
                    "Command": server("web", "tcp:80")}},
        "InternetHosts": {"www.example.com": {"Address": WWW, "Command": server("www", "tcp:80")}},
        "FlowLogs": {"all": {"Vpc": "p", "MaxAggregationInterval": 60,
                             "LogFormat": " ".join("${%s}" % f for f in CUSTOM)}}}


@pytest.fixture(scope="module")
def net(make_daemon):
    vpcd = make_daemon("--lab-clock", "--flow-log-size", "1", "--flow-log-files", "40")
    vpcd.unlogged = {}  # what an interface counted and AWS logs nowhere
    vpcd.up(topology())
    for name in ("server", "web"):
        vpcd.wait_log(name, "serving")
    active(vpcd, "all")
    yield vpcd
    vpcd.down("logs")


def shown(net, name):
    return net.rest("GET", f"/v1/flow-logs/{name}")


def active(net, name):
    until(lambda: shown(net, name)["FlowLogStatus"] == "ACTIVE", what="the flow log's begin")


def text_of(net, name):
    """All that a log has: what moved aside, once all of it is compressed, and its file."""
    log = shown(net, name)
    directory, id = os.path.dirname(log["LogDestination"]), log["FlowLogId"]

    def aside():
        return sorted(f for f in os.listdir(directory) if f.startswith(id + "-"))
    until(lambda: all(f.endswith(".log.gz") for f in aside()), 30, "compression")
    texts = []
    for f in aside():
        with gzip.open(os.path.join(directory, f), "rt") as file:
            texts.append(file.read())
    with contextlib.suppress(FileNotFoundError), open(os.path.join(directory, id + ".log")) as file:
        texts.append(file.read())
    return texts


def records(net, name="all"):
    return [r for text in text_of(net, name) if text for r in parse(text)]


def interface(net, name):
    return net.json("instance", "show", name)["NetworkInterfaceId"]


def enis(net):
    return {name: interface(net, name) for name in ("client", "box", "server", "shut", "web")}


def metric(net, name):
    out = {}
    for line in net.metrics().splitlines():
        m = re.fullmatch(re.escape(name) + r"\{(.*)\} (\S+)", line)
        if m:
            out[m[1]] = int(float(m[2]))
    return out


def counted(net, ids):
    """interface -> packets and bytes sent, packets and bytes received, as /metrics has them."""
    series = [metric(net, f"vpcd_interface_{s}_total") for s in
              ("transmit_packets", "transmit_bytes", "receive_packets", "receive_bytes")]
    return {id: [s.get(f'network_interface="{id}"', 0) for s in series] for id in ids}


def logged(net, ids, name="all"):
    sums = {id: [0, 0, 0, 0] for id in ids}
    for r in records(net, name):
        if r.get("action") != "ACCEPT" or r["interface-id"] not in sums:
            continue
        at = 0 if r["flow-direction"] == "egress" else 2
        sums[r["interface-id"]][at] += r["packets"]
        sums[r["interface-id"]][at + 1] += r["bytes"]
    return sums


def end_window(net, name="all"):
    """Moves the clock over a window's end and waits until all of that window is written."""
    before = shown(net, name)["WindowsEnded"]
    net.ctl("clock", "advance", "60s")
    until(lambda: shown(net, name)["WindowsEnded"] > before, what="the window's end")


def assert_sums(net, ids):
    end_window(net)
    have = logged(net, ids)
    for id, amounts in net.unlogged.items():
        have[id] = [a + b for a, b in zip(have[id], amounts)]
    assert have == counted(net, ids)


def iperf(net, address, *args):
    host = "server"
    daemon = net.popen("exec", host, "--", "iperf3", "-s", "-1", "-p", "5201",
                       stdout=subprocess.DEVNULL)
    try:
        until(lambda: ":5201" in net.exec(host, "ss", "-Htln").stdout, what="iperf3's server")
        r = net.exec("client", "iperf3", "-c", address, "-t", "2", "-J", *args, check=False)
        assert r.returncode == 0, r.stdout[-2000:]
        assert daemon.wait(20) == 0
    finally:
        daemon.kill()


def test_live_traffic_sums_to_the_counters_exactly(net):
    """TCP and UDP streams, echoes, connections by NAT, by elastic IPs, by a middlebox, over both families;
    with windows that end meanwhile, flows that expire, ports that are taken again."""
    ids = list(enis(net).values())
    iperf(net, "10.0.2.80")
    net.exec("client", "ping", "-n", "-q", "-c", "40", "-i", "0.01", "10.0.2.80")
    end_window(net)
    iperf(net, "2001:db8:1000:2::80", "-6")
    net.exec("client", "ping", "-n", "-q", "-c", "40", "-i", "0.01", "2001:db8:1000:2::80")
    iperf(net, "10.0.2.80", "-u", "-b", "50M")
    for round in range(3):
        for _ in range(8):
            assert net.fetch("client", WWW).startswith("www")
            assert net.fetch("www.example.com", WEB).startswith("web")
            assert net.exec("client", "curl", "-s", "-m", "5", "--local-port", "4000",
                            "http://10.0.2.80/", check=False).returncode in (0, 28, 45, 7, 28)
        net.ctl("clock", "advance", "400s")
    assert_sums(net, ids)
    sums = counted(net, ids)
    assert all(sums[i][0] for i in ids if i != interface(net, "shut"))
    assert sums[interface(net, "box")][0] > 50  # it sent on


def test_flows_that_stand_go_on_in_the_next_window(net):
    """A connection that nobody ends has a record in each window, and none twice."""
    ids = list(enis(net).values())
    stream = net.popen("exec", "client", "--", "ping", "-n", "-q", "-i", "0.02", "10.0.2.80",
                       stdout=subprocess.DEVNULL)
    try:
        for _ in range(3):
            until(lambda: counted(net, ids) != logged(net, ids))
            end_window(net)
    finally:
        stream.terminate()
        stream.wait(10)
    assert_sums(net, ids)


def test_refusals_are_at_the_gate_and_sum_to_the_drops(net):
    before, dropped = len(records(net)), metric(net, "vpcd_dropped_packets_total")
    client, shut = interface(net, "client"), interface(net, "shut")
    assert not net.pings("client", "10.0.2.81", count=3, wait=1)
    net.exec("shut", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "10.0.1.10", check=False)
    net.exec("client", "ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "1", "2600::1", check=False)
    end_window(net)
    new = [r for r in records(net)[before:] if r.get("action") == "REJECT"]
    by = collections.Counter()
    for r in new:
        by[r["interface-id"], r["flow-direction"], r["vpcd-drop-reason"]] += r["packets"]
    now = metric(net, "vpcd_dropped_packets_total")
    for (id, direction, reason), packets in {
            (shut, "ingress", "SG_INGRESS"): 3, (shut, "egress", "SG_EGRESS"): 2,
            (client, "egress", "NO_ROUTE"): 2}.items():
        assert by[id, direction, reason] == packets, by
    kinds = {r["vpcd-drop-reason"] for r in new}
    assert sum(by.values()) == sum(n - dropped.get(k, 0) for k, n in now.items()
                                   if k.split('reason="')[1].rstrip('"') in kinds)


def test_a_record_has_the_fields_of_the_user_guide(net):
    assert net.fetch("client", WWW)
    end_window(net)
    client, vpc = interface(net, "client"), net.json("vpc", "show", "p")["VpcId"]
    mine = [r for r in records(net) if r.get("pkt-dstaddr") == WWW and r.get("dstport") == 80]
    out = [r for r in mine if r["interface-id"] == client][-1]
    assert out["version"] == 5 and out["account-id"] == "123456789012" and out["vpc-id"] == vpc
    assert out["srcaddr"] == out["pkt-srcaddr"] == "10.0.1.10" and out["dstaddr"] == WWW
    assert (out["protocol"], out["action"], out["log-status"], out["type"]) == (6, "ACCEPT", "OK", "IPv4")
    assert out["flow-direction"] == "egress" and out["traffic-path"] == 1  # to the gateway
    assert out["tcp-flags"] == 3 and out["region"] == "us-east-1" and out["az-id"] == "use1-az1"
    assert out["instance-id"].startswith("i-") and "sublocation-id" not in out
    back = [r for r in records(net) if r.get("pkt-srcaddr") == WWW and r["interface-id"] == client][-1]
    assert back["flow-direction"] == "ingress" and back["tcp-flags"] == 19 and "traffic-path" not in back
    # The gateway's interface sees both sides of what it translates, twice.
    nat = net.json("nat-gateway", "show", "nat")
    there = [r for r in mine if r["interface-id"] == nat["NetworkInterfaceId"]]
    private = nat["PrivateIpAddress"]
    got = [r for r in there if r["flow-direction"] == "ingress"][-1]
    sent = [r for r in there if r["flow-direction"] == "egress"][-1]
    assert (got["srcaddr"], got["dstaddr"], got["pkt-srcaddr"]) == ("10.0.1.10", private, "10.0.1.10")
    assert (sent["srcaddr"], sent["dstaddr"], sent["pkt-srcaddr"]) == (private, WWW, private)
    assert sent["traffic-path"] == 8


def test_an_elastic_ip_is_shown_as_what_the_interface_has(net):
    assert net.fetch("www.example.com", WEB)
    end_window(net)
    web = interface(net, "web")
    got = [r for r in records(net) if r["interface-id"] == web and r.get("flow-direction") == "ingress"][-1]
    assert got["srcaddr"] == WWW and got["dstaddr"] == got["pkt-dstaddr"] == net.address("web")


def test_a_middleboxs_records_have_its_own_address_and_the_packets(net):
    assert net.fetch("client", "10.0.2.80")
    end_window(net)
    box = [r for r in records(net) if r["interface-id"] == interface(net, "box") and
           r.get("pkt-dstaddr") == "10.0.2.80"]
    got = [r for r in box if r["flow-direction"] == "ingress"][-1]
    sent = [r for r in box if r["flow-direction"] == "egress"][-1]
    assert (got["dstaddr"], got["pkt-srcaddr"]) == ("10.0.3.99", "10.0.1.10")
    assert (sent["srcaddr"], sent["pkt-srcaddr"]) == ("10.0.3.99", "10.0.1.10")


def test_a_window_without_traffic_is_said(net):
    end_window(net)
    before = len(records(net))
    end_window(net)
    quiet = records(net)[before:]
    shut = [r for r in quiet if r["interface-id"] == interface(net, "shut")]
    assert [r["log-status"] for r in shut] == ["NODATA"]
    assert "srcaddr" not in shut[0] and "packets" not in shut[0] and shut[0]["end"] - shut[0]["start"] >= 60


def test_names_are_asked_and_not_logged(net):
    """Amazon DNS is not, as in AWS."""
    end_window(net)
    client = interface(net, "client")
    before, had = len(records(net)), counted(net, [client])[client]
    net.exec("client", "dig", "+tries=1", "+time=2", "+tcp", "@10.0.0.2", "www.example.com", check=False)
    end_window(net)
    assert not [r for r in records(net)[before:] if 53 in (r.get("dstport"), r.get("srcport"))]
    net.unlogged[client] = [b - a for a, b in zip(had, counted(net, [client])[client])]
    assert net.unlogged[client][0] > 4


def test_logs_of_one_interface_and_of_refusals_alone(net):
    net.ctl("flow-log", "create", "--name", "few", "--instance-id", "client", "--traffic-type", "REJECT",
            "--max-aggregation-interval", "60")
    active(net, "few")
    net.exec("client", "ping", "-6", "-n", "-c", "1", "-W", "1", "2600::1", check=False)
    net.exec("shut", "ping", "-n", "-c", "1", "-W", "1", "10.0.1.10", check=False)
    assert net.fetch("client", "10.0.2.80")
    end_window(net, "few")
    got = [r for r in records(net, "few") if r["log-status"] == "OK"]
    assert [(r["dstaddr"], r["action"], r["version"]) for r in got] == [("2600::1", "REJECT", 2)]
    # and by vpcctl, with a header
    text = net.ctl("flow-logs", "few").stdout
    assert text.splitlines()[0].split() == V2 and parse(text) == records(net, "few")
    net.ctl("flow-log", "delete", "few")


def test_records_are_followed(net):
    follow = net.popen("flow-logs", "-f", "--tail", "0", "all", stdout=subprocess.PIPE)
    try:
        net.exec("client", "ping", "-n", "-c", "1", "-s", "77", "10.0.3.99")
        net.ctl("clock", "advance", "60s")
        line = next(line for line in follow.stdout if " 105 " in line)
        assert "10.0.3.99" in line
    finally:
        follow.terminate()
        follow.wait(10)


def test_bad_input_is_refused_and_named(net):
    def refused(code, field, *args):
        r = net.ctl("flow-log", "create", "-o", "json", *args, check=False)
        assert r.returncode in (1, 2), r
        fault = json.loads(r.stderr)["Error"]
        assert (fault["Code"], fault.get("Field", "")) == (code, field), fault

    refused("InvalidParameterValue", "MaxAggregationInterval", "--vpc-id", "p",
            "--max-aggregation-interval", "61")
    refused("InvalidParameterValue", "LogFormat", "--vpc-id", "p", "--log-format", "${srcadr}")
    refused("MissingParameter", "VpcId", "--name", "x")
    refused("FlowLogAlreadyExists", "", "--vpc-id", "p", "--max-aggregation-interval", "60",
            "--log-format", " ".join("${%s}" % f for f in CUSTOM))


def test_a_topology_file_has_them(net):
    exported = json.loads(net.ctl("export", "-p", "logs").stdout)
    log = exported["FlowLogs"]["all"]
    assert log["Vpc"] == "p" and log["MaxAggregationInterval"] == 60 and "${az-id}" in log["LogFormat"]
    changed = topology()
    changed["FlowLogs"]["all"]["TrafficType"] = "REJECT"
    f = net.dir / "changed.json"
    f.write_text(json.dumps(changed))
    r = net.ctl("diff", "-f", f, check=False)
    assert r.returncode == 1 and "TrafficType is immutable" in r.stdout, r.stdout
    f.write_text(json.dumps(topology()))
    assert net.ctl("diff", "-f", f, check=False).returncode == 0
    changed["FlowLogs"]["all"]["Subnet"] = "p/far"
    f.write_text(json.dumps(changed))
    assert "VpcId" in net.ctl("validate", "-f", f, check=False).stderr


def test_files_move_aside_and_are_compressed(net):
    directory = os.path.dirname(shown(net, "all")["LogDestination"])
    id = shown(net, "all")["FlowLogId"]
    ids = list(enis(net).values())

    def moved():
        return [f for f in os.listdir(directory) if f.startswith(id + "-")]
    had = set(moved())
    while set(moved()) <= had:  # some 4,000 records make 1 MiB
        net.exec("client", PYTHON, "-c", "import socket\ns = socket.socket(2, 2)\n"
                 "for p in range(3000, 5000): s.sendto(b'x', ('10.0.3.99', p))")
        end_window(net)
    assert_sums(net, ids)  # which reads what was compressed


def test_a_restarted_daemon_goes_on(net):
    """Stopped, and killed, with traffic all the time: windows go on, nothing is lost or counted twice."""
    ids = list(enis(net).values())
    net.remember_ids()

    def refused():
        return sum(r["packets"] for r in records(net) if r.get("dstaddr") == "10.0.2.81" and
                   r.get("action") == "REJECT")

    for signo in (15, 9):
        stream = net.popen("exec", "client", "--", "ping", "-n", "-q", "-i", "0.02", "-w", "60",
                           "10.0.2.80", stdout=subprocess.DEVNULL)
        until(lambda: counted(net, ids) != logged(net, ids))
        before = refused()
        net.end(signo)
        net.exec_without_daemon("client", "sh", "-c", "ping -n -c 2 -i 0.2 -W 1 10.0.2.81; true")
        net.start("--lab-clock", "--flow-log-size", "1", "--flow-log-files", "40")
        active(net, "all")
        stream.terminate()
        stream.wait(10)
        assert_sums(net, ids)
        assert refused() == before + 2


def test_an_interface_that_goes_is_logged_to_its_end(net):
    net.ctl("instance", "create", "--name", "brief", "--subnet-id", "p/far", "--security-group-ids", "p/open")
    until(lambda: net.json("instance", "show", "brief")["State"] == "running")
    eni = interface(net, "brief")
    net.exec("brief", "ping", "-n", "-q", "-c", "7", "-i", "0.05", "10.0.2.80")
    net.ctl("instance", "delete", "brief")
    end_window(net)
    mine = [r for r in records(net) if r["interface-id"] == eni and r["log-status"] == "OK"]
    assert sum(r["packets"] for r in mine) == 14


def test_a_flood_of_refusals_is_logged_whole(net):
    """More than a quarter of what the kernel keeps at a time: it is read before the window's end."""
    before, shut = len(records(net)), interface(net, "shut")
    net.exec("client", PYTHON, "-c", "import socket\ns = socket.socket(2, 2)\n"
             "for p in range(20000, 40000): s.sendto(b'x', ('10.0.2.81', p))")
    end_window(net)
    end_window(net)
    new = records(net)[before:]
    refused = [r for r in new if r["interface-id"] == shut and r.get("action") == "REJECT"]
    assert sum(r["packets"] for r in refused) == len({r["dstport"] for r in refused}) == 20000
    assert not [r for r in new if r["log-status"] == "SKIPDATA"]


def test_a_full_disk_stops_no_packet_and_is_said(make_daemon, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    d = make_daemon("--lab-clock", start=False)
    try:
        (d.state_dir).mkdir(parents=True, exist_ok=True)
        (d.state_dir / "flow-logs").symlink_to(small)
        d.start("--lab-clock")
        d.up({"Lab": "full", "Vpcs": {"p": {
            "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
            "SecurityGroups": {"open": allow_all()}}},
            "Instances": {n: {"Subnet": "p/a", "SecurityGroups": ["p/open"]} for n in ("one", "two")},
            "FlowLogs": {"log": {"Vpc": "p", "MaxAggregationInterval": 60}}})
        active(d, "log")
        filler = small / "filler"
        with open(filler, "wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(bytes(4096))
        two = d.address("two")
        assert d.pings("one", two, count=5)
        d.ctl("clock", "advance", "60s")
        until(lambda: shown(d, "log")["DeliverLogsStatus"] == "FAILED")
        assert "No space left" in shown(d, "log")["DeliverLogsErrorMessage"]
        assert d.pings("one", two, count=5)  # the network goes on
        assert sum(metric(d, "vpcd_flow_log_lost_packets_total").values()) > 0
        assert d.log.read_text().count("flow log is not written") == 1
        filler.unlink()
        end_window(d, "log")
        end_window(d, "log")
        assert shown(d, "log")["DeliverLogsStatus"] == "SUCCESS"
        skipped = [r for r in records(d, "log") if r["log-status"] == "SKIPDATA"]
        assert skipped
        # What is in no record is in these: all of it together is what the interfaces counted.
        ids = [interface(d, n) for n in ("one", "two")]
        have = collections.Counter()
        for r in records(d, "log"):
            have[r["interface-id"]] += r.get("packets", 0)
        assert {i: have[i] for i in ids} == {i: c[0] + c[2] for i, c in counted(d, ids).items()}
        d.down("full")
    finally:
        d.purge()
        shutil.rmtree(d.state_dir, ignore_errors=True)
        subprocess.run(["umount", small], check=True)

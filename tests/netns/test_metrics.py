# SPDX-License-Identifier: MIT
"""Prometheus text: what interfaces sent and received, exactly; names; the dashboard's series."""

import collections
import json
import os
import re
import subprocess

import pytest
from prometheus_client import parser

from conftest import ROOT, allow_all, server, until

SERVER = "10.0.1.80"
SERIES = ("transmit_packets", "transmit_bytes", "receive_packets", "receive_bytes")


@pytest.fixture(scope="module")
def net(make_daemon):
    vpcd = make_daemon("--lab-clock")
    vpcd.up({"Lab": "metrics", "Vpcs": {"p": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "NatGateways": {"nat": {"Subnet": "a", "ConnectivityType": "private"}},
        "SecurityGroups": {"open": allow_all(), "closed": {}}}},
        "Instances": {
            "client": {"Subnet": "p/a", "SecurityGroups": ["p/open"]},
            "shut": {"Subnet": "p/a", "SecurityGroups": ["p/closed"]},
            "server": {"Subnet": "p/a", "PrivateIpAddress": SERVER, "SecurityGroups": ["p/open"],
                       "Command": server("server", "tcp:80", "udp:7")}}})
    vpcd.wait_log("server", "serving")
    yield vpcd
    vpcd.down("metrics")


def read(net):
    """name -> {labels: value}."""
    text = subprocess.run(["curl", "-s", "--unix-socket", str(net.socket), "http://vpcd/metrics"],
                          capture_output=True, text=True, check=True).stdout
    out = collections.defaultdict(dict)
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line).groups()
        out[name][labels or ""] = float(value)
    return out


def interface(net, name):
    sandbox = net.json("instance", "show", name)
    return sandbox["NetworkInterfaceId"]


def counts(net, name):
    m, eni = read(net), interface(net, name)
    return [int(m[f"vpcd_interface_{s}_total"].get(f'network_interface="{eni}"', 0)) for s in SERIES]


def growth(net, names, action):
    before = {n: counts(net, n) for n in names}
    action()
    return {n: [b - a for a, b in zip(before[n], counts(net, n))] for n in names}


def ping(net, count):
    r = net.exec("client", "ping", "-n", "-q", "-c", count, "-i", "0.01", "-s", "100", SERVER)
    assert f"{count} received" in r.stdout


def test_echoes_are_counted_one_by_one(net):
    g = growth(net, ["client", "server"], lambda: ping(net, 40))
    assert g["client"] == g["server"] == [40, 40 * 128, 40, 40 * 128]


def test_counts_outlive_flows_and_their_ends(net):
    """Expired, taken over by the next flow of the same ports, collected: each packet stays counted."""
    before = counts(net, "client")
    for _ in range(3):
        ping(net, 10)
        net.ctl("clock", "advance", "1h")
    until(lambda: not any(read(net)["vpcd_open_flows"].values()), what="the flows' end")
    assert [b - a for a, b in zip(before, counts(net, "client"))] == [30, 30 * 128] * 2


def test_what_the_one_sends_the_other_receives(net):
    g = growth(net, ["client", "server"], lambda: [net.fetch("client", SERVER) for _ in range(20)])
    assert g["client"][0] >= 20 * 4 and g["client"][3] > g["client"][2] * 40
    assert g["client"][:2] == g["server"][2:] and g["client"][2:] == g["server"][:2]


def test_the_counters_are_what_a_capture_sees(net, tmp_path):
    before = counts(net, "server")
    capture = net.popen("capture", "server", "udp port 7", "-w", tmp_path / "x", "-c", "40")
    until(lambda: (tmp_path / "x").exists() and (tmp_path / "x").stat().st_size)
    for _ in range(20):
        assert net.ask_udp("client", SERVER, 7)
    assert capture.wait(30) == 0
    r = subprocess.run(["tshark", "-n", "-r", tmp_path / "x", "-T", "fields", "-e", "ip.dst", "-e",
                        "ip.len"], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in r.stdout.splitlines()]
    received = [int(n) for dst, n in rows if dst == SERVER]
    sent = [int(n) for dst, n in rows if dst != SERVER]
    assert [b - a for a, b in zip(before, counts(net, "server"))] == [
        len(sent), sum(sent), len(received), sum(received)]


def test_drops_carry_the_senders_id_and_the_reason(net):
    eni = interface(net, "client")
    key = f'network_interface="{eni}",reason="SG_INGRESS"'
    before = read(net)["vpcd_dropped_packets_total"].get(key, 0)
    assert not net.pings("client", net.address("shut"), count=3, wait=1)
    m = read(net)
    assert m["vpcd_dropped_packets_total"][key] - before == 3
    assert m["vpcd_dropped_bytes_total"][key] > 0


def test_an_interface_has_its_names_in_a_series_of_its_own(net):
    eni = interface(net, "client")
    info = [k for k in read(net)["vpcd_network_interface_info"] if eni in k]
    assert len(info) == 1 and 'name="client",kind="instance"' in info[0]
    net.ctl("instance", "create", "--name", "brief", "--subnet-id", "p/a", "--security-group-ids",
            "p/open")
    brief = interface(net, "brief")
    net.exec("brief", "ping", "-c", "1", SERVER)
    assert any(brief in k for k in read(net)["vpcd_interface_transmit_packets_total"])
    net.ctl("delete", "brief")
    until(lambda: not any(brief in k for series in read(net).values() for k in series),
          what="the end of its series")


def test_counters_outlive_the_daemon(net):
    ping(net, 5)
    before = counts(net, "client")
    net.end()
    net.start("--lab-clock")
    assert counts(net, "client") == before


def families(net):
    return list(parser.text_string_to_metric_families(net.metrics()))


def test_prometheus_own_parser_reads_it(net):
    found = families(net)
    names = [f.name for f in found]
    assert len(names) == len(set(names)), "a family is said twice, or in pieces"
    assert {"vpcd_build_info", "process_cpu_seconds", "process_resident_memory_bytes",
            "vpcd_nat_gateway_active_connections"} <= set(names)
    series = [(s.name, tuple(sorted(s.labels.items()))) for f in found for s in f.samples]
    assert len(series) == len(set(series)) > 100, "a series has two values"
    started = next(f.samples[0].value for f in found if f.name == "process_start_time_seconds")
    assert abs(started - os.stat(net.dir / "notify").st_mtime) < 3600


def test_names_follow_the_conventions(net):
    """What promtool check metrics says (prometheus.io, "Metric and label naming")."""
    for f in families(net):
        sample = f.name + ("_total" if f.type == "counter" else "")
        assert f.type in ("counter", "gauge"), f
        assert re.fullmatch(r"(vpcd|process)(_[a-z0-9]+)+", f.name), f.name
        assert f.documentation.endswith("."), f"{f.name} has no help: {f.documentation!r}"
        assert {s.name for s in f.samples} <= {sample}, f.samples
        assert not re.search(r"_(total|count|sum|bucket)$", f.name), f.name
        assert not set(f.name.split("_")) & {"gauge", "counter", "ms", "milliseconds", "kb",
                                             "second", "byte", "packet", "percent"}, f.name
        for s in f.samples:
            assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in s.labels)
            assert f.type == "gauge" or s.value >= 0


def test_every_series_of_the_dashboard_exists(net):
    dashboard = json.loads((ROOT / "packaging" / "grafana" / "vpcd.json").read_text())
    wanted = set(re.findall(r"vpcd_\w+", json.dumps(dashboard["panels"]) +
                            json.dumps(dashboard["templating"])))
    text = subprocess.run(["curl", "-s", "--unix-socket", str(net.socket), "http://vpcd/metrics"],
                          capture_output=True, text=True, check=True).stdout
    declared = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    assert len(wanted) > 10 and wanted <= declared, wanted - declared

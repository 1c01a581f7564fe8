# SPDX-License-Identifier: MIT
"""vpcctl capture, read by tshark.

    VPC 10.0.0.0/16, a 10.0.1.0/24
      client, server (tcp:80, udp:7; all ingress)
"""

import pathlib
import signal
import subprocess

import pytest

from conftest import allow_all, server, until

SERVER = "10.0.1.80"


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "capture", "Vpcs": {"p": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {
            "client": {"Subnet": "p/a", "SecurityGroups": ["p/open"]},
            "server": {"Subnet": "p/a", "PrivateIpAddress": SERVER, "SecurityGroups": ["p/open"],
                       "Command": server("server", "tcp:80", "udp:7")}}})
    vpcd.wait_log("server", "serving")
    yield vpcd
    vpcd.down("capture")


def fields(path, *names, where=None):
    """Rows of fields that tshark reads from a capture."""
    args = ["tshark", "-n", "-r", str(path), "-T", "fields"]
    for name in names:
        args += ["-e", name]
    r = subprocess.run(args + (["-Y", where] if where else []), capture_output=True, text=True,
                       timeout=60)
    assert r.returncode == 0, r.stderr
    return [line.split("\t") for line in r.stdout.splitlines()]


class Capture:
    """A capture under way: it has begun once its file has a header."""

    def __init__(self, net, path, *args):
        self.path = path
        self.process = net.popen("capture", *args, "-w", path, stderr=subprocess.PIPE)
        first = path if "-C" not in args else path.with_name(path.name + "0")
        until(lambda: first.exists() and first.stat().st_size, what="the capture's begin")

    def end(self, signo=None):
        if signo:
            self.process.send_signal(signo)
        err = self.process.communicate(timeout=30)[1]
        return self.process.returncode, err


@pytest.mark.parametrize("fmt", ["pcapng", "pcap"])
def test_both_directions_are_seen_inside(net, tmp_path, fmt):
    c = Capture(net, tmp_path / "x", "server", "tcp", "port", "80", "--format", fmt)
    assert net.fetch("client", SERVER)
    until(lambda: fields(c.path, "frame.number", where="tcp.flags.fin == 1 && tcp.srcport == 80"))
    code, err = c.end(signal.SIGINT)
    assert code == 0 and " packets captured, 0 lost" in err
    rows = fields(c.path, "ip.src", "ip.dst", "tcp.flags.syn", "tcp.flags.ack",
                  "frame.packet_flags_direction")
    client = net.address("client")
    assert rows[0][:4] == [client, SERVER, rows[0][2], rows[0][3]]
    assert {(r[0], r[1]) for r in rows} == {(client, SERVER), (SERVER, client)}
    if fmt == "pcapng":
        assert {(r[0], int(r[4], 0)) for r in rows} == {(client, 1), (SERVER, 2)}


def test_a_filter_and_a_count_end_it(net, tmp_path):
    c = Capture(net, tmp_path / "x.pcapng", "server", "udp port 7", "-c", "3")
    for _ in range(3):
        net.fetch("client", SERVER)  # not of the filter
        assert net.ask_udp("client", SERVER, 7)
    code, err = c.end()
    assert code == 0 and err.startswith("3 packets captured")
    assert {r[0] for r in fields(c.path, "udp.port")} != set()
    assert len(fields(c.path, "frame.number")) == 3
    info = subprocess.run(["capinfos", "-M", str(c.path)], capture_output=True, text=True).stdout
    assert "udp port 7" in info or "server" in info, info


def test_any_sees_the_loopback_too(net, tmp_path):
    c = Capture(net, tmp_path / "x", "server", "--any", "tcp port 80", "-c", "2")
    assert net.fetch("server", "127.0.0.1")
    assert c.end()[0] == 0
    assert fields(c.path, "ip.dst", "sll.src.eth")[0][0] == "127.0.0.1"


def test_a_ring_of_files_keeps_the_newest_and_every_file_is_whole(net, tmp_path):
    c = Capture(net, tmp_path / "ring", "server", "icmp", "-C", "1", "-W", "2")
    for _ in range(10):
        assert net.exec("client", "ping", "-n", "-c", "20", "-i", "0.01", "-s", "8000", SERVER,
                        check=False).returncode == 0
    until(lambda: (tmp_path / "ring1").exists(), what="the second file")
    assert c.end(signal.SIGTERM)[0] == 0
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == ["ring0", "ring1"]
    numbers = [[int(r[0]) for r in fields(f, "icmp.seq")] for f in files]
    assert all(n for n in numbers)
    assert all(f.stat().st_size <= 1_000_000 for f in files)


def test_stdout_pipes_into_tshark(net):
    capture = net.popen("capture", "server", "icmp", "-c", "2", "-w", "-", stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL)
    shark = subprocess.Popen(["tshark", "-n", "-l", "-r", "-", "-T", "fields", "-e", "icmp.type"],
                             stdin=capture.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True)
    capture.stdout.close()
    while capture.poll() is None:
        net.pings("client", SERVER)
    assert shark.communicate(timeout=60)[0].split() == ["8", "0"]


def test_without_a_file_it_prints_lines(net):
    p = net.popen("capture", "server", "icmp", "-c", "2", stdout=subprocess.PIPE)
    while p.poll() is None:
        net.pings("client", SERVER)
    lines = p.communicate()[0].splitlines()
    assert f"in  {net.address('client')} > {SERVER} icmp type 8 code 0" in lines[0]
    assert f"out {SERVER} > {net.address('client')} icmp type 0 code 0" in lines[1]


def test_a_bad_filter_says_where(net):
    r = net.ctl("capture", "server", "tcp port 80 adn host 10.0.0.1", check=False)
    assert r.returncode == 1 and "column 13: " in r.stderr and "syntax error" in r.stderr
    r = net.ctl("capture", "server", "tcp port nosuchport", check=False)
    assert r.returncode == 1 and "column 5: " in r.stderr and "nosuchport" in r.stderr


def test_unknown_names_get_a_suggestion(net):
    r = net.ctl("capture", "servr", check=False)
    assert r.returncode == 3 and "server" in r.stderr


def test_usage(net, tmp_path):
    for args in [["-W", "2", "-w", "x"], ["-C", "1"], ["-c", "0"], ["--format", "json", "-w", "x"],
                 ["-C", "1", "-w", "-"]]:
        assert net.ctl("capture", "server", *args, check=False).returncode == 2, args


def test_a_full_disk_is_said_and_the_network_goes_on(net, tmp_path):
    p = net.popen("capture", "server", "icmp", "-w", "/dev/full", stderr=subprocess.PIPE)
    while p.poll() is None:
        net.pings("client", SERVER)
    assert p.returncode == 1 and "No space left on device" in p.communicate()[1]
    assert net.pings("client", SERVER)


def test_the_daemon_ends_a_capture_whose_client_is_gone(net, tmp_path):
    def captures():
        return sum(t.read_text() == "capture\n"
                   for t in pathlib.Path(f"/proc/{net.process.pid}/task").glob("*/comm"))

    until(lambda: captures() == 0, what="the end of captures before")
    c = Capture(net, tmp_path / "x", "server")
    assert captures() == 1
    c.end(signal.SIGKILL)
    until(lambda: captures() == 0, what="the end of the capture's thread")


def test_a_sandbox_that_goes_ends_its_capture(net, tmp_path):
    net.ctl("instance", "create", "--name", "brief", "--subnet-id", "p/a")
    c = Capture(net, tmp_path / "x", "brief")
    net.ctl("delete", "brief")
    assert c.end()[0] == 0


def test_an_internet_host_can_be_captured(net, tmp_path):
    net.ctl("internet-host", "create", "--domain-name", "cap.example.com", "--address",
            "203.0.113.77")
    try:
        c = Capture(net, tmp_path / "x", "cap.example.com", "-c", "1")
        net.exec("cap.example.com", "ping", "-c", "1", "-W", "1", "203.0.113.78", check=False)
        assert c.end()[0] == 0
    finally:
        net.ctl("delete", "cap.example.com")

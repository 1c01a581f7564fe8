# SPDX-License-Identifier: MIT
"""A daemon of its own for each test file, and what tests do with it all the time."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

VPCD = os.environ.get("VPCD", "vpcd")
VPCCTL = os.environ.get("VPCCTL", "vpcctl")
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = HERE / "programs"
PYTHON = "/usr/bin/python3"


def until(condition, timeout=15.0, what="condition"):
    """Waits for condition() to be true and returns what it returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {timeout} s"
        time.sleep(0.02)


class Daemon:
    """One instance of vpcd, with directories of its own, and vpcctl to talk to it."""

    def __init__(self, directory, name):
        self.dir, self.name = pathlib.Path(directory), name
        self.run_dir, self.state_dir = self.dir / "run", self.dir / "state"
        self.socket = self.run_dir / "vpcd.sock"
        self.log = self.dir / "vpcd.log"
        self.process = None
        self.prefix = []  # a command that it is started by, to be in another namespace
        self.ids = {}

    def command(self, *args):
        return [*self.prefix, VPCD, "--instance", self.name, "--run-dir", str(self.run_dir),
                "--state-dir", str(self.state_dir), *args]

    def start(self, *args, env=None):
        """Starts the daemon and waits for its READY=1, as systemd would."""
        notify = self.dir / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(str(notify))
            s.settimeout(0.1)
            with open(self.log, "a") as log:
                self.process = subprocess.Popen(
                    self.command(*args), stderr=log, stdin=subprocess.DEVNULL,
                    env={**os.environ, "NOTIFY_SOCKET": str(notify), **(env or {})})

            def ready():
                assert self.process.poll() is None, self.log.read_text()[-4000:]
                try:
                    return b"READY=1" in s.recv(4096)
                except TimeoutError:
                    return False
            until(ready, 60, "vpcd's readiness")
        return self

    def end(self, signo=signal.SIGTERM):
        self.process.send_signal(signo)
        code = self.process.wait(30)
        self.process = None
        return code

    def purge(self):
        if self.process:
            self.end()
        return subprocess.run(self.command("--purge"), capture_output=True, text=True, timeout=120)

    def ctl(self, *args, check=True, timeout=120, **kwargs):
        r = subprocess.run([VPCCTL, "--socket", str(self.socket), *map(str, args)],
                           capture_output=True, text=True, timeout=timeout, **kwargs)
        if check:
            assert r.returncode == 0, f"vpcctl {' '.join(map(str, args))}: {r.returncode}\n" \
                                      f"{r.stdout}{r.stderr}"
        return r

    def json(self, *args):
        return json.loads(self.ctl(*args, "-o", "json").stdout)

    def request(self, method, path, body=None):
        """Status and text of the API's answer."""
        c = http.client.HTTPConnection("vpcd")
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.settimeout(60)
        c.sock.connect(str(self.socket))
        try:
            c.request(method, path, None if body is None else json.dumps(body))
            r = c.getresponse()
            return r.status, r.read().decode()
        finally:
            c.close()

    def rest(self, method, path, body=None):
        """A request to the API; its answer, which must be no error."""
        status, text = self.request(method, path, body)
        assert status < 300, f"{method} {path}: {status} {text}"
        return json.loads(text) if text else None

    def popen(self, *args, **kwargs):
        return subprocess.Popen([VPCCTL, "--socket", str(self.socket), *map(str, args)],
                                text=True, **kwargs)

    def up(self, topology, *args, check=True):
        """Brings a topology (a dict) up as a file beside the programs that its sandboxes run."""
        f = self.dir / f"{topology['Lab']}.json"
        f.write_text(json.dumps(topology, indent=2))
        return self.ctl("up", "-y", "-f", f, *args, check=check)

    def down(self, lab):
        return self.ctl("down", "-y", "-p", lab)

    def exec(self, sandbox, *command, check=True, timeout=60):
        return self.ctl("exec", sandbox, "--", *command, check=check, timeout=timeout)

    def exec_without_daemon(self, sandbox, *command):
        """By its id, which needs the sandbox's supervisor alone."""
        return self.ctl("exec", self.ids[sandbox], "--", *command).stdout

    def remember_ids(self):
        self.ids = {s["Name"]: s["Id"] for s in self.json("ps")}

    def fetch(self, sandbox, address, port=80, timeout=5):
        """What the server at address:port says, by curl from a sandbox; None: no answer."""
        r = self.exec(sandbox, "curl", "-s", "-g", "-m", str(timeout), f"http://{address}:{port}/",
                      check=False)
        assert r.returncode in (0, 6, 7, 28, 52, 56), r
        return r.stdout.strip() if r.returncode == 0 else None

    def ask_udp(self, sandbox, address, port, timeout=2):
        r = self.exec(sandbox, *program("ask_udp.py", address, port, timeout), check=False)
        assert r.returncode in (0, 1), r
        return r.stdout.strip() if r.returncode == 0 else None

    def pings(self, sandbox, address, count=1, wait=2):
        return self.exec(sandbox, "ping", "-n", "-c", count, "-W", wait, "-i", "0.2", address,
                         check=False).returncode == 0

    def address(self, sandbox):
        return self.json("ps", "--filter", f"Name={sandbox}")[0]["PrivateIpAddress"]

    def logs(self, sandbox):
        return self.ctl("logs", sandbox).stdout

    def wait_log(self, sandbox, text):
        until(lambda: text in self.logs(sandbox), 15, f"{text!r} in the log of {sandbox}")

    def metrics(self):
        return self.request("GET", "/metrics")[1]

    def drops(self, reason):
        """Packets dropped for a reason, over all interfaces."""
        return sum(int(line.split()[-1]) for line in self.metrics().splitlines()
                   if line.startswith("vpcd_dropped_packets_total{") and
                   f'reason="{reason}"' in line)


LIBC = ctypes.CDLL(None, use_errno=True)
IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO, IP_MTU = 10, 0, 2, 14


class Inside:
    """A sandbox's network seen from within: sockets that are made in its namespace and used here."""

    def __init__(self, daemon, name):
        self.daemon = daemon
        s = daemon.json("ps", "--filter", f"Name={name}")[0]
        host = s["Kind"] == "internet-host"
        self.attachment = s["Id"] if host else daemon.rest(
            "GET", f"/v1/{s['Kind']}s/{s['Id']}")["NetworkInterfaceId"]
        self.sockets = []

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, proto=0):
        """Its time-out is for what does arrive; what does not is known by its drop's reason."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(self.daemon.run_dir / "ns" / f"{self.attachment}.net",
                        os.O_RDONLY | os.O_CLOEXEC)
        try:
            assert LIBC.setns(there, 0) == 0, os.strerror(ctypes.get_errno())
            try:
                s = socket.socket(family, kind, proto)
            finally:
                if LIBC.setns(home, 0):
                    os._exit(1)
        finally:
            os.close(home)
            os.close(there)
        s.settimeout(10)
        self.sockets.append(s)
        return s

    def udp(self, port=0, v6=False):
        s = self.socket(socket.AF_INET6 if v6 else socket.AF_INET)
        s.bind(("::" if v6 else "0.0.0.0", port))
        return s

    def listen(self, port, v6=False):
        s = self.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::" if v6 else "0.0.0.0", port))
        s.listen()
        return s

    def frames(self):
        """A packet socket: frames as they are, from and to eth0."""
        s = self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind(("eth0", 3))
        return s

    def close(self):
        for s in self.sockets:
            s.close()
        self.sockets = []


def passes(sender, to, receiver):
    """Sends a datagram, which must arrive; returns the address that it comes from."""
    token = os.urandom(8)
    sender.sendto(token, to)
    while True:
        data, peer = receiver.recvfrom(65535)
        if data == token:
            return peer[:2]


@contextlib.contextmanager
def dropped(daemon, reason):
    """Within it at least one packet is dropped for this reason."""
    before = daemon.drops(reason)
    yield
    until(lambda: daemon.drops(reason) > before, 5, f"a drop as {reason}")


def program(name, *args):
    """A command that runs one of our programs. Its text travels along: where the tests lie, a sandbox
    may not be able to look."""
    return [PYTHON, "-u", "-c", (PROGRAMS / name).read_text(), *map(str, args)]


def server(name, *ports):
    """Command of a sandbox that serves ports ("tcp:80", "udp:53") and says its name and the peer."""
    return program("serve.py", name, *ports)


@pytest.fixture(scope="session")
def make_daemon():
    made = []

    def make(*args, start=True, env=None):
        d = Daemon(tempfile.mkdtemp(prefix="vpcd-t", dir="/var/tmp"),
                   f"t{os.getpid()}-{len(made)}")
        made.append(d)
        return d.start(*args, env=env) if start else d

    yield make
    failures = []
    for d in made:
        r = d.purge()
        if r.returncode:
            failures.append(r.stderr)
        left = [str(p) for p in (d.run_dir, d.state_dir) if p.exists()]
        if left:
            failures.append(f"left behind: {left}")
        shutil.rmtree(d.dir, ignore_errors=True)
    assert not failures, failures


@pytest.fixture(scope="module")
def vpcd(make_daemon):
    """One daemon for a file's tests, each of which brings up labs of its own."""
    return make_daemon()


@pytest.fixture
def inside(vpcd):
    """inside(NAME): sockets in a sandbox, closed after the test."""
    made = []

    def enter(name):
        made.append(Inside(vpcd, name))
        return made[-1]

    yield enter
    for i in made:
        i.close()


@pytest.fixture
def lab(vpcd, request):
    """Brings a topology up for one test and takes it down after it."""
    labs = []

    def up(topology):
        topology.setdefault("Lab", request.node.name.replace("[", "-").replace("]", ""))
        labs.append(topology["Lab"])
        vpcd.up(topology)
        return vpcd

    yield up
    for name in labs:
        vpcd.down(name)


def allow_all():
    return {"Ingress": ["all from 0.0.0.0/0"]}

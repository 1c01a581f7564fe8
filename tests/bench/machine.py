# SPDX-License-Identifier: MIT
"""What a benchmark stands on: namespaces of its own, pinned processes, a daemon, the machine."""

import contextlib
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOAD = BUILD / "tests" / "bench" / "bench_load"
PORT = 5000
IPERF_PORT = 5201


def cpus():
    """One for the client, one for the server: the first and the last that we may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def run(*args, stdin=None, check=True, timeout=120):
    try:
        r = subprocess.run([str(a) for a in args], input=stdin, capture_output=True, text=True,
                           timeout=timeout, check=False)
    except subprocess.TimeoutExpired as e:
        raise RuntimeError(str(e)) from e
    if check and r.returncode:
        raise RuntimeError(f"{' '.join(map(str, args))}: exit {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def favour(stack):
    """Puts this session before the others that share the machine (sched(7), autogroup), for as long
    as the stack lives: `nice` alone counts within a session."""
    group = pathlib.Path("/proc/self/autogroup")
    with contextlib.suppress(OSError):
        before = group.read_text().split()[-1]
        group.write_text("-15")
        stack.callback(group.write_text, before)


def pinned(cpu):
    """What runs a process of a benchmark: on one CPU, before what else the machine has to do."""
    return ["taskset", "-c", str(cpu), "nice", "-n", "-15"]


class Namespace:
    """A network namespace and what runs in it."""

    def __init__(self, path):
        self.enter = ["nsenter", f"--net={path}"]

    @classmethod
    def make(cls, stack, name):
        """A fresh one, of this run's own name, gone with the stack."""
        name = f"vpcd-bench-{os.getpid()}-{name}"
        run("ip", "netns", "add", name)
        stack.callback(run, "ip", "netns", "del", name, check=False)
        ns = cls(f"/run/netns/{name}")
        ns.name = name
        ns.ip("link", "set", "lo", "up")
        return ns

    def run(self, *args, **kwargs):
        return run(*self.enter, *args, **kwargs)

    def ip(self, *args):
        return self.run("ip", *args)

    def server(self, stack, *args, ready=None):
        """Starts a server on the server's CPU; waits for its first line if `ready`. Its pid."""
        p = subprocess.Popen([*self.enter, *pinned(cpus()[1]), *map(str, args)],
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE if ready else subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, text=True)
        stack.callback(end, p)
        if ready and ready not in p.stdout.readline():
            raise RuntimeError(f"{args[0]} did not start")
        return p.pid

    def client(self, *args, timeout=60):
        """Runs a client on the client's CPU and returns what it printed."""
        return self.run(*pinned(cpus()[0]), *args, timeout=timeout).stdout


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


class Daemon:
    """An instance of vpcd of this run's own, purged with the stack."""

    def __init__(self, stack, *options, name="bench"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vpcd-bench-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self.command = [BUILD / "vpcd" / "vpcd", "--instance", f"{name}{os.getpid()}",
                        "--run-dir", self.dir / "run", "--state-dir", self.dir / "state",
                        "--log-level", "warn", *options]
        stack.callback(lambda: run(*self.command, "--purge", check=False))
        with open(self.dir / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([str(a) for a in self.command], stderr=log,
                                            stdin=subprocess.DEVNULL)
        stack.callback(end, self.process)
        self.wait_ready()

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while run(*self.ctl_command("status"), check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.dir / "log").read_text()[-2000:])
            time.sleep(0.05)

    def ctl_command(self, *args):
        return [BUILD / "cli" / "vpcctl", "--socket", self.dir / "run" / "vpcd.sock", *args]

    def ctl(self, *args, **kwargs):
        return run(*self.ctl_command(*args), **kwargs).stdout

    def json(self, *args):
        return json.loads(self.ctl(*args, "-o", "json"))

    def up(self, topology):
        f = self.dir / "topology.json"
        f.write_text(json.dumps(topology))
        self.ctl("up", "-y", "-f", f, timeout=300)

    def namespace(self, sandbox):
        """Of a sandbox, for measuring in it; brought to the MTU of the peers."""
        for s in self.json("ps", "--filter", f"Name={sandbox}"):
            ns = Namespace(f"/proc/{s['Pid']}/ns/net")
            ns.ip("link", "set", "eth0", "mtu", "1500")
            return ns
        raise RuntimeError(f"no sandbox {sandbox}")


def iperf(client, address, seconds, streams):
    """Gbit/s that the receiver got, by iperf3 with cubic on each socket."""
    family = "-6" if ":" in address else "-4"
    out = client.client("iperf3", family, "-c", address, "-p", IPERF_PORT, "-t", max(1, int(seconds)),
                        "-P", streams, "-C", "cubic", "-J", timeout=60)
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9


def load(client, mode, address, seconds):
    return float(client.client(LOAD, mode, address, PORT, seconds))


def describe():
    """The machine, for whoever reads the figures later."""
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    commit = run("git", "-C", ROOT, "describe", "--always", "--dirty", check=False).stdout.strip()
    return {"kernel": platform.release(), "cpu": model.group(1) if model else platform.machine(),
            "cpus": os.cpu_count(), "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "commit": commit, "load": os.getloadavg()[0]}

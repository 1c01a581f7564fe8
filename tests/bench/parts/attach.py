# SPDX-License-Identifier: MIT
"""How long it takes to attach a sandbox and to take it away.

   ip         a namespace, a veth and a bridge port by iproute2: one `ip -batch` a step, no process
   vpcd       an idle sandbox by the API: namespaces of its own, a supervisor, an init, an ENI with
              its group and name; the answer comes when packets would pass
   vpcd-pool  the same with namespaces kept ready (--pool)
"""

import http.client
import json
import socket
import time

import machine
from frame import Bench

HELP = "attach and detach of sandboxes, against iproute2 and a bridge"
BATCH = 8


class Api(http.client.HTTPConnection):
    """The daemon's socket, one connection."""

    def __init__(self, path):
        super().__init__("vpcd", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def call(self, method, path, body=None):
        self.request(method, path, json.dumps(body) if body else None,
                     {"Content-Type": "application/json"})
        r = self.getresponse()
        text = r.read()
        if r.status >= 300:
            raise RuntimeError(f"{method} {path}: {r.status} {text.decode()}")
        return json.loads(text) if text else None


class Ours:
    """Sandboxes of an instance of vpcd."""

    def __init__(self, stack, name, *options):
        self.daemon = machine.Daemon(stack, *options, name=name)
        self.daemon.up({"Lab": "bench", "Vpcs": {"bench": {
            "CidrBlock": "10.78.0.0/16", "Subnets": {"a": {"CidrBlock": "10.78.0.0/18"}},
            "SecurityGroups": {"g": {"Ingress": ["tcp 80 from 0.0.0.0/0"]}}}}})
        self.subnet = self.daemon.json("subnet", "show", "bench/a")["SubnetId"]
        self.group = self.daemon.json("sg", "show", "bench/g")["GroupId"]
        self.api = Api(self.daemon.dir / "run" / "vpcd.sock")
        self.made = []

    def attach(self, n):
        for i in range(n):
            made = self.api.call("POST", "/v1/instances", {
                "Name": f"s{i}", "SubnetId": self.subnet, "SecurityGroupIds": [self.group]})
            self.made.append(made["InstanceId"])

    def detach(self):
        while self.made:
            self.api.call("DELETE", f"/v1/instances/{self.made.pop()}")


class Plain:
    """The same by hand."""

    def __init__(self, stack):
        self.host = machine.Namespace.make(stack, "attach")
        self.host.ip("link", "add", "br0", "type", "bridge")
        self.host.ip("link", "set", "br0", "up")
        self.made, self.count = [], 0
        stack.callback(self.detach)

    def attach(self, n):
        for _ in range(n):
            i = self.count  # never the same again: the kernel takes namespaces away in its own time
            self.count += 1
            name = f"{self.host.name}-{i}"
            self.made.append(name)
            machine.run("ip", "netns", "add", name)
            self.host.run("ip", "-batch", "-", stdin=(
                f"link add p{i} type veth peer name eth0 netns {name}\n"
                f"link set p{i} master br0 up\n"))
            machine.run("ip", "-n", name, "-batch", "-", stdin=(
                f"addr add 10.78.{i // 250 % 60}.{i % 250 + 1}/18 dev eth0\nlink set lo up\n"
                "link set eth0 up\nroute add default via 10.78.63.254\n"))

    def detach(self):
        while self.made:
            machine.run("ip", "netns", "del", self.made.pop())


def timed(work, *args):
    start = time.monotonic()
    work(*args)
    return (time.monotonic() - start) * 1000


class Cycle:
    """One attach and one detach of a batch a round; both benches read it."""

    def __init__(self, subjects, batch):
        self.subjects, self.batch, self.detached = subjects, batch, {}

    def attach(self, name):
        ms = timed(self.subjects[name].attach, self.batch)
        self.detached[name] = timed(self.subjects[name].detach)
        return ms / self.batch

    def detach(self, name):
        return self.detached[name] / self.batch


def prepare(context):
    batch = 2 if context.quick else BATCH
    subjects = {"ip": Plain(context.stack), "vpcd": Ours(context.stack, "cold"),
                "vpcd-pool": Ours(context.stack, "pool", "--pool", "64")}
    cycle = Cycle(subjects, batch)
    names = list(subjects)
    return [Bench("attach/attach", "ms", names, "ip", cycle.attach, higher_is_better=False),
            Bench("attach/detach", "ms", names, "ip", cycle.detach, higher_is_better=False)]

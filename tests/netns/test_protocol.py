# SPDX-License-Identifier: MIT
"""The control socket of a sandbox (docs/sandbox-protocol.md) and what becomes of its supervisor."""

import array
import contextlib
import json
import os
import signal
import socket

import pytest

from conftest import allow_all, until


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "proto", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {"idle": {"Subnet": "v/a", "Environment": {"A": "of the sandbox", "B": "b"}},
                      "stubborn": {"Subnet": "v/a", "Command": [
                          "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"]}}})
    vpcd.wait_log("stubborn", "ready")
    yield vpcd
    vpcd.down("proto")


class Control:
    def __init__(self, vpcd, name):
        path = vpcd.run_dir / "sandboxes" / vpcd.json("instance", "show", name)["InstanceId"]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(path / "ctl.sock"))

    def send(self, message, fds=()):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([data], extra)

    def receive(self):
        data = self.socket.recv(1 << 20)
        return json.loads(data) if data else None

    def ask(self, message, fds=()):
        self.send(message, fds)
        return self.receive()


@contextlib.contextmanager
def pipes():
    """stdin, stdout and stderr of a command, and the end that reads what it writes."""
    r, w = os.pipe()
    null = os.open("/dev/null", os.O_RDONLY)
    try:
        yield [null, w, w], r
    finally:
        for fd in (r, w, null):
            with contextlib.suppress(OSError):
                os.close(fd)


def run(net, *argv, **more):
    with pipes() as (fds, r):
        c = Control(net, "idle")
        answer = c.ask({"op": "exec", "argv": argv, **more}, fds)
        assert answer["ok"] is True, answer
        code = c.receive()["exit"]
        os.close(fds[1])
        return code, os.read(r, 65536).decode()


def test_exec_takes_environment_directory_and_user(net):
    code, out = run(net, "sh", "-c", "echo $A $B; pwd; id -u; exit 3", env={"A": "given"},
                    cwd="/tmp", user=1000)
    assert code == 3
    assert out == "given b\n/tmp\n1000\n"


def test_commands_that_cannot_run_end_as_in_a_shell(net):
    assert run(net, "no-such-program")[0] == 127
    assert run(net, "/etc/passwd")[0] == 126


def test_orphans_go_with_nothing_left(net):
    assert run(net, "sh", "-c", "(sleep 0.01 &) ; exit 0")[0] == 0
    c = Control(net, "idle")
    until(lambda: c.ask({"op": "ps"})["processes"] == [], 10, "an empty sandbox")


def test_a_hung_up_connection_hangs_its_command_up(net):
    with pipes() as (fds, _):
        c = Control(net, "idle")
        assert c.ask({"op": "exec", "argv": ["sleep", "1000"]}, fds)["ok"]
        assert len(c.ask({"op": "ps"})["processes"]) == 1
        c.socket.close()
    other = Control(net, "idle")
    until(lambda: other.ask({"op": "ps"})["processes"] == [], 10, "the command's end")


def test_signals_reach_the_command_of_the_connection(net):
    with pipes() as (fds, _):
        c = Control(net, "idle")
        assert "error" in c.ask({"op": "signal", "signal": 15})
        assert c.ask({"op": "exec", "argv": ["sleep", "1000"]}, fds)["ok"]
        assert "error" in c.ask({"op": "signal", "signal": 999})
        answers = [c.ask({"op": "signal", "signal": 15}), c.receive()]
        assert {"exit": 128 + 15} in answers


BAD = [b"", b"not json", b"[]", b"{}", {"op": "what"}, {"op": 7}, {"op": "exec"},
       {"op": "exec", "argv": []}, {"op": "exec", "argv": "sh"}, {"op": "exec", "argv": ["true"]},
       {"op": "start"}, {"op": "kill", "signal": 1000}, {"op": "kill", "grace_ms": -1},
       {"op": "release"}, b"x" * 140000]


@pytest.mark.parametrize("message", BAD[1:], ids=lambda m: str(m)[:30])
def test_bad_requests_are_answered_and_change_nothing(net, message):
    c = Control(net, "idle")
    answer = c.ask(message)
    assert answer and answer["error"]["Message"], answer
    assert Control(net, "idle").ask({"op": "status"})["state"] == "idle"


def test_descriptors_that_nobody_asked_for_are_closed(net):
    pid = net.json("ps", "--filter", "Name=idle")[0]["Pid"]
    with open(f"/proc/{pid}/stat") as f:
        supervisor = f.read().rsplit(")", 1)[1].split()[1]
    before = len(os.listdir(f"/proc/{supervisor}/fd"))
    c = Control(net, "idle")
    for _ in range(20):
        with pipes() as (fds, _):
            assert c.ask({"op": "status"}, fds)["state"] == "idle"
    c.socket.close()
    until(lambda: len(os.listdir(f"/proc/{supervisor}/fd")) <= before, 10, "closed descriptors")


def test_status_is_sent_at_each_change_and_grace_ends_in_sigkill(net):
    c = Control(net, "stubborn")
    assert c.ask({"op": "status"})["state"] == "running"
    c.send({"op": "kill", "signal": 15, "grace_ms": 300})
    seen = [c.receive(), c.receive()]
    assert {"ok": True} in seen
    assert any(m.get("state") == "exited" and m["exit"] == 128 + 9 for m in seen)
    until(lambda: net.json("instance", "show", "stubborn")["State"] == "stopped", 10, "the state")
    assert net.json("instance", "show", "stubborn")["ExitCode"] == 137
    net.ctl("start", "stubborn")
    until(lambda: net.json("instance", "show", "stubborn")["State"] == "running", 10, "the start")


def test_a_killed_supervisor_takes_its_sandbox_along_and_is_named(net):
    pid = net.json("ps", "--filter", "Name=idle")[0]["Pid"]
    with open(f"/proc/{pid}/stat") as f:
        supervisor = int(f.read().rsplit(")", 1)[1].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not os.path.exists(f"/proc/{pid}"), 10, "the sandbox's end")
    until(lambda: net.json("instance", "show", "idle")["State"] == "failed", 10, "the state")
    assert "supervisor" in net.json("instance", "show", "idle")["StateReason"]
    # Stopped and started, it is whole again.
    net.ctl("stop", "idle")
    net.ctl("start", "idle")
    until(lambda: net.json("instance", "show", "idle")["State"] == "running", 10, "the start")
    assert run(net, "true")[0] == 0

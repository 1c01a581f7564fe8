# SPDX-License-Identifier: MIT
"""run, exec, shell, ps, logs, stop, wait, connect: against real processes behind a socket."""

import json
import os
import pty
import signal
import subprocess
import time

import pytest

from conftest import VPCCTL

ID = "i-0abc4567890123456"


def test_run_passes_stdio_and_exit_code(vpcctl, daemon, sandbox):
    sandbox("sh", "-c", "cat; echo err >&2; exit 7")
    done = vpcctl("run", "-i", "--rm", "--subnet", "shop/a", "--name", "web", "-e", "A=1",
                  "--security-group", "x,y", "--cap-add", "net_raw", "--", "sh", "-c", "x",
                  stdin="hello\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "err\n")
    assert json.loads(daemon.sent("POST")[0][3]) == {
        "Name": "web", "SubnetId": "shop/a", "SecurityGroupIds": ["x", "y"],
        "Capabilities": ["net_raw"], "Command": ["sh", "-c", "x"], "Environment": {"A": "1"},
        "Stdio": "attach", "AutoRemove": True}
    assert daemon.sent("DELETE")


def test_run_without_i_reads_nothing(vpcctl, sandbox):
    sandbox("cat")
    done = vpcctl("run", "--subnet", "a", "cat", stdin="unseen\n")
    assert (done.returncode, done.stdout) == (0, "")


def test_run_options_end_at_the_command(vpcctl, daemon, sandbox):
    sandbox("true")
    vpcctl("run", "--subnet", "a", "ls", "-l", "--rm")
    body = json.loads(daemon.sent("POST")[0][3])
    assert body["Command"] == ["ls", "-l", "--rm"] and "AutoRemove" not in body


@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 255", 255), ("exit 126", 126),
                                         ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_run_returns_the_childs_code(vpcctl, sandbox, script, code):
    sandbox("sh", "-c", script)
    assert vpcctl("run", "--subnet", "a", "x").returncode == code


def test_run_failures_of_our_own_are_125(vpcctl, daemon):
    assert vpcctl("run").returncode == 125
    assert vpcctl("run", "--subnet", "a", "true").returncode == 125  # 404
    assert vpcctl("exec", "web").returncode == 125
    assert vpcctl("exec", "none", "true").returncode == 125
    daemon.routes["GET", "/v1/sandboxes/idle"] = (200, {"InstanceId": ID, "State": "stopped"})
    done = vpcctl("exec", "idle", "true")
    assert done.returncode == 125 and "it is stopped" in done.stderr


def test_run_detached_prints_the_id(vpcctl, daemon, sandbox):
    supervisor = sandbox("sleep", "99")
    done = vpcctl("run", "-d", "--subnet", "a", "sleep", "99")
    assert (done.returncode, done.stdout) == (0, f"{ID}\n")
    assert json.loads(daemon.sent("POST")[0][3])["Stdio"] == "log"
    assert not supervisor.requests


def test_run_function_names_several_subnets(vpcctl, daemon):
    daemon.routes["POST", "/v1/functions"] = (201, {"FunctionId": "fn-1"})
    assert vpcctl("run", "-d", "--function", "--subnet", "a,b", "x").stdout == "fn-1\n"
    assert json.loads(daemon.sent("POST")[0][3])["SubnetIds"] == ["a", "b"]


def test_exec_sends_the_command(vpcctl, sandbox):
    supervisor = sandbox()
    done = vpcctl("exec", "-e", "A=1", "-w", "/tmp", "-u", "5", "web", "--", "sh", "-c",
                  "echo $A; exit 3")
    assert (done.returncode, done.stdout) == (3, "1\n")
    assert supervisor.requests == [{"op": "exec", "argv": ["sh", "-c", "echo $A; exit 3"],
                                    "env": {"A": "1"}, "cwd": "/tmp", "user": 5, "tty": False}]


def test_exec_without_daemon_finds_the_socket_by_id(vpcctl, environment, directory):
    from conftest import Supervisor

    os.makedirs(f"{directory}/sandboxes/{ID}")
    supervisor = Supervisor(f"{directory}/sandboxes/{ID}/ctl.sock", [])
    supervisor.start()
    assert vpcctl("exec", ID, "sh", "-c", "exit 4").returncode == 4
    assert vpcctl("exec", ID[:8], "sh", "-c", "exit 5").returncode == 5
    assert vpcctl("stop", ID).returncode == 0
    assert supervisor.requests[-1] == {"op": "kill", "signal": 15, "grace_ms": 10000}
    assert vpcctl("exec", "i-0abcd", "true").returncode == 125
    supervisor.listener.shutdown(2)
    supervisor.join()


def test_signals_go_to_the_command(environment, sandbox, directory):
    sandbox("sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done")
    child = subprocess.Popen([VPCCTL, "run", "--subnet", "a", "x"], env=environment, text=True,
                             cwd=directory, stdout=subprocess.PIPE)
    assert child.stdout.readline() == "up\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) == 9
    child.stdout.close()


def test_terminal_is_given_and_restored(environment, sandbox, directory):
    import termios

    sandbox()
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    termios.tcsetwinsize(slave, (33, 77))
    child = subprocess.Popen([VPCCTL, "exec", "-it", "web", "sh", "-c",
                              "tty; stty size; read line; echo got $line; exit 6"],
                             stdin=slave, stdout=slave, stderr=slave, cwd=directory,
                             env=dict(environment, TERM="xterm"), start_new_session=True)
    out = b""
    while b"33 77" not in out:
        out += os.read(master, 4096)
    os.write(master, b"typed\r")
    assert child.wait(timeout=60) == 6
    while b"got typed" not in out:
        out += os.read(master, 4096)
    assert b"/dev/pts/" in out
    assert termios.tcgetattr(slave) == before
    os.close(slave)
    os.close(master)


def test_output_of_a_terminal_is_whole(environment, sandbox, directory):
    sandbox()
    done = subprocess.run([VPCCTL, "exec", "-t", "web", "seq", "5000"], env=environment, text=True,
                          capture_output=True, cwd=directory, timeout=60)
    assert done.returncode == 0
    assert done.stdout.split() == [str(i) for i in range(1, 5001)]


def test_shell_runs_without_a_terminal_too(vpcctl, sandbox):
    sandbox()
    done = vpcctl("shell", "web", "sh", stdin="echo hi; exit 8\n")
    assert (done.returncode, done.stdout) == (8, "hi\n")


def test_ps_lists_sandboxes_and_processes(vpcctl, daemon, sandbox):
    sandbox()
    daemon.routes["GET", "/v1/sandboxes"] = (200, {"Items": [
        {"InstanceId": ID, "Name": "web", "State": "running", "PrivateIpAddress": "10.0.0.4",
         "Pid": 7, "Command": ["sleep", "9"]}]})
    lines = vpcctl("ps").stdout.splitlines()
    assert lines[1].split()[:5] == ["web", "i-0abc4567", "instance", "running", "10.0.0.4"]
    assert vpcctl("ps", "-q", "--filter", "state=run*").stdout == f"{ID}\n"
    assert vpcctl("ps", "--filter", "state=stopped", "-q").stdout == ""
    assert vpcctl("ps", "web").stdout.split() == ["PID", "COMMAND", "7", "sleep", "9"]


def test_logs_are_written_through(vpcctl, daemon):
    daemon.routes["GET", "/v1/sandboxes/web/logs"] = (200, b"one\ntwo\n")
    done = vpcctl("logs", "--tail", "2", "-f", "web")
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n")
    assert daemon.requests[0][2] == {"follow": "1", "tail": "2"}
    assert vpcctl("logs", "none").returncode == 3


def test_stop_and_start_change_what_is_desired(vpcctl, daemon, sandbox):
    sandbox()
    daemon.routes["GET", "/healthz"] = (200, {"Status": "ok"})
    daemon.routes["PATCH", f"/v1/instances/{ID}"] = (200, {})
    assert vpcctl("stop", "web").stdout == "web stopped\n"
    assert vpcctl("start", "web").stdout == "web started\n"
    assert [json.loads(r[3]) for r in daemon.sent("PATCH")] == [
        {"DesiredState": "stopped"}, {"DesiredState": "running"}]


def test_wait_prints_the_exit_code_once_it_ended(vpcctl, daemon):
    looks = []

    def look(query, body):
        looks.append(1)
        if len(looks) == 1:
            return 200, {"InstanceId": ID, "State": "running"}
        return 200, {"InstanceId": ID, "State": "stopped", "ExitCode": 7}

    daemon.routes["GET", "/v1/status"] = (200, {"Revision": 5})
    daemon.routes["GET", "/v1/sandboxes/web"] = look
    daemon.routes["GET", "/v1/events"] = (200, json.dumps(
        {"Id": ID, "Type": "status", "State": "stopped"}).encode() + b"\n")
    done = vpcctl("wait", "web")
    assert (done.returncode, done.stdout, len(looks)) == (0, "7\n", 2)


def test_wait_gives_up_with_5(vpcctl, daemon):
    release = []

    def silence(query, body):
        while not release:
            time.sleep(0.01)
        return 200, b""

    daemon.routes["GET", "/v1/status"] = (200, {"Revision": 5})
    daemon.routes["GET", "/v1/sandboxes/web"] = (200, {"InstanceId": ID, "State": "running"})
    daemon.routes["GET", "/v1/events"] = silence
    assert vpcctl("wait", "--timeout", "50ms", "web").returncode == 5
    release.append(1)


def test_connect_makes_an_instance_of_a_namespace(vpcctl, daemon):
    daemon.routes["POST", "/v1/instances"] = (201, {"InstanceId": ID})
    pid = str(os.getpid())
    done = vpcctl("connect", "--pid", pid, "--subnet", "a", "--name", "lab")
    assert (done.returncode, done.stdout) == (0, f"{ID}\n")
    assert json.loads(daemon.sent("POST")[0][3]) == {
        "Name": "lab", "SubnetId": "a", "NetnsPath": f"/proc/{pid}/ns/net"}
    if os.getuid() == 0:
        assert "warning" in done.stderr
    assert vpcctl("connect", "--netns", "/nonexistent", "--subnet", "a").returncode == 3


def test_disconnect_deletes_only_what_connect_made(vpcctl, daemon):
    daemon.routes["GET", "/v1/instances/lab"] = (200, {"InstanceId": ID, "NetnsPath": "/x"})
    daemon.routes["GET", "/v1/instances/web"] = (200, {"InstanceId": ID, "Command": ["a"]})
    daemon.routes["DELETE", f"/v1/instances/{ID}"] = (200, {})
    done = vpcctl("disconnect", "web", "lab")
    assert (done.returncode, done.stdout) == (1, "lab disconnected\n")
    assert "was not made by connect" in done.stderr
    assert len(daemon.sent("DELETE")) == 1


def test_delete_resolves_any_kind(vpcctl, daemon):
    daemon.routes["GET", "/v1/resolve/shop"] = (200, {"VpcId": "vpc-1", "Name": "shop"})
    daemon.routes["DELETE", "/v1/vpcs/vpc-1"] = (200, {"VpcId": "vpc-1"})
    assert vpcctl("rm", "shop").stdout == "shop deleted\n"
    assert vpcctl("delete", "none").returncode == 3


def test_events_are_a_table_or_lines(vpcctl, daemon):
    event = {"Revision": 5, "Time": "2026-01-01T00:00:00Z", "Type": "created", "Kind": "vpc",
             "Id": "vpc-0123456789abcdef0", "Name": "shop"}
    daemon.routes["GET", "/v1/events"] = (200, json.dumps(event).encode() + b"\n")
    assert vpcctl("events").stdout.splitlines()[1].split()[:5] == [
        "5", "2026-01-01T00:00:00Z", "created", "vpc", "shop"]
    assert vpcctl("events", "-o", "json").json() == [event]
    assert vpcctl("events", "-f", "-o", "json", "--since", "4").json() == event
    assert daemon.requests[-1][2] == {"since": "4", "watch": "1"}
    assert vpcctl("events", "-f").stdout == (
        "5 2026-01-01T00:00:00Z created vpc shop vpc-01234567\n")


def test_status_shows_what_the_daemon_says(vpcctl, daemon):
    daemon.routes["GET", "/v1/status"] = (200, {"Version": "1", "Counts": {"vpc": 2}})
    assert vpcctl("status").stdout == "Version:  1\nCounts:   vpc=2\n"

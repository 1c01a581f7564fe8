# SPDX-License-Identifier: MIT
"""run, exec, shell, ps, logs, stop, wait, connect: what a person does with sandboxes."""

import os
import signal
import subprocess

import pytest

from conftest import allow_all, server, until


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "boxes", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {"web": {"Subnet": "v/a", "SecurityGroups": ["v/open"],
                              "Command": server("web", "tcp:80")}}})
    vpcd.wait_log("web", "serving")
    yield vpcd
    vpcd.down("boxes")


RUN = ["run", "--rm", "--subnet", "v/a", "--security-group", "v/open"]


def gone(net, name):
    return lambda: name not in [s["Name"] for s in net.json("ps")]


@pytest.mark.parametrize("code", [0, 7, 255])
def test_run_returns_the_commands_exit_code(net, code):
    assert net.ctl(*RUN, "--", "sh", "-c", f"exit {code}", check=False).returncode == code


def test_run_without_the_command_is_127_and_not_executable_126(net):
    assert net.ctl(*RUN, "--", "no-such-program", check=False).returncode == 127
    assert net.ctl(*RUN, "--", "/etc/passwd", check=False).returncode == 126


def test_run_of_a_command_that_a_signal_ends(net):
    assert net.ctl(*RUN, "--", "sh", "-c", "kill -9 $$", check=False).returncode == 137


def test_run_passes_stdio_and_environment(net):
    r = net.ctl(*RUN, "-i", "-e", "GREETING=hello there", "--", "sh", "-c",
                'read line; echo "$GREETING $line"; echo to stderr >&2', input="world\n")
    assert r.stdout == "hello there world\n"
    assert r.stderr == "to stderr\n"


def test_run_reaches_the_network_and_leaves_nothing(net):
    r = net.ctl(*RUN, "--name", "short", "--", "curl", "-s", "-m", "5", "http://web/")
    assert r.stdout.startswith("web 10.0.1.")
    until(gone(net, "short"), what="the removal")
    assert net.ctl("instance", "show", "short", check=False).returncode == 3


def test_detached_run_logs_wait_and_stop(net):
    net.ctl("run", "-d", "--name", "bg", "--subnet", "v/a", "--", "sh", "-c",
            "echo begun; trap 'echo ended; exit 3' TERM; while :; do sleep 0.1; done")
    net.wait_log("bg", "begun")
    with net.popen("wait", "bg", stdout=subprocess.PIPE) as wait:
        net.ctl("stop", "bg")
        assert wait.communicate(timeout=30)[0].strip() == "3"
    assert "ended" in net.logs("bg")
    assert [s["State"] for s in net.json("ps") if s["Name"] == "bg"] == ["stopped"]
    net.ctl("start", "bg")
    until(lambda: net.logs("bg").count("begun") == 2, what="the second start")
    net.ctl("delete", "bg")
    assert gone(net, "bg")()


def test_a_sandbox_sees_itself_and_nothing_of_the_host(net):
    net.ctl("run", "-d", "--name", "self", "--subnet", "v/a", "--", "sleep", "1000")

    def inside(*command):
        return net.exec("self", *command, check=False).stdout.strip()

    try:
        assert inside("hostname") == "self"
        assert "nameserver 10.0.0.2" in inside("cat", "/etc/resolv.conf")
        assert "self" in inside("cat", "/etc/hosts")
        pids = inside("sh", "-c", "ls /proc | grep -c '^[0-9]'")
        assert int(pids) < 10
        for kind in ("user", "net", "mnt", "pid", "uts", "ipc", "cgroup"):
            assert inside("readlink", f"/proc/self/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
        status = inside("cat", "/proc/self/status")
        assert "NoNewPrivs:\t1" in status
        effective = int(status.split("CapEff:\t")[1].split()[0], 16)
        assert not effective & (1 << 12 | 1 << 13 | 1 << 21)  # net_admin, net_raw, sys_admin
        assert inside("ls", str(net.run_dir)) == ""
        assert inside("ls", str(net.state_dir)) == ""
        assert "root" not in inside("sh", "-c", "cat /etc/shadow 2>/dev/null")
        assert net.exec("self", "sh", "-c", "echo x > /usr/bin/made-in-a-sandbox",
                        check=False).returncode != 0
        mine = f"/tmp/made-in-{net.name}"  # of this run alone: others may share the host's /tmp
        assert net.exec("self", "sh", "-c", f"echo x > {mine} && cat {mine}").stdout == "x\n"
        assert not os.path.exists(mine)
        assert net.exec("self", "ping", "-c", "1", "-W", "2",
                        net.address("web")).returncode == 0
    finally:
        net.ctl("delete", "self")


def test_exec_in_a_terminal(net):
    out = subprocess.run(["script", "-qec", " ".join([
        os.environ.get("VPCCTL", "vpcctl"), "--socket", str(net.socket),
        "exec -it web -- sh -c 'tty; exit 4'"]), "/dev/null"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert "/dev/pts/" in out.stdout
    assert out.returncode == 4


def test_ps_of_one_sandbox_lists_its_processes(net):
    assert "/usr/bin/python3" in net.ctl("ps", "web").stdout


def test_connect_a_foreign_namespace_and_disconnect(net):
    with subprocess.Popen(["unshare", "--net", "--kill-child", "sleep", "1000"]) as holder:
        try:
            until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") !=
                  os.readlink("/proc/self/ns/net"), what="the namespace")
            r = net.ctl("connect", "--pid", holder.pid, "--subnet", "v/a", "--security-group",
                        "v/open", "--name", "guest")
            assert "CAP_NET_ADMIN" in r.stderr
            address = net.address("guest")

            def enter(*command):
                return subprocess.run(["nsenter", f"--net=/proc/{holder.pid}/ns/net", *command],
                                      capture_output=True, text=True, check=False, timeout=30)

            r = enter("curl", "-s", "-m", "5", f"http://{net.address('web')}/")
            assert r.stdout == f"web {address}\n"
            net.ctl("disconnect", "guest")
            assert "eth" not in enter("ip", "-o", "link").stdout
        finally:
            holder.send_signal(signal.SIGKILL)


def test_function_has_no_public_address_and_may_name_several_subnets(net):
    net.ctl("subnet", "create", "--name", "b", "--vpc-id", "v", "--cidr-block", "10.0.2.0/24")
    try:
        net.ctl("function", "create", "--name", "fn", "--subnet-ids", "v/a,v/b", "--", *server(
            "fn", "tcp:80"))
        net.wait_log("fn", "serving")
        assert net.json("ps", "--filter", "Name=fn")[0].get("PublicIp") in (None, "")
        net.ctl("delete", "fn")
    finally:
        net.ctl("subnet", "delete", "v/b")


def test_dry_run_changes_nothing(net):
    before = net.json("status")["Revision"]
    net.ctl("instance", "create", "--name", "ghost", "--subnet-id", "v/a", "--dry-run")
    net.ctl("delete", "web", "--dry-run")
    assert net.json("status")["Revision"] == before
    assert [s["Name"] for s in net.json("ps")] == ["web"]

# SPDX-License-Identifier: MIT
"""vpcd itself: options, a second daemon, leaving and purging."""

import os
import signal
import subprocess

from conftest import VPCD, allow_all, server

LAB = {"Lab": "one", "Vpcs": {"v": {
    "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
    "SecurityGroups": {"open": allow_all()}}},
    "Instances": {"web": {"Subnet": "v/a", "SecurityGroups": ["v/open"],
                          "Command": server("web", "tcp:80")},
                  "client": {"Subnet": "v/a", "SecurityGroups": ["v/open"]}}}


def run(*args, **kwargs):
    return subprocess.run([VPCD, *args], capture_output=True, text=True, timeout=60, check=False,
                          **kwargs)


def test_help_and_version():
    assert "--purge" in run("--help").stdout
    assert run("--version").stdout.startswith("vpcd ")


def test_bad_options_are_named():
    for args, text in ((["--instance", "a/b"], "--instance a/b"), (["--nonsense"], "nonsense"),
                       (["--run-dir", "relative"], "--run-dir relative"),
                       (["--log-level", "loud"], "loud"), (["stray"], "stray"),
                       (["--public-pool", "lab=here"], "--public-pool lab=here")):
        r = run(*args)
        assert r.returncode == 2, r
        assert text in r.stderr, r.stderr


def test_an_old_kernel_is_named(tmp_path):
    r = subprocess.run(["setarch", "--uname-2.6", VPCD, "--instance", f"old{os.getpid()}",
                        "--run-dir", str(tmp_path / "run"), "--state-dir", str(tmp_path / "state")],
                       capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 1
    assert "is too old: vpcd needs 6.1 or newer" in r.stderr
    assert not (tmp_path / "run").exists()


def test_a_second_daemon_of_an_instance_refuses_and_says_why(make_daemon):
    d = make_daemon()
    r = subprocess.run(d.command(), capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 1
    assert "run by another vpcd already" in r.stderr and str(d.process.pid) in r.stderr
    r = subprocess.run(d.command("--purge"), capture_output=True, text=True, timeout=60, check=False)
    assert r.returncode == 1
    assert d.json("status")["Instance"] == d.name


def test_instances_do_not_meet(make_daemon):
    a, b = make_daemon(), make_daemon()
    a.up(LAB)
    b.up(LAB)
    a.wait_log("web", "serving")
    b.wait_log("web", "serving")
    assert a.fetch("client", a.address("web")).startswith("web")
    assert a.purge().returncode == 0
    assert b.fetch("client", b.address("web")).startswith("web")


def test_sigterm_leaves_the_network_and_purge_takes_it(make_daemon):
    d = make_daemon()
    d.up(LAB)
    d.wait_log("web", "serving")
    d.remember_ids()
    address = d.address("web")
    pids = [s["Pid"] for s in d.json("ps") if s.get("Pid")]
    assert d.end(signal.SIGTERM) == 0
    assert d.exec_without_daemon("client", "curl", "-s", "-m", "5",
                                 f"http://{address}/").startswith("web")
    assert pids and all(os.path.exists(f"/proc/{p}") for p in pids)
    r = d.purge()
    assert r.returncode == 0, r.stderr
    assert not any(os.path.exists(f"/proc/{p}") for p in pids)
    assert not d.run_dir.exists() and not d.state_dir.exists()
    assert str(d.dir) not in open("/proc/self/mountinfo").read()


def test_the_clock_moves_only_in_a_lab(make_daemon):
    d = make_daemon()
    r = d.ctl("clock", "advance", "350s", check=False)
    assert r.returncode == 1 and "--lab-clock" in r.stderr
    assert d.json("clock")["OffsetSeconds"] == 0
    d.end()
    d.start("--lab-clock")
    assert d.json("clock", "advance", "350s")["OffsetSeconds"] == 350
    assert d.json("clock", "advance", "5m", "--dry-run")["OffsetSeconds"] == 350
    assert d.json("clock", "advance", "500ms")["OffsetSeconds"] == 350.5
    r = subprocess.run(["curl", "-s", "--unix-socket", str(d.socket), "-d", '{"AdvanceSeconds": -1}',
                        "http://vpcd/v1/clock"], capture_output=True, text=True, check=True)
    assert "InvalidParameterValue" in r.stdout and "AdvanceSeconds" in r.stdout
    d.end()
    d.start()
    assert d.json("clock")["OffsetSeconds"] == 350.5
    assert d.ctl("clock", "advance", "1s", check=False).returncode == 1

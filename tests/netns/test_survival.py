# SPDX-License-Identifier: MIT
"""The daemon dies and comes back; the network does not notice.

    VPC 10.0.0.0/16, a 10.0.1.0/24: source (serves a stream), sink, late
"""

import os
import signal
import subprocess

from conftest import allow_all, program, server, until

TOPOLOGY = {
    "Lab": "survive",
    "Vpcs": {"v": {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
                   "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
                   "SecurityGroups": {"open": allow_all()}}},
    "Instances": {
        "source": {"Subnet": "v/a", "PrivateIpAddress": "10.0.1.10", "SecurityGroups": ["v/open"],
                   "Command": program("stream.py", "send", 9000)},
        "web": {"Subnet": "v/a", "PrivateIpAddress": "10.0.1.11", "SecurityGroups": ["v/open"],
                "Command": server("web", "tcp:80")},
        "sink": {"Subnet": "v/a", "PrivateIpAddress": "10.0.1.12", "SecurityGroups": ["v/open"]}},
}


def interfaces(d):
    """Host-side links (index and name) of an instance's fabric."""
    fabric = next((d.run_dir / "ns").glob("fabric*"))
    out = subprocess.run(["nsenter", f"--net={fabric}", "ip", "-o", "link"], capture_output=True,
                         text=True, check=True).stdout
    return sorted(line.split("@")[0] for line in out.splitlines())


def test_kill_9_under_a_running_transfer_and_adoption(make_daemon):
    d = make_daemon()
    d.up(TOPOLOGY)
    d.wait_log("source", "serving")
    d.wait_log("web", "serving")
    d.remember_ids()
    sandboxes = {s["Name"]: s["Pid"] for s in d.json("ps")}
    del sandboxes["source"]  # ends with the transfer
    links = interfaces(d)
    transfer = d.popen("exec", "sink", "--", *program("stream.py", "receive", "10.0.1.10", 9000, 6),
                       stdout=subprocess.PIPE)
    assert transfer.stdout.readline().startswith("block")

    for signo in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        d.end(signo)
        # While no daemon runs the kernel forwards, new flows too.
        assert d.exec_without_daemon("sink", "curl", "-s", "-m", "5", "http://10.0.1.11/") \
            .startswith("web ")
        d.start()
        assert d.fetch("sink", "10.0.1.11") == "web 10.0.1.12"
        assert transfer.stdout.readline().startswith("block")

    rest = transfer.communicate(timeout=60)[0]
    assert transfer.returncode == 0, rest
    assert rest.splitlines()[-1].startswith("ok ")
    assert {s["Name"]: s["Pid"] for s in d.json("ps") if s["Name"] in sandboxes} == sandboxes
    assert interfaces(d) == links
    assert d.json("status")["Apply"]["Failed"] == 0


def test_what_happened_while_no_daemon_ran_is_made_good(make_daemon):
    d = make_daemon()
    d.up(TOPOLOGY)
    d.wait_log("web", "serving")
    pid = {s["Name"]: s["Pid"] for s in d.json("ps")}["web"]
    d.end(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    fabric = next((d.run_dir / "ns").glob("fabric*"))
    name = [line.split(": ")[1] for line in interfaces(d) if ": lo:" not in line][-1]
    subprocess.run(["nsenter", f"--net={fabric}", "ip", "link", "delete", name], check=True)

    d.start()
    until(lambda: {s["Name"]: s["State"] for s in d.json("ps")}["web"] != "running" or
          {s["Name"]: s["Pid"] for s in d.json("ps")}["web"] != pid, 20, "the dead sandbox's state")
    for sandbox in ("source", "sink"):
        until(lambda s=sandbox: d.pings(s, "10.0.1.11", wait=1) or
              d.pings(s, "10.0.1.10", wait=1), 20, f"{sandbox}'s network")


def test_the_audit_repairs_drift(make_daemon):
    d = make_daemon()
    d.up(TOPOLOGY)
    d.wait_log("web", "serving")
    fabric = next((d.run_dir / "ns").glob("fabric*"))
    for line in interfaces(d):
        name = line.split(": ")[1]
        if not name.startswith("lo"):
            subprocess.run(["nsenter", f"--net={fabric}", "tc", "qdisc", "del", "dev", name,
                            "clsact"], check=True)
    assert d.fetch("sink", "10.0.1.11", timeout=2) is None
    d.end()
    d.start()
    # The neighbour entry that failed meanwhile has to be resolved again.
    until(lambda: d.fetch("sink", "10.0.1.11") == "web 10.0.1.12", 20, "the mended link")

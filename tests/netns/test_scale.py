# SPDX-License-Identifier: MIT
"""50 subnets and 200 sandboxes up and down, with nothing left over.

    VPC 10.0.0.0/16: subnets 10.0.0.0/24 … 10.0.49.0/24, four sandboxes each
"""

import json
import os
import subprocess

from conftest import allow_all, until

SUBNETS, PER_SUBNET = 50, 4


def topology(subnets=SUBNETS):
    return {"Lab": "big", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16",
        "Subnets": {f"s{i}": {"CidrBlock": f"10.0.{i}.0/24"} for i in range(subnets)},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {f"i{i}-{j}": {"Subnet": f"v/s{i}", "PrivateIpAddress": f"10.0.{i}.{10 + j}",
                                    "SecurityGroups": ["v/open"]}
                      for i in range(subnets) for j in range(PER_SUBNET)}}


def processes(d):
    """Of this instance: supervisors and inits keep the daemon's command line."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                count += f"\0{d.name}\0" in f.read()
        except OSError:
            pass
    return count


def links(d):
    fabric = next((d.run_dir / "ns").glob("fabric*"))
    return subprocess.run(["nsenter", f"--net={fabric}", "ip", "-o", "link"], capture_output=True,
                          text=True, check=True).stdout.count("\n")


def map_entries(d):
    """Entries of the pinned maps that the daemon writes (flows and counters come and go)."""
    counts = {}
    for path in sorted((d.run_dir / "bpf").rglob("*")):
        if path.name in ("flows", "drops", "nat_stats", "config", "scratch", "group_rules",
                         "acl_rules", "rule_hits") or not path.is_file():
            continue
        r = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", str(path)],
                           capture_output=True, text=True, check=False)
        if r.returncode == 0:
            counts[path.name] = len(json.loads(r.stdout))
    return counts


def state(d):
    return {
        "namespace files": len(list((d.run_dir / "ns").iterdir())),
        "links": links(d),
        "mounts": open("/proc/self/mountinfo").read().count(f" {d.run_dir}"),
        "processes": processes(d),
        "sandbox directories": len(list((d.run_dir / "sandboxes").iterdir()))
        if (d.run_dir / "sandboxes").exists() else 0,
        "log files": len(list((d.state_dir / "logs").iterdir())),
        "map entries": map_entries(d),
    }


def without_names(s):
    return {**s, "map entries": {k: n for k, n in s["map entries"].items() if k != "names"}}


def test_fifty_subnets_and_two_hundred_sandboxes_leave_nothing(make_daemon):
    d = make_daemon()
    # The first lab leaves one counter for each number space behind, once.
    fresh = state(d)
    d.up(topology(1))
    d.down("big")
    until(lambda: without_names(state(d)) == without_names(fresh), 30, "the first lab's end")
    before = state(d)
    assert before["map entries"], "no pinned map was found"
    d.up(topology())
    during = state(d)
    assert during["links"] >= before["links"] + SUBNETS * PER_SUBNET
    assert during["map entries"]["enis"] == before["map entries"]["enis"] + SUBNETS * PER_SUBNET
    assert sum(s["State"] == "running" for s in d.json("ps")) == SUBNETS * PER_SUBNET
    for i, j in ((1, 2), (49, 0), (7, 49)):
        assert d.pings(f"i{i}-0", f"10.0.{j}.13")
    assert d.pings("i3-0", "10.0.3.12")
    d.down("big")

    def left_over():
        now = state(d)
        return {k: (before[k], now[k]) for k in before if before[k] != now[k]}

    try:
        until(lambda: not left_over(), 30, "the state of before")
    except AssertionError:
        assert left_over() == {}

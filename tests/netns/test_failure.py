# SPDX-License-Identifier: MIT
"""Kernel steps that fail half way, and input that must change nothing."""

import json
import subprocess

import pytest

from conftest import allow_all, server, until


def topology(**instances):
    return {"Lab": "faulty", "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {name: {"Subnet": "v/a", "SecurityGroups": ["v/open"], **more}
                      for name, more in instances.items()}}


# The step and which of its calls fails: the second sandbox's, after the service namespace's own.
STEPS = ["netns.clone:4=ENOMEM", "netns.link_add:5=ENOMEM", "netns.bind:5=EIO"]


@pytest.mark.parametrize("fault", STEPS)
def test_a_failed_step_is_undone_reported_and_mended(make_daemon, fault):
    d = make_daemon(env={"VPCD_FAULT": fault})
    r = d.up(topology(one={}, two={"Command": server("two", "tcp:80")}), check=False)
    states = {s["Name"]: s for s in d.json("ps")}
    failed = [n for n, s in states.items() if s["State"] == "failed"]
    assert r.returncode == 1, r.stderr
    assert failed, states
    for name in failed:
        assert name in r.stdout + r.stderr
        shown = d.json("instance", "show", name)
        shown = shown[0] if isinstance(shown, list) else shown
        assert shown["StateReason"], shown
    # The next pass mends it.
    until(lambda: all(s["State"] in ("running", "stopped") for s in d.json("ps")), 30,
          "the mended state")
    d.wait_log("two", "serving")
    assert d.fetch("one", d.address("two")).startswith("two ")


def test_a_failed_commit_changes_nothing(make_daemon):
    d = make_daemon(env={"VPCD_FAULT": "model.commit:1=ENOSPC"})
    r = d.up(topology(one={}), check=False)
    assert r.returncode == 1
    assert "No space left" in r.stderr
    assert d.json("vpc", "list") == []
    d.up(topology(one={}))
    assert [s["Name"] for s in d.json("ps")] == ["one"]


BAD = {
    "wrong field": (lambda t: t["Vpcs"]["v"].update(Cidr="10.0.0.0/16"),
                    ["/Vpcs/v/Cidr", "CidrBlock"]),
    "overlap": (lambda t: t["Vpcs"]["v"]["Subnets"].update(b={"CidrBlock": "10.0.1.128/25"}),
                ["/Vpcs/v/Subnets/b", "InvalidSubnet.Conflict", "10.0.1.128/25"]),
    "subnet outside its VPC": (
        lambda t: t["Vpcs"]["v"]["Subnets"].update(b={"CidrBlock": "10.9.0.0/24"}),
        ["/Vpcs/v/Subnets/b", "InvalidSubnet.Range", "10.9.0.0/24"]),
    "address in use": (lambda t: t["Instances"].update(
        x={"Subnet": "v/a", "PrivateIpAddress": "10.0.1.9"},
        y={"Subnet": "v/a", "PrivateIpAddress": "10.0.1.9"}),
        ["/Instances/y", "InvalidIPAddress.InUse", "10.0.1.9"]),
    "unknown name": (lambda t: t["Instances"]["one"].update(SecurityGroups=["v/opne"]),
                     ["/Instances/one/SecurityGroups", "InvalidGroup.NotFound", "opne", "open"]),
    "missing reference": (lambda t: t["Instances"]["one"].update(Subnet="v/zz"),
                          ["/Instances/one/Subnet", "InvalidSubnetID.NotFound", "zz"]),
    "reserved address": (lambda t: t["Instances"]["one"].update(PrivateIpAddress="10.0.1.3"),
                         ["/Instances/one", "10.0.1.3", "reserved"]),
}


@pytest.fixture(scope="module")
def standing(vpcd):
    vpcd.up(topology(one={}))
    yield vpcd
    vpcd.down("faulty")


def everything(d):
    return d.ctl("export", "--canonical").stdout, d.json("status")["Revision"]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_names_what_is_wrong_and_changes_nothing(standing, what, tmp_path):
    change, expected = BAD[what]
    before = everything(standing)
    t = topology(one={})
    change(t)
    f = tmp_path / "bad.json"
    f.write_text(json.dumps(t, indent=2))
    r = standing.ctl("up", "-y", "-f", f, check=False)
    assert r.returncode == 2, r.stderr
    assert "bad.json:" in r.stderr
    for text in expected:
        assert text in r.stderr, r.stderr
    assert everything(standing) == before


def test_a_file_cut_in_half_names_line_and_column(standing, tmp_path):
    before = everything(standing)
    text = json.dumps(topology(one={}), indent=2)
    f = tmp_path / "half.json"
    f.write_text(text[:len(text) // 2])
    r = standing.ctl("up", "-y", "-f", f, check=False)
    assert r.returncode == 2
    assert "half.json:" in r.stderr
    assert everything(standing) == before


def test_all_faults_of_a_file_come_at_once(standing, tmp_path):
    t = topology(one={"SecurityGroups": ["v/nope"]}, two={"Subnet": "v/none"})
    t["Vpcs"]["v"]["Subnets"]["b"] = {"CidrBlock": "10.9.0.0/24"}
    f = tmp_path / "many.json"
    f.write_text(json.dumps(t, indent=2))
    r = standing.ctl("up", "-y", "-f", f, check=False)
    assert r.returncode == 2
    for code in ("InvalidGroup.NotFound", "InvalidSubnetID.NotFound", "InvalidSubnet.Range"):
        assert code in r.stderr


def test_vpcctl_without_a_daemon_says_how_to_start_one(tmp_path):
    from conftest import VPCCTL
    r = subprocess.run([VPCCTL, "--socket", str(tmp_path / "none.sock"), "ps"],
                       capture_output=True, text=True, check=False)
    assert r.returncode == 4
    assert "vpcd" in r.stderr and "start" in r.stderr

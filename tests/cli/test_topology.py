# SPDX-License-Identifier: MIT
"""diff, up, down, export, labs against a stand-in daemon."""

import json
import os
import pty
import signal
import subprocess
import threading

import pytest

from conftest import VPCCTL

FILE = '{ // a lab\n  "Lab": "shop",\n  "Vpcs": {"shop": {"CidrBlock": "10.0.0.0/16"}}\n}\n'
STEPS = [
    {"Op": "create", "Kind": "vpc", "Id": "", "Name": "shop", "Detail": ""},
    {"Op": "update", "Kind": "subnet", "Id": "subnet-1", "Name": "shop/a",
     "Detail": "MapPublicIpOnLaunch: false -> true"},
    {"Op": "replace", "Kind": "subnet", "Id": "subnet-2", "Name": "shop/b",
     "Detail": "CidrBlock is immutable"},
    {"Op": "delete", "Kind": "instance", "Id": "i-1", "Name": "old", "Detail": ""},
]
PLAN = """  + vpc shop
  ~ subnet shop/a (MapPublicIpOnLaunch: false -> true)
-/+ subnet shop/b (CidrBlock is immutable)
  - instance old
2 to add, 1 to change, 2 to delete
"""


@pytest.fixture
def lab(daemon, directory):
    """A daemon that plans STEPS for a file; .steps and .failed change its answers."""
    with open(f"{directory}/vpcd.json", "w") as f:
        f.write(FILE)
    daemon.steps, daemon.failed = STEPS, []

    def answer(query, body):
        return 200, {"Lab": "shop", "Revision": 8, "Steps": daemon.steps, "Failed": daemon.failed}

    daemon.routes["POST", "/v1/topology"] = daemon.routes["DELETE", "/v1/topology"] = answer
    daemon.routes["GET", "/v1/status"] = (200, {"Revision": 7})
    daemon.routes["GET", "/v1/events"] = (200, b"")
    return daemon


def test_diff_prints_the_plan_and_exits_1(vpcctl, lab, directory):
    done = vpcctl("diff")
    assert (done.returncode, done.stdout) == (1, PLAN)
    (_, _, query, body), = lab.sent("POST")
    assert query == {"prune": "1", "dry_run": "1", "Directory": os.path.realpath(directory),
                     "Lab": "shop"}
    assert body == FILE


def test_diff_without_difference_exits_0(vpcctl, lab):
    lab.steps = []
    done = vpcctl("diff", "-f", "vpcd.json")
    assert (done.returncode, done.stdout) == (0, "0 to add, 0 to change, 0 to delete\n")


def test_up_plans_then_acts(vpcctl, lab):
    done = vpcctl("up")
    assert (done.returncode, done.stdout) == (0, PLAN)
    assert done.stderr == "shop: revision 8 applied\n"
    assert [r[2].get("dry_run") for r in lab.sent("POST")] == ["1", None]


def test_up_dry_run_only_plans(vpcctl, lab):
    assert vpcctl("up", "--dry-run").stdout == PLAN
    assert [r[2].get("dry_run") for r in lab.sent("POST")] == ["1"]


def test_up_names_failed_objects_and_exits_1(vpcctl, lab):
    lab.failed = [{"Kind": "nat-gateway", "Id": "nat-1", "Name": "shop/nat", "Reason": "no igw"}]
    done = vpcctl("up")
    assert done.returncode == 1
    assert "nat-gateway shop/nat failed: no igw" in done.stderr


def test_lab_comes_from_flag_or_environment(vpcctl, lab):
    vpcctl("up", "--dry-run", "-p", "red", VPCD_LAB="blue")
    vpcctl("up", "--dry-run", VPCD_LAB="blue")
    assert [r[2].get("Lab") for r in lab.sent("POST")] == ["red", "blue"]


def test_a_file_without_a_lab_is_of_its_directorys_for_all_verbs(vpcctl, lab, directory):
    with open(directory + "/plain.json", "w") as f:
        f.write('{"Vpcs": {}}')
    for verb in (["up", "--dry-run"], ["diff"], ["down", "--dry-run"]):
        vpcctl(*verb, "-f", "plain.json")
    assert {r[2].get("Lab") for r in lab.sent("POST") + lab.sent("DELETE")} == {
        directory.rsplit("/", 1)[1]}


def test_adoption_is_asked_for(vpcctl, lab):
    for verb in (["up", "--dry-run"], ["diff"]):
        vpcctl(*verb, "--adopt")
        vpcctl(*verb)
    assert [r[2].get("adopt") for r in lab.sent("POST")] == ["1", None, "1", None]


def test_up_prints_events_while_it_waits(vpcctl, lab):
    def events(query, body):
        assert (query["since"], query["watch"], query["Lab"]) == ("7", "1", "shop")
        return 200, b'{"Kind": "instance", "Name": "web", "Type": "status", "State": "running"}\n' \
            b'{"Kind": "instance", "Name": "db", "Type": "deleted", "State": "running"}\n'

    def change(query, body):
        if "dry_run" not in query:
            assert lab.answered["/v1/events"].wait(30)
        return 200, {"Lab": "shop", "Revision": 8, "Steps": [], "Failed": []}

    lab.routes["GET", "/v1/events"] = events
    lab.routes["POST", "/v1/topology"] = change
    said = vpcctl("up").stderr
    assert "[1] instance web: running\n" in said and "[2] instance db: deleted\n" in said


def test_faults_of_the_file_have_places_and_exit_2(vpcctl, lab):
    lab.routes["POST", "/v1/topology"] = (422, {"Error": {
        "Code": "InvalidSubnet.Range", "Message": "2 faults", "Errors": [
            {"Code": "InvalidVpcRange", "Message": "too wide", "Pointer": "/Vpcs/shop/CidrBlock",
             "Line": 3, "Column": 35},
            {"Code": "UnknownParameter", "Message": "no Cidr", "Pointer": "/Vpcs/shop"}]}})
    done = vpcctl("up")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "vpcd.json:3:35: /Vpcs/shop/CidrBlock: InvalidVpcRange: too wide",
        "vpcd.json:3:20: /Vpcs/shop: UnknownParameter: no Cidr"]


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_refused_file_exits_2(vpcctl, lab, status):
    lab.routes["POST", "/v1/topology"] = (status, {"Error": {"Code": "C", "Message": "m"}})
    assert vpcctl("up").returncode == 2


def test_cut_json_is_named_before_anything_is_sent(vpcctl, lab):
    done = vpcctl("up", "-f", "-", stdin='{"Lab": "x",\n  "Vpcs": {')
    assert done.returncode == 2
    assert done.stderr.startswith("<stdin>:2:12: MalformedJSON: ")
    assert not lab.requests


def test_several_files_are_merged_and_faults_go_back_to_theirs(vpcctl, lab, directory):
    with open(f"{directory}/more.json", "w") as f:
        f.write('{"Instances": {"web": {"Subnet":\n "none"}}}')
    lab.routes["POST", "/v1/topology"] = (422, {"Error": {
        "Code": "C", "Message": "m", "Errors": [
            {"Code": "A", "Message": "x", "Pointer": "/Instances/web/Subnet"},
            {"Code": "B", "Message": "y", "Pointer": "/Vpcs/shop/Nonsense"}]}})
    done = vpcctl("up", "-f", "vpcd.json", "-f", "more.json")
    assert json.loads(lab.sent("POST")[0][3]) == {
        "Lab": "shop", "Vpcs": {"shop": {"CidrBlock": "10.0.0.0/16"}},
        "Instances": {"web": {"Subnet": "none"}}}
    assert done.stderr.splitlines() == ["more.json:2:2: /Instances/web/Subnet: A: x",
                                        "vpcd.json:3:20: /Vpcs/shop/Nonsense: B: y"]


def test_down_needs_no_file_with_a_lab(vpcctl, lab, directory):
    os.unlink(f"{directory}/vpcd.json")
    assert vpcctl("down", "-p", "shop").returncode == 0
    assert [r[2].get("Lab") for r in lab.sent("DELETE")] == ["shop", "shop"]
    assert vpcctl("down").returncode == 2


def test_down_takes_the_lab_of_the_file(vpcctl, lab):
    assert vpcctl("down", "--dry-run").returncode == 0
    assert lab.sent("DELETE")[0][2] == {"Lab": "shop", "dry_run": "1"}


def test_json_prints_the_answer_once(vpcctl, lab):
    assert vpcctl("up", "-o", "json").json()["Revision"] == 8
    assert vpcctl("diff", "-o", "json").json()["Steps"] == STEPS


def on_a_terminal(environment, directory, typed, *args):
    """Runs vpcctl with a terminal; returns its exit code and everything it wrote there."""
    master, slave = pty.openpty()
    child = subprocess.Popen([VPCCTL, *args], stdin=slave, stdout=slave, stderr=slave,
                             env=dict(environment, TERM="dumb"), cwd=directory,
                             start_new_session=True)
    os.close(slave)
    os.write(master, typed)
    out = b""
    while True:
        try:
            out += os.read(master, 4096)
        except OSError:
            break
    os.close(master)
    return child.wait(), out.decode()


def test_terminal_is_asked_before_deleting(environment, directory, lab):
    code, out = on_a_terminal(environment, directory, b"n\n", "up")
    assert code == 1 and "Delete or replace 2 objects?" in out and "nothing was changed" in out
    assert len(lab.sent("POST")) == 1
    code, out = on_a_terminal(environment, directory, b"y\n", "up")
    assert code == 0 and len(lab.sent("POST")) == 3
    code, out = on_a_terminal(environment, directory, b"", "up", "-y")
    assert code == 0 and "Delete or replace" not in out


@pytest.mark.parametrize("revision,message", [(9, "committed (revision 9)"),
                                              (7, "nothing was changed")])
def test_interrupt_says_whether_it_committed(environment, directory, lab, revision, message):
    under_way, release = threading.Event(), threading.Event()

    def change(query, body):
        if "dry_run" not in query:
            lab.routes["GET", "/v1/status"] = (200, {"Revision": revision})
            under_way.set()
            release.wait(30)
        return 200, {"Lab": "shop", "Revision": 9, "Steps": [], "Failed": []}

    lab.routes["POST", "/v1/topology"] = change
    child = subprocess.Popen([VPCCTL, "up"], env=environment, cwd=directory, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert under_way.wait(30)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    release.set()
    assert child.returncode == 130
    assert message in err


def test_export_prints_the_file(vpcctl, daemon):
    daemon.routes["GET", "/v1/topology"] = (200, {"Lab": "shop", "Vpcs": {}})
    done = vpcctl("export", "-p", "shop", "--canonical")
    assert done.json() == {"Lab": "shop", "Vpcs": {}}
    assert daemon.requests[0][2] == {"Lab": "shop", "canonical": "1"}


def test_labs_are_listed(vpcctl, daemon):
    daemon.routes["GET", "/v1/labs"] = (200, {"Items": [
        {"Lab": "shop", "Objects": 23, "Sandboxes": 4}]})
    assert vpcctl("labs").stdout.split() == ["LAB", "OBJECTS", "SANDBOXES", "shop", "23", "4"]
    assert vpcctl("labs", "--filter", "lab=x*", "-q").stdout == ""
    assert vpcctl("labs", "-q").stdout == "shop\n"

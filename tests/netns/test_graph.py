# SPDX-License-Identifier: MIT
"""vpcctl graph over examples/functions.json, on the daemon's own answers."""

import json
import subprocess
import xml.etree.ElementTree as ET

import pytest

from conftest import ROOT

LAB = """\
vpc shop  10.0.0.0/16
├─ internet-gateway igw  → internet
├─ subnet public  10.0.0.0/24 us-east-1a  0.0.0.0/0 → igw
│  ├─ nat-gateway nat  10.0.0.4 198.51.100.10
│  └─ instance web  10.0.0.5 198.51.100.20
├─ subnet private-a  10.0.1.0/24 us-east-1a  0.0.0.0/0 → nat
│  └─ function orders  10.0.1.4
└─ subnet private-b  10.0.2.0/24 us-east-1b  0.0.0.0/0 → nat
   └─ instance db  10.0.2.10
vpc other  10.0.0.0/16
└─ subnet a  10.0.2.0/24 us-east-1a
   ├─ instance intruder  10.0.2.10
   └─ instance bystander  10.0.2.4
internet
├─ internet-host www.example.com  203.0.113.80
└─ internet-host visitor.example.com  203.0.113.90
"""


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.ctl("up", "-y", "-f", ROOT / "examples" / "functions.json")
    yield vpcd
    vpcd.down("functions")


def test_the_tree_shows_what_lies_where_and_where_routes_lead(net):
    assert net.ctl("graph").stdout == LAB


def test_json_names_every_object_once_and_edges_have_ends(net):
    g = json.loads(net.ctl("graph", "--format", "json").stdout)
    ids = [n["Id"] for n in g["Nodes"]]
    assert len(set(ids)) == len(ids) == 16
    assert {i for e in g["Edges"] for i in (e["From"], e["To"])} <= set(ids)
    assert all(n["Parent"] in ids for n in g["Nodes"] if "Parent" in n)
    names = {n["Id"]: n["Name"] for n in g["Nodes"]}
    assert {(names[e["From"]], names[e["To"]]) for e in g["Edges"]} == {
        ("public", "igw"), ("private-a", "nat"), ("private-b", "nat"), ("igw", "internet")}


def test_graphviz_lays_the_picture_out(net):
    root = ET.fromstring(net.ctl("graph", "--format", "svg").stdout)
    words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    for word in ("shop", "orders", "nat", "10.0.2.10", "igw", "www.example.com", "0.0.0.0/0"):
        assert word in words, word


def test_odd_names_stay_text(net):
    net.ctl("subnet", "create", "--name", 'a"b\\n', "--vpc-id", "other", "--cidr-block",
            "10.0.9.0/24")
    try:
        dot = net.ctl("graph", "--format", "dot").stdout
        r = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        svg = ET.fromstring(net.ctl("graph", "--format", "svg").stdout)
        assert 'a"b\\n' in list(svg.itertext())
    finally:
        net.ctl("delete", 'a"b\\n')


def test_a_lab_may_be_drawn_alone(net):
    net.up({"Lab": "second", "Vpcs": {"v": {"CidrBlock": "10.9.0.0/16"}}})
    try:
        assert net.ctl("graph", "-p", "second").stdout == "vpc v  10.9.0.0/16\ninternet\n"
        assert "vpc v " in net.ctl("graph").stdout
    finally:
        net.down("second")


def test_reach_draws_who_may_talk_to_whom(net):
    g = json.loads(net.ctl("graph", "--format", "json", "--reach", "5432/tcp").stdout)
    names = {n["Id"]: n["Name"] for n in g["Nodes"]}
    assert all(e["Kind"] == "reach" for e in g["Edges"])
    edges = {(names[e["From"]], names[e["To"]]) for e in g["Edges"]}
    public = {"www.example.com", "visitor.example.com", "internet"}
    assert edges == {("orders", "db")} | {(a, b) for a in ("orders", "web", *public) for b in public
                                          if a != b} | {("intruder", "bystander"),
                                                        ("bystander", "intruder")}
    assert "orders  10.0.1.4  → db" in net.ctl("graph", "--reach", "5432").stdout
    svg = net.ctl("graph", "--reach", "80/tcp", "--format", "svg").stdout
    assert ET.fromstring(svg).tag.endswith("svg")


def test_usage(net):
    for port in ("any", "http", "", "80/sctp"):
        assert net.ctl("graph", "--reach", port, check=False).returncode == 1
    assert net.ctl("graph", "--format", "gif", check=False).returncode == 2

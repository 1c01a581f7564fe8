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


def words(svg):
    return sorted(t.text.strip() for t in
                  ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def test_the_picture_of_the_readme_is_what_the_demo_draws(net):
    assert words((ROOT / "docs" / "lab.svg").read_text()) == words(
        net.ctl("graph", "--format", "svg").stdout)


@pytest.mark.parametrize("name", ['a"b\\n', "<b>&amp;", "ä" * 100, "]]>", "--x"])
def test_odd_names_stay_text(net, name):
    net.ctl("subnet", "create", f"--name={name}", "--vpc-id", "other", "--cidr-block",
            "10.0.9.0/24")
    try:
        dot = net.ctl("graph", "--format", "dot").stdout
        r = subprocess.run(["dot", "-Tplain"], input=dot, capture_output=True, text=True)
        assert (r.returncode, r.stderr) == (0, "")
        shown = name if len(name) < 48 else name[:24] + "…"  # a name's beginning, whole letters
        assert shown in words(net.ctl("graph", "--format", "svg").stdout)
        assert f"subnet {name} " in net.ctl("graph").stdout
    finally:
        net.ctl("subnet", "delete", "--", name)


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


POLICY = {
    "subnet public": "0.0.0.0/0, ::/0 → igw  10.9.0.0/16 → shop-data  offices → fw",
    "subnet private": "0.0.0.0/0 → nat  ::/0 → eigw  10.0.0.0/16, 10.0.0.0/24 → fw",
    "subnet db": "10.0.0.0/16 → shop-data",
    "internet-gateway igw": "10.0.0.0/24 → fw  → internet",
    "vpc data": "10.9.0.0/16 2001:db8:1fff:ff00::/56",
    "vpc-peering-connection shop-data": "active  → data",
    "internet-host www.example.com": "203.0.113.80 2001:db8:80::80",
}


@pytest.fixture
def everything(make_daemon):
    d = make_daemon()
    d.ctl("up", "-y", "-f", ROOT / "examples" / "everything.json")
    return d


def test_ingress_tables_prefix_lists_peerings_and_ipv6_are_drawn(everything):
    lines = everything.ctl("graph").stdout.splitlines()
    for start, end in POLICY.items():
        assert any(start + "  " in line and line.endswith(end) for line in lines), (start, lines)
    svg = words(everything.ctl("graph", "--format", "svg").stdout)
    assert {"offices", "fw", "2001:db8:1000::/56", "active"} <= set(svg) | {
        w for text in svg for w in text.split()}
    everything.ctl("instance", "delete", "fw")  # routes to it are blackholes now, and have no end
    assert "fw" not in everything.ctl("graph").stdout
    everything.ctl("pcx", "delete", "shop-data")
    assert "→ shop-data" not in everything.ctl("graph").stdout


def test_a_route_to_what_takes_no_packets_is_a_blackhole(net, lab):
    lab({"Lab": "dead", "Vpcs": {
        "x": {"CidrBlock": "10.20.0.0/16", "Subnets": {"s": {"CidrBlock": "10.20.0.0/24",
                                                             "RouteTable": "t"}},
              "RouteTables": {"t": {"Routes": {"10.21.0.0/16": "x-y"}}}},
        "y": {"CidrBlock": "10.21.0.0/16"}},
        "VpcPeeringConnections": {"x-y": {"Vpc": "x", "PeerVpc": "y", "Accept": False}}})
    assert "10.21.0.0/16 → x-y (blackhole)" in net.ctl("graph", "-p", "dead").stdout
    edges = json.loads(net.ctl("graph", "-p", "dead", "--format", "json").stdout)["Edges"]
    assert [e["Label"] for e in edges if e["Kind"] == "blackhole"] == ["10.21.0.0/16"]


def test_many_sandboxes_that_are_alike_are_one_node_of_a_picture(net, lab):
    def some(n, group):
        return {f"{group}-{i:02}": {"Subnet": "m/s", "SecurityGroups": [f"m/{group}"]}
                for i in range(n)}

    lab({"Lab": "many", "Vpcs": {"m": {
        "CidrBlock": "10.30.0.0/16", "Subnets": {"s": {"CidrBlock": "10.30.0.0/24"}},
        "SecurityGroups": {"front": {}, "back": {"Ingress": ["tcp 80 from front"]},
                           "mesh": {"Ingress": ["tcp 80 from mesh"]}}}},
        "Instances": {**some(9, "front"), **some(9, "back"), **some(9, "mesh")}})
    svg = net.ctl("graph", "-p", "many", "--reach", "80", "--format", "svg").stdout
    assert {"front-00 … front-08", "back-00 … back-08", "mesh-00 … mesh-08", "×9"} <= set(words(svg))
    edges = [t.text for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")
             if "->" in (t.text or "")]
    ids = {s["Name"]: s["Id"] for s in net.json("ps")}
    assert {tuple(e.split("->")) for e in edges if "internet" not in e} == {
        (ids["front-00"], ids["back-00"]), (ids["mesh-00"], ids["mesh-00"])}
    g = json.loads(net.ctl("graph", "-p", "many", "--reach", "80", "--format", "json").stdout)
    assert len(g["Edges"]) == 9 * 9 + 9 * 8  # every pair


def test_usage(net):
    for port in ("any", "http", "", "80/sctp"):
        assert net.ctl("graph", "--reach", port, check=False).returncode == 1
    assert net.ctl("graph", "--format", "gif", check=False).returncode == 2

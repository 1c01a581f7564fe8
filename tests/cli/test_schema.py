# SPDX-License-Identifier: MIT
"""vpcctl schema: the topology file's JSON Schema says what vpcctl validate says, as far as it can."""

import copy
import json
import pathlib
import re
import subprocess

import jsonschema
import pytest

from conftest import VPCCTL

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples"
COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.S)


def run(*args):
    return subprocess.run([VPCCTL, *map(str, args)], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator, document):
    return ["/".join(map(str, e.absolute_path)) for e in validator.iter_errors(document)]


def accepted(document, tmp_path):
    f = tmp_path / "lab.json"
    f.write_text(json.dumps(document))
    r = run("validate", "-f", f)
    assert r.returncode in (0, 2), r
    return r.returncode == 0


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda p: p.name)
def test_the_examples_are_valid(validator, path):
    assert faults(validator, json.loads(COMMENT.sub(lambda m: m[1] or "", path.read_text()))) == []


LAB = {
    "$schema": "vpcd.schema.json", "Lab": "a b",
    "Vpcs": {"v": {
        "CidrBlock": "10.0.0.0/16", "Ipv6CidrBlock": "auto", "InternetGateway": "igw",
        "EnableDnsHostnames": True, "Tags": {"Team": "pay"},
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24", "RouteTable": "t", "NetworkAcl": "n"},
                    "b": {"CidrBlock": "10.0.2.0/24", "Ipv6CidrBlock": "auto"}},
        "RouteTables": {"t": {"Routes": {"0.0.0.0/0": "igw"}}, "m": {"Main": True, "Routes": [
            {"DestinationCidrBlock": "10.9.0.0/16", "VpcPeeringConnectionId": "v-w"}]}},
        "NatGateways": {"nat": {"Subnet": "a", "PublicIp": "auto"}},
        "SecurityGroups": {"g": {"Ingress": ["tcp 80-90 from 0.0.0.0/0", "icmp 3/4 from g",
                                             {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                                              "ReferencedGroupId": "g"}],
                                 "Egress": ["all to ::/0", "17 to pl:offices"]}},
        "NetworkAcls": {"n": {"Entries": ["100 allow tcp 80 from 0.0.0.0/0",
                                          {"RuleNumber": 110, "RuleAction": "deny",
                                           "Protocol": "all", "CidrBlock": "10.0.0.0/8"}]}}},
        "w": {"CidrBlock": "10.9.0.0/16"}},
    "VpcPeeringConnections": {"v-w": {"Vpc": "v", "PeerVpc": "w"}},
    "PrefixLists": {"offices": {"Entries": ["192.0.2.0/24", {"Cidr": "198.51.100.0/24"}],
                                "MaxEntries": 4}},
    "ElasticIps": {"e": {}},
    "Instances": {"i": {"Subnet": "v/a", "ElasticIp": "e", "Command": ["sleep", "9"],
                        "Environment": {"A": "b"}, "SecurityGroups": ["g"]}},
    "Functions": {"f": {"Subnets": ["v/a", "v/b"]}},
    "InternetHosts": {"www.example.com": {"Address": "203.0.113.9", "PacketLossPercent": 5}},
    "HostedZones": {"z.test": {"Vpcs": ["v"], "Records": {
        "db A": "@i", "x A": ["10.0.0.1", "10.0.0.2"], "w A one": {"Weight": 3, "Values": ["10.0.0.3"]}}}},
    "Tests": [{"from": "!i", "to": "f:any", "expect": "deny"},
              {"from": "i", "to": "f", "port": 80, "proto": "tcp", "expect": "allow"}],
}


def test_every_form_is_valid_in_both(validator, tmp_path):
    assert faults(validator, LAB) == []
    assert accepted(LAB, tmp_path)


WRONG = [
    ("Vpc", {}, ""),
    ("Vpcs", [], "Vpcs"),
    ("Vpcs/v/Cidr", "10.0.0.0/16", "Vpcs/v"),
    ("Vpcs/v/CidrBlock", "10.0.0.0", "Vpcs/v/CidrBlock"),
    ("Vpcs/v/CidrBlock", None, "Vpcs/v"),
    ("Vpcs/v/EnableDnsHostnames", "yes", "Vpcs/v/EnableDnsHostnames"),
    ("Vpcs/v/InternetGateway", True, "Vpcs/v/InternetGateway"),
    ("Vpcs/v/Tags", {"Team": 3}, "Vpcs/v/Tags/Team"),
    ("Vpcs/v/Subnets/a/RouteTables", "t", "Vpcs/v/Subnets/a"),
    ("Vpcs/v/Subnets/a/CidrBlock", None, "Vpcs/v/Subnets/a"),
    ("Vpcs/v/RouteTables/t/Routes", {"0.0.0.0/0": 3}, "Vpcs/v/RouteTables/t/Routes"),
    ("Vpcs/v/SecurityGroups/g/Ingress", "tcp 80 from g", "Vpcs/v/SecurityGroups/g/Ingress"),
    ("Vpcs/v/SecurityGroups/g/Ingress/0", "tcp 80 to g", "Vpcs/v/SecurityGroups/g/Ingress/0"),
    ("Vpcs/v/SecurityGroups/g/Ingress/0", "tpc 80 from g", "Vpcs/v/SecurityGroups/g/Ingress/0"),
    ("Vpcs/v/SecurityGroups/g/Ingress/2", {"IpProtocol": "tcp", "Port": 22},
     "Vpcs/v/SecurityGroups/g/Ingress/2"),
    ("Vpcs/v/NetworkAcls/n/Entries/0", "allow tcp 80 from 0.0.0.0/0",
     "Vpcs/v/NetworkAcls/n/Entries/0"),
    ("Vpcs/v/NatGateways/nat/ConnectivityType", "secret", "Vpcs/v/NatGateways/nat/ConnectivityType"),
    ("PrefixLists/offices/MaxEntries", "4", "PrefixLists/offices/MaxEntries"),
    ("Instances/i/Subnet", None, "Instances/i"),
    ("Instances/i/Command", "sleep 9", "Instances/i/Command"),
    ("Instances/i/PrivateIpAddress", "ten", "Instances/i/PrivateIpAddress"),
    ("Instances/i/State", "running", "Instances/i"),
    ("InternetHosts/www.example.com/PacketLossPercent", 101,
     "InternetHosts/www.example.com/PacketLossPercent"),
    ("HostedZones/z.test/Records", {"db": "10.0.0.1"}, "HostedZones/z.test/Records"),
    ("Tests", {}, "Tests"),
]


@pytest.mark.parametrize("path,value,at", WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_what_is_wrong_is_wrong_in_both(validator, tmp_path, path, value, at):
    document = copy.deepcopy(LAB)
    *parents, last = path.split("/")
    place = document
    for key in parents:
        place = place[int(key) if isinstance(place, list) else key]
    if value is None:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    found = faults(validator, document)
    assert any(f.startswith(at) for f in found) and len(found) == 1, found
    assert not accepted(document, tmp_path)


@pytest.mark.parametrize("test", [{"from": "a", "to": "b"}, {"from": "a", "expect": "deny"},
                                  {"from": "a", "to": "b", "expect": "maybe"},
                                  {"from": "a", "to": "b", "expect": "deny", "prot": "tcp"}])
def test_assertions_have_a_schema_too(validator, test):
    assert faults(validator, {**LAB, "Tests": [test]})


def test_a_kinds_schema(validator):
    schema = json.loads(run("schema", "subnet").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    v = jsonschema.Draft202012Validator(schema)
    assert not list(v.iter_errors({"VpcId": "v", "CidrBlock": "10.0.0.0/24"}))
    assert list(v.iter_errors({"VpcId": "v"}))
    assert schema["properties"]["MapPublicIpOnLaunch"]["default"] is False


def test_usage():
    assert run("schema", "subnets").returncode == 0
    assert run("schema", "nothing").returncode == 3
    assert run("schema", "vpc", "subnet").returncode == 2

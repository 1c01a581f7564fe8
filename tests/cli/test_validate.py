# SPDX-License-Identifier: MIT
"""vpcctl validate: the real model, no daemon, every fault with its place."""

import json

import pytest

LAB = {
    "Lab": "shop",
    "Vpcs": {"shop": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"public": {"CidrBlock": "10.0.0.0/24", "RouteTable": "public"},
                    "private": {"CidrBlock": "10.0.1.0/24"}},
        "NatGateways": {"nat": {"Subnet": "public", "PublicIp": "198.51.100.10"}},
        "RouteTables": {"public": {"Routes": {"0.0.0.0/0": "igw"}}},
        "SecurityGroups": {"web": {"Ingress": ["tcp 80 from 0.0.0.0/0"]}},
    }},
    "Instances": {"web": {"Subnet": "shop/public", "SecurityGroups": ["web"]}},
}


@pytest.fixture
def validate(vpcctl):
    def run(document, *args, **kwargs):
        text = document if isinstance(document, str) else json.dumps(document, indent=1)
        return vpcctl("validate", "-f", "-", *args, stdin=text, **kwargs)
    return run


def changed(path, value):
    """LAB with one value replaced; the path's names are separated by /."""
    lab = json.loads(json.dumps(LAB))
    *parents, last = path.split("/")
    at = lab
    for name in parents:
        at = at[name]
    at[last] = value
    return lab


def test_valid_file_is_counted(validate):
    done = validate(LAB)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<stdin>: valid: lab shop, ")


def test_lab_is_the_flag_the_file_or_the_directory(validate, vpcctl, directory):
    assert "lab red," in validate(LAB, "-p", "red").stdout
    assert "lab blue," in validate(LAB, VPCD_LAB="blue").stdout
    assert f"lab {directory.rsplit('/', 1)[1]}," in validate("{}").stdout


@pytest.mark.parametrize("path,value,pointer,code", [
    ("Vpcs/shop/Cidr", "10.0.0.0/16", "/Vpcs/shop/Cidr", None),
    ("Vpcs/shop/CidrBlock", "10.0.0.0/8", "/Vpcs/shop/CidrBlock", "InvalidVpc"),
    ("Vpcs/shop/CidrBlock", "ten", "/Vpcs/shop/CidrBlock", "InvalidParameterValue"),
    ("Vpcs/shop/Subnets/private/CidrBlock", "10.0.0.128/25",
     "/Vpcs/shop/Subnets/private", "InvalidSubnet.Conflict"),
    ("Vpcs/shop/Subnets/private/CidrBlock", "10.1.0.0/24",
     "/Vpcs/shop/Subnets/private", "InvalidSubnet.Range"),
    ("Vpcs/shop/Subnets/private/RouteTable", "none",
     "/Vpcs/shop/Subnets/private/RouteTable", "InvalidRouteTableID.NotFound"),
    ("Instances/web/Subnet", "shop/none", "/Instances/web/Subnet", "InvalidSubnetID.NotFound"),
    ("Vpcs/shop/SecurityGroups/web/Ingress", ["tcp 80 form x"],
     "/Vpcs/shop/SecurityGroups/web/Ingress/0", None),
])
def test_fault_names_place_and_code(validate, path, value, pointer, code):
    document = changed(path, value)
    done = validate(document)
    assert done.returncode == 2
    assert done.stdout == ""
    first = done.stderr.splitlines()[0]
    place, where, error, _ = first.split(": ", 3)
    assert place.startswith("<stdin>:")
    assert where.startswith(pointer)
    assert error.startswith(code or "")
    # The line of the file is the one that has the value's key, or opens the object at fault.
    line = json.dumps(document, indent=1).splitlines()[int(place.split(":")[1]) - 1]
    assert where.rsplit("/", 1)[1] in line or where.rsplit("/", 2)[1] in line or '"tcp' in line


def test_all_faults_are_listed(validate):
    lab = changed("Vpcs/shop/Subnets/private/CidrBlock", "10.1.0.0/24")
    lab["Instances"]["web"]["Subnet"] = "none"
    done = validate(lab)
    assert done.returncode == 2
    assert "/Vpcs/shop/Subnets/private" in done.stderr and "/Instances/web/Subnet" in done.stderr


@pytest.mark.parametrize("text", ['{"Lab": "x", "Vpcs": {', "", "[]", '{"Lab": "a", "Lab": "b"}',
                                  '{"Lab": 7}', '{"Vpcs": []}'])
def test_malformed_files_exit_2(validate, text):
    done = validate(text)
    assert done.returncode == 2
    assert "<stdin>" in done.stderr


def test_unknown_key_gets_a_suggestion(validate):
    done = validate(changed("Vpcs/shop/CidrBlok", "10.0.0.0/16"))
    assert "CidrBlock" in done.stderr


def test_json_verdict(validate):
    good = validate(LAB, "-o", "json").json()
    assert good["Valid"] is True and good["Errors"] == []
    done = validate(changed("Instances/web/Subnet", "none"), "-o", "json")
    assert done.returncode == 2
    fault, = done.json()["Errors"]
    assert fault["Pointer"].startswith("/Instances/web") and fault["Line"] > 1

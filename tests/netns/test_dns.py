# SPDX-License-Identifier: MIT
"""The resolver at +2 and 169.254.169.253, by dig and getaddrinfo.

    two VPCs, both 10.0.0.0/16, both with sandbox `db` and a private zone shop.test
"""

import pytest

from conftest import PYTHON, allow_all, server


@pytest.fixture(scope="module")
def names(vpcd):
    def vpc():
        return {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True, "InternetGateway": "igw",
                "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
                "SecurityGroups": {"open": allow_all()}}

    one, two = vpc(), vpc()
    two["InternetGateway"] = "igw2"
    vpcd.up({"Lab": "names", "Vpcs": {"one": one, "two": two}, "Instances": {
        "ask1": {"Subnet": "one/a", "SecurityGroups": ["one/open"]},
        "ask2": {"Subnet": "two/a", "SecurityGroups": ["two/open"]},
        "db": {"Subnet": "one/a", "PrivateIpAddress": "10.0.1.50", "SecurityGroups": ["one/open"],
               "Command": server("db of one", "tcp:80")},
        "cache": {"Subnet": "two/a", "PrivateIpAddress": "10.0.1.50",
                  "SecurityGroups": ["two/open"]}},
        "HostedZones": {
            "shop.test": {"Vpcs": ["one"], "Records": {
                "db A": "@db", "pg CNAME": "db.shop.test", "hello TXT": "\"from one\""}},
            "other.test": {"Vpcs": ["two"], "Records": {"db A": "10.0.1.77"}}},
        "InternetHosts": {"www.example.com": {"Address": "203.0.113.80",
                                              "Command": server("www", "tcp:80")}}})
    vpcd.wait_log("db", "serving")
    yield vpcd
    vpcd.down("names")


def dig(vpcd, sandbox, *args):
    return vpcd.exec(sandbox, "dig", "+short", "+tries=2", "+time=3", *args).stdout.split("\n")[:-1]


def status(vpcd, sandbox, *args):
    out = vpcd.exec(sandbox, "dig", "+tries=2", "+time=3", *args).stdout
    return out.split("status: ")[1].split(",")[0]


@pytest.mark.parametrize("resolver", ["10.0.0.2", "169.254.169.253"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_names_of_interfaces_forward_and_reverse(names, resolver, transport):
    at = [f"@{resolver}", transport]
    assert dig(names, "ask1", *at, "ip-10-0-1-50.ec2.internal") == ["10.0.1.50"]
    assert dig(names, "ask1", *at, "db.ec2.internal") == ["10.0.1.50"]
    assert dig(names, "ask1", *at, "-x", "10.0.1.50") == ["ip-10-0-1-50.ec2.internal."]
    assert dig(names, "ask1", *at, "db.shop.test") == ["10.0.1.50"]
    assert dig(names, "ask1", *at, "pg.shop.test") == ["db.shop.test.", "10.0.1.50"]
    assert dig(names, "ask1", *at, "hello.shop.test", "TXT") == ['"from one"']


def test_each_vpc_gets_its_own_answers(names):
    assert dig(names, "ask2", "cache.ec2.internal") == ["10.0.1.50"]
    assert status(names, "ask2", "db.ec2.internal") == "NXDOMAIN"
    assert status(names, "ask1", "cache.ec2.internal") == "NXDOMAIN"
    assert status(names, "ask2", "db.shop.test") == "NXDOMAIN"
    assert dig(names, "ask2", "db.other.test") == ["10.0.1.77"]


def test_other_names_come_from_the_public_server(names):
    for transport in ("+notcp", "+tcp"):
        assert dig(names, "ask1", transport, "www.example.com") == ["203.0.113.80"]
    assert dig(names, "www.example.com", "@203.0.113.53", "www.example.com") == ["203.0.113.80"]
    assert status(names, "ask1", "nowhere.example.com") == "NXDOMAIN"


def test_ordinary_programs_find_names(names):
    assert names.fetch("ask1", "db").startswith("db of one")
    code = "import socket; print(socket.gethostbyname('db.shop.test'))"
    assert names.exec("ask1", PYTHON, "-c", code).stdout.strip() == "10.0.1.50"
    assert names.exec("ask1", "getent", "hosts", "db").stdout.split()[0] == "10.0.1.50"


def test_names_follow_changes(names):
    names.ctl("instance", "create", "--name", "late", "--subnet-id", "one/a",
              "--private-ip-address", "10.0.1.60")
    assert dig(names, "ask1", "late.ec2.internal") == ["10.0.1.60"]
    names.ctl("instance", "delete", "late")
    assert status(names, "ask1", "late.ec2.internal") == "NXDOMAIN"


def test_rules_never_filter_the_resolver(names):
    names.ctl("sg", "create", "--group-name", "closed", "--name", "closed", "--vpc-id", "one",
              "--description", "closed")
    for rule in names.json("security-group-rule", "list", "--filter", "group-id=closed"):
        names.ctl("security-group-rule", "delete", rule["SecurityGroupRuleId"])
    names.ctl("instance", "create", "--name", "shut", "--subnet-id", "one/a",
              "--security-group-ids", "closed")
    try:
        assert dig(names, "shut", "db.ec2.internal") == ["10.0.1.50"]
        assert names.fetch("shut", "10.0.1.50", timeout=2) is None
    finally:
        names.ctl("instance", "delete", "shut")
        names.ctl("sg", "delete", "closed")


def test_dns_support_switched_off_is_silence(names):
    names.ctl("vpc", "set", "two", "--enable-dns-support", "false", "--enable-dns-hostnames",
              "false")
    try:
        r = names.exec("ask2", "dig", "+tries=1", "+time=1", "@10.0.0.2", "cache.ec2.internal",
                       check=False)
        assert "status:" not in r.stdout
    finally:
        names.ctl("vpc", "set", "two", "--enable-dns-support", "true", "--enable-dns-hostnames",
                  "true")
    assert dig(names, "ask2", "@10.0.0.2", "cache.ec2.internal") == ["10.0.1.50"]


def test_answers_keep_the_case_and_speak_edns(names):
    out = names.exec("ask1", "dig", "+qr", "+bufsize=1232", "Db.sHop.TEST").stdout
    assert out.count("Db.sHop.TEST.") >= 2
    assert "EDNS: version: 0" in out.split("Got answer")[1]
    assert status(names, "ask1", "+edns=5", "+noednsneg", "db.shop.test") == "BADVERS"


@pytest.mark.parametrize("kind,expected", [("AAAA", "NOERROR"), ("MX", "NOERROR"),
                                           ("TYPE65280", "NOERROR")])
def test_a_name_without_that_type_is_nodata_with_soa(names, kind, expected):
    out = names.exec("ask1", "dig", "db.shop.test", kind).stdout
    assert f"status: {expected}" in out and "ANSWER: 0" in out
    assert "SOA" in out


GARBAGE = """
import os, random, socket
random.seed(%d)
query = bytes.fromhex('12340100000100000000000002646204736 86f7004746573740000010001'.replace(' ', ''))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3000):
    m = bytearray(query if i %% 2 else os.urandom(random.randrange(1, 120)))
    for _ in range(random.randrange(4)):
        m[random.randrange(len(m))] = random.randrange(256)
    u.sendto(bytes(m), ('10.0.0.2', 53))
half = []
for i in range(30):
    t = socket.create_connection(('10.0.0.2', 53), timeout=5)
    t.send([b'\\0', b'\\0\\x1d' + query[:9], b'\\xff\\xff', os.urandom(50)][i %% 4])
    half.append(t)
print('sent')
"""


def test_garbage_and_half_messages_disturb_nobody(names):
    import subprocess
    import time
    seed = int(time.time())
    print("seed", seed)
    with names.popen("exec", "ask1", "--", PYTHON, "-c", GARBAGE % seed + "import time\n"
                     "time.sleep(5)", stdout=subprocess.PIPE) as noise:
        for _ in range(10):
            assert dig(names, "ask2", "db.other.test") == ["10.0.1.77"]
            assert dig(names, "ask1", "+tcp", "db.shop.test") == ["10.0.1.50"]
        assert noise.communicate(timeout=60)[0] == "sent\n"
    assert dig(names, "ask1", "db.shop.test") == ["10.0.1.50"]
    assert names.process.poll() is None

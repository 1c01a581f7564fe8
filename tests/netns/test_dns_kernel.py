# SPDX-License-Identifier: MIT
"""Answers of the kernel: who gives them, that none is stale, and that they need no daemon.

    VPC one, two: both 10.0.0.0/16, zone shop.test with `db` each its own; ask1, ask2
"""

import subprocess

import pytest

from conftest import PYTHON, allow_all, until

# Asks for A records by name, each from a socket of its own, and prints the addresses.
ASK = """
import socket, struct, sys
def ask(name, kind=1):
    q = struct.pack('!6H', 7, 256, 1, 0, 0, 0)
    for l in name.split('.'):
        q += bytes([len(l)]) + l.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect(('10.0.0.2', 53))
        s.send(q + struct.pack('!xHH', kind, 1))
        try:
            r = s.recv(512)
        except OSError:
            return 'nothing'
    return socket.inet_ntoa(r[-4:]) if r[7] else 'rcode %d' % (r[3] & 15)
"""


@pytest.fixture(scope="module")
def names(vpcd):
    def vpc():
        return {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
                "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
                "SecurityGroups": {"open": allow_all()}}

    vpcd.up({"Lab": "kernel", "Vpcs": {"one": vpc(), "two": vpc()}, "Instances": {
        "ask1": {"Subnet": "one/a", "SecurityGroups": ["one/open"]},
        "ask2": {"Subnet": "two/a", "SecurityGroups": ["two/open"]}},
        "HostedZones": {"shop.test": {"Vpcs": ["one"], "Records": {
            "db A": "10.0.1.1", "pg CNAME": "db.shop.test"}}}})
    vpcd.ctl("hosted-zone", "create", "--domain-name", "shop.test", "--name", "of-two", "--vpc-ids",
             "two")
    vpcd.ctl("record-set", "create", "--hosted-zone-id", "of-two", "--record-name", "db", "--type",
             "A", "--values", "10.0.1.2")
    vpcd.remember_ids()
    yield vpcd
    vpcd.ctl("hosted-zone", "delete", "of-two")
    vpcd.down("kernel")


def kernel_answers(d):
    r = subprocess.run(["curl", "-s", "--unix-socket", str(d.socket), "http://vpcd/metrics"],
                       capture_output=True, text=True, check=True)
    return int([line for line in r.stdout.splitlines()
                if line.startswith("vpcd_dns_kernel_answers_total ")][0].split()[1])


def ask(d, sandbox, *names, run=None):
    code = ASK + "print(*[ask(n) for n in sys.argv[1:]])"
    out = (run or d.exec)(sandbox, PYTHON, "-c", code, *names)
    return (out if isinstance(out, str) else out.stdout).split("\n")[0]


def test_own_names_come_from_the_kernel_and_each_vpc_has_its_own(names):
    before = kernel_answers(names)
    assert ask(names, "ask1", "db.shop.test", "pg.shop.test", "ask1.ec2.internal") == \
        f"10.0.1.1 10.0.1.1 {names.address('ask1')}"
    assert ask(names, "ask2", "db.shop.test", "pg.shop.test") == "10.0.1.2 rcode 3"
    assert kernel_answers(names) == before + 4


def test_dig_and_tcp_see_the_same(names):
    for args in ([], ["+tcp"], ["+dnssec"], ["+nocookie", "+noedns"]):
        out = names.exec("ask1", "dig", "+noall", "+answer", *args, "Db.Shop.Test").stdout
        assert out.split() == ["Db.Shop.Test.", "60", "IN", "A", "10.0.1.1"]


def test_no_answer_is_stale_once_a_change_is_acknowledged(names):
    zone = names.json("hosted-zone", "list", "--filter", "Name=of-two")[0]["HostedZoneId"]
    record = [r for r in names.json("record-set", "list") if r["HostedZoneId"] == zone][0]
    for i in range(10, 22):
        names.ctl("record-set", "set", record["RecordSetId"], "--values", f"10.0.1.{i}")
        assert ask(names, "ask2", "db.shop.test") == f"10.0.1.{i}"
    names.ctl("record-set", "delete", record["RecordSetId"])
    assert ask(names, "ask2", "db.shop.test") == "rcode 3"
    names.ctl("record-set", "create", "--hosted-zone-id", "of-two", "--record-name", "db", "--type",
              "A", "--values", "10.0.1.2")
    assert ask(names, "ask2", "db.shop.test") == "10.0.1.2"
    names.ctl("instance", "create", "--name", "late", "--subnet-id", "two/a")
    assert ask(names, "ask2", "late.ec2.internal") == names.address("late")
    names.ctl("instance", "delete", "late")
    assert ask(names, "ask2", "late.ec2.internal") == "rcode 3"


def test_a_firewall_or_log_takes_names_from_the_kernel_at_once(names):
    names.ctl("firewall-domain-list", "create", "--name", "bad", "--domains", "db.shop.test")
    names.ctl("firewall-rule-group", "create", "--name", "wall", "--vpc-ids", "one",
              "--firewall-rules", "FirewallDomainListId=bad,Priority=1,Action=BLOCK,"
              "BlockResponse=NXDOMAIN")
    assert ask(names, "ask1", "db.shop.test", "pg.shop.test") == "rcode 3 10.0.1.1"
    names.ctl("firewall-rule-group", "delete", "wall")
    assert ask(names, "ask1", "db.shop.test") == "10.0.1.1"
    names.ctl("firewall-domain-list", "delete", "bad")
    names.ctl("resolver-query-log-config", "create", "--name", "log", "--vpc-ids", "one")
    before = kernel_answers(names)
    assert ask(names, "ask1", "db.shop.test") == "10.0.1.1"
    assert kernel_answers(names) == before
    names.ctl("resolver-query-log-config", "delete", "log")
    assert ask(names, "ask1", "db.shop.test") == "10.0.1.1"
    assert kernel_answers(names) == before + 1


def test_above_the_allowance_queries_are_dropped(names):
    code = ASK + """
import time
q = bytes.fromhex('0007010000010000000000000264620473686f70047465737400') + struct.pack('!HH', 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
s.connect(('10.0.0.2', 53))
s.setblocking(False)
begun, got, sent = time.monotonic(), 0, 0
while sent < 6000:
    s.send(q)
    sent += 1
    try:
        while s.recv(512):
            got += 1
    except OSError:
        pass
# A window more on either side: seconds begin when they begin.
print('ok' if got <= 1024 * (int(time.monotonic() - begun) + 2) and got < 6000 else got)
"""
    assert names.exec("ask2", PYTHON, "-c", code).stdout.strip() == "ok"
    assert names.drops("LINKLOCAL_ALLOWANCE") > 0
    # The next second is a new one, for this sandbox; for others nothing ever changed.
    assert ask(names, "ask1", "db.shop.test") == "10.0.1.1"
    until(lambda: ask(names, "ask2", "db.shop.test") == "10.0.1.2", what="a new second")


def test_the_kernel_answers_while_the_daemon_is_down(names):
    names.end()
    try:
        def without(sandbox, *command):
            return names.exec_without_daemon(sandbox, *command)
        assert ask(names, "ask1", "db.shop.test", "pg.shop.test", run=without) == \
            "10.0.1.1 10.0.1.1"
        assert ask(names, "ask2", "db.shop.test", "no.shop.test", run=without) == "10.0.1.2 nothing"
    finally:
        names.start()
    # What changed meanwhile is nothing: the next daemon takes the answers over.
    assert ask(names, "ask2", "db.shop.test", "no.shop.test") == "10.0.1.2 rcode 3"
    names.ctl("hosted-zone", "delete", "of-two")
    assert ask(names, "ask2", "db.shop.test") == "rcode 3"
    names.ctl("hosted-zone", "create", "--domain-name", "shop.test", "--name", "of-two",
              "--vpc-ids", "two")

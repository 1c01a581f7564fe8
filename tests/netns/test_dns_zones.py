# SPDX-License-Identifier: MIT
"""Zones, rules, firewall and logs of the resolver.

    VPC one, two: both 10.0.0.0/16, zone shop.test each its own; ask1, ask2
    internet: ns 203.0.113.90 (a name server that counts), www.example.com 203.0.113.80
"""

import json
import re

import pytest

from conftest import PYTHON, allow_all, program, until

GATEWAYS = {"one": "igw1", "two": "igw2"}


def vpc(name):
    return {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True, "InternetGateway": GATEWAYS[name],
            "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
            "SecurityGroups": {"open": allow_all()}}


def topology():
    one, two = vpc("one"), vpc("two")
    one["DhcpOptions"] = "corp"
    return {
        "Lab": "zones", "Vpcs": {"one": one, "two": two},
        "Instances": {
            "ask1": {"Subnet": "one/a", "SecurityGroups": ["one/open"]},
            "ask2": {"Subnet": "two/a", "SecurityGroups": ["two/open"]},
            "db": {"Subnet": "one/a", "PrivateIpAddress": "10.0.1.50", "PublicIp": "198.51.100.50",
                   "SecurityGroups": ["one/open"]}},
        "InternetHosts": {
            "ns.example.com": {"Address": "203.0.113.90",
                               "Command": program("name_server.py", "192.0.2.77", 1)},
            "www.example.com": {"Address": "203.0.113.80"}},
        "DhcpOptions": {"corp": {"DomainName": "corp.internal",
                                 "DomainNameServers": ["AmazonProvidedDNS", "203.0.113.53"]}},
        "HostedZones": {
            "shop.test": {"Vpcs": ["one"], "Records": {
                "@ TXT": '"apex of one"', "*.apps A": "10.0.1.9", "x.y.apps A": "10.0.1.8",
                "db A": "@db", "db AAAA": "@db", "out CNAME": "www.example.com",
                "www A blue": {"Values": ["10.0.1.1"], "Weight": 1},
                "www A green": {"Values": ["10.0.1.2"], "Weight": 1},
                **{f"all A s{i}": {"Values": [f"10.0.2.{i}"], "MultiValueAnswer": True}
                   for i in range(12)}}},
            "in.shop.test": {"Vpcs": ["one", "two"], "Records": {"@ A": "10.0.1.66"}},
            "example.com": {"Records": {"db A": "@db", "back CNAME": "db.shop.test"}}},
        "ResolverRules": {
            "corp": {"DomainName": "corp.test", "TargetIps": [{"Ip": "203.0.113.90"}],
                     "Vpcs": ["one"]},
            "dead": {"DomainName": "dead.test", "TargetIps": [{"Ip": "203.0.113.99"}],
                     "Vpcs": ["one"]},
            "sys": {"DomainName": "sys.corp.test", "RuleType": "SYSTEM", "Vpcs": ["one"]}},
        "FirewallDomainLists": {"bad": {"Domains": ["bad.example", "*.bad.example"]},
                                "watched": {"Domains": ["www.example.com"]},
                                "good": {"Domains": ["good.bad.example"]}},
        "FirewallRuleGroups": {"wall": {"Vpcs": ["one"], "FirewallRules": [
            {"FirewallDomainListId": "good", "Priority": 1, "Action": "ALLOW"},
            {"FirewallDomainListId": "bad", "Priority": 2, "Action": "BLOCK",
             "BlockResponse": "NXDOMAIN"},
            {"FirewallDomainListId": "watched", "Priority": 3, "Action": "ALERT"}]}},
        "QueryLogConfigs": {"log": {"Vpcs": ["one"]}}}


@pytest.fixture(scope="module")
def zones(vpcd):
    vpcd.up(topology())
    vpcd.wait_log("ns.example.com", "serving")
    yield vpcd
    vpcd.down("zones")


def dig(d, sandbox, *args):
    return d.exec(sandbox, "dig", "+short", "+tries=2", "+time=3", *args).stdout.split("\n")[:-1]


def status(d, sandbox, *args):
    out = d.exec(sandbox, "dig", "+tries=2", "+time=4", *args).stdout
    return out.split("status: ")[1].split(",")[0]


def test_wildcards_and_names_between(zones):
    assert dig(zones, "ask1", "anything.apps.shop.test") == ["10.0.1.9"]
    assert dig(zones, "ask1", "a.b.apps.shop.test") == ["10.0.1.9"]
    assert dig(zones, "ask1", "x.y.apps.shop.test") == ["10.0.1.8"]
    # y.apps exists, since something lies below it: no wildcard there, and nothing else.
    assert status(zones, "ask1", "y.apps.shop.test") == "NOERROR"
    assert dig(zones, "ask1", "y.apps.shop.test") == []
    assert status(zones, "ask1", "z.y.apps.shop.test") == "NXDOMAIN"


def test_the_most_specific_zone_wins_and_zones_are_shared(zones):
    assert dig(zones, "ask1", "in.shop.test") == ["10.0.1.66"]
    assert dig(zones, "ask2", "in.shop.test") == ["10.0.1.66"]
    assert dig(zones, "ask1", "shop.test", "TXT") == ['"apex of one"']
    assert status(zones, "ask2", "shop.test", "TXT") == "NXDOMAIN"


def test_chains_leave_the_zone_and_come_back(zones):
    assert dig(zones, "ask1", "out.shop.test") == ["www.example.com.", "203.0.113.80"]
    # A public name that leads into a private zone is answered by the zone, where there is one.
    assert dig(zones, "ask1", "back.example.com") == ["db.shop.test.", "10.0.1.50"]
    assert dig(zones, "ask2", "back.example.com") == ["db.shop.test."]


def test_aliases_are_private_inside_and_public_outside(zones):
    assert dig(zones, "ask1", "db.shop.test") == ["10.0.1.50"]
    assert dig(zones, "ask1", "db.shop.test", "AAAA") == []
    assert dig(zones, "ask2", "db.example.com") == ["198.51.100.50"]


def test_public_names_of_interfaces_by_where_one_asks(zones):
    name = "ec2-198-51-100-50.compute-1.amazonaws.com"
    assert dig(zones, "ask1", name) == ["10.0.1.50"]
    assert dig(zones, "ask2", name) == ["198.51.100.50"]
    assert dig(zones, "www.example.com", name) == ["198.51.100.50"]
    assert dig(zones, "ask2", "-x", "198.51.100.50") == [name + "."]


@pytest.mark.parametrize("reverse", ["10.9.9.9", "172.20.1.1", "192.168.1.1", "127.0.0.9"])
def test_autodefined_reverse_zones_stay_inside(zones, reverse):
    out = zones.exec("ask1", "dig", "-x", reverse).stdout
    assert "NXDOMAIN" in out and "AUTHORITY: 1" in out and "hostmaster" in out
    assert dig(zones, "ask1", "-x", "127.0.0.1") == ["localhost."]
    assert "hostmaster" in zones.exec("ask1", "dig", "-x", "169.254.169.254").stdout


def test_sets_share_answers_by_their_policy(zones):
    seen = set()
    for _ in range(40):
        seen.update(dig(zones, "ask1", "www.shop.test"))
        if len(seen) == 2:
            break
    assert seen == {"10.0.1.1", "10.0.1.2"}
    answers = [frozenset(dig(zones, "ask1", "all.shop.test")) for _ in range(8)]
    assert all(len(a) == 8 for a in answers) and len(set(answers)) > 1


def test_rules_forward_a_domain_and_system_rules_take_back(zones):
    assert dig(zones, "ask1", "host.corp.test") == ["192.0.2.77"]
    assert dig(zones, "ask1", "+tcp", "corp.test") == ["192.0.2.77"]
    assert status(zones, "ask1", "x.sys.corp.test") == "NXDOMAIN"  # the public server's word
    assert status(zones, "ask2", "host.corp.test") == "NXDOMAIN"


def test_types_that_nobody_knows_pass_unchanged(zones):
    for _ in range(2):  # as asked, and as cached
        assert dig(zones, "ask1", "any.corp.test", "TYPE65280") == [r"\# 3 03C00C"]
    assert dig(zones, "ask1", "+tcp", "any.corp.test", "TYPE65280") == [r"\# 3 03C00C"]
    assert status(zones, "ask1", "any.corp.test", "HTTPS") == "NOERROR"


def test_forwarded_answers_are_cached_and_their_case_is_kept(zones):
    zones.ctl("resolver-rule", "set", "corp", "--target-ips", "Ip=203.0.113.90,Port=53")
    first = zones.exec("ask1", "dig", "CacheD.corp.test").stdout
    assert "CacheD.corp.test." in first and "192.0.2.77" in first
    for _ in range(5):
        assert dig(zones, "ask1", "cached.CORP.test") == ["192.0.2.77"]
    assert int(dig(zones, "ask1", "count.cached.corp.test", "TXT")[0].strip('"')) < 6


def test_an_upstream_that_is_away_is_servfail_and_disturbs_nobody(zones):
    waiting = [zones.popen("exec", "ask1", "--", "dig", "+tries=1", "+time=8", f"n{i}.dead.test",
                           stdout=-1) for i in range(6)]
    for _ in range(5):
        assert dig(zones, "ask1", "host.corp.test") == ["192.0.2.77"]
        assert dig(zones, "ask2", "in.shop.test") == ["10.0.1.66"]
    for p in waiting:
        assert "SERVFAIL" in p.communicate(timeout=30)[0]


def test_stale_answers_are_served_while_upstream_is_away(zones):
    assert dig(zones, "ask1", "stale.corp.test") == ["192.0.2.77"]
    zones.ctl("stop", "ns.example.com")
    try:
        # Its second is over as soon as the answer is a stale one: 30 s are what RFC 8767 advises.
        def stale():
            out = zones.exec("ask1", "dig", "+tries=1", "+time=6", "stale.corp.test").stdout
            return re.search(r"stale\.corp\.test\.\s+(\d+)\s+IN\s+A\s+192\.0\.2\.77", out)
        until(lambda: (m := stale()) and int(m[1]) > 1, 30, "a stale answer")
        assert status(zones, "ask1", "never.corp.test") == "SERVFAIL"
    finally:
        zones.ctl("start", "ns.example.com")
    zones.wait_log("ns.example.com", "serving")


def test_the_firewall_blocks_allows_and_alerts(zones):
    assert status(zones, "ask1", "bad.example") == "NXDOMAIN"
    assert "AUTHORITY: 0" in zones.exec("ask1", "dig", "x.y.bad.example").stdout
    assert "AUTHORITY: 1" in zones.exec("ask1", "dig", "good.bad.example").stdout
    assert dig(zones, "ask1", "www.example.com") == ["203.0.113.80"]
    assert "AUTHORITY: 1" in zones.exec("ask2", "dig", "bad.example").stdout
    rules = zones.json("firewall-rule-group", "show", "wall")["FirewallRules"]
    rules[1].update({"BlockResponse": "OVERRIDE", "BlockOverrideDomain": "db.shop.test"})
    t = topology()
    t["FirewallRuleGroups"]["wall"]["FirewallRules"][1].update(
        {"BlockResponse": "OVERRIDE", "BlockOverrideDomain": "db.shop.test"})
    zones.up(t)
    assert dig(zones, "ask1", "bad.example") == ["db.shop.test.", "10.0.1.50"]
    zones.up(topology())
    assert status(zones, "ask1", "bad.example") == "NXDOMAIN"


def log_lines(d):
    id = d.json("resolver-query-log-config", "list")[0]["ResolverQueryLogConfigId"]
    text = (d.state_dir / "query-logs" / f"{id}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_queries_are_logged_as_route_53_does(zones):
    dig(zones, "ask1", "log1.bad.example")
    dig(zones, "ask1", "+tcp", "db.shop.test")
    dig(zones, "ask2", "notlogged.test")
    eni = zones.json("instance", "show", "ask1")
    lines = {(line["query_name"], line["transport"]): line for line in log_lines(zones)}
    blocked, answered = lines["log1.bad.example.", "UDP"], lines["db.shop.test.", "TCP"]
    assert blocked["rcode"] == "NXDOMAIN" and blocked["firewall_rule_action"] == "BLOCK"
    assert blocked["firewall_rule_group_id"].startswith("rslvr-frg-")
    assert blocked["firewall_domain_list_id"].startswith("rslvr-fdl-")
    assert answered["answers"] == [{"Rdata": "10.0.1.50", "Type": "A", "Class": "IN"}]
    assert answered["srcids"]["instance"] == eni["InstanceId"]
    assert answered["srcaddr"] == zones.address("ask1")
    assert answered["vpc_id"] == zones.json("vpc", "show", "one")["VpcId"]
    assert "firewall_rule_action" not in answered
    assert not [n for n, _ in lines if n == "notlogged.test."]


def test_dhcp_options_reach_resolv_conf(zones):
    conf = zones.exec("ask1", "cat", "/etc/resolv.conf").stdout
    assert "search corp.internal" in conf
    assert re.findall(r"nameserver (\S+)", conf) == ["10.0.0.2", "203.0.113.53"]
    assert "search ec2.internal" in zones.exec("ask2", "cat", "/etc/resolv.conf").stdout


def test_hostnames_off_hides_names_and_zones(zones):
    zones.ctl("vpc", "set", "one", "--enable-dns-hostnames", "false")
    try:
        assert status(zones, "ask1", "db.shop.test") == "NXDOMAIN"
        assert status(zones, "ask1", "ip-10-0-1-50.ec2.internal") == "NXDOMAIN"
        assert dig(zones, "ask1", "ec2-198-51-100-50.compute-1.amazonaws.com") == []
        assert dig(zones, "ask1", "db.ec2.internal") == ["10.0.1.50"]
        assert dig(zones, "ask1", "host.corp.test") == ["192.0.2.77"]
    finally:
        zones.ctl("vpc", "set", "one", "--enable-dns-hostnames", "true")
    assert dig(zones, "ask1", "db.shop.test") == ["10.0.1.50"]


def test_the_lab_exports_and_loads_again_unchanged(zones):
    text = zones.ctl("export", "-p", "zones").stdout
    f = zones.dir / "again.json"
    f.write_text(text)
    r = zones.ctl("diff", "-f", f, check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    doc = json.loads(text)
    assert doc["ResolverRules"]["corp"]["Vpcs"] == ["one"]
    assert doc["HostedZones"]["shop.test"]["Records"]["www A blue"] == {"Weight": 1,
                                                                        "Values": ["10.0.1.1"]}


def test_zones_survive_a_restart(zones):
    zones.end()
    zones.start()
    assert dig(zones, "ask1", "db.shop.test") == ["10.0.1.50"]
    assert dig(zones, "ask2", "in.shop.test") == ["10.0.1.66"]


TEN_THOUSAND = """
import socket, struct
def ask(name):
    q = struct.pack('!6H', 1, 256, 1, 0, 0, 0)
    for l in name.split('.'):
        q += bytes([len(l)]) + l.encode()
    s.send(q + b'\\0\\0\\1\\0\\1')
    return socket.inet_ntoa(s.recv(512)[-4:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(('10.0.0.2', 53))
for i in range(0, 10000, 97):
    assert ask('h%d.big.test' % i) == '10.%d.%d.%d' % (i // 65536, i // 256 % 256, i % 256), i
print('all')
"""


def test_ten_thousand_records_in_a_zone(zones):
    zones.up({"Lab": "big", "HostedZones": {"big.test": {"Vpcs": [
        zones.json("vpc", "show", "two")["VpcId"]], "Records": {
            f"h{i} A": f"10.{i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(10000)}}}})
    try:
        assert zones.exec("ask2", PYTHON, "-c", TEN_THOUSAND).stdout.strip() == "all"
        # A change of one name is there once it is acknowledged.
        id = zones.json("record-set", "list", "--filter", "RecordName=h97")[0]["RecordSetId"]
        zones.ctl("record-set", "set", id, "--values", "10.99.99.99")
        assert dig(zones, "ask2", "h97.big.test") == ["10.99.99.99"]
    finally:
        zones.down("big")


def test_a_hundred_thousand_domains_in_a_list(zones):
    names = [f"n{i}.blocked.test" for i in range(100000)]
    zones.up({"Lab": "wall", "FirewallDomainLists": {"huge": {"Domains": names}},
              "FirewallRuleGroups": {"huge": {
                  "Vpcs": [zones.json("vpc", "show", "two")["VpcId"]], "FirewallRules": [
                      {"FirewallDomainListId": "huge", "Priority": 1, "Action": "BLOCK",
                       "BlockResponse": "NODATA"}]}}})
    try:
        assert status(zones, "ask2", "n99999.blocked.test") == "NOERROR"
        assert status(zones, "ask2", "n100000.blocked.test") == "NXDOMAIN"
        assert dig(zones, "ask2", "in.shop.test") == ["10.0.1.66"]
    finally:
        zones.down("wall")

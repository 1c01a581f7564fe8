# SPDX-License-Identifier: MIT
"""Signed zones and their validation, with zones signed by ldns-signzone.

    public zones: signed.test (NSEC), sub.signed.test (NSEC3, DS in signed.test), plain.signed.test
      (not signed, delegated without DS), old.test (its signatures have expired)
    VPC strict: validates by the keys of signed.test and old.test; VPC lax: does not. ask1, ask2
"""

import json
import pathlib
import re
import subprocess
import tempfile

import pytest

from conftest import allow_all, program

SOA = "@ 300 IN SOA ns hostmaster 1 7200 900 1209600 60\n@ 300 IN NS ns\nns 300 IN A 203.0.113.53\n"
SIGNED = SOA + """www 300 IN A 192.0.2.1
www 300 IN TXT "two" "strings"
alias 300 IN CNAME www
*.wild 300 IN A 192.0.2.2
*.walias 300 IN CNAME www
a.b.deep 300 IN A 192.0.2.3
bad 300 IN A 192.0.2.4
stripped 300 IN A 192.0.2.5
plain 300 IN NS ns
away 300 IN NS ns.elsewhere.test.
mx 300 IN MX 10 www
"""
SUB = SOA + "www 300 IN A 192.0.2.11\n*.wild 300 IN A 192.0.2.12\na.b.deep 300 IN A 192.0.2.13\n"
PLAIN = "www 300 IN A 192.0.2.21\n"
OLD = SOA + "www 300 IN A 192.0.2.31\n"


class Signer:
    """Keys and signed files in a directory that sandboxes see too."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)

    def run(self, *args):
        return subprocess.run([str(a) for a in args], cwd=self.dir, check=True, text=True,
                              capture_output=True).stdout

    def sign(self, origin, text, *more):
        """The signed file, the DS record and the DNSKEY record of its key."""
        key = self.run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom",
                       origin).strip()
        f = self.dir / f"{origin}.zone"
        f.write_text(f"$ORIGIN {origin}.\n{text}")
        self.run("ldns-signzone", "-o", origin, "-f", f"{origin}.signed", *more, f, key)
        ds = self.run("ldns-key2ds", "-n", "-2", f"{key}.key").strip()
        return (self.dir / f"{origin}.signed").read_text(), ds, \
            (self.dir / f"{key}.key").read_text().split(";")[0].strip()


def tamper(text, owner):
    """The signature of the owner's A record with another last octet but one."""
    def turn(m):
        sig = m[2]
        return m[1] + ("B" if sig[0] != "B" else "C") + sig[1:]
    changed, n = re.subn(rf"(^{re.escape(owner)}\.\t.*\tRRSIG\tA .*\. )(\S+)", turn, text, flags=re.M)
    assert n == 1
    return changed


def vpc(**more):
    return {"CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
            "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
            "SecurityGroups": {"open": allow_all()}, **more}


@pytest.fixture(scope="module")
def net(vpcd):
    with tempfile.TemporaryDirectory(prefix="vpcd-dnssec-", dir="/var/tmp") as directory:
        pathlib.Path(directory).chmod(0o755)
        s = Signer(directory)
        sub, sub_ds, _ = s.sign("sub.signed.test", SUB, "-n", "-t", "1", "-s", "abcd")
        signed, ds, key = s.sign("signed.test", SIGNED + f"sub 300 IN NS ns\n{sub_ds}\n")
        old, _, old_key = s.sign("old.test", OLD, "-i", "20200101", "-e", "20200201")
        signed = tamper(signed, "bad.signed.test")
        signed = re.sub(r"^stripped\.signed\.test\.\t.*\tRRSIG\tA .*\n", "", signed, flags=re.M)
        files = {"signed.test": signed, "sub.signed.test": sub, "old.test": old,
                 "plain.signed.test": f"$ORIGIN plain.signed.test.\n{PLAIN}"}
        vpcd.up({"Lab": "dnssec", "Vpcs": {
            "strict": vpc(EnableDnssecValidation=True, DnssecTrustAnchors=[ds, old_key]),
            "lax": vpc()},
            "Instances": {"ask1": {"Subnet": "strict/a", "SecurityGroups": ["strict/open"]},
                          "ask2": {"Subnet": "lax/a", "SecurityGroups": ["lax/open"]}},
            "InternetHosts": {"ns.elsewhere.test": {
                "Address": "203.0.113.90", "Command": program("name_server.py", "192.0.2.77", 60)}},
            "HostedZones": {"priv.signed.test": {"Vpcs": ["strict"],
                                                 "Records": {"www A": "10.0.1.99"}}},
            "ResolverRules": {"fwd": {"DomainName": "fwd.signed.test", "Vpcs": ["strict"],
                                      "TargetIps": [{"Ip": "203.0.113.90"}]}},
            "QueryLogConfigs": {"log": {"Vpcs": ["strict"]}}})
        for zone, text in files.items():
            vpcd.ctl("zone", "import", "-", "--zone", zone, "--public", input=text)
        vpcd.wait_log("ns.elsewhere.test", "serving")
        fields = key.split()
        (s.dir / "anchor").write_text('trust-anchors { signed.test. static-key %s "%s"; };\n' % (
            " ".join(fields[-4:-1]), fields[-1]))
        vpcd.signer, vpcd.files, vpcd.ds = s, files, ds
        yield vpcd
        for zone in files:
            vpcd.ctl("zone", "delete", zone)
        vpcd.down("dnssec")


class Reply:
    def __init__(self, text):
        self.text = text
        self.status = text.split("status: ")[1].split(",")[0]
        self.flags = text.split("flags:")[1].split(";")[0].split()
        self.answers = [line.split(None, 4) for line in
                        text.split("ANSWER SECTION:")[1].split("\n\n")[0].strip().splitlines()
                        ] if "ANSWER SECTION" in text else []

    def data(self, kind="A"):
        return [a[4] for a in self.answers if a[3] == kind]


def dig(d, sandbox, *args):
    return Reply(d.exec(sandbox, "dig", "+tries=2", "+time=5", *args).stdout)


# ---- what the public name server says of signed zones ----

PROVED = ["www.signed.test", "www.signed.test TXT", "alias.signed.test", "x.y.wild.signed.test",
          "x.walias.signed.test", "mx.signed.test MX", "signed.test NS", "signed.test SOA",
          "signed.test DNSKEY", "sub.signed.test DS", "www.sub.signed.test",
          "x.y.wild.sub.signed.test", "sub.signed.test NSEC3PARAM"]
DENIED = ["www.signed.test AAAA", "no.signed.test", "no.www.signed.test", "b.deep.signed.test",
          "deep.signed.test TXT", "x.wild.signed.test TXT", "plain.signed.test DS",
          "away.signed.test DS", "zzz.signed.test", "0.signed.test", "www.sub.signed.test AAAA",
          "no.sub.signed.test", "no.no.sub.signed.test", "b.deep.sub.signed.test",
          "x.wild.sub.signed.test TXT", "sub.signed.test TXT"]


@pytest.mark.parametrize("server,sandbox", [("203.0.113.53", "ns.elsewhere.test"),
                                            ("10.0.0.2", "ask1"), ("10.0.0.2", "ask2")])
def test_an_independent_validator_believes_it(net, server, sandbox):
    """delv asks for everything that it needs, and judges by itself."""
    def delv(question):
        return net.exec(sandbox, "delv", f"@{server}", "-a", net.signer.dir / "anchor",
                        "+root=signed.test", *question.split(), check=False)
    for question in PROVED:
        r = delv(question)
        assert "; fully validated" in r.stdout, (question, r.stdout, r.stderr)
    for question in DENIED:
        r = delv(question)
        assert "; negative response, fully validated" in r.stdout, (question, r.stdout, r.stderr)
    assert "; unsigned answer" in delv("www.plain.signed.test").stdout
    assert "resolution failed" in delv("bad.signed.test").stdout + delv("bad.signed.test").stderr


def test_signatures_are_for_those_who_ask(net):
    for sandbox in ("ask1", "ask2"):
        assert [a[3] for a in dig(net, sandbox, "www.signed.test").answers] == ["A"]
        assert [a[3] for a in dig(net, sandbox, "+dnssec", "www.signed.test").answers] == \
            ["A", "RRSIG"]
        denied = dig(net, sandbox, "+dnssec", "no.signed.test").text
        assert denied.count("NSEC\t") + denied.count("NSEC ") >= 2 and "RRSIG" in denied
        assert "NSEC" not in dig(net, sandbox, "no.signed.test").text
    delegation = dig(net, "ns.elsewhere.test", "@203.0.113.53", "+dnssec", "+norec",
                     "x.away.signed.test")
    assert not delegation.answers and "aa" not in delegation.flags
    assert re.search(r"away\.signed\.test\.\s+\d+\s+IN\s+NSEC", delegation.text)


# ---- validation ----

@pytest.mark.parametrize("question", PROVED + DENIED)
def test_what_is_signed_is_authentic_where_it_is_validated(net, question):
    strict, lax = (dig(net, s, "+adflag", *question.split()) for s in ("ask1", "ask2"))
    assert strict.status == lax.status != "SERVFAIL", strict.text
    assert "ad" in strict.flags and "ad" not in lax.flags, strict.text
    assert strict.data() == lax.data()


def test_authentic_is_said_to_those_who_understand_it(net):
    """RFC 6840 section 5.8"""
    assert "ad" not in dig(net, "ask1", "+noadflag", "+noedns", "www.signed.test").flags
    assert "ad" in dig(net, "ask1", "+noadflag", "+dnssec", "www.signed.test").flags
    assert "ad" in dig(net, "ask1", "+tcp", "www.signed.test").flags


@pytest.mark.parametrize("name,why", [("bad.signed.test", "verification failed"), ("www.old.test", "expired"),
                                      ("stripped.signed.test", "signatures")])
def test_bogus_answers_are_refused_and_say_why(net, name, why):
    refused = dig(net, "ask1", "+dnssec", name)
    assert refused.status == "SERVFAIL" and not refused.answers, refused.text
    assert "EDE: 6 (DNSSEC Bogus)" in refused.text and why in refused.text, refused.text
    assert dig(net, "ask1", "+noedns", name).status == "SERVFAIL"
    # Who judges by himself, and who does not care, gets it.
    for reply in (dig(net, "ask1", "+cd", name), dig(net, "ask2", name)):
        assert reply.status == "NOERROR" and len(reply.data()) == 1
        assert "ad" not in reply.flags
    assert "cd" in dig(net, "ask1", "+cd", name).flags


def test_what_is_not_signed_is_plain(net):
    for name, address in (("www.plain.signed.test", "192.0.2.21"),
                          ("ns.elsewhere.test", "203.0.113.90")):
        reply = dig(net, "ask1", "+dnssec", name)
        assert reply.data() == [address] and "ad" not in reply.flags, reply.text


def test_private_names_kernel_answers_and_forwarded_names_are_not_validated(net):
    for name, address in (("www.priv.signed.test", "10.0.1.99"),
                          ("host.fwd.signed.test", "192.0.2.77"),
                          ("ask1.ec2.internal", net.address("ask1"))):
        reply = dig(net, "ask1", "+dnssec", name)
        assert reply.data() == [address] and "ad" not in reply.flags, reply.text


def test_the_query_log_and_metrics_show_it(net):
    for name in ("www.signed.test", "bad.signed.test", "www.plain.signed.test",
                 "www.priv.signed.test"):
        dig(net, "ask1", name)
    id = net.json("resolver-query-log-config", "list")[0]["ResolverQueryLogConfigId"]
    lines = [json.loads(line) for line in
             (net.state_dir / "query-logs" / f"{id}.jsonl").read_text().splitlines()]
    status = {line["query_name"]: line.get("dnssec_status") for line in lines
              if line["query_type"] == "A"}
    assert status["www.signed.test."] == "SECURE" and status["bad.signed.test."] == "BOGUS"
    assert status["www.plain.signed.test."] == "INSECURE"
    assert status["www.priv.signed.test."] is None
    for name in ("secure", "bogus"):
        assert int(re.search(rf"^vpcd_dns_dnssec_{name}_total (\d+)", net.metrics(), re.M)[1]) > 0


# ---- changes ----

def test_switching_it_acts_at_once(net):
    anchors = net.json("vpc", "show", "strict")["DnssecTrustAnchors"]
    net.ctl("vpc", "set", "lax", "--enable-dnssec-validation", "true",
            "--dnssec-trust-anchors", net.ds)
    try:
        assert dig(net, "ask2", "bad.signed.test").status == "SERVFAIL"
        assert "ad" in dig(net, "ask2", "www.signed.test").flags
        # It has no key of old.test: what lies below no anchor is insecure.
        assert dig(net, "ask2", "www.old.test").data() == ["192.0.2.31"]
        net.ctl("vpc", "set", "lax", "--enable-dnssec-validation", "false")
        assert dig(net, "ask2", "bad.signed.test").data() == ["192.0.2.4"]
    finally:
        net.ctl("vpc", "set", "lax", "--enable-dnssec-validation", "false")
    assert net.json("vpc", "show", "strict")["DnssecTrustAnchors"] == anchors


def test_a_zone_signed_anew_is_believed_at_once(net):
    fresh, ds, _ = net.signer.sign("fresh.test", SOA + "www 300 IN A 192.0.2.41\n")
    net.ctl("zone", "import", "-", "--zone", "fresh.test", "--public", input=fresh)
    anchors = net.json("vpc", "show", "strict")["DnssecTrustAnchors"]
    try:
        assert "ad" not in dig(net, "ask1", "www.fresh.test").flags
        net.rest("PATCH", "/v1/vpcs/strict", {"DnssecTrustAnchors": anchors + [ds]})
        assert "ad" in dig(net, "ask1", "www.fresh.test").flags
        # Keys change: the old anchor does not go with the new signatures, nor the reverse.
        again, new_ds, _ = net.signer.sign("fresh.test", SOA + "www 300 IN A 192.0.2.42\n")
        net.ctl("zone", "import", "-", "--zone", "fresh.test", "--replace", input=again)
        assert dig(net, "ask1", "www.fresh.test").status == "SERVFAIL"
        net.rest("PATCH", "/v1/vpcs/strict", {"DnssecTrustAnchors": anchors + [new_ds]})
        reply = dig(net, "ask1", "www.fresh.test")
        assert reply.data() == ["192.0.2.42"] and "ad" in reply.flags
    finally:
        net.rest("PATCH", "/v1/vpcs/strict", {"DnssecTrustAnchors": anchors})
        net.ctl("zone", "delete", "fresh.test")


def test_a_signed_zone_exports_and_imports_to_the_same(net):
    text = net.ctl("zone", "export", "signed.test").stdout
    assert "\tSOA\t" in text and "\tRRSIG\t" in text and "\tNSEC\t" in text
    again = net.ctl("zone", "import", "-", "--replace", input=text).stdout
    assert re.fullmatch(r"signed\.test: 0 created, \d+ updated, 0 deleted\n", again)
    assert net.ctl("zone", "export", "signed.test").stdout == text


@pytest.mark.parametrize("anchor,why", [
    ("signed.test A 192.0.2.1", "neither a DS nor a DNSKEY"), ("nonsense", ""),
    ("signed.test DS 1 99 2 " + "ab" * 32, "algorithm"), ("signed.test DS 1 13 9 abcd", "digest"),
    ("signed.test DS 1 13 2 abcd", "digest"), ("signed.test DNSKEY 0 3 13 AAAA", "flag 256"),
    ("signed.test DS 1 13 2 " + "ab" * 32 + " ; comment", "one line")])
def test_anchors_that_are_none_are_refused_by_name(net, anchor, why):
    before = net.json("vpc", "show", "lax")
    r = net.ctl("vpc", "set", "lax", "--dnssec-trust-anchors", anchor, check=False)
    assert r.returncode == 1 and "DnssecTrustAnchors" in r.stderr and why in r.stderr, r.stderr
    assert net.json("vpc", "show", "lax") == before


def test_private_zones_take_no_signatures(net):
    r = net.ctl("zone", "import", "-", "--zone", "other.test", "--vpc", "lax", check=False,
                input=net.files["old.test"].replace("old.test", "other.test"))
    assert r.returncode == 1 and "zones of VPCs are not signed" in r.stderr
    net.ctl("zone", "delete", "other.test")

# SPDX-License-Identifier: MIT
"""Hosted zones from and to master files (vpcctl zone import, export).

    VPC shop 10.0.0.0/16: ask
"""

import pytest

from conftest import allow_all

ZONE = """$ORIGIN shop.test.
$TTL 300
@       IN SOA ns hostmaster ( 7 7200 900 1209600 60 ) ; the zone's own is made up
        IN NS  ns.elsewhere.test.
db      IN A   10.0.1.5
        IN A   10.0.1.6
        IN TXT "two" "strings; with a semicolon"
www  60 IN CNAME db
*.apps  IN A   10.0.1.7
@       IN MX  10 mail
        IN CAA 0 issue "ca.test"
_sip._tcp IN SRV 1 2 5060 sip.elsewhere.test.
six     IN AAAA 2001:db8::6
"""


@pytest.fixture(scope="module")
def shop(vpcd):
    vpcd.up({"Lab": "files", "Vpcs": {"shop": {
        "CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True,
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}}},
        "Instances": {"ask": {"Subnet": "shop/a", "SecurityGroups": ["shop/open"]}}})
    f = vpcd.dir / "shop.zone"
    f.write_text(ZONE)
    out = vpcd.ctl("zone", "import", f, "--vpc", "shop").stdout
    assert out == "shop.test: 8 created, 0 updated, 0 deleted\n"
    yield vpcd
    vpcd.ctl("zone", "delete", "shop.test")
    vpcd.down("files")


def dig(d, *args):
    return d.exec("ask", "dig", "+short", *args).stdout.split("\n")[:-1]


def test_what_the_file_says_is_answered(shop):
    assert dig(shop, "db.shop.test") == ["10.0.1.5", "10.0.1.6"]
    assert dig(shop, "www.shop.test") == ["db.shop.test.", "10.0.1.5", "10.0.1.6"]
    assert dig(shop, "x.apps.shop.test") == ["10.0.1.7"]
    assert dig(shop, "shop.test", "MX") == ["10 mail.shop.test."]
    assert dig(shop, "db.shop.test", "TXT") == ['"two" "strings; with a semicolon"']
    assert dig(shop, "_sip._tcp.shop.test", "SRV") == ["1 2 5060 sip.elsewhere.test."]
    assert dig(shop, "shop.test", "CAA") == ['0 issue "ca.test"']
    assert dig(shop, "six.shop.test", "AAAA") == ["2001:db8::6"]
    assert "300\tIN\tA" in shop.exec("ask", "dig", "db.shop.test").stdout.replace("   ", "\t")


def test_an_export_imports_to_the_same(shop):
    text = shop.ctl("zone", "export", "shop.test").stdout
    assert text.startswith("$ORIGIN shop.test.\n")
    assert "www\t60\tIN\tCNAME\tdb.shop.test.\n" in text
    again = shop.ctl("zone", "import", "-", "--replace", input=text).stdout
    assert again == "shop.test: 0 created, 8 updated, 0 deleted\n"
    assert shop.ctl("zone", "export", "shop.test").stdout == text


def test_replace_deletes_what_the_file_has_not(shop):
    text = shop.ctl("zone", "export", "shop.test").stdout
    fewer = "".join(line for line in text.splitlines(True) if not line.startswith("six"))
    assert "0 deleted" in shop.ctl("zone", "import", "-", input=fewer).stdout
    assert "1 deleted (dry run" in shop.ctl("zone", "import", "-", "--replace", "--dry-run",
                                            input=fewer).stdout
    assert dig(shop, "six.shop.test", "AAAA") == ["2001:db8::6"]
    assert "1 deleted" in shop.ctl("zone", "import", "-", "--replace", input=fewer).stdout
    assert dig(shop, "six.shop.test", "AAAA") == []
    assert "1 created" in shop.ctl("zone", "import", "-", input=text).stdout


@pytest.mark.parametrize("line,says", [
    ("x IN A 10.0.0.256", "5: "), ("x IN A", "5: "), ("x IN BOGUS y", "5: "),
    ("$INCLUDE other.zone", "5: $INCLUDE"), ("other.test. IN A 10.0.0.1", "lies outside the zone"),
    ("x IN NAPTR 1 1 \"\" \"\" \"\" a.", "are served, not: NAPTR"), ("x CH A 10.0.0.1", "class IN"),
    ("db IN CNAME y", "5: db has A records already"), ("x..y IN A 10.0.0.1", "5: "),
    ("a" * 64 + " IN A 10.0.0.1", "5: "), ("sub IN NS ns", "5: sub NS: private zones")])
def test_a_fault_names_its_line_and_nothing_changes(shop, line, says):
    before = shop.ctl("zone", "export", "shop.test").stdout
    r = shop.ctl("zone", "import", "-", check=False, input=(
        f"$ORIGIN shop.test.\n$TTL 60\n\nfresh IN A 10.0.0.9\n{line}\nlater IN A 10.0.0.10\n"))
    assert r.returncode in (1, 2), r
    assert "-:5:" in r.stderr and says in r.stderr
    assert shop.ctl("zone", "export", "shop.test").stdout == before


def test_what_is_missing_is_said(shop):
    assert shop.ctl("zone", "import", "/nowhere", check=False).returncode == 2
    r = shop.ctl("zone", "import", "-", check=False, input="; nothing\n")
    assert r.returncode == 2 and "no record" in r.stderr
    r = shop.ctl("zone", "import", "-", check=False, input="$ORIGIN new.test.\na 1 IN A 10.0.0.1\n")
    assert r.returncode == 3 and "new.test" in r.stderr


def test_ten_thousand_records_come_in_one_change(shop):
    text = "$ORIGIN big.test.\n" + "".join(f"h{i} 60 IN A 10.1.{i // 256}.{i % 256}\n"
                                           for i in range(10000))
    out = shop.ctl("zone", "import", "-", "--vpc", "shop", input=text).stdout
    assert out == "big.test: 10000 created, 0 updated, 0 deleted\n"
    assert dig(shop, "h9999.big.test") == ["10.1.39.15"]
    shop.ctl("zone", "delete", "big.test")
    assert dig(shop, "h9999.big.test") == []

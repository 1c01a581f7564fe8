# SPDX-License-Identifier: MIT
"""examples/policy.json does what its comments say; its head draws the network."""

import pytest

from conftest import ROOT, until

DB, APP, API = "db.ec2.internal", "app.ec2.internal", "10.9.1.80"
WEB, WEB6, WWW6 = "198.51.100.80", "[2001:db8:1000:0::80]", "[2001:db8:80::80]"


@pytest.fixture(scope="module")
def policy(vpcd):
    vpcd.ctl("up", "-y", "-f", ROOT / "examples" / "policy.json")
    for name, port in (("web", 80), ("app", 8080), ("db", 5432), ("api", 8080),
                       ("www.example.com", 80)):
        until(lambda: vpcd.exec(name, "curl", "-s", "-o", "/dev/null", f"http://localhost:{port}/",
                                check=False).returncode == 0, what=f"{name}'s server")
    until(lambda: vpcd.exec("fw", "cat", "/proc/sys/net/ipv4/ip_forward").stdout == "1\n")
    yield vpcd
    vpcd.down("policy")


@pytest.mark.parametrize("sandbox, address, port", [
    ("app", DB, 5432), ("app", API, 8080), ("app", WWW6, 80), ("web", APP, 8080),
    ("www.example.com", WEB6, 80), ("office.example.com", WEB, 80)])
def test_allowed(policy, sandbox, address, port):
    assert policy.fetch(sandbox, address, port) is not None


@pytest.mark.parametrize("sandbox, address, port, reason", [
    ("web", DB, 5432, "SG_INGRESS"), ("web", API, 8080, "IGW_PRIVATE_DESTINATION"),
    ("banned.example.com", WEB, 80, "ACL_INGRESS"), ("www.example.com", WEB, 80, "SG_INGRESS"),
    ("www.example.com", "[2001:db8:1000:1::10]", 8080, "SG_INGRESS"),
    ("db", APP, 8080, "SG_EGRESS")])
def test_blocked(policy, sandbox, address, port, reason):
    before = policy.drops(reason)
    assert policy.fetch(sandbox, address, port, timeout=1) is None
    assert policy.drops(reason) > before


def test_bringing_it_up_again_changes_nothing(policy):
    assert "0 to add, 0 to change, 0 to delete" in policy.ctl(
        "diff", "-f", ROOT / "examples" / "policy.json").stdout

# SPDX-License-Identifier: MIT
"""Real clients of the resolver, and checks in the way of the EDNS compliance tests (RFC 6891).

    VPC one 10.0.0.0/16: ask, db 10.0.1.50; zone shop.test; internet: www.example.com 203.0.113.80
    VPC six 10.6.0.0/16, 2001:db8:1000::/56: ask6, db6 2001:db8:1000:1::50
"""

import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

import pytest

from conftest import PROGRAMS, PYTHON, allow_all


@pytest.fixture(scope="module")
def net(vpcd):
    vpcd.up({"Lab": "clients", "Vpcs": {"one": {
        "CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": True, "InternetGateway": "igw",
        "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
        "SecurityGroups": {"open": allow_all()}},
        "six": {"CidrBlock": "10.6.0.0/16", "Ipv6CidrBlock": "2001:db8:1000::/56",
                "EnableDnsHostnames": True,
                "Subnets": {"a": {"CidrBlock": "10.6.1.0/24",
                                  "Ipv6CidrBlock": "2001:db8:1000:1::/64"}}}},
        "Instances": {
            "ask6": {"Subnet": "six/a", "Ipv6Addresses": ["2001:db8:1000:1::10"]},
            "db6": {"Subnet": "six/a", "Ipv6Addresses": ["2001:db8:1000:1::50"]},
            "ask": {"Subnet": "one/a", "SecurityGroups": ["one/open"]},
            "db": {"Subnet": "one/a", "PrivateIpAddress": "10.0.1.50",
                   "PublicIp": "198.51.100.50", "SecurityGroups": ["one/open"]}},
        "VpcPeeringConnections": {"peers": {"Vpc": "one", "PeerVpc": "six"}},
        "InternetHosts": {"www.example.com": {"Address": "203.0.113.80"}},
        "HostedZones": {"shop.test": {"Vpcs": ["one"], "Records": {
            "db A": "@db", "pg CNAME": "db.shop.test", "six AAAA": "2001:db8::6",
            "self CNAME": "self.shop.test", "ping CNAME": "pong.shop.test",
            "pong CNAME": "ping.shop.test",
            **{f"c{i} CNAME": f"c{i + 1}.shop.test" for i in range(1, 18)}, "c18 A": "10.0.1.18",
            "both A": "10.0.1.7", "both AAAA": "2001:db8::7", "*.w A": "10.0.1.8",
            "large A": [f"10.0.2.{i}" for i in range(120)],
            "text TXT": " ".join('"' + chr(97 + i) * 200 + '"' for i in range(10))}}}})
    yield vpcd
    vpcd.down("clients")


# ---- programs ----

NAMES = {"db.shop.test": "10.0.1.50", "pg.shop.test": "10.0.1.50", "x.w.shop.test": "10.0.1.8",
         "both.shop.test": "10.0.1.7 2001:db8::7", "db": "10.0.1.50",
         "www.example.com": "203.0.113.80"}


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_getaddrinfo_of_both_libcs(net, compiler):
    static = ["-static"] if compiler == "musl-gcc" else []
    assert shutil.which(compiler), f"{compiler} is among scripts/deps"
    # Where a sandbox may look, as whom it is.
    with tempfile.TemporaryDirectory(prefix="vpcd-resolve-", dir="/var/tmp") as directory:
        program = pathlib.Path(directory) / "resolve"
        program.parent.chmod(0o755)
        subprocess.run([compiler, "-O1", *static, "-o", program, PROGRAMS / "resolve.c"],
                       check=True)
        out = net.exec("ask", program, *NAMES, "no.shop.test").stdout.splitlines()
    got = {line.split(":", 1)[0]: sorted(line.split(":", 1)[1].split()) for line in out}
    for name, addresses in NAMES.items():
        assert got[name] == sorted(addresses.split()), got
    assert "error" in got["no.shop.test"]


def test_python_and_busybox(net):
    code = "import socket; print(*sorted({a[4][0] for a in socket.getaddrinfo('both.shop.test', 80)}))"
    assert net.exec("ask", PYTHON, "-c", code).stdout.split() == ["10.0.1.7", "2001:db8::7"]
    out = net.exec("ask", "busybox", "nslookup", "db.shop.test", check=False).stdout
    assert "10.0.1.50" in out
    assert "db.shop.test" not in net.exec("ask", "busybox", "nslookup", "nope.shop.test",
                                          check=False).stdout.split("Address")[-1]


@pytest.mark.parametrize("tool", ["dig", "kdig"])
def test_dig_and_kdig(net, tool):
    def ask(*args):
        return net.exec("ask", tool, "+short", *args).stdout.split()
    assert ask("db.shop.test") == ["10.0.1.50"]
    assert ask("+tcp", "pg.shop.test") == ["db.shop.test.", "10.0.1.50"]
    assert ask("www.example.com") == ["203.0.113.80"]
    # What no datagram holds comes by TCP, all of it.
    assert len(ask("large.shop.test")) == 120
    assert len(ask("+bufsize=512", "text.shop.test", "TXT")) == 10


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_the_resolver_over_ipv6_and_names_of_ipv6_addresses(net, transport):
    def ask(*args):
        return net.exec("ask6", "dig", "+short", transport, "+tries=2", "+time=3",
                        "@fd00:ec2::253", *args).stdout.split()
    assert ask("db6.ec2.internal", "AAAA") == ["2001:db8:1000:1::50"]
    assert ask("-x", "2001:db8:1000:1::50") == ["db6.ec2.internal."]
    assert ask("www.example.com") == ["203.0.113.80"]
    out = net.exec("ask6", "dig", transport, "@fd00:ec2::253", "-x", "2001:db8:1000:1::99").stdout
    assert "NXDOMAIN" in out and "8.b.d.0.1.0.0.2.ip6.arpa." in out.split("AUTHORITY SECTION")[1]


def test_peers_see_private_addresses_where_that_side_allows_it(net):
    name = "ec2-198-51-100-50.compute-1.amazonaws.com"

    def seen():
        return net.exec("ask6", "dig", "+short", name).stdout.split()
    assert seen() == ["198.51.100.50"]
    options = {"AllowDnsResolutionFromRemoteVpc": True}
    net.rest("PATCH", "/v1/vpc-peering-connections/peers",
             {"AccepterPeeringConnectionOptions": options})  # the other side's say
    assert seen() == ["198.51.100.50"]
    net.rest("PATCH", "/v1/vpc-peering-connections/peers",
             {"RequesterPeeringConnectionOptions": options})
    assert seen() == ["10.0.1.50"]


# Both families and HTTPS at once, from one socket, as browsers do.
PARALLEL = """
import socket, struct
def query(id, name, kind):
    q = struct.pack('!6H', id, 256, 1, 0, 0, 0)
    for l in name.split('.'):
        q += bytes([len(l)]) + l.encode()
    return q + struct.pack('!xHH', kind, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect(('10.0.0.2', 53))
names = ['both.shop.test', 'db.shop.test', 'www.example.com', 'x.w.shop.test']
want = {}
for round in range(20):
    for n, name in enumerate(names):
        for k, kind in enumerate((1, 28, 65)):
            id = round * 100 + n * 10 + k
            want[id] = kind
            s.send(query(id, name, kind))
    while want:
        r = s.recv(4096)
        id, flags, _, answers = struct.unpack('!4H', r[:8])
        kind = want.pop(id)
        assert flags & 15 == 0, (id, flags)
        assert kind != 65 or answers == 0
        assert kind != 1 or answers == 1
print('all')
"""


def test_parallel_queries_of_browsers(net):
    assert net.exec("ask", PYTHON, "-c", PARALLEL).stdout.strip() == "all"


# ---- messages ----

ASK = """
import socket, sys
for m in sys.argv[2:]:
    if sys.argv[1] == 'tcp':
        with socket.create_connection(('10.0.0.2', 53), 5) as t:
            b = bytes.fromhex(m)
            t.sendall(len(b).to_bytes(2, 'big') + b)
            n = int.from_bytes(t.recv(2), 'big')
            r = b''
            while len(r) < n:
                r += t.recv(n - len(r))
            print(r.hex())
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
            u.settimeout(0.5)
            u.sendto(bytes.fromhex(m), ('10.0.0.2', 53))
            try:
                print(u.recv(4096).hex())
            except TimeoutError:
                print('-')
"""


def message(name="db.shop.test", kind=1, flags=0x100, qclass=1, opt=None, count=1, extra=b""):
    m = struct.pack("!6H", 0x4242, flags, count, 0, 0, 0 if opt is None else 1)
    m += b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return m + struct.pack("!xHH", kind, qclass) + (opt or b"") + extra


def opt_record(size=1232, version=0, flags=0, options=b""):
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(options)) + options


def exchange(net, *messages, transport="udp"):
    out = net.exec("ask", PYTHON, "-c", ASK, transport, *(m.hex() for m in messages)).stdout
    return [None if line == "-" else bytes.fromhex(line) for line in out.split()]


def rcode(reply):
    """With the extended part, if there is an OPT record at the end."""
    low = reply[3] & 15
    return low | reply[-6] << 4 if struct.unpack("!H", reply[10:12])[0] else low


@pytest.mark.parametrize("name", ["db.shop.test", "x.w.shop.test", "no.shop.test"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_edns_compliance(net, name, transport):
    """The list of https://ednscomp.isc.org: unknown options, flags and versions, DO, no EDNS."""
    cookie, unknown = b"\0\x0a\0\x08abcdefgh", b"\0\x64\0\x02hi"
    plain, edns, option, both, flag, do, version1, v1option, trunc = exchange(net, *(
        message(name, opt=o) for o in (
            None, opt_record(), opt_record(options=unknown), opt_record(options=cookie + unknown),
            opt_record(flags=0x0080), opt_record(flags=0x8000), opt_record(version=1),
            opt_record(version=1, options=unknown), opt_record(size=512))), transport=transport)
    ordinary = 3 if name.startswith("no") else 0
    assert rcode(plain) == ordinary and struct.unpack("!H", plain[10:12])[0] == 0
    for reply in (edns, option, both, flag, trunc):
        assert rcode(reply) == ordinary
        assert reply[-11:-8] == b"\0\0\x29"        # OPT is there, and version 0
        assert reply[-5] == 0 and reply[-4:-2] == b"\0\0"  # unknown flags are not echoed
        assert reply[-2:] == b"\0\0"               # nor unknown options
    assert do[-4] == 0x80                          # DO is
    for reply in (version1, v1option):
        assert rcode(reply) == 16 and reply[6:8] == b"\0\0"


@pytest.mark.parametrize("what,query,expected", [
    ("any type", dict(kind=65280), 0), ("class CH", dict(qclass=3), 5),
    ("class ANY", dict(qclass=255), 5), ("AXFR", dict(kind=252), 5), ("type OPT", dict(kind=41), 1),
    ("ANY", dict(kind=255), 0), ("NOTIFY", dict(flags=0x2000), 4), ("UPDATE", dict(flags=0x2800), 4),
    ("two questions", dict(count=2), 1), ("no question", dict(count=0), 1),
    ("octets behind", dict(extra=b"x"), 1), ("two OPTs", dict(opt=opt_record(), extra=opt_record()), 1),
    ("option cut short", dict(opt=opt_record(options=b"\0\x0a\0\x09abc")), 1)])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_unusual_queries_get_their_code(net, what, query, expected, transport):
    reply = exchange(net, message(**query), transport=transport)[0]
    assert reply[:2] == b"\x42\x42" and reply[2] & 0x80
    assert reply[3] & 15 == expected, what


def test_chains_that_do_not_end_are_servfail(net):
    for transport in ("udp", "tcp"):
        for name in ("self.shop.test", "ping.shop.test", "c1.shop.test"):  # 17 links are too many
            reply = exchange(net, message(name), transport=transport)[0]
            assert rcode(reply) == 2 and reply[6:8] == b"\0\0", name
        reply = exchange(net, message("c2.shop.test"), transport=transport)[0]
        assert rcode(reply) == 0 and reply[6:8] == b"\0\x11"
        assert socket.inet_ntoa(reply[-4:]) == "10.0.1.18"
        # What is asked for is the link itself.
        assert rcode(exchange(net, message("self.shop.test", 5), transport=transport)[0]) == 0


# Many queries over one connection: all at once, then octet by octet; answers in any order (RFC 7766).
PIPELINE = """
import socket, struct
def query(id, name):
    q = struct.pack('!6H', id, 256, 1, 0, 0, 0)
    for l in name.split('.'):
        q += bytes([len(l)]) + l.encode()
    q += struct.pack('!xHH', 1, 1)
    return struct.pack('!H', len(q)) + q
names = ['db.shop.test', 'www.example.com', 'x.w.shop.test', 'no.shop.test', 'fresh%d.example.com']
queries = [query(i, names[i % 5].replace('%d', str(i))) for i in range(60)]
for pieces in ([b''.join(queries)], [bytes([b]) for b in b''.join(queries[:5])]):
    with socket.create_connection(('10.0.0.2', 53), 10) as t:
        t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for p in pieces:
            t.sendall(p)
        t.shutdown(socket.SHUT_WR)
        stream = t.makefile('rb')
        got = {}
        while (n := stream.read(2)):
            r = stream.read(int.from_bytes(n, 'big'))
            got[int.from_bytes(r[:2], 'big')] = r[3] & 15
    want = 60 if len(pieces) == 1 else 5
    assert got == {i: 3 if i % 5 > 2 else 0 for i in range(want)}, got
print('all')
"""


def test_queries_are_pipelined_over_one_connection(net):
    assert net.exec("ask", PYTHON, "-c", PIPELINE).stdout.strip() == "all"


def test_replies_and_scraps_stay_unanswered(net):
    assert exchange(net, message(flags=0x8180), b"\x42", message()[:11]) == [None, None, None]
    assert exchange(net, message())[0] is not None


def test_truncation_says_so_and_keeps_whole_sets(net):
    small, edns = exchange(net, message("large.shop.test"), message("large.shop.test",
                                                                    opt=opt_record()))
    for reply, limit in ((small, 512), (edns, 1232)):
        assert reply[2] & 2 and len(reply) <= limit
    whole = exchange(net, message("large.shop.test"), transport="tcp")[0]
    assert not whole[2] & 2 and struct.unpack("!H", whole[6:8])[0] == 120


def test_addresses_in_the_kernel_and_by_tcp_are_the_same(net):
    """The kernel answers by UDP alone: TCP shows what the daemon says."""
    queries = [message(n, k, opt=o) for n in ("db.shop.test", "Pg.Shop.Test", "six.shop.test")
               for k in (1, 28) for o in (None, opt_record(), opt_record(flags=0x8000))]
    assert exchange(net, *queries) == exchange(net, *queries, transport="tcp")
    assert socket.inet_ntoa(exchange(net, queries[0])[0][-4:]) == "10.0.1.50"

# SPDX-License-Identifier: MIT
"""VPCs of equal ranges, and senders that lie.

    alpha 10.0.0.0/16                 beta 10.0.0.0/16
      a 10.0.1.0/24                     b 10.0.1.0/24
        left  .10   right .11             left2 .10   right2 .11 (capabilities to forge)
"""

import pytest

from conftest import PYTHON, allow_all, server, until

FORGE = ["net_raw"]


@pytest.fixture(scope="module")
def twins(vpcd):
    def vpc():
        return {"CidrBlock": "10.0.0.0/16", "Subnets": {"a": {"CidrBlock": "10.0.1.0/24"}},
                "SecurityGroups": {"open": allow_all()}}

    def instance(vpc_name, name, address, **more):
        return {"Subnet": f"{vpc_name}/a", "PrivateIpAddress": address,
                "SecurityGroups": [f"{vpc_name}/open"],
                "Command": server(name, "tcp:80", "udp:7"), **more}

    vpcd.up({"Lab": "twins", "Vpcs": {"alpha": vpc(), "beta": vpc()}, "Instances": {
        "left": instance("alpha", "left", "10.0.1.10"),
        "right": instance("alpha", "right", "10.0.1.11"),
        "left2": instance("beta", "left2", "10.0.1.10"),
        "right2": instance("beta", "right2", "10.0.1.11", Capabilities=FORGE),
        "third2": instance("beta", "third2", "10.0.1.12"),
    }})
    for name in ("left", "right", "left2", "right2", "third2"):
        vpcd.wait_log(name, "serving")
    yield vpcd
    vpcd.down("twins")


def test_equal_addresses_reach_each_their_own_vpc(twins):
    assert twins.fetch("left", "10.0.1.11") == "right 10.0.1.10"
    assert twins.fetch("left2", "10.0.1.11") == "right2 10.0.1.10"
    assert twins.ask_udp("right", "10.0.1.10", 7) == "left 10.0.1.11"
    assert twins.ask_udp("right2", "10.0.1.10", 7) == "left2 10.0.1.11"
    assert twins.pings("left", "10.0.1.11") and twins.pings("left2", "10.0.1.11")


def test_an_address_that_only_the_other_vpc_has_is_silent(twins):
    before = twins.drops("ARP")
    assert twins.fetch("right", "10.0.1.12", timeout=2) is None
    assert twins.fetch("right2", "10.0.1.12") == "third2 10.0.1.11"
    assert twins.drops("ARP") > before


def scapy(vpcd, sandbox, code):
    program = "from scapy.all import *\nconf.verb = 0\n" + code
    return vpcd.exec(sandbox, PYTHON, "-c", program, timeout=60)


def seen(vpcd, sandbox, peer, port=7):
    return vpcd.logs(sandbox).count(f"udp {port} {peer}\n")


def mac_of(vpcd, sandbox, address):
    """The MAC that a sandbox has learned for a neighbour."""
    vpcd.pings(sandbox, address)
    return vpcd.exec(sandbox, "ip", "neigh", "show", address).stdout.split("lladdr ")[1].split()[0]


FORGERIES = {
    "source address of a neighbour": ("SOURCE_ADDRESS",
                                      "IP(src='10.0.1.10', dst='10.0.1.12')/UDP(sport=9, dport=7)"),
    "source address of nobody": ("SOURCE_ADDRESS",
                                 "IP(src='10.0.9.9', dst='10.0.1.12')/UDP(sport=9, dport=7)"),
    "source address of the router": ("SOURCE_ADDRESS",
                                     "IP(src='10.0.1.1', dst='10.0.1.12')/UDP(sport=9, dport=7)"),
    "loopback source": ("SOURCE_ADDRESS",
                        "IP(src='127.0.0.1', dst='10.0.1.12')/UDP(sport=9, dport=7)"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_forged_source_addresses_go_nowhere(twins, what):
    reason, packet = FORGERIES[what]
    mac = mac_of(twins, "right2", "10.0.1.12")
    before, own = twins.drops(reason), seen(twins, "third2", "10.0.1.11")
    everything = twins.logs("third2").count("udp 7")
    scapy(twins, "right2", f"sendp(Ether(dst='{mac}')/{packet}/b'x', iface='eth0', count=5)\n"
          f"sendp(Ether(dst='{mac}')/IP(src='10.0.1.11', dst='10.0.1.12')/UDP(sport=9, dport=7)/b'x',"
          " iface='eth0')")
    # The honest datagram was sent last: once it is there, the forged ones would be too.
    until(lambda: seen(twins, "third2", "10.0.1.11") == own + 1, what="the honest datagram")
    assert twins.logs("third2").count("udp 7") == everything + 1
    assert twins.drops(reason) == before + 5


def test_forged_source_mac_goes_nowhere(twins):
    mac = mac_of(twins, "right2", "10.0.1.12")
    before, own = twins.drops("SOURCE_MAC"), seen(twins, "third2", "10.0.1.11")
    scapy(twins, "right2", f"""
p = IP(src='10.0.1.11', dst='10.0.1.12')/UDP(sport=9, dport=7)/b'x'
sendp(Ether(src='02:00:00:00:00:01', dst='{mac}')/p, iface='eth0', count=5)
sendp(Ether(dst='{mac}')/p, iface='eth0')""")
    until(lambda: seen(twins, "third2", "10.0.1.11") == own + 1, what="the honest datagram")
    assert twins.drops("SOURCE_MAC") == before + 5


def test_forged_arp_poisons_nobody(twins):
    true = mac_of(twins, "third2", "10.0.1.10")
    scapy(twins, "right2", """
sendp(Ether(dst='ff:ff:ff:ff:ff:ff')/ARP(op=2, psrc='10.0.1.10', pdst='10.0.1.12'), iface='eth0', count=5)
sendp(Ether(dst='ff:ff:ff:ff:ff:ff')/ARP(op=1, psrc='10.0.1.10', pdst='10.0.1.12'), iface='eth0', count=5)""")
    assert twins.fetch("third2", "10.0.1.10") == "left2 10.0.1.12"
    assert mac_of(twins, "third2", "10.0.1.10") == true


def test_a_frame_to_a_mac_of_the_other_vpc_stays_in_its_own(twins):
    alpha = twins.exec("left", "cat", "/sys/class/net/eth0/address").stdout.strip()
    there, here = twins.logs("left").count("udp"), seen(twins, "left2", "10.0.1.11")
    scapy(twins, "right2", f"""
sendp(Ether(dst='{alpha}')/IP(src='10.0.1.11', dst='10.0.1.10')/UDP(sport=9, dport=7)/b'x',
      iface='eth0', count=5)""")
    until(lambda: seen(twins, "left2", "10.0.1.11") == here + 5, what="delivery by address")
    assert twins.ask_udp("right", "10.0.1.10", 7) == "left 10.0.1.11"
    assert twins.logs("left").count("udp") == there + 1


MALFORMED = {
    "VLAN": "Ether(dst='{mac}')/Dot1Q(vlan=0)/IP(src='10.0.1.11', dst='10.0.1.12')/UDP(dport=7)",
    "ETHERTYPE": "Ether(dst='{mac}', type=0x88cc)/b'lldp'",
    "MULTICAST": "Ether(dst='01:00:5e:00:00:fb')/IP(src='10.0.1.11', dst='224.0.0.251')/UDP(dport=7)",
    "IP_OPTIONS": "Ether(dst='{mac}')/IP(src='10.0.1.11', dst='10.0.1.12',"
                  " options=[IPOption(b'\\x94\\x04\\x00\\x00')])/UDP(dport=7)",
    "TRUNCATED": "Ether(dst='{mac}')/IP(src='10.0.1.11', dst='10.0.1.12', len=900)/UDP(dport=7)",
    "MAPPED_ADDRESS": "Ether(src=get_if_hwaddr('eth0'), dst='{mac}')"
                      "/IPv6(src='::ffff:10.0.1.11', dst='::ffff:10.0.1.12')/UDP(dport=7)",
}


@pytest.mark.parametrize("reason", MALFORMED)
def test_a_strange_packet_is_dropped_by_its_reason(twins, reason):
    mac = mac_of(twins, "right2", "10.0.1.12")
    before = twins.drops(reason)
    scapy(twins, "right2", f"sendp({MALFORMED[reason].format(mac=mac)}, iface='eth0', count=3)")
    assert twins.drops(reason) >= before + 3

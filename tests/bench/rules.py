# SPDX-License-Identifier: MIT
"""The same rules for every subject: others' ranges (or groups) and a port each; the last one, which
a chain reaches last, lets everything of the client in."""

import dataclasses

CLIENT4, SERVER4 = "10.77.0.10", "10.77.0.20"
CLIENT6, SERVER6 = "2001:db8:77::10", "2001:db8:77::20"
GROUPS = 20  # other groups that group rules refer to


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    ipv6: bool = False
    groups: bool = False


VARIANTS = {v.name: v for v in (Variant("ipv4-cidr"), Variant("ipv6-cidr", ipv6=True),
                                Variant("ipv4-group", groups=True))}


def other(variant, i):
    if variant.ipv6:
        return f"2001:db8:{0x8000 + i:x}::/64"
    return f"10.{200 + i // 200}.{i % 200}.0/24"


def vpcd_rules(variant, n, client):
    """All but the last, in vpcctl's words, and the last."""
    peers = [f"other-{i % GROUPS}" if variant.groups else other(variant, i) for i in range(n - 1)]
    host = f"{client}/{128 if variant.ipv6 else 32}"
    return ([f"tcp {1000 + i} from {peer}" for i, peer in enumerate(peers)],
            f"all from {'clients' if variant.groups else host}")


def nft_names(variant):
    """Address selector and type of nftables."""
    return ("ip6", "ipv6_addr") if variant.ipv6 else ("ip", "ipv4_addr")


def nft_members(i):
    """The members of group i, where nftables must list them."""
    return f"10.{200 + i}.0.1"


def nft_table(variant, body, declarations=""):
    return f"""
table inet filter {{
{declarations}
	chain forward {{
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		meta l4proto ipv6-icmp icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
{body}
	}}
}}
"""


def nft_chain(variant, n):
    """A chain of a rule each, then the last rule."""
    family, kind = nft_names(variant)
    client = CLIENT6 if variant.ipv6 else CLIENT4
    sets, lines = "", []
    if variant.groups:
        for i in range(GROUPS):
            sets += f"\tset other{i} {{ type {kind}; elements = {{ {nft_members(i)} }}; }}\n"
        sets += f"\tset clients {{ type {kind}; elements = {{ {client} }}; }}\n"
    for i in range(n - 1):
        peer = f"@other{i % GROUPS}" if variant.groups else other(variant, i)
        lines.append(f"\t\t{family} saddr {peer} tcp dport {1000 + i} accept")
    last = f"{family} saddr {'@clients' if variant.groups else client} accept"
    return nft_table(variant, "\n".join(lines), sets), last


def nft_set(variant, n):
    """One look-up in a set of (address, protocol, port), as a compiler of rules would write it."""
    family, kind = nft_names(variant)
    client = CLIENT6 if variant.ipv6 else CLIENT4
    elements = [f"{client} . {p} . 0-65535" for p in ("tcp", "udp")]
    for i in range(n - 1):
        peer = nft_members(i % GROUPS) if variant.groups else other(variant, i)
        elements.append(f"{peer} . tcp . {1000 + i}")
    declaration = (f"\tset allowed {{ type {kind} . inet_proto . inet_service; flags interval;\n"
                   f"\t\telements = {{ {', '.join(elements)} }}; }}")
    last = f"{family} saddr . meta l4proto . th dport @allowed accept"
    return nft_table(variant, "", declaration), last


def topology(counts, groups_per_server=5):
    """A VPC, and {sandbox: its groups} for the client and a server for each number and variant of
    rules, the last rule left out. A server's rules are spread over groups, as EC2's limits ask."""
    security = {"clients": {}}
    security.update({f"other-{i}": {} for i in range(GROUPS)})
    sandboxes = {"client": ["bench/clients"]}
    for variant in VARIANTS.values():
        for n in counts:
            name = f"{variant.name}-{n}"
            rules, _ = vpcd_rules(variant, n, "")
            for g in range(groups_per_server):
                security[f"{name}-{g}"] = {"Ingress": rules[g::groups_per_server]}
            sandboxes[name] = [f"bench/{name}-{g}" for g in range(groups_per_server)]
    return {"Lab": "bench", "Vpcs": {"bench": {
        "CidrBlock": "10.77.0.0/16", "Subnets": {"a": {"CidrBlock": "10.77.0.0/24"}},
        "SecurityGroups": security}}}, sandboxes

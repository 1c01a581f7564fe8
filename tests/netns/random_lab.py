# SPDX-License-Identifier: MIT
"""Small labs at random, for tests that hold two judges against one another."""


def random_rule(rng, groups):
    proto = rng.choice(["tcp", "tcp", "udp", "icmp", "all"])
    port = ""
    if proto in ("tcp", "udp"):
        low = rng.choice([1, 22, 80, 80, 443])
        port = f" {low}" if rng.random() < 0.7 else f" {low}-{low + rng.randrange(1, 400)}"
    peer = rng.choice([*groups, "0.0.0.0/0", "10.0.1.0/24", "10.0.2.0/24", "10.0.0.0/16"])
    return f"{proto}{port} from {peer}"


def random_rules(rng, groups):
    """No rule twice: that would be a fault of the file."""
    return list(dict.fromkeys(random_rule(rng, groups) for _ in range(rng.randrange(0, 4))))


def random_topology(rng, sandboxes_wanted=6):
    """Two subnets and a public one; random groups, ACLs and memberships; idle sandboxes refuse."""
    groups = ["g1", "g2", "g3"]
    acl = []
    for way in ("from", "to"):
        acl += [f"{n} {rng.choice(['allow', 'allow', 'deny'])} {rng.choice(['tcp', 'all', 'icmp'])} "
                f"{way} {rng.choice(['0.0.0.0/0', '10.0.1.0/24', '10.0.0.0/24'])}"
                for n in rng.sample(range(1, 90), rng.randrange(0, 3))]
        acl += [f"100 allow all {way} 0.0.0.0/0"] if rng.random() < 0.8 else []
    sandboxes = {}
    for i in range(sandboxes_wanted):
        sandboxes[f"s{i}"] = {
            "Subnet": rng.choice(["r/pub", "r/a", "r/b"]),
            "SecurityGroups": ["r/" + g for g in rng.sample(groups, rng.randrange(1, 3))]}
        if sandboxes[f"s{i}"]["Subnet"] == "r/pub" and rng.random() < 0.6:
            sandboxes[f"s{i}"]["PublicIp"] = "auto"
    return {"Lab": "random", "Vpcs": {"r": {
        "CidrBlock": "10.0.0.0/16", "InternetGateway": "igw",
        "Subnets": {"pub": {"CidrBlock": "10.0.0.0/24", "RouteTable": "pub"},
                    "a": {"CidrBlock": "10.0.1.0/24", "RouteTable": rng.choice(["out", "pub"])},
                    "b": {"CidrBlock": "10.0.2.0/24", "NetworkAcl": "acl"}},
        "NatGateways": {"nat": {"Subnet": "pub", "PublicIp": "198.51.100.99"}},
        "RouteTables": {"pub": {"Routes": {"0.0.0.0/0": "igw"}},
                        "out": {"Routes": {"0.0.0.0/0": "nat"}}},
        "NetworkAcls": {"acl": {"Entries": acl}},
        "SecurityGroups": {g: {"Ingress": random_rules(rng, groups)} for g in groups}}},
        "Instances": sandboxes,
        "InternetHosts": {"out.example.com": {"Address": "203.0.113.99"}}}

/* SPDX-License-Identifier: MIT
 * Random topologies, and changes of them. What the model refuses did not happen, so that no care is
 * taken to ask for possible things only.
 */
#include <stdarg.h>
#include <string.h>

#include "gen.h"

/* A list of JSON members that grows. */
struct text {
	char b[3072];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->n >= sizeof(t->b) - 1)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->b + t->n, sizeof(t->b) - t->n, fmt, ap);
	va_end(ap);
	t->n += (size_t)(n > 0 ? n : 0);
}

/* ---- small pools ---- */

static const char *random_range4(struct gen *g)
{
	return TEXT_OF(g, "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24",
		       "10.0.2.0/24", "10.0.1.4/32", "10.0.1.5/32", "10.0.2.4/31", "203.0.113.0/24",
		       "203.0.113.80/32", "198.51.100.0/24", "10.0.0.0/15", "10.1.0.0/16",
		       "10.1.1.0/24");
}

static const char *random_range6(struct gen *g)
{
	return TEXT_OF(g, "::/0", "::/0", "::/0", "2001:db8:1000::/52", "2001:db8:1000::/56",
		       "2001:db8:1000:1::/64", "2001:db8:1000:2::/64", "2001:db8:1000:1::4/128",
		       "2001:db8:1000:101::/64", "2001:db8:1000:200::/56", "2001:db8:80::/48",
		       "2001:db8:1000:1::4/127");
}

/* "'IpProtocol': …" of a rule or entry; key: IpProtocol or Protocol. */
static void random_transport(struct gen *g, const char *key, bool v6, char *ret, size_t len)
{
	unsigned from = gen_port(g), to = gen_chance(g, 50) ? from : from + gen_pick(g, 30000);

	switch (gen_pick(g, 10)) {
	case 0:
	case 1:
	case 2:
		snprintf(ret, len, "'%s': '-1'", key);
		break;
	case 3:
		snprintf(ret, len, "'%s': '%s', 'FromPort': %d, 'ToPort': -1", key,
			 v6 ? "icmpv6" : "icmp",
			 v6 ? ONE_OF(g, -1, 128, 129, 1) : ONE_OF(g, -1, 8, 0, 3));
		break;
	case 4:
		snprintf(ret, len, "'%s': '%s', 'FromPort': 0, 'ToPort': 65535", key,
			 TEXT_OF(g, "tcp", "udp"));
		break;
	case 5:
		snprintf(ret, len, "'%s': '47'", key);
		break;
	case 6:
		snprintf(ret, len, "'%s': '%s', 'FromPort': 1024, 'ToPort': 65535", key,
			 TEXT_OF(g, "tcp", "udp"));
		break;
	default:
		snprintf(ret, len, "'%s': '%s', 'FromPort': %u, 'ToPort': %u", key,
			 TEXT_OF(g, "tcp", "udp"), from, to > 65535 ? 65535 : to);
	}
}

/* ---- groups ---- */

/* A group of a VPC: its default one, or one of ours. */
static const char *random_group(struct gen *g, unsigned vpc, char buf[ID_LEN])
{
	unsigned n = gen_pick(g, g->vpc[vpc].groups + 1);

	if (n == g->vpc[vpc].groups)
		snprintf(buf, ID_LEN, "@sg:v%u", vpc);
	else
		snprintf(buf, ID_LEN, "g%u%u", vpc, n);
	return buf;
}

/* One or two, as members of a JSON list. */
static const char *random_groups(struct gen *g, unsigned vpc, char buf[128])
{
	char a[ID_LEN], b[ID_LEN];

	random_group(g, vpc, a);
	random_group(g, vpc, b);
	if (strcmp(a, b) && gen_chance(g, 40))
		snprintf(buf, 128, "'%s', '%s'", a, b);
	else
		snprintf(buf, 128, "'%s'", a);
	return buf;
}

static void add_rule(struct gen *g, unsigned vpc)
{
	char transport[128], peer[128], group[ID_LEN], other[ID_LEN];
	bool v6 = g->vpc[vpc].v6 && gen_chance(g, 40);
	unsigned of = gen_chance(g, 80) ? vpc : gen_pick(g, g->vpcs);

	random_transport(g, "IpProtocol", v6, transport, sizeof(transport));
	if (gen_chance(g, 25))
		snprintf(peer, sizeof(peer), "'ReferencedGroupId': '%s'",
			 random_group(g, of, other));
	else if (gen_chance(g, 12))
		snprintf(peer, sizeof(peer), "'PrefixListId': '%s'", v6 ? "pl6" : "pl4");
	else
		snprintf(peer, sizeof(peer), "'CidrIpv%c': '%s'", v6 ? '6' : '4',
			 v6 ? random_range6(g) : random_range4(g));
	gen_emit(g,
		 "create security-group-rule {'Name': 'r%u', 'GroupId': '%s', 'IsEgress': %s, %s, "
		 "%s}",
		 g->named++, random_group(g, vpc, group),
		 TEXT_OF(g, "false", "false", "false", "true"), transport, peer);
}

/* ---- ACLs ---- */

static void add_entry(struct gen *g, struct text *t, unsigned number, bool egress, bool v6,
		      const char *range, const char *action)
{
	char transport[128] = "'Protocol': '-1'";

	if (number < 100)
		random_transport(g, "Protocol", v6, transport, sizeof(transport));
	text_add(t, "%s{'RuleNumber': %u, 'Egress': %s, %s, '%s': '%s', 'RuleAction': '%s'}",
		 t->n ? ", " : "", number, egress ? "true" : "false", transport,
		 v6 ? "Ipv6CidrBlock" : "CidrBlock", range, action);
}

/* Mostly open at the end, with a few exceptions before. */
static const char *random_entries(struct gen *g, unsigned vpc, struct text *t)
{
	*t = (struct text){0};
	for (int egress = 0; egress < 2; egress++) {
		for (unsigned i = 0, n = gen_pick(g, 4); i < n; i++) {
			bool v6 = g->vpc[vpc].v6 && gen_chance(g, 50);

			add_entry(g, t, 10 + 10 * i, egress, v6,
				  v6 ? random_range6(g) : random_range4(g),
				  TEXT_OF(g, "allow", "deny"));
		}
		if (gen_chance(g, 85))
			add_entry(g, t, 100, egress, false, "0.0.0.0/0", "allow");
		if (g->vpc[vpc].v6 && gen_chance(g, 85))
			add_entry(g, t, 101, egress, true, "::/0", "allow");
	}
	return t->b;
}

/* ---- routes ---- */

/* An instance or NAT gateway of the VPC, if a few tries find one. */
static unsigned instance_of(struct gen *g, unsigned vpc)
{
	unsigned i = gen_pick(g, g->instances);

	for (unsigned tries = 0; tries < 6 && g->at[i].vpc != vpc; tries++)
		i = gen_pick(g, g->instances);
	return i;
}

static unsigned nat_of(struct gen *g, unsigned vpc)
{
	unsigned i = gen_pick(g, g->nats);

	for (unsigned tries = 0; tries < 6 && g->nat[i].vpc != vpc; tries++)
		i = gen_pick(g, g->nats);
	return i;
}

static void random_target(struct gen *g, unsigned vpc, bool v6, char *ret, size_t len)
{
	switch (gen_pick(g, 10)) {
	case 0:
	case 1:
	case 2:
		snprintf(ret, len, "'GatewayId': 'igw%u'", vpc);
		break;
	case 3:
	case 4:
		if (v6)
			snprintf(ret, len, "'EgressOnlyInternetGatewayId': 'eigw%u'", vpc);
		else
			snprintf(ret, len, "'NatGatewayId': 'nat%u'", nat_of(g, vpc));
		break;
	case 5:
	case 6:
		snprintf(ret, len, "'VpcPeeringConnectionId': 'pcx%u'",
			 vpc < 2 ? vpc : gen_pick(g, 2));
		break;
	default:
		snprintf(ret, len, "'InstanceId': 'i%u'", instance_of(g, vpc));
	}
}

/* A destination as a member; the first of a table is a default route. */
static void random_target_range(struct gen *g, unsigned vpc, bool v6, bool first, char *ret,
				size_t len)
{
	unsigned octet = g->vpc[vpc].octet, subnet = 1 + gen_pick(g, 3);

	if (!first && gen_chance(g, 12))
		snprintf(ret, len, "'DestinationPrefixListId': '%s'", v6 ? "pl6" : "pl4");
	else if (v6 && !first && gen_chance(g, 60))
		snprintf(ret, len, "'DestinationIpv6CidrBlock': '2001:db8:1000:%x::/64'",
			 gen_chance(g, 50) ? vpc * 256 + subnet
					   : gen_pick(g, VPCS) * 256 + gen_pick(g, 4));
	else if (v6)
		snprintf(ret, len, "'DestinationIpv6CidrBlock': '%s'",
			 first ? "::/0"
			       : TEXT_OF(g, "2001:db8:80::/48", "2001:db8:1000:200::/56",
					 "2001:db8:1000::/56", "2001:db8:1000:100::/56"));
	else if (!first && gen_chance(g, 45))
		snprintf(ret, len, "'DestinationCidrBlock': '10.%u.%u.0/24'", octet, subnet);
	else
		snprintf(ret, len, "'DestinationCidrBlock': '%s'",
			 first ? "0.0.0.0/0"
			       : TEXT_OF(g, "203.0.113.0/24", "192.168.0.0/16", "198.51.100.0/24",
					 "10.1.0.0/16", "10.0.0.0/16", "10.1.1.0/24",
					 "10.1.2.0/24"));
}

static const char *random_routes(struct gen *g, unsigned vpc, struct text *t)
{
	bool had[2] = {false, false};

	*t = (struct text){0};
	for (unsigned i = 0, n = 1 + gen_pick(g, 4); i < n; i++) {
		bool v6 = g->vpc[vpc].v6 && gen_chance(g, 40);
		char target[96], destination[96];

		random_target(g, vpc, v6, target, sizeof(target));
		random_target_range(g, vpc, v6, !had[v6], destination, sizeof(destination));
		had[v6] = true;
		text_add(t, "%s{%s, %s}", i ? ", " : "", destination, target);
	}
	return t->b;
}

static const char *random_table(struct gen *g, unsigned vpc, char buf[ID_LEN])
{
	unsigned n = gen_pick(g, g->vpc[vpc].tables + 1);

	if (n == g->vpc[vpc].tables)
		snprintf(buf, ID_LEN, "@main:v%u", vpc);
	else
		snprintf(buf, ID_LEN, "t%u%u", vpc, n);
	return buf;
}

static void set_routes(struct gen *g, unsigned vpc, const char *table)
{
	struct text t;

	gen_emit(g, "update %s {'Routes': [%s]}", table, random_routes(g, vpc, &t));
}

/* What an internet gateway's own table may say: local, or an interface, for whole subnets. */
static void set_ingress_routes(struct gen *g, unsigned vpc)
{
	struct text t = {0};

	for (unsigned s = 0; s < g->vpc[vpc].subnets; s++) {
		bool v6 = g->vpc[vpc].v6 && gen_chance(g, 30);

		if (!gen_chance(g, 50))
			continue;
		text_add(&t, "%s{'Destination%sCidrBlock': '", t.n ? ", " : "", v6 ? "Ipv6" : "");
		if (v6)
			text_add(&t, "2001:db8:1000:%x::/64", vpc * 256 + s + 1);
		else
			text_add(&t, "10.%u.%u.0/24", g->vpc[vpc].octet, s + 1);
		text_add(&t, "', 'InstanceId': 'i%u'}", instance_of(g, vpc));
	}
	gen_emit(g, "update tg%u {'Routes': [%s]}", vpc, t.b);
}

/* ---- places ---- */

static void add_instance(struct gen *g)
{
	unsigned n = g->instances, vpc = gen_pick(g, g->vpcs),
		 subnet = gen_pick(g, g->vpc[vpc].subnets), host = 4 + gen_pick(g, 5);
	char groups[128], a[IP_STRLEN], second[64] = "", v6[96] = "";

	if (n == INSTANCES)
		return;
	g->at[n].vpc = vpc;
	g->at[n].subnet = subnet;
	g->at[n].host = host;
	g->at[n].middlebox = gen_chance(g, 25);
	if (gen_chance(g, 20))
		snprintf(second, sizeof(second), "'SecondaryPrivateIpAddresses': ['%s'], ",
			 gen_address(g, false, vpc, subnet, host + 16, a));
	if (g->vpc[vpc].v6 && gen_chance(g, 85))
		snprintf(v6, sizeof(v6), "'Ipv6Addresses': ['%s'], ",
			 gen_address(g, true, vpc, subnet, host, a));
	gen_emit(g,
		 "create instance {'Name': 'i%u', 'SubnetId': 's%u%u', 'PrivateIpAddress': '%s', "
		 "%s%s'SecurityGroupIds': [%s], 'SourceDestCheck': %s}",
		 n, vpc, subnet, gen_address(g, false, vpc, subnet, host, a), second, v6,
		 random_groups(g, vpc, groups), g->at[n].middlebox ? "false" : "true");
	g->instances++;
}

static void make_subnets(struct gen *g, unsigned v)
{
	struct gen_vpc *p = &g->vpc[v];

	p->subnets = 2 + gen_pick(g, 2);
	for (unsigned s = 0; s < p->subnets; s++) {
		char v6[64] = "";

		if (p->v6)
			snprintf(v6, sizeof(v6), ", 'Ipv6CidrBlock': '2001:db8:1000:%x::/64'",
				 v * 256 + s + 1);
		gen_emit(g,
			 "create subnet {'Name': 's%u%u', 'VpcId': 'v%u', 'CidrBlock': "
			 "'10.%u.%u.0/24'%s}",
			 v, s, v, p->octet, s + 1, v6);
	}
}

static void make_vpc(struct gen *g, unsigned v)
{
	struct gen_vpc *p = &g->vpc[v];
	char v6[64] = "";
	struct text t;

	p->octet = v == 2;
	p->v6 = gen_chance(g, 60);
	if (p->v6)
		snprintf(v6, sizeof(v6), "'Ipv6CidrBlock': '2001:db8:1000:%x::/56', ", v * 256);
	gen_emit(
		g,
		"create vpc {'Name': 'v%u', 'CidrBlock': '10.%u.0.0/16', %s'EnableDnsSupport': %s}",
		v, p->octet, v6, TEXT_OF(g, "true", "true", "true", "false"));
	make_subnets(g, v);
	if (gen_chance(g, 85))
		gen_emit(g, "create internet-gateway {'Name': 'igw%u', 'VpcId': 'v%u'}", v, v);
	if (p->v6 && gen_chance(g, 60))
		gen_emit(g,
			 "create egress-only-internet-gateway {'Name': 'eigw%u', 'VpcId': 'v%u'}",
			 v, v);
	p->groups = 2 + gen_pick(g, 2);
	for (unsigned i = 0; i < p->groups; i++)
		gen_emit(g,
			 "create security-group {'Name': 'g%u%u', 'VpcId': 'v%u', 'GroupName': "
			 "'g%u', 'Description': 'g'}",
			 v, i, v, i);
	p->acls = 1 + gen_pick(g, 2);
	for (unsigned i = 0; i < p->acls; i++)
		gen_emit(g, "create network-acl {'Name': 'a%u%u', 'VpcId': 'v%u', 'Entries': [%s]}",
			 v, i, v, random_entries(g, v, &t));
	p->tables = 1 + gen_pick(g, 2);
	for (unsigned i = 0; i < p->tables; i++)
		gen_emit(g, "create route-table {'Name': 't%u%u', 'VpcId': 'v%u'}", v, i, v);
	if (gen_chance(g, 30))
		gen_emit(
			g,
			"create route-table {'Name': 'tg%u', 'VpcId': 'v%u', 'GatewayId': 'igw%u'}",
			v, v, v);
}

static void set_prefix_list(struct gen *g, bool v6, const char *verb)
{
	struct text t = {0};

	for (unsigned i = 0, n = 1 + gen_pick(g, 3); i < n; i++)
		text_add(&t, "%s{'Cidr': '%s'}", i ? ", " : "",
			 v6 ? random_range6(g) : random_range4(g));
	if (!strcmp(verb, "create"))
		gen_emit(g,
			 "create prefix-list {'Name': 'pl%c', 'AddressFamily': '%s', 'MaxEntries': "
			 "4,"
			 " 'Entries': [%s]}",
			 v6 ? '6' : '4', v6 ? "IPv6" : "IPv4", t.b);
	else
		gen_emit(g, "update pl%c {'Entries': [%s]}", v6 ? '6' : '4', t.b);
}

static void add_nat(struct gen *g)
{
	unsigned vpc = gen_pick(g, g->vpcs), subnet = gen_pick(g, g->vpc[vpc].subnets);
	char eip[128] = "";

	g->nat[g->nats].vpc = vpc;
	g->nat[g->nats].subnet = subnet;
	if (gen_chance(g, 75)) {
		gen_emit(g, "create elastic-ip {'Name': 'e%u', 'PublicIp': '198.51.100.%u'}",
			 g->eips, 10 + g->eips);
		snprintf(eip, sizeof(eip), ", 'AllocationId': 'e%u'", g->eips++);
		if (gen_chance(g, 25)) {
			gen_emit(g,
				 "create elastic-ip {'Name': 'e%u', 'PublicIp': '198.51.100.%u'}",
				 g->eips, 10 + g->eips);
			snprintf(eip, sizeof(eip),
				 ", 'AllocationId': 'e%u', 'SecondaryAllocationIds': ['e%u']",
				 g->eips - 1, g->eips);
			g->eips++;
		}
	}
	gen_emit(g,
		 "create nat-gateway {'Name': 'nat%u', 'SubnetId': 's%u%u', 'ConnectivityType': "
		 "'%s'%s}",
		 g->nats++, vpc, subnet, eip[0] ? "public" : "private",
		 eip[0]		     ? eip
		 : gen_chance(g, 30) ? ", 'SecondaryPrivateIpAddressCount': 2"
				     : "");
}

static void associate(struct gen *g)
{
	unsigned i = gen_pick(g, g->instances);

	if (gen_chance(g, 20))
		gen_emit(g, "update e%u {'NetworkInterfaceId': null}", gen_pick(g, g->eips));
	else
		gen_emit(g, "update e%u {'NetworkInterfaceId': '@eni:i%u'}", gen_pick(g, g->eips),
			 i);
}

static void make_edges(struct gen *g)
{
	for (unsigned i = 0, n = 1 + gen_pick(g, 4); i < n; i++)
		add_nat(g);
	for (unsigned i = 0; i < 3; i++, g->eips++)
		gen_emit(g, "create elastic-ip {'Name': 'e%u', 'PublicIp': '198.51.100.%u'}",
			 g->eips, 10 + g->eips);
	for (unsigned i = 0; i < 2 && g->vpcs == 3; i++)
		gen_emit(g,
			 "create vpc-peering-connection {'Name': 'pcx%u', 'VpcId': 'v%u', "
			 "'PeerVpcId': 'v2', 'Accept': %s}",
			 i, i, TEXT_OF(g, "true", "true", "false"));
	g->hosts = 2;
	gen_emit(g, "create internet-host {'Name': 'h0', 'Address': '203.0.113.80', 'Ipv6Address': "
		    "'2001:db8:80::80'}");
	gen_emit(g, "create internet-host {'Name': 'h1', 'Address': '203.0.113.81'}");
}

/* Rules, routes and associations of a VPC, once everything that they name is there. */
static void furnish(struct gen *g, unsigned v)
{
	char table[ID_LEN];

	for (unsigned i = 0, n = 4 + gen_pick(g, 7); i < n; i++)
		add_rule(g, v);
	for (unsigned i = 0; i < g->vpc[v].tables; i++) {
		snprintf(table, sizeof(table), "t%u%u", v, i);
		set_routes(g, v, table);
	}
	if (gen_chance(g, 60)) {
		snprintf(table, sizeof(table), "@main:v%u", v);
		set_routes(g, v, table);
	}
	set_ingress_routes(g, v);
	for (unsigned s = 0; s < g->vpc[v].subnets; s++) {
		if (gen_chance(g, 50))
			gen_emit(g, "update s%u%u {'RouteTableId': '%s'}", v, s,
				 random_table(g, v, table));
		if (gen_chance(g, 40))
			gen_emit(g, "update s%u%u {'NetworkAclId': 'a%u%u'}", v, s, v,
				 gen_pick(g, g->vpc[v].acls));
	}
}

/* An inspection layout: what a NAT gateway sends to the internet, and what comes back for it, goes
 * by a middlebox of another subnet. Sometimes one direction alone. */
static void make_inspection(struct gen *g, unsigned v)
{
	unsigned nat = nat_of(g, v), s = g->nat[nat].subnet, box = instance_of(g, v);

	if (g->nat[nat].vpc != v || g->at[box].vpc != v || g->at[box].subnet == s)
		return;
	g->at[box].middlebox = true;
	gen_emit(g, "update i%u {'SourceDestCheck': false, 'SecurityGroupIds': ['g%u0']}", box, v);
	if (gen_chance(g, 80))
		gen_emit(g,
			 "create security-group-rule {'Name': 'r%u', 'GroupId': 'g%u0', "
			 "'IsEgress': false, 'IpProtocol': '-1', 'CidrIpv4': '0.0.0.0/0'}",
			 g->named++, v);
	gen_emit(g, "update e%u {'NetworkInterfaceId': '@eni:i%u'}", gen_pick(g, g->eips), box);
	gen_emit(g,
		 "create route-table {'Name': 'tb%u', 'VpcId': 'v%u', 'Routes': "
		 "[{'DestinationCidrBlock': '0.0.0.0/0', 'GatewayId': 'igw%u'}]}",
		 v, v, v);
	gen_emit(g, "update s%u%u {'RouteTableId': 'tb%u'}", v, g->at[box].subnet, v);
	if (gen_chance(g, 90)) {
		gen_emit(g,
			 "create route-table {'Name': 'tn%u', 'VpcId': 'v%u', 'Routes': "
			 "[{'DestinationCidrBlock': '0.0.0.0/0', 'InstanceId': 'i%u'}]}",
			 v, v, box);
		gen_emit(g, "update s%u%u {'RouteTableId': 'tn%u'}", v, s, v);
	}
	gen_emit(g, "create route-table {'Name': 'tg%u', 'VpcId': 'v%u', 'GatewayId': 'igw%u'}", v,
		 v, v);
	if (gen_chance(g, 90))
		gen_emit(g,
			 "update tg%u {'Routes': [{'DestinationCidrBlock': '10.%u.%u.0/24', "
			 "'InstanceId': 'i%u'}]}",
			 v, g->vpc[v].octet, s + 1, box);
	gen_emit(g,
		 "update @main:v%u {'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
		 "'NatGatewayId': 'nat%u'}]}",
		 v, nat);
}

void gen_topology(struct gen *g)
{
	g->vpcs = 1 + gen_pick(g, VPCS);
	set_prefix_list(g, false, "create");
	set_prefix_list(g, true, "create");
	for (unsigned v = 0; v < g->vpcs; v++)
		make_vpc(g, v);
	make_edges(g);
	for (unsigned i = 0, n = 5 + gen_pick(g, 7); i < n; i++)
		add_instance(g);
	if (gen_chance(g, 50))
		gen_emit(g, "create function {'Name': 'f0', 'SubnetIds': ['s00'], 'Command': "
			    "['true'], 'Ipv6AllowedForDualStack': true}");
	g->functions = 1;
	for (unsigned i = 0; i < 5; i++)
		associate(g);
	for (unsigned v = 0; v < g->vpcs; v++) {
		furnish(g, v);
		if (gen_chance(g, 30))
			make_inspection(g, v);
	}
}

/* ---- changes ---- */

static void change_instance(struct gen *g)
{
	unsigned i = gen_pick(g, g->instances), vpc = g->at[i].vpc, subnet = g->at[i].subnet;
	char groups[128], a[IP_STRLEN];

	switch (gen_pick(g, 9)) {
	case 0:
	case 1:
	case 2:
		gen_emit(g, "update i%u {'SecurityGroupIds': [%s]}", i,
			 random_groups(g, vpc, groups));
		break;
	case 3:
		gen_emit(g, "update i%u {'SourceDestCheck': %s}", i, TEXT_OF(g, "true", "false"));
		break;
	case 4:
		gen_emit(g, "update @eni:i%u {'SecondaryPrivateIpAddresses': ['%s']}", i,
			 gen_address(g, false, vpc, subnet, 16 + 4 + gen_pick(g, 5), a));
		break;
	case 5:
		if (gen_chance(g, 50))
			gen_emit(g, "update @eni:i%u {'Ipv6Addresses': []}", i);
		else
			gen_emit(g, "update @eni:i%u {'Ipv6Addresses': ['%s']}", i,
				 gen_address(g, true, vpc, subnet, 4 + gen_pick(g, 5), a));
		break;
	case 6:
		gen_emit(g, "update @eni:i%u {'ConnectionTrackingSpecification': {'%s': %d}}", i,
			 TEXT_OF(g, "TcpEstablishedTimeout", "UdpStreamTimeout", "UdpTimeout"),
			 ONE_OF(g, 60, 60, 100, 0));
		break;
	case 7:
		add_instance(g);
		break;
	default:
		gen_emit(g, "delete i%u", i);
	}
}

static void change_edge(struct gen *g)
{
	unsigned v = gen_pick(g, g->vpcs);

	switch (gen_pick(g, 11)) {
	case 0:
		gen_emit(g, "delete nat%u", gen_pick(g, g->nats));
		break;
	case 1:
		gen_emit(g, "update igw%u {'VpcId': %s}", v, TEXT_OF(g, "null", "'v0'", "'v1'"));
		break;
	case 2:
		gen_emit(g, "delete %s", TEXT_OF(g, "h0", "h1", "eigw0", "eigw1", "tg0"));
		break;
	case 3:
		gen_emit(g, "update v%u {'EnableDnsSupport': %s}", v, TEXT_OF(g, "true", "false"));
		break;
	case 4:
		gen_emit(g, "update pcx%u {'Accept': true}", gen_pick(g, 2));
		break;
	case 5:
		gen_emit(g, "delete pcx%u", gen_pick(g, 2));
		break;
	case 6:
		set_prefix_list(g, gen_chance(g, 50), "update");
		break;
	case 7:
		set_ingress_routes(g, v);
		break;
	case 8:
		gen_emit(g, "update tg%u {'GatewayId': %s}", v, TEXT_OF(g, "null", "'igw0'"));
		break;
	default:
		associate(g);
	}
}

/* The default route of the main table goes another way out, under connections that stand. */
static void turn_default_route(struct gen *g)
{
	unsigned v = gen_pick(g, g->vpcs);

	if (gen_chance(g, 60))
		gen_emit(g,
			 "update @main:v%u {'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
			 "'GatewayId': 'igw%u'}]}",
			 v, v);
	else
		gen_emit(g,
			 "update @main:v%u {'Routes': [{'DestinationCidrBlock': '0.0.0.0/0', "
			 "'NatGatewayId': 'nat%u'}]}",
			 v, nat_of(g, v));
}

static void change_subnet(struct gen *g)
{
	unsigned v = gen_pick(g, g->vpcs), s = gen_pick(g, g->vpc[v].subnets);
	char name[ID_LEN];

	if (gen_chance(g, 50))
		gen_emit(g, "update s%u%u {'RouteTableId': '%s'}", v, s, random_table(g, v, name));
	else if (gen_chance(g, 50))
		gen_emit(g, "update s%u%u {'NetworkAclId': 'a%u%u'}", v, s, v,
			 gen_pick(g, g->vpc[v].acls));
	else
		gen_emit(g, "update s%u%u {'NetworkAclId': null}", v, s);
}

void gen_change(struct gen *g)
{
	unsigned v = gen_pick(g, g->vpcs);
	char name[ID_LEN];
	struct text t;

	switch (gen_pick(g, 18)) {
	case 16:
	case 17:
		turn_default_route(g);
		break;
	case 0:
	case 1:
		add_rule(g, v);
		break;
	case 2:
	case 3:
		gen_emit(g, "revoke %s %u", random_group(g, v, name), gen_pick(g, 4));
		break;
	case 4:
	case 5:
		set_routes(g, v, random_table(g, v, name));
		break;
	case 6:
		gen_emit(g, "update @acl:v%u {'Entries': [%s]}", v, random_entries(g, v, &t));
		break;
	case 7:
		gen_emit(g, "update a%u%u {'Entries': [%s]}", v, gen_pick(g, g->vpc[v].acls),
			 random_entries(g, v, &t));
		break;
	case 8:
	case 9:
		change_subnet(g);
		break;
	case 10:
	case 11:
	case 12:
		change_edge(g);
		break;
	default:
		change_instance(g);
	}
}

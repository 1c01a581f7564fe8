/* SPDX-License-Identifier: MIT
 * See generate.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "lib/cleanup.h"

#define VPCS 3
#define LINE 1024

struct gen {
	uint64_t state;
	struct script *script;
	struct run *run;
	struct err *e;
	int rc;
	unsigned packets; /* the last packet's number */
	unsigned named;	  /* objects made later have numbers of their own */
	unsigned vpcs, subnets[VPCS], groups[VPCS], tables[VPCS], acls[VPCS];
	unsigned instances, functions, hosts, eips, nats;
	struct {
		unsigned vpc, subnet, host;
		bool middlebox;
	} at[32]; /* of each instance */
};

/* splitmix64 */
static uint64_t next(struct gen *g)
{
	uint64_t z = (g->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned pick(struct gen *g, unsigned n)
{
	return n ? (unsigned)(next(g) % n) : 0;
}

static bool chance(struct gen *g, unsigned percent)
{
	return pick(g, 100) < percent;
}

#define ONE_OF(g, ...)                                               \
	({                                                           \
		static const int v_[] = {__VA_ARGS__};               \
		v_[pick(g, (unsigned)(sizeof(v_) / sizeof(v_[0])))]; \
	})
#define TEXT_OF(g, ...)                                              \
	({                                                           \
		static const char *const v_[] = {__VA_ARGS__};       \
		v_[pick(g, (unsigned)(sizeof(v_) / sizeof(v_[0])))]; \
	})

static bool going_on(const struct gen *g)
{
	return !g->rc && !g->run->difference[0];
}

/* Does and records one event. */
__attribute__((format(printf, 2, 3))) static void emit(struct gen *g, const char *fmt, ...)
{
	char line[LINE];
	va_list ap;

	if (!going_on(g))
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\'')
			*p = '"';
	script_add(g->script, line);
	g->rc = run_line(g->run, line, g->e);
}

/* ---- small pools ---- */

static unsigned random_port(struct gen *g)
{
	static const unsigned ports[] = {22, 53, 80, 443, 1024, 5000, 40000};

	return ports[pick(g, 7)];
}

static const char *random_range(struct gen *g)
{
	return TEXT_OF(g, "0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24",
		       "10.0.2.0/24", "10.0.1.4/32", "10.0.1.5/32", "10.0.2.4/31", "203.0.113.0/24",
		       "203.0.113.80/32", "198.51.100.0/24", "10.0.0.0/15", "10.1.0.0/16");
}

/* "'IpProtocol': …" of a rule or entry; key: IpProtocol or Protocol. */
static void random_transport(struct gen *g, const char *key, char *ret, size_t len)
{
	unsigned from = random_port(g), to = chance(g, 50) ? from : from + pick(g, 30000);

	switch (pick(g, 10)) {
	case 0:
	case 1:
	case 2:
		snprintf(ret, len, "'%s': '-1'", key);
		break;
	case 3:
		snprintf(ret, len, "'%s': 'icmp', 'FromPort': %d, 'ToPort': %d", key,
			 ONE_OF(g, -1, 8, 0, 3), -1);
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

/* ---- objects ---- */

/* A group of a VPC: its default one, or one of ours. */
static const char *random_group(struct gen *g, unsigned vpc, char buf[ID_LEN])
{
	unsigned n = pick(g, g->groups[vpc] + 1);

	if (n == g->groups[vpc])
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
	if (strcmp(a, b) && chance(g, 40))
		snprintf(buf, 128, "'%s', '%s'", a, b);
	else
		snprintf(buf, 128, "'%s'", a);
	return buf;
}

static void add_rule(struct gen *g, unsigned vpc)
{
	char transport[128], peer[128], group[ID_LEN], other[ID_LEN];

	random_transport(g, "IpProtocol", transport, sizeof(transport));
	if (chance(g, 25))
		snprintf(peer, sizeof(peer), "'ReferencedGroupId': '%s'",
			 random_group(g, vpc, other));
	else
		snprintf(peer, sizeof(peer), "'CidrIpv4': '%s'", random_range(g));
	emit(g,
	     "create security-group-rule {'Name': 'r%u', 'GroupId': '%s', 'IsEgress': %s, %s, %s}",
	     g->named++, random_group(g, vpc, group), TEXT_OF(g, "false", "false", "false", "true"),
	     transport, peer);
}

/* Entries of an ACL: mostly open at the end, with a few exceptions before. */
static void random_entries(struct gen *g, char *ret, size_t len)
{
	size_t at = 0;

	for (unsigned egress = 0; egress < 2; egress++) {
		unsigned n = pick(g, 4);

		for (unsigned i = 0; i < n; i++) {
			char transport[128];

			random_transport(g, "Protocol", transport, sizeof(transport));
			at += (size_t)snprintf(
				ret + at, len - at,
				"{'RuleNumber': %u, 'Egress': %s, %s, 'CidrBlock': '%s', "
				"'RuleAction': '%s'}, ",
				10 + 10 * i, egress ? "true" : "false", transport, random_range(g),
				TEXT_OF(g, "allow", "deny"));
		}
		if (chance(g, 85))
			at += (size_t)snprintf(
				ret + at, len - at,
				"{'RuleNumber': 100, 'Egress': %s, 'Protocol': '-1', "
				"'CidrBlock': '0.0.0.0/0', 'RuleAction': 'allow'}, ",
				egress ? "true" : "false");
	}
	ret[at ? at - 2 : 0] = 0;
}

static void random_target(struct gen *g, unsigned vpc, char *ret, size_t len)
{
	switch (pick(g, 6)) {
	case 0:
	case 1:
		snprintf(ret, len, "'GatewayId': 'igw%u'", vpc);
		break;
	case 2:
	case 3:
		snprintf(ret, len, "'NatGatewayId': 'nat%u'", g->nats ? pick(g, g->nats) : 0);
		break;
	default:
		snprintf(ret, len, "'InstanceId': 'i%u'", pick(g, g->instances));
	}
}

/* Routes of a table; targets of another VPC are refused, so the vpc's own are likely only. */
static void random_routes(struct gen *g, unsigned vpc, char *ret, size_t len)
{
	static const char *const destinations[] = {
		"0.0.0.0/0",   "203.0.113.0/24", "10.0.1.0/24",	   "10.0.2.0/24",
		"10.0.3.0/24", "192.168.0.0/16", "198.51.100.0/24"};
	bool used[7] = {false};
	unsigned n = 1 + pick(g, 3);
	size_t at = 0;

	ret[0] = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned d = i ? pick(g, 7) : 0;
		char target[64];

		if (used[d])
			continue;
		used[d] = true;
		random_target(g, vpc, target, sizeof(target));
		at += (size_t)snprintf(ret + at, len - at, "%s{'DestinationCidrBlock': '%s', %s}",
				       at ? ", " : "", destinations[d], target);
	}
}

static void set_routes(struct gen *g, unsigned vpc, const char *table)
{
	char routes[512];

	random_routes(g, vpc, routes, sizeof(routes));
	emit(g, "update %s {'Routes': [%s]}", table, routes);
}

static const char *random_table(struct gen *g, unsigned vpc, char buf[ID_LEN])
{
	unsigned n = pick(g, g->tables[vpc] + 1);

	if (n == g->tables[vpc])
		snprintf(buf, ID_LEN, "@main:v%u", vpc);
	else
		snprintf(buf, ID_LEN, "t%u%u", vpc, n);
	return buf;
}

static void add_instance(struct gen *g)
{
	unsigned n = g->instances, vpc = pick(g, g->vpcs), subnet = pick(g, g->subnets[vpc]);
	char groups[128];

	if (n == 32)
		return;
	g->at[n].vpc = vpc;
	g->at[n].subnet = subnet;
	g->at[n].middlebox = chance(g, 25);
	g->at[n].host = 4 + pick(g, 5);
	emit(g,
	     "create instance {'Name': 'i%u', 'SubnetId': 's%u%u', 'PrivateIpAddress': "
	     "'10.0.%u.%u', 'SecurityGroupIds': [%s], 'SourceDestCheck': %s}",
	     n, vpc, subnet, subnet + 1, g->at[n].host, random_groups(g, vpc, groups),
	     g->at[n].middlebox ? "false" : "true");
	g->instances++;
}

static void make_vpc(struct gen *g, unsigned v)
{
	char entries[2048];

	emit(g, "create vpc {'Name': 'v%u', 'CidrBlock': '10.0.0.0/16', 'EnableDnsSupport': %s}", v,
	     TEXT_OF(g, "true", "true", "true", "false"));
	g->subnets[v] = 2 + pick(g, 2);
	for (unsigned s = 0; s < g->subnets[v]; s++)
		emit(g,
		     "create subnet {'Name': 's%u%u', 'VpcId': 'v%u', 'CidrBlock': '10.0.%u.0/24'}",
		     v, s, v, s + 1);
	if (chance(g, 85))
		emit(g, "create internet-gateway {'Name': 'igw%u', 'VpcId': 'v%u'}", v, v);
	g->groups[v] = 2 + pick(g, 2);
	for (unsigned i = 0; i < g->groups[v]; i++)
		emit(g,
		     "create security-group {'Name': 'g%u%u', 'VpcId': 'v%u', 'GroupName': "
		     "'g%u', 'Description': 'g'}",
		     v, i, v, i);
	g->acls[v] = 1 + pick(g, 2);
	for (unsigned i = 0; i < g->acls[v]; i++) {
		random_entries(g, entries, sizeof(entries));
		emit(g, "create network-acl {'Name': 'a%u%u', 'VpcId': 'v%u', 'Entries': [%s]}", v,
		     i, v, entries);
	}
	g->tables[v] = 1 + pick(g, 2);
	for (unsigned i = 0; i < g->tables[v]; i++)
		emit(g, "create route-table {'Name': 't%u%u', 'VpcId': 'v%u'}", v, i, v);
}

static void make_edges(struct gen *g)
{
	unsigned n = 1 + pick(g, 3);

	for (unsigned i = 0; i < n; i++) {
		unsigned vpc = pick(g, g->vpcs), subnet = pick(g, g->subnets[vpc]);
		bool public = chance(g, 75);

		if (public)
			emit(g, "create elastic-ip {'Name': 'e%u', 'PublicIp': '198.51.100.%u'}",
			     g->eips, 10 + g->eips);
		emit(g,
		     "create nat-gateway {'Name': 'nat%u', 'SubnetId': 's%u%u', "
		     "'ConnectivityType': '%s'%s%u%s}",
		     g->nats, vpc, subnet, public ? "public" : "private",
		     public ? ", 'AllocationId': 'e" : ", 'Tags': {'t': '", g->eips,
		     public ? "'" : "'}");
		g->eips += public;
		g->nats++;
	}
	for (unsigned i = 0; i < 3; i++, g->eips++)
		emit(g, "create elastic-ip {'Name': 'e%u', 'PublicIp': '198.51.100.%u'}", g->eips,
		     10 + g->eips);
}

static void associate(struct gen *g)
{
	const struct model *m = store_model(world_store(g->run->world));
	const struct object *o = NULL;
	char name[ID_LEN];

	snprintf(name, sizeof(name), "i%u", pick(g, g->instances));
	if (chance(g, 20))
		emit(g, "update e%u {'NetworkInterfaceId': null}", pick(g, g->eips));
	else if (!model_resolve(m, KIND_INSTANCE, name, NULL, &o, NULL))
		emit(g, "update e%u {'NetworkInterfaceId': '@eni:%s'}", pick(g, g->eips), name);
}

static void make_topology(struct gen *g)
{
	char table[ID_LEN];

	g->vpcs = 1 + pick(g, 2);
	for (unsigned v = 0; v < g->vpcs; v++)
		make_vpc(g, v);
	make_edges(g);
	for (unsigned i = 0, n = 5 + pick(g, 6); i < n; i++)
		add_instance(g);
	if (chance(g, 50))
		emit(g,
		     "create function {'Name': 'f0', 'SubnetIds': ['s00'], 'Command': ['true']}");
	g->functions = 1;
	g->hosts = 2;
	emit(g, "create internet-host {'Name': 'h0', 'Address': '203.0.113.80'}");
	emit(g, "create internet-host {'Name': 'h1', 'Address': '203.0.113.81'}");
	for (unsigned i = 0; i < 3; i++)
		associate(g);
	for (unsigned v = 0; v < g->vpcs; v++) {
		for (unsigned i = 0; i < 4 + pick(g, 6); i++)
			add_rule(g, v);
		for (unsigned i = 0; i < g->tables[v]; i++) {
			snprintf(table, sizeof(table), "t%u%u", v, i);
			set_routes(g, v, table);
		}
		if (chance(g, 60)) {
			snprintf(table, sizeof(table), "@main:v%u", v);
			set_routes(g, v, table);
		}
		for (unsigned s = 0; s < g->subnets[v]; s++) {
			if (chance(g, 50))
				emit(g, "update s%u%u {'RouteTableId': '%s'}", v, s,
				     random_table(g, v, table));
			if (chance(g, 40))
				emit(g, "update s%u%u {'NetworkAclId': 'a%u%u'}", v, s, v,
				     pick(g, g->acls[v]));
		}
	}
}

/* ---- changes ---- */

static void random_change(struct gen *g)
{
	unsigned v = pick(g, g->vpcs), s = pick(g, g->subnets[v]), i = pick(g, g->instances);
	char name[ID_LEN], entries[2048];

	switch (pick(g, 16)) {
	case 0:
	case 1:
		add_rule(g, v);
		break;
	case 2:
	case 3:
		emit(g, "revoke %s %u", random_group(g, v, name), pick(g, 4));
		break;
	case 4:
	case 5:
		set_routes(g, v, random_table(g, v, name));
		break;
	case 6:
		random_entries(g, entries, sizeof(entries));
		emit(g, "update %sv%u {'Entries': [%s]}", "@acl:", v, entries);
		break;
	case 7:
		random_entries(g, entries, sizeof(entries));
		emit(g, "update a%u%u {'Entries': [%s]}", v, pick(g, g->acls[v]), entries);
		break;
	case 8:
	case 9:
		emit(g, "update i%u {'SecurityGroupIds': [%s]}", i,
		     random_groups(g, g->at[i].vpc, entries));
		break;
	case 10:
		emit(g, "update s%u%u {'RouteTableId': '%s'}", v, s, random_table(g, v, name));
		break;
	case 11:
		if (chance(g, 50))
			emit(g, "update s%u%u {'NetworkAclId': 'a%u%u'}", v, s, v,
			     pick(g, g->acls[v]));
		else
			emit(g, "update s%u%u {'NetworkAclId': null}", v, s);
		break;
	case 12:
		associate(g);
		break;
	case 13:
		emit(g, "update i%u {'SourceDestCheck': %s}", i, TEXT_OF(g, "true", "false"));
		break;
	case 14:
		add_instance(g);
		break;
	case 15:
		switch (pick(g, 6)) {
		case 0:
			emit(g, "delete nat%u", pick(g, g->nats));
			break;
		case 1:
			emit(g, "update igw%u {'VpcId': %s}", v,
			     TEXT_OF(g, "null", "'v0'", "'v1'"));
			break;
		case 2:
			emit(g, "delete h%u", pick(g, 2));
			break;
		case 3:
			emit(g, "update v%u {'EnableDnsSupport': %s}", v,
			     TEXT_OF(g, "true", "false"));
			break;
		default:
			emit(g, "delete i%u", i);
		}
	}
}

/* ---- packets ---- */

/* Of an instance that there was once, in this VPC if it is not VPCS. */
static void random_instance_address(struct gen *g, unsigned vpc, char *ret, size_t len)
{
	unsigned n = pick(g, g->instances);

	for (unsigned tries = 0; tries < 8 && vpc < VPCS && g->at[n].vpc != vpc; tries++)
		n = pick(g, g->instances);
	snprintf(ret, len, "10.0.%u.%u", g->at[n].subnet + 1, g->at[n].host);
}

static void random_destination(struct gen *g, unsigned vpc, char *ret, size_t len)
{
	switch (pick(g, 20)) {
	case 0:
	case 1:
	case 2:
		snprintf(ret, len, "203.0.113.%u", 80 + pick(g, 2));
		break;
	case 3:
	case 4:
		snprintf(ret, len, "198.51.100.%u", 10 + pick(g, g->eips));
		break;
	case 5:
		snprintf(ret, len, "%s",
			 TEXT_OF(g, "10.0.0.2", "169.254.169.253", "169.254.169.254", "8.8.8.8",
				 "192.168.1.1", "10.7.7.7", "224.0.0.5", "203.0.113.53",
				 "255.255.255.255", "100.64.0.9", "203.0.113.99"));
		break;
	case 6:
	case 7:
		snprintf(ret, len, "10.0.%u.%u", 1 + pick(g, 3), 4 + pick(g, 6));
		break;
	default:
		random_instance_address(g, vpc, ret, len);
	}
}

/* Somebody's own address, as the model has it; "": no such name. */
static void own_address(struct gen *g, const char *name, char *ret)
{
	const struct model *m = store_model(world_store(g->run->world));
	const struct object *o = NULL, *eni;
	const char *id = NULL;

	ret[0] = 0;
	if (model_resolve(m, KIND_NONE, name, NULL, &o, NULL))
		return;
	if (o->kind->kind == KIND_INTERNET_HOST) {
		ip_format(&AS_CONST(internet_host, o)->address, ret);
		return;
	}
	if (o->kind->kind == KIND_INSTANCE)
		id = AS_CONST(instance, o)->network_interface_id;
	if (o->kind->kind == KIND_FUNCTION)
		id = AS_CONST(function, o)->network_interface_id;
	eni = id ? model_get(m, id) : NULL;
	if (eni)
		ip_format(&AS_CONST(network_interface, eni)->private_ip_address, ret);
}

/* Returns its VPC; VPCS: unknown. */
static unsigned random_sender(struct gen *g, char name[ID_LEN], char address[IP_STRLEN])
{
	unsigned n = pick(g, g->instances + g->functions + g->hosts);

	if (n < g->instances)
		snprintf(name, ID_LEN, "i%u", n);
	else if (n < g->instances + g->functions)
		snprintf(name, ID_LEN, "f%u", n - g->instances);
	else
		snprintf(name, ID_LEN, "h%u", n - g->instances - g->functions);
	own_address(g, name, address);
	if (!address[0]) /* gone: it says what it said before */
		snprintf(address, IP_STRLEN, "10.0.%u.%u", 1 + pick(g, 3), 4 + pick(g, 5));
	if (n < g->instances && g->at[n].middlebox && chance(g, 40))
		random_destination(g, VPCS, address, IP_STRLEN);
	else if (chance(g, 1))
		snprintf(address, IP_STRLEN, "%s", TEXT_OF(g, "10.0.1.4", "127.0.0.1", "8.8.8.8"));
	return n < g->instances ? g->at[n].vpc : VPCS;
}

/* What is sent to oneself never leaves a sandbox. */
static bool is_own(struct gen *g, const char *name, const char *dst)
{
	char own[IP_STRLEN];

	own_address(g, name, own);
	return !strcmp(own, dst);
}

static void random_packet(struct gen *g)
{
	char name[ID_LEN], src[IP_STRLEN], dst[IP_STRLEN], options[64] = "";
	unsigned sport = (unsigned)ONE_OF(g, 4000, 4001, 40000, 53, 1025);
	unsigned vpc = random_sender(g, name, src);

	do
		random_destination(g, vpc, dst, sizeof(dst));
	while (is_own(g, name, dst));
	if (chance(g, 4))
		snprintf(options, sizeof(options), " len=%u%s",
			 (unsigned)ONE_OF(g, 1472, 1460, 1500, 2000, 0),
			 chance(g, 50) ? " df" : "");
	else if (chance(g, 2))
		snprintf(options, sizeof(options), " odd=%s",
			 oddity_names[1 + pick(g, ODD_COUNT - 1)]);
	g->packets++;
	switch (pick(g, 20)) {
	case 0:
		emit(g, "packet %u %s 47 %s %s%s", g->packets, name, src, dst, options);
		break;
	case 1:
		emit(g, "packet %u %s icmp %s %s %u %u 0%s", g->packets, name, src, dst,
		     (unsigned)ONE_OF(g, 13, 14, 5, 3), pick(g, 2), options);
		break;
	case 2:
	case 3:
	case 4:
		emit(g, "packet %u %s icmp %s %s 8 0 %u%s", g->packets, name, src, dst,
		     100 + (unsigned)name[1], options);
		break;
	case 5:
		emit(g, "arp %u %s %s", g->packets, name, dst);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
		emit(g, "packet %u %s udp %s %u %s %u%s", g->packets, name, src, sport, dst,
		     random_port(g), options);
		break;
	default:
		emit(g, "packet %u %s tcp %s %u %s %u %s%s", g->packets, name, src, sport, dst,
		     random_port(g), TEXT_OF(g, "S", "S", "S", "S", "A", "F", "R"), options);
	}
}

static void random_follow(struct gen *g)
{
	const struct run *r = g->run;
	unsigned back = 1 + pick(g, chance(g, 70) ? 3 : 30);
	const struct delivery *d;
	const char *flags;

	if (r->n_deliveries < back) {
		random_packet(g);
		return;
	}
	d = &r->deliveries[r->n_deliveries - back];
	flags = chance(g, 75) ? "" : TEXT_OF(g, " A", " F", " R", " S", " FA");
	g->packets++;
	/* A receiver that the packet was not for is a middlebox: it sends on. */
	if (chance(g, 15))
		emit(g, "forward %u %u", g->packets, d->n);
	else if (chance(g, 60))
		emit(g, "reply %u %u%s", g->packets, d->n, flags);
	else
		emit(g, "again %u %u%s", g->packets, d->n, flags);
}

static void random_advance(struct gen *g)
{
	emit(g, "advance %u",
	     (unsigned)ONE_OF(g, 1, 5, 10, 15, 29, 30, 31, 59, 60, 61, 100, 179, 180, 181, 300, 349,
			      350, 351, 599, 600, 601, 431999, 432000));
}

static void random_event(struct gen *g)
{
	unsigned n = pick(g, 1000);

	if (n < 420)
		random_packet(g);
	else if (n < 910)
		random_follow(g);
	else if (n < 960)
		random_change(g);
	else if (n < 985)
		random_advance(g);
	else if (n < 997) {
		if (getenv("VPCD_COLLECT"))
			emit(g, "collect");
	} else
		emit(g, "restart");
}

int generate_run(uint64_t seed, unsigned events, struct script *s, struct run *r, struct err *e)
{
	struct gen g = {.state = seed, .script = s, .run = r, .e = e};

	make_topology(&g);
	for (unsigned i = 0; i < events && going_on(&g) && !run_stalled(r); i++)
		random_event(&g);
	return g.rc;
}

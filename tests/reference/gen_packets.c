/* SPDX-License-Identifier: MIT
 * Random packets: mostly between places that are there, from a small pool of ports, and answers to
 * what was delivered.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "gen.h"
#include "model/kinds.h"
#include "ref_model.h"

/* ---- addresses ---- */

/* One of an object's own addresses, as the model has it; "": it has none of the family. */
static void own_address(struct gen *g, const char *name, bool v6, char *ret)
{
	const struct model *m = store_model(world_store(g->run->world));
	const struct network_interface *eni = NULL;
	const struct object *o = NULL;
	const char *id = NULL;

	ret[0] = 0;
	if (model_resolve(m, KIND_NONE, name, NULL, &o, NULL))
		return;
	if (o->kind->kind == KIND_INTERNET_HOST) {
		const struct internet_host *h = AS_CONST(internet_host, o);

		ip_format(v6 ? &h->ipv6_address : &h->address, ret);
		return;
	}
	if (o->kind->kind == KIND_INSTANCE)
		id = AS_CONST(instance, o)->network_interface_id;
	if (o->kind->kind == KIND_FUNCTION)
		id = AS_CONST(function, o)->network_interface_id;
	eni = id ? AS_CONST(network_interface, model_get(m, id)) : NULL;
	if (!eni)
		return;
	if (v6 && eni->ipv6_addresses.n)
		ip_format(eni->ipv6_addresses.v, ret);
	else if (!v6 && eni->secondary_private_ip_addresses.n && gen_chance(g, 40))
		ip_format(eni->secondary_private_ip_addresses.v, ret);
	else if (!v6)
		ip_format(&eni->private_ip_address, ret);
}

/* Of an instance that there was once, in this VPC if it is not VPCS. */
static void instance_address(struct gen *g, unsigned vpc, bool v6, char *ret)
{
	unsigned n = gen_pick(g, g->instances);

	for (unsigned tries = 0; tries < 8 && vpc < VPCS && g->at[n].vpc != vpc; tries++)
		n = gen_pick(g, g->instances);
	gen_address(g, v6, g->at[n].vpc, g->at[n].subnet,
		    g->at[n].host + (!v6 && gen_chance(g, 10) ? 16 : 0), ret);
}

static const char *odd_address(struct gen *g, bool v6)
{
	if (v6)
		return TEXT_OF(g, "fd00:ec2::253", "fd00:ec2::254", "fe80::99", "ff02::5",
			       "2001:db8:99::1", "fd00:1::1");
	return TEXT_OF(g, "10.0.0.2", "169.254.169.253", "169.254.169.254", "8.8.8.8",
		       "192.168.1.1", "10.7.7.7", "224.0.0.5", "203.0.113.53", "255.255.255.255",
		       "100.64.0.9", "203.0.113.99", "10.1.0.2");
}

static void random_destination(struct gen *g, unsigned vpc, bool v6, char *ret)
{
	switch (gen_pick(g, 22)) {
	case 0:
	case 1:
	case 2:
	case 20:
	case 21:
		if (!v6 && gen_chance(g, g->uplink ? 50 : 5)) {
			snprintf(ret, IP_STRLEN, "192.0.2.%u", 9 + gen_pick(g, 2));
			break;
		}
		snprintf(ret, IP_STRLEN, v6 ? "2001:db8:80::%u" : "203.0.113.%u",
			 80 + gen_pick(g, 2));
		break;
	case 3:
	case 4:
		if (!v6) {
			snprintf(ret, IP_STRLEN, "198.51.100.%u", 10 + gen_pick(g, g->eips));
			break;
		}
		instance_address(g, VPCS, v6, ret);
		break;
	case 5:
		snprintf(ret, IP_STRLEN, "%s", odd_address(g, v6));
		break;
	case 6:
	case 7:
		gen_address(g, v6, gen_pick(g, g->vpcs), gen_pick(g, 3), 4 + gen_pick(g, 6), ret);
		break;
	case 8:
	case 9:
	case 10:
		instance_address(g, VPCS, v6, ret);
		break;
	default:
		instance_address(g, vpc, v6, ret);
	}
}

/* Returns its VPC; VPCS: none of ours. */
static unsigned random_sender(struct gen *g, bool *v6, char name[ID_LEN], char address[IP_STRLEN])
{
	unsigned n = gen_pick(g, g->instances + g->functions + g->hosts);
	unsigned vpc = n < g->instances ? g->at[n].vpc : VPCS;

	if (g->uplink && gen_chance(g, 5)) {
		*v6 = false;
		snprintf(name, ID_LEN, "uplink");
		snprintf(address, IP_STRLEN, "192.0.2.%u", 9 + gen_pick(g, 2));
		return VPCS;
	}
	if (n < g->instances)
		snprintf(name, ID_LEN, "i%u", n);
	else if (n < g->instances + g->functions)
		snprintf(name, ID_LEN, "f%u", n - g->instances);
	else
		snprintf(name, ID_LEN, "h%u", n - g->instances - g->functions);
	*v6 = gen_chance(g, 35);
	own_address(g, name, *v6, address);
	if (!address[0] && *v6) {
		*v6 = false;
		own_address(g, name, *v6, address);
	}
	if (!address[0]) /* gone: it says what it said before */
		gen_address(g, *v6, 0, gen_pick(g, 3), 4 + gen_pick(g, 5), address);
	if (n < g->instances && g->at[n].middlebox && gen_chance(g, 40))
		random_destination(g, VPCS, *v6, address);
	else if (gen_chance(g, 1))
		snprintf(address, IP_STRLEN, "%s",
			 *v6 ? TEXT_OF(g, "2001:db8:1000:1::4", "::1", "fe80::1")
			     : TEXT_OF(g, "10.0.1.4", "127.0.0.1", "8.8.8.8"));
	return vpc;
}

/* What is sent to oneself never leaves a sandbox. */
static bool is_own(struct gen *g, const char *name, bool v6, const char *dst)
{
	char own[IP_STRLEN];

	own_address(g, name, v6, own);
	return !strcmp(own, dst);
}

/* ---- packets ---- */

/* header: bytes of the transport's, with which a first fragment is a multiple of 8. far: to the
 * internet, whose MTU is in reach. */
static const char *random_options(struct gen *g, unsigned header, bool far, char buf[64])
{
	buf[0] = 0;
	if (gen_chance(g, 6))
		snprintf(buf, 64, " len=%u id=%u%s%s",
			 (unsigned)ONE_OF(g, 80, 80, 88, 83) - header % 8, 1 + gen_pick(g, 3),
			 gen_chance(g, 80) ? " more" : "", gen_chance(g, 20) ? " at=80" : "");
	else if (gen_chance(g, far ? 15 : 5))
		snprintf(buf, 64, " len=%u%s",
			 (unsigned)ONE_OF(g, 1432, 1440, 1452, 1460, 1472, 1500, 2000, 0),
			 gen_chance(g, 60) ? " df" : "");
	else if (gen_chance(g, 2))
		snprintf(buf, 64, " odd=%s", oddity_names[1 + gen_pick(g, ODD_COUNT - 1)]);
	return buf;
}

void gen_packet(struct gen *g)
{
	char name[ID_LEN], src[IP_STRLEN], dst[IP_STRLEN], options[64];
	unsigned sport = (unsigned)ONE_OF(g, 4000, 4001, 40000, 53, 1025), n = ++g->packets;
	bool v6;
	unsigned kind, vpc = random_sender(g, &v6, name, src);

	do
		random_destination(g, vpc, v6, dst);
	while (is_own(g, name, v6, dst));
	kind = gen_pick(g, 20);
	random_options(g, kind > 11 ? 20 : 8,
		       !strncmp(dst, "203.", 4) || !strncmp(dst, "192.0.2", 7) ||
			       !strncmp(dst, "2001:db8:80:", 12),
		       options);
	switch (kind) {
	case 0:
		gen_emit(g, "packet %u %s 47 %s %s%s", n, name, src, dst, options);
		break;
	case 1:
		gen_emit(g, "packet %u %s icmp %s %s %u %u 0%s", n, name, src, dst,
			 (unsigned)(v6 ? ONE_OF(g, 150, 151, 129) : ONE_OF(g, 13, 14, 5, 0)),
			 gen_pick(g, 2), options);
		break;
	case 2:
	case 3:
	case 4:
		gen_emit(g, "packet %u %s icmp %s %s %u 0 %u%s", n, name, src, dst, v6 ? 128 : 8,
			 100 + gen_pick(g, 3), options);
		break;
	case 5:
		gen_emit(g, "arp %u %s %s", n, name,
			 v6 && gen_chance(g, 30) ? TEXT_OF(g, "fe80:ec2::1", "2001:db8:1000:1::1")
						 : dst);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
	case 10:
	case 11:
		gen_emit(g, "packet %u %s udp %s %u %s %u%s", n, name, src, sport, dst, gen_port(g),
			 options);
		break;
	default:
		gen_emit(g, "packet %u %s tcp %s %u %s %u %s%s", n, name, src, sport, dst,
			 gen_port(g), TEXT_OF(g, "S", "S", "S", "S", "A", "F", "R"), options);
	}
}

/* The public address of who sent a packet out of a VPC changes, and it goes on sending. */
static bool swap_address(struct gen *g, const struct delivery *d)
{
	const struct model *m = store_model(world_store(g->run->world));
	const char *name = NULL, *eip = NULL;
	char instance[ID_LEN], old[ID_LEN];

	model_for_each (o, m, KIND_INSTANCE)
		if (!strcmp(AS_CONST(instance, o)->network_interface_id, d->from))
			name = o->name;
	model_for_each (o, m, KIND_ELASTIC_IP)
		if (!ip_cmp(&AS_CONST(elastic_ip, o)->public_ip, &d->got.src))
			eip = o->name;
	if (!name || !eip)
		return false;
	snprintf(instance, sizeof(instance), "%s", name);
	snprintf(old, sizeof(old), "%s", eip);
	gen_emit(g, "update %s {'NetworkInterfaceId': null}", old);
	gen_emit(g, "update e%u {'NetworkInterfaceId': '@eni:%s'}", gen_pick(g, g->eips), instance);
	gen_emit(g, "again %u %u", g->packets, d->n);
	return true;
}

/* A receiver that the packet was not for sends it on. */
static bool is_at_middlebox(const struct gen *g, const struct delivery *d)
{
	struct place to;

	return place_find(store_model(world_store(g->run->world)), d->to, &to) &&
	       to.kind == PLACE_VPC && !place_owns(&to, &d->got.dst);
}

void gen_follow(struct gen *g)
{
	const struct run *r = g->run;
	unsigned back = 1 + gen_pick(g, gen_chance(g, 70) ? 3 : 30);
	const struct delivery *d;
	const char *flags;

	if (r->n_deliveries < back) {
		gen_packet(g);
		return;
	}
	d = &r->deliveries[r->n_deliveries - back];
	if (ip_cmp(&d->sent.src, &d->got.src) && gen_chance(g, 20)) {
		g->packets++;
		if (swap_address(g, d))
			return;
	}
	flags = gen_chance(g, 75) ? "" : TEXT_OF(g, " A", " F", " R", " S", " FA");
	g->packets++;
	if (packet_is_fragment(&d->sent) && gen_chance(g, 60))
		gen_emit(g, "fragment %u %u %d", g->packets, d->n, ONE_OF(g, 80, 88, 104, 800));
	else if (gen_chance(g, 10))
		gen_emit(g, "error %u %u %d %d", g->packets, d->n,
			 d->got.src.family == AF_INET6 ? ONE_OF(g, 1, 2, 3) : ONE_OF(g, 3, 11, 12),
			 ONE_OF(g, 0, 1, 4));
	else if (gen_chance(g, is_at_middlebox(g, d) ? 70 : 2))
		gen_emit(g, "forward %u %u", g->packets, d->n);
	else if (gen_chance(g, 60))
		gen_emit(g, "reply %u %u%s", g->packets, d->n, flags);
	else
		gen_emit(g, "again %u %u%s", g->packets, d->n, flags);
}

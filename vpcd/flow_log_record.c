/* SPDX-License-Identifier: MIT
 * See flow_log_record.h.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bpf/dataplane.h"
#include "vpcd/flow_log_record.h"

#define HAS(f) (1ull << FLOW_FIELD_##f)

static struct ip ip_of(uint8_t family, const struct ip128 *a)
{
	struct ip ip = {.family = family == AF_INET6 ? AF_INET6 : AF_INET};

	memcpy(ip.b, a->b, sizeof(ip.b));
	return ip;
}

/* ICMP has no ports: what stands in their place is not told (AWS: 0). */
static bool has_ports(const struct flow_key *k)
{
	return k->protocol == IPPROTO_TCP || k->protocol == IPPROTO_UDP;
}

/* What does not depend on whose record it is. */
static void record_begin(const struct flow_part *p, const struct flow_log_interface *self,
			 bool egress, struct flow_record *r)
{
	memset(r, 0, sizeof(*r));
	r->has = HAS(VERSION) | HAS(SRCADDR) | HAS(DSTADDR) | HAS(PKT_SRCADDR) | HAS(PKT_DSTADDR) |
		 HAS(SRCPORT) | HAS(DSTPORT) | HAS(PROTOCOL) | HAS(PACKETS) | HAS(BYTES) |
		 HAS(START) | HAS(END) | HAS(ACTION) | HAS(LOG_STATUS) | HAS(TYPE) |
		 HAS(FLOW_DIRECTION);
	r->protocol = p->of.key.protocol;
	r->packets = p->n.packets;
	r->bytes = p->n.bytes;
	r->action = p->of.reason ? FLOW_ACTION_REJECT : FLOW_ACTION_ACCEPT;
	r->log_status = FLOW_STATUS_OK;
	r->type = p->of.key.family == AF_INET6 ? FLOW_TYPE_IPV6 : FLOW_TYPE_IPV4;
	r->flow_direction = egress ? FLOW_DIRECTION_EGRESS : FLOW_DIRECTION_INGRESS;
	if (p->of.key.protocol == IPPROTO_TCP) {
		r->tcp_flags = (uint8_t)p->n.tcp_flags;
		r->has |= HAS(TCP_FLAGS);
	}
	flow_record_set_text(r, FLOW_FIELD_INTERFACE_ID, self->id);
	flow_record_set_text(r, FLOW_FIELD_VPC_ID, self->vpc);
	flow_record_set_text(r, FLOW_FIELD_SUBNET_ID, self->subnet);
	flow_record_set_text(r, FLOW_FIELD_INSTANCE_ID, self->instance);
	flow_record_set_text(r, FLOW_FIELD_AZ_ID, self->az_id);
	if (p->of.reason)
		flow_record_set_text(r, FLOW_FIELD_DROP_REASON,
				     drop_reason_name((enum drop_reason)p->of.reason));
}

static void set_ports(const struct flow_part *p, __be16 sport, __be16 dport, struct flow_record *r)
{
	if (!has_ports(&p->of.key))
		return;
	r->srcport = ntohs(sport);
	r->dstport = ntohs(dport);
}

static void set_path(enum flow_log_beyond beyond, struct flow_record *r)
{
	static const uint8_t paths[] = {
		[BEYOND_VPC] = 1, [BEYOND_INTERNET] = 8, [BEYOND_PEERING] = 4};

	if (beyond == BEYOND_UNKNOWN || r->action == FLOW_ACTION_REJECT)
		return;
	r->traffic_path = paths[beyond];
	r->has |= HAS(TRAFFIC_PATH);
}

/* srcaddr and dstaddr show an interface by its primary address, whichever its packet had. */
static struct ip own_address(const struct flow_log_interface *self, const struct ip *packets)
{
	const struct ip *own = packets->family == AF_INET6 ? &self->address6 : &self->address;

	return ip_is_set(own) ? *own : *packets;
}

void flow_log_record_sent(const struct flow_part *p, const struct flow_log_interface *self,
			  enum flow_log_beyond beyond, struct flow_record *r)
{
	const struct flow_key *k = &p->of.key;

	record_begin(p, self, true, r);
	r->pkt_srcaddr = ip_of(k->family, &k->saddr);
	r->dstaddr = r->pkt_dstaddr = ip_of(k->family, &k->daddr);
	r->srcaddr = own_address(self, &r->pkt_srcaddr);
	set_ports(p, k->sport, k->dport, r);
	set_path(beyond, r);
}

void flow_log_record_received(const struct flow_part *p, const struct flow_log_interface *self,
			      struct flow_record *r)
{
	const uint8_t family = p->of.key.family;

	record_begin(p, self, false, r);
	r->srcaddr = r->pkt_srcaddr = ip_of(family, &p->of.saddr);
	r->pkt_dstaddr = ip_of(family, &p->of.daddr);
	r->dstaddr = own_address(self, &r->pkt_dstaddr);
	set_ports(p, p->of.sport, p->of.dport, r);
}

void flow_log_record_nat(const struct flow_part *p, const struct flow_log_interface *self,
			 const struct ip *private_address, bool sends, enum flow_log_beyond beyond,
			 struct flow_record *r)
{
	const struct flow_key *k = &p->of.key;
	/* On the inner side stand the sender's addresses there, and back, the receiver's. */
	const bool inner = sends == !!(p->of.flags & FLOW_REPLY);
	const bool reply = p->of.flags & FLOW_REPLY;

	record_begin(p, self, sends, r);
	if (!reply) {
		r->pkt_srcaddr = inner ? ip_of(k->family, &k->saddr) : *private_address;
		r->pkt_dstaddr = ip_of(k->family, &k->daddr);
		set_ports(p, inner ? k->sport : p->of.sport, k->dport, r);
	} else {
		r->pkt_srcaddr = ip_of(k->family, &k->saddr);
		r->pkt_dstaddr = inner ? ip_of(k->family, &p->of.daddr) : *private_address;
		set_ports(p, k->sport, inner ? p->of.dport : k->dport, r);
	}
	r->srcaddr = sends ? own_address(self, private_address) : r->pkt_srcaddr;
	r->dstaddr = sends ? r->pkt_dstaddr : own_address(self, private_address);
	if (sends)
		set_path(beyond, r);
}

/* ---- zones ---- */

void flow_log_az_id(const char *region, const char *zone, char *ret, size_t len)
{
	static const char *const winds[] = {"north", "south", "east", "west", "central"};
	const char *wind = strchr(region, '-'), *end = strrchr(region, '-');
	char letters[8] = "";
	size_t n = strlen(region), m = 0;

	*ret = '\0';
	if (!wind || end == wind || strncmp(zone, region, n) || !zone[n] || zone[n + 1] ||
	    zone[n] < 'a' || zone[n] > 'z')
		return;
	for (const char *p = wind + 1; p < end;) {
		size_t i = 0;

		while (i < 5 && strncmp(p, winds[i], strlen(winds[i])))
			i++;
		if (i == 5 || m + 1 >= sizeof(letters))
			return;
		letters[m++] = winds[i][0];
		p += strlen(winds[i]);
	}
	snprintf(ret, len, "%.*s%s%s-az%d", (int)(wind - region), region, letters, end + 1,
		 zone[n] - 'a' + 1);
}

/* SPDX-License-Identifier: MIT
 * Dropped packets as they are dropped. See dataplane.h.
 */
#include <string.h>
#include <sys/socket.h>

#include "bpf/private.h"

struct drop_reader {
	uint32_t left;
	void (*fn)(void *arg, const struct drop_event *ev);
	void *arg;
};

/* What it returns below zero ends the reading, behind this event. */
static int read_one(void *arg, void *data, size_t len)
{
	struct drop_reader *r = ((struct dataplane *)arg)->drop_reader;
	const struct drop_event *ev = data;

	if (len < offsetof(struct drop_event, frame) ||
	    ev->captured > len - offsetof(struct drop_event, frame))
		return 0;
	r->fn(r->arg, ev);
	return --r->left ? 0 : -EAGAIN;
}

static struct drop_watch *watch(const struct dataplane *dp)
{
	return dp->drop_watch.p;
}

int dataplane_drops_watch(struct dataplane *dp, uint32_t snaplen, struct err *e)
{
	if (!dp->drop_ring)
		dp->drop_ring = ring_buffer__new(dp->drop_events, read_one, dp, NULL);
	if (!dp->drop_ring)
		return err_sys(e, -errno, "listen to drops");
	__atomic_store_n(&watch(dp)->snaplen, snaplen, __ATOMIC_RELEASE);
	return 0;
}

int dataplane_drops_fd(const struct dataplane *dp)
{
	return ring_buffer__epoll_fd(dp->drop_ring);
}

int dataplane_drops_read(struct dataplane *dp, uint32_t limit,
			 void (*fn)(void *arg, const struct drop_event *ev), void *arg,
			 struct err *e)
{
	struct drop_reader r = {limit, fn, arg};
	int rc;

	dp->drop_reader = &r;
	rc = ring_buffer__consume(dp->drop_ring);
	dp->drop_reader = NULL;
	return rc < 0 && rc != -EAGAIN ? err_sys(e, rc, "read drops") : 0;
}

uint64_t dataplane_drops_lost(const struct dataplane *dp)
{
	return __atomic_load_n(&watch(dp)->lost, __ATOMIC_RELAXED);
}

/* ---- whom a packet was meant for ---- */

#define ETHERNET_LEN 14

/* Its destination, or whom an ARP request asks for; family 0: neither. */
static struct ip128 destination_of(const struct drop_event *ev, uint8_t *ret_family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned type = ev->captured > ETHERNET_LEN ? ev->frame[12] << 8 | ev->frame[13] : 0;
	unsigned at = type == 0x86dd ? 24 : type == 0x0806 ? 24 : 16, len = type == 0x86dd ? 16 : 4;
	struct ip128 a = {0};

	*ret_family = type == 0x86dd ? AF_INET6 : AF_INET;
	if ((type != 0x0800 && type != 0x86dd && type != 0x0806) ||
	    ev->captured < ETHERNET_LEN + at + len) {
		*ret_family = 0;
		return a;
	}
	if (len == 4)
		memcpy(a.b, mapped, sizeof(mapped));
	memcpy(a.b + 16 - len, ev->frame + ETHERNET_LEN + at, len);
	return a;
}

static uint32_t holder_of(struct dataplane *dp, uint32_t vpc, uint8_t family,
			  const struct ip128 *address)
{
	struct addr_key key = {.vpc = vpc, .family = family, .address = *address};
	struct addr_entry a;

	if (bpf_map_lookup_elem(dp->maps[DP_ADDRESSES].fd, &key, &a) || a.kind == ADDR_NAT)
		return 0;
	return a.ifindex;
}

/* The VPC behind the peering that the subnet's routes lead to; 0: they lead elsewhere. */
static uint32_t peer_of(struct dataplane *dp, uint32_t subnet, uint8_t family,
			const struct ip128 *address)
{
	struct route_key key = {.prefixlen = 64 + 128, .family = family, .address = *address};
	struct subnet_entry s;
	struct route_entry r;

	if (bpf_map_lookup_elem(dp->maps[DP_SUBNETS].fd, &subnet, &s))
		return 0;
	key.table = s.route_table;
	if (bpf_map_lookup_elem(dp->maps[DP_ROUTES].fd, &key, &r) || r.target != TARGET_PEERING)
		return 0;
	return r.id;
}

uint32_t dataplane_drop_receiver(struct dataplane *dp, const struct drop_event *ev)
{
	struct eni self;
	uint8_t family;
	struct ip128 to = destination_of(ev, &family);
	uint32_t found, peer;

	if (ev->output_ifindex || !family)
		return ev->output_ifindex;
	if (bpf_map_lookup_elem(dp->maps[DP_ENIS].fd, &ev->ifindex, &self))
		return 0;
	found = holder_of(dp, self.vpc, family, &to);
	peer = found ? 0 : peer_of(dp, self.subnet, family, &to);
	if (peer)
		found = holder_of(dp, peer, family, &to);
	return found ? found : holder_of(dp, VPC_INTERNET, family, &to);
}

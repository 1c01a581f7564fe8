/* SPDX-License-Identifier: MIT
 * ARP: the router, the resolver and live neighbours of the subnet are answered for; nobody hears a
 * sandbox's ARP, so nobody can be poisoned. Absent addresses stay unanswered, as in a VPC.
 */
#ifndef VPCD_BPF_LIB_ARP_H
#define VPCD_BPF_LIB_ARP_H

#include <linux/if_ether.h>

#include "bpf/lib/walk.h"

/* linux/if_arp.h, which does not compile for this target. */
#define ARPHRD_ETHER  1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY   2

#define ADDRESS_RESOLVER 0xa9fea9fd /* 169.254.169.253 */

struct arp_ipv4 {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender_ip[4];
	__u8 target_mac[6];
	__u8 target_ip[4];
} __attribute__((packed));

static __always_inline int is_resolver(const struct walk *w, const struct ip128 *address)
{
	const struct vpc_entry *v = bpf_map_lookup_elem(&vpcs, &w->self.vpc);

	if (!v || !(v->flags & VPC_DNS_SUPPORT))
		return 0;
	return ip128_equal(address, &v->resolver) || address->w[3] == bpf_htonl(ADDRESS_RESOLVER);
}

/* The MAC that answers for an address on the sender's link: 0, or -1 if nobody does. */
static __always_inline int arp_answer(struct walk *w, const struct ip128 *target, __u8 mac[6])
{
	const __u8 router[6] = ROUTER_MAC;
	const struct subnet_entry *s = bpf_map_lookup_elem(&subnets, &w->self.subnet);
	const struct addr_entry *a;
	const struct eni *neighbour;
	__u32 ifindex;

	if (!s || ip128_equal(target, &w->self.address))
		return -1;
	__builtin_memcpy(mac, router, 6);
	if (ip128_equal(target, &s->router) || is_resolver(w, target))
		return 0;
	a = holder_of(w, w->self.vpc, target);
	if (!a || a->kind != ADDR_ENI)
		return -1;
	ifindex = a->ifindex;
	neighbour = bpf_map_lookup_elem(&enis, &ifindex);
	if (!neighbour || neighbour->subnet != w->self.subnet)
		return -1;
	__builtin_memcpy(mac, neighbour->mac, 6);
	return 0;
}

/* Turns a request into its reply in place: 0 (send it back), or the reason. */
static __always_inline int arp_reply(struct __sk_buff *skb, struct walk *w)
{
	struct arp_ipv4 *arp = (void *)(long)skb->data + ETH_LEN;
	struct ethhdr *eth = (void *)(long)skb->data;
	struct ip128 target, sender;
	__be32 sender_ip, target_ip;
	__u8 mac[6];

	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return DROP_TRUNCATED;
	if (arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4 ||
	    arp->operation != bpf_htons(ARPOP_REQUEST))
		return DROP_ARP;
	__builtin_memcpy(&sender_ip, arp->sender_ip, 4);
	__builtin_memcpy(&target_ip, arp->target_ip, 4);
	sender = ip128_v4(sender_ip);
	target = ip128_v4(target_ip);
	if (!mac_equal(arp->sender_mac, w->self.mac) || !mac_equal(w->smac, w->self.mac))
		return DROP_SOURCE_MAC;
	if (!ip128_equal(&sender, &w->self.address))
		return DROP_ARP;
	if (arp_answer(w, &target, mac))
		return DROP_ARP;
	if (w->dry)
		return DROP_NONE;
	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, w->self.mac, 6);
	__builtin_memcpy(arp->target_ip, &sender_ip, 4);
	__builtin_memcpy(arp->sender_mac, mac, 6);
	__builtin_memcpy(arp->sender_ip, &target_ip, 4);
	__builtin_memcpy(eth->h_dest, w->self.mac, 6);
	__builtin_memcpy(eth->h_source, mac, 6);
	return DROP_NONE;
}

#endif

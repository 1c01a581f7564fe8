/* SPDX-License-Identifier: MIT
 * ARP: answered in place; nobody hears a sandbox's ARP, so nobody can be poisoned.
 */
#ifndef VPCD_BPF_LIB_ARP_H
#define VPCD_BPF_LIB_ARP_H

#include <linux/if_ether.h>

#include "bpf/lib/link.h"

/* linux/if_arp.h, which does not compile for this target. */
#define ARPHRD_ETHER  1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY   2

struct arp_ipv4 {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender_ip[4];
	__u8 target_mac[6];
	__u8 target_ip[4];
} __attribute__((packed));

/* Turns a request into its reply in place: 0 (send it back), or the reason. */
static __always_inline int arp_reply(struct __sk_buff *skb, struct walk *w)
{
	struct arp_ipv4 *arp = (void *)(long)skb->data + ETH_LEN;
	struct ethhdr *eth = (void *)(long)skb->data;
	__be32 sender_ip, target_ip;
	struct ip128 sender;

	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return DROP_TRUNCATED;
	if (arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_len != 6 || arp->protocol_len != 4 ||
	    arp->operation != bpf_htons(ARPOP_REQUEST))
		return DROP_ARP;
	__builtin_memcpy(&sender_ip, arp->sender_ip, 4);
	__builtin_memcpy(&target_ip, arp->target_ip, 4);
	sender = ip128_v4(sender_ip);
	w->match_address = ip128_v4(target_ip);
	w->key.family = AF_INET;
	if (!mac_equal(arp->sender_mac, w->self.mac) || !mac_equal(w->smac, w->self.mac))
		return DROP_SOURCE_MAC;
	if (!is_own_address(w, &sender))
		return DROP_ARP;
	if (link_answer(w) == LINK_NOBODY)
		return DROP_ARP;
	if (w->dry)
		return DROP_NONE;
	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, w->self.mac, 6);
	__builtin_memcpy(arp->target_ip, &sender_ip, 4);
	__builtin_memcpy(arp->sender_mac, w->answer, 6);
	__builtin_memcpy(arp->sender_ip, &target_ip, 4);
	__builtin_memcpy(eth->h_dest, w->self.mac, 6);
	__builtin_memcpy(eth->h_source, w->answer, 6);
	return DROP_NONE;
}

#endif

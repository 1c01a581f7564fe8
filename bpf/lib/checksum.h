/* SPDX-License-Identifier: MIT
 * A sender with AF_PACKET and a virtio-net header chooses where the kernel writes the checksum that
 * it left to it (CHECKSUM_PARTIAL): on addresses or ports, after this program passed them. So such
 * a packet must name its own L4 checksum. Needs bpf_cast_to_kern_ctx (Linux 6.2).
 */
#ifndef VPCD_BPF_LIB_CHECKSUM_H
#define VPCD_BPF_LIB_CHECKSUM_H

#include <bpf/bpf_core_read.h>

#include "bpf/lib/walk.h"

#define CHECKSUM_COMPLETE 2
#define CHECKSUM_PARTIAL  3

/* The fields that are read; their places come from the running kernel's BTF. */
struct sk_buff {
	unsigned char *head, *data;
	__u16 csum_start, csum_offset;
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *) __ksym __weak;

static __always_inline int check_checksum_start(struct __sk_buff *skb, struct walk *w)
{
	struct sk_buff *k;
	__u32 start, wanted, summed;

	if (!bpf_cast_to_kern_ctx)
		return DROP_NONE;
	k = bpf_cast_to_kern_ctx(skb);
	summed = BPF_CORE_READ_BITFIELD(k, ip_summed);
	/* A device's sum over the whole packet would have to be changed, too. */
	w->is.direct = summed != CHECKSUM_COMPLETE;
	if (summed != CHECKSUM_PARTIAL)
		return DROP_NONE;
	w->is.partial = 1;
	start = k->csum_start - (__u32)((long)k->data - (long)k->head);
	wanted = w->key.protocol == IPPROTO_TCP ? 16 : w->key.protocol == IPPROTO_UDP ? 6 : ~0u;
	return start == w->is.l4_offset && k->csum_offset == wanted ? DROP_NONE
								    : DROP_CHECKSUM_START;
}

#endif

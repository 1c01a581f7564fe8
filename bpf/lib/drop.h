/* SPDX-License-Identifier: MIT
 * What is dropped: counted always, and shown to whoever listens. Every dropped packet comes through
 * packet_dropped(), once.
 */
#ifndef VPCD_BPF_LIB_DROP_H
#define VPCD_BPF_LIB_DROP_H

#include "bpf/lib/account.h"

static __noinline void count_drop(__u32 ifindex, __u32 reason, __u32 len)
{
	struct drop_key key = {.ifindex = ifindex, .reason = reason};
	struct counter *c = bpf_map_lookup_elem(&drops, &key), one = {.packets = 1, .bytes = len};

	if (c) {
		c->packets++;
		c->bytes += len;
	} else if (bpf_map_update_elem(&drops, &key, &one, BPF_NOEXIST)) {
		c = bpf_map_lookup_elem(&drops, &key);
		if (c) {
			c->packets++;
			c->bytes += len;
		}
	}
}

static __always_inline struct drop_watch *drop_watch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&drop_watch, &zero);
}

static __always_inline void drop_describe(struct drop_event *ev, const struct walk *w, __u32 reason)
{
	ev->time_ns = bpf_ktime_get_ns();
	ev->ifindex = w->key.ifindex;
	ev->output_ifindex = w->output_ifindex;
	ev->reason = reason;
	ev->number = w->refused_number;
	ev->rule = w->refused_rule;
	ev->subnet = w->subnet;
}

/* The packet as it is now becomes an event, if it has not been one already. */
__noinline int drop_show(struct __sk_buff *skb, struct walk *w, __u32 reason)
{
	struct drop_watch *watch = drop_watch_get();
	struct drop_event *ev;
	__u64 n, less;
	__u32 zero = 0;

	w = walk_own(w);
	if (!w || !watch || !*(volatile __u32 *)&watch->snaplen || w->is.shown)
		return 0;
	w->is.shown = 1;
	ev = bpf_map_lookup_elem(&drop_scratch, &zero);
	if (!ev)
		return 0;
	drop_describe(ev, w, reason);
	ev->len = skb->len;
	n = *(volatile __u32 *)&watch->snaplen;
	if (n > ev->len)
		n = ev->len;
	if (n > DROP_FRAME_MAX)
		n = DROP_FRAME_MAX;
	ev->captured = n;
	less = n - 1;
	OPAQUE(less);
	if (less >= DROP_FRAME_MAX || bpf_skb_load_bytes(skb, 0, ev->frame, less + 1))
		return 0;
	if (bpf_ringbuf_output(&drop_events, ev, offsetof(struct drop_event, frame) + less + 1, 0))
		__sync_fetch_and_add(&watch->lost, 1);
	return 0;
}

static __always_inline void packet_dropped(struct __sk_buff *skb, struct walk *w, __u32 reason,
					   __u32 len)
{
	const struct drop_watch *watch = drop_watch_get();

	count_drop(w->key.ifindex, reason, len);
	refusal_log(reason);
	if (watch && *(volatile const __u32 *)&watch->snaplen)
		drop_show(skb, w, reason);
}

#endif

/* SPDX-License-Identifier: MIT
 * Traffic mirroring, a part of abi.h.
 *
 * mirrors: HASH, interface index -> struct mirror. A flow's entry says which session of its sender
 * and of its receiver wants its packets; copies go out by the link of struct mirror_device,
 * whose peer's program, eni_mirror, sends them to the target.
 */
#ifndef VPCD_BPF_ABI_MIRROR_H
#define VPCD_BPF_ABI_MIRROR_H

#define MIRROR_SESSIONS 3  /* of an interface (Traffic Mirroring quotas) */
#define MIRROR_RULES	10 /* of a filter, either direction */
#define MIRROR_PORT	4789

/* Of a packet as the interface sends or receives it. */
struct mirror_rule {
	struct ip128 saddr, smask, daddr, dmask;
	__u16 sport_first, sport_last, dport_first, dport_last; /* of TCP and UDP */
	__u8 family, protocol, any_protocol;
	__u8 reject;
	__u32 reserved;
};

struct mirror_filter {
	__u32 n, reserved;
	struct mirror_rule rules[MIRROR_RULES]; /* by number; the first that matches decides */
};

enum mirror_flags { MIRROR_DNS = 1 };

struct mirror_session {
	struct ip128 target; /* IPv4 */
	__u32 vni;
	__u32 packet_length; /* bytes behind the VXLAN header; 0: all that the path carries */
	__u32 flags;	     /* enum mirror_flags */
	__u32 reserved;
	struct mirror_filter in, out;
};

struct mirror {
	__u32 n, reserved;
	struct mirror_session sessions[MIRROR_SESSIONS]; /* by session number */
};

/* mirror_device: ARRAY of one, mapped by the daemon */
struct mirror_device {
	__u32 ifindex; /* 0: there is none yet */
	__u32 reserved;
};

/* mirror_counts: PERCPU_HASH, interface index of the source -> packets as on the wire, bytes of
 * their frames before they are cut. Skipped: what no target got. */
struct mirror_count {
	struct counter in, out, skipped_in, skipped_out;
};

#endif

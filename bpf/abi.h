/* SPDX-License-Identifier: MIT
 * The specification of the data plane: what programs and daemon share. Included by both; plain C
 * types of linux/types.h only. Every struct is fully named (padding too) and zeroed before use, so
 * that keys compare and values diff by memcmp.
 *
 * Numbers (vpc, subnet, table, group set, …) are bound by the daemon and recorded in the `names`
 * map; an ENI is known by the interface index of its host-side veth, which is never reused.
 */
#ifndef VPCD_BPF_ABI_H
#define VPCD_BPF_ABI_H

#include <linux/types.h>

/* Stands in the pin path: programs and maps of another version are never mixed. */
#define ABI_VERSION 2

/* An address of either family, network order; IPv4 is v4-mapped. Family stands beside it. */
struct ip128 {
	union {
		__u8 b[16];
		__be32 w[4];
	};
};

#define VPC_INTERNET 1 /* the built-in pseudo-VPC */
#define VPC_SERVICE  2 /* the service namespace's first foot: resolver, metadata */
#define VPC_FIRST    16

/* The router's MAC on every link. */
#define ROUTER_MAC                                 \
	{                                          \
		0x0a, 0xff, 0xff, 0xff, 0xff, 0x01 \
	}

/* Verdicts. The reason is return value of every gate, metric, drop event and API string: ONE list.
 * X(name, text). The order is ABI. */
#define DROP_REASONS(X)                                                                  \
	X(NONE, "forwarded")                                                             \
	X(TRUNCATED, "packet shorter than its headers say")                              \
	X(MALFORMED, "malformed header")                                                 \
	X(VLAN, "VLAN tag")                                                              \
	X(ETHERTYPE, "unknown EtherType")                                                \
	X(MULTICAST, "broadcast or multicast")                                           \
	X(IP_OPTIONS, "IP options")                                                      \
	X(EXTENSION_HEADER, "IPv6 extension header that is not carried")                 \
	X(MAPPED_ADDRESS, "IPv4-mapped address in an IPv6 packet")                       \
	X(FRAGMENT, "fragment without its first, or overlapping it")                     \
	X(CHECKSUM_START, "partial checksum not at its own L4 header")                   \
	X(NO_ENI, "interface is not attached")                                           \
	X(SOURCE_MAC, "source MAC is not the interface's")                               \
	X(SOURCE_ADDRESS, "source address is not the interface's")                       \
	X(ARP, "ARP that nobody answers")                                                \
	X(NEIGHBOUR, "neighbour or router discovery that nobody answers")                \
	X(LINK_LOCAL, "link-local address without a service")                            \
	X(LINKLOCAL_ALLOWANCE, "too many packets a second to link-local services")       \
	X(SG_EGRESS, "no egress rule of the sender's groups matches")                    \
	X(ACL_EGRESS, "network ACL denies leaving the subnet")                           \
	X(NO_ROUTE, "no route")                                                          \
	X(BLACKHOLE, "the route's target is gone")                                       \
	X(LOOP, "too many hops")                                                         \
	X(NO_DESTINATION, "no interface has the destination address")                    \
	X(DEST_CHECK, "destination is not the receiving interface's address")            \
	X(PEERING_SOURCE, "peering: source is not of the sender's VPC")                  \
	X(PEERING_DESTINATION, "peering: destination is not of the peer VPC")            \
	X(EIGW_UNSOLICITED, "egress-only gateway: no flow for this packet")              \
	X(IGW_NO_PUBLIC_IP, "internet gateway: source has no public address")            \
	X(IGW_PRIVATE_DESTINATION, "internet gateway: RFC 1918 or RFC 6598 destination") \
	X(IGW_PRIVATE_SOURCE, "internet gateway: RFC 1918 or RFC 6598 source")           \
	X(IGW_VPC_DESTINATION, "internet gateway: destination lies in its own VPC")      \
	X(IGW_UNASSOCIATED, "internet gateway: nobody holds the public address")         \
	X(INGRESS_NO_PUBLIC_IP, "ingress route to an interface without public address")  \
	X(NAT_UNSOLICITED, "NAT gateway: no flow for this packet")                       \
	X(NAT_PROTOCOL, "NAT gateway: protocol other than TCP, UDP, ICMP")               \
	X(NAT_PORTS, "NAT gateway: no free port to this destination")                    \
	X(NAT_STATE, "NAT gateway is not available")                                     \
	X(NAT_FRAGMENT, "NAT gateway: fragment of TCP or ICMP")                          \
	X(NAT_IDLE, "NAT gateway: connection was idle for too long; reset sent")         \
	X(ACL_INGRESS, "network ACL denies entering the subnet")                         \
	X(SG_INGRESS, "no ingress rule of the receiver's groups matches")                \
	X(MTU, "larger than the path's MTU")                                             \
	X(FLOW_RACE, "flow entry still being claimed")                                   \
	X(FLOW_TABLE_FULL, "flow table is full")                                         \
	X(CONNTRACK_ALLOWANCE, "the interface's allowance of tracked flows is used up")  \
	X(FLOW_PATH, "the path of the packet's flow has changed")                        \
	X(LOSS, "lost on the simulated internet, as asked")                              \
	X(UPLINK_UNSOLICITED, "uplink: no flow for this packet")                         \
	X(INTERNAL, "internal limit")

enum drop_reason {
#define DROP_ENUM(name, text) DROP_##name,
	DROP_REASONS(DROP_ENUM)
#undef DROP_ENUM
		DROP_REASON_COUNT
};

/* ---- configuration, one element, mmapable: stores are atomic and seen at once ---- */

struct dp_config {
	__u64 clock_offset_ns;	 /* virtual time = CLOCK_MONOTONIC + this */
	__u32 generation;	 /* routes and ACLs: older flows walk again */
	__u32 group_generation;	 /* group rules: older untracked flows walk again */
	__u32 service_ifindex;	 /* the service namespace's first foot */
	__u32 linklocal_packets; /* a second and interface; 0: LINKLOCAL_PACKETS */
	__u32 flow_log;		 /* epoch of flow_parts; 0: nobody logs */
	__u32 flow_log_entries;	 /* in flow_parts, since it was set */
	/* How the flow table is divided, see eni_flows: flows of an interface's own, of one
	 * with ENI_FOR_ALL, and of the common part. */
	__u32 flow_share, share_for_all, flow_common;
	__u32 reserved;
};

/* ---- enis: HASH, interface index -> struct eni ---- */

enum eni_flags {
	ENI_SOURCE_DEST_CHECK = 1,
	ENI_ALWAYS_TRACKED = 2, /* functions, gateways */
	ENI_INTERNET = 4,	/* lies in the internet pseudo-VPC: no groups, no ACL */
	ENI_SERVICE = 8,	/* the service namespace's first foot */
	ENI_UPLINK = 16,	/* leads out of the machine: nothing that it sends opens a flow */
	ENI_STAYS = 32,		/* of the simulated internet alone: never leaves by the uplink */
	ENI_FOR_ALL = 64,   /* opens flows for everybody: its second one, the resolver's way out */
	ENI_MIRRORED = 128, /* `mirrors` has an entry for it */
	ENI_MIRRORED_DNS = 256, /* and wants what it says to the resolver: none is answered here */
};

enum output_mode { OUTPUT_PEER, OUTPUT_REDIRECT }; /* veth's peer; a TAP or other device */

struct eni {
	__u32 vpc, subnet;
	__u32 groups; /* group set: index of `group_rules`; 0: no groups, everything passes */
	__u32 flags;  /* enum eni_flags */
	struct ip128 address;  /* primary private IPv4 */
	struct ip128 address6; /* primary IPv6; zero: none */
	__u32 tcp_established_timeout, udp_timeout, udp_stream_timeout; /* seconds; 0: default */
	__u32 flow_quota;	/* flows that it may have open; 0: FLOW_QUOTA_DEFAULT */
	__be32 service_address; /* its unique address as the service namespace sees it; 0: none */
	__u16 mtu;
	__u8 mac[6];
	__u8 output; /* enum output_mode */
	__u8 reserved;
	__u16 loss; /* of 10,000 packets that it sends or is sent, so many are lost */
};

/* ---- subnets: HASH, number -> struct subnet; vpcs: HASH, number -> struct vpc ---- */

struct subnet_entry {
	__u32 vpc;
	__u32 route_table;
	__u32 acl; /* index of `acl_rules`; 0: allow everything */
	__u32 reserved;
	struct ip128 router;  /* IPv4 router address */
	struct ip128 prefix6; /* IPv6 block; its router is prefix6 + 1 and fe80:ec2::1 */
	__u32 prefix6_len;    /* 0: no IPv6 */
	__u32 reserved2;
};

enum vpc_flags { VPC_DNS_SUPPORT = 1 };

struct vpc_entry {
	__u32 flags;
	__u32 local_table;     /* route table with the VPC's blocks alone, all TARGET_LOCAL */
	struct ip128 resolver; /* primary block + 2 */
};

/* gateways: HASH, internet gateway number -> struct gateway_entry */
struct gateway_entry {
	__u32 vpc;
	__u32 route_table; /* routes what comes in: its own (ingress routing), or the VPC's local
			      one */
};

/* ---- addresses: HASH, (vpc, family, address) -> who holds it ---- */

struct addr_key {
	__u32 vpc;
	__u8 family; /* AF_INET, AF_INET6 */
	__u8 reserved[3];
	struct ip128 address;
};

enum addr_kind {
	ADDR_ENI = 1,	 /* an interface's private (or internet host's) address */
	ADDR_PUBLIC = 2, /* in VPC_INTERNET: an elastic IP, 1:1 to `other` in VPC `vpc` */
	ADDR_NAT = 3,	 /* a NAT gateway's private address, or in VPC_INTERNET its elastic IP */
};

struct addr_entry {
	__u32 kind;
	__u32 ifindex;	      /* ENI (ADDR_ENI, ADDR_PUBLIC) or NAT gateway number (ADDR_NAT) */
	__u32 vpc;	      /* of the ENI or gateway */
	__u32 gateway;	      /* the VPC's internet gateway number, 0: none */
	__u32 egress_gateway; /* IPv6: the VPC's egress-only gateway number, 0: none */
	__u32 reserved;
	/* What it is at the other side of the internet gateway: of a private address the elastic IP
	 * (zero: none), of an elastic IP the private address; of IPv6 the address itself */
	struct ip128 other;
};

/* ---- routes: LPM_TRIE. The fixed part (table, family) is always matched whole. ---- */

struct route_key {
	__u32 prefixlen; /* 64 + prefix length in 128-bit terms */
	__u32 table;
	__u8 family;
	__u8 reserved[3];
	struct ip128 address;
};

enum route_target {
	TARGET_BLACKHOLE,
	TARGET_LOCAL,
	TARGET_INTERNET_GATEWAY, /* id: its number */
	TARGET_NAT_GATEWAY,	 /* id: key of `nats` */
	TARGET_ENI,		 /* id: interface index */
	TARGET_PEERING,		 /* id: number of the peer VPC; only of an active peering */
	TARGET_EGRESS_ONLY,	 /* id: number of the egress-only internet gateway */
	TARGET_ENI_PRIVATE,	 /* as TARGET_ENI, in a gateway's table, without public address */
};

struct route_entry {
	__u32 target; /* enum route_target */
	__u32 id;
};

/* ---- nats: HASH, number -> struct nat_entry ---- */

enum nat_flags { NAT_AVAILABLE = 1 };

/* A private address in the gateway's subnet, and the elastic IP that stands for it where packets
 * leave by the VPC's internet gateway (zero: a private gateway). */
struct nat_address {
	struct ip128 private_address, public_address;
};

/* One primary, seven secondary (VPC User Guide, nat-gateway-basics). */
#define NAT_ADDRESSES_MAX 8

struct nat_entry {
	__u32 vpc, subnet;
	__u32 flags;
	__u32 gateway; /* internet gateway number of its VPC, 0: none */
	__u32 ifindex; /* identity of its ENI: keys of flows, drop counters; no link has it */
	__u32 n_addresses;
	struct nat_address addresses[NAT_ADDRESSES_MAX];
};

/* nat_stats: PERCPU_HASH, number -> struct nat_stats. Packets and bytes of flows that ended; those
 * of LIVE ones are theirs. */
struct nat_stats {
	__u64 connection_attempts, connections_established, error_port_allocation, idle_timeouts;
	__u64 packets_out, bytes_out, packets_in, bytes_in, packets_dropped;
	__u64 port_tries; /* ports that were tried, over all allocations */
};

/* nat_ports: LRU_HASH, destination -> struct nat_ports: which ports of its window are known to be
 * taken (bpf/lib/nat.h). Port i of the window is NAT_PORT_FIRST + (a hash of the destination + i)
 * mod NAT_PORTS. */
#define NAT_PORT_FIRST 1024
#define NAT_PORTS      64512 /* to 65535 */
#define NAT_WINDOW     55000 /* to one destination (VPC User Guide, NAT gateway basics) */
#define NAT_WORDS      ((NAT_WINDOW + 63) / 64)
#define NAT_SUMMARY    ((NAT_WORDS + 63) / 64)
#define NAT_CROWDED    256 /* destinations that have a bitmap at a time */
#define NAT_CLOSING    256

struct nat_ports_key {
	__u32 nat;
	__u8 protocol;
	__u8 reserved;
	__be16 port;	      /* of the destination; 0: ICMP */
	struct ip128 address; /* the gateway's, as the destination sees it */
	struct ip128 destination;
};

/* nat_refusals: LRU_HASH, struct nat_destination -> __u64: packets refused, since no address of the
 * gateway had a port left to it. */
#define NAT_REFUSALS 256

struct nat_destination {
	__u32 nat;
	__u8 protocol;
	__u8 reserved;
	__be16 port; /* 0: ICMP */
	struct ip128 address;
};

struct nat_ports {	   /* sizes are powers of two, for the verifier's sake */
	__u64 full[16];	   /* NAT_SUMMARY in use: words without a bit that is clear */
	__u64 taken[1024]; /* NAT_WORDS in use */
	/* Ports whose connection was closed in order last, a ring: written and read are counted. */
	__u16 closing[NAT_CLOSING];
	__u32 closed, reopened;
	__u32 look; /* where the window is looked through next */
	__u32 reserved;
};

/* ---- rules: bit-vector classifiers (Lucent bit vector) ----
 *
 * A classifier is a list of at most RULES_MAX rules of one family (EC2 allows an interface 1,000 of
 * each direction and family); bit n stands for rule n. A pair's number stands for two: that of
 * IPv4 and that of IPv6, CLASSIFIER_ID; one without rules is not there. An address, a (protocol,
 * port) and, for groups, the peer's group set each give a bitmap of matching rules; match = (addr |
 * peer) & port. `group_rules` and `acl_rules` are mmapable arrays: ONE 8-byte store switches both
 * directions. Classifier 0 matches nothing (groups) or allows all (ACLs).
 */
#define RULES_MAX   1024
#define RULES_WORDS (RULES_MAX / 64)

#define CLASSIFIER_ID(number, is_ipv6) ((number) << 1 | !!(is_ipv6))

struct rules_pair {
	__u32 in, out; /* numbers of classifiers */
};

struct rules_bitmap {
	__u64 w[RULES_WORDS];
};

/* Of what the look-ups would say, what is known beforehand. */
enum classifier_flags {
	CLASSIFIER_OPEN = 1,  /* the first rule matches every packet of the family */
	CLASSIFIER_PEERS = 2, /* some rule refers to a group */
};

/* classifiers: HASH, id -> struct classifier */
struct classifier {
	__u32 rules; /* bits of the bitmaps in use */
	__u32 hits;  /* its rule n counts in rule_hits[hits + n]; 0: not counted */
	__u32 flags; /* enum classifier_flags */
	__u32 reserved;
	struct rules_bitmap deny;      /* ACLs: rules whose action is deny */
	struct rules_bitmap untracked; /* groups: rules open to 0.0.0.0/0 (::/0) that alone would
					* leave a TCP or UDP flow untracked */
};

/* rule_addresses: LPM_TRIE -> struct rules_bitmap (covering prefixes' rules included) */
struct rule_addr_key {
	__u32 prefixlen; /* 64 + prefix length in 128-bit terms */
	__u32 classifier;
	__u8 family;
	__u8 reserved[3];
	struct ip128 address;
};

/* rule_ports: LPM_TRIE -> struct rules_bitmap. ICMP: port = type << 8 | code. */
struct rule_port_key {
	__u32 prefixlen; /* 32: any protocol; 48: protocol; 48 + n: n bits of the port */
	__u32 classifier;
	__u8 family_zero; /* always 0; family is matched by address */
	__u8 protocol;
	__be16 port;
};

/* rule_peers: HASH -> struct rules_bitmap: rules that refer to a group in the peer's set */
struct rule_peer_key {
	__u32 classifier;
	__u32 groups; /* the peer's group set */
};

/* rule_hits: PERCPU_ARRAY of __u64. A rule's count rises by one at each evaluation (first packet of
 * a flow, or walking again) in which it was the deciding one: the lowest bit that matched. */
#define RULE_HITS_FIRST 1

/* ---- fragments: HASH, (ENI, slot) -> struct fragment ----
 *
 * What the first fragment of a packet said of its ports, for those that follow. Slots are the ENI's
 * own, so that a flood of fragments costs its sender alone.
 */
#define FRAGMENT_SLOTS	   32
#define FRAGMENT_TIMEOUT_S 30

struct fragment_key {
	__u32 ifindex;
	__u32 slot; /* hash of addresses, protocol and identification, below FRAGMENT_SLOTS */
};

struct fragment {
	struct ip128 saddr, daddr;
	__u32 identification;
	__u8 family, protocol;
	__u8 icmp_type, icmp_code;
	__be16 sport, dport; /* as in struct flow_key */
	__u32 first_len;     /* bytes of payload in the first fragment */
	__u64 seen_ns;	     /* virtual time */
};

/* ---- eni_flows: HASH, interface index -> flows that the ENI opened ----
 *
 * Of the flows that the table has room for, half are divided evenly among as many interfaces as
 * there may be: an interface's share is its own, whatever the others do. Beyond its share, up to
 * its quota, it takes from the common part, three eighths; when that is used up, it is refused. The
 * interface by which the resolver asks for everybody has a share of a 64th of the table. The
 * last eighth is for entries of flows that ended and are not deleted yet.
 */
#define FLOW_QUOTA_DEFAULT 65536

struct eni_flows {
	__u32 open;  /* LIVE flows; the audit recounts */
	__u32 share; /* so many are its own; as the configuration was when this entry was made */
	__u64 allowance_exceeded; /* packets dropped as CONNTRACK_ALLOWANCE */
};

/* flows_common: ARRAY of one __u32: what all interfaces together have open beyond their shares */

/* ---- flows: HASH ----
 *
 * A packet as seen at the ENI where it entered the fabric. Both directions are entered when a flow
 * is admitted; a half's other half is found by swapping: {output ifindex, rewritten dst and src}.
 */
struct flow_key {
	__u32 ifindex;
	__u8 family;
	__u8 protocol;
	__u16 reserved;
	__be16 sport,
		dport; /* ICMP echo: identifier, and FLOW_ECHO_REQUEST or FLOW_ECHO_REPLY, so that
			* each direction is a half of its own; other ICMP: type << 8 | code, 0 */
	struct ip128 saddr, daddr;
};

#define FLOW_ECHO_REQUEST 2 /* in dport, network order; no type << 8 | code is either */
#define FLOW_ECHO_REPLY	  3

enum flow_state { FLOW_CLAIMED = 1, FLOW_LIVE, FLOW_CLOSED, FLOW_DEAD, FLOW_DELETING };

enum flow_flags {
	FLOW_REPLY = 1,	       /* the half that the opener did not send */
	FLOW_SNAT = 2,	       /* this half rewrites the source */
	FLOW_DNAT = 4,	       /* and this the destination */
	FLOW_TRACKED_OUT = 8,  /* the opener's egress gate passed, tracked */
	FLOW_TRACKED_IN = 16,  /* the receiver's ingress gate passed, tracked */
	FLOW_ACL_UNKNOWN = 32, /* this half has not walked yet */
	FLOW_SEEN_FIN = 64,
	FLOW_SEEN_RST = 128,
	FLOW_ESTABLISHED = 256,
	FLOW_CLOSING = 512,	 /* both FINs or an RST were seen */
	FLOW_ROUTED = 1024,	 /* leaves the subnet: the router is the frame's sender */
	FLOW_EGRESS_ONLY = 2048, /* opened through an egress-only internet gateway */
	FLOW_LOSSY = 4096,	 /* the receiving interface loses packets */
	/* For flow logs: FIN, SYN, RST and SYN-ACK's ACK as they stand in TCP's header, that were
	 * seen since the half was accounted last. */
	FLOW_TCP_SEEN = 0x17 << 16,
};
#define FLOW_TCP_SHIFT 16

struct flow {
	__u32 state; /* enum flow_state, changed by compare-and-swap only */
	__u32 generation;
	__u64 last_seen_ns; /* virtual time */
	__u64 packets, bytes;
	struct ip128 saddr, daddr; /* as rewritten */
	__be16 sport, dport;
	__u32 output_ifindex;
	__u8 dmac[6];
	__u16 mtu;
	__u32 flags; /* enum flow_flags */
	__u32 group_generation;
	__u32 nat;   /* NAT gateway number, 0: none */
	__u8 output; /* enum output_mode */
	__u8 mirror; /* what mirror_choose() said: sessions of sender and receiver; 0: none */
	__u8 reserved[2];
	__u32 established_timeout, opening_timeout; /* seconds idle, with and without
						     * FLOW_ESTABLISHED; 0: the protocol's */
	/* Of packets and bytes, what stands in eni_totals already; above FLOW_COUNTED, the number
	 * of the flow that the entry is: whoever accounts by compare-and-swap meets the same one.
	 */
	__u64 accounted_packets, accounted_bytes;
	__u32 since; /* when it was accounted last, or began; seconds of virtual time */
	__u32 born;  /* when the half began, after it was over if it was there before: virtual time
		      * in FLOW_BORN_NS, rounded up; wraps in 18 years */
};
#define FLOW_BORN_NS   (1ull << 27)
#define FLOW_COUNTED   0x00ffffffffffffffull
#define FLOW_NEXT_LIFE 0x0100000000000000ull

/* eni_totals: HASH, interface index -> what flows that are no more sent from it and to it. What a
 * flow still holds (packets - accounted_packets) is added when its entry goes, or goes to another
 * flow: totals and entries together are exact, and an established packet costs nothing more. */
struct eni_totals {
	__u64 sent_packets, sent_bytes;		/* by the interface */
	__u64 received_packets, received_bytes; /* by it, from others */
};

/* ---- flow logs ----
 *
 * flow_parts: HASH, struct flow_part_key -> struct flow_part_counts: what the daemon has to log and
 * cannot read from a flow: packets that were refused, and what halves had carried when another flow
 * took their entries over. Everything else is asked of the flows themselves (RETIRE_ACCOUNT).
 * flow_logged: HASH, interface index -> struct flow_log_loss: interfaces that a flow log covers,
 * and what of theirs found no room in flow_parts.
 * flow_log_told: likewise, the daemon's alone: how much of that loss a log has said.
 */
struct flow_part_key {
	struct flow_key key;	   /* as the sender's interface sees it */
	__u32 output_ifindex;	   /* the receiver's; 0: refused before it */
	struct ip128 saddr, daddr; /* as the receiver sees it */
	__be16 sport, dport;
	__u32 nat;    /* the gateway on its way; where it was refused there: of that one, and
		       * output_ifindex is 0 */
	__u32 flags;  /* FLOW_PART_FLAGS */
	__u32 reason; /* enum drop_reason; DROP_NONE: forwarded */
	__u32 epoch;  /* dp_config.flow_log when it was counted */
};
#define FLOW_PART_FLAGS (FLOW_REPLY | FLOW_SNAT | FLOW_DNAT | FLOW_ROUTED | FLOW_EGRESS_ONLY)
#define FLOW_PARTS_MAX	65536

struct flow_part_counts {
	__u64 packets, bytes;
	__u64 last_ns;	 /* virtual time of the last packet; 0: not known */
	__u32 since;	 /* virtual time from which on, in seconds */
	__u32 tcp_flags; /* of all of them */
};

struct flow_part {
	struct flow_part_key of;
	__u32 reserved;
	struct flow_part_counts n; /* no packets: nothing to log */
};

struct flow_log_loss {
	__u64 packets, bytes;
};

/* At whose interface a refusal is logged. What cannot be told by addresses and ports, what went to
 * services that AWS does not log either, and what got lost for other reasons is not. */
enum refusal_side { REFUSED_NOWHERE, REFUSED_AT_SENDER, REFUSED_AT_RECEIVER };

static inline enum refusal_side refusal_side(enum drop_reason r)
{
	switch (r) {
	case DROP_DEST_CHECK:
	case DROP_ACL_INGRESS:
	case DROP_SG_INGRESS:
		return REFUSED_AT_RECEIVER;
	case DROP_SOURCE_ADDRESS:
	case DROP_SG_EGRESS:
	case DROP_ACL_EGRESS:
	case DROP_NO_ROUTE:
	case DROP_BLACKHOLE:
	case DROP_LOOP:
	case DROP_NO_DESTINATION:
	case DROP_PEERING_SOURCE:
	case DROP_PEERING_DESTINATION:
	case DROP_EIGW_UNSOLICITED:
	case DROP_IGW_NO_PUBLIC_IP:
	case DROP_IGW_PRIVATE_DESTINATION:
	case DROP_IGW_PRIVATE_SOURCE:
	case DROP_IGW_VPC_DESTINATION:
	case DROP_IGW_UNASSOCIATED:
	case DROP_NAT_UNSOLICITED:
	case DROP_NAT_PROTOCOL:
	case DROP_NAT_PORTS:
	case DROP_NAT_STATE:
	case DROP_NAT_FRAGMENT:
	case DROP_NAT_IDLE:
	case DROP_MTU:
	case DROP_FLOW_RACE:
	case DROP_FLOW_TABLE_FULL:
	case DROP_CONNTRACK_ALLOWANCE:
	case DROP_FLOW_PATH:
		return REFUSED_AT_SENDER;
	default:
		return REFUSED_NOWHERE;
	}
}

/* Idle time-outs, seconds of virtual time (SEMANTICS.md, Tracking; NAT gateways: 350 s). */
#define TIMEOUT_TCP_ESTABLISHED 432000
#define TIMEOUT_TCP_OPENING	60
#define TIMEOUT_TCP_CLOSING	30
#define TIMEOUT_UDP		30
#define TIMEOUT_UDP_STREAM	180
#define TIMEOUT_ICMP		30
#define TIMEOUT_OTHER		600
#define TIMEOUT_NAT		350

/* A pair is expired when its younger half was last seen longer ago than this, in nanoseconds. */
static inline __u64 flow_timeout(const struct flow_key *k, const struct flow *f)
{
	__u64 s = f->flags & FLOW_ESTABLISHED ? f->established_timeout : f->opening_timeout;

	if (f->nat)
		s = TIMEOUT_NAT;
	else if (s)
		;
	else if (k->protocol == 6 /* TCP */)
		s = f->flags & FLOW_ESTABLISHED ? TIMEOUT_TCP_ESTABLISHED : TIMEOUT_TCP_OPENING;
	else if (k->protocol == 17 /* UDP */)
		s = f->flags & FLOW_ESTABLISHED ? TIMEOUT_UDP_STREAM : TIMEOUT_UDP;
	else if (k->protocol == 1 || k->protocol == 58 /* ICMP, ICMPv6 */)
		s = TIMEOUT_ICMP;
	else
		s = TIMEOUT_OTHER;
	if (f->flags & FLOW_CLOSING)
		s = TIMEOUT_TCP_CLOSING;
	return s * 1000000000ull;
}

/* ---- retiring ----
 *
 * retire: ARRAY, mapped by the daemon. The daemon lists keys; flows_retire marks both halves DEAD
 * where they are CLOSED or expired, or in any case, and notes when: last_seen_ns of a DEAD entry is
 * kernel time. A flow that resumes meanwhile takes a DEAD entry over; deletion is a program's too,
 * so that only one of both gets it.
 */
#define RETIRE_MAX 512

enum retire_what {
	RETIRE_EXPIRED, /* or CLOSED */
	RETIRE_LIVE,	/* in any case */
	RETIRE_DELETE,	/* what is DEAD still */
	RETIRE_ACCOUNT, /* nothing ends: what the half carried is moved to the totals */
};

struct retire_args { /* context of flows_retire */
	__u32 n, reserved;
	__u64 now; /* virtual */
};

struct retire_entry {
	struct flow_key key;
	__u32 what;	 /* enum retire_what */
	__u32 timed_out; /* out: a flow that was idle, not closed, ended here */
	__u32 deleted;	 /* out: halves */
	__u32 reserved[2];
	struct flow_part parts[2]; /* out: what was moved to the totals, of it and its mate */
};

struct correct_args {  /* context of flows_correct: eni_flows[ifindex].open += delta */
	__u32 ifindex; /* 0: flows_common */
	__u32 delta;   /* may wrap: a negative one */
};

/* ---- drops: PERCPU_HASH ---- */

struct drop_key {
	__u32 ifindex; /* ENI at which the packet entered */
	__u32 reason;  /* enum drop_reason */
};

struct counter {
	__u64 packets, bytes;
};

/* drop_watch: ARRAY of one, mapped by the daemon; drop_events: RINGBUF of struct drop_event.
 * Each dropped packet becomes an event while somebody listens; nobody pays otherwise. */
#define DROP_FRAME_MAX 9216

struct drop_watch {
	__u32 snaplen; /* bytes wanted of each packet; 0: nobody listens */
	__u32 reserved;
	__u64 lost; /* events for which the ring had no room */
};

struct drop_event {
	__u64 time_ns;	      /* CLOCK_MONOTONIC */
	__u32 ifindex;	      /* ENI at which the packet entered */
	__u32 output_ifindex; /* ENI that it was about to reach; 0: it did not get that far */
	__u32 reason;	      /* enum drop_reason */
	__u32 number;	      /* SG_*: the group set; ACL_*: the ACL that refused */
	__u32 rule;	      /* ACL_*: bit of the entry that denied, RULES_MAX: none matched */
	__u32 subnet;	      /* NO_ROUTE, BLACKHOLE: whose table was asked, 0: a gateway's */
	__u32 len;	      /* of the frame */
	__u32 captured;	      /* bytes of it in `frame`, to DROP_FRAME_MAX; the event ends there */
	__u8 frame[DROP_FRAME_MAX];
};

#include "bpf/abi_mirror.h"

/* ---- link-local services ---- */

/* Packets a second that an interface may send to them (EC2 User Guide, "Network bandwidth":
 * linklocal_allowance_exceeded). */
#define LINKLOCAL_PACKETS 1024

/* linklocal: HASH, interface index -> struct linklocal, made by the programs */
struct linklocal {
	__u64 window;	/* second of virtual time << 32 | packets in it */
	__u64 exceeded; /* packets dropped as LINKLOCAL_ALLOWANCE */
	__u64 answered; /* DNS queries answered by the program */
};

/* dns_answers: HASH, what the resolver of a VPC answers to a name and type, as long as nothing but
 * the name decides: no firewall rule that acts, no log, no draw among record sets. Replaced before
 * a change of the VPC's names is acknowledged. */
#define DNS_KEY_NAME 128 /* octets of the longest name */
#define DNS_BODY_MAX 256

/* Small, and so is what is read of a value: a look-up's price is its cache misses. Of names that
 * share a hash one is held. */
struct dns_key {
	__u64 hash; /* dns_hash() of the name */
	__u32 vpc;
	__u16 type; /* A or AAAA, host order */
	__u16 name_len;
};

struct dns_value {
	__u16 flags; /* of the header, host order: AA, RA, RCODE */
	__u16 answers, authority;
	__u16 len; /* of body, below DNS_BODY_MAX */
	/* In wire form and lower case, final zero included; no zero within; zero padded. */
	__u8 name[DNS_KEY_NAME];
	__u8 body[DNS_BODY_MAX]; /* the records: what follows the question; zero padded */
};

/* Eight octets of a name more. */
static inline __attribute__((always_inline)) __u64 dns_hash(__u64 hash, __u64 octets)
{
	hash = (hash ^ octets) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

/* ---- names: HASH, the daemon's allocator, recovered at start; programs do not read it ---- */

#define NAME_MAX_LEN 60
struct name_key {
	char name[NAME_MAX_LEN]; /* "eni:eni-0a1…", "vpc:vpc-…", "groups:<hash>", zero padded */
};

/* ---- trail: ARRAY of one, mapped by the daemon ----
 *
 * The dry entry point's alone: what it shall take for given, and what it asked on the way. A group
 * or ACL that refuses is noted and passed, so that one walk names every such gate; the first one is
 * the reason.
 */
#define TRAIL_HOPS  32
#define TRAIL_KNOWN 8

enum trail_mode {
	TRAIL_LIVE,  /* a packet of now: flows that stand carry it */
	TRAIL_FRESH, /* as if no flow stood */
	TRAIL_REPLY, /* as if `flow` stood, and it alone: the packet is one of it */
};

enum trail_kind {
	TRAIL_INTERFACE,	/* number: interface index; its end is in `egress` */
	TRAIL_TRACKED,		/* the interface's groups are not asked: it knows the flow */
	TRAIL_GROUPS,		/* number: group set; rule, peer_groups */
	TRAIL_ACL,		/* number: ACL; rule */
	TRAIL_ROUTE,		/* number: route table; rule: enum route_target */
	TRAIL_INTERNET,		/* the simulated one */
	TRAIL_INTERNET_GATEWAY, /* number: of the gateway, egress or not */
	TRAIL_EGRESS_ONLY,	/* number: of the gateway */
	TRAIL_NAT_GATEWAY,	/* number: key of `nats`, egress or not */
	TRAIL_PEERING,		/* number: the peer VPC */
	TRAIL_SERVICE,		/* the resolver */
};

struct trail_hop {
	__u32 kind; /* enum trail_kind */
	__u32 number;
	__u32 reason;	   /* enum drop_reason: why this gate refuses; 0: it does not */
	__u32 rule;	   /* bit of the rule that decided, RULES_MAX: none matched */
	__u32 peer_groups; /* group set that references were held against; 0: they cannot match */
	__u8 egress;
	__u8 reserved;
	__be16 sport, dport; /* the packet here, as in struct flow_key */
	__u16 reserved2;
	struct ip128 saddr, daddr;
};

struct trail {
	/* in */
	__u32 ifindex; /* where the packet is taken to come from, whatever it came by */
	__u32 mode;    /* enum trail_mode */
	__u32 n_known;
	__u32 known[TRAIL_KNOWN]; /* TRAIL_REPLY: interfaces that know the flow when it arrives */
	struct flow flow;
	/* out */
	__u32 n;      /* hops; more than TRAIL_HOPS: the last ones are not there */
	__u32 reason; /* of the first hop that refused */
	__u32 mtu, nat, reserved;
	__be16 sport, dport; /* as it leaves */
	struct ip128 saddr, daddr;
	struct trail_hop hops[TRAIL_HOPS];
};

/* ---- the dry entry point: context in and out by cb ---- */

struct trace_result { /* skb->cb[0..4] after BPF_PROG_TEST_RUN of eni_trace */
	__u32 reason;
	__u32 output_ifindex;
	__u32 flags; /* enum flow_flags */
	__u32 hops;
	__u32 reserved;
};

#endif

/* SPDX-License-Identifier: MIT
 * The maps of abi.h. Sizes are set by dataplane_open(); those here are the smallest that load.
 */
#ifndef VPCD_BPF_MAPS_H
#define VPCD_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/abi.h"

#define MAP(name_, type_, key_, value_, flags_) \
	struct {                                \
		__uint(type, type_);            \
		__uint(max_entries, 64);        \
		__uint(map_flags, flags_);      \
		__type(key, key_);              \
		__type(value, value_);          \
	} name_ SEC(".maps")

/* One element, mapped by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct dp_config);
} config SEC(".maps");

MAP(enis, BPF_MAP_TYPE_HASH, __u32, struct eni, 0);
MAP(subnets, BPF_MAP_TYPE_HASH, __u32, struct subnet_entry, 0);
MAP(vpcs, BPF_MAP_TYPE_HASH, __u32, struct vpc_entry, 0);
MAP(addresses, BPF_MAP_TYPE_HASH, struct addr_key, struct addr_entry, 0);
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct route_key, struct route_entry, BPF_F_NO_PREALLOC);
MAP(nats, BPF_MAP_TYPE_HASH, __u32, struct nat_entry, 0);
MAP(gateways, BPF_MAP_TYPE_HASH, __u32, struct gateway_entry, BPF_F_NO_PREALLOC);

MAP(group_rules, BPF_MAP_TYPE_ARRAY, __u32, struct rules_pair, BPF_F_MMAPABLE);
MAP(acl_rules, BPF_MAP_TYPE_ARRAY, __u32, struct rules_pair, BPF_F_MMAPABLE);
MAP(classifiers, BPF_MAP_TYPE_HASH, __u32, struct classifier, BPF_F_NO_PREALLOC);
MAP(rule_addresses, BPF_MAP_TYPE_LPM_TRIE, struct rule_addr_key, struct rules_bitmap,
    BPF_F_NO_PREALLOC);
MAP(rule_ports, BPF_MAP_TYPE_LPM_TRIE, struct rule_port_key, struct rules_bitmap,
    BPF_F_NO_PREALLOC);
MAP(rule_totals, BPF_MAP_TYPE_HASH, struct name_key, __u64, BPF_F_NO_PREALLOC);
MAP(rule_peers, BPF_MAP_TYPE_HASH, struct rule_peer_key, struct rules_bitmap, BPF_F_NO_PREALLOC);

MAP(rule_hits, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 0);
MAP(fragments, BPF_MAP_TYPE_HASH, struct fragment_key, struct fragment, BPF_F_NO_PREALLOC);
MAP(eni_flows, BPF_MAP_TYPE_HASH, __u32, struct eni_flows, BPF_F_NO_PREALLOC);
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} flows_common SEC(".maps");
MAP(eni_totals, BPF_MAP_TYPE_HASH, __u32, struct eni_totals, BPF_F_NO_PREALLOC);
/* Memory by use (BPF_F_NO_PREALLOC) would double what opening a flow costs. */
MAP(flows, BPF_MAP_TYPE_HASH, struct flow_key, struct flow, 0);
MAP(flow_parts, BPF_MAP_TYPE_HASH, struct flow_part_key, struct flow_part_counts,
    BPF_F_NO_PREALLOC);
MAP(flow_logged, BPF_MAP_TYPE_HASH, __u32, struct flow_log_loss, BPF_F_NO_PREALLOC);
MAP(flow_log_told, BPF_MAP_TYPE_HASH, __u32, struct flow_log_loss, BPF_F_NO_PREALLOC);
MAP(drops, BPF_MAP_TYPE_PERCPU_HASH, struct drop_key, struct counter, BPF_F_NO_PREALLOC);
MAP(nat_stats, BPF_MAP_TYPE_PERCPU_HASH, __u32, struct nat_stats, BPF_F_NO_PREALLOC);
MAP(linklocal, BPF_MAP_TYPE_HASH, __u32, struct linklocal, BPF_F_NO_PREALLOC);
MAP(dns_answers, BPF_MAP_TYPE_HASH, struct dns_key, struct dns_value, BPF_F_NO_PREALLOC);
MAP(nat_ports, BPF_MAP_TYPE_LRU_HASH, struct nat_ports_key, struct nat_ports, 0);
MAP(nat_refusals, BPF_MAP_TYPE_LRU_HASH, struct nat_destination, __u64, 0);
MAP(names, BPF_MAP_TYPE_HASH, struct name_key, __u32, BPF_F_NO_PREALLOC);

/* What a new bitmap is copied from; nobody writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_ports);
} nat_ports_none SEC(".maps");

/* The daemon's list for flows_retire, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RETIRE_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct retire_entry);
} retire SEC(".maps");

MAP(mirrors, BPF_MAP_TYPE_HASH, __u32, struct mirror, BPF_F_NO_PREALLOC);
MAP(mirror_counts, BPF_MAP_TYPE_PERCPU_HASH, __u32, struct mirror_count, BPF_F_NO_PREALLOC);

/* One element, mapped by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct mirror_device);
} mirror_device SEC(".maps");

/* Who listens to drops says so here, mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct drop_watch);
} drop_watch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21);
} drop_events SEC(".maps");

/* Where an event is made. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct drop_event);
} drop_scratch SEC(".maps");

/* The dry entry point's, mapped by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct trail);
} trail SEC(".maps");

#endif

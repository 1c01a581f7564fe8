/* SPDX-License-Identifier: MIT
 * The messages that make, change and read veth pairs and what lies on them. Private to netns/.
 */
#ifndef VPCD_NETNS_VETH_H
#define VPCD_NETNS_VETH_H

#include <net/if.h>
#include <stdbool.h>

#include "lib/addr.h"
#include "netns/rtnl.h"

#define PEER_NAME "eth0" /* in a namespace of ours, until the attachment says otherwise */
#define PEER_MTU  1500

/* What a host-side link is for: its group, since links die by group in one call. */
enum veth_group { VETH_ATTACHED = 1, VETH_PENDING = 2, VETH_DYING = 3 };

#define VETH_ALIAS_MAX 255

/* A host-side link as it stands. */
struct veth_state {
	uint32_t ifindex;
	uint32_t peer; /* interface index in its namespace */
	int netnsid;   /* of that namespace, as the fabric numbers it; -1: none */
	uint32_t group;
	bool up;
	char alias[VETH_ALIAS_MAX + 1];
};

/* In the fabric: a pair whose peer is made in the namespace peer_netns. peer: its interface index
 * there, 0: the kernel chooses. */
void veth_add(struct batch *b, uint32_t ifindex, int peer_netns, const char *peer_name,
	      uint32_t peer);
/* A pair that lies in the fabric with both ends, and is no attachment. */
void veth_pair_add(struct batch *b, const char *name, uint32_t ifindex, const char *peer_name,
		   uint32_t peer, uint32_t mtu);
/* Puts the program on the link's ingress, in place of any of ours. */
void veth_program_add(struct batch *b, uint32_t ifindex, int prog_fd);
/* Makes it an attachment. */
void veth_commit(struct batch *b, uint32_t ifindex, const char *alias, uint16_t mtu);
void veth_group_set(struct batch *b, uint32_t ifindex, enum veth_group group);
void veth_delete(struct batch *b, uint32_t ifindex);
void veth_group_delete(struct batch *b, enum veth_group group);

/* In either namespace. */
void link_up(struct batch *b, const char *step, uint32_t ifindex);

/* No IPv6 address is generated; before link_up. */
void link_no_address(struct batch *b, uint32_t ifindex);

/* In the sandbox. No IPv6 address is generated. forwards: IPv4 that comes by it may go on. */
void peer_set(struct batch *b, uint32_t ifindex, const char *name, const struct mac *mac,
	      uint16_t mtu, bool forwards);
/* One that is there already is fine. */
void address_add(struct batch *b, uint32_t ifindex, const struct cidr *address);
void address_delete(struct batch *b, uint32_t ifindex, const struct cidr *address);
/* fe80::/64 with the interface identifier of the MAC (RFC 4291, appendix A). */
struct cidr address_link_local(const struct mac *mac);
/* to.ip.family decides the family. */
void route_add(struct batch *b, uint32_t ifindex, const struct cidr *to, const struct ip *via);
void route_delete(struct batch *b, uint32_t ifindex, const struct cidr *to, const struct ip *via);
void neighbour_add(struct batch *b, uint32_t ifindex, const struct ip *ip, const struct mac *mac);

/* Host-side links of the fabric, malloc'd. */
int veth_list(struct rtnl *r, struct veth_state **ret, size_t *ret_n, struct err *e);
/* One of them: 1, or 0 if there is none. */
int veth_get(struct rtnl *r, uint32_t ifindex, struct veth_state *ret, struct err *e);
/* The interface index of a name, 0 if there is none, or -errno. */
int link_find(struct rtnl *r, const char *name, struct err *e);
/* Whether the program with that id is on the link: 1, 0 or -errno. */
int veth_has_program(struct rtnl *r, uint32_t ifindex, uint32_t prog_id, struct err *e);
/* The number by which the socket's namespace knows another; -1: by none. */
int netnsid_get(struct rtnl *r, int ns_fd, int *ret, struct err *e);

#endif

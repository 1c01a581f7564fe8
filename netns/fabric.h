/* SPDX-License-Identifier: MIT
 * Namespaces and links of one instance: the fabric (one namespace with every host-side veth), the
 * namespaces of sandboxes, and those that somebody else owns. The only user of libnl.
 *
 * Theory: namespaces are files bind-mounted on a private tmpfs at <run_dir>/ns, so they outlive the
 * daemon. Those that we make are created with CLONE_NEWUSER | CLONE_NEWNET: whoever has
 * CAP_NET_ADMIN in one of them has no power over the fabric. The host-side veth carries clsact with
 * the given program at ingress; its interface index is chosen by the caller and is its identity.
 * Its group says what it is: attached, not yet attached (pool or half made), or dying; the last two
 * are removed at the next start.
 *
 * All functions are called from one thread, which lives in the host's network namespace; some visit
 * another one for the length of a system call or two.
 */
#ifndef VPCD_NETNS_FABRIC_H
#define VPCD_NETNS_FABRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

struct fabric;

/* Ids 0 to 65535 of every sandbox are the host's FABRIC_ID_BASE and up, a range that no
 * distribution hands out, so that a sandbox's root owns nothing outside. */
#define FABRIC_ID_BASE	0x7f000000u
#define FABRIC_ID_COUNT 65536u

struct fabric_config {
	const char *run_dir; /* tmpfs with MS_PRIVATE is mounted at run_dir/ns if it is not yet */
	int prog_fd;	     /* tc program for the ingress of host-side veths; not owned */
	unsigned pool_size;  /* namespaces with veth and program kept ready; 0: none */
	/* A fresh interface index for a member of the pool, 0: none now. NULL ok without pool. */
	uint32_t (*new_ifindex)(void *arg);
	void *arg; /* of new_ifindex */
};

/* Makes the fabric namespace, or adopts the one that stands. */
int fabric_open(const struct fabric_config *cfg, struct fabric **ret, struct err *e);
void fabric_close(struct fabric *f); /* the network stays; NULL ok */
/* Removes every namespace, link and mount below run_dir/ns. Processes must be gone. */
int fabric_purge(const char *run_dir, struct err *e);

int fabric_fd(const struct fabric *f); /* the fabric's network namespace; owned by f */
/* Fills the pool by one namespace; false once it is full. Called when the loop has time. */
bool fabric_pool_fill(struct fabric *f);
/* Reserves a ready namespace and returns its interface index, or 0 if there is none. An attachment
 * of that ifindex uses it up; fabric_detach() of it gives it up. */
uint32_t fabric_pool_take_ifindex(struct fabric *f);

/* What an attachment looks like from within. */
struct attachment_spec {
	const char *id;		/* names the namespace's file: run_dir/ns/<id>.net */
	uint32_t ifindex;	/* of the host-side veth, chosen by the caller, never reused */
	const char *netns_path; /* NULL: a namespace of ours; else a namespace to connect to */
	const char *ifname;	/* in the namespace; NULL: "eth0" */
	struct mac mac;
	uint16_t mtu;
	struct cidr address; /* interface address with its prefix length */
	/* Further ones of either family. With an IPv6 address comes a link-local one, made from the
	 * MAC: neighbour discovery for packets that are not the sandbox's own speaks from it. */
	const struct cidr *more_addresses;
	size_t n_more_addresses;
	/* Default routes, one a family; may lie outside the prefix (onlink). Unset: none. */
	struct ip gateway, gateway6;
	bool no_default_route;
	const struct cidr *routes; /* further routes via their family's gateway */
	size_t n_routes;
	/* A permanent neighbour entry for the gateways; NULL: resolved by ARP, neighbour discovery
	 */
	const struct mac *gateway_mac;
	/* The namespace may be the caller's own, and IPv4 that comes by the interface is forwarded
	 * (uplink.h); else the caller's own is refused. */
	bool uplink;
};

/* Creates namespace (or enters the foreign one), veth pair, addresses and routes. On failure every
 * step that was done is undone. What an attachment of the same id or ifindex left half made is
 * removed first; a whole one is -EEXIST, and so is an interface of that name in a foreign
 * namespace.
 */
int fabric_attach(struct fabric *f, const struct attachment_spec *spec, struct err *e);
/* Gives an attachment that stands the addresses and routes of spec: those that are missing are
 * added; addresses of old (NULL: none is known) that spec has not go. What somebody else put on the
 * interface stays. MAC, MTU and names are not looked at. Established connections of addresses that
 * stay are not disturbed. */
int fabric_readdress(struct fabric *f, const struct attachment_spec *old,
		     const struct attachment_spec *spec, struct err *e);
/* Removes the attachment: from a foreign namespace at once. A namespace of ours loses its file and
 * goes, with the link, when its last process or descriptor does, or at fabric_reap(): deleting a
 * link at once would cost some 20 ms. Absent: 0. */
int fabric_detach(struct fabric *f, const char *id, uint32_t ifindex, struct err *e);
/* Deletes the links of attachments that were detached more than half a second ago and that a
 * descriptor keeps alive. Call once a second; costs nothing where there is none. */
int fabric_reap(struct fabric *f, struct err *e);
/* A descriptor of an attachment's network namespace, or the user namespace that owns it; the caller
 * closes. A negative errno on failure. */
int fabric_open_netns(struct fabric *f, const char *id, struct err *e);
int fabric_open_userns(struct fabric *f, const char *id, struct err *e);

/* What stands: called for each host-side veth. Pool members are not among them. */
struct attachment_state {
	uint32_t ifindex;
	const char *id;	      /* from the link's alias */
	bool up, has_program; /* the program of fabric_config, no other */
	bool namespace_alive; /* the namespace's file is there and holds the peer; foreign: true */
};
int fabric_list(struct fabric *f, int (*fn)(void *arg, const struct attachment_state *a), void *arg,
		struct err *e);
/* Puts the program (again) on a host-side veth. */
int fabric_attach_program(struct fabric *f, uint32_t ifindex, struct err *e);

/* A pair of links within the fabric for copies of packets: what is sent by the first comes, in the
 * pieces and with the checksums that it would have on a wire, to the program at the second one's
 * ingress. Made at the first call, and with that program from every call on. *ret: the first one's
 * interface index. */
int fabric_mirror_device(struct fabric *f, int prog_fd, uint32_t *ret, struct err *e);

#endif

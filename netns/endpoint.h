/* SPDX-License-Identifier: MIT
 * A network namespace with a veth pair between it and the fabric, on its way to become an
 * attachment; and the fabric's own state. Private to netns/.
 */
#ifndef VPCD_NETNS_ENDPOINT_H
#define VPCD_NETNS_ENDPOINT_H

#include "netns/fabric.h"
#include "netns/rtnl.h"

struct endpoint {
	uint32_t ifindex; /* of the host-side link */
	uint32_t peer;	  /* of its peer, in the namespace */
	int net_fd;
	struct rtnl rtnl; /* in the namespace */
	bool linked;	  /* the pair is made, and is deleted by endpoint_undo() */
	bool foreign;
	bool taken; /* in the pool: reserved */
};

struct fabric {
	struct fabric_config cfg; /* run_dir is not kept */
	char *dir;		  /* run_dir/ns */
	int home_fd;		  /* the thread's network namespace */
	int net_fd;
	struct rtnl rtnl; /* in the fabric */
	uint32_t prog_id;
	struct endpoint *pool; /* room for all that cfg.pool_size allows, and those taken */
	size_t n_pool, pool_cap;
	uint64_t dying_since; /* CLOCK_MONOTONIC, ns, of the oldest that died; 0: none */
};

/* A new namespace with a link of group pending, program on. */
int endpoint_new(struct fabric *f, uint32_t ifindex, struct endpoint *ret, struct err *e);
/* The same in the namespace at spec->netns_path. */
int endpoint_new_foreign(struct fabric *f, const struct attachment_spec *spec, const char *ifname,
			 struct endpoint *ret, struct err *e);
/* Addresses, routes and neighbours, and the peer up. */
int endpoint_configure(struct endpoint *ep, const struct attachment_spec *spec, struct err *e);
/* The addresses and routes of spec for an interface that has those of old (NULL: unknown). r: in
 * its namespace; peer: its index there. */
int endpoint_readdress(struct rtnl *r, uint32_t peer, const struct attachment_spec *old,
		       const struct attachment_spec *spec, struct err *e);
/* Lets go of the descriptors. The link dies with a namespace that has no file. */
void endpoint_done(struct endpoint *ep);
/* Deletes the link too, at once. */
void endpoint_undo(struct fabric *f, struct endpoint *ep);

/* Hands over the pool's member of that ifindex; false: there is none. */
bool pool_take(struct fabric *f, uint32_t ifindex, struct endpoint *ret);
void pool_done(struct fabric *f);

#endif

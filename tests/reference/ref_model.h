/* SPDX-License-Identifier: MIT
 * What the model says about places, addresses and routes, found by looking through it.
 */
#ifndef VPCD_TESTS_REFERENCE_REF_MODEL_H
#define VPCD_TESTS_REFERENCE_REF_MODEL_H

#include "model/kinds.h"
#include "model/store.h"

/* Where a packet can be sent from or handed to: an attached interface. */
enum place_kind { PLACE_VPC, PLACE_INTERNET, PLACE_SERVICE };
struct place {
	enum place_kind kind;
	const char *id;
	struct mac mac;
	unsigned mtu;
	bool source_dest_check;
	bool leaves; /* the uplink: out of the machine */
	/* PLACE_INTERNET, PLACE_SERVICE */
	struct ip addresses[2];
	/* PLACE_VPC */
	const struct network_interface *eni;
	const struct subnet *subnet;
	const struct vpc *vpc;
	bool always_tracked;
};

/* The built-in interfaces' ids, as the daemon names them. */
#define PLACE_ID_SERVICE	  "service"
#define PLACE_ID_SERVICE_INTERNET "service-internet"
#define PLACE_ID_PUBLIC_DNS	  "public-dns"
#define PLACE_ID_UPLINK		  "uplink"

bool place_find(const struct model *m, const char *id, struct place *ret);
bool place_owns(const struct place *p, const struct ip *a);
bool place_same_subnet(const struct place *a, const struct place *b);

/* Who has an address. */
enum holder_kind {
	HOLDER_NOBODY,
	HOLDER_ENI,    /* id: the interface */
	HOLDER_NAT,    /* id: the NAT gateway */
	HOLDER_PUBLIC, /* on the internet: an interface's public address; id: the interface */
};
struct holder {
	enum holder_kind kind;
	const char *id;
	const char *vpc;    /* of HOLDER_NAT, HOLDER_PUBLIC */
	struct ip private_; /* on the internet: the address that it stands for in its VPC */
};
struct holder holder_in_vpc(const struct model *m, const char *vpc, const struct ip *a);
struct holder holder_on_internet(const struct model *m, const struct ip *a);
/* The public address that an interface's address stands behind; unset: none. */
struct ip public_address(const struct model *m, const char *eni, const struct ip *a);
/* That of an address of a NAT gateway. */
struct ip nat_public_address(const struct model *m, const char *gateway, const struct ip *a);

const struct internet_gateway *vpc_internet_gateway(const struct model *m, const char *vpc);
/* Its id; NULL: none. */
const char *vpc_egress_only_gateway(const struct model *m, const char *vpc);
/* The table that routes what comes in by an internet gateway; NULL: it has none of its own. */
const struct route_table *gateway_table(const struct model *m, const char *gateway);
const struct network_interface *nat_interface(const struct model *m, const struct nat_gateway *n);

/* Where a route table sends an address. */
enum hop_kind {
	HOP_NONE, /* no route */
	HOP_LOCAL,
	HOP_BLACKHOLE,
	HOP_INTERNET_GATEWAY,
	HOP_NAT,
	HOP_ENI,
	HOP_PEERING, /* id: the peer VPC */
	HOP_EGRESS_ONLY,
	HOP_NOT_PUBLIC, /* in a gateway's table: an interface without public address */
};
struct hop {
	enum hop_kind kind;
	const char *id;
};
/* t NULL: the VPC's local routes alone. */
struct hop route_find(const struct model *m, const struct vpc *v, const struct route_table *t,
		      const struct ip *a);
struct hop subnet_route(const struct model *m, const struct subnet *s, const struct ip *a);
/* Of one of its blocks? */
bool vpc_is_local(const struct vpc *v, const struct ip *a);

#endif

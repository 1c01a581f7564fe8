/* SPDX-License-Identifier: MIT
 * Addresses of an interface beside its primary one: secondary private ones and IPv6. EC2 User
 * Guide, using-eni; VPC User Guide, vpc-ip-addressing.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

static struct ip *ips(const struct list *l)
{
	return l->v;
}

bool addresses_have(const struct list *l, const struct ip *ip)
{
	for (size_t i = 0; i < l->n; i++)
		if (!ip_cmp(&ips(l)[i], ip))
			return true;
	return false;
}

/* One of the two lists, and what it is checked against. */
struct ask {
	struct txn *t;
	const struct subnet *s;
	const struct ip *primary;
	const char *eni;	/* NULL: new */
	const struct list *old; /* NULL: new */
	struct list *list;
	const char *name;
	int family;
	struct err *e;
};

static int given_check(const struct ask *a, size_t i)
{
	const struct ip *ip = &ips(a->list)[i];
	char field[96], text[IP_STRLEN];

	snprintf(field, sizeof(field), "%s/%zu", a->name, i);
	ip_format(ip, text);
	if (ip->family != a->family)
		return err_set(a->e, -EINVAL, "InvalidParameterValue", field,
			       "%s is no IPv%d address", text, a->family == AF_INET ? 4 : 6);
	if (!ip_cmp(ip, a->primary))
		return err_set(a->e, -EINVAL, "InvalidParameterValue", field,
			       "%s is the primary address already", text);
	for (size_t j = 0; j < i; j++)
		if (!ip_cmp(ip, &ips(a->list)[j]))
			return err_set(a->e, -EINVAL, "InvalidParameterValue", field,
				       "%s is given twice", text);
	if (a->old && addresses_have(a->old, ip))
		return 0;
	return ipam_subnet_check(txn_model(a->t), a->s, ip, a->eni, field, a->e);
}

/* An address that "auto" may keep: the interface has it, and nothing else asks for it. */
static const struct ip *kept(const struct ask *a)
{
	for (size_t i = 0; a->old && i < a->old->n; i++)
		if (!addresses_have(a->list, &ips(a->old)[i]))
			return &ips(a->old)[i];
	return NULL;
}

static int choose(const struct ask *a, size_t i)
{
	const struct ip *have = kept(a);
	struct ip *ip = &ips(a->list)[i];

	if (have) {
		*ip = *have;
		return 0;
	}
	if (a->family == AF_INET6)
		return ipam_subnet_pick6(txn_model(a->t), a->s, a->list, ip, a->e);
	if (ipam_subnet_pick(txn_model(a->t), a->s, a->list, ip, a->e))
		return -ENOSPC;
	/* A new interface's primary address is not to be seen yet; now the list has it. */
	return ip_cmp(ip, a->primary) ? 0
				      : ipam_subnet_pick(txn_model(a->t), a->s, a->list, ip, a->e);
}

static int list_check(const struct ask *a)
{
	unsigned max = store_configuration(txn_store(a->t))->quotas.addresses_per_interface;
	size_t n = a->list->n + (a->family == AF_INET);
	int rc = 0;

	if (n > max)
		return err_set(a->e, -ENOSPC, "PrivateIpAddressLimitExceeded", a->name,
			       "%zu IPv%d addresses: an interface has at most %u", n,
			       a->family == AF_INET ? 4 : 6, max);
	for (size_t i = 0; !rc && i < a->list->n; i++)
		if (ips(a->list)[i].family != IP_AUTO)
			rc = given_check(a, i);
	for (size_t i = 0; !rc && i < a->list->n; i++)
		if (ips(a->list)[i].family == IP_AUTO)
			rc = choose(a, i);
	return rc;
}

int addresses_check(struct txn *t, const struct subnet *s, const struct network_interface *old,
		    const struct ip *primary, struct list *secondary, struct list *ipv6,
		    struct err *e)
{
	const char *eni = old ? old->o.id : NULL;
	struct ask v4 = {t,
			 s,
			 primary,
			 eni,
			 old ? &old->secondary_private_ip_addresses : NULL,
			 secondary,
			 "SecondaryPrivateIpAddresses",
			 AF_INET,
			 e};
	struct ask v6 = {
		t,	  s, primary, eni, old ? &old->ipv6_addresses : NULL, ipv6, "Ipv6Addresses",
		AF_INET6, e};
	int rc = list_check(&v4);

	return rc ? rc : list_check(&v6);
}

int addresses_add_auto(struct list *l, struct err *e)
{
	struct ip *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return err_sys(e, -ENOMEM, "addresses");
	l->v = v;
	v[l->n++] = (struct ip){.family = IP_AUTO};
	return 0;
}

/* ---- elastic IPs of addresses that go ---- */

static bool is_of(const struct network_interface *eni, const struct ip *ip)
{
	return !ip_cmp(&eni->private_ip_address, ip) ||
	       addresses_have(&eni->secondary_private_ip_addresses, ip);
}

static bool is_left(const void *arg, const struct object *o)
{
	return !is_of(arg, &AS_CONST(elastic_ip, o)->private_ip);
}

/* An elastic IP whose private address is taken away is free again (EC2 API Reference,
 * UnassignPrivateIpAddresses). */
int addresses_release(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const struct object *o;
	struct elastic_ip *eip;
	int rc = 0;

	while (!rc && (o = find_referrer(txn_model(t), eni->o.id, KIND_ELASTIC_IP, is_left, eni))) {
		eip = EDIT(elastic_ip, t, o->id, e);
		if (!eip)
			return -ENOMEM;
		eip->private_ip = (struct ip){0};
		rc = text_set(&eip->network_interface_id, NULL, e);
	}
	return rc;
}

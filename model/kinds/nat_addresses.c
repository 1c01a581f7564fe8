/* SPDX-License-Identifier: MIT
 * See nat_addresses.h.
 */
#include <stdlib.h>
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"
#include "model/kinds/nat_addresses.h"
#include "model/object.h"

static char *allocation(const struct nat_gateway *nat, size_t i)
{
	return ((char **)nat->secondary_allocation_ids.v)[i];
}

static const struct ip *wish(const struct nat_gateway *nat, size_t i)
{
	return (const struct ip *)nat->secondary_private_ip_addresses.v + i;
}

static bool has_allocation(const struct nat_gateway *nat, const char *id)
{
	for (size_t i = 0; i < nat->secondary_allocation_ids.n; i++)
		if (!strcmp(allocation(nat, i), id))
			return true;
	return false;
}

size_t nat_addresses_secondary(const struct nat_gateway *nat)
{
	if (nat->connectivity_type == NAT_PUBLIC)
		return nat->secondary_allocation_ids.n;
	return nat->secondary_private_ip_addresses.n
		       ? nat->secondary_private_ip_addresses.n
		       : (size_t)nat->secondary_private_ip_address_count;
}

/* ---- what may be asked for ---- */

static int combination_check(const struct nat_gateway *nat, struct err *e)
{
	bool public = nat->connectivity_type == NAT_PUBLIC;

	if (!public && nat->secondary_allocation_ids.n)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "SecondaryAllocationIds",
			       "a private NAT gateway has no elastic IP");
	if (public && nat->secondary_private_ip_address_count)
		return err_set(e, -EINVAL, "InvalidParameterCombination",
			       "SecondaryPrivateIpAddressCount",
			       "a public NAT gateway has as many secondary addresses as "
			       "SecondaryAllocationIds");
	if (nat->secondary_private_ip_addresses.n && nat->secondary_private_ip_address_count)
		return err_set(e, -EINVAL, "InvalidParameterCombination",
			       "SecondaryPrivateIpAddressCount",
			       "either the addresses or their number, not both");
	if (public && nat->secondary_private_ip_addresses.n &&
	    nat->secondary_private_ip_addresses.n != nat->secondary_allocation_ids.n)
		return err_set(
			e, -EINVAL, "InvalidParameterCombination", "SecondaryPrivateIpAddresses",
			"%zu addresses for %zu elastic IPs (SecondaryAllocationIds)",
			nat->secondary_private_ip_addresses.n, nat->secondary_allocation_ids.n);
	return 0;
}

static int number_check(const struct nat_gateway *nat, struct err *e)
{
	size_t n = nat_addresses_secondary(nat);

	if (n > NAT_SECONDARY_MAX)
		return err_set(e, -EINVAL, "InvalidParameterValue",
			       nat->connectivity_type == NAT_PUBLIC ? "SecondaryAllocationIds"
								    : "SecondaryPrivateIpAddresses",
			       "%zu secondary addresses: a NAT gateway has at most %d", n,
			       NAT_SECONDARY_MAX);
	for (size_t i = 0; i < nat->secondary_allocation_ids.n; i++) {
		bool twice = nat->allocation_id && !strcmp(nat->allocation_id, allocation(nat, i));

		for (size_t j = 0; j < i; j++)
			twice = twice || !strcmp(allocation(nat, j), allocation(nat, i));
		if (twice)
			return err_set(e, -EINVAL, "InvalidParameterValue",
				       "SecondaryAllocationIds", "%s is given twice",
				       allocation(nat, i));
	}
	return 0;
}

static int wish_check(const struct model *m, const struct subnet *s, const struct nat_gateway *nat,
		      size_t i, const struct network_interface *own, struct err *e)
{
	char text[IP_STRLEN];
	bool twice = !ip_cmp(wish(nat, i), &nat->private_ip_address);

	for (size_t j = 0; j < i; j++)
		twice = twice || !ip_cmp(wish(nat, j), wish(nat, i));
	if (twice)
		return err_set(e, -EINVAL, "InvalidParameterValue", "SecondaryPrivateIpAddresses",
			       "%s is given twice", ip_format(wish(nat, i), text));
	if (own && eni_has_address(own, wish(nat, i)))
		return 0;
	return ipam_subnet_check(m, s, wish(nat, i), NULL, "SecondaryPrivateIpAddresses", e);
}

int nat_addresses_check(struct txn *t, const struct nat_gateway *was, const struct nat_gateway *nat,
			struct err *e)
{
	const struct model *m = txn_model(t);
	const struct subnet *s = AS_CONST(subnet, model_get(m, nat->subnet_id));
	const struct object *eni =
		was && was->network_interface_id ? model_get(m, was->network_interface_id) : NULL;
	int rc = combination_check(nat, e);

	if (!rc)
		rc = number_check(nat, e);
	if (!rc && !was && ip_is_set(&nat->private_ip_address))
		rc = ipam_subnet_check(m, s, &nat->private_ip_address, NULL, "PrivateIpAddress", e);
	for (size_t i = 0; !rc && i < nat->secondary_private_ip_addresses.n; i++)
		rc = wish_check(m, s, nat, i, AS_CONST(network_interface, eni), e);
	return rc;
}

static bool is_associated(const struct model *m, const char *eip_id)
{
	const struct object *o = model_get(m, eip_id);

	return o && AS_CONST(elastic_ip, o)->network_interface_id;
}

bool nat_addresses_taken(const struct model *m, const struct nat_gateway *nat)
{
	bool taken = nat->allocation_id && is_associated(m, nat->allocation_id);

	for (size_t i = 0; !taken && i < nat->secondary_allocation_ids.n; i++)
		taken = is_associated(m, allocation(nat, i));
	return taken;
}

/* ---- giving and taking ---- */

static int associate(struct txn *t, const char *eip_id, const char *eni_id,
		     const struct ip *private_ip, struct err *e)
{
	struct elastic_ip *eip;

	if (is_associated(txn_model(t), eip_id))
		return err_set(e, -EEXIST, "Resource.AlreadyAssociated", "SecondaryAllocationIds",
			       "%s is associated already", eip_id);
	eip = EDIT(elastic_ip, t, eip_id, e);
	if (!eip)
		return -ENOMEM;
	eip->private_ip = *private_ip;
	return text_set(&eip->network_interface_id, eni_id, e);
}

static int address_add(struct txn *t, const char *eni_id, const struct ip *ip, struct err *e)
{
	struct network_interface *eni = EDIT(network_interface, t, eni_id, e);
	struct list *l = eni ? &eni->secondary_private_ip_addresses : NULL;
	struct ip *v = l ? reallocarray(l->v, l->n + 1, sizeof(*v)) : NULL;

	if (!v)
		return err_sys(e, -ENOMEM, "addresses");
	v[l->n++] = *ip;
	l->v = v;
	return 0;
}

static int address_remove(struct txn *t, const char *eni_id, const struct ip *ip, struct err *e)
{
	struct network_interface *eni = EDIT(network_interface, t, eni_id, e);
	struct list *l = eni ? &eni->secondary_private_ip_addresses : NULL;
	struct ip *v = l ? l->v : NULL;
	size_t kept = 0;

	if (!eni)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		if (ip_cmp(&v[i], ip))
			v[kept++] = v[i];
	l->n = kept;
	return 0;
}

static const struct network_interface *interface_of(struct txn *t, const struct nat_gateway *nat)
{
	return AS_CONST(network_interface, model_get(txn_model(t), nat->network_interface_id));
}

/* A private address for one more: the first wish that it does not have yet, or the lowest free. */
static int address_pick(struct txn *t, const struct nat_gateway *nat, struct ip *ret, struct err *e)
{
	const struct model *m = txn_model(t);
	const struct network_interface *eni = interface_of(t, nat);

	for (size_t i = 0; i < nat->secondary_private_ip_addresses.n; i++)
		if (!eni_has_address(eni, wish(nat, i))) {
			*ret = *wish(nat, i);
			return 0;
		}
	return ipam_subnet_pick(m, AS_CONST(subnet, model_get(m, nat->subnet_id)), NULL, ret, e);
}

/* One secondary address more; eip_id: of a public gateway. */
static int secondary_add(struct txn *t, const struct nat_gateway *nat, const char *eip_id,
			 struct err *e)
{
	struct ip ip;
	int rc = address_pick(t, nat, &ip, e);

	if (!rc)
		rc = address_add(t, nat->network_interface_id, &ip, e);
	if (!rc && eip_id)
		rc = associate(t, eip_id, nat->network_interface_id, &ip, e);
	return rc;
}

int nat_addresses_assign(struct txn *t, const struct nat_gateway *from, struct err *e)
{
	/* An edit may replace the object that `from` is. */
	cleanup_object struct object *copy = object_copy(&from->o);
	const struct nat_gateway *nat = AS_CONST(nat_gateway, copy);
	bool public = from->connectivity_type == NAT_PUBLIC;
	int rc = copy ? 0 : err_sys(e, -ENOMEM, "addresses");

	if (!rc && public)
		rc = associate(t, nat->allocation_id, nat->network_interface_id,
			       &nat->private_ip_address, e);
	for (size_t i = 0; !rc && i < nat_addresses_secondary(nat); i++)
		rc = secondary_add(t, nat, public ? allocation(nat, i) : NULL, e);
	return rc;
}

static int allocation_remove(struct txn *t, const struct nat_gateway *was, const char *eip_id,
			     struct err *e)
{
	struct elastic_ip *eip = EDIT(elastic_ip, t, eip_id, e);
	struct ip ip, none = {0};

	if (!eip)
		return -ENOMEM;
	ip = eip->private_ip;
	eip->private_ip = none;
	if (text_set(&eip->network_interface_id, NULL, e))
		return -ENOMEM;
	return address_remove(t, was->network_interface_id, &ip, e);
}

static int public_change(struct txn *t, const struct nat_gateway *was,
			 const struct nat_gateway *nat, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < was->secondary_allocation_ids.n; i++)
		if (!has_allocation(nat, allocation(was, i)))
			rc = allocation_remove(t, was, allocation(was, i), e);
	for (size_t i = 0; !rc && i < nat->secondary_allocation_ids.n; i++)
		if (!has_allocation(was, allocation(nat, i)))
			rc = secondary_add(t, nat, allocation(nat, i), e);
	return rc;
}

static bool is_wished(const struct nat_gateway *nat, const struct ip *ip)
{
	for (size_t i = 0; i < nat->secondary_private_ip_addresses.n; i++)
		if (!ip_cmp(wish(nat, i), ip))
			return true;
	return false;
}

/* Those that are not asked for by address go, the youngest first. */
static int private_change(struct txn *t, const struct nat_gateway *nat, struct err *e)
{
	const struct list *l = &interface_of(t, nat)->secondary_private_ip_addresses;
	size_t wanted = nat_addresses_secondary(nat);
	bool by_address = nat->secondary_private_ip_addresses.n;
	int rc = 0;

	for (size_t i = l->n; !rc && i-- > 0;) {
		struct ip ip;

		l = &interface_of(t, nat)->secondary_private_ip_addresses;
		ip = ((const struct ip *)l->v)[i];
		if (by_address ? !is_wished(nat, &ip) : i >= wanted)
			rc = address_remove(t, nat->network_interface_id, &ip, e);
	}
	while (!rc && interface_of(t, nat)->secondary_private_ip_addresses.n < wanted)
		rc = secondary_add(t, nat, NULL, e);
	return rc;
}

int nat_addresses_change(struct txn *t, const struct nat_gateway *was,
			 const struct nat_gateway *nat, struct err *e)
{
	cleanup_object struct object *copy = object_copy(&was->o);

	if (!copy)
		return err_sys(e, -ENOMEM, "addresses");
	if (nat->connectivity_type == NAT_PUBLIC)
		return public_change(t, AS_CONST(nat_gateway, copy), nat, e);
	return private_change(t, nat, e);
}

/* ---- showing ---- */

static struct json *describe_one(const struct model *m, const char *eni_id, const struct ip *ip,
				 bool primary)
{
	const struct elastic_ip *eip = model_address_elastic_ip(m, eni_id, ip);
	struct json *j = json_new_obj();
	char text[IP_STRLEN];

	if (eip) {
		json_set_str(j, "AllocationId", eip->o.id);
		json_set_str(j, "PublicIp", ip_format(&eip->public_ip, text));
	}
	json_set_str(j, "NetworkInterfaceId", eni_id);
	json_set_str(j, "PrivateIp", ip_format(ip, text));
	json_set_bool(j, "IsPrimary", primary);
	return j;
}

struct json *nat_addresses_describe(const struct model *m, const struct nat_gateway *nat)
{
	const char *id = nat->network_interface_id;
	const struct network_interface *eni =
		AS_CONST(network_interface, id ? model_get(m, id) : NULL);
	struct json *all = json_new_arr();

	if (!eni)
		return all;
	json_append(all, describe_one(m, id, &eni->private_ip_address, true));
	for (size_t i = 0; i < eni->secondary_private_ip_addresses.n; i++)
		json_append(
			all,
			describe_one(m, id,
				     (const struct ip *)eni->secondary_private_ip_addresses.v + i,
				     false));
	return all;
}

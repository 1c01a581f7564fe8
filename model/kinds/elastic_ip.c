/* SPDX-License-Identifier: MIT
 * Elastic IP: a public address and the interface that has it.
 */
#include <string.h>

#include "model/ipam.h"
#include "model/kinds/common.h"

static const struct field fields[] = {
	FIELD(elastic_ip, public_ip, "PublicIp", .flags = ALLOCATED | COLUMN,
	      .help = "The address; absent: the lowest free one of the pool"),
	FIELD(elastic_ip, public_ipv4_pool, "PublicIpv4Pool", .flags = ALLOCATED, .max = 32,
	      .help = "Pool that it is taken from; absent: amazon, or that of the address"),
	REF(elastic_ip, network_interface_id, "NetworkInterfaceId", KIND_NETWORK_INTERFACE,
	    .flags = WEAK | COLUMN, .help = "Interface that has it"),
	FIELD(elastic_ip, private_ip, "PrivateIpAddress",
	      .help = "Private address of the interface that it stands for; absent: the primary "
		      "one"),
	FIELD(elastic_ip, auto_assigned, "AutoAssigned", .flags = COMPUTED,
	      .help = "Whether it came with an instance and goes with it"),
	{0},
};

/* By name, or of an address; NULL: none. *ret_name: its name. */
static const struct cidr *pool_find(const struct store_config *cfg, const char *name,
				    const struct ip *ip, const char **ret_name)
{
	*ret_name = ADDRESS_POOL_AMAZON;
	if (name ? !strcmp(name, *ret_name) : !ip_is_set(ip) || cidr_contains_ip(&cfg->pool, ip))
		return &cfg->pool;
	for (size_t i = 0; i < cfg->n_more_pools; i++) {
		const struct address_pool *p = &cfg->more_pools[i];

		*ret_name = p->name;
		if (name ? !strcmp(name, p->name) : cidr_contains_ip(&p->range, ip))
			return &p->range;
	}
	return NULL;
}

static int pool_check(struct txn *t, struct elastic_ip *eip, const struct cidr **ret, struct err *e)
{
	const struct store_config *cfg = store_configuration(txn_store(t));
	char text[IP_STRLEN], range[CIDR_STRLEN];
	const char *name;

	*ret = pool_find(cfg, eip->public_ipv4_pool, &eip->public_ip, &name);
	if (!*ret && eip->public_ipv4_pool)
		return err_set(e, -EINVAL, "InvalidParameterValue", "PublicIpv4Pool",
			       "there is no pool %.32s (vpcd --public-pool)",
			       eip->public_ipv4_pool);
	if (ip_is_set(&eip->public_ip) && (!*ret || !cidr_contains_ip(*ret, &eip->public_ip)))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PublicIp",
			       "%s is not of the pool %s", ip_format(&eip->public_ip, text),
			       cidr_format(*ret ? *ret : &cfg->pool, range));
	return eip->public_ipv4_pool ? 0 : text_set(&eip->public_ipv4_pool, name, e);
}

/* Nobody's, as far as the pool has more than two addresses (ipam_pool_pick). */
static bool is_edge(const struct cidr *pool, const struct ip *ip)
{
	uint64_t size = cidr_size(pool);
	struct ip first = cidr_nth(pool, 0), last = cidr_nth(pool, size - 1);

	return size > 2 && (!ip_cmp(ip, &first) || !ip_cmp(ip, &last));
}

static int address_check(struct txn *t, struct elastic_ip *eip, struct err *e)
{
	const struct cidr *pool;
	char text[IP_STRLEN];
	int rc = pool_check(t, eip, &pool, e);

	if (rc)
		return rc;
	if (!ip_is_set(&eip->public_ip))
		return ipam_pool_pick(txn_model(t), pool, &eip->public_ip, e);
	if (is_edge(pool, &eip->public_ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PublicIp",
			       "%s is the network or broadcast address of the pool",
			       ip_format(&eip->public_ip, text));
	model_for_each (o, txn_model(t), KIND_ELASTIC_IP)
		if (!ip_cmp(&AS_CONST(elastic_ip, o)->public_ip, &eip->public_ip))
			return err_set(e, -EEXIST, "InvalidIPAddress.InUse", "PublicIp",
				       "%s is allocated already (%s)",
				       ip_format(&eip->public_ip, text), o->id);
	return 0;
}

static bool has_interface(const void *arg, const struct object *o)
{
	return AS_CONST(nat_gateway, o)->network_interface_id;
}

/* The NAT gateway that uses the address; a failed one does not. */
static const struct object *nat_of(const struct model *m, const char *eip_id)
{
	return find_referrer(m, eip_id, KIND_NAT_GATEWAY, has_interface, NULL);
}

static int holder_check(struct txn *t, const struct network_interface *eni, struct err *e)
{
	const char *vpc = model_object_vpc(txn_model(t), &eni->o);

	if (eni->interface_type == INTERFACE_LAMBDA)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s is a function's: functions have no public address", eni->o.id);
	if (eni->interface_type == INTERFACE_NAT_GATEWAY)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s is that of NAT gateway %s, which names its elastic IPs itself",
			       eni->o.id, eni->attachment_id);
	if (!model_vpc_internet_gateway(txn_model(t), vpc))
		return err_set(e, -EINVAL, "Gateway.NotAttached", "NetworkInterfaceId",
			       "%s has no internet gateway attached", vpc);
	return 0;
}

static bool is_rival(const void *arg, const struct object *o)
{
	const struct elastic_ip *eip = arg, *other = AS_CONST(elastic_ip, o);

	return strcmp(eip->o.id, o->id) && !ip_cmp(&eip->private_ip, &other->private_ip);
}

/* One elastic IP a private address (EC2 User Guide, using-eni); the one that came with an instance
 * makes way (using-instance-addressing). */
static int make_way(struct txn *t, const struct elastic_ip *eip, struct err *e)
{
	const char *eni = eip->network_interface_id;
	const struct object *o = find_referrer(txn_model(t), eni, KIND_ELASTIC_IP, is_rival, eip);
	char text[IP_STRLEN], private_text[IP_STRLEN];
	struct elastic_ip *other;

	if (!o)
		return 0;
	if (!AS_CONST(elastic_ip, o)->auto_assigned)
		return err_set(e, -EEXIST, "Resource.AlreadyAssociated", "NetworkInterfaceId",
			       "%s has public address %s (%s) already",
			       ip_format(&eip->private_ip, private_text),
			       ip_format(&AS_CONST(elastic_ip, o)->public_ip, text), o->id);
	other = EDIT(elastic_ip, t, o->id, e);
	if (!other || text_set(&other->network_interface_id, NULL, e))
		return -ENOMEM;
	return txn_delete(t, other->o.id, e);
}

static int change_check(struct txn *t, const struct elastic_ip *old, const struct elastic_ip *eip,
			struct err *e)
{
	const struct model *m = txn_model(t);
	const struct object *nat = nat_of(m, eip->o.id);
	const char *eni = eip->network_interface_id;

	if (nat && !txn_deleting(t, nat->id))
		return err_set(e, -EEXIST, "Resource.AlreadyAssociated", "NetworkInterfaceId",
			       "%s belongs to NAT gateway %s", eip->o.id, nat->id);
	if (old && old->auto_assigned)
		return err_set(e, -EINVAL, "OperationNotPermitted", "NetworkInterfaceId",
			       "%s came with an instance and stays with it", eip->o.id);
	return eni ? holder_check(t, AS_CONST(network_interface, model_get(m, eni)), e) : 0;
}

/* The private address follows the interface unless it is given anew. */
static int private_check(struct txn *t, const struct elastic_ip *old, struct elastic_ip *eip,
			 bool changed, struct err *e)
{
	const char *id = eip->network_interface_id;
	const struct network_interface *eni =
		AS_CONST(network_interface, id ? model_get(txn_model(t), id) : NULL);
	static const struct ip none;
	char text[IP_STRLEN];

	if ((changed || !eni) && old && !ip_cmp(&old->private_ip, &eip->private_ip))
		eip->private_ip = none;
	if (eni && !ip_is_set(&eip->private_ip))
		eip->private_ip = eni->private_ip_address;
	if (!eni && ip_is_set(&eip->private_ip))
		return err_set(e, -EINVAL, "InvalidParameterCombination", "PrivateIpAddress",
			       "%s without the interface that has it (NetworkInterfaceId)",
			       ip_format(&eip->private_ip, text));
	if (eni && !eni_has_address(eni, &eip->private_ip))
		return err_set(e, -EINVAL, "InvalidParameterValue", "PrivateIpAddress",
			       "%s is no address of %s", ip_format(&eip->private_ip, text),
			       eni->o.id);
	return 0;
}

static int association_check(struct txn *t, const struct elastic_ip *old, struct elastic_ip *eip,
			     struct err *e)
{
	const char *was = old ? old->network_interface_id : NULL;
	const char *is = eip->network_interface_id;
	bool changed = was && is ? strcmp(was, is) : was != is;
	int rc = private_check(t, old, eip, changed, e);

	changed = changed || (old && ip_cmp(&old->private_ip, &eip->private_ip));
	if (!rc && changed)
		rc = change_check(t, old, eip, e);
	return rc || !changed || !is ? rc : make_way(t, eip, e);
}

static int check(struct txn *t, const struct object *old, struct object *new, struct err *e)
{
	struct elastic_ip *eip = AS(elastic_ip, new);
	int rc = old ? 0 : address_check(t, eip, e);

	return rc ? rc : association_check(t, AS_CONST(elastic_ip, old), eip, e);
}

static int deleting(struct txn *t, const struct object *o, struct err *e)
{
	const struct elastic_ip *eip = AS_CONST(elastic_ip, o);
	const struct object *eni = eip->network_interface_id
					   ? model_get(txn_model(t), eip->network_interface_id)
					   : NULL;
	const struct object *nat = nat_of(txn_model(t), o->id);
	char text[IP_STRLEN];

	if (nat)
		return err_set(e, -EBUSY, "InvalidIPAddress.InUse", "",
			       "%s belongs to NAT gateway %s", ip_format(&eip->public_ip, text),
			       nat->id);
	if (eni && !(eip->auto_assigned &&
		     txn_deleting(t, AS_CONST(network_interface, eni)->attachment_id)))
		return err_set(e, -EBUSY, "InvalidIPAddress.InUse", "",
			       "%s is associated with %s: disassociate it first",
			       ip_format(&eip->public_ip, text), eni->id);
	return 0;
}

static void derive(const struct model *m, const struct object *o, struct json *out)
{
	const char *id = AS_CONST(elastic_ip, o)->network_interface_id;
	const struct object *eni = id ? model_get(m, id) : NULL;
	const char *holder = eni ? AS_CONST(network_interface, eni)->attachment_id : NULL;

	if (holder && kind_of_id(holder) == kinds[KIND_INSTANCE])
		json_set_str(out, "InstanceId", holder);
}

const struct kind elastic_ip_kind = {
	.kind = KIND_ELASTIC_IP,
	.name = "elastic-ip",
	.plural = "elastic-ips",
	.short_name = "eip",
	.id_prefix = "eipalloc-",
	.id_field = "AllocationId",
	.help = "A public address that stands for an interface",
	.size = sizeof(struct elastic_ip),
	.fields = fields,
	.check = check,
	.deleting = deleting,
	.derive = derive,
};

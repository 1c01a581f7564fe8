/* SPDX-License-Identifier: MIT
 * See common.h.
 */
#include <ctype.h>
#include <string.h>

#include "model/kinds/common.h"
#include "model/types.h"

int text_set(char **p, const char *value, struct err *e)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return err_sys(e, -ENOMEM, "%s", value);
	free(*p);
	*p = copy;
	return 0;
}

int object_name_default(struct object *o, const char *name, struct err *e)
{
	if (o->name || !name)
		return 0;
	if (map_set(&o->tags, "Name", name))
		return err_sys(e, -ENOMEM, "Name");
	return text_set(&o->name, name, e);
}

struct object *object_edit(struct txn *t, const char *id, struct err *e)
{
	struct object *o = txn_edit(t, id);

	if (!o)
		err_sys(e, -ENOMEM, "change %s", id);
	return o;
}

int create_along(struct txn *t, enum kind_id kind, struct json *spec, const struct object **ret,
		 struct err *e)
{
	int rc = txn_create(t, kinds[kind], spec, NULL, ret, e);

	json_free(spec);
	return rc;
}

/* ---- referrers ---- */

struct search {
	match_fn *match;
	const void *arg;
	const struct object *found;
	size_t n;
};

static void search_one(void *arg, const struct object *o)
{
	struct search *s = arg;

	if (s->match && !s->match(s->arg, o))
		return;
	s->found = s->found ? s->found : o;
	s->n++;
}

const struct object *find_referrer(const struct model *m, const char *id, enum kind_id kind,
				   match_fn *match, const void *arg)
{
	struct search s = {match, arg, NULL, 0};

	model_referrers(m, id, kind, search_one, &s);
	return s.found;
}

size_t count_referrers(const struct model *m, const char *id, enum kind_id kind, match_fn *match,
		       const void *arg)
{
	struct search s = {match, arg, NULL, 0};

	model_referrers(m, id, kind, search_one, &s);
	return s.n;
}

/* ---- addresses and ports ---- */

static int icmp_check(int64_t type, int64_t code, const char *err_code, struct err *e)
{
	if (type > 255 || code > 255)
		return err_set(e, -EINVAL, err_code, "FromPort",
			       "ICMP type %lld code %lld: both go from 0 to 255, or -1 for all",
			       (long long)type, (long long)code);
	if (type == -1 && code != -1)
		return err_set(e, -EINVAL, err_code, "ToPort", "ICMP code %lld without a type",
			       (long long)code);
	return 0;
}

int ports_check(int protocol, int64_t *from, int64_t *to, const char *code, struct err *e)
{
	if (protocol == 1 || protocol == 58)
		return icmp_check(*from, *to, code, e);
	if (protocol == 6 || protocol == 17) {
		if (*to == -1)
			*to = *from;
		if ((*from == -1) != (*to == -1) || *from > *to || *to > 65535)
			return err_set(e, -EINVAL, code, "FromPort",
				       "ports %lld to %lld are no range within 0 to 65535",
				       (long long)*from, (long long)*to);
		return 0;
	}
	if (protocol != -1 && (*from != -1 || *to != -1))
		return err_set(e, -EINVAL, code, "FromPort", "protocol %d has no ports", protocol);
	*from = *to = -1; /* EC2 ignores them */
	return 0;
}

/* ---- groups and interfaces ---- */

const struct field elem_group = {
	.name = "GroupId", .type = T_REF, .size = sizeof(char *), .ref = KIND_SECURITY_GROUP};

static const struct field groups_field = {
	.name = "Groups", .type = T_LIST, .size = sizeof(struct list), .elem = &elem_group};

int ids_copy(const struct list *from, struct list *to, struct err *e)
{
	value_clear(&groups_field, to);
	return value_copy(&groups_field, from, to) ? err_sys(e, -ENOMEM, "groups") : 0;
}

static int group_default(struct txn *t, const char *vpc_id, struct list *groups, struct err *e)
{
	const struct security_group *sg = model_vpc_default_group(txn_model(t), vpc_id);
	const char *id = sg ? sg->o.id : NULL;
	struct list one = {1, &id};

	return sg ? ids_copy(&one, groups, e) : 0;
}

int groups_check(struct txn *t, const char *vpc_id, struct list *groups, const char *field,
		 struct err *e)
{
	unsigned max = store_configuration(txn_store(t))->quotas.groups_per_interface;
	char **ids = groups->v;

	if (!groups->n)
		return group_default(t, vpc_id, groups, e);
	if (groups->n > max)
		return err_set(e, -ENOSPC, "SecurityGroupsPerInterfaceLimitExceeded", field,
			       "%zu groups: an interface has at most %u", groups->n, max);
	for (size_t i = 0; i < groups->n; i++) {
		const struct object *sg = model_get(txn_model(t), ids[i]);

		if (sg && strcmp(AS_CONST(security_group, sg)->vpc_id, vpc_id))
			return err_set(e, -EINVAL, "InvalidGroup.NotFound", field,
				       "group %s (%s) is of %s, the interface of %s", sg->id,
				       sg->name ? sg->name : "",
				       AS_CONST(security_group, sg)->vpc_id, vpc_id);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(ids[i], ids[j]))
				return err_set(e, -EINVAL, "InvalidParameterValue", field,
					       "group %s is given twice", ids[i]);
	}
	return 0;
}

static const struct field addresses_field = {
	.name = "Addresses", .type = T_LIST, .size = sizeof(struct list), .elem = &elem_ip};

int addresses_copy(const struct list *from, struct list *to, struct err *e)
{
	value_clear(&addresses_field, to);
	return value_copy(&addresses_field, from, to) ? err_sys(e, -ENOMEM, "addresses") : 0;
}

/* "auto" is printed as such, for the interface's own check. */
static struct json *addresses_print(const struct list *l)
{
	struct json *out = json_new_arr();
	const struct ip *v = l->v;
	char text[IP_STRLEN];

	for (size_t i = 0; i < l->n; i++)
		json_append(out,
			    json_new_str(v[i].family == IP_AUTO ? "auto" : ip_format(&v[i], text)));
	return out;
}

static struct json *interface_spec(const struct interface_input *in)
{
	struct json *spec = json_new_obj();
	char text[IP_STRLEN];

	json_set_str(spec, "SubnetId", in->subnet_id);
	if (in->address && ip_is_set(in->address))
		json_set_str(spec, "PrivateIpAddress", ip_format(in->address, text));
	if (in->secondary && in->secondary->n)
		json_set(spec, "SecondaryPrivateIpAddresses", addresses_print(in->secondary));
	if (in->ipv6 && in->ipv6->v) /* none, if it is said */
		json_set(spec, "Ipv6Addresses", addresses_print(in->ipv6));
	if (in->groups && in->groups->n)
		json_set(spec, "Groups", value_print(&groups_field, in->groups));
	return spec;
}

int interface_make(struct txn *t, const struct interface_input *in, struct network_interface **ret,
		   struct err *e)
{
	struct network_interface *eni;
	const struct object *o;
	int rc = create_along(t, KIND_NETWORK_INTERFACE, interface_spec(in), &o, e);

	if (rc)
		return rc;
	eni = EDIT(network_interface, t, o->id, e);
	if (!eni)
		return -ENOMEM;
	eni->interface_type = in->type;
	if (in->type == INTERFACE_NAT_GATEWAY)
		value_clear(&groups_field, &eni->groups);
	if (in->type != INTERFACE_INTERFACE && !(in->ipv6 && in->ipv6->n))
		value_clear(&addresses_field, &eni->ipv6_addresses);
	rc = text_set(&eni->attachment_id, in->holder, e);
	if (!rc)
		rc = text_set(&eni->status, "in-use", e);
	*ret = eni;
	return rc;
}

/* ---- sandboxes ---- */

int host_name_check(const struct object *o, struct err *e)
{
	size_t n = o->name ? strlen(o->name) : 0;
	bool ok = n <= 63;

	for (size_t i = 0; ok && i < n; i++)
		ok = isalnum((unsigned char)o->name[i]) ||
		     (o->name[i] == '-' && i > 0 && i + 1 < n);
	return ok ? 0
		  : err_set(e, -EINVAL, "InvalidParameterValue", "Name",
			    "%.80s is no host name: 1 to 63 letters, digits and inner hyphens",
			    o->name);
}

const char *const sandbox_desired_names[] = {"running", "stopped", NULL};
const char *const sandbox_stdio_names[] = {"log", "attach", NULL};
const struct field elem_argument = {.name = "Argument", .type = T_STRING, .size = sizeof(char *)};
const struct field elem_capability = {
	.name = "Capability", .type = T_STRING, .size = sizeof(char *), .min = 1, .max = 32};

/* A command travels in one message to its supervisor. */
#define COMMAND_MAX (96 * 1024)

static const char *const capability_names[] = {
	"audit_control",   "audit_read",   "audit_write",
	"block_suspend",   "bpf",	   "checkpoint_restore",
	"chown",	   "dac_override", "dac_read_search",
	"fowner",	   "fsetid",	   "ipc_lock",
	"ipc_owner",	   "kill",	   "lease",
	"linux_immutable", "mac_admin",	   "mac_override",
	"mknod",	   "net_admin",	   "net_bind_service",
	"net_broadcast",   "net_raw",	   "perfmon",
	"setfcap",	   "setgid",	   "setpcap",
	"setuid",	   "sys_admin",	   "sys_boot",
	"sys_chroot",	   "sys_module",   "sys_nice",
	"sys_pacct",	   "sys_ptrace",   "sys_rawio",
	"sys_resource",	   "sys_time",	   "sys_tty_config",
	"syslog",	   "wake_alarm"};

static int capability_check(const char *name, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(capability_names); i++)
		if (!strcmp(name, capability_names[i]))
			return 0;
	return err_set(e, -EINVAL, "InvalidParameterValue", "Capabilities",
		       "%s is no capability: write them as net_raw, in lower case", name);
}

static int environment_check(const struct map *env, size_t *size, struct err *e)
{
	for (size_t i = 0; i < env->n; i++) {
		if (!env->keys[i][0] || strchr(env->keys[i], '='))
			return err_set(e, -EINVAL, "InvalidParameterValue", "Environment",
				       "\"%s\" is no name of a variable", env->keys[i]);
		*size += strlen(env->keys[i]) + strlen(env->values[i]) + 8;
	}
	return 0;
}

static int paths_check(const struct sandbox *s, struct err *e)
{
	if (s->directory && s->directory[0] != '/')
		return err_set(e, -EINVAL, "InvalidParameterValue", "WorkingDirectory",
			       "%s: must be an absolute path", s->directory);
	if (s->netns_path && s->netns_path[0] != '/')
		return err_set(e, -EINVAL, "InvalidParameterValue", "NetnsPath",
			       "%s: must be an absolute path", s->netns_path);
	if (s->netns_path && s->command.n)
		return err_set(e, -EINVAL, "InvalidParameterCombination", "Command",
			       "a connected namespace (NetnsPath) runs no command of ours");
	return 0;
}

int sandbox_check(struct sandbox *s, struct err *e)
{
	char **argv = s->command.v, **capabilities = s->capabilities.v;
	size_t size = 0;
	int rc = paths_check(s, e);

	for (size_t i = 0; !rc && i < s->capabilities.n; i++)
		rc = capability_check(capabilities[i], e);
	if (!rc)
		rc = environment_check(&s->environment, &size, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < s->command.n; i++)
		size += strlen(argv[i]) + 4;
	if (s->command.n && !argv[0][0])
		return err_set(e, -EINVAL, "InvalidParameterValue", "Command",
			       "the program's name is empty");
	if (size > COMMAND_MAX)
		return err_set(e, -EINVAL, "InvalidParameterValue", "Command",
			       "command and environment take %zu bytes: at most %d", size,
			       COMMAND_MAX);
	return s->state ? 0 : text_set(&s->state, "pending", e);
}

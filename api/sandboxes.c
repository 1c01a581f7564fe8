/* SPDX-License-Identifier: MIT
 * Instances, functions and internet hosts as what they have in common: sandboxes.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/request.h"

static struct json *hook_members(const struct request *rq, const char *id)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;

	return h->sandbox ? h->sandbox(h->arg, id) : NULL;
}

static char *command_text(const struct sandbox *sb)
{
	cleanup_buf struct buf b = {0};

	for (size_t i = 0; i < sb->command.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", ((char **)sb->command.v)[i]);
	return buf_take(&b);
}

static const char *eni_of(const struct object *o)
{
	if (o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	return o->kind->kind == KIND_FUNCTION ? AS_CONST(function, o)->network_interface_id : NULL;
}

static void add_ipv6(const struct list *addresses, struct json *out)
{
	struct json *all = json_new_arr();
	char text[IP_STRLEN];

	for (size_t i = 0; i < addresses->n; i++)
		json_append(all,
			    json_new_str(ip_format((const struct ip *)addresses->v + i, text)));
	json_set_str(out, "Ipv6Address", json_str(json_at(all, 0)));
	json_set(out, "Ipv6Addresses", all);
}

static void add_addresses(const struct model *m, const struct object *o, struct json *out)
{
	const char *id = eni_of(o);
	const struct object *eni = id ? model_get(m, id) : NULL;
	const struct elastic_ip *eip = id ? model_eni_elastic_ip(m, id) : NULL;
	char text[IP_STRLEN];

	if (o->kind->kind == KIND_INTERNET_HOST) {
		ip_format(&AS_CONST(internet_host, o)->address, text);
		json_set_str(out, "PrivateIpAddress", text);
		json_set_str(out, "PublicIp", text);
		if (ip_is_set(&AS_CONST(internet_host, o)->ipv6_address))
			add_ipv6(&(struct list){1,
						(void *)&AS_CONST(internet_host, o)->ipv6_address},
				 out);
	}
	if (eni) {
		ip_format(&AS_CONST(network_interface, eni)->private_ip_address, text);
		json_set_str(out, "PrivateIpAddress", text);
		json_set_str(out, "SubnetId", AS_CONST(network_interface, eni)->subnet_id);
		if (AS_CONST(network_interface, eni)->ipv6_addresses.n)
			add_ipv6(&AS_CONST(network_interface, eni)->ipv6_addresses, out);
		json_set_str(out, "VpcId", model_object_vpc(m, eni));
	}
	if (eip)
		json_set_str(out, "PublicIp", ip_format(&eip->public_ip, text));
}

static struct json *sandbox_json(const struct request *rq, const struct object *o, bool paths)
{
	const struct sandbox *sb = object_sandbox_const(o);
	cleanup_json struct json *more = hook_members(rq, o->id);
	cleanup_free char *command = command_text(sb);
	struct json *j = json_new_obj();

	json_set_str(j, "Id", o->id);
	json_set_str(j, "Name", o->name);
	json_set_str(j, "Kind", o->kind->name);
	json_set_str(j, "State", sb->state);
	json_set_str(j, "StateReason", sb->state_reason);
	add_addresses(request_model(rq), o, j);
	json_set_str(j, "Command", command);
	json_set_num(j, "ExitCode", (double)sb->exit_code);
	json_set_str(j, "Lab", o->lab);
	if (json_get(more, "Pid"))
		json_set(j, "Pid", json_detach(more, "Pid"));
	if (paths)
		json_merge(j, more);
	return j;
}

void get_sandboxes(struct request *rq)
{
	static const enum kind_id kinds_[] = {KIND_INSTANCE, KIND_FUNCTION, KIND_INTERNET_HOST};
	struct json *out = json_new_obj(), *items = json_new_arr();

	for (size_t i = 0; i < ARRAY_SIZE(kinds_); i++)
		model_for_each (o, request_model(rq), kinds_[i])
			json_append(items, sandbox_json(rq, o, false));
	json_set(out, "Items", items);
	json_set_num(out, "Revision", (double)store_revision(rq->api->cfg.store));
	succeed(rq, 200, out);
}

const struct object *path_sandbox(struct request *rq)
{
	static const enum kind_id tried[] = {KIND_INSTANCE, KIND_FUNCTION, KIND_INTERNET_HOST};
	const struct object *o, *found = NULL;
	size_t n = 0;

	/* Other kinds may have the name too: a sandbox is meant here. */
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++)
		if (!model_resolve(request_model(rq), tried[i], rq->segments[2], NULL, &o, NULL)) {
			found = o;
			n++;
		}
	if (n == 1)
		return found;
	/* None, or several: the search over all kinds says it best. */
	found = path_object(rq, NULL, rq->segments[2]);
	if (found)
		fail_with(rq, 404, "InvalidInstanceID.NotFound", "%s %s is no sandbox",
			  found->kind->name, rq->segments[2]);
	return NULL;
}

void get_sandbox(struct request *rq)
{
	const struct object *o = path_sandbox(rq);

	if (o)
		succeed(rq, 200, sandbox_json(rq, o, true));
}

/* SPDX-License-Identifier: MIT
 * Items of sandboxes' processes. The body is canonical JSON text, since a command has no fixed
 * size:
 *
 *   {"Kind": "instance", "Attachment": "eni-…", "Hostname": "db", "Command": [..],
 *    "Environment": {..}, "Capabilities": [..], "Directory": "/", "Attach": false, "Run": true,
 *    "Foreign": false, "AutoRemove": false, "ResolvConf": "…", "Hosts": "…"}
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "model/ipam.h"
#include "vpcd/plan.h"
#include "vpcd/plan_dns.h"

#define NAMESERVERS_MAX 3 /* that a resolv.conf may have (resolv.conf(5)) */
#define AMAZON_DNS	"AmazonProvidedDNS"

/* Where a sandbox sits, whatever its kind. */
struct seat {
	const char *attachment;
	struct ip address;
	struct ip nameservers[NAMESERVERS_MAX]; /* unset: no more */
	char domain[256];
};

static void add_nameserver(struct seat *seat, const struct ip *ip)
{
	for (size_t i = 0; i < NAMESERVERS_MAX && ip_is_set(ip); i++)
		if (!ip_is_set(&seat->nameservers[i])) {
			seat->nameservers[i] = *ip;
			return;
		}
}

/* What the VPC's DHCP option set says; without one its resolver and the region's domain. */
static void set_names(const struct model *m, const struct vpc *v, struct seat *ret)
{
	const struct object *o = v->dhcp_options_id ? model_get(m, v->dhcp_options_id) : NULL;
	const struct dhcp_options *d = AS_CONST(dhcp_options, o);
	struct ip resolver = v->enable_dns_support ? ipam_resolver(v) : (struct ip){0}, ip;

	dns_internal_domain(v->o.region, ret->domain, sizeof(ret->domain));
	if (d && d->domain_name)
		snprintf(ret->domain, sizeof(ret->domain), "%s", d->domain_name);
	if (!d || !d->domain_name_servers.n)
		add_nameserver(ret, &resolver);
	for (size_t i = 0; d && i < d->domain_name_servers.n; i++) {
		const char *server = ((char **)d->domain_name_servers.v)[i];

		if (!strcasecmp(server, AMAZON_DNS))
			add_nameserver(ret, &resolver);
		else if (!ip_parse(server, &ip))
			add_nameserver(ret, &ip);
	}
}

static bool seat_of_eni(const struct model *m, const char *eni_id, struct seat *ret)
{
	const struct object *o = eni_id ? model_get(m, eni_id) : NULL;
	const struct object *s = o ? model_get(m, AS_CONST(network_interface, o)->subnet_id) : NULL;
	const struct vpc *v = s ? model_subnet_vpc(m, AS_CONST(subnet, s)) : NULL;

	if (!v)
		return false;
	ret->attachment = o->id;
	ret->address = AS_CONST(network_interface, o)->private_ip_address;
	set_names(m, v, ret);
	return true;
}

static bool seat_of(const struct model *m, const struct object *o, struct seat *ret)
{
	memset(ret, 0, sizeof(*ret));
	switch (o->kind->kind) {
	case KIND_INSTANCE:
		return seat_of_eni(m, AS_CONST(instance, o)->network_interface_id, ret);
	case KIND_FUNCTION:
		return seat_of_eni(m, AS_CONST(function, o)->network_interface_id, ret);
	default:
		ret->attachment = o->id;
		ret->address = AS_CONST(internet_host, o)->address;
		ret->nameservers[0] = ip_from_v4(INTERNET_DNS);
		return true;
	}
}

/* The name as far as it is a host name, else the address's ("ip-10-0-1-5"). */
static void hostname_of(const struct object *o, const struct seat *seat, char *ret, size_t len)
{
	const char *name = o->kind->kind == KIND_INTERNET_HOST
				   ? AS_CONST(internet_host, o)->domain_name
				   : o->name;
	size_t n = name ? strlen(name) : 0;
	uint32_t a = ip_to_v4(&seat->address);
	bool ok = n > 0 && n < 64 && n < len;

	for (size_t i = 0; ok && i < n; i++)
		ok = isalnum((unsigned char)name[i]) || (i && (name[i] == '-' || name[i] == '.'));
	if (ok)
		snprintf(ret, len, "%s", name);
	else
		snprintf(ret, len, "ip-%u-%u-%u-%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static struct json *strings(const struct list *l)
{
	struct json *arr = json_new_arr();

	for (size_t i = 0; i < l->n; i++)
		json_append(arr, json_new_str(((char **)l->v)[i]));
	return arr;
}

static struct json *environment(const struct map *env)
{
	struct json *obj = json_new_obj();

	for (size_t i = 0; i < env->n; i++)
		json_set_str(obj, env->keys[i], env->values[i]);
	return obj;
}

static void set_files(struct json *j, const struct seat *seat, const char *hostname)
{
	cleanup_buf struct buf resolv = {0}, hosts = {0};
	char text[IP_STRLEN];

	for (size_t i = 0; i < NAMESERVERS_MAX; i++)
		if (ip_is_set(&seat->nameservers[i]))
			buf_printf(&resolv, "nameserver %s\n",
				   ip_format(&seat->nameservers[i], text));
	if (seat->domain[0])
		buf_printf(&resolv, "search %s\n", seat->domain);
	buf_printf(&resolv, "options timeout:2 attempts:2\n");
	buf_printf(&hosts, "127.0.0.1 localhost\n::1 localhost\n%s %s\n",
		   ip_format(&seat->address, text), hostname);
	json_set_str(j, "ResolvConf", buf_str(&resolv));
	json_set_str(j, "Hosts", buf_str(&hosts));
}

void plan_sandbox(struct plan_pass *pp, const struct object *o)
{
	const struct sandbox *sb = object_sandbox_const(o);
	cleanup_json struct json *j = json_new_obj();
	cleanup_free char *text = NULL;
	char hostname[256];
	struct seat seat;

	if (!seat_of(pp->model, o, &seat))
		return;
	hostname_of(o, &seat, hostname, sizeof(hostname));
	json_set_str(j, "Kind", o->kind->name);
	json_set_str(j, "Attachment", seat.attachment);
	json_set_str(j, "Hostname", hostname);
	json_set(j, "Command", strings(&sb->command));
	json_set(j, "Environment", environment(&sb->environment));
	json_set(j, "Capabilities", strings(&sb->capabilities));
	json_set_str(j, "Directory", sb->directory ? sb->directory : "/");
	json_set_bool(j, "Attach", sb->stdio == STDIO_ATTACH);
	json_set_bool(j, "Run", sb->desired_state == SANDBOX_RUNNING);
	json_set_bool(j, "Foreign", sb->netns_path != NULL);
	json_set_bool(j, "AutoRemove", sb->auto_remove);
	set_files(j, &seat, hostname);
	text = json_print(j);
	if (!text)
		abort();
	plan_emit(pp, ITEM_SANDBOX, o->id, text, strlen(text) + 1);
}

/* SPDX-License-Identifier: MIT
 * The topology file's JSON Schema: each block's keys (topology_read.c) with the schema of the field
 * that a key stands for (types.c). What has a shorthand, or is no field, is said here.
 */
#include <string.h>

#include "model/topology_load.h"
#include "model/types.h"

/* ---- keys that are more than their field ---- */

#define REF(name) "{\"$ref\": \"#/$defs/" name "\"}"
#define ARRAY_OF(name, help) \
	"{\"type\": \"array\", \"items\": " REF(name) ", \"description\": \"" help "\"}"
#define TEXT(help) "{\"type\": \"string\", \"minLength\": 1, \"description\": \"" help "\"}"

static const struct special {
	enum kind_id kind;
	const char *key, *schema;
} specials[] = {
	{KIND_VPC, "InternetGateway", TEXT("Name of its internet gateway: makes and attaches it")},
	{KIND_VPC, "EgressOnlyInternetGateway", TEXT("Name of its egress-only internet gateway")},
	{KIND_ROUTE_TABLE, "Main",
	 "{\"type\": \"boolean\", \"description\": \"Whether it is the VPC's main table\"}"},
	{KIND_ROUTE_TABLE, "Routes",
	 "{\"description\": \"Destinations (a block or a prefix list) and their targets: a "
	 "gateway, "
	 "NAT gateway, peering connection, instance or interface by name, or local\", \"anyOf\": "
	 "[{\"type\": \"object\", \"additionalProperties\": {\"type\": \"string\"}}, "
	 "{\"type\": \"array\", \"items\": " REF("route") "}]}"},
	{KIND_NAT_GATEWAY, "PublicIp", TEXT("An address of the pool for it alone, or auto")},
	{KIND_INSTANCE, "PublicIp", TEXT("An address of the pool for it alone, or auto")},
	{KIND_INSTANCE, "ElasticIp", TEXT("Name of its elastic IP")},
	{KIND_SECURITY_GROUP, "Ingress",
	 ARRAY_OF("ingress-rule", "What it lets in; absent: nothing")},
	{KIND_SECURITY_GROUP, "Egress",
	 ARRAY_OF("egress-rule", "What it lets out; absent: everything")},
	{KIND_NETWORK_ACL, "Entries", ARRAY_OF("acl-entry", "Numbered entries, both directions")},
	{KIND_PREFIX_LIST, "Entries", ARRAY_OF("prefix-list-entry", "Its blocks")},
	{KIND_HOSTED_ZONE, "Records",
	 "{\"type\": \"object\", \"description\": \"Records by NAME TYPE [SETIDENTIFIER]; @ is the "
	 "zone's own name\", \"propertyNames\": {\"pattern\": \"^[^ ]+ [^ ]+( .+)?$\"}, "
	 "\"additionalProperties\": " REF("record") "}"},
};

/* A shorthand as text: the schema of its long form is the kind's own. */
#define PROTOCOL "(tcp|udp|icmp|icmpv6|all|-1|[0-9]{1,3})( +[0-9]+([-/][0-9]+)?)?"
#define SHORTHAND(pattern, example) \
	"{\"type\": \"string\", \"pattern\": \"" pattern "\", \"examples\": [\"" example "\"]}"

static const char ingress_text[] =
	SHORTHAND("^ *" PROTOCOL " +from +[^ ].*$", "tcp 5432 from orders");
static const char egress_text[] = SHORTHAND("^ *" PROTOCOL " +to +[^ ].*$", "all to 0.0.0.0/0");
static const char entry_text[] = SHORTHAND("^ *[0-9]{1,5} +(allow|deny) +" PROTOCOL
					   " +(from|to) +[0-9A-Fa-f:.]+/[0-9]{1,3} *$",
					   "100 allow tcp 80 from 0.0.0.0/0");
static const char block_text[] = SHORTHAND("^[0-9A-Fa-f:.]+/[0-9]{1,3}$", "10.0.0.0/8");

static const char test_schema[] =
	"{\"type\": \"object\", \"required\": [\"from\", \"to\", \"expect\"], "
	"\"additionalProperties\": false, \"description\": \"Who may, or may not, talk to whom\", "
	"\"properties\": {"
	"\"from\": {\"type\": \"string\", \"examples\": [\"orders\", \"!orders\", \"internet\"]}, "
	"\"to\": {\"type\": \"string\", \"examples\": [\"db:5432/tcp\", \"shop/*:any\"]}, "
	"\"port\": {\"type\": [\"integer\", \"string\"]}, \"proto\": {\"type\": \"string\"}, "
	"\"expect\": {\"enum\": [\"allow\", \"deny\"]}, "
	"\"via\": {\"type\": \"string\", \"description\": \"A gateway, peering connection or "
	"middlebox on the way\"}, "
	"\"reason\": {\"type\": \"string\", \"description\": \"Why it is denied: a code of "
	"Reachability Analyzer, or a reason of the data plane\"}, "
	"\"name\": {\"type\": \"string\", \"description\": \"What reports call it\"}}}";

static const char record_text[] =
	"{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"array\", \"items\": {\"type\": "
	"\"string\"}}]}";

static struct json *parsed(const char *text)
{
	struct json *j = NULL;

	json_parse(text, strlen(text), false, &j, NULL);
	return j;
}

/* ---- blocks ---- */

static struct json *special_of(enum kind_id kind, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i].kind == kind && !strcmp(specials[i].key, key))
			return parsed(specials[i].schema);
	return NULL;
}

static struct json *names_of(const char *def, const char *help)
{
	struct json *s = json_new_obj(), *names = json_new_obj(), *item = json_new_obj();
	cleanup_buf struct buf ref = {0};

	buf_printf(&ref, "#/$defs/%s", def);
	json_set_str(item, "$ref", buf_str(&ref));
	json_set_num(names, "minLength", 1);
	json_set_str(s, "type", "object");
	json_set_str(s, "description", help);
	json_set(s, "propertyNames", names);
	json_set(s, "additionalProperties", item);
	return s;
}

static void add_blocks(struct json *properties, const struct block *blocks)
{
	for (const struct block *b = blocks; b->key; b++)
		json_set(properties, b->key, names_of(kinds[b->kind]->name, kinds[b->kind]->help));
}

static struct json *object_schema(const char *help)
{
	struct json *s = json_new_obj();

	json_set_str(s, "type", "object");
	json_set_str(s, "description", help);
	json_set(s, "properties", json_new_obj());
	json_set(s, "required", json_new_arr());
	json_set_bool(s, "additionalProperties", false);
	return s;
}

static struct json *tags_schema(void)
{
	return parsed("{\"type\": \"object\", \"description\": \"Tags, by key\", "
		      "\"additionalProperties\": {\"type\": \"string\"}}");
}

static struct json *block_schema(const struct kind *k)
{
	struct json *s = object_schema(k->help), *properties = json_get(s, "properties");

	for (const struct key *key = block_keys(k->kind); key->key; key++) {
		const struct field *f = key->field ? field_find(k->fields, key->field) : NULL;
		struct json *special = special_of(k->kind, key->key);

		if (special)
			json_set(properties, key->key, special);
		else if (f)
			json_set(properties, key->key, field_schema(f));
		else if (!strcmp(key->key, "Tags"))
			json_set(properties, key->key, tags_schema());
		if (f && (f->flags & REQUIRED) && !f->def)
			json_append(json_get(s, "required"), json_new_str(key->key));
	}
	if (k->kind == KIND_VPC)
		add_blocks(properties, vpc_blocks);
	return s;
}

/* ---- shorthands ---- */

/* The text, or the record or kind that it stands for, without what the place says already. */
static struct json *either(const char *text, struct json *form, const char *const *said)
{
	struct json *s = json_new_obj(), *any = json_new_arr(), *required = json_new_arr();

	for (; said && *said; said++)
		json_free(json_detach(json_get(form, "properties"), *said));
	json_for_each (r, json_get(form, "required"))
		if (json_get(json_get(form, "properties"), json_str(r)))
			json_append(required, json_copy(r));
	json_set(form, "required", required);
	if (text)
		json_append(any, parsed(text));
	json_append(any, form);
	json_set(s, "anyOf", any);
	return s;
}

static struct json *rule_schema(const char *text)
{
	static const char *const said[] = {"GroupId", NULL};
	struct json *form = kind_json_schema(kinds[KIND_SECURITY_GROUP_RULE]);

	json_free(json_detach(form, "$schema"));
	return either(text, form, said);
}

static struct json *item_schema(enum kind_id kind, const char *list, const char *text)
{
	const struct field *f = field_find(kinds[kind]->fields, list);

	return text ? either(text, value_schema(f->elem), NULL) : value_schema(f->elem);
}

static struct json *record_schema(void)
{
	static const char *const said[] = {"HostedZoneId", "RecordName", "Type", "SetIdentifier",
					   NULL};
	struct json *form = kind_json_schema(kinds[KIND_RECORD_SET]);

	json_free(json_detach(form, "$schema"));
	return either(record_text, form, said);
}

/* ---- the file ---- */

static struct json *definitions(void)
{
	struct json *defs = json_new_obj();

	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		if (block_keys((enum kind_id)k) && block_keys((enum kind_id)k)->key)
			json_set(defs, kinds[k]->name, block_schema(kinds[k]));
	json_set(defs, "ingress-rule", rule_schema(ingress_text));
	json_set(defs, "egress-rule", rule_schema(egress_text));
	json_set(defs, "acl-entry", item_schema(KIND_NETWORK_ACL, "Entries", entry_text));
	json_set(defs, "prefix-list-entry", item_schema(KIND_PREFIX_LIST, "Entries", block_text));
	json_set(defs, "route", item_schema(KIND_ROUTE_TABLE, "Routes", NULL));
	json_set(defs, "record", record_schema());
	json_set(defs, "test", parsed(test_schema));
	return defs;
}

struct json *topology_json_schema(void)
{
	struct json *s = json_new_obj(), *file = object_schema("A lab of vpcd, for vpcctl up"),
		    *properties = json_get(file, "properties");

	json_set_str(s, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_set_str(s, "title", "vpcd topology file");
	json_set(properties, "$schema", parsed(TEXT("This schema, for editors")));
	json_set(properties, "Lab", parsed(TEXT("Name of the lab; default: the file's directory")));
	add_blocks(properties, top_blocks);
	json_set(
		properties, "PacketLossPercent",
		parsed("{\"type\": \"integer\", \"minimum\": 0, \"maximum\": 100, \"description\": "
		       "\"What internet hosts lose that do not say it themselves\"}"));
	json_set(properties, "Tests", parsed(ARRAY_OF("test", "What vpcctl test judges")));
	json_for_each (m, file)
		json_set(s, json_key(m), json_copy(m));
	json_set(s, "$defs", definitions());
	json_free(file);
	return s;
}

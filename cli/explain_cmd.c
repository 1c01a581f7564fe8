/* SPDX-License-Identifier: MIT
 * vpcctl explain KIND[.Field]: the schema in words; vpcctl schema: for programs.
 */
#include <string.h>

#include "cli/cli.h"
#include "lib/buf.h"
#include "model/topology.h"

static void type_add(struct buf *b, const struct field *f)
{
	static const char *const names[] = {
		[T_BOOL] = "boolean",	   [T_INT] = "integer",	   [T_ENUM] = "one of",
		[T_STRING] = "string",	   [T_IP] = "address",	   [T_CIDR] = "CIDR block",
		[T_MAC] = "MAC",	   [T_PROTO] = "protocol", [T_TIME] = "time",
		[T_REF] = "reference",	   [T_LIST] = "list of",   [T_RECORD] = "record",
		[T_MAP] = "map of strings"};

	buf_puts(b, names[f->type]);
	for (size_t i = 0; f->type == T_ENUM && f->values && f->values[i]; i++)
		buf_printf(b, " %s", f->values[i]);
	if (f->type == T_REF && f->ref)
		buf_printf(b, " to %s", kinds[f->ref]->name);
	if (f->type == T_LIST && f->ref) {
		buf_printf(b, " references to %s", kinds[f->ref]->name);
	} else if (f->type == T_LIST && f->elem) {
		buf_puts(b, " ");
		type_add(b, f->elem);
	}
}

static void flags_add(struct buf *b, const struct field *f)
{
	static const struct {
		unsigned flag;
		const char *word;
	} words[] = {{REQUIRED, "required"},
		     {IMMUTABLE, "immutable"},
		     {COMPUTED, "computed"},
		     {ALLOCATED, "allocated if absent"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (f->flags & words[i].flag)
			buf_printf(b, ", %s", words[i].word);
	if (f->def)
		buf_printf(b, ", default %s", f->def);
}

static void field_print(const struct field *f, int indent)
{
	const struct field *members = f->fields ? f->fields : f->elem ? f->elem->fields : NULL;
	cleanup_buf struct buf b = {0};

	type_add(&b, f);
	flags_add(&b, f);
	printf("%*s%s <%s>\n", indent, "", f->name, buf_str(&b));
	if (f->help)
		printf("%*s    %s.\n", indent, "", f->help);
	for (const struct field *m = members; m && m->name; m++)
		field_print(m, indent + 4);
}

static int explain_field(struct cli *c, const struct kind *k, const char *path)
{
	const struct field *fields = k->fields, *f = NULL;
	cleanup_free char *copy = strdup(path);
	char *save, *part;

	for (part = strtok_r(copy, ".", &save); part; part = strtok_r(NULL, ".", &save)) {
		const struct kind level = {.fields = fields};

		f = fields ? kind_field(&level, part) : NULL;
		if (!f)
			return cli_fail(c, EXIT_NOT_FOUND,
					"%s has no field %s: see `vpcctl explain "
					"%s`",
					k->plural, path, k->name);
		fields = f->fields ? f->fields : f->elem ? f->elem->fields : NULL;
	}
	if (!f)
		return cli_usage(c, "which field of %s?", k->name);
	field_print(f, 0);
	return EXIT_DONE;
}

static void explain_kind(const struct kind *k)
{
	printf("%s (%s%s%s): %s.\n\nId: %s, %s…\n\n", k->name, k->plural, k->short_name ? ", " : "",
	       k->short_name ? k->short_name : "", k->help, k->id_field, k->id_prefix);
	for (const struct field *f = k->fields; f->name; f++)
		field_print(f, 0);
}

static int explain_as_json(struct cli *c, const struct kind *k)
{
	cleanup_json struct json *schema = kind_json_schema(k);

	output_object(&c->out, schema, "title");
	return EXIT_DONE;
}

int cmd_explain(struct cli *c)
{
	const char *text = c->args.n_pos == 1 ? c->args.pos[0] : NULL;
	cleanup_free char *name = text ? strndup(text, strcspn(text, ".")) : NULL;
	const struct kind *k = name ? kind_find(name) : NULL;

	if (!name)
		return cli_usage(c, "which kind? see `vpcctl --help`");
	if (!k)
		return cli_fail(c, EXIT_NOT_FOUND, "no kind %s: see `vpcctl --help`", name);
	if (text[strlen(name)])
		return explain_field(c, k, text + strlen(name) + 1);
	if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_PATH)
		return explain_as_json(c, k);
	explain_kind(k);
	return EXIT_DONE;
}

int cmd_schema(struct cli *c)
{
	const char *name = c->args.n_pos ? c->args.pos[0] : NULL;
	const struct kind *k = name ? kind_find(name) : NULL;
	cleanup_json struct json *schema = NULL;
	cleanup_free char *text = NULL;

	if (c->args.n_pos > 1)
		return cli_usage(c, "one kind, or none for the topology file");
	if (name && !k)
		return cli_fail(c, EXIT_NOT_FOUND, "no kind %s: see `vpcctl --help`", name);
	schema = k ? kind_json_schema(k) : topology_json_schema();
	text = json_print_pretty(schema);
	puts(text ? text : "");
	return text ? EXIT_DONE : EXIT_REFUSED;
}

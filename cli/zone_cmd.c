/* SPDX-License-Identifier: MIT
 * vpcctl zone import|export: a hosted zone from and to a master file.
 */
#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/zone_file.h"
#include "lib/buf.h"

const struct opt zone_import_opts[] = {
	{"zone", 0, OPT_VALUE, "DOMAIN", "the zone; default: the file's origin", "hosted-zone"},
	{"vpc", 0, OPT_VALUE, "VPC", "make the zone, private to this VPC; repeatable", "vpc"},
	{"public", 0, OPT_FLAG, NULL, "make the zone, public on the simulated internet", NULL},
	{"replace", 0, OPT_FLAG, NULL, "delete record sets that the file has not", NULL},
	{0},
};

/* ---- import ---- */

static int file_fail(struct cli *c, const char *file, unsigned line, const struct err *e)
{
	if (line)
		return cli_fail(c, EXIT_USAGE, "%s:%u: %s (%s)", file, line, e->msg, e->code);
	return cli_fail(c, EXIT_USAGE, "%s: %s (%s)", file, e->msg, e->code);
}

static int file_read(struct cli *c, const char *file, struct zone_file *ret)
{
	bool is_stdin = !strcmp(file, "-");
	FILE *f = is_stdin ? stdin : fopen(file, "re");
	unsigned line = 0;
	struct err e;
	int rc;

	if (!f)
		return cli_fail(c, EXIT_USAGE, "%s: %s", file, strerror(errno));
	rc = zone_file_read(f, args_value(&c->args, "zone"), ret, &line, &e);
	if (!is_stdin)
		fclose(f);
	return rc ? file_fail(c, file, line, &e) : EXIT_DONE;
}

/* A zone of its own for the records, if the options say for whom. */
static int zone_make(struct cli *c, const char *domain)
{
	cleanup_json struct json *spec = json_new_obj();
	struct json *vpcs = json_new_arr();
	const struct args *a = &c->args;

	for (size_t i = 0; i < a->n; i++)
		if (!strcmp(a->v[i].opt->name, "vpc"))
			json_append(vpcs, json_new_str(a->v[i].value));
	json_set_str(spec, "DomainName", domain);
	json_set(spec, "VpcIds", vpcs);
	return client_call(c, "POST", "/v1/hosted-zones", spec, NULL);
}

static struct json *changes_of(const struct zone_file *z, bool replace)
{
	struct json *body = json_new_obj(), *changes = json_new_arr();

	for (size_t i = 0; i < z->n; i++) {
		struct json *change = json_new_obj();

		json_set_str(change, "Action", "UPSERT");
		json_set(change, "RecordSet", json_copy(z->v[i].spec));
		json_append(changes, change);
	}
	json_set(body, "Changes", changes);
	if (replace)
		json_set_bool(body, "Replace", true);
	return body;
}

/* A change that was refused stands in some line of the file. */
static int changes_report(struct cli *c, const struct zone_file *z, const char *file,
			  const struct response *r)
{
	const struct json *error = r->json ? json_get(r->json, "Error") : NULL;
	const char *field = json_str(json_get(error, "Field"));
	const char *message = json_str(json_get(error, "Message"));
	unsigned i;

	if (!field || !message || sscanf(field, "Changes/%u", &i) != 1 || i >= z->n)
		return client_report(c, r);
	return cli_fail(c, EXIT_REFUSED, "%s:%u: %s (%s)", file, z->v[i].line, message,
			json_str(json_get(error, "Code")));
}

static int changes_send(struct cli *c, const struct zone_file *z, const char *file)
{
	cleanup_json struct json *body = changes_of(z, args_has(&c->args, "replace"));
	cleanup_free char *text = json_print(body);
	cleanup_buf struct buf path = {0};
	struct response r;
	int code;

	buf_puts(&path, "/v1/hosted-zones/");
	url_add(&path, z->origin);
	buf_puts(&path, "/changes");
	cli_change_query(c, &path);
	client_perform(c,
		       &(struct request){.method = "POST",
					 .path = buf_str(&path),
					 .body = text,
					 .body_len = strlen(text),
					 .timeout_ms = cli_timeout(c)},
		       &r);
	code = r.outcome == CALL_ANSWERED && r.status < 300 ? EXIT_DONE
							    : changes_report(c, z, file, &r);
	if (!code)
		printf("%s: %.0f created, %.0f updated, %.0f deleted%s\n", z->origin,
		       json_num(json_get(r.json, "Created")), json_num(json_get(r.json, "Updated")),
		       json_num(json_get(r.json, "Deleted")),
		       args_has(&c->args, "dry-run") ? " (dry run: nothing changed)" : "");
	response_done(&r);
	return code;
}

int cmd_zone_import(struct cli *c)
{
	bool make = args_has(&c->args, "vpc") || args_has(&c->args, "public");
	struct zone_file z;
	int code;

	if (c->args.n_pos != 1)
		return cli_usage(c, "which file?");
	if (args_has(&c->args, "vpc") && args_has(&c->args, "public"))
		return cli_usage(c, "a zone is public or private to VPCs, not both");
	if (make && args_has(&c->args, "dry-run"))
		return cli_usage(c, "--dry-run: the zone must be there");
	code = file_read(c, c->args.pos[0], &z);
	if (code)
		return code;
	code = make ? zone_make(c, z.origin) : EXIT_DONE;
	if (!code)
		code = changes_send(c, &z, c->args.pos[0]);
	zone_file_done(&z);
	return code;
}

/* ---- export ---- */

int cmd_zone_export(struct cli *c)
{
	cleanup_json struct json *zone = NULL, *answer = NULL;
	cleanup_buf struct buf path = {0}, records = {0};
	int code;

	if (c->args.n_pos != 1)
		return cli_usage(c, "which hosted zone?");
	buf_puts(&path, "/v1/hosted-zones/");
	url_add(&path, c->args.pos[0]);
	code = client_get(c, buf_str(&path), &zone);
	if (code)
		return code;
	buf_puts(&records, "/v1/record-sets?HostedZoneId=");
	url_add(&records, json_str(json_get(zone, "HostedZoneId")));
	code = client_get(c, buf_str(&records), &answer);
	if (!code)
		zone_file_write(stdout, json_str(json_get(zone, "DomainName")),
				json_get(answer, "Items"));
	return code;
}

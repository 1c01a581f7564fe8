/* SPDX-License-Identifier: MIT
 * What the sandbox commands share.
 */
#include "cli/sandbox.h"

#include <dirent.h>
#include <string.h>

#include "lib/buf.h"

#define ID_PREFIX_MIN 4 /* characters of an id that name it, behind "i-" */

const char *object_id(const struct json *obj)
{
	const char *id = json_str(json_get(obj, "Id"));

	if (!id)
		id = json_str(json_first(obj));
	return id ? id : "";
}

static void sandbox_path(struct buf *path, const char *name)
{
	buf_puts(path, "/v1/sandboxes/");
	url_add(path, name);
}

int sandbox_get(struct cli *c, const char *name, struct json **ret)
{
	cleanup_buf struct buf path = {0};

	sandbox_path(&path, name);
	return client_get(c, buf_str(&path), ret);
}

/* The control socket of the one directory below run_dir/sandboxes that begins with `id`. */
static char *control_by_directory(struct cli *c, const char *id)
{
	const char *socket = config_get(&c->config, SETTING_SOCKET), *slash = strrchr(socket, '/');
	const struct kind *k = kind_of_id(id);
	cleanup_free char *dir = NULL;
	char *found = NULL;
	struct dirent *ent;
	DIR *d;

	if (!k || !slash || strlen(id) < strlen(k->id_prefix) + ID_PREFIX_MIN)
		return NULL;
	if (asprintf(&dir, "%.*s/sandboxes", (int)(slash - socket), socket) < 0)
		return NULL;
	d = opendir(dir);
	while (d && (ent = readdir(d))) {
		if (strncmp(ent->d_name, id, strlen(id)))
			continue;
		if (found || asprintf(&found, "%s/%s/ctl.sock", dir, ent->d_name) < 0) {
			free(found); /* ambiguous */
			found = NULL;
			break;
		}
	}
	if (d)
		closedir(d);
	return found;
}

int sandbox_control(struct cli *c, const char *name, char **ret)
{
	cleanup_buf struct buf path = {0};
	struct request rq = {.method = "GET", .timeout_ms = cli_timeout(c)};
	struct response resp;
	const char *control;
	int r;

	if (rq.timeout_ms < 0)
		return EXIT_USAGE;
	sandbox_path(&path, name);
	rq.path = buf_str(&path);
	client_perform(c, &rq, &resp);
	if (resp.outcome == CALL_UNREACHABLE) {
		*ret = control_by_directory(c, name);
		if (*ret)
			return EXIT_DONE;
	}
	r = client_report(c, &resp);
	control = json_str(json_get(resp.json, "ControlSocket"));
	if (!r && !control)
		r = cli_fail(c, EXIT_REFUSED, "%s has no process: it is %s", name,
			     json_str(json_get(resp.json, "State")) ?: "not running");
	else if (!r)
		*ret = strdup(control);
	response_done(&resp);
	return r;
}

/* Values of an option, given several times or with commas; NULL: none. */
static struct json *list_option(const struct args *a, const char *name)
{
	struct json *list = NULL;
	const char *value;
	size_t i = 0;

	while ((value = args_next(a, name, &i))) {
		cleanup_free char *copy = strdup(value);
		char *save, *part;

		for (part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
			if (!list)
				list = json_new_arr();
			json_append(list, json_new_str(part));
		}
	}
	return list;
}

struct json *sandbox_spec(const struct cli *c, bool function)
{
	struct json *spec = json_new_obj();

	json_set_str(spec, "Name", args_value(&c->args, "name"));
	if (function)
		json_set(spec, "SubnetIds", list_option(&c->args, "subnet"));
	else
		json_set_str(spec, "SubnetId", args_value(&c->args, "subnet"));
	json_set(spec, "SecurityGroupIds", list_option(&c->args, "security-group"));
	json_set_str(spec, "PrivateIpAddress", args_value(&c->args, "ip"));
	json_set(spec, "Capabilities", list_option(&c->args, "cap-add"));
	return spec;
}

int sandbox_change(struct cli *c, const char *method, const char *id, const struct json *patch,
		   struct json **ret)
{
	const struct kind *k = kind_of_id(id);
	cleanup_buf struct buf path = {0};

	if (!k)
		return cli_fail(c, EXIT_REFUSED, "%s: an id of no kind that vpcctl knows", id);
	buf_printf(&path, "/v1/%s/%s", k->plural, id);
	cli_change_query(c, &path);
	return client_call(c, method, buf_str(&path), patch, ret);
}

int sandbox_change_named(struct cli *c, const char *method, const char *name,
			 const struct json *patch, struct json **ret)
{
	cleanup_json struct json *obj = NULL;
	int r = sandbox_get(c, name, &obj);

	return r ? r : sandbox_change(c, method, object_id(obj), patch, ret);
}

/* SPDX-License-Identifier: MIT
 * A spec as a message: see supervise.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "netns/supervise.h"

static struct json *strings(const char *const *v)
{
	struct json *arr = json_new_arr();

	for (; v && *v; v++)
		json_append(arr, json_new_str(*v));
	return arr;
}

struct json *spec_to_json(const struct supervisor_spec *spec)
{
	struct json *j = json_new_obj();

	json_set_str(j, "Id", spec->id);
	json_set_str(j, "Hostname", spec->hostname);
	json_set(j, "Argv", strings(spec->argv));
	json_set(j, "Env", strings(spec->env));
	json_set(j, "Capabilities", strings(spec->capabilities));
	json_set_str(j, "Directory", spec->directory);
	json_set_bool(j, "Attach", spec->attach);
	json_set_str(j, "ResolvConf", spec->resolv_conf);
	json_set_str(j, "Hosts", spec->hosts);
	return j;
}

static const char **vector(const struct json *arr)
{
	const char **v = calloc(json_len(arr) + 1, sizeof(*v));
	size_t i = 0;

	if (v)
		json_for_each (it, arr)
			v[i++] = json_str(it);
	return v;
}

int spec_from_json(const struct json *j, const int fds[SPEC_FDS], struct supervisor_spec *ret,
		   struct err *e)
{
	*ret = (struct supervisor_spec){
		.id = json_str(json_get(j, "Id")),
		.hostname = json_str(json_get(j, "Hostname")),
		.netns_fd = fds[SPEC_NETNS],
		.userns_fd = fds[SPEC_USERNS],
		.argv = vector(json_get(j, "Argv")),
		.env = vector(json_get(j, "Env")),
		.capabilities = vector(json_get(j, "Capabilities")),
		.directory = json_str(json_get(j, "Directory")),
		.attach = json_bool(json_get(j, "Attach")),
		.resolv_conf = json_str(json_get(j, "ResolvConf")),
		.hosts = json_str(json_get(j, "Hosts")),
	};
	if (ret->id && ret->hostname && ret->argv && ret->env && ret->capabilities)
		return 0;
	spec_done(ret);
	return err_sys(e, -EPROTO, "spec of a sandbox");
}

void spec_done(struct supervisor_spec *spec)
{
	free((void *)spec->argv);
	free((void *)spec->env);
	free((void *)spec->capabilities);
}

const char *sandbox_path(const char *run_dir, const char *id, const char *file, char *buf,
			 size_t len)
{
	snprintf(buf, len, "%s/sandboxes/%s%s%s", run_dir, id, file ? "/" : "", file ? file : "");
	return buf;
}

void sandbox_directory_remove(const char *run_dir, const char *id)
{
	char path[PATH_MAX + 64];

	unlink(sandbox_path(run_dir, id, "ctl.sock", path, sizeof(path)));
	rmdir(sandbox_path(run_dir, id, NULL, path, sizeof(path)));
}

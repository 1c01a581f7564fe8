/* SPDX-License-Identifier: MIT
 * Settings of vpcctl. The socket is special: unless it is given itself, the instance names it, and
 * whichever of the two comes from the stronger origin decides.
 */
#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define SYSTEM_CONFIG "/etc/vpcd/vpcd.conf"

static const struct {
	const char *name, *env, *def;
} known[SETTING_COUNT] = {
	[SETTING_SOCKET] = {"socket", "VPCD_SOCKET", NULL},
	[SETTING_INSTANCE] = {"instance", "VPCD_INSTANCE", "default"},
	[SETTING_LAB] = {"lab", "VPCD_LAB", NULL},
	[SETTING_OUTPUT] = {"output", "VPCCTL_OUTPUT", "table"},
	[SETTING_COLOR] = {"color", NULL, "auto"},
	[SETTING_TIMEOUT] = {"timeout", NULL, "300s"},
};

static void setting_put(struct config *cfg, enum setting_id id, const char *value,
			enum origin origin)
{
	struct setting *s = &cfg->settings[id];

	if (!value || !*value)
		return;
	free(s->value);
	s->value = strdup(value);
	s->origin = origin;
}

/* Cuts comment and surrounding space off in place. */
static char *trim(char *s)
{
	size_t len;

	s[strcspn(s, "#\n")] = '\0';
	s += strspn(s, " \t");
	len = strlen(s);
	while (len && strchr(" \t\r", s[len - 1]))
		s[--len] = '\0';
	return s;
}

static void file_load(struct config *cfg, const char *path, enum origin origin)
{
	cleanup_fclose FILE *f = fopen(path, "re");
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		char *eq = strchr(line, '='), *key, *value;

		if (!eq)
			continue;
		*eq = '\0';
		key = trim(line);
		value = trim(eq + 1);
		for (int i = 0; i < SETTING_COUNT; i++)
			if (!strcmp(key, known[i].name))
				setting_put(cfg, i, value, origin);
	}
}

static char *user_config_path(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (xdg && *xdg)
		n = asprintf(&path, "%s/vpcctl/config", xdg);
	else if (home && *home)
		n = asprintf(&path, "%s/.config/vpcctl/config", home);
	return n < 0 ? NULL : path;
}

/* An instance decides the socket unless the socket itself comes from as strong an origin. */
static void socket_from_instance(struct config *cfg)
{
	const struct setting *instance = &cfg->settings[SETTING_INSTANCE];
	cleanup_free char *path = NULL;
	int n;

	if (cfg->settings[SETTING_SOCKET].value &&
	    cfg->settings[SETTING_SOCKET].origin >= instance->origin)
		return;
	if (!strcmp(instance->value, "default"))
		n = asprintf(&path, "/run/vpcd/vpcd.sock");
	else
		n = asprintf(&path, "/run/vpcd/%s/vpcd.sock", instance->value);
	if (n < 0)
		path = NULL;
	setting_put(cfg, SETTING_SOCKET, path, instance->origin);
}

void config_load(struct config *cfg, const struct args *args)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		setting_put(cfg, i, known[i].def, ORIGIN_DEFAULT);
	file_load(cfg, SYSTEM_CONFIG, ORIGIN_SYSTEM);
	cfg->user_path = user_config_path();
	if (cfg->user_path)
		file_load(cfg, cfg->user_path, ORIGIN_USER);
	for (int i = 0; i < SETTING_COUNT; i++) {
		if (known[i].env)
			setting_put(cfg, i, getenv(known[i].env), ORIGIN_ENV);
		setting_put(cfg, i, args_value(args, known[i].name), ORIGIN_FLAG);
	}
	if (args_has(args, "json"))
		setting_put(cfg, SETTING_OUTPUT, "json", ORIGIN_FLAG);
	socket_from_instance(cfg);
}

void config_done(struct config *cfg)
{
	for (int i = 0; i < SETTING_COUNT; i++)
		free(cfg->settings[i].value);
	free(cfg->user_path);
	*cfg = (struct config){0};
}

const char *config_get(const struct config *cfg, enum setting_id id)
{
	return cfg->settings[id].value;
}

const char *setting_name(enum setting_id id)
{
	return known[id].name;
}

const char *setting_origin(const struct config *cfg, enum setting_id id, char *buf, size_t len)
{
	switch (cfg->settings[id].origin) {
	case ORIGIN_FLAG:
		snprintf(buf, len, "flag");
		break;
	case ORIGIN_ENV:
		snprintf(buf, len, "environment");
		break;
	case ORIGIN_USER:
		snprintf(buf, len, "%s", cfg->user_path);
		break;
	case ORIGIN_SYSTEM:
		snprintf(buf, len, SYSTEM_CONFIG);
		break;
	case ORIGIN_DEFAULT:
		snprintf(buf, len, "default");
		break;
	}
	return buf;
}

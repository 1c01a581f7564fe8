/* SPDX-License-Identifier: MIT
 * Settings of vpcctl and where each comes from: flag > environment > ~/.config/vpcctl/config >
 * /etc/vpcd/vpcd.conf > default. The files hold `key = value` lines; # starts a comment.
 */
#ifndef VPCD_CLI_CONFIG_H
#define VPCD_CLI_CONFIG_H

#include "cli/args.h"

enum setting_id {
	SETTING_SOCKET,
	SETTING_INSTANCE,
	SETTING_LAB,
	SETTING_OUTPUT,
	SETTING_COLOR,
	SETTING_TIMEOUT,
	SETTING_COUNT
};

enum origin { ORIGIN_DEFAULT, ORIGIN_SYSTEM, ORIGIN_USER, ORIGIN_ENV, ORIGIN_FLAG };

struct setting {
	char *value; /* NULL: unset */
	enum origin origin;
};

struct config {
	struct setting settings[SETTING_COUNT];
	char *user_path; /* of the user's file; NULL: no home directory */
};

void config_load(struct config *cfg, const struct args *args);
void config_done(struct config *cfg);

const char *config_get(const struct config *cfg, enum setting_id id); /* NULL: unset */
const char *setting_name(enum setting_id id);
/* "flag --socket", "environment VPCD_SOCKET", a file's path, "default"; into buf. */
const char *setting_origin(const struct config *cfg, enum setting_id id, char *buf, size_t len);

#endif

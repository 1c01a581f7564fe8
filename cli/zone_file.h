/* SPDX-License-Identifier: MIT
 * Master files (RFC 1035 section 5), read by libldns, as sets of records of a hosted zone.
 */
#ifndef VPCD_CLI_ZONE_FILE_H
#define VPCD_CLI_ZONE_FILE_H

#include <stdio.h>

#include "lib/err.h"
#include "lib/json.h"

struct zone_set {
	unsigned line;	   /* of its first record */
	struct json *spec; /* RecordName (relative, "@"), Type, TTL, Values */
};

struct zone_file {
	char *origin; /* without a final dot */
	size_t n, cap;
	struct zone_set *v; /* in the order of the file */
};

/* SOA and NS records of the apex are left out, unless the file is signed: a hosted zone has its
 * own. origin NULL: the file's $ORIGIN before its first record, or the owner of its SOA. On failure
 * *ret_line is the line at fault, 0: the file as a whole. */
int zone_file_read(FILE *f, const char *origin, struct zone_file *ret, unsigned *ret_line,
		   struct err *e);
void zone_file_done(struct zone_file *z);

/* Writes record sets as a master file; records: an array as the API lists them. What a master file
 * cannot say (aliases, sets that share a name) becomes a comment. */
void zone_file_write(FILE *f, const char *origin, const struct json *records);

#endif

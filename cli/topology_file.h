/* SPDX-License-Identifier: MIT
 * The topology files of a command line: one text to send, and the way back from a fault to its
 * place in a file.
 */
#ifndef VPCD_CLI_TOPOLOGY_FILE_H
#define VPCD_CLI_TOPOLOGY_FILE_H

#include "cli/cli.h"

struct topology_source {
	char *name; /* as given; "<stdin>" */
	char *text;
	size_t len;
};

struct topology_file {
	struct topology_source *files;
	size_t n;
	char *text; /* the one file's, or of several files the merged document */
	size_t len;
	char *directory; /* of the first file, absolute */
	char *file_lab;	 /* its Lab; NULL: none */
};

/* Reads -f FILE… or the arguments, else vpcd.json or vpcd.jsonc here. Several are merged (RFC
 * 7396). Reports failures; returns an exit code. */
int topology_file_read(struct cli *c, struct topology_file *ret);
/* The same of one file by name. */
int topology_file_read_one(struct cli *c, const char *name, struct topology_file *ret);
void topology_file_done(struct topology_file *t);

/* The lab by --lab or the configuration, else by the file, else by its directory. */
const char *topology_file_lab(const struct cli *c, const struct topology_file *t);

/* "FILE:LINE:COLUMN: POINTER: CODE: MESSAGE" on stderr. */
void topology_fault_print(const struct topology_file *t, const char *pointer, unsigned line,
			  unsigned col, const char *code, const char *msg);

/* What went wrong with a topology request: whatever the daemon refuses of a file is invalid, each
 * fault on its line. t NULL: there was no file. Returns an exit code. */
int topology_report(struct cli *c, const struct topology_file *t, const struct response *resp);

#endif

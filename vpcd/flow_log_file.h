/* SPDX-License-Identifier: MIT
 * A flow log's file: DIR/ID.log, lines behind a header. One that has grown large moves aside, as
 * DIR/ID-YYYYMMDDThhmmssZ.log, and is compressed to .log.gz, a slice at a time; the oldest of these
 * go. It ends with a whole line whatever happens: a line that a crash or a full disk cut is
 * removed.
 */
#ifndef VPCD_VPCD_FLOW_LOG_FILE_H
#define VPCD_VPCD_FLOW_LOG_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct flow_log_file;

struct flow_log_file_config {
	const char *dir, *id;
	const char *header;  /* without line end */
	uint64_t size_max;   /* bytes, of a file that moves aside; 0: 16 MiB */
	unsigned files_kept; /* that moved aside; 0: 16 */
};

/* Goes on where an earlier daemon ended. The directory is made. */
int flow_log_file_open(const struct flow_log_file_config *cfg, struct flow_log_file **ret,
		       struct err *e);
void flow_log_file_free(struct flow_log_file *f); /* NULL ok; the files stay */

/* Appends whole lines, all or none; now: Unix seconds, for the name of a file that moves aside. */
int flow_log_file_write(struct flow_log_file *f, const char *lines, size_t len, int64_t now,
			struct err *e);
/* Compresses a slice of what moved aside. What fails is tried again with the next file. */
int flow_log_file_tick(struct flow_log_file *f, struct err *e);
const char *flow_log_file_path(const struct flow_log_file *f);

#endif

/* SPDX-License-Identifier: MIT
 * Reading a flow log file: lines with or without a header, plain or gzip. The file may be one of
 * vpcd's or one that AWS delivered.
 */
#ifndef VPCD_MODEL_FLOW_FILE_H
#define VPCD_MODEL_FLOW_FILE_H

#include "model/flow_record.h"

struct flow_file;

/* path: "-" is standard input. format: of lines before which no header stands; NULL is the
 * default. A header is one anywhere in the file, so that files may be joined. The caller frees. */
int flow_file_open(const char *path, const struct flow_format *format, struct flow_file **ret,
		   struct err *e);
void flow_file_free(struct flow_file *f); /* NULL ok */
DEFINE_CLEANUP(struct flow_file *, flow_file_free)
#define cleanup_flow_file cleanup(flow_file_freep)

/* The next record: 1; 0 at the end; -errno. Its texts live until the next call. Empty lines are
 * skipped. A fault's message is "PATH, line 7: FIELD: …", its field the flow log field's name. */
int flow_file_next(struct flow_file *f, struct flow_record *ret, struct err *e);

/* What the lines are read by now, and how many were read. */
const struct flow_format *flow_file_format(const struct flow_file *f);
unsigned flow_file_line(const struct flow_file *f);

#endif

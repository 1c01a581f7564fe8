/* SPDX-License-Identifier: MIT
 * One flow log: which records it takes, its lines on their way to its file, and what it lost for
 * each interface that it covers.
 */
#ifndef VPCD_VPCD_FLOW_LOG_H
#define VPCD_VPCD_FLOW_LOG_H

#include <stdbool.h>

#include <uthash.h>

#include "lib/buf.h"
#include "model/flow_record.h"
#include "model/kinds.h"
#include "vpcd/flow_log_file.h"
#include "vpcd/flow_log_record.h"

struct flow_log_amount {
	uint64_t records, packets, bytes;
};

/* An interface in a log. */
struct flow_log_cover {
	struct flow_log_sink *log;
	struct flow_log_cover *next;	/* of the interface */
	struct flow_log_cover *touched; /* of the log: with lines that are not written yet */
	bool is_touched;
	uint64_t records;		      /* of this window */
	struct flow_log_amount waiting, lost; /* in lines that wait; that was not logged */
};

struct flow_log_sink {
	char id[40];
	struct flow_format format;
	char account[16], region[64];
	int traffic; /* enum flow_log_traffic */
	uint32_t interval;
	bool active;	      /* what interfaces carried before it was made has been taken off */
	int64_t window_start; /* Unix seconds */
	uint64_t windows;     /* that ended, all of which is written */
	struct flow_log_file *file;
	struct buf lines;
	struct flow_log_cover *touched;
	struct flow_log_amount written, lost; /* ever, by this daemon */
	struct err failure;		      /* rc 0: the last lines were written */
	bool seen;
	UT_hash_handle hh;
};

int flow_log_sink_new(const struct flow_log *f, const struct flow_log_file_config *file,
		      struct flow_log_sink **ret, struct err *e);
void flow_log_sink_free(struct flow_log_sink *l); /* NULL ok */

/* Takes a record, if it is of those that are logged; it fills version, account and region. */
void flow_log_sink_add(struct flow_log_sink *l, struct flow_log_cover *c, struct flow_record *r,
		       int64_t now);
/* Says how a window was for an interface: SKIPDATA with what was lost, NODATA where there was
 * nothing, or nothing; and begins the next one. */
void flow_log_sink_end_window(struct flow_log_sink *l, struct flow_log_cover *c,
			      const struct flow_log_interface *self, int64_t end, int64_t now);
/* Writes the lines that wait. What cannot be written is lost, and counted. now: Unix seconds. */
void flow_log_sink_flush(struct flow_log_sink *l, int64_t now);

#endif

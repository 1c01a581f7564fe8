/* SPDX-License-Identifier: MIT
 * See flow_log.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "vpcd/flow_log.h"

#define LINES_MAX (256u << 10)

int flow_log_sink_new(const struct flow_log *f, const struct flow_log_file_config *file,
		      struct flow_log_sink **ret, struct err *e)
{
	struct flow_log_sink *l = calloc(1, sizeof(*l));
	struct flow_log_file_config cfg = *file;
	cleanup_buf struct buf header = {0};
	int rc;

	if (!l)
		return err_sys(e, -ENOMEM, "flow log");
	snprintf(l->id, sizeof(l->id), "%s", f->o.id);
	snprintf(l->account, sizeof(l->account), "%s", f->o.account);
	snprintf(l->region, sizeof(l->region), "%s", f->o.region);
	l->traffic = f->traffic_type;
	l->interval = (uint32_t)f->max_aggregation_interval;
	rc = flow_format_parse(f->log_format, &l->format, e);
	if (!rc) {
		flow_format_print_header(&l->format, &header);
		cfg.id = l->id;
		cfg.header = buf_str(&header);
		rc = flow_log_file_open(&cfg, &l->file, e);
	}
	if (rc) {
		flow_log_sink_free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

void flow_log_sink_free(struct flow_log_sink *l)
{
	if (!l)
		return;
	flow_log_file_free(l->file);
	buf_done(&l->lines);
	free(l);
}

/* ---- lines ---- */

static void line_add(struct flow_log_sink *l, struct flow_log_cover *c, struct flow_record *r)
{
	r->version = (uint16_t)flow_format_version(&l->format);
	flow_record_set_text(r, FLOW_FIELD_ACCOUNT_ID, l->account);
	flow_record_set_text(r, FLOW_FIELD_REGION, l->region);
	flow_record_print(r, &l->format, &l->lines);
	buf_puts(&l->lines, "\n");
	if (!c->is_touched) {
		c->is_touched = true;
		c->touched = l->touched;
		l->touched = c;
	}
	c->waiting.records++;
	c->waiting.packets += r->packets;
	c->waiting.bytes += r->bytes;
}

static void amount_move(struct flow_log_amount *from, struct flow_log_amount *to)
{
	to->records += from->records;
	to->packets += from->packets;
	to->bytes += from->bytes;
	*from = (struct flow_log_amount){0};
}

static void amount_count(const struct flow_log_amount *a, struct flow_log_amount *to)
{
	struct flow_log_amount copy = *a;

	amount_move(&copy, to);
}

/* Said once, not with each line. */
static void failed(struct flow_log_sink *l, int rc, const struct err *e)
{
	if (rc && !l->failure.rc)
		log_warn("flow log is not written; what is lost is counted", "flow_log", l->id,
			 "error", e->msg);
	if (!rc && l->failure.rc)
		log_info("flow log is written again", "flow_log", l->id);
	l->failure = rc ? *e : (struct err){0};
}

void flow_log_sink_flush(struct flow_log_sink *l, int64_t now)
{
	struct flow_log_cover *c, *next;
	struct err e = {0};
	int rc;

	if (!l->touched)
		return;
	rc = l->lines.rc ? err_sys(&e, l->lines.rc, "flow log")
			 : flow_log_file_write(l->file, l->lines.p, l->lines.len, now, &e);
	failed(l, rc, &e);
	for (c = l->touched; c; c = next) {
		next = c->touched;
		amount_count(&c->waiting, rc ? &l->lost : &l->written);
		if (rc)
			amount_move(&c->waiting, &c->lost);
		c->waiting = (struct flow_log_amount){0};
		c->touched = NULL;
		c->is_touched = false;
	}
	l->touched = NULL;
	if (l->lines.rc)
		buf_done(&l->lines);
	l->lines.len = 0;
}

static bool takes(const struct flow_log_sink *l, const struct flow_record *r)
{
	return l->active && (l->traffic == FLOW_LOG_ALL ||
			     (l->traffic == FLOW_LOG_REJECT) == (r->action == FLOW_ACTION_REJECT));
}

void flow_log_sink_add(struct flow_log_sink *l, struct flow_log_cover *c, struct flow_record *r,
		       int64_t now)
{
	if (!takes(l, r))
		return;
	line_add(l, c, r);
	c->records++;
	if (l->lines.len > LINES_MAX)
		flow_log_sink_flush(l, now);
}

void flow_log_sink_end_window(struct flow_log_sink *l, struct flow_log_cover *c,
			      const struct flow_log_interface *self, int64_t end, int64_t now)
{
	struct flow_record r = {.start = (uint64_t)l->window_start,
				.end = (uint64_t)end,
				.log_status = FLOW_STATUS_NODATA};

	r.has = 1ull << FLOW_FIELD_VERSION | 1ull << FLOW_FIELD_START | 1ull << FLOW_FIELD_END |
		1ull << FLOW_FIELD_LOG_STATUS;
	flow_record_set_text(&r, FLOW_FIELD_INTERFACE_ID, self->id);
	flow_record_set_text(&r, FLOW_FIELD_VPC_ID, self->vpc);
	flow_record_set_text(&r, FLOW_FIELD_SUBNET_ID, self->subnet);
	flow_record_set_text(&r, FLOW_FIELD_INSTANCE_ID, self->instance);
	flow_record_set_text(&r, FLOW_FIELD_AZ_ID, self->az_id);
	if (c->lost.packets || c->lost.records) {
		r.log_status = FLOW_STATUS_SKIPDATA;
		r.packets = c->lost.packets;
		r.bytes = c->lost.bytes;
		r.has |= 1ull << FLOW_FIELD_PACKETS | 1ull << FLOW_FIELD_BYTES;
		c->lost = (struct flow_log_amount){0};
		line_add(l, c, &r);
	} else if (!c->records) {
		line_add(l, c, &r);
	}
	c->records = 0;
	if (l->lines.len > LINES_MAX)
		flow_log_sink_flush(l, now);
}

/* SPDX-License-Identifier: MIT
 * What the daemon says of itself: health, status, schema, metrics.
 */
#include <string.h>

#include "api/request.h"

static size_t count(const struct model *m, enum kind_id kind)
{
	size_t n = 0;

	model_for_each (o, m, kind)
		n++;
	return n;
}

void get_health(struct request *rq)
{
	struct json *j = json_new_obj();

	json_set_str(j, "Status", "ok");
	json_set_str(j, "Version", VPCD_VERSION);
	succeed(rq, 200, j);
}

void get_status(struct request *rq)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	cleanup_json struct json *more = h->status ? h->status(h->arg) : NULL;
	struct json *j = json_new_obj(), *counts = json_new_obj();

	json_set_str(j, "Version", VPCD_VERSION);
	json_set_num(j, "Revision", (double)store_revision(rq->api->cfg.store));
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		json_set_num(counts, kinds[k]->plural, (double)count(request_model(rq), k));
	json_set(j, "Counts", counts);
	if (more)
		json_merge(j, more);
	succeed(rq, 200, j);
}

void get_schema(struct request *rq)
{
	succeed(rq, 200, schema_describe());
}

void get_metrics(struct request *rq)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	struct api *a = rq->api;
	cleanup_buf struct buf b = {0};

	buf_puts(&b, "# HELP vpcd_objects Objects of the model.\n# TYPE vpcd_objects gauge\n");
	for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
		buf_printf(&b, "vpcd_objects{kind=\"%s\"} %zu\n", kinds[k]->name,
			   count(request_model(rq), k));
	buf_printf(&b,
		   "# HELP vpcd_revision Revision of the store.\n# TYPE vpcd_revision gauge\n"
		   "vpcd_revision %llu\n",
		   (unsigned long long)store_revision(a->cfg.store));
	buf_puts(&b, "# HELP vpcd_api_responses_total Answers of the API by HTTP status.\n"
		     "# TYPE vpcd_api_responses_total counter\n");
	for (unsigned i = 0; i < STATUSES; i++)
		if (a->by_status[i])
			buf_printf(&b, "vpcd_api_responses_total{status=\"%u\"} %llu\n", i,
				   (unsigned long long)a->by_status[i]);
	if (h->metrics)
		h->metrics(h->arg, &b);
	rq->status = 200;
	rq->content_type = "text/plain; version=0.0.4";
	rq->text = buf_take(&b);
}

/* SPDX-License-Identifier: MIT
 * Captures as streams.
 */
#include <string.h>

#include "api/request.h"

static const struct {
	const char *name, *content_type;
} formats[] = {
	{"pcapng", "application/x-pcapng"},
	{"pcap", "application/vnd.tcpdump.pcap"},
	{"text", "text/plain; charset=utf-8"},
};

/* NULL: the request has failed. */
static const char *content_type_of(struct request *rq, const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, format))
			return formats[i].content_type;
	fail_with(rq, 400, "InvalidParameterValue", "format is pcapng, pcap or text, not \"%s\"",
		  format);
	return NULL;
}

static void capture(struct request *rq, const char *id)
{
	const struct api_hooks *h = &rq->api->cfg.hooks;
	const char *format = query_get(rq, "format"), *content_type;
	struct api_capture c = {
		.id = id,
		.filter = query_get(rq, "filter"),
		.format = format ? format : "pcapng",
		.any = query_is_set(rq, "any"),
		.drops = query_is_set(rq, "drops"),
	};
	struct err e = {0};
	int fd;

	if (!query_number(rq, "count", &c.count) || !query_number(rq, "snaplen", &c.snaplen))
		return;
	if (c.any && c.drops)
		return fail_with(rq, 400, "InvalidParameterCombination",
				 "drops are seen outside of the sandbox: any is of its inside");
	if (!id && !c.drops)
		return fail_with(rq, 400, "InvalidParameterCombination",
				 "what all sandboxes have in common are drops: drops=1");
	content_type = content_type_of(rq, c.format);
	if (!content_type)
		return;
	if (!h->capture)
		return fail_with(rq, 501, "UnsupportedOperation", "this daemon captures nothing");
	fd = h->capture(h->arg, &c, &e);
	if (fd < 0)
		return fail(rq, &e);
	stream_start_fd(rq, content_type, fd);
}

void get_sandbox_capture(struct request *rq)
{
	const struct object *o = path_sandbox(rq);

	if (o)
		capture(rq, o->id);
}

void get_capture(struct request *rq)
{
	capture(rq, NULL);
}

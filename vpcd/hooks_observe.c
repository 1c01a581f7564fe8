/* SPDX-License-Identifier: MIT
 * What the API asks of the daemon to show what packets do: captures.
 */
#include <string.h>

#include "lib/cleanup.h"
#include "vpcd/capture.h"
#include "vpcd/daemon.h"

/* The attachment of a sandbox: its network interface, or for an internet host itself. */
static const char *attachment_of(const struct model *m, const char *id)
{
	const struct object *o = model_get(m, id);

	if (o && o->kind->kind == KIND_INSTANCE)
		return AS_CONST(instance, o)->network_interface_id;
	if (o && o->kind->kind == KIND_FUNCTION)
		return AS_CONST(function, o)->network_interface_id;
	return o ? o->id : NULL;
}

static enum capture_format capture_format_of(const char *name)
{
	if (!strcmp(name, "text"))
		return CAPTURE_TEXT;
	return strcmp(name, "pcap") ? CAPTURE_PCAPNG : CAPTURE_PCAP;
}

static int capture(void *arg, const struct api_capture *c, struct err *e)
{
	struct daemon *d = arg;
	const struct model *m = store_model(d->store);
	const struct object *o = model_get(m, c->id);
	const char *at = attachment_of(m, c->id);
	const struct item *it = at ? plan_get(apply_plan(d->apply), ITEM_ATTACHMENT, at) : NULL;
	const struct item_attachment *body = it ? it->body : NULL;
	cleanup_close int netns = -1;
	int rc, fd = -1;

	if (!o || !body)
		return err_set(e, -ENOENT, "InvalidNetworkInterfaceID.NotFound", "",
			       "%s has no network interface", c->id);
	netns = fabric_open_netns(d->fabric, at, e);
	if (netns < 0)
		return netns;
	struct capture_config cfg = {.netns_fd = netns,
				     .ifname = c->any ? NULL : body->ifname,
				     .description = o->name ? o->name : o->id,
				     .mac = body->mac,
				     .filter = c->filter,
				     .count = c->count,
				     .snaplen = c->snaplen < CAPTURE_SNAPLEN ? (uint32_t)c->snaplen
									     : CAPTURE_SNAPLEN,
				     .format = capture_format_of(c->format)};
	rc = capture_start(&cfg, &fd, e);
	return rc ? rc : fd;
}

void daemon_hooks_observe(struct api_hooks *h)
{
	h->capture = capture;
}

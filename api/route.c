/* SPDX-License-Identifier: MIT
 * The table of routes. docs/api.md says what each does.
 */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"

/* "*" matches any segment, "#" the plural of a kind. */
static const struct endpoint {
	const char *method, *path[SEGMENTS_MAX];
	void (*handler)(struct request *rq);
} routes[] = {
	{"GET", {"healthz"}, get_health},
	{"GET", {"metrics"}, get_metrics},
	{"GET", {"v1", "status"}, get_status},
	{"GET", {"v1", "schema"}, get_schema},
	{"GET", {"v1", "clock"}, get_clock},
	{"POST", {"v1", "clock"}, post_clock},
	{"GET", {"v1", "labs"}, get_labs},
	{"PATCH", {"v1", "labs", "*"}, patch_lab},
	{"GET", {"v1", "events"}, get_events},
	{"GET", {"v1", "resolve", "*"}, get_resolve},
	{"GET", {"v1", "topology"}, get_topology},
	{"POST", {"v1", "topology"}, post_topology},
	{"DELETE", {"v1", "topology"}, delete_topology},
	{"GET", {"v1", "sandboxes"}, get_sandboxes},
	{"GET", {"v1", "sandboxes", "*"}, get_sandbox},
	{"GET", {"v1", "sandboxes", "*", "logs"}, get_sandbox_logs},
	{"GET", {"v1", "flow-logs", "*", "records"}, get_flow_log_records},
	{"GET", {"v1", "sandboxes", "*", "capture"}, get_sandbox_capture},
	{"GET", {"v1", "capture"}, get_capture},
	{"POST", {"v1", "test"}, post_test},
	{"POST", {"v1", "reach"}, post_reach},
	{"POST", {"v1", "whatif"}, post_whatif},
	{"POST", {"v1", "least-privilege"}, post_least_privilege},
	{"POST", {"v1", "security-groups", "*", "rules"}, post_rules},
	{"DELETE", {"v1", "security-groups", "*", "rules"}, delete_rules},
	{"POST", {"v1", "trace"}, post_trace},
	{"POST", {"v1", "network-acls", "*", "entries"}, post_acl_entries},
	{"DELETE", {"v1", "network-acls", "*", "entries"}, delete_acl_entries},
	{"POST", {"v1", "route-tables", "*", "routes"}, post_routes},
	{"DELETE", {"v1", "route-tables", "*", "routes"}, delete_routes},
	{"POST", {"v1", "vpc-peering-connections", "*", "accept"}, post_peering_accept},
	{"POST", {"v1", "vpc-peering-connections", "*", "reject"}, post_peering_reject},
	{"POST", {"v1", "hosted-zones", "*", "changes"}, post_changes},
	{"GET", {"v1", "#"}, get_objects},
	{"POST", {"v1", "#"}, post_object},
	{"GET", {"v1", "#", "*"}, get_object},
	{"PATCH", {"v1", "#", "*"}, patch_object},
	{"DELETE", {"v1", "#", "*"}, delete_object},
};

static bool is_plural(const char *s)
{
	const struct kind *k = kind_find(s);

	return k && !strcmp(k->plural, s);
}

static bool segment_matches(const char *pattern, const char *segment)
{
	if (!strcmp(pattern, "*"))
		return segment[0];
	return !strcmp(pattern, "#") ? is_plural(segment) : !strcmp(pattern, segment);
}

static bool path_matches(const struct endpoint *r, const struct request *rq)
{
	size_t i = 0;

	for (; i < rq->n_segments; i++)
		if (!r->path[i] || !segment_matches(r->path[i], rq->segments[i]))
			return false;
	return i == SEGMENTS_MAX || !r->path[i];
}

void route(struct request *rq)
{
	cleanup_buf struct buf allow = {0};

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!path_matches(&routes[i], rq))
			continue;
		if (!strcmp(routes[i].method, rq->method)) {
			routes[i].handler(rq);
			return;
		}
		buf_printf(&allow, "%s%s", allow.len ? ", " : "", routes[i].method);
	}
	if (!allow.len) {
		fail_with(rq, 404, "InvalidAction", "no such path; docs/api.md lists them");
		return;
	}
	fail_with(rq, 405, "InvalidAction", "%s is not allowed here, but %s", rq->method,
		  buf_str(&allow));
	rq->allow = buf_take(&allow);
}

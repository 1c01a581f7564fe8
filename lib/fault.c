/* SPDX-License-Identifier: MIT
 * Fault injection for tests.
 */
#include "lib/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define FAULTS_MAX 16

struct fault_rule {
	char step[64];
	unsigned nth; /* 0: every call */
	unsigned calls;
	int rc;
};

/* The one state a library may have: it stands for the environment, which is a global too. */
static struct {
	enum { FAULTS_UNREAD, FAULTS_NONE, FAULTS_SOME } state;
	struct fault_rule rules[FAULTS_MAX];
	size_t n;
} faults;

static int errno_by_name(const char *name, size_t len)
{
	for (int i = 1; i < 134; i++) {
		const char *s = strerrorname_np(i);

		if (s && strlen(s) == len && !strncmp(s, name, len))
			return i;
	}
	return EIO;
}

/* One "<step>[:<n>]=<ERRNO>" of `len` characters. */
static void rule_read(const char *text, size_t len)
{
	const char *eq = memchr(text, '=', len), *colon;
	struct fault_rule *r = &faults.rules[faults.n];
	size_t step_len;

	if (!eq || faults.n == FAULTS_MAX)
		return;
	colon = memchr(text, ':', eq - text);
	step_len = (colon ? colon : eq) - text;
	if (step_len >= sizeof(r->step))
		return;
	memcpy(r->step, text, step_len);
	r->nth = colon ? strtoul(colon + 1, NULL, 10) : 0;
	r->rc = -errno_by_name(eq + 1, len - (eq + 1 - text));
	faults.n++;
}

static void faults_read(void)
{
	const char *s = secure_getenv("VPCD_FAULT");

	while (s && *s) {
		size_t len = strcspn(s, ",");

		rule_read(s, len);
		s += len + (s[len] == ',');
	}
	faults.state = faults.n ? FAULTS_SOME : FAULTS_NONE;
}

int fault_hit(const char *step)
{
	if (__builtin_expect(faults.state == FAULTS_NONE, 1))
		return 0;
	if (faults.state == FAULTS_UNREAD)
		faults_read();
	for (size_t i = 0; i < faults.n; i++) {
		struct fault_rule *r = &faults.rules[i];

		if (strcmp(r->step, step))
			continue;
		r->calls++;
		if (!r->nth || r->calls == r->nth)
			return r->rc;
	}
	return 0;
}

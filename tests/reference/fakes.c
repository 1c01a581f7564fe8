/* SPDX-License-Identifier: MIT
 * See fakes.h. These names stand in the libraries too; a program that has them takes these.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "vpcd/resolver.h"
#include "vpcd/sandboxes.h"

#define ATTACHMENTS_MAX 256

struct fabric {
	size_t n;
	struct {
		char id[SYMBOL_LEN];
		uint32_t ifindex;
	} attachments[ATTACHMENTS_MAX];
};

struct fabric *fake_fabric_new(void)
{
	return calloc(1, sizeof(struct fabric));
}

void fake_fabric_free(struct fabric *f)
{
	free(f);
}

int fabric_attach(struct fabric *f, const struct attachment_spec *spec, struct err *e)
{
	if (f->n == ATTACHMENTS_MAX)
		return err_sys(e, -ENOSPC, "attach %s", spec->id);
	symbol_set(f->attachments[f->n].id, spec->id);
	f->attachments[f->n++].ifindex = spec->ifindex;
	return 0;
}

int fabric_detach(struct fabric *f, const char *id, uint32_t ifindex, struct err *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->attachments[i].ifindex == ifindex)
			f->attachments[i] = f->attachments[--f->n];
	return 0;
}

int fabric_list(struct fabric *f, int (*fn)(void *arg, const struct attachment_state *a), void *arg,
		struct err *e)
{
	for (size_t i = 0; i < f->n; i++) {
		struct attachment_state st = {.ifindex = f->attachments[i].ifindex,
					      .id = f->attachments[i].id,
					      .up = true,
					      .has_program = true,
					      .namespace_alive = true};
		int rc = fn(arg, &st);

		if (rc)
			return rc;
	}
	return 0;
}

int fabric_readdress(struct fabric *f, const struct attachment_spec *old,
		     const struct attachment_spec *spec, struct err *e)
{
	return 0;
}

int fabric_attach_program(struct fabric *f, uint32_t ifindex, struct err *e)
{
	return 0;
}

int fabric_reap(struct fabric *f, struct err *e)
{
	return 0;
}

bool fabric_pool_fill(struct fabric *f)
{
	return false;
}

uint32_t fabric_pool_take_ifindex(struct fabric *f)
{
	return 0;
}

/* ---- sandboxes: no processes ---- */

int sandboxes_put(struct sandboxes *s, const struct item *it, struct err *e)
{
	return 0;
}

void sandboxes_remove(struct sandboxes *s, const char *id)
{
}

void sandboxes_sweep(struct sandboxes *s, const struct plan *p)
{
}

size_t sandboxes_busy(const struct sandboxes *s)
{
	return 0;
}

/* ---- the resolver: nobody answers ---- */

void resolver_touch(struct resolver *r, const struct item *it)
{
}

int resolver_publish(struct resolver *r, const struct plan *p, struct err *e)
{
	return 0;
}

uint32_t service_address(uint32_t ifindex)
{
	return htonl(0x64400000 | (ifindex & 0x3fffff));
}

struct ip service_address6(uint32_t ifindex)
{
	return (struct ip){0};
}

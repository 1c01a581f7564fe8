/* SPDX-License-Identifier: MIT
 * See dns_answers.h. A shadow of the map, by VPC, says what has changed.
 */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>
#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->hh.tbl = NULL)
#include <uthash.h>
#include <xxhash.h>

#include "lib/cleanup.h"
#include "vpcd/dns_answers.h"

_Static_assert(DNS_FIXED_NAME == DNS_KEY_NAME && DNS_FIXED_BODY < DNS_BODY_MAX, "sizes");

struct held {
	UT_hash_handle hh;
	struct dns_key key;
	uint64_t value; /* its hash */
	unsigned pass;	/* in which it was last wanted */
};

/* Answers of one VPC. */
struct vpc_answers {
	UT_hash_handle hh;
	uint32_t vpc;
	struct held *held;
};

struct dns_answers {
	struct dataplane *dp;
	struct vpc_answers *vpcs;
	size_t n;
	unsigned pass;
	int rc; /* of the set under way */
	struct err err;
};

static struct vpc_answers *vpc_get(struct dns_answers *a, uint32_t vpc)
{
	struct vpc_answers *v;

	HASH_FIND(hh, a->vpcs, &vpc, sizeof(vpc), v);
	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->vpc = vpc;
	HASH_ADD(hh, a->vpcs, vpc, sizeof(v->vpc), v);
	if (v->hh.tbl)
		return v;
	free(v);
	return NULL;
}

static struct held *held_get(struct dns_answers *a, struct vpc_answers *v,
			     const struct dns_key *key)
{
	struct held *h;

	HASH_FIND(hh, v->held, key, sizeof(*key), h);
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->key = *key;
	HASH_ADD(hh, v->held, key, sizeof(h->key), h);
	if (!h->hh.tbl) {
		free(h);
		return NULL;
	}
	a->n++;
	return h;
}

static void held_free(struct dns_answers *a, struct vpc_answers *v, struct held *h)
{
	HASH_DEL(v->held, h);
	free(h);
	a->n--;
}

/* ---- opening ---- */

static int adopt(void *arg, const void *key, const void *value)
{
	struct dns_answers *a = arg;
	struct vpc_answers *v = vpc_get(a, ((const struct dns_key *)key)->vpc);
	struct held *h = v ? held_get(a, v, key) : NULL;

	if (!h)
		return -ENOMEM;
	h->value = XXH3_64bits(value, sizeof(struct dns_value));
	return 0;
}

int dns_answers_open(struct dataplane *dp, struct dns_answers **ret, struct err *e)
{
	struct dns_answers *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_sys(e, -ENOMEM, "DNS answers");
	a->dp = dp;
	rc = dataplane_dump(dp, DP_DNS_ANSWERS, adopt, a, e);
	if (rc) {
		dns_answers_free(a);
		return rc == -ENOMEM ? err_sys(e, rc, "DNS answers") : rc;
	}
	*ret = a;
	return 0;
}

void dns_answers_free(struct dns_answers *a)
{
	struct vpc_answers *v, *vtmp;
	struct held *h, *htmp;

	if (!a)
		return;
	HASH_ITER (hh, a->vpcs, v, vtmp) {
		HASH_ITER (hh, v->held, h, htmp)
			held_free(a, v, h);
		HASH_DEL(a->vpcs, v);
		free(v);
	}
	free(a);
}

/* ---- changing ---- */

static void value_fill(const struct dns_fixed *f, struct dns_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, f->name.b, f->name.len);
	ret->flags = f->flags;
	ret->answers = f->answers;
	ret->authority = f->authority;
	ret->len = f->len;
	memcpy(ret->body, f->body, f->len);
}

static void key_fill(uint32_t vpc, const struct dns_fixed *f, const struct dns_value *v,
		     struct dns_key *ret)
{
	*ret = (struct dns_key){.vpc = vpc, .type = f->type, .name_len = f->name.len};
	for (unsigned i = 0; i < f->name.len; i += 8) {
		uint64_t octets;

		memcpy(&octets, v->name + i, sizeof(octets));
		ret->hash = dns_hash(ret->hash, octets);
	}
}

static void want(void *arg, const struct dns_fixed *f)
{
	struct vpc_answers *v = ((void **)arg)[1];
	struct dns_answers *a = ((void **)arg)[0];
	struct dns_key key;
	struct dns_value value;
	struct held *h;
	uint64_t hash;

	if (a->rc)
		return;
	value_fill(f, &value);
	key_fill(v->vpc, f, &value, &key);
	hash = XXH3_64bits(&value, sizeof(value));
	h = held_get(a, v, &key);
	if (!h) {
		a->rc = err_sys(&a->err, -ENOMEM, "DNS answers");
		return;
	}
	if (h->pass == a->pass)
		return; /* another name's hash: the resolver answers for this one */
	h->pass = a->pass;
	if (h->value == hash)
		return;
	a->rc = dataplane_update(a->dp, DP_DNS_ANSWERS, &key, &value, 1, &a->err);
	h->value = a->rc ? 0 : hash;
}

/* What the view does not answer any more; with `all`, everything. */
static int remove_unwanted(struct dns_answers *a, struct vpc_answers *v, bool all, struct err *e)
{
	struct held *h, *tmp;

	HASH_ITER (hh, v->held, h, tmp) {
		int rc;

		if (!all && h->pass == a->pass && h->value)
			continue;
		rc = dataplane_delete(a->dp, DP_DNS_ANSWERS, &h->key, 1, e);
		if (rc)
			return rc;
		held_free(a, v, h);
	}
	return 0;
}

int dns_answers_set(struct dns_answers *a, uint32_t vpc, const struct dns_view *view, struct err *e)
{
	struct vpc_answers *v = vpc_get(a, vpc);
	void *arg[] = {a, v};
	int rc;

	if (!v)
		return err_sys(e, -ENOMEM, "DNS answers");
	a->pass++;
	a->rc = 0;
	if (view)
		dns_view_fixed(view, want, arg);
	/* After a failure nothing stays that was not looked at: it may be stale. */
	rc = remove_unwanted(a, v, false, e);
	if (!rc && a->rc && e)
		*e = a->err;
	return rc ? rc : a->rc;
}

int dns_answers_retain(struct dns_answers *a, bool (*keep)(void *arg, uint32_t vpc), void *arg,
		       struct err *e)
{
	struct vpc_answers *v, *tmp;

	HASH_ITER (hh, a->vpcs, v, tmp) {
		int rc = keep(arg, v->vpc) ? 0 : remove_unwanted(a, v, true, e);

		if (rc)
			return rc;
		if (v->held)
			continue;
		HASH_DEL(a->vpcs, v);
		free(v);
	}
	return 0;
}

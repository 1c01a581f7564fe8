/* SPDX-License-Identifier: MIT
 * See cache.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM	 1
#define uthash_nonfatal_oom(elt) ((elt)->hh.tbl = NULL)
#include <uthash.h>

#include "dns/cache.h"

struct key {
	uint8_t type[2];
	uint8_t name[DNS_NAME_MAX];
};

struct kept {
	UT_hash_handle hh;
	TAILQ_ENTRY(kept) link;
	uint64_t came_ns, until_ns;
	unsigned key_len;
	struct key key;
	size_t len;
	uint8_t msg[];
};

struct dns_cache {
	struct kept *kept;
	TAILQ_HEAD(, kept) order; /* the oldest first */
	unsigned n;
};

struct dns_cache *dns_cache_new(void)
{
	struct dns_cache *c = calloc(1, sizeof(*c));

	if (c)
		TAILQ_INIT(&c->order);
	return c;
}

static void drop(struct dns_cache *c, struct kept *k)
{
	HASH_DEL(c->kept, k);
	TAILQ_REMOVE(&c->order, k, link);
	c->n--;
	free(k);
}

void dns_cache_clear(struct dns_cache *c)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&c->order)))
		drop(c, k);
}

void dns_cache_free(struct dns_cache *c)
{
	if (!c)
		return;
	dns_cache_clear(c);
	free(c);
}

static unsigned key_fill(struct key *k, const struct dns_name *name, uint16_t type)
{
	k->type[0] = (uint8_t)(type >> 8);
	k->type[1] = (uint8_t)type;
	memcpy(k->name, name->b, name->len);
	return sizeof(k->type) + name->len;
}

static struct kept *find(const struct dns_cache *c, const struct key *k, unsigned len)
{
	struct kept *found;

	HASH_FIND(hh, c->kept, k, len, found);
	return found;
}

/* The smallest TTL of the answer and authority sections; 0: none, or not well-formed. */
static uint32_t ttl_of(const uint8_t *msg, size_t len)
{
	uint16_t count[DNS_SECTIONS];
	int rc = dns_message_records(msg, len, count);
	size_t pos = (size_t)rc;
	uint32_t ttl = UINT32_MAX;
	unsigned n;

	if (rc < 0)
		return 0;
	n = (unsigned)count[DNS_ANSWER] + count[DNS_AUTHORITY];
	for (unsigned i = 0; i < n; i++) {
		struct dns_rr_in in;

		if (dns_rr_parse(msg, len, &pos, &in))
			return 0;
		ttl = in.rr.ttl < ttl ? in.rr.ttl : ttl;
	}
	return n ? ttl : 0;
}

void dns_cache_put(struct dns_cache *c, const struct dns_name *name, uint16_t type,
		   const uint8_t *msg, size_t len, uint64_t now_ns)
{
	uint64_t lasts = ttl_of(msg, len) * UINT64_C(900000000);
	unsigned rcode = msg[3] & DNS_RCODE;
	struct kept *k, *old;

	if (!lasts || len > CACHE_OCTETS || (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN))
		return;
	k = malloc(sizeof(*k) + len);
	if (!k)
		return;
	k->key_len = key_fill(&k->key, name, type);
	k->came_ns = now_ns;
	k->until_ns = now_ns + (lasts < CACHE_MAX_NS ? lasts : CACHE_MAX_NS);
	k->len = len;
	memcpy(k->msg, msg, len);
	old = find(c, &k->key, k->key_len);
	if (old)
		drop(c, old);
	else if (c->n == CACHE_ITEMS)
		drop(c, TAILQ_FIRST(&c->order));
	HASH_ADD(hh, c->kept, key, k->key_len, k);
	if (!k->hh.tbl) {
		free(k);
		return;
	}
	TAILQ_INSERT_TAIL(&c->order, k, link);
	c->n++;
}

const uint8_t *dns_cache_get(struct dns_cache *c, const struct dns_name *name, uint16_t type,
			     uint64_t now_ns, size_t *ret_len, uint32_t *ret_age)
{
	struct key key;
	struct kept *k = find(c, &key, key_fill(&key, name, type));

	if (!k)
		return NULL;
	if (k->until_ns <= now_ns) {
		drop(c, k);
		return NULL;
	}
	*ret_len = k->len;
	*ret_age = (uint32_t)((now_ns - k->came_ns) / 1000000000);
	return k->msg;
}

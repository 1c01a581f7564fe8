/* SPDX-License-Identifier: MIT
 * A few seconds' worth of what a forwarder said, in its own messages. libunbound is the cache, but
 * each question to it is a way to another thread and back: what many ask for is answered from here
 * and asked of it again every CACHE_MAX_NS at the latest, and before the tenth of its time in which
 * libunbound fetches anew.
 */
#ifndef VPCD_DNS_CACHE_H
#define VPCD_DNS_CACHE_H

#include "dns/wire.h"

#define CACHE_MAX_NS UINT64_C(5000000000)
#define CACHE_ITEMS  8192 /* the oldest goes */
#define CACHE_OCTETS 4096 /* the longest message that is kept */

struct dns_cache;

struct dns_cache *dns_cache_new(void);	  /* NULL: no memory */
void dns_cache_free(struct dns_cache *c); /* NULL ok */
void dns_cache_clear(struct dns_cache *c);
/* name: in lower case. Messages without a TTL, and failures, are not kept. */
void dns_cache_put(struct dns_cache *c, const struct dns_name *name, uint16_t type,
		   const uint8_t *msg, size_t len, uint64_t now_ns);
/* The message, valid until the next call on c, and how many seconds ago it came; NULL: none. */
const uint8_t *dns_cache_get(struct dns_cache *c, const struct dns_name *name, uint16_t type,
			     uint64_t now_ns, size_t *ret_len, uint32_t *ret_age);

#endif

/* SPDX-License-Identifier: MIT
 * Record data of signed zones (RFC 4034, 5155), read and written by libldns.
 */
#include <stdlib.h>

#include <ldns/ldns.h>

#include "dns/rdata.h"
#include "lib/cleanup.h"

#define FIXED 11 /* a record of the root's up to its data: owner, type, class, TTL, length */

int dns_rdata_dnssec_from_text(uint16_t type, const char *text, struct dns_rdata *ret,
			       struct err *e)
{
	cleanup_free char *name = ldns_rr_type2str((ldns_rr_type)type);
	cleanup_buf struct buf line = {0};
	cleanup_free uint8_t *wire = NULL;
	ldns_rr *rr = NULL;
	ldns_status s;
	size_t len = 0;

	buf_printf(&line, ". 0 IN %s %s", name, text);
	if (line.rc)
		return err_sys(e, -ENOMEM, "record data");
	s = ldns_rr_new_frm_str(&rr, buf_str(&line), 0, NULL, NULL);
	if (s == LDNS_STATUS_OK)
		s = ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &len);
	ldns_rr_free(rr);
	if (s != LDNS_STATUS_OK)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "", "record data: %s",
			       ldns_get_errorstr_by_id(s));
	if (len <= FIXED || len - FIXED > DNS_RDATA_MAX)
		return err_set(e, -EINVAL, "InvalidChangeBatch", "",
			       "record data: none, or longer than 4096 octets");
	ret->len = (uint16_t)(len - FIXED);
	memcpy(ret->b, wire + FIXED, ret->len);
	return 0;
}

bool dns_rdata_dnssec_to_text(uint16_t type, const uint8_t *rdata, size_t len, struct buf *out)
{
	cleanup_free uint8_t *wire = calloc(1, FIXED + len);
	size_t pos = 0;
	ldns_rr *rr = NULL;

	if (!wire)
		return false;
	wire[1] = (uint8_t)(type >> 8);
	wire[2] = (uint8_t)type;
	wire[4] = 1; /* IN */
	wire[9] = (uint8_t)(len >> 8);
	wire[10] = (uint8_t)len;
	memcpy(wire + FIXED, rdata, len);
	if (ldns_wire2rr(&rr, wire, FIXED + len, &pos, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
		return false;
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		cleanup_free char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));
		size_t n = text ? strlen(text) : 0;

		while (n && text[n - 1] == ' ') /* a type bitmap ends so */
			text[--n] = 0;
		buf_printf(out, "%s%s", i ? " " : "", text ? text : "");
	}
	ldns_rr_free(rr);
	return true;
}

int dns_nsec3_hash(const struct dns_name *name, const uint8_t *params, size_t len,
		   struct dns_name *ret)
{
	ldns_rdf in, *hash;
	uint16_t iterations;

	if (len < 5 || len < 5u + params[4])
		return -EBADMSG;
	iterations = (uint16_t)(params[2] << 8 | params[3]);
	in = (ldns_rdf){name->len, LDNS_RDF_TYPE_DNAME, (void *)name->b};
	hash = ldns_nsec3_hash_name(&in, params[0], iterations, params[4], params + 5);
	if (!hash)
		return -ENOMEM;
	ret->len = (uint8_t)ldns_rdf_size(hash);
	memcpy(ret->b, ldns_rdf_data(hash), ret->len);
	ldns_rdf_deep_free(hash);
	dns_name_lower(ret);
	return 0;
}

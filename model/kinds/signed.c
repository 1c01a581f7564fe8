/* SPDX-License-Identifier: MIT
 * See signed.h.
 */
#include <stdio.h>
#include <string.h>

#include <ldns/ldns.h>

#include "lib/buf.h"
#include "lib/cleanup.h"
#include "model/kinds/signed.h"

bool signed_data_is_valid(const char *type, const char *value)
{
	cleanup_buf struct buf line = {0};
	ldns_rr *rr = NULL;
	bool ok;

	if (strpbrk(value, "\n;()"))
		return false;
	buf_printf(&line, ". 0 IN %s %s", type, value);
	ok = !line.rc && ldns_rr_new_frm_str(&rr, buf_str(&line), 0, NULL, NULL) == LDNS_STATUS_OK;
	ldns_rr_free(rr);
	return ok;
}

static int refuse(struct err *e, const char *text, const char *rule)
{
	return err_set(e, -EINVAL, "InvalidParameterValue", "DnssecTrustAnchors", "\"%.80s\": %s",
		       text, rule);
}

/* Those that a validator must or may know (RFC 8624 section 3.1). */
static bool is_algorithm(uint8_t n)
{
	return n == 5 || n == 7 || n == 8 || n == 10 || (n >= 13 && n <= 16);
}

static int anchor_check(const ldns_rr *rr, const char *text, struct err *e)
{
	bool ds = ldns_rr_get_type(rr) == LDNS_RR_TYPE_DS;
	uint8_t digest;

	if ((!ds && ldns_rr_get_type(rr) != LDNS_RR_TYPE_DNSKEY) ||
	    ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return refuse(e, text, "neither a DS nor a DNSKEY record");
	if (!is_algorithm(ldns_rdf2native_int8(ldns_rr_rdf(rr, ds ? 1 : 2))))
		return refuse(e, text,
			      "its algorithm is none that validates: 5, 7, 8, 10, 13 to 16");
	if (!ds)
		return ldns_rdf2native_int16(ldns_rr_rdf(rr, 0)) & LDNS_KEY_ZONE_KEY
			       ? 0
			       : refuse(e, text, "the key signs no zone: flag 256 is missing");
	digest = ldns_rdf2native_int8(ldns_rr_rdf(rr, 2));
	if (digest != 1 && digest != 2 && digest != 4)
		return refuse(e, text, "its digest type is none of 1, 2 and 4");
	return ldns_rdf_size(ldns_rr_rdf(rr, 3)) == (digest == 1   ? 20
						     : digest == 2 ? 32
								   : 48)
		       ? 0
		       : refuse(e, text, "its digest has not the length of its type");
}

int trust_anchor_check(const char *text, struct err *e)
{
	ldns_rr *rr = NULL;
	ldns_status s;
	int rc;

	if (strpbrk(text, "\n;()"))
		return refuse(e, text, "one record on one line, without comments");
	s = ldns_rr_new_frm_str(&rr, text, 60, NULL, NULL);
	rc = s == LDNS_STATUS_OK ? anchor_check(rr, text, e)
				 : refuse(e, text, ldns_get_errorstr_by_id(s));
	ldns_rr_free(rr);
	return rc;
}

/* SPDX-License-Identifier: MIT
 * See capture_filter.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "lib/cleanup.h"
#include "vpcd/capture.h"
#include "vpcd/capture_filter.h"

struct capture_filter {
	struct bpf_program program;
};

static int compile(const char *text, int linktype, struct bpf_program *ret, char *ret_msg)
{
	pcap_t *dead = pcap_open_dead(linktype, CAPTURE_SNAPLEN);
	int rc;

	if (!dead)
		return -ENOMEM;
	rc = pcap_compile(dead, ret, text, 1, PCAP_NETMASK_UNKNOWN) ? -EINVAL : 0;
	if (rc)
		snprintf(ret_msg, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(dead));
	pcap_close(dead);
	return rc;
}

static bool is_filter(const char *text, int linktype)
{
	char ignored[PCAP_ERRBUF_SIZE];
	struct bpf_program program;

	if (compile(text, linktype, &program, ignored))
		return false;
	pcap_freecode(&program);
	return true;
}

/* libpcap names no position: the word behind the longest beginning that is a filter by itself. */
static size_t fault_column(const char *filter, int linktype)
{
	cleanup_free char *text = strdup(filter);
	size_t fault = strspn(filter, " \t");

	for (size_t end = text ? strlen(text) : 0; end > 0; end--) {
		bool boundary = strchr(" \t", filter[end]) && !strchr(" \t", filter[end - 1]);

		text[end] = 0;
		if (boundary && is_filter(text, linktype)) {
			fault = end + strspn(filter + end, " \t");
			break;
		}
	}
	return fault + 1;
}

int capture_filter_new(const char *text, int linktype, struct capture_filter **ret, struct err *e)
{
	cleanup_free struct capture_filter *f = NULL;
	char msg[PCAP_ERRBUF_SIZE];
	int rc;

	*ret = NULL;
	if (!text || !*text)
		return 0;
	f = calloc(1, sizeof(*f));
	rc = f ? compile(text, linktype, &f->program, msg) : -ENOMEM;
	if (rc == -EINVAL)
		return err_set(e, rc, "InvalidParameterValue", "filter", "column %zu: %s",
			       fault_column(text, linktype), msg);
	if (rc)
		return err_sys(e, rc, "filter");
	*ret = TAKE(f);
	return 0;
}

void capture_filter_free(struct capture_filter *f)
{
	if (!f)
		return;
	pcap_freecode(&f->program);
	free(f);
}

bool capture_filter_matches(const struct capture_filter *f, const void *data, uint32_t captured,
			    uint32_t len)
{
	const struct pcap_pkthdr h = {.caplen = captured, .len = len};

	return !f || pcap_offline_filter(&f->program, &h, data);
}

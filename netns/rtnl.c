/* SPDX-License-Identifier: MIT
 * rtnetlink in any network namespace.
 */
#include "netns/rtnl.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <netlink/attr.h>

#include "lib/fault.h"

#define MESSAGE_SIZE 1024
#define REPLY_SIZE   32768

int rtnl_open(struct rtnl *ret, struct err *e)
{
	int rc = fault_hit("netns.socket"), one = 1;
	cleanup_close int fd = -1;

	if (!rc) {
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
		rc = fd < 0 ? -errno : 0;
	}
	if (rc)
		return err_sys(e, rc, "netlink socket");
	/* Both since Linux 4.12; without them errors are only less clear. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	*ret = (struct rtnl){.fd = TAKE_FD(fd)};
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (r->fd >= 0)
		close(r->fd);
	*r = RTNL_CLOSED;
}

static int batch_grow(struct batch *b)
{
	size_t cap = b->cap ? 2 * b->cap : 16;
	void *items = reallocarray(b->items, cap, sizeof(*b->items));

	if (!items)
		return -ENOMEM;
	b->items = items;
	b->cap = cap;
	return 0;
}

struct nl_msg *batch_add(struct batch *b, const char *step, int type, int flags, const void *header,
			 size_t len)
{
	struct nl_msg *m = NULL;

	if (b->rc)
		return NULL;
	b->rc = fault_hit(step);
	if (!b->rc && b->n == b->cap)
		b->rc = batch_grow(b);
	if (!b->rc) {
		m = nlmsg_alloc_size(MESSAGE_SIZE);
		if (!m || !nlmsg_put(m, 0, 0, type, 0, NLM_F_REQUEST | flags) ||
		    nlmsg_append(m, (void *)header, len, NLMSG_ALIGNTO))
			b->rc = -ENOMEM;
	}
	if (b->rc) {
		b->step = step;
		nlmsg_free(m);
		return NULL;
	}
	b->items[b->n].msg = m;
	b->items[b->n].step = step;
	b->n++;
	return m;
}

void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		nlmsg_free(b->items[i].msg);
	free(b->items);
	*b = (struct batch){0};
}

/* The kernel's own words in an acknowledgement, or "". */
static const char *ack_text(struct nlmsghdr *h)
{
	struct nlmsgerr *ack = nlmsg_data(h);
	struct nlattr *text;

	/* With NETLINK_CAP_ACK the request is not quoted, and NLM_F_CAPPED says so. */
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || !(h->nlmsg_flags & NLM_F_CAPPED))
		return "";
	text = nla_find((struct nlattr *)(ack + 1), nlmsg_datalen(h) - (int)sizeof(*ack),
			NLMSGERR_ATTR_MSG);
	return text ? nla_get_string(text) : "";
}

/* What an acknowledgement says: 0 or the error, with e set. what: names the request. */
static int ack_result(struct nlmsghdr *h, const char *what, struct err *e)
{
	struct nlmsgerr *ack = nlmsg_data(h);
	const char *text;

	if (nlmsg_datalen(h) < (int)sizeof(*ack))
		return err_sys(e, -EPROTO, "%s", what);
	if (!ack->error)
		return 0;
	text = ack_text(h);
	return err_sys(e, ack->error, *text ? "%s (%s)" : "%s", what, text);
}

static int rtnl_send(struct rtnl *r, struct iovec *iov, size_t n, struct err *e)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr m = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = iov,
		.msg_iovlen = n,
	};

	return sendmsg(r->fd, &m, 0) < 0 ? err_sys(e, -errno, "send to rtnetlink") : 0;
}

/* One datagram: its length, or -errno. */
static ssize_t rtnl_recv(struct rtnl *r, void *buf, size_t size, struct err *e)
{
	ssize_t n;

	do
		n = recv(r->fd, buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, -errno, "receive from rtnetlink") : n;
}

/* Reads acknowledgements up to that of the last message. */
static int batch_wait(struct batch *b, struct rtnl *r, uint32_t first, struct err *e)
{
	char buf[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t last = first + b->n - 1;
	int rc = 0;

	for (;;) {
		ssize_t n = rtnl_recv(r, buf, sizeof(buf), e);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;
		int left = n;

		if (n < 0)
			return n;
		for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			/* Modulo 2^32; a stale answer has a number out of the range. */
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - first >= b->n)
				continue;
			if (!rc)
				rc = ack_result(h, b->items[h->nlmsg_seq - first].step, e);
			if (h->nlmsg_seq == last)
				return rc;
		}
	}
}

int batch_send(struct batch *b, struct rtnl *r, struct err *e)
{
	int rc = b->rc, failed = 0;

	if (b->n && b->rc != -ENOMEM) {
		cleanup_free struct iovec *iov = calloc(b->n, sizeof(*iov));
		uint32_t first = r->seq + 1;

		if (!iov)
			return err_sys(e, -ENOMEM, "rtnetlink");
		r->seq += b->n;
		for (size_t i = 0; i < b->n; i++) {
			struct nlmsghdr *h = nlmsg_hdr(b->items[i].msg);

			h->nlmsg_seq = first + i;
			if (i == b->n - 1)
				h->nlmsg_flags |= NLM_F_ACK;
			iov[i] = (struct iovec){h, h->nlmsg_len};
		}
		failed = rtnl_send(r, iov, b->n, e);
		if (!failed)
			failed = batch_wait(b, r, first, e);
	}
	if (!failed && rc)
		failed = err_sys(e, rc, "%s", b->step);
	batch_done(b);
	return failed;
}

int rtnl_request(struct rtnl *r, struct nl_msg *msg, int (*fn)(void *arg, struct nlmsghdr *h),
		 void *arg, struct err *e)
{
	char buf[REPLY_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = nlmsg_hdr(msg);
	struct iovec iov = {request, request->nlmsg_len};
	uint32_t seq = ++r->seq;
	int rc, failed = 0;

	request->nlmsg_seq = seq;
	request->nlmsg_flags |= NLM_F_REQUEST;
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	rc = rtnl_send(r, &iov, 1, e);
	nlmsg_free(msg);
	while (!rc) {
		ssize_t n = rtnl_recv(r, buf, sizeof(buf), e);
		struct nlmsghdr *h = (struct nlmsghdr *)buf;
		int left = n;

		if (n < 0)
			return n;
		for (; nlmsg_ok(h, left); h = nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != seq)
				continue;
			if (h->nlmsg_type == NLMSG_ERROR)
				return failed ? failed : ack_result(h, "rtnetlink request", e);
			if (h->nlmsg_type == NLMSG_DONE)
				return failed;
			if (!failed)
				failed = fn(arg, h);
		}
	}
	return rc;
}

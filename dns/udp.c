/* SPDX-License-Identifier: MIT
 * DNS over UDP: batches in, batches out, each reply from the address that was asked.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dns/serve.h"
#include "lib/cleanup.h"

#define BATCH	  64
#define ROUNDS	  4 /* of batches before others have their turn */
#define QUERY_MAX 4096

struct control {
	_Alignas(struct cmsghdr) char b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct slot {
	uint8_t query[QUERY_MAX], reply[DNS_UDP_MAX];
	struct dns_peer peer;
	struct control in, out;
	struct iovec iov_in, iov_out;
};

struct udp_batch {
	struct slot slots[BATCH];
	struct mmsghdr in[BATCH], out[BATCH];
	unsigned used; /* of `in`, by the last call */
};

int udp_batch_new(struct dns_server *d, struct err *e)
{
	d->udp = calloc(1, sizeof(*d->udp));
	if (d->udp)
		d->udp->used = BATCH;
	return d->udp ? 0 : err_sys(e, -ENOMEM, "UDP buffers");
}

/* A socket that is bound to one address sends from there; others have to be told (ip(7), ipv6(7)).
 */
static bool is_bound_to_one(const struct sockaddr *addr)
{
	const struct sockaddr_in6 *v6 = (const void *)addr;
	const struct sockaddr_in *v4 = (const void *)addr;

	if (addr->sa_family == AF_INET)
		return v4->sin_addr.s_addr != htonl(INADDR_ANY);
	return !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

/* The address of the listener may not be there yet (IP_FREEBIND). */
int udp_open(struct listener *l, const struct sockaddr *addr, socklen_t len, struct err *e)
{
	bool v6 = addr->sa_family == AF_INET6;
	int on = 1, level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, tell = !is_bound_to_one(addr);
	cleanup_close int fd =
		socket(addr->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(e, -errno, "UDP socket");
	if (setsockopt(fd, level, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof(on)) ||
	    setsockopt(fd, level, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &tell, sizeof(tell)) ||
	    (v6 && setsockopt(fd, level, IPV6_V6ONLY, &on, sizeof(on))))
		return err_sys(e, -errno, "UDP socket options");
	if (bind(fd, addr, len))
		return err_sys(e, -errno, "bind UDP");
	l->udp_tell = tell;
	l->udp_fd = TAKE_FD(fd);
	return 0;
}

static void read_local(struct msghdr *m, struct dns_peer *p)
{
	memset(&p->local, 0, sizeof(p->local));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&p->local.v4, CMSG_DATA(c), sizeof(p->local.v4));
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(&p->local.v6, CMSG_DATA(c), sizeof(p->local.v6));
	}
}

/* Source address of a reply; the interface is left to the routes but for link-local addresses. */
static void write_local(struct msghdr *m, const struct dns_peer *p, struct control *buf)
{
	struct cmsghdr *c = (struct cmsghdr *)buf->b;

	memset(buf, 0, sizeof(*buf));
	m->msg_control = buf;
	if (p->addr.ss_family == AF_INET) {
		struct in_pktinfo v4 = {.ipi_spec_dst = p->local.v4.ipi_addr};

		m->msg_controllen = CMSG_SPACE(sizeof(v4));
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v4));
		memcpy(CMSG_DATA(c), &v4, sizeof(v4));
	} else {
		struct in6_pktinfo v6 = p->local.v6;

		if (!IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
			v6.ipi6_ifindex = 0;
		m->msg_controllen = CMSG_SPACE(sizeof(v6));
		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(v6));
		memcpy(CMSG_DATA(c), &v6, sizeof(v6));
	}
}

static void message_out(struct msghdr *m, const struct dns_peer *p, struct iovec *iov,
			struct control *buf)
{
	*m = (struct msghdr){.msg_name = (void *)&p->addr,
			     .msg_namelen = p->addr_len,
			     .msg_iov = iov,
			     .msg_iovlen = 1};
	if (p->listener->udp_tell)
		write_local(m, p, buf);
}

/* A reply that cannot be sent is lost, as any datagram may be: the client asks again. */
void udp_send(const struct dns_peer *peer, const uint8_t *reply, size_t len)
{
	struct iovec iov = {(void *)reply, len};
	struct control buf;
	struct msghdr m;

	message_out(&m, peer, &iov, &buf);
	sendmsg(peer->listener->udp_fd, &m, MSG_DONTWAIT);
}

static int receive(struct listener *l, struct udp_batch *b)
{
	int n;

	/* What the last call used is set anew: headers are the kernel's once they are filled. */
	for (unsigned i = 0; i < b->used; i++) {
		struct slot *s = &b->slots[i];

		s->iov_in = (struct iovec){s->query, sizeof(s->query)};
		b->in[i].msg_hdr = (struct msghdr){.msg_name = &s->peer.addr,
						   .msg_namelen = sizeof(s->peer.addr),
						   .msg_iov = &s->iov_in,
						   .msg_iovlen = 1,
						   .msg_control = &s->in,
						   .msg_controllen = sizeof(s->in)};
	}
	n = recvmmsg(l->udp_fd, b->in, BATCH, MSG_DONTWAIT, NULL);
	b->used = n > 0 ? (unsigned)n : 0;
	return n;
}

static void send_all(int fd, struct mmsghdr *out, unsigned n)
{
	while (n) {
		int sent = sendmmsg(fd, out, n, MSG_DONTWAIT);

		if (sent <= 0)
			sent = 1; /* the first one failed: skip it */
		out += sent;
		n -= (unsigned)sent;
	}
}

static unsigned serve_batch(struct listener *l, struct udp_batch *b, int n)
{
	unsigned replies = 0;

	for (int i = 0; i < n; i++) {
		struct slot *s = &b->slots[i];
		struct msghdr *m = &b->in[i].msg_hdr;

		if (m->msg_flags & MSG_TRUNC)
			b->in[i].msg_len = 0; /* no query is that long: counted as malformed */
		s->peer.listener = l;
		s->peer.addr_len = m->msg_namelen;
		if (l->udp_tell)
			read_local(m, &s->peer);
		s->iov_out = (struct iovec){s->reply, 0};
		s->iov_out.iov_len = serve_query(l->server, &s->peer, s->query, b->in[i].msg_len,
						 s->reply, sizeof(s->reply));
		if (s->iov_out.iov_len)
			message_out(&b->out[replies++].msg_hdr, &s->peer, &s->iov_out, &s->out);
	}
	return replies;
}

static void on_readable(void *arg, int fd, uint32_t events)
{
	struct listener *l = arg;
	struct udp_batch *b = l->server->udp;
	int n = BATCH;

	for (int round = 0; round < ROUNDS && n == BATCH; round++) {
		n = receive(l, b);
		send_all(fd, b->out, serve_batch(l, b, n));
	}
	serve_flush_logs(l->server);
}

int udp_watch(struct listener *l, struct err *e)
{
	return event_add_io(l->server->loop, l->udp_fd, EPOLLIN, on_readable, l, NULL, e);
}

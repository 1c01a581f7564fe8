/* SPDX-License-Identifier: MIT
 * bench_load: the two ends of the benchmarks' traffic. Prints one number, the figure.
 *
 *   serve PORT                      TCP (echoes bytes; '#': how many datagrams came) and UDP
 * (counts) packets ADDRESS PORT SECONDS    datagrams of 64 octets that arrived, a second
 *   connections ADDRESS PORT SECONDS connect, request, answer, close (by RST: no TIME_WAIT); a
 * second latency ADDRESS PORT SECONDS    one octet there and back over one connection: median, in
 * us reach ADDRESS PORT SECONDS      1 if a connection opens within that time, else 0
 *
 * TCP sockets use cubic: the system's default may be BBR, which hides differences.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	64
#define SAMPLES 1000000

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void set(int fd, int level, int option, int value)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		err(1, "setsockopt");
}

static int tcp_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5))
		err(1, "cubic");
	return fd;
}

/* ---- the server ---- */

static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = type == SOCK_STREAM ? tcp_socket(AF_INET6) : socket(AF_INET6, type, 0);

	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		err(1, "bind");
	if (type == SOCK_STREAM && listen(fd, 1024))
		err(1, "listen");
	return fd;
}

static void watch(int ep, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		err(1, "epoll_ctl");
}

static void count_datagrams(int fd, uint64_t *count)
{
	char octets[BATCH][128];
	struct sockaddr_in6 from[BATCH];
	struct mmsghdr m[BATCH] = {0};
	struct iovec v[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){octets[i], sizeof(octets[i])};
		m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
					       .msg_namelen = sizeof(from[i]),
					       .msg_iov = &v[i],
					       .msg_iovlen = 1};
	}
	do {
		n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
		*count += n > 0 ? (uint64_t)n : 0;
		for (int i = 0; i < n; i++)
			if (m[i].msg_len == 1)
				sendto(fd, octets[i], 1, 0, (struct sockaddr *)&from[i],
				       sizeof(from[i]));
	} while (n == BATCH);
}

static void answer(int fd, uint64_t count)
{
	char octet;
	ssize_t n = recv(fd, &octet, 1, 0);

	if (n <= 0 || (octet == '#' ? send(fd, &count, sizeof(count), MSG_NOSIGNAL)
				    : send(fd, &octet, 1, MSG_NOSIGNAL)) < 0)
		close(fd);
}

static void serve(uint16_t port)
{
	int tcp = listen_on(SOCK_STREAM, port), udp = listen_on(SOCK_DGRAM, port);
	int ep = epoll_create1(0);
	uint64_t count = 0;

	set(udp, SOL_SOCKET, SO_RCVBUF, 8 << 20);
	watch(ep, tcp);
	watch(ep, udp);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct epoll_event ev[64];
		int n = epoll_wait(ep, ev, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == udp) {
				count_datagrams(udp, &count);
			} else if (ev[i].data.fd == tcp) {
				int fd = accept4(tcp, NULL, NULL, SOCK_CLOEXEC);

				if (fd >= 0)
					watch(ep, fd);
			} else {
				answer(ev[i].data.fd, count);
			}
		}
	}
}

/* ---- the client ---- */

struct peer {
	struct sockaddr_storage address;
	socklen_t len;
	int family;
};

static struct peer peer_of(const char *address, const char *port)
{
	struct peer p = {0};
	struct sockaddr_in *v4 = (void *)&p.address;
	struct sockaddr_in6 *v6 = (void *)&p.address;

	p.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	p.len = p.family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	p.address.ss_family = (sa_family_t)p.family;
	v4->sin_port = htons((uint16_t)atoi(port)); /* at the same place in both */
	if (inet_pton(p.family, address,
		      p.family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr) != 1)
		errx(2, "%s: not an address", address);
	return p;
}

static int open_connection(const struct peer *p)
{
	int fd = tcp_socket(p->family);

	if (connect(fd, (const struct sockaddr *)&p->address, p->len))
		err(1, "connect");
	return fd;
}

static void ask(int fd, char octet, void *reply, size_t len)
{
	if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1 ||
	    recv(fd, reply, len, MSG_WAITALL) != (ssize_t)len)
		err(1, "request");
}

static uint64_t datagrams_arrived(int fd)
{
	uint64_t n;

	ask(fd, '#', &n, sizeof(n));
	return n;
}

/* One datagram and its answer: from then on every firewall knows the flow as established. */
static void greet(int udp)
{
	struct pollfd pfd = {.fd = udp, .events = POLLIN};
	char octet = '?';

	for (int tries = 0; tries < 50; tries++)
		if (send(udp, &octet, 1, 0) == 1 && poll(&pfd, 1, 100) == 1 &&
		    recv(udp, &octet, 1, 0) == 1)
			return;
	errx(1, "no answer over UDP");
}

static double packets(const struct peer *p, uint64_t ns)
{
	static char octets[64];
	struct iovec v = {octets, sizeof(octets)};
	struct mmsghdr m[BATCH] = {0};
	int tcp = open_connection(p), udp = socket(p->family, SOCK_DGRAM, 0);
	uint64_t first, start, end;

	for (int i = 0; i < BATCH; i++)
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1};
	if (connect(udp, (const struct sockaddr *)&p->address, p->len))
		err(1, "connect");
	greet(udp);
	first = datagrams_arrived(tcp);
	start = now_ns();
	do {
		if (sendmmsg(udp, m, BATCH, 0) < 0 && errno != ENOBUFS)
			err(1, "sendmmsg");
		end = now_ns();
	} while (end - start < ns);
	/* What is still in the receiver's buffer when it answers is not counted: one batch at most.
	 */
	return (double)(datagrams_arrived(tcp) - first) * 1e9 / (double)(end - start);
}

static double connections(const struct peer *p, uint64_t ns)
{
	const struct linger reset = {1, 0};
	uint64_t start = now_ns(), end, n = 0;

	do {
		int fd = open_connection(p);
		char octet;

		ask(fd, 'x', &octet, 1);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		n++;
		end = now_ns();
	} while (end - start < ns);
	return (double)n * 1e9 / (double)(end - start);
}

static int ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double latency(const struct peer *p, uint64_t ns)
{
	static uint32_t samples[SAMPLES];
	int fd = open_connection(p);
	uint64_t start = now_ns(), before = start, after;
	size_t n = 0;

	do {
		char octet;

		ask(fd, 'x', &octet, 1);
		after = now_ns();
		samples[n++] = (uint32_t)(after - before);
		before = after;
	} while (after - start < ns && n < SAMPLES);
	qsort(samples, n, sizeof(samples[0]), ascending);
	return samples[n / 2] / 1000.0;
}

static double reach(const struct peer *p, uint64_t ns)
{
	int fd = socket(p->family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t len = sizeof(error);

	if (!connect(fd, (const struct sockaddr *)&p->address, p->len))
		return 1;
	if (errno != EINPROGRESS || poll(&pfd, 1, (int)(ns / 1000000)) != 1)
		return 0;
	return !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		double (*run)(const struct peer *p, uint64_t ns);
	} modes[] = {{"packets", packets},
		     {"connections", connections},
		     {"latency", latency},
		     {"reach", reach}};

	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve((uint16_t)atoi(argv[2]));
	for (size_t i = 0; argc == 5 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!strcmp(argv[1], modes[i].name)) {
			struct peer p = peer_of(argv[2], argv[3]);

			printf("%.3f\n", modes[i].run(&p, (uint64_t)(atof(argv[4]) * 1e9)));
			return 0;
		}
	}
	errx(2, "see the head of load.c");
}

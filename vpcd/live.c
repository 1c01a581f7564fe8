/* SPDX-License-Identifier: MIT
 * See live.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vpcd/live.h"

#define WAVE 256 /* attempts at once: a descriptor each */

enum { ECHO_REPLY = 0, ECHO = 8, ECHO6 = 128, ECHO6_REPLY = 129 };

struct address {
	struct sockaddr_storage storage;
	socklen_t len;
};

static struct address address_of(const struct live_probe *p)
{
	struct address a = {.len = sizeof(struct sockaddr_in)};
	struct sockaddr_in *in = (struct sockaddr_in *)&a.storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a.storage;

	if (p->to.family == AF_INET6) {
		a.len = sizeof(*in6);
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(p->port);
		memcpy(&in6->sin6_addr, p->to.b, 16);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = htons(p->port);
		memcpy(&in->sin_addr, p->to.b + 12, 4);
	}
	return a;
}

static bool is_echo(const struct live_probe *p)
{
	return p->protocol == IPPROTO_ICMP ? p->type == ECHO
					   : p->protocol == IPPROTO_ICMPV6 && p->type == ECHO6;
}

bool live_is_conclusive(const struct live_probe *p)
{
	return p->protocol == IPPROTO_TCP || is_echo(p);
}

static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_echo(int fd, const struct live_probe *p, uint16_t id)
{
	uint8_t m[8] = {p->type, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0, 1};
	uint16_t sum;

	if (p->protocol == IPPROTO_ICMP) { /* of ICMPv6 the kernel makes it */
		sum = checksum(m, sizeof(m));
		m[2] = (uint8_t)(sum >> 8);
		m[3] = (uint8_t)sum;
	}
	(void)!send(fd, m, sizeof(m), 0);
}

/* Sends the first packet; -1: it cannot even be sent. */
static int begin(const struct live_probe *p, uint16_t id)
{
	int type = p->protocol == IPPROTO_TCP	? SOCK_STREAM
		   : p->protocol == IPPROTO_UDP ? SOCK_DGRAM
						: SOCK_RAW;
	struct address a = address_of(p);
	int fd;

	if (setns(p->netns_fd, CLONE_NEWNET))
		return -1;
	if (type == SOCK_RAW && p->to.family == AF_INET6)
		((struct sockaddr_in6 *)&a.storage)->sin6_port = 0;
	fd = socket(p->to.family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, p->protocol);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a.storage, a.len) && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	if (type == SOCK_DGRAM)
		(void)!send(fd, "?", 1, 0);
	else if (type == SOCK_RAW)
		send_echo(fd, p, id);
	return fd;
}

static bool is_my_reply(const struct live_probe *p, const uint8_t *m, ssize_t n, uint16_t id)
{
	size_t skip = p->protocol == IPPROTO_ICMP && n > 0 ? (m[0] & 15u) * 4 : 0;
	const uint8_t *icmp = m + skip;

	if (n < (ssize_t)(skip + 8))
		return false;
	return icmp[0] == (p->protocol == IPPROTO_ICMP ? ECHO_REPLY : ECHO6_REPLY) &&
	       (icmp[4] << 8 | icmp[5]) == id;
}

/* Something happened at the socket: is it over, and how? */
static bool settle(struct live_probe *p, int fd, uint16_t id)
{
	socklen_t len = sizeof(int);
	uint8_t m[2048];
	int error = 0;
	ssize_t n;

	if (p->protocol == IPPROTO_TCP) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		p->result = !error || error == ECONNREFUSED ? LIVE_ANSWERED : LIVE_SILENT;
		return true;
	}
	n = recv(fd, m, sizeof(m), 0);
	if (p->protocol == IPPROTO_UDP) {
		p->result = n >= 0 || errno == ECONNREFUSED ? LIVE_ANSWERED : LIVE_SILENT;
		return n >= 0 || errno != EAGAIN;
	}
	if (!is_my_reply(p, m, n, id))
		return false;
	p->result = LIVE_ANSWERED;
	return true;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void wave(struct live_probe *p, size_t n, uint16_t first_id, int wait_ms)
{
	struct pollfd fds[WAVE];
	long long end = now_ms() + wait_ms, left;
	size_t open = 0;

	for (size_t i = 0; i < n; i++) {
		bool tried = live_is_conclusive(&p[i]) || p[i].protocol == IPPROTO_UDP;

		p[i].result = tried ? LIVE_SILENT : LIVE_UNTRIED;
		fds[i] = (struct pollfd){.fd = tried ? begin(&p[i], (uint16_t)(first_id + i)) : -1,
					 .events = p[i].protocol == IPPROTO_TCP ? POLLOUT : POLLIN};
		open += fds[i].fd >= 0;
	}
	while (open && (left = end - now_ms()) > 0 && poll(fds, n, (int)left) > 0)
		for (size_t i = 0; i < n; i++)
			if (fds[i].fd >= 0 && fds[i].revents &&
			    settle(&p[i], fds[i].fd, (uint16_t)(first_id + i))) {
				close(fds[i].fd);
				fds[i].fd = -1;
				open--;
			}
	for (size_t i = 0; i < n; i++)
		if (fds[i].fd >= 0)
			close(fds[i].fd);
}

void live_try(struct live_probe *probes, size_t n, int wait_ms)
{
	for (size_t i = 0; i < n; i += WAVE)
		wave(probes + i, n - i < WAVE ? n - i : WAVE, (uint16_t)(i + 1), wait_ms);
}

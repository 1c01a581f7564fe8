/* SPDX-License-Identifier: MIT
 * bench_dns: asks a DNS server over UDP as fast as it answers, from one socket, with less work of
 * its own than dnsperf: queries are built beforehand, sent and received in batches. Every answer is
 * checked: its id and question are those of a query under way, its code is the one expected.
 *
 *   bench_dns ADDRESS FILE RCODE SECONDS WINDOW
 *
 * FILE has a "NAME TYPE" a line, as dnsperf's have, and is asked round and round; WINDOW queries
 * are under way at a time. Prints queries a second, the median and the 99th percentile of the time
 * that an answer took in us, how many were answered, how many were lost, and the CPU time that it
 * took itself in us.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	64
#define HEADER	12
#define LONGEST 272
#define BUCKETS (1 << 16) /* of a microsecond each */

struct query {
	uint16_t len;
	uint8_t b[LONGEST];
};

/* A place among the queries under way. Its number, and how often it was used, are the query's id:
 * an answer that comes too late is nobody's. */
struct slot {
	const struct query *q; /* NULL: free */
	unsigned uses;
	uint64_t sent_ns;
};

struct load {
	int fd;
	struct query *queries;
	size_t n, next;
	unsigned rcode, window;
	struct slot slots[BATCH];
	unsigned under_way;
	uint64_t answered, lost, took[BUCKETS];
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ---- queries ---- */

static void query_build(struct query *q, const char *name, const char *type)
{
	uint8_t *p = q->b + HEADER;

	memset(q->b, 0, HEADER);
	q->b[2] = 1; /* RD */
	q->b[5] = 1; /* one question */
	for (size_t n; *name; name += n + (name[n] == '.')) {
		n = strcspn(name, ".");
		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
	}
	*p++ = 0;
	memcpy(p, "\0\0\0\1", 4);
	p[1] = !strcmp(type, "AAAA") ? 28 : 1;
	q->len = (uint16_t)(p + 4 - q->b);
}

static void queries_read(struct load *l, const char *file)
{
	FILE *f = fopen(file, "r");
	char name[256], type[8];

	if (!f)
		err(1, "%s", file);
	while (fscanf(f, "%255s %7s", name, type) == 2) {
		l->queries = reallocarray(l->queries, l->n + 1, sizeof(*l->queries));
		if (!l->queries)
			err(1, "queries");
		query_build(&l->queries[l->n++], name, type);
	}
	fclose(f);
	if (!l->n)
		errx(1, "%s: no queries", file);
}

/* ---- there and back ---- */

static void fill(struct load *l)
{
	struct mmsghdr m[BATCH] = {0};
	struct iovec v[BATCH][2];
	uint16_t ids[BATCH];
	uint64_t now = now_ns();
	unsigned n = 0;

	for (unsigned i = 0; i < l->window; i++) {
		struct slot *s = &l->slots[i];

		if (s->q)
			continue;
		s->q = &l->queries[l->next];
		l->next = l->next + 1 == l->n ? 0 : l->next + 1;
		s->sent_ns = now;
		ids[n] = htons((uint16_t)(++s->uses * BATCH | i));
		v[n][0] = (struct iovec){&ids[n], 2};
		v[n][1] = (struct iovec){(void *)(s->q->b + 2), s->q->len - 2u};
		m[n].msg_hdr = (struct msghdr){.msg_iov = v[n], .msg_iovlen = 2};
		n++;
	}
	l->under_way += n;
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(l->fd, m + done, n - done, 0);

		if (sent < 0)
			err(1, "sendmmsg");
		done += (unsigned)sent;
	}
}

static void take(struct load *l, const uint8_t *b, size_t len, uint64_t now)
{
	uint16_t id = (uint16_t)(b[0] << 8 | b[1]);
	struct slot *s = &l->slots[id % BATCH];
	uint64_t us;

	if (len < HEADER || !s->q || id != (uint16_t)(s->uses * BATCH | id % BATCH))
		return; /* of a query that was given up */
	if (len < s->q->len || memcmp(b + HEADER, s->q->b + HEADER, s->q->len - HEADER))
		errx(1, "an answer to another question");
	if ((b[3] & 15u) != l->rcode || (!l->rcode && !b[7]))
		errx(1, "code %u with %u answers", b[3] & 15u, b[7]);
	us = (now - s->sent_ns) / 1000;
	l->took[us < BUCKETS ? us : BUCKETS - 1]++;
	l->answered++;
	l->under_way--;
	s->q = NULL;
}

static bool drain(struct load *l)
{
	static uint8_t octets[BATCH][4096];
	struct mmsghdr m[BATCH] = {0};
	struct iovec v[BATCH];
	uint64_t now;
	int n;

	for (int i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){octets[i], sizeof(octets[i])};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
	}
	n = recvmmsg(l->fd, m, l->window, MSG_DONTWAIT, NULL);
	now = now_ns();
	for (int i = 0; i < n; i++)
		take(l, octets[i], m[i].msg_len, now);
	return n > 0;
}

static void give_up(struct load *l)
{
	for (unsigned i = 0; i < l->window; i++)
		l->slots[i].q = NULL;
	l->lost += l->under_way;
	l->under_way = 0;
}

static void run(struct load *l, uint64_t end_ns)
{
	struct pollfd pfd = {.fd = l->fd, .events = POLLIN};

	while (now_ns() < end_ns) {
		fill(l);
		if (!drain(l) && (poll(&pfd, 1, 500) < 1 || !drain(l)))
			give_up(l);
	}
}

static unsigned quantile(const struct load *l, double q)
{
	uint64_t left = (uint64_t)(q * (double)l->answered);
	unsigned us = 0;

	while (us < BUCKETS - 1 && l->took[us] <= left)
		left -= l->took[us++];
	return us;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
	static struct load l;
	uint64_t start, cpu;
	double took;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
		errx(2, "see the head of dns_load.c");
	queries_read(&l, argv[2]);
	l.rcode = (unsigned)atoi(argv[3]);
	l.window = (unsigned)atoi(argv[5]);
	if (!l.window || l.window > BATCH)
		errx(2, "1 to %d queries under way", BATCH);
	l.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l.fd < 0 || connect(l.fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "socket");
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	start = now_ns();
	run(&l, start + (uint64_t)(atof(argv[4]) * 1e9));
	took = (double)(now_ns() - start) / 1e9;
	printf("%.0f %u %u %llu %llu %llu\n", (double)l.answered / took, quantile(&l, 0.5),
	       quantile(&l, 0.99), (unsigned long long)l.answered, (unsigned long long)l.lost,
	       (unsigned long long)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1000);
	return 0;
}

/* SPDX-License-Identifier: MIT
 * See capture.h.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "lib/cleanup.h"
#include "vpcd/capture.h"
#include "vpcd/capture_filter.h"

#define RING_BYTES  (8 << 20)  /* the kernel's, of each capture */
#define WRITE_BYTES (64 << 10) /* packets gathered before they are written */

struct capture {
	struct capture_config cfg;
	char *ifname, *description, *filter; /* owned copies of cfg's */
	pcap_t *pcap;
	uint16_t linktype;
	int pipe; /* our end */
	uint64_t seen;
	unsigned dropped;
	struct buf out;
	bool done;
};

/* The starter's, who waits to be told how it went. */
struct start {
	struct capture *capture;
	sem_t told;
	int rc;
	struct err err;
};

/* ---- opening, in the capture's thread ---- */

static int pcap_fail(const struct capture *c, const char *step, int code, struct err *e)
{
	const char *more = pcap_geterr(c->pcap);

	return err_set(e, -EIO, "InternalError", "", "%s: %s", step,
		       more && *more ? more : pcap_statustostr(code));
}

static int set_filter(struct capture *c, struct err *e)
{
	struct bpf_program program;
	int rc;

	if (!c->filter || !*c->filter)
		return 0;
	if (pcap_compile(c->pcap, &program, c->filter, 1, PCAP_NETMASK_UNKNOWN))
		return pcap_fail(c, "compile the filter", PCAP_ERROR, e);
	rc = pcap_setfilter(c->pcap, &program);
	pcap_freecode(&program);
	return rc ? pcap_fail(c, "set the filter", rc, e) : 0;
}

static int capture_open(struct capture *c, struct err *e)
{
	char msg[PCAP_ERRBUF_SIZE] = "";
	int rc;

	if (setns(c->cfg.netns_fd, CLONE_NEWNET))
		return err_sys(e, -errno, "enter network namespace");
	c->pcap = pcap_create(c->ifname ? c->ifname : "any", msg);
	if (!c->pcap)
		return err_set(e, -EIO, "InternalError", "", "capture: %s", msg);
	pcap_set_snaplen(c->pcap, (int)c->cfg.snaplen);
	pcap_set_buffer_size(c->pcap, RING_BYTES);
	pcap_set_immediate_mode(c->pcap, 1);
	pcap_set_tstamp_precision(c->pcap, PCAP_TSTAMP_PRECISION_NANO);
	rc = pcap_activate(c->pcap);
	if (rc < 0)
		return pcap_fail(c, "capture", rc, e);
	if (!c->ifname && pcap_set_datalink(c->pcap, DLT_LINUX_SLL2))
		return pcap_fail(c, "capture on any interface", PCAP_ERROR, e);
	if (pcap_setnonblock(c->pcap, 1, msg))
		return err_set(e, -EIO, "InternalError", "", "capture: %s", msg);
	c->linktype = (uint16_t)pcap_datalink(c->pcap);
	return set_filter(c, e);
}

/* ---- packets ---- */

static void put_prologue(struct capture *c)
{
	const struct capture_interface i = {.linktype = c->linktype,
					    .snaplen = c->cfg.snaplen,
					    .name = c->ifname ? c->ifname : "any",
					    .description = c->description,
					    .filter = c->filter};

	capture_put_begin(&c->out, c->cfg.format, &i);
	capture_put_interface(&c->out, c->cfg.format, &i);
}

static enum packet_direction direction_of(const struct capture *c, const u_char *data, size_t len)
{
	/* SLL2: byte 10 is the packet's type, 4 is what the host itself sent. */
	if (c->linktype == DLT_LINUX_SLL2)
		return len > 10 && data[10] == 4 ? PACKET_OUTBOUND : PACKET_INBOUND;
	if (c->linktype != DLT_EN10MB || len < 12)
		return PACKET_UNKNOWN;
	return memcmp(data + 6, c->cfg.mac.b, 6) ? PACKET_INBOUND : PACKET_OUTBOUND;
}

/* A reader that is gone ends the capture. */
static void flush_out(struct capture *c)
{
	const char *p = c->out.p;
	size_t left = c->out.len;

	while (left && !c->done) {
		ssize_t n = write(c->pipe, p, left);

		if (n < 0 && errno != EINTR)
			c->done = true;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	c->done = c->done || c->out.rc;
	c->out.len = 0;
}

static void on_packet(u_char *arg, const struct pcap_pkthdr *h, const u_char *data)
{
	struct capture *c = (struct capture *)arg;
	struct captured p = {
		/* the precision is nanoseconds, whatever the member's name */
		.time_ns = (uint64_t)h->ts.tv_sec * 1000000000u + (uint64_t)h->ts.tv_usec,
		.data = data,
		.len_captured = h->caplen,
		.len_original = h->len,
		.direction = direction_of(c, data, h->caplen),
	};

	if (c->done)
		return;
	capture_put_packet(&c->out, c->cfg.format, c->linktype, &p);
	c->seen++;
	if (c->cfg.count && c->seen >= c->cfg.count) {
		flush_out(c);
		c->done = true;
		pcap_breakloop(c->pcap);
	} else if (c->out.len >= WRITE_BYTES) {
		flush_out(c);
	}
}

/* Says what the kernel had to drop, whenever that has grown; Wireshark shows the last word. */
static void put_losses(struct capture *c)
{
	struct pcap_stat st;

	if (pcap_stats(c->pcap, &st) || st.ps_drop == c->dropped)
		return;
	c->dropped = st.ps_drop;
	capture_put_losses(&c->out, c->cfg.format, st.ps_recv, st.ps_drop);
}

static void capture_loop(struct capture *c)
{
	struct pollfd fds[2] = {{.fd = pcap_get_selectable_fd(c->pcap), .events = POLLIN},
				{.fd = c->pipe}};

	put_prologue(c);
	flush_out(c);
	while (!c->done) {
		int n = pcap_dispatch(c->pcap, -1, on_packet, (u_char *)c);

		put_losses(c);
		flush_out(c);
		if (n == PCAP_ERROR) /* the interface is gone */
			break;
		if (n == 0 && !c->done && poll(fds, 2, -1) > 0 && fds[1].revents)
			break;
	}
}

/* ---- the thread ---- */

static void capture_free(struct capture *c)
{
	if (c->pcap)
		pcap_close(c->pcap);
	cleanup_closep(&c->pipe);
	cleanup_closep(&c->cfg.netns_fd);
	free(c->ifname);
	free(c->description);
	free(c->filter);
	buf_done(&c->out);
	free(c);
}

static void *capture_thread(void *arg)
{
	struct start *start = arg;
	struct capture *c = start->capture;
	int rc = start->rc = capture_open(c, &start->err);

	sem_post(&start->told); /* and with it, start is gone */
	if (!rc)
		capture_loop(c);
	capture_free(c);
	return NULL;
}

static struct capture *capture_new(const struct capture_config *cfg)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->cfg = *cfg;
	if (!c->cfg.snaplen)
		c->cfg.snaplen = CAPTURE_SNAPLEN;
	c->pipe = -1;
	c->cfg.netns_fd = fcntl(cfg->netns_fd, F_DUPFD_CLOEXEC, 0);
	c->ifname = cfg->ifname ? strdup(cfg->ifname) : NULL;
	c->description = cfg->description ? strdup(cfg->description) : NULL;
	c->filter = cfg->filter ? strdup(cfg->filter) : NULL;
	return c;
}

/* Hands c over to its thread. */
static int thread_start(struct capture *c, struct err *e)
{
	struct start start = {.capture = c};
	sigset_t all, old;
	pthread_t thread;
	int rc;

	sem_init(&start.told, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, capture_thread, &start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc) {
		capture_free(c);
		return err_sys(e, -rc, "capture");
	}
	pthread_setname_np(thread, "capture");
	pthread_detach(thread);
	while (sem_wait(&start.told))
		;
	sem_destroy(&start.told);
	if (start.rc && e)
		*e = start.err;
	return start.rc;
}

int capture_start(const struct capture_config *cfg, int *ret_fd, struct err *e)
{
	struct capture_filter *checked;
	cleanup_close int reader = -1;
	struct capture *c;
	int fds[2], rc;

	rc = capture_filter_new(cfg->filter, cfg->ifname ? LINKTYPE_ETHERNET : LINKTYPE_LINUX_SLL2,
				&checked, e);
	capture_filter_free(checked);
	if (rc)
		return rc;
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(e, -errno, "capture");
	reader = fds[0];
	fcntl(reader, F_SETFL, O_NONBLOCK);
	fcntl(reader, F_SETPIPE_SZ, CAPTURE_PIPE_BYTES); /* a smaller one will do */
	c = capture_new(cfg);
	if (!c) {
		close(fds[1]);
		return err_sys(e, -ENOMEM, "capture");
	}
	c->pipe = fds[1];
	rc = thread_start(c, e);
	if (!rc)
		*ret_fd = TAKE_FD(reader);
	return rc;
}

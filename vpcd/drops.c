/* SPDX-License-Identifier: MIT
 * See drops.h.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "lib/cleanup.h"
#include "vpcd/capture.h"
#include "vpcd/drop_text.h"
#include "vpcd/drops.h"
#include "vpcd/capture_filter.h"
#include "vpcd/trace_text.h"

#define PORTION	    256	      /* packets that are read in one turn of the loop */
#define BACKLOG_MAX (1 << 20) /* bytes that a capture keeps for a slow reader, beside its pipe */
#define CHECK_NS    1000000000u

struct drop_capture {
	struct drops *drops;
	char attachment[SYMBOL_LEN]; /* "": everybody's */
	char *filter_text, *ifname, *description;
	struct capture_filter *filter;
	enum capture_format format;
	uint64_t count;
	uint32_t snaplen;
	int pipe; /* our end */
	struct event_source *io;
	struct buf out;
	uint32_t *interfaces; /* interface indexes, in the order of the file's interfaces */
	size_t n_interfaces;
	uint64_t seen;
	uint64_t ring_lost; /* of all captures, when this one began */
	uint64_t own_lost, said_lost;
	bool ended; /* but what is in `out` may still be written */
	struct drop_capture *prev, *next;
};

struct drops {
	struct drops_config cfg;
	struct drop_capture *captures;
	struct event_source *ring, *check;
	struct trace_env env;	/* of the portion that is being read */
	uint64_t unix_minus_ns; /* Unix time less CLOCK_MONOTONIC */
};

static void capture_free(struct drop_capture *c)
{
	event_source_free(c->io);
	cleanup_closep(&c->pipe);
	capture_filter_free(c->filter);
	free(c->filter_text);
	free(c->ifname);
	free(c->description);
	free(c->interfaces);
	buf_done(&c->out);
	free(c);
}

/* ---- who listens ---- */

static void on_ring(void *arg, int fd, uint32_t events);
static void on_check(void *arg);

/* Listens as long as there are captures, to as much as the greediest wants. */
static int listen_update(struct drops *d, struct err *e)
{
	uint32_t snaplen = 0;
	struct drop_capture *c;
	int rc;

	DL_FOREACH(d->captures, c)
	snaplen = c->snaplen > snaplen ? c->snaplen : snaplen;
	rc = dataplane_drops_watch(d->cfg.dp, snaplen, e);
	if (!rc && snaplen && !d->ring)
		rc = event_add_io(d->cfg.loop, dataplane_drops_fd(d->cfg.dp), EPOLLIN, on_ring, d,
				  &d->ring, e);
	if (!rc && snaplen && !d->check)
		rc = event_add_timer(d->cfg.loop, CHECK_NS, CHECK_NS, on_check, d, &d->check, e);
	if (snaplen && !rc)
		return 0;
	event_source_free(d->ring);
	event_source_free(d->check);
	d->ring = d->check = NULL;
	return rc;
}

static void capture_end(struct drop_capture *c)
{
	struct drops *d = c->drops;
	struct err ignored;

	DL_DELETE(d->captures, c);
	capture_free(c);
	listen_update(d, &ignored);
}

/* ---- writing ---- */

/* False: the capture is over and gone. */
static bool capture_flush(struct drop_capture *c)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < c->out.len && (n = write(c->pipe, c->out.p + done, c->out.len - done)) > 0)
		done += (size_t)n;
	memmove(c->out.p, c->out.p + done, c->out.len - done);
	c->out.len -= done;
	if ((n < 0 && errno != EAGAIN && errno != EINTR) || c->out.rc ||
	    (c->ended && !c->out.len)) {
		capture_end(c);
		return false;
	}
	return true;
}

/* There is room in the pipe again, or its reader is gone. */
static void on_pipe(void *arg, int fd, uint32_t events)
{
	struct drop_capture *c = arg;

	if (events & EPOLLERR)
		capture_end(c);
	else
		capture_flush(c);
}

static void put_losses(struct drop_capture *c)
{
	uint64_t lost = dataplane_drops_lost(c->drops->cfg.dp) - c->ring_lost + c->own_lost;

	if (lost == c->said_lost || c->out.len >= BACKLOG_MAX || !c->n_interfaces)
		return;
	c->said_lost = lost;
	capture_put_losses(&c->out, c->format, c->seen + lost, lost);
}

/* ---- packets ---- */

static struct capture_interface interface_of(const struct drop_capture *c)
{
	return (struct capture_interface){.linktype = LINKTYPE_ETHERNET,
					  .snaplen = c->snaplen,
					  .name = c->ifname,
					  .description = c->description,
					  .filter = c->filter_text};
}

/* The number of an interface in the file, which hears of it here first; -1: out of memory. */
static int interface_number(struct drop_capture *c, uint32_t ifindex)
{
	struct capture_interface i = interface_of(c);
	const struct object *holder;
	uint32_t *more;

	for (size_t n = 0; n < c->n_interfaces; n++)
		if (c->interfaces[n] == ifindex)
			return (int)n;
	more = reallocarray(c->interfaces, c->n_interfaces + 1, sizeof(*more));
	if (!more)
		return -1;
	c->interfaces = more;
	c->interfaces[c->n_interfaces] = ifindex;
	if (!c->attachment[0]) {
		const struct trace_env *env = &c->drops->env;

		i.name = names_symbol(env->names, NAME_INTERFACE, ifindex);
		holder = i.name ? trace_holder(env->model, i.name) : NULL;
		i.description = holder ? holder->name : NULL;
	}
	capture_put_interface(&c->out, c->format, &i);
	return (int)c->n_interfaces++;
}

static bool capture_wants(const struct drop_capture *c, const struct drop_event *ev,
			  uint32_t receiver)
{
	uint32_t own = c->attachment[0]
			       ? names_find(c->drops->env.names, NAME_INTERFACE, c->attachment)
			       : 0;

	if (c->ended || (c->attachment[0] && (!own || (own != ev->ifindex && own != receiver))))
		return false;
	return capture_filter_matches(c->filter, ev->frame, ev->captured, ev->len);
}

static void capture_take(struct drop_capture *c, const struct drop_event *ev, const char *text)
{
	uint32_t own = c->attachment[0]
			       ? names_find(c->drops->env.names, NAME_INTERFACE, c->attachment)
			       : ev->ifindex;
	struct captured p = {
		.time_ns = ev->time_ns + c->drops->unix_minus_ns,
		.data = ev->frame,
		.len_captured = ev->captured < c->snaplen ? ev->captured : c->snaplen,
		.len_original = ev->len,
		.direction = own == ev->ifindex ? PACKET_OUTBOUND : PACKET_INBOUND,
		.comment = text,
	};
	int interface = interface_number(c, own);

	if (c->out.len >= BACKLOG_MAX || interface < 0) {
		c->own_lost++;
		return;
	}
	p.interface = (uint32_t)interface;
	capture_put_packet(&c->out, c->format, LINKTYPE_ETHERNET, &p);
	c->seen++;
	if (c->count && c->seen >= c->count)
		c->ended = true;
}

static void on_event(void *arg, const struct drop_event *ev)
{
	struct drops *d = arg;
	uint32_t receiver = dataplane_drop_receiver(d->cfg.dp, ev);
	cleanup_free char *text = NULL;
	struct drop_capture *c;

	DL_FOREACH(d->captures, c)
	{
		if (!capture_wants(c, ev, receiver))
			continue;
		if (!text)
			text = drop_text(&d->env, ev);
		capture_take(c, ev, text);
	}
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void on_ring(void *arg, int fd, uint32_t events)
{
	struct drops *d = arg;
	struct drop_capture *c, *next;
	struct err ignored;

	d->env = d->cfg.env(d->cfg.arg);
	d->unix_minus_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	dataplane_drops_read(d->cfg.dp, PORTION, on_event, d, &ignored);
	DL_FOREACH_SAFE(d->captures, c, next)
	capture_flush(c);
}

/* Once a second: who has lost what, and whose interface is gone? */
static void on_check(void *arg)
{
	struct drops *d = arg;
	struct drop_capture *c, *next;

	d->env = d->cfg.env(d->cfg.arg);
	DL_FOREACH_SAFE(d->captures, c, next)
	{
		put_losses(c);
		if (c->attachment[0] && !names_find(d->env.names, NAME_INTERFACE, c->attachment))
			c->ended = true;
		capture_flush(c);
	}
}

/* ---- starting ---- */

static char *text_copy(const char *s)
{
	return s && *s ? strdup(s) : NULL;
}

static void capture_begin(struct drop_capture *c)
{
	struct capture_interface i = interface_of(c);

	capture_put_begin(&c->out, c->format, &i);
	if (c->attachment[0])
		interface_number(c, names_find(c->drops->env.names, NAME_INTERFACE, c->attachment));
	c->ring_lost = dataplane_drops_lost(c->drops->cfg.dp);
}

static int capture_open(struct drop_capture *c, const struct drop_capture_config *cfg, int *ret_fd,
			struct err *e)
{
	int fds[2], rc = capture_filter_new(cfg->filter, LINKTYPE_ETHERNET, &c->filter, e);

	c->pipe = -1;
	if (rc)
		return rc;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return err_sys(e, -errno, "capture");
	fcntl(fds[0], F_SETPIPE_SZ, CAPTURE_PIPE_BYTES); /* a smaller one will do */
	c->pipe = fds[1];
	*ret_fd = fds[0];
	symbol_set(c->attachment, cfg->attachment);
	c->filter_text = text_copy(cfg->filter);
	c->ifname = text_copy(cfg->ifname);
	c->description = text_copy(cfg->description);
	c->format = cfg->format;
	c->count = cfg->count;
	c->snaplen = cfg->snaplen && cfg->snaplen < DROP_FRAME_MAX ? cfg->snaplen : DROP_FRAME_MAX;
	return event_add_io(c->drops->cfg.loop, c->pipe, EPOLLOUT | EPOLLET, on_pipe, c, &c->io, e);
}

int drops_capture(struct drops *d, const struct drop_capture_config *cfg, int *ret_fd,
		  struct err *e)
{
	struct drop_capture *c = calloc(1, sizeof(*c));
	cleanup_close int reader = -1;
	int rc;

	if (!c)
		return err_sys(e, -ENOMEM, "capture");
	c->drops = d;
	rc = capture_open(c, cfg, &reader, e);
	if (rc) {
		capture_free(c);
		return rc;
	}
	d->env = d->cfg.env(d->cfg.arg);
	DL_APPEND(d->captures, c);
	rc = listen_update(d, e);
	if (rc) {
		capture_end(c);
		return rc;
	}
	capture_begin(c);
	capture_flush(c);
	*ret_fd = TAKE_FD(reader);
	return 0;
}

struct drops *drops_new(const struct drops_config *cfg)
{
	struct drops *d = calloc(1, sizeof(*d));

	if (d)
		d->cfg = *cfg;
	return d;
}

void drops_free(struct drops *d)
{
	struct drop_capture *c, *next;

	if (!d)
		return;
	DL_FOREACH_SAFE(d->captures, c, next)
	capture_end(c);
	free(d);
}

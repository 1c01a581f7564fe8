/* SPDX-License-Identifier: MIT
 * HTTP requests to vpcd over its unix socket. Every request runs in a curl multi handle, so that a
 * second stream (events) and a signal descriptor can be watched beside it.
 */
#include "cli/client.h"

#include <curl/curl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "cli/cli.h"
#include "lib/err.h"

#define DRAIN_MAX 64 /* reads of what came before an answer */

struct client {
	CURL *easy, *watch;
	CURLM *multi;
	long long deadline_ms; /* of streams, CLOCK_MONOTONIC; 0: none */
};

void url_add(struct buf *path, const char *s)
{
	for (; *s; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || strchr("-_.~", *s))
			buf_add(path, s, 1);
		else
			buf_printf(path, "%%%02X", (unsigned char)*s);
	}
}

void query_add(struct buf *path, const char *key, const char *value)
{
	if (!value)
		return;
	buf_printf(path, "%c%s=", strchr(buf_str(path), '?') ? '&' : '?', key);
	url_add(path, value);
}

void response_done(struct response *r)
{
	json_free(r->json);
	r->json = NULL;
}

static struct client *client_of(struct cli *c)
{
	if (c->client)
		return c->client;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->client = calloc(1, sizeof(*c->client));
	if (!c->client)
		return NULL;
	c->client->easy = curl_easy_init();
	c->client->watch = curl_easy_init();
	c->client->multi = curl_multi_init();
	return c->client;
}

void client_free(struct client *cl)
{
	if (!cl)
		return;
	curl_easy_cleanup(cl->easy);
	curl_easy_cleanup(cl->watch);
	curl_multi_cleanup(cl->multi);
	curl_global_cleanup();
	free(cl);
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, data, size * n);
	return b->rc ? 0 : size * n;
}

static void easy_prepare(struct cli *c, CURL *easy, const char *path, struct buf *url)
{
	curl_easy_reset(easy);
	buf_printf(url, "http://vpcd%s", path);
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, config_get(&c->config, SETTING_SOCKET));
	curl_easy_setopt(easy, CURLOPT_URL, buf_str(url));
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "vpcctl/" VPCD_VERSION);
}

static void request_prepare(CURL *easy, const struct request *rq, struct buf *answer,
			    struct curl_slist **headers)
{
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, rq->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	if (!rq->body)
		return;
	*headers = curl_slist_append(*headers, "Content-Type: application/json");
	/* Our bodies are small and the peer is local: no round trip to ask leave. */
	*headers = curl_slist_append(*headers, "Expect:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, rq->body);
}

/* ---- lines of a stream ---- */

struct line_reader {
	line_fn *fn;
	void *arg;
	struct buf rest; /* of a line whose end has not come yet */
};

/* Calls fn with each whole line; false: fn has had enough, or memory has run out. */
static bool lines_feed(struct line_reader *lr, const char *data, size_t n)
{
	struct buf rest = {0};
	const char *p, *end;

	buf_add(&lr->rest, data, n);
	p = buf_str(&lr->rest);
	for (; (end = strchr(p, '\n')); p = end + 1)
		if (!lr->fn(lr->arg, p, end - p))
			return false;
	buf_puts(&rest, p);
	if (lr->rest.rc)
		rest.rc = lr->rest.rc;
	buf_done(&lr->rest);
	lr->rest = rest;
	return !rest.rc;
}

/* curl's callback for the stream beside a request, which always goes on. */
static size_t watch_data(char *data, size_t size, size_t n, void *arg)
{
	lines_feed(arg, data, size * n);
	return size * n;
}

/* ---- running one ---- */

/* A descriptor that is readable once SIGINT came (or SIGTERM, where that shall end in good order
 * too); the old mask is restored by interrupt_done. */
static int interrupt_init(sigset_t *old, bool term)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (term)
		sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void interrupt_done(int fd, const sigset_t *old)
{
	struct signalfd_siginfo taken;

	/* A signal left pending would end us as soon as it is unblocked. */
	while (fd >= 0 && read(fd, &taken, sizeof(taken)) > 0)
		;
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, old, NULL);
}

static bool easy_finished(CURLM *multi, CURL *easy, CURLcode *ret)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(multi, &left)))
		if (m->msg == CURLMSG_DONE && m->easy_handle == easy) {
			*ret = m->data.result;
			return true;
		}
	return false;
}

/* Drives the handles until `easy` has finished; false: interrupted. */
static bool multi_run(CURLM *multi, CURL *easy, int interrupt_fd, CURLcode *ret)
{
	struct curl_waitfd wfd = {.fd = interrupt_fd, .events = CURL_WAIT_POLLIN};
	int running;

	*ret = CURLE_FAILED_INIT;
	for (;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return true;
		if (easy_finished(multi, easy, ret))
			return true;
		wfd.revents = 0;
		curl_multi_poll(multi, &wfd, interrupt_fd >= 0 ? 1 : 0, 1000, NULL);
		if (wfd.revents)
			return false;
	}
}

/* Events that came before the answer are read after it too: they tell of what it answers. */
static void multi_drain(CURLM *multi)
{
	int running = 1, ready = 1;

	for (int i = 0; i < DRAIN_MAX && running && ready; i++) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return;
		curl_multi_poll(multi, NULL, 0, 0, &ready);
	}
}

static void response_fill(struct response *ret, CURL *easy, CURLcode code, const struct buf *answer)
{
	long os_error = 0;

	if (code == CURLE_OPERATION_TIMEDOUT) {
		ret->outcome = CALL_TIMED_OUT;
	} else if (code != CURLE_OK) {
		ret->outcome = CALL_UNREACHABLE;
		curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
		/* A connection that broke is another thing than none. */
		ret->os_error = code == CURLE_COULDNT_CONNECT ? os_error : ECONNRESET;
		snprintf(ret->detail, sizeof(ret->detail), "%s", curl_easy_strerror(code));
	} else {
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret->status);
		/* An answer that is not JSON leaves ->json NULL; the status still tells. */
		json_parse(buf_str(answer), answer->len, false, &ret->json, NULL);
	}
}

void client_perform(struct cli *c, const struct request *rq, struct response *ret)
{
	struct client *cl = client_of(c);
	cleanup_buf struct buf url = {0}, watch_url = {0}, answer = {0};
	struct line_reader reader = {.fn = rq->on_line, .arg = rq->arg};
	struct curl_slist *headers = NULL;
	sigset_t old;
	CURLcode code;
	int fd;

	*ret = (struct response){0};
	easy_prepare(c, cl->easy, rq->path, &url);
	request_prepare(cl->easy, rq, &answer, &headers);
	if (rq->watch_path) {
		easy_prepare(c, cl->watch, rq->watch_path, &watch_url);
		curl_easy_setopt(cl->watch, CURLOPT_WRITEFUNCTION, watch_data);
		curl_easy_setopt(cl->watch, CURLOPT_WRITEDATA, &reader);
		curl_multi_add_handle(cl->multi, cl->watch);
	}
	curl_multi_add_handle(cl->multi, cl->easy);
	fd = interrupt_init(&old, false);
	if (multi_run(cl->multi, cl->easy, fd, &code))
		response_fill(ret, cl->easy, code, &answer);
	else
		ret->outcome = CALL_INTERRUPTED;
	curl_multi_remove_handle(cl->multi, cl->easy);
	if (rq->watch_path) {
		multi_drain(cl->multi);
		curl_multi_remove_handle(cl->multi, cl->watch);
	}
	interrupt_done(fd, &old);
	curl_slist_free_all(headers);
	buf_done(&reader.rest);
}

/* ---- what went wrong ---- */

static int report_unreachable(struct cli *c, const struct response *r)
{
	const char *path = config_get(&c->config, SETTING_SOCKET);
	int error = r->os_error;

	/* libcurl does not always pass the errno of a unix socket on. */
	if (!error && access(path, R_OK | W_OK))
		error = errno;
	if (error == EACCES || error == EPERM)
		return cli_fail(c, EXIT_UNREACHABLE,
				"permission denied on %s: join group vpcd (sudo usermod -aG vpcd "
				"$USER, then log in again) or use sudo",
				path);
	if (error == ENOENT || error == ECONNREFUSED || !error)
		return cli_fail(c, EXIT_UNREACHABLE,
				"no daemon at %s: start one with `sudo vpcd` or `sudo systemctl "
				"start vpcd`",
				path);
	if (error == ECONNRESET)
		return cli_fail(c, EXIT_UNREACHABLE,
				"the daemon at %s went away before it answered (%s): once it is "
				"back, `vpcctl events` and `vpcctl diff` say what was done",
				path, r->detail);
	return cli_fail(c, EXIT_UNREACHABLE, "cannot reach the daemon at %s: %s (%s)", path,
			strerror(error), r->detail);
}

static bool is_ambiguous(const struct json *error)
{
	const char *msg = json_str(json_get(error, "Message"));

	return msg && strstr(msg, " is ambiguous: ");
}

static enum exit_code exit_of_status(long status, const struct json *error)
{
	if (status == 404)
		return EXIT_NOT_FOUND;
	/* Malformed requests come from malformed input; ambiguous names are the user's to solve. */
	if (status == 400 || is_ambiguous(error))
		return EXIT_USAGE;
	return EXIT_REFUSED;
}

static int report_error(struct cli *c, const struct response *r)
{
	const struct json *error = json_get(r->json, "Error");
	const char *code = json_str(json_get(error, "Code"));
	const char *msg = json_str(json_get(error, "Message"));
	const char *field = json_str(json_get(error, "Field"));
	enum exit_code exit_code = exit_of_status(r->status, error);

	if (!error)
		return cli_fail(c, exit_code, "the daemon answered %ld", r->status);
	if (c->out.format == OUTPUT_JSON) {
		cleanup_free char *text = json_print_pretty(r->json);

		fputs(text ? text : "", stderr);
		return exit_code;
	}
	/* Many messages begin with the field already. */
	if (field && msg && !strncmp(msg, field, strlen(field)))
		field = NULL;
	fprintf(stderr, "vpcctl: %s%s%s (%s)\n", field && *field ? field : "",
		field && *field ? ": " : "", msg ? msg : "failed", code ? code : "?");
	return exit_code;
}

int client_report(struct cli *c, const struct response *r)
{
	switch (r->outcome) {
	case CALL_UNREACHABLE:
		return report_unreachable(c, r);
	case CALL_TIMED_OUT:
		return cli_fail(c, EXIT_TIMED_OUT, "timed out after %s",
				config_get(&c->config, SETTING_TIMEOUT));
	case CALL_INTERRUPTED:
		return cli_fail(c, EXIT_INTERRUPTED, "interrupted");
	case CALL_ANSWERED:
		break;
	}
	return r->status >= 200 && r->status < 300 ? EXIT_DONE : report_error(c, r);
}

int client_call(struct cli *c, const char *method, const char *path, const struct json *body,
		struct json **ret)
{
	cleanup_free char *text = body ? json_print(body) : NULL;
	struct request rq = {.method = method, .path = path, .body = text};
	struct response resp;
	int r;

	rq.timeout_ms = cli_timeout(c);
	if (rq.timeout_ms < 0)
		return EXIT_USAGE;
	rq.body_len = text ? strlen(text) : 0;
	client_perform(c, &rq, &resp);
	r = client_report(c, &resp);
	if (!r && ret)
		*ret = TAKE(resp.json);
	response_done(&resp);
	return r;
}

int client_get(struct cli *c, const char *path, struct json **ret)
{
	return client_call(c, "GET", path, NULL, ret);
}

/* ---- streams ---- */

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void client_set_deadline(struct cli *c, long ms)
{
	client_of(c)->deadline_ms = now_ms() + ms;
}

struct stream {
	CURL *easy;
	bool (*fn)(void *arg, const char *data, size_t n);
	void *arg;
	struct buf error; /* the body of an answer that is no success */
	bool ended;	  /* by fn */
};

static size_t stream_data(char *data, size_t size, size_t n, void *arg)
{
	struct stream *s = arg;
	long status = 0;

	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200) {
		buf_add(&s->error, data, size * n);
		return size * n;
	}
	s->ended = !s->fn(s->arg, data, size * n);
	return s->ended ? 0 : size * n;
}

/* Performs cl->easy; with ret_interrupted, signals end it in good order. */
static CURLcode stream_run(struct client *cl, bool *ret_interrupted)
{
	CURLcode code = CURLE_OK;
	sigset_t old;
	int fd;

	if (!ret_interrupted)
		return curl_easy_perform(cl->easy);
	curl_multi_add_handle(cl->multi, cl->easy);
	fd = interrupt_init(&old, true);
	*ret_interrupted = !multi_run(cl->multi, cl->easy, fd, &code);
	curl_multi_remove_handle(cl->multi, cl->easy);
	interrupt_done(fd, &old);
	return code;
}

int client_stream(struct cli *c, const char *path,
		  bool (*fn)(void *arg, const char *data, size_t n), void *arg)
{
	return client_stream_until(c, path, fn, arg, NULL);
}

int client_stream_until(struct cli *c, const char *path,
			bool (*fn)(void *arg, const char *data, size_t n), void *arg,
			bool *ret_interrupted)
{
	struct client *cl = client_of(c);
	struct stream s = {.easy = cl->easy, .fn = fn, .arg = arg};
	cleanup_buf struct buf url = {0};
	struct response resp = {0};
	CURLcode code;
	int r = EXIT_DONE;

	easy_prepare(c, cl->easy, path, &url);
	curl_easy_setopt(cl->easy, CURLOPT_WRITEFUNCTION, stream_data);
	curl_easy_setopt(cl->easy, CURLOPT_WRITEDATA, &s);
	if (cl->deadline_ms) {
		long long left = cl->deadline_ms - now_ms();

		curl_easy_setopt(cl->easy, CURLOPT_TIMEOUT_MS, left > 0 ? (long)left : 1L);
	}
	code = stream_run(cl, ret_interrupted);
	if (!s.ended && !(ret_interrupted && *ret_interrupted)) {
		response_fill(&resp, cl->easy, code, &s.error);
		r = client_report(c, &resp);
		response_done(&resp);
	}
	buf_done(&s.error);
	return r;
}

static bool stream_lines(void *arg, const char *data, size_t n)
{
	return lines_feed(arg, data, n);
}

int client_stream_lines(struct cli *c, const char *path, line_fn *fn, void *arg)
{
	struct line_reader reader = {.fn = fn, .arg = arg};
	int r = client_stream(c, path, stream_lines, &reader);

	buf_done(&reader.rest);
	return r;
}

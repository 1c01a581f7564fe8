/* SPDX-License-Identifier: MIT
 * See sandboxes.h. A sandbox's record goes through: (none) -> running -> ended, and back to running
 * when it is to run again. `gone` marks one whose object was deleted: its record goes when its
 * supervisor has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <uthash.h>

#include "lib/cleanup.h"
#include "lib/log.h"
#include "vpcd/sandboxes.h"

#define STOP_GRACE_MS 10000

enum record_state { RECORD_NEW, RECORD_RUNNING, RECORD_STOPPING, RECORD_ENDED };

struct record {
	char id[SYMBOL_LEN];
	struct sandboxes *s;
	struct supervisor *sup;
	enum record_state state;
	struct json *body; /* as last put */
	char *process;	   /* what a running process was started from */
	bool restart, gone;
	UT_hash_handle hh;
};

struct sandboxes {
	struct sandboxes_config cfg;
	struct record *records;
	size_t busy;
};

struct sandboxes *sandboxes_new(const struct sandboxes_config *cfg)
{
	struct sandboxes *s = calloc(1, sizeof(*s));

	if (s)
		s->cfg = *cfg;
	return s;
}

static void record_free(struct record *r)
{
	HASH_DEL(r->s->records, r);
	supervisor_disconnect(r->sup);
	json_free(r->body);
	free(r->process);
	free(r);
}

void sandboxes_free(struct sandboxes *s)
{
	struct record *r, *tmp;

	if (!s)
		return;
	HASH_ITER (hh, s->records, r, tmp)
		record_free(r);
	free(s);
}

size_t sandboxes_busy(const struct sandboxes *s)
{
	return s->busy;
}

static struct record *record_get(struct sandboxes *s, const char *id, bool make)
{
	struct record *r;

	HASH_FIND_STR(s->records, id, r);
	if (r || !make)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	symbol_set(r->id, id);
	r->s = s;
	HASH_ADD_STR(s->records, id, r);
	return r;
}

static void set_state(struct record *r, const char *state, const char *reason, int exit_code)
{
	cleanup_json struct json *status = json_new_obj();
	struct err e = {0};

	json_set_str(status, "State", state);
	json_set(status, "StateReason", reason ? json_new_str(reason) : json_new_null());
	json_set_num(status, "ExitCode", exit_code);
	if (store_set_status(r->s->cfg.store, r->id, status, &e))
		log_error("status not stored", "id", r->id, "error", e.msg);
}

static int start(struct record *r, struct err *e);

/* A removal is over, or the sandbox was never there. */
static void removed(struct record *r)
{
	struct sandboxes *s = r->s;

	record_free(r);
	if (!--s->busy)
		s->cfg.idle(s->cfg.arg);
}

/* docker's --rm: the object goes when its command has ended. */
static void auto_remove(struct record *r)
{
	struct txn *t = txn_begin(r->s->cfg.store);
	struct err e = {0};
	int rc = t ? txn_delete(t, r->id, &e) : -ENOMEM;

	if (rc)
		txn_abort(t);
	else
		rc = txn_commit(t, NULL, &e);
	if (rc && rc != -ENOENT)
		log_error("sandbox not removed", "id", r->id, "error", e.msg);
}

static void ended(struct record *r, int status)
{
	char reason[64];

	supervisor_disconnect(TAKE(r->sup));
	r->state = RECORD_ENDED;
	if (r->gone) {
		removed(r);
		return;
	}
	if (status > 128)
		snprintf(reason, sizeof(reason), "killed by signal %d", status - 128);
	else
		snprintf(reason, sizeof(reason), "exited with %d", status);
	log_info("sandbox ended", "id", r->id, "reason", reason);
	set_state(r, "stopped", reason, status);
	if (r->restart) {
		struct err e = {0};

		r->restart = false;
		if (start(r, &e))
			set_state(r, "failed", e.msg, -1);
	} else if (json_bool(json_get(r->body, "AutoRemove"))) {
		auto_remove(r);
	}
}

static void lost(struct record *r)
{
	supervisor_disconnect(TAKE(r->sup));
	if (r->gone) {
		removed(r);
		return;
	}
	r->state = RECORD_NEW;
	log_warn("supervisor lost", "id", r->id);
	set_state(r, "failed", "its supervisor died", -1);
}

static void supervisor_changed(void *arg, enum supervisor_state state, int status)
{
	struct record *r = arg;

	switch (state) {
	case SUPERVISOR_RUNNING:
		if (r->gone)
			break;
		r->state = RECORD_RUNNING;
		set_state(r, "running", NULL, -1);
		break;
	case SUPERVISOR_EXITED:
		ended(r, status);
		break;
	case SUPERVISOR_LOST:
		lost(r);
		break;
	}
}

/* ---- starting ---- */

static const char **string_vector(const struct json *arr)
{
	const char **v = calloc(json_len(arr) + 1, sizeof(*v));
	size_t i = 0;

	if (v)
		json_for_each (it, arr)
			v[i++] = json_str(it);
	return v;
}

static char **environment_vector(const struct json *obj)
{
	char **v = calloc(json_len(obj) + 2, sizeof(*v));
	size_t i = 0;

	if (!v)
		return NULL;
	json_for_each (it, obj)
		if (asprintf(&v[i], "%s=%s", json_key(it), json_str(it)) >= 0)
			i++;
	if (!json_get(obj, "PATH"))
		v[i] = strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	return v;
}

static void environment_free(char ***v)
{
	for (size_t i = 0; *v && (*v)[i]; i++)
		free((*v)[i]);
	free(*v);
}

static const char *body_str(const struct record *r, const char *key)
{
	return json_str(json_get(r->body, key));
}

/* The part of the body that makes it another process. Files of names are read at the next start: a
 * VPC's DNS attribute ends no command. */
static char *process_text(const struct json *body)
{
	cleanup_json struct json *j = json_copy(body);

	json_set(j, "Run", NULL);
	json_set(j, "AutoRemove", NULL);
	json_set(j, "ResolvConf", NULL);
	json_set(j, "Hosts", NULL);
	return json_print(j);
}

static void log_path(const struct sandboxes *s, const char *id, char *ret, size_t len)
{
	snprintf(ret, len, "%s/%s.log", s->cfg.log_dir, id);
}

static int connect_supervisor(struct record *r, struct err *e)
{
	return supervisor_connect(r->s->cfg.loop, r->s->cfg.run_dir, r->id, supervisor_changed, r,
				  &r->sup, e);
}

static int start(struct record *r, struct err *e)
{
	struct sandboxes *s = r->s;
	const char *attachment = body_str(r, "Attachment");
	cleanup_close int netns = fabric_open_netns(s->cfg.fabric, attachment, e);
	cleanup_close int userns =
		netns < 0 ? -1 : fabric_open_userns(s->cfg.fabric, attachment, e);
	cleanup_free const char **argv = string_vector(json_get(r->body, "Command"));
	cleanup_free const char **caps = string_vector(json_get(r->body, "Capabilities"));
	cleanup(environment_free) char **env = environment_vector(json_get(r->body, "Environment"));
	char log[4096];
	int rc;

	if (netns < 0 || userns < 0)
		return netns < 0 ? netns : userns;
	log_path(s, r->id, log, sizeof(log));
	struct supervisor_spec spec = {
		.id = r->id,
		.hostname = body_str(r, "Hostname"),
		.netns_fd = netns,
		.userns_fd = userns,
		.argv = argv,
		.env = (const char *const *)env,
		.capabilities = caps,
		.directory = body_str(r, "Directory"),
		.attach = json_bool(json_get(r->body, "Attach")),
		.resolv_conf = body_str(r, "ResolvConf"),
		.hosts = body_str(r, "Hosts"),
		.log_path = log,
	};
	rc = supervisor_start(s->cfg.zygote, &spec, e);
	if (!rc)
		rc = connect_supervisor(r, e);
	if (rc)
		return rc;
	free(r->process);
	r->process = process_text(r->body);
	r->state = RECORD_RUNNING;
	log_info("sandbox started", "id", r->id, "hostname", spec.hostname);
	set_state(r, "running", NULL, -1);
	return 0;
}

static int stop(struct record *r, unsigned grace_ms, struct err *e)
{
	r->state = RECORD_STOPPING;
	return supervisor_stop(r->sup, grace_ms, e);
}

/* ---- what the plan wants ---- */

/* The first put of a daemon's life: the sandbox may be running, or may have ended by itself. */
static int find(struct record *r, struct err *e)
{
	const struct object *o = model_get(store_model(r->s->cfg.store), r->id);
	const struct sandbox *sb = o ? object_sandbox_const(o) : NULL;
	int rc = connect_supervisor(r, e);

	if (!rc) {
		r->process = process_text(r->body);
		r->state = RECORD_RUNNING;
		log_info("sandbox adopted", "id", r->id);
		return 0;
	}
	if (rc != -ENOENT)
		return rc;
	if (sb && sb->state && !strcmp(sb->state, "stopped")) {
		r->state = RECORD_ENDED;
		r->process = process_text(r->body);
	}
	return 0;
}

static int put_foreign(struct record *r)
{
	r->state = RECORD_RUNNING;
	set_state(r, "running", NULL, -1);
	return 0;
}

/* An attachment that had to be made again has a new namespace: whoever runs in the old one has no
 * network. */
static bool in_its_namespace(const struct record *r)
{
	cleanup_close int fd = fabric_open_netns(r->s->cfg.fabric, body_str(r, "Attachment"), NULL);
	char path[64];
	struct stat is, wanted;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", supervisor_init_pid(r->sup));
	if (fd < 0 || fstat(fd, &wanted) || stat(path, &is))
		return true; /* it is ending */
	return is.st_ino == wanted.st_ino && is.st_dev == wanted.st_dev;
}

static int put_run(struct record *r, bool was_stopped, struct err *e)
{
	cleanup_free char *process = process_text(r->body);
	bool same = r->process && process && !strcmp(r->process, process);

	switch (r->state) {
	case RECORD_NEW:
		return start(r, e);
	case RECORD_ENDED: /* by itself: it stays so unless it was stopped, or is another now */
		return was_stopped || !same ? start(r, e) : 0;
	case RECORD_STOPPING:
		r->restart = true;
		return 0;
	case RECORD_RUNNING:
		if (same && in_its_namespace(r))
			return 0;
		r->restart = true;
		return stop(r, same ? 0 : STOP_GRACE_MS, e);
	}
	return 0;
}

static int put_stop(struct record *r, struct err *e)
{
	r->restart = false;
	if (r->state == RECORD_RUNNING)
		return stop(r, STOP_GRACE_MS, e);
	if (r->state == RECORD_NEW) {
		r->state = RECORD_ENDED;
		set_state(r, "stopped", NULL, -1);
	}
	return 0;
}

int sandboxes_put(struct sandboxes *s, const struct item *it, struct err *e)
{
	struct record *r = record_get(s, it->key, true);
	struct json *body = NULL;
	bool was_stopped;
	int rc;

	if (!r)
		return err_sys(e, -ENOMEM, "sandbox %s", it->key);
	rc = json_parse(it->body, strlen(it->body), false, &body, e);
	if (rc)
		return rc;
	was_stopped = r->body && !json_bool(json_get(r->body, "Run"));
	bool first = !r->body;
	json_free(r->body);
	r->body = body;
	if (json_bool(json_get(body, "Foreign")))
		return put_foreign(r);
	if (first) {
		rc = find(r, e);
		if (rc)
			return rc;
	}
	return json_bool(json_get(body, "Run")) ? put_run(r, was_stopped, e) : put_stop(r, e);
}

void sandboxes_remove(struct sandboxes *s, const char *id)
{
	struct record *r = record_get(s, id, true);
	struct err e = {0};
	char log[4096];

	if (!r || r->gone)
		return;
	r->gone = true;
	s->busy++;
	log_path(s, id, log, sizeof(log));
	unlink(log);
	strcat(log, ".1");
	unlink(log);
	/* Not known yet: it was deleted while no daemon ran. */
	if (!r->sup && connect_supervisor(r, &e)) {
		removed(r);
		return;
	}
	if (supervisor_stop(r->sup, 0, &e)) {
		log_error("sandbox not stopped", "id", id, "error", e.msg);
		removed(r);
	}
}

struct sweep {
	struct sandboxes *s;
	const struct plan *p;
};

static int sweep_one(void *arg, const char *id)
{
	struct sweep *w = arg;

	if (!plan_get(w->p, ITEM_SANDBOX, id))
		sandboxes_remove(w->s, id);
	return 0;
}

void sandboxes_sweep(struct sandboxes *s, const struct plan *p)
{
	struct sweep w = {s, p};
	struct err e = {0};

	if (supervisor_list(s->cfg.run_dir, sweep_one, &w, &e))
		log_error("sandboxes not listed", "error", e.msg);
}

struct json *sandboxes_describe(const struct sandboxes *s, const char *id)
{
	const struct record *r = record_get((struct sandboxes *)s, id, false);
	const char *attachment = r && r->body ? body_str(r, "Attachment") : NULL;
	struct json *j;
	char path[4096];

	if (!attachment)
		return NULL;
	j = json_new_obj();
	if (json_bool(json_get(r->body, "Foreign")))
		return j;
	snprintf(path, sizeof(path), "%s/sandboxes/%s/ctl.sock", s->cfg.run_dir, id);
	if (r->sup)
		json_set_str(j, "ControlSocket", path);
	log_path(s, id, path, sizeof(path));
	json_set_str(j, "LogFile", path);
	snprintf(path, sizeof(path), "%s/ns/%s.net", s->cfg.run_dir, attachment);
	json_set_str(j, "NetnsPath", path);
	if (r->sup)
		json_set_num(j, "Pid", supervisor_init_pid(r->sup));
	return j;
}

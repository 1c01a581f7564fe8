/* SPDX-License-Identifier: MIT
 * Structured log lines (logfmt) on stderr.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum log_level log_threshold = LOG_INFO;

int log_level_parse(const char *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (!strcmp(s, level_names[i]))
			return i;
	return -EINVAL;
}

void log_level_set(enum log_level level)
{
	log_threshold = level;
}

static bool needs_quotes(const char *s)
{
	if (!*s)
		return true;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7f)
			return true;
	return false;
}

static void value_add(struct buf *b, const char *s)
{
	if (!needs_quotes(s)) {
		buf_puts(b, s);
		return;
	}
	buf_puts(b, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_printf(b, "\\%c", *s);
		else if (*s == '\n')
			buf_puts(b, "\\n");
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(b, "\\x%02x", (unsigned char)*s);
		else
			buf_add(b, s, 1);
	}
	buf_puts(b, "\"");
}

void log_write(enum log_level level, const char *msg, ...)
{
	cleanup_buf struct buf b = {0};
	char stamp[32];
	const char *key;
	struct timespec ts;
	struct tm tm;
	va_list ap;

	if (level > log_threshold)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_printf(&b, "time=%s.%03ldZ level=%s msg=", stamp, ts.tv_nsec / 1000000,
		   level_names[level]);
	value_add(&b, msg);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		buf_printf(&b, " %s=", key);
		value_add(&b, value ? value : "");
	}
	va_end(ap);
	buf_puts(&b, "\n");
	/* One write keeps lines of several processes apart; a lost log line is not an error. */
	if (!b.rc && write(STDERR_FILENO, b.p, b.len) < 0)
		return;
}

const char *log_fmt(const char *fmt, ...)
{
	static __thread char bufs[8][256];
	static __thread unsigned next;
	char *buf = bufs[next++ % ARRAY_SIZE(bufs)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(bufs[0]), fmt, ap);
	va_end(ap);
	return buf;
}

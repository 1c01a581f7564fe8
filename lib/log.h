/* SPDX-License-Identifier: MIT
 * Structured log lines (logfmt) on stderr: `time=… level=info msg="apply done" revision=12`.
 * Only vpcd/ and api/ (and processes of their own: supervisors) log; libraries return errors.
 */
#ifndef VPCD_LIB_LOG_H
#define VPCD_LIB_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

int log_level_parse(const char *s); /* "error" "warn" "info" "debug", or -EINVAL */
void log_level_set(enum log_level level);

/* msg: a fixed phrase. Then pairs of const char *key, const char *value; NULL ends. Values are
 * quoted as needed. Use log_num() for numbers. */
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));

/* Formats into one of a few static per-thread buffers, for use within one log call. */
const char *log_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__, (char *)0)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__, (char *)0)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__, (char *)0)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__, (char *)0)

#endif

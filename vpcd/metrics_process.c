/* SPDX-License-Identifier: MIT
 * See metrics_process.h; proc(5).
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vpcd/metrics_process.h"

/* Unix seconds at which the machine started; 0: unknown. */
static double boot_time(void)
{
	FILE *f = fopen("/proc/stat", "re");
	unsigned long long t = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "btime %llu", &t) == 1)
			break;
	if (f)
		fclose(f);
	return (double)t;
}

/* Fields 14, 15, 22 and 24 of /proc/self/stat. */
static bool self_stat(unsigned long long *user, unsigned long long *system,
		      unsigned long long *start, long *rss)
{
	FILE *f = fopen("/proc/self/stat", "re");
	char line[1024] = "", *end;

	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	end = strrchr(line, ')'); /* a command may have spaces */
	return end && sscanf(end + 1,
			     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d "
			     "%*d %*d %*d %llu %*u %ld",
			     user, system, start, rss) == 4;
}

static size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

static void put(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	buf_printf(out, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n", name,
		   help, name, type, name, value);
}

void metrics_process_put(struct buf *out)
{
	double ticks = (double)sysconf(_SC_CLK_TCK);
	unsigned long long user, system, start;
	struct rlimit files;
	long rss;

	buf_puts(out, "# HELP vpcd_build_info The daemon's version.\n# TYPE vpcd_build_info gauge\n"
		      "vpcd_build_info{version=\"" VPCD_VERSION "\"} 1\n");
	if (self_stat(&user, &system, &start, &rss)) {
		put(out, "cpu_seconds_total", "counter", "Processor time of the daemon.",
		    (double)(user + system) / ticks);
		put(out, "resident_memory_bytes", "gauge", "Memory of the daemon.",
		    (double)rss * (double)sysconf(_SC_PAGESIZE));
		put(out, "start_time_seconds", "gauge", "When it started, in Unix seconds.",
		    boot_time() + (double)start / ticks);
	}
	put(out, "open_fds", "gauge", "Descriptors that it has open.", (double)open_fds());
	if (!getrlimit(RLIMIT_NOFILE, &files))
		put(out, "max_fds", "gauge", "Descriptors that it may have open.",
		    (double)files.rlim_cur);
}

/* SPDX-License-Identifier: MIT
 * The reference and the compiled programs judge the same random topologies, rules and packets, and
 * all fixed cases. See docs/TESTING.md.
 *
 *   differential_test [--cases DIR] [--topologies N] [--events N] [--minutes N] [--keep-going N]
 *                     [CASE…]
 *
 * VPCD_TEST_SEED repeats a run. As root.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "generate.h"
#include "lib/log.h"
#include "shrink.h"

struct options {
	const char *cases;
	unsigned topologies, events, minutes, keep_going;
	uint64_t seed;
};

struct totals {
	struct figures figures;
	unsigned cases, differences;
};

static uint64_t seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

/* ---- fixed cases ---- */

static int run_case(const char *path, struct totals *t)
{
	struct script s = {0};
	struct run r = {0};
	struct err e = {0};
	size_t line = 0;
	int rc = script_read(path, &s, &e);

	if (!rc)
		rc = run_open(&r, &e);
	if (!rc)
		rc = script_run(&s, &r, &line, &e);
	t->cases++;
	if (rc)
		printf("%s: %s\n", path, e.msg);
	else if (r.difference[0]) {
		printf("%s: %s\n  %s\n", path, s.lines[line], r.difference);
		t->differences++;
	}
	run_done(&r);
	script_done(&s);
	return rc;
}

static int is_case(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && !strcmp(d->d_name + n - 5, ".case");
}

static int run_cases(const char *dir, struct totals *t)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_case, alphasort), rc = 0;

	if (n < 0) {
		printf("%s: %s\n", dir, strerror(errno));
		return -errno;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (!rc)
			rc = run_case(path, t);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ---- random ones ---- */

static void report(struct script *s, uint64_t seed, const char *difference)
{
	char text[1024], path[64];
	struct err e;
	FILE *f;

	printf("\nseed %llu: %s\n  %s\n", (unsigned long long)seed, s->lines[s->n - 1], difference);
	if (shrink(s, text, sizeof(text), &e)) {
		printf("  %s\n", e.msg);
		return;
	}
	snprintf(path, sizeof(path), "difference-%llu.case", (unsigned long long)seed);
	printf("shrunk (%s): %s\n", path, text);
	script_write(s, stdout);
	fflush(stdout);
	f = fopen(path, "w");
	if (!f)
		return;
	fprintf(f, "# %s\n", text);
	script_write(s, f);
	fclose(f);
}

static int run_topology(uint64_t seed, unsigned events, struct totals *t)
{
	struct script s = {0};
	struct run r = {0};
	struct err e = {0};
	int rc = run_open(&r, &e);
	bool stalled;

	if (!rc)
		rc = generate_run(seed, events, &s, &r, &e);
	stalled = run_stalled(&r);
	figures_add(&t->figures, &r.figures);
	run_done(&r);
	if (rc)
		printf("seed %llu: %s: %s\n", (unsigned long long)seed, s.n ? s.lines[s.n - 1] : "",
		       e.msg);
	t->figures.stalled += stalled;
	if (!rc && r.difference[0] && !stalled) {
		t->differences++;
		report(&s, seed, r.difference);
	}
	script_done(&s);
	return rc;
}

static int run_topologies(const struct options *o, struct totals *t)
{
	uint64_t end = seconds_now() + 60 * o->minutes;
	int rc = 0;

	for (uint64_t i = 0; !rc && t->differences <= o->keep_going; i++) {
		if (o->minutes ? seconds_now() >= end : i >= o->topologies)
			break;
		rc = run_topology(o->seed + i, o->events, t);
	}
	return rc;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"cases", required_argument, NULL, 'c'},
					      {"topologies", required_argument, NULL, 't'},
					      {"events", required_argument, NULL, 'e'},
					      {"minutes", required_argument, NULL, 'm'},
					      {"keep-going", required_argument, NULL, 'k'},
					      {0}};
	const char *seed = getenv("VPCD_TEST_SEED");
	int c;

	o->events = 400;
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 'c')
			o->cases = optarg;
		else if (c == 't')
			o->topologies = (unsigned)atoi(optarg);
		else if (c == 'e')
			o->events = (unsigned)atoi(optarg);
		else if (c == 'm')
			o->minutes = (unsigned)atoi(optarg);
		else if (c == 'k')
			o->keep_going = (unsigned)atoi(optarg);
		else
			exit(2);
	}
	/* Seeds of topologies follow each other: room for a thousand million of them. */
	o->seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 1000000000ull;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct totals t = {0};
	struct err e = {0};
	int rc;

	parse_options(argc, argv, &o);
	log_level_set(LOG_ERROR);
	rc = world_enter(&e);
	if (rc)
		printf("%s\n", e.msg);
	if (!rc && o.cases)
		rc = run_cases(o.cases, &t);
	for (int i = optind; !rc && i < argc; i++)
		rc = run_case(argv[i], &t);
	printf("%u cases; seed %llu\n", t.cases, (unsigned long long)o.seed);
	if (!rc && !t.differences)
		rc = run_topologies(&o, &t);
	if (t.figures.topologies)
		figures_print(&t.figures);
	world_unload();
	if (t.differences)
		printf("%u differences\n", t.differences);
	return rc || t.differences;
}

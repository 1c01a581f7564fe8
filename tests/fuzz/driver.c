/* SPDX-License-Identifier: MIT
 * Runs a fuzz target without libFuzzer: over the files of a directory, and over mutations of them,
 * drawn anew in each run by a seed that it prints: PROGRAM DIRECTORY [SEED].
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

#define MUTATIONS 4000 /* of each file */
#define INPUT_MAX 2048

struct input {
	size_t len;
	uint8_t b[INPUT_MAX];
};

static unsigned dice(unsigned n)
{
	return (unsigned)random() % n;
}

static void mutate(struct input *in)
{
	for (unsigned i = dice(5) + 1; i; i--) {
		size_t at = in->len ? dice((unsigned)in->len) : 0;

		switch (dice(4)) {
		case 0:
			if (in->len)
				in->b[at] ^= (uint8_t)(1 << dice(8));
			break;
		case 1:
			if (in->len)
				in->b[at] = (uint8_t)dice(256);
			break;
		case 2:
			if (in->len < INPUT_MAX) {
				memmove(in->b + at + 1, in->b + at, in->len - at);
				in->b[at] = (uint8_t)dice(256);
				in->len++;
			}
			break;
		default:
			in->len = at;
		}
	}
}

/* A copy of the exact size: reading behind it is seen by a sanitizer. */
static void run(const struct input *in)
{
	uint8_t *copy = malloc(in->len ? in->len : 1);

	if (!copy)
		abort();
	memcpy(copy, in->b, in->len);
	LLVMFuzzerTestOneInput(copy, in->len);
	free(copy);
}

static int run_file(const char *dir, const char *name)
{
	struct input seed, in;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	if (!f)
		return -1;
	seed.len = fread(seed.b, 1, sizeof(seed.b), f);
	fclose(f);
	run(&seed);
	for (int i = 0; i < MUTATIONS; i++) {
		in = seed;
		mutate(&in);
		run(&in);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)time(NULL), files = 0;
	DIR *d = argc > 1 ? opendir(argv[1]) : NULL;

	if (!d) {
		fprintf(stderr, "usage: %s DIRECTORY [SEED]\n", argv[0]);
		return 2;
	}
	printf("seed %u\n", seed);
	fflush(stdout);
	srandom(seed);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && !run_file(argv[1], e->d_name))
			files++;
	closedir(d);
	printf("%u files\n", files);
	return files ? 0 : 1; /* no seeds: nothing was tried */
}

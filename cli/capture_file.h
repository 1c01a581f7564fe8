/* SPDX-License-Identifier: MIT
 * A capture on its way into files: a stream of pcapng or pcap, cut at packets only.
 */
#ifndef VPCD_CLI_CAPTURE_FILE_H
#define VPCD_CLI_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/buf.h"

struct capture_file {
	const char *path; /* "-": stdout */
	bool pcap;	  /* the older format */
	uint64_t size;	  /* bytes after which the next file begins; 0: one file */
	unsigned files;	  /* kept; 0: all */

	FILE *f;
	unsigned number; /* of the file */
	uint64_t bytes;	 /* in it */
	struct buf prologue, rest;
	bool prologue_known;
	uint64_t packets, lost; /* lost: by the kernel, as the capture says */
	int error;		/* errno of a failed write, the last thing that happens */
};

/* 0, or -errno of the first file. */
int capture_file_open(struct capture_file *c);
/* What came. false: it cannot be written, see ->error. Whole packets only reach the file. */
bool capture_file_feed(struct capture_file *c, const char *data, size_t n);
/* 0, or -errno. */
int capture_file_close(struct capture_file *c);

#endif

/* SPDX-License-Identifier: MIT
 * vpcctl capture: the daemon captures, we print or write files with our own rights.
 */
#include <string.h>

#include "cli/capture_file.h"
#include "cli/cli.h"
#include "lib/buf.h"

/* An option's whole number, 1 or more; 0: not given; -1: reported. */
static long number_option(struct cli *c, const char *name)
{
	const char *text = args_value(&c->args, name);
	char *end = NULL;
	long v;

	if (!text)
		return 0;
	errno = 0;
	v = strtol(text, &end, 10);
	if (!errno && *text && !*end && v > 0)
		return v;
	cli_usage(c, "--%s takes a number above zero, not %s", name, text);
	return -1;
}

/* The words behind the sandbox. */
static char *filter_of(const struct args *a, int first)
{
	cleanup_buf struct buf b = {0};

	for (int i = first; i < a->n_pos; i++)
		buf_printf(&b, "%s%s", i > first ? " " : "", a->pos[i]);
	return b.len ? buf_take(&b) : NULL;
}

static bool print_text(void *arg, const char *data, size_t n)
{
	return fwrite(data, 1, n, stdout) == n && !fflush(stdout);
}

static bool write_file(void *arg, const char *data, size_t n)
{
	return capture_file_feed(arg, data, n);
}

static int capture_to_file(struct cli *c, const char *path, struct capture_file *file)
{
	bool interrupted = false;
	int rc = capture_file_open(file), r;

	if (rc)
		return cli_fail(c, EXIT_REFUSED, "%s: %s", file->path, strerror(-rc));
	r = client_stream_until(c, path, write_file, file, &interrupted);
	rc = capture_file_close(file);
	if (!file->error)
		file->error = -rc;
	if (!r || file->packets)
		fprintf(stderr, "%llu packets captured, %llu lost\n",
			(unsigned long long)file->packets, (unsigned long long)file->lost);
	if (file->error)
		return cli_fail(c, EXIT_REFUSED, "%s: %s: later packets are not in it", file->path,
				strerror(file->error));
	return r;
}

/* What belongs together; 0, or the exit code. */
static int options_check(struct cli *c, const char *path, long size, long files)
{
	const char *format = args_value(&c->args, "format");
	bool all = args_has(&c->args, "all"), drops = args_has(&c->args, "drops");

	if (!all && !c->args.n_pos)
		return cli_usage(c, "which sandbox?");
	if (all && !drops)
		return cli_usage(c, "--all is for --drops");
	if (drops && args_has(&c->args, "any"))
		return cli_usage(c, "--drops are seen outside of the sandbox, --any inside");
	if (drops && format && !strcmp(format, "pcap"))
		return cli_usage(c, "pcap files have no place for reasons: --format pcapng");
	if (format && strcmp(format, "pcapng") && strcmp(format, "pcap"))
		return cli_usage(c, "--format takes pcapng or pcap, not %s", format);
	if (!path && (format || size || files))
		return cli_usage(c, "--format, -C and -W need a file: -w FILE");
	if (files && !size)
		return cli_usage(c, "-W needs -C MB: when does the next file begin?");
	if (size && !strcmp(path, "-"))
		return cli_usage(c, "-C needs a file, not stdout");
	if (path && !strcmp(path, "-") && isatty(STDOUT_FILENO))
		return cli_usage(c,
				 "packets are not for a terminal: vpcctl capture … -w - | tshark "
				 "-r -");
	return 0;
}

static void capture_path(struct cli *c, const char *format, struct buf *path)
{
	bool all = args_has(&c->args, "all");
	cleanup_free char *filter = filter_of(&c->args, all ? 0 : 1);

	buf_puts(path, all ? "/v1" : "/v1/sandboxes/");
	if (!all)
		url_add(path, c->args.pos[0]);
	buf_puts(path, "/capture");
	query_add(path, "format", format);
	query_add(path, "filter", filter);
	query_add(path, "count", args_value(&c->args, "count"));
	query_add(path, "snaplen", args_value(&c->args, "snaplen"));
	if (args_has(&c->args, "any"))
		query_add(path, "any", "1");
	if (args_has(&c->args, "drops"))
		query_add(path, "drops", "1");
}

int cmd_capture(struct cli *c)
{
	const char *to = args_value(&c->args, "write"), *format = args_value(&c->args, "format");
	long size = number_option(c, "file-size"), files = number_option(c, "files");
	struct capture_file file = {.path = to, .pcap = format && !strcmp(format, "pcap")};
	cleanup_buf struct buf path = {0};
	bool interrupted = false;
	int r;

	if (size < 0 || files < 0 || number_option(c, "count") < 0 ||
	    number_option(c, "snaplen") < 0)
		return EXIT_USAGE;
	r = options_check(c, to, size, files);
	if (r)
		return r;
	file.size = (uint64_t)size * 1000000;
	file.files = (unsigned)files;
	capture_path(c, !to ? "text" : format ? format : "pcapng", &path);
	if (to)
		return capture_to_file(c, buf_str(&path), &file);
	return client_stream_until(c, buf_str(&path), print_text, NULL, &interrupted);
}

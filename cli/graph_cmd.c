/* SPDX-License-Identifier: MIT
 * vpcctl graph. Pictures are laid out by Graphviz's dot, a program of its own.
 */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/graph.h"
#include "lib/buf.h"

extern char **environ;

static bool write_all(int fd, const char *p, size_t left)
{
	while (left) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	return true;
}

/* Runs dot with `text` at its stdin and our stdout as its own. 0, -errno, or its exit status. */
static int dot_run(const char *text, size_t len)
{
	char *argv[] = {(char[]){"dot"}, (char[]){"-Tsvg"}, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], rc, status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
	rc = posix_spawnp(&pid, "dot", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[0]);
	if (!rc)
		write_all(fds[1], text, len); /* one that ends early says so by its status */
	close(fds[1]);
	if (rc)
		return -rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int print_svg(struct cli *c, const struct buf *dot)
{
	int rc;

	if (isatty(STDOUT_FILENO))
		return cli_usage(c, "a picture is not for a terminal: vpcctl graph --format svg > "
				    "lab.svg");
	rc = dot_run(buf_str(dot), dot->len);
	if (rc == -ENOENT || rc == 127)
		return cli_fail(c, EXIT_REFUSED, "no dot: install graphviz");
	if (rc)
		return cli_fail(c, EXIT_REFUSED, "dot failed: %s",
				rc < 0 ? strerror(-rc) : "see above");
	return EXIT_DONE;
}

static int print_json(const struct json *g)
{
	cleanup_free char *text = json_print_pretty(g);

	fputs(text ? text : "", stdout);
	return text ? EXIT_DONE : EXIT_REFUSED;
}

/* More sandboxes than that are merged where they are alike. */
#define REACH_NODES_DRAWN 24
/* With more a picture shows nothing, and dot takes minutes. */
#define EDGES_DRAWN 2000

static size_t sandboxes_count(const struct json *g)
{
	size_t n = 0;

	json_for_each (node, json_get(g, "Nodes")) {
		const char *kind = json_str(json_get(node, "Kind"));

		n += !strcmp(kind, "instance") || !strcmp(kind, "function") ||
		     !strcmp(kind, "internet-host");
	}
	return n;
}

static int draw(struct cli *c, const struct json *g, bool reach, struct buf *out)
{
	bool merge = reach && sandboxes_count(g) > REACH_NODES_DRAWN;
	cleanup_json struct json *fewer = merge ? graph_merge(g) : NULL;
	size_t edges;

	g = fewer ? fewer : g;
	edges = json_len(json_get(g, "Edges"));
	if (edges > EDGES_DRAWN)
		return cli_fail(c, EXIT_REFUSED,
				"%zu arrows are too many for a picture: choose a lab (-p), or take "
				"--format text or json",
				edges);
	graph_dot(g, out);
	return EXIT_DONE;
}

int cmd_graph(struct cli *c)
{
	const char *format = args_value(&c->args, "format");
	cleanup_json struct json *g = NULL;
	cleanup_buf struct buf out = {0};
	int r;

	if (!format)
		format = c->out.format == OUTPUT_JSON ? "json" : "text";
	if (strcmp(format, "text") && strcmp(format, "json") && strcmp(format, "dot") &&
	    strcmp(format, "svg"))
		return cli_usage(c, "--format takes svg, dot, json or text, not %s", format);
	r = graph_collect(c, args_value(&c->args, "lab"), &g);
	if (!r && args_has(&c->args, "reach"))
		r = graph_reach(c, args_value(&c->args, "lab"), args_value(&c->args, "reach"), g);
	if (r)
		return r;
	if (!strcmp(format, "json"))
		return print_json(g);
	if (!strcmp(format, "text"))
		graph_text(g, &out);
	else
		r = draw(c, g, args_has(&c->args, "reach"), &out);
	if (r)
		return r;
	if (!strcmp(format, "svg"))
		return print_svg(c, &out);
	fputs(buf_str(&out), stdout);
	return EXIT_DONE;
}

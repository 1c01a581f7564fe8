/* SPDX-License-Identifier: MIT
 * See processes.h.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "netns/processes.h"

static ssize_t read_file(const char *pid, const char *file, char *buf, size_t len)
{
	char path[300];
	cleanup_close int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, len - 1);
	buf[n > 0 ? n : 0] = 0;
	return n;
}

/* The last of "NSpid: 4711 12" is the pid in the innermost namespace. */
static int inner_pid(const char *pid)
{
	char text[4096], *line;

	if (read_file(pid, "status", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "\nNSpid:");
	if (!line)
		return 0;
	line[1 + strcspn(line + 1, "\n")] = 0;
	line = strrchr(line + 1, '\t');
	return line ? atoi(line + 1) : 0;
}

static struct json *process(const char *pid)
{
	char command[1024];
	ssize_t n = read_file(pid, "cmdline", command, sizeof(command));
	int inner = inner_pid(pid);
	struct json *j;

	if (inner <= 1)
		return NULL;
	for (ssize_t i = 0; i + 1 < n; i++)
		if (!command[i])
			command[i] = ' ';
	j = json_new_obj();
	json_set_num(j, "pid", inner);
	json_set_str(j, "command", command);
	return j;
}

struct json *processes_list(int pid_ns_fd)
{
	struct json *all = json_new_arr();
	DIR *d = opendir("/proc");
	struct stat want, st;
	struct dirent *ent;

	if (fstat(pid_ns_fd, &want))
		memset(&want, 0, sizeof(want));
	while (d && (ent = readdir(d))) {
		char path[300];
		struct json *j;

		if (!isdigit((unsigned char)ent->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/pid", ent->d_name);
		if (stat(path, &st) || st.st_ino != want.st_ino || st.st_dev != want.st_dev)
			continue;
		j = process(ent->d_name);
		if (j)
			json_append(all, j);
	}
	if (d)
		closedir(d);
	return all;
}

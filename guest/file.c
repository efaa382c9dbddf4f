// SPDX-License-Identifier: GPL-2.0-only
/* Files, the kernel's log, time; and modprobe. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	size_t left = strlen(text);
	ssize_t n = 0;

	if (fd < 0)
		return errno;
	for (; left > 0; text += n, left -= n) {
		n = write(fd, text, left);
		if (n < 0) {
			close(fd);
			return errno;
		}
	}
	return close(fd) ? errno : 0;
}

static int do_write(struct request *r)
{
	return write_file(r->argv[1], r->argv[2]);
}

static int do_read(struct request *r)
{
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(r->argv[1], "re");

	if (!f)
		return errno;
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		answer(r, "line", "%s", line);
	}
	free(line);
	fclose(f);
	return 0;
}

/* What the kernel has said since this was asked last. */
static int do_dmesg(struct request *r)
{
	int size = klogctl(10 /* SYSLOG_ACTION_SIZE_BUFFER, since 2.6.6 */, NULL, 0);
	char *text;

	if (size < 0)
		size = 1 << 16;
	text = calloc(1, size + 1);

	if (!text)
		return ENOMEM;
	if (klogctl(4 /* SYSLOG_ACTION_READ_CLEAR */, text, size) < 0)
		return errno;
	answer_lines(r, "line", text);
	free(text);
	return 0;
}

static int do_sleep(struct request *r)
{
	long ms = atol(r->argv[1]);
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
	return 0;
}

const struct verb file_verbs[] = {
	{ "write", 2, do_write },
	{ "read", 1, do_read },
	{ "dmesg", 0, do_dmesg },
	{ "sleep", 1, do_sleep },
	{ NULL, 0, NULL },
};

static int insert(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0)
		return errno;
	failed = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return failed == EEXIST ? 0 : failed;
}

/*
 * The last argument is a name or an alias. /etc/modules, made by the host from
 * modules.dep and modules.alias, has a line for each: PATTERN FILE FILE ...,
 * in the order to insert. '-' and '_' are the same in module names.
 */
int modprobe_main(int argc, char **argv)
{
	char line[4096], *pattern, *path, *rest, *c;
	char *wanted = argc > 1 ? argv[argc - 1] : NULL;
	int found = 0, failed = 0;
	FILE *f = fopen("/etc/modules", "re");

	if (!wanted || !f)
		return 1;
	for (c = wanted; *c; c++)
		if (*c == '-')
			*c = '_';
	while (fgets(line, sizeof(line), f)) {
		rest = line;
		line[strcspn(line, "\n")] = '\0';
		pattern = strsep(&rest, " ");
		if (fnmatch(pattern, wanted, 0))
			continue;
		found = 1;
		while ((path = strsep(&rest, " ")))
			failed |= insert(path);
	}
	return found && !failed ? 0 : 1;
}

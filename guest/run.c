// SPDX-License-Identifier: GPL-2.0-only
/* run: a program with its output. Its arguments are NAME=VALUE ..., then the program's path and arguments. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static _Noreturn void child(char **environment, char **argv, int out, int err)
{
	int nothing = open("/dev/null", O_RDONLY);

	dup2(nothing, 0);
	dup2(out, 1);
	dup2(err, 2);
	execve(argv[0], argv, environment);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Output goes to files, not pipes: no reader needed while the program runs. */
static int temporary(void)
{
	return open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static void report(const struct request *r, const char *key, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, size + 1);

	lseek(fd, 0, SEEK_SET);
	if (text && read(fd, text, size) == size)
		answer_lines(r, key, text);
	free(text);
	close(fd);
}

static int do_run(struct request *r)
{
	static char *environment[MAX_ARGS + 1];
	int count = 0, first = 1, out = temporary(), err = temporary(), status;
	pid_t pid;

	if (out < 0 || err < 0)
		return errno;
	for (; first < r->argc && strchr(r->argv[first], '='); first++)
		environment[count++] = r->argv[first];
	environment[count] = NULL;
	if (first == r->argc)
		return EINVAL;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		child(environment, r->argv + first, out, err);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	answer(r, "rc", "%d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	report(r, "out", out);
	report(r, "err", err);
	return 0;
}

const struct verb run_verbs[] = {
	{ "run", 1, do_run },
	{ NULL, 0, NULL },
};

// SPDX-License-Identifier: GPL-2.0-only
/* PID 1: mounts what is needed, then serves requests until `poweroff`. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

static const struct verb *const all_verbs[] = {
	file_verbs, net_verbs, run_verbs, tcp_verbs, capture_verbs, batch_verbs,
};

/* Where answers go: the console, or memory while a batch runs. */
static FILE *out;

void answer(const struct request *r, const char *key, const char *format, ...)
{
	char text[8192];
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	fprintf(out, "@tk %s %s %s\n", r->id, key, text);
}

void answer_lines(const struct request *r, const char *key, char *text)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")))
		if (*line || rest)
			answer(r, key, "%s", line);
}

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text == '\\' && text[1]) {
			text++;
			*to++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static int dispatch(struct request *r)
{
	const struct verb *v;
	size_t i;

	for (i = 0; i < sizeof(all_verbs) / sizeof(*all_verbs); i++)
		for (v = all_verbs[i]; v->name; v++)
			if (strcmp(v->name, r->argv[0]) == 0)
				return r->argc - 1 < v->least ? EINVAL : v->run(r);
	return ENOSYS;
}

static int split(struct request *r, char *text)
{
	char *field;

	for (r->argc = 0; r->argc < MAX_ARGS && (field = strsep(&text, "\t"));) {
		unescape(field);
		r->argv[r->argc++] = field;
	}
	r->argv[r->argc] = NULL;
	return r->argc;
}

/*
 * batch REQUEST ...: all of them in a row, with no word on the console until
 * the last is done. QEMU's sun4u loses interrupts when the console and the
 * network card want one at the same time, so they take turns.
 */
static int do_batch(struct request *r)
{
	static struct request part;
	char id[32], *text = NULL;
	size_t size = 0;
	FILE *console = out;
	int i, code;

	fflush(out);
	tcdrain(1);
	out = open_memstream(&text, &size);
	if (!out) {
		out = console;
		return ENOMEM;
	}
	for (i = 1; i < r->argc; i++) {
		snprintf(id, sizeof(id), "%s.%d", r->id, i - 1);
		part.id = id;
		code = split(&part, r->argv[i]) ? dispatch(&part) : EINVAL;
		fprintf(out, "@tk %s end %d\n", id, code);
	}
	fclose(out);
	out = console;
	fwrite(text, 1, size, out);
	free(text);
	return 0;
}

const struct verb batch_verbs[] = {
	{ "batch", 1, do_batch },
	{ NULL, 0, NULL },
};

/*
 * A byte can get lost on a serial console. LENGTH tells; the host sends the
 * request again then, or a newline when it hears nothing (that wakes a UART
 * whose interrupt got lost, and ends a line whose newline did).
 */
static void serve(char *line)
{
	static char done[16];
	static struct request r;
	char *length, *rest = line;
	int code;

	r.id = strsep(&rest, "\t");
	length = strsep(&rest, "\t");
	if (strcmp(r.id, done) == 0)
		return;
	if (!rest || strlen(rest) != (size_t)atoi(length)) {
		if (*line)
			printf("@tk %s again 0\n", *r.id ? r.id : "0");
		return;
	}
	snprintf(done, sizeof(done), "%s", r.id);
	split(&r, rest);
	code = dispatch(&r);
	fprintf(out, "@tk %s end %d\n", r.id, code);
}

/* No echo, no line editing, no length limit; '\n' still goes out as "\r\n". */
static void raw_console(void)
{
	struct termios t;

	if (tcgetattr(0, &t))
		return;
	t.c_lflag &= ~(ICANON | ECHO | ISIG | IEXTEN);
	t.c_iflag &= ~(IXON | ICRNL | INLCR | ISTRIP);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(0, TCSANOW, &t);
}

static void mounts(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mkdir("/run", 0755);
	mkdir("/tmp", 0777);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
}

int main(int argc, char **argv)
{
	struct utsname u;
	char *line = NULL;
	size_t size = 0;

	if (getpid() != 1)
		return modprobe_main(argc, argv);
	mounts();
	klogctl(8 /* SYSLOG_ACTION_CONSOLE_LEVEL */, NULL, 1);
	raw_console();
	setvbuf(stdout, NULL, _IOLBF, 0);
	out = stdout;
	uname(&u);
	printf("\n@tk 0 ready %s %s\n", u.release, u.machine);
	while (getline(&line, &size, stdin) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, "poweroff") == 0)
			break;
		serve(line);
	}
	printf("@tk 0 bye 0\n");
	fflush(stdout);
	tcdrain(1);
	sync();
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	return 1;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program that is PID 1 in the guests of `tarpit-kit prove`: it does what
 * the host asks for on the console, one line a request, and answers in lines
 * that start with "@tk". It decides nothing; src/core/prove judges.
 *
 * Request:  ID \t LENGTH \t VERB \t ARG ... \n   LENGTH: bytes from VERB to before
 *                                              \n; \n, \t, \\ escaped in an ARG
 * Answer:   @tk ID KEY VALUE                   any number of these
 *           @tk ID end CODE                    0, or an errno
 *           @tk ID.N KEY VALUE                 of the Nth part of a batch
 *           @tk ID again 0                     garbled: send it again
 */
#ifndef TARPIT_KIT_GUEST_H
#define TARPIT_KIT_GUEST_H

#include <stddef.h>

#define MAX_ARGS 1024

struct request {
	const char *id;
	int argc;
	char *argv[MAX_ARGS + 1];	/* ends with NULL: fit for execve */
};

struct verb {
	const char *name;
	int least;			/* arguments it needs */
	int (*run)(struct request *r);	/* 0 or an errno */
};

extern const struct verb file_verbs[];	/* each ends with a NULL name */
extern const struct verb net_verbs[];
extern const struct verb run_verbs[];
extern const struct verb tcp_verbs[];
extern const struct verb capture_verbs[];
extern const struct verb batch_verbs[];

/* One answer line; what is not printable comes out as '?'. */
void answer(const struct request *r, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The lines of a text, each as an answer. */
void answer_lines(const struct request *r, const char *key, char *text);

/* /sbin/modprobe, called by the kernel (request_module) or by iptables. */
int modprobe_main(int argc, char **argv);

/* Writes a whole file, e.g. a sysctl; 0 or an errno. */
int write_file(const char *path, const char *text);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* Real TCP connections, by number: what the guest's own TCP does with a tarpit. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define MAX_CONNECTIONS 256

static int connections[MAX_CONNECTIONS];	/* file descriptor, 0: none */

static int *slot(const char *number)
{
	unsigned int n = atoi(number);

	return n < MAX_CONNECTIONS ? &connections[n] : NULL;
}

static socklen_t parse(struct sockaddr_in6 *to, const char *address, const char *port)
{
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET6, address, &to->sin6_addr) == 1) {
		to->sin6_family = AF_INET6;
		to->sin6_port = htons(atoi(port));
		return sizeof(*to);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(atoi(port));
	return inet_pton(AF_INET, address, &four->sin_addr) == 1 ? sizeof(*four) : 0;
}

/* How a connection attempt ended, or that it has not yet. */
static const char *outcome(int fd, int wait_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&p, 1, wait_ms) == 0)
		return "pending";
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? strerrorname_np(error) : "connected";
}

/* connect NUMBER ADDRESS PORT WAIT_MS [LOCAL_PORT] -> state */
static int do_connect(struct request *r)
{
	struct sockaddr_in6 to;
	socklen_t size = parse(&to, r->argv[2], r->argv[3]);
	int *c = slot(r->argv[1]);
	int fd;

	if (!c || size == 0)
		return EINVAL;
	fd = socket(((struct sockaddr *)&to)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	*c = fd;
	if (connect(fd, (struct sockaddr *)&to, size) && errno != EINPROGRESS)
		answer(r, "state", "%s", strerrorname_np(errno));
	else
		answer(r, "state", "%s", outcome(fd, atoi(r->argv[4])));
	return 0;
}

/*
 * reach ADDRESS PORT SECONDS: calls a port that refuses until it does, as a link
 * that has just come up and neighbours that are not known yet lose packets.
 */
static int do_reach(struct request *r)
{
	struct sockaddr_in6 to;
	socklen_t size = parse(&to, r->argv[1], r->argv[2]);
	time_t end = time(NULL) + atoi(r->argv[3]);
	const char *state;
	int fd;

	if (size == 0)
		return EINVAL;
	do {
		fd = socket(((struct sockaddr *)&to)->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return errno;
		connect(fd, (struct sockaddr *)&to, size);
		state = outcome(fd, 500);
		close(fd);
		if (strcmp(state, "ECONNREFUSED") == 0)
			return 0;
	} while (time(NULL) < end);
	answer(r, "state", "%s", state);
	return EHOSTUNREACH;
}

/* listen NUMBER ADDRESS PORT: accepts nothing itself, the backlog answers */
static int do_listen(struct request *r)
{
	struct sockaddr_in6 at;
	socklen_t size = parse(&at, r->argv[2], r->argv[3]);
	int *c = slot(r->argv[1]);
	int on = 1;

	if (!c || size == 0)
		return EINVAL;
	*c = socket(((struct sockaddr *)&at)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*c < 0)
		return errno;
	setsockopt(*c, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(*c, (struct sockaddr *)&at, size) || listen(*c, 16) ? errno : 0;
}

/* send NUMBER BYTES -> sent, or error */
static int do_send(struct request *r)
{
	int *c = slot(r->argv[1]);
	size_t size = atol(r->argv[2]);
	char *data = calloc(1, size ? size : 1);
	ssize_t n;

	if (!c || !*c || !data)
		return EINVAL;
	n = send(*c, memset(data, 'x', size), size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		answer(r, "error", "%s", strerrorname_np(errno));
	else
		answer(r, "sent", "%zd", n);
	free(data);
	return 0;
}

/* info NUMBER -> what the kernel says of the connection (tcp(7), TCP_INFO) */
static int do_info(struct request *r)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	int *c = slot(r->argv[1]);
	int queued = 0, unsent = 0;
	char byte;

	if (!c || !*c)
		return EINVAL;
	if (getsockopt(*c, IPPROTO_TCP, TCP_INFO, &info, &size))
		return errno;
	ioctl(*c, SIOCOUTQ, &queued);
	ioctl(*c, SIOCOUTQNSD, &unsent);
	answer(r, "state", "%u", info.tcpi_state);
	answer(r, "probes", "%u", info.tcpi_probes);
	answer(r, "backoff", "%u", info.tcpi_backoff);
	answer(r, "retransmits", "%u", info.tcpi_retransmits);
	answer(r, "unacked", "%u", info.tcpi_unacked);
	answer(r, "acked", "%llu", (unsigned long long)info.tcpi_bytes_acked);
	answer(r, "queued", "%d", queued);
	answer(r, "unsent", "%d", unsent);
	if (recv(*c, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0)
		answer(r, "receive", "%s", strerrorname_np(errno));
	else
		answer(r, "receive", "end");
	return 0;
}

/* close NUMBER; abort NUMBER (with a reset, SO_LINGER 0 in socket(7)) */
static int finish(struct request *r, int linger)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };
	int *c = slot(r->argv[1]);

	if (!c || !*c)
		return EINVAL;
	if (linger)
		setsockopt(*c, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(*c);
	*c = 0;
	return 0;
}

static int do_close(struct request *r)
{
	return finish(r, 0);
}

static int do_abort(struct request *r)
{
	return finish(r, 1);
}

const struct verb tcp_verbs[] = {
	{ "connect", 4, do_connect },
	{ "reach", 3, do_reach },
	{ "listen", 3, do_listen },
	{ "send", 2, do_send },
	{ "info", 1, do_info },
	{ "close", 1, do_close },
	{ "abort", 1, do_abort },
	{ NULL, 0, NULL },
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * crowd NAMESPACE DEVICE GATEWAY FROM TO PORT COUNT SOURCES PERIOD
 *
 * COUNT connections from SOURCES addresses, each as a Linux peer with data blocked has it once it is
 * saturated: a window probe every PERIOD seconds. Prints a line after the handshakes, then one a
 * period: "established N" or "answered N of COUNT, wrong N". Ends when its input does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet.h"

#define FIRST_PORT 1024
#define BURST 200			/* SYNs between two looks at what came back */
#define SECOND 1000000000ull

struct connection {
	uint32_t isn;
	uint8_t open, answered;
};

static struct connection *connections;
static unsigned int count, sources, wrong;
static struct address from;
static struct wire wire;
static struct segment s = { .window = 64240 };
static int answers;

static uint32_t iss(unsigned int n)
{
	return 0x9e3779b1u * (n + 1);
}

static void transmit(unsigned int n, uint8_t flags, uint32_t seq, uint32_t ack)
{
	uint8_t frame[128];

	s.from = nth_address(from, n % sources);
	s.sport = FIRST_PORT + n / sources;
	s.flags = flags;
	s.seq = seq;
	s.ack = ack;
	if (send(wire.fd, frame, build(frame, &wire, &s), 0) < 0 && errno != ENOBUFS)
		die("send");
}

/* Which connection a segment belongs to: the inverse of what transmit() does. */
static unsigned int owner(const struct segment *got)
{
	const uint8_t *end = got->to.bytes + (got->to.six ? 12 : 0);
	const uint8_t *base = from.bytes + (from.six ? 12 : 0);
	uint32_t a, b;

	memcpy(&a, end, 4);
	memcpy(&b, base, 4);
	return (got->dport - FIRST_PORT) * sources + (ntohl(a) - ntohl(b));
}

static void hear(int wait_ms)
{
	struct pollfd p = { .fd = answers, .events = POLLIN };
	struct segment got;
	uint8_t frame[256];
	ssize_t n;

	poll(&p, 1, wait_ms);
	while ((n = recv(answers, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
		struct connection *c;
		unsigned int i;

		if (!dissect(frame, n, &got) || (i = owner(&got)) >= count)
			continue;
		c = &connections[i];
		if (got.flags == (SYN | ACK) && got.ack == iss(i) + 1) {
			c->isn = got.seq;
			c->open = 1;
		} else if (got.flags == ACK && c->open && got.window == 0 && got.ack == iss(i) + 1 &&
			   got.seq == c->isn + 1) {
			c->answered = 1;
		} else {
			wrong++;
		}
	}
}

/* What is not answered is asked again: the target has a ceiling. */
static unsigned int establish(void)
{
	unsigned int left = count, i, burst = 0, round;

	for (round = 0; left && round < 50; round++) {
		for (i = 0; i < count; i++) {
			if (connections[i].open)
				continue;
			transmit(i, SYN, iss(i), 0);
			if (++burst % BURST == 0)
				hear(50);
		}
		hear(200);
		for (left = 0, i = 0; i < count; i++)
			left += !connections[i].open;
	}
	for (i = 0; i < count; i++) {
		if (!connections[i].open)
			continue;
		transmit(i, ACK, iss(i) + 1, connections[i].isn + 1);
		if (i % BURST == 0)
			hear(50);
	}
	hear(200);
	return count - left;
}

static int input_ended(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	char byte;

	return poll(&p, 1, 0) > 0 && read(0, &byte, 1) <= 0;
}

static void report(void)
{
	unsigned int i, found = 0;

	for (i = 0; i < count; i++) {
		found += connections[i].answered;
		connections[i].answered = 0;
	}
	printf("answered %u of %u, wrong %u\n", found, count, wrong);
}

/* Probes are spread over the period. */
static void hold(uint64_t period)
{
	uint64_t start = now_ns();
	unsigned int next = 0;

	while (!input_ended()) {
		uint64_t elapsed = now_ns() - start;
		uint64_t due = elapsed >= period ? count : elapsed * count / period;

		for (; next < due; next++)
			if (connections[next].open)
				transmit(next, ACK, iss(next), connections[next].isn + 1);
		hear(20);
		if (next < count || elapsed < period)
			continue;
		hear(200);
		report();
		start += period;
		next = 0;
	}
}

int main(int argc, char **argv)
{
	if (argc != 10)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	enter_namespace(argv[1]);
	wire = open_wire(argv[2], argv[3]);
	from = parse_address(argv[4]);
	s.to = parse_address(argv[5]);
	s.dport = atoi(argv[6]);
	count = atoi(argv[7]);
	sources = atoi(argv[8]);
	answers = packet_socket(argv[2], from.six ? ETH_P_IPV6 : ETH_P_IP);
	connections = calloc(count, sizeof(*connections));
	if (!connections || !sources)
		die("calloc");
	printf("established %u\n", establish());
	hold(atoi(argv[9]) * SECOND);
	return 0;
}

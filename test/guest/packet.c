// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "packet.h"

_Noreturn void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

struct address parse_address(const char *text)
{
	struct address a = { 0 };

	a.six = strchr(text, ':') != NULL;
	if (inet_pton(a.six ? AF_INET6 : AF_INET, text, a.bytes) != 1) {
		errno = EINVAL;
		die(text);
	}
	return a;
}

struct address nth_address(struct address base, uint32_t n)
{
	uint8_t *end = base.bytes + (base.six ? 12 : 0);
	uint32_t value;

	memcpy(&value, end, 4);
	value = htonl(ntohl(value) + n);
	memcpy(end, &value, 4);
	return base;
}

uint32_t sum16(const void *data, unsigned int length, uint32_t sum)
{
	const uint8_t *byte = data;
	unsigned int i;

	for (i = 0; i + 1 < length; i += 2) {
		sum += byte[i] << 8 | byte[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return i < length ? sum + (byte[i] << 8) : sum;
}

uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = value >> 8;
	to[1] = value;
}

static void put32(uint8_t *to, uint32_t value)
{
	put16(to, value >> 16);
	put16(to + 2, value);
}

static uint16_t get16(const uint8_t *from)
{
	return from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

/* RFC 791 section 3.1 */
static void put_ip4(uint8_t *ip, const struct segment *s, unsigned int size)
{
	ip[0] = 0x45;
	put16(ip + 2, 20 + size);
	put16(ip + 6, 0x4000);
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 12, s->from.bytes, 4);
	memcpy(ip + 16, s->to.bytes, 4);
	put16(ip + 10, ~fold(sum16(ip, 20, 0)));
}

/* RFC 8200 section 3 */
static void put_ip6(uint8_t *ip, const struct segment *s, unsigned int size)
{
	ip[0] = 0x60;
	put16(ip + 4, size);
	ip[6] = IPPROTO_TCP;
	ip[7] = 64;
	memcpy(ip + 8, s->from.bytes, 16);
	memcpy(ip + 24, s->to.bytes, 16);
}

/* RFC 9293 section 3.1 */
static void put_tcp(uint8_t *tcp, const struct segment *s)
{
	unsigned int width = s->from.six ? 16 : 4, size = 20 + s->payload;
	uint32_t sum;

	put16(tcp, s->sport);
	put16(tcp + 2, s->dport);
	put32(tcp + 4, s->seq);
	put32(tcp + 8, s->ack);
	tcp[12] = 5 << 4;
	tcp[13] = s->flags;
	put16(tcp + 14, s->window);
	sum = sum16(s->to.bytes, width, sum16(s->from.bytes, width, IPPROTO_TCP + size));
	put16(tcp + 16, s->partial ? fold(sum) : (uint16_t)~fold(sum16(tcp, size, sum)));
}

unsigned int build(uint8_t *frame, const struct wire *wire, const struct segment *s)
{
	unsigned int ip = s->from.six ? 40 : 20, size = 20 + s->payload;

	memset(frame, 0, 14 + ip + size);
	memcpy(frame, wire->gateway, 6);
	memcpy(frame + 6, wire->mac, 6);
	put16(frame + 12, s->from.six ? ETH_P_IPV6 : ETH_P_IP);
	if (s->from.six)
		put_ip6(frame + 14, s, size);
	else
		put_ip4(frame + 14, s, size);
	put_tcp(frame + 14 + ip, s);
	return 14 + ip + size;
}

int dissect(const uint8_t *frame, unsigned int length, struct segment *s)
{
	const uint8_t *ip = frame + 14, *tcp;
	unsigned int header;

	memset(s, 0, sizeof(*s));
	if (length < 34)
		return 0;
	s->from.six = s->to.six = get16(frame + 12) == ETH_P_IPV6;
	if (s->from.six) {
		header = 40;
		if (length < 74 || ip[6] != IPPROTO_TCP)
			return 0;
		memcpy(s->from.bytes, ip + 8, 16);
		memcpy(s->to.bytes, ip + 24, 16);
	} else {
		header = (ip[0] & 15) * 4;
		if (get16(frame + 12) != ETH_P_IP || ip[9] != IPPROTO_TCP || length < 34 + header)
			return 0;
		memcpy(s->from.bytes, ip + 12, 4);
		memcpy(s->to.bytes, ip + 16, 4);
	}
	tcp = ip + header;
	s->sport = get16(tcp);
	s->dport = get16(tcp + 2);
	s->seq = get32(tcp + 4);
	s->ack = get32(tcp + 8);
	s->flags = tcp[13];
	s->window = get16(tcp + 14);
	return 1;
}

void enter_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

int packet_socket(const char *device, int protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), room = 64 << 20;

	at.sll_ifindex = if_nametoindex(device);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die(device);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

struct wire open_wire(const char *device, const char *gateway)
{
	struct wire wire = { .fd = packet_socket(device, 0) };
	struct ifreq request = { 0 };
	uint8_t *g = wire.gateway;

	snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
	if (ioctl(wire.fd, SIOCGIFHWADDR, &request))
		die(device);
	memcpy(wire.mac, request.ifr_hwaddr.sa_data, 6);
	if (sscanf(gateway, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", g, g + 1, g + 2, g + 3, g + 4, g + 5) != 6)
		die(gateway);
	return wire;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

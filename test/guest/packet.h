/* SPDX-License-Identifier: GPL-2.0-only */
/* Building TCP segments in frames, for the programs that run in the test guests. */
#ifndef TARPIT_KIT_PACKET_H
#define TARPIT_KIT_PACKET_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdint.h>

#define FIN 1
#define SYN 2
#define RST 4
#define PSH 8
#define ACK 16

#define FRAME_MAX (14 + 65535)

struct address {
	int six;
	uint8_t bytes[16];		/* IPv4: the first four */
};

struct segment {
	struct address from, to;
	uint16_t sport, dport, window;
	uint32_t seq, ack;
	uint8_t flags;
	unsigned int payload;		/* bytes of it */
	int partial;			/* checksum: of the pseudo-header only, the device does the rest */
};

struct wire {
	int fd;
	uint8_t mac[6], gateway[6];
};

/* Ends the program with the words and errno; the harness shows them. */
_Noreturn void die(const char *what);

struct address parse_address(const char *text);
/* The address `n` places behind `base`. */
struct address nth_address(struct address base, uint32_t n);

/* RFC 1071, without the final complement; `sum` is what came before. */
uint32_t sum16(const void *data, unsigned int length, uint32_t sum);
uint16_t fold(uint32_t sum);

/* Writes the frame of a segment; the payload is zeros. Returns its length. */
unsigned int build(uint8_t *frame, const struct wire *wire, const struct segment *s);
/* Reads one; 0 when there is no TCP segment in it. */
int dissect(const uint8_t *frame, unsigned int length, struct segment *s);

void enter_namespace(const char *path);
/* A packet socket on a device; protocol 0 hears nothing. */
int packet_socket(const char *device, int protocol);
struct wire open_wire(const char *device, const char *gateway);
uint64_t now_ns(void);

#endif

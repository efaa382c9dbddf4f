// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood KIND NAMESPACE DEVICE GATEWAY TAP FROM TO PORT COUNT FLOWS
 *
 * Sends COUNT prebuilt frames of FLOWS connections out of DEVICE in NAMESPACE and prints
 * "NANOSECONDS HANDSHAKES". Under QEMU's -icount the clock counts instructions.
 *
 *   syn    a SYN of each connection
 *   probe  the window probe of a Linux peer: no payload, one below the first byte
 *   large  one segment of 45 * 1448 bytes, as receive offload hands it up
 *
 * What the last two acknowledge comes from SYN-ACKs, which TAP, a device of the namespace the
 * program was started in, sends out. Without an answer to the SYN a made-up number is acknowledged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet.h"

#define MSS 1448
#define FIRST_PORT 1024

struct frame {
	uint8_t *data;
	unsigned int size;
};

static uint32_t iss(unsigned int flow)
{
	return 0x9e3779b1u * (flow + 1);
}

/* The sequence numbers of the SYN-ACKs; returns how many came. */
static unsigned int handshakes(int tap, const struct wire *wire, struct segment *s,
			       struct address from, unsigned int flows, uint32_t *isn)
{
	uint8_t frame[2048];
	struct segment got;
	unsigned int i, found = 0;

	for (i = 0; i < flows; i++) {
		/* Who has left out one answers none. On a processor without an idle state waiting is slow. */
		int patience = found == i ? 20 : 0;
		struct pollfd p = { .fd = tap, .events = POLLIN };

		s->from = nth_address(from, i);
		s->sport = FIRST_PORT + i;
		s->flags = SYN;
		s->seq = iss(i);
		s->ack = 0;
		if (send(wire->fd, frame, build(frame, wire, s), 0) < 0)
			die("send");
		isn[i] = 0;
		while (poll(&p, 1, patience) > 0) {
			ssize_t n = recv(tap, frame, sizeof(frame), 0);

			if (n <= 0 || !dissect(frame, n, &got) || got.flags != (SYN | ACK) ||
			    got.dport != FIRST_PORT + i)
				continue;
			isn[i] = got.seq;
			found++;
			break;
		}
	}
	return found;
}

static struct frame make(const struct wire *wire, struct segment *s, int large)
{
	static uint8_t buffer[FRAME_MAX];
	struct virtio_net_hdr hdr = { 0 };
	unsigned int size = build(buffer, wire, s), room = large ? sizeof(hdr) : 0;
	struct frame f = { .data = malloc(size + room), .size = size + room };

	if (!f.data)
		die("malloc");
	if (large) {
		unsigned int ip = s->from.six ? 40 : 20;

		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.gso_type = s->from.six ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
		hdr.gso_size = MSS;
		hdr.hdr_len = 14 + ip + 20;
		hdr.csum_start = 14 + ip;
		hdr.csum_offset = 16;
		memcpy(f.data, &hdr, sizeof(hdr));
	}
	memcpy(f.data + room, buffer, size);
	return f;
}

static void transmit(int fd, const struct frame *frames, unsigned int flows, unsigned int count)
{
	unsigned int i, flow = 0;

	for (i = 0; i < count; i++) {
		if (send(fd, frames[flow].data, frames[flow].size, 0) < 0)
			die("send");
		if (++flow == flows)
			flow = 0;
	}
}

int main(int argc, char **argv)
{
	struct segment s = { .window = 64240 };
	unsigned int i, flows, count, established = 0;
	int tap, on = 1, probe, large;
	struct address from;
	struct frame *frames;
	struct wire wire;
	uint32_t *isn;
	uint64_t start;

	if (argc != 11)
		return 2;
	probe = strcmp(argv[1], "probe") == 0;
	large = strcmp(argv[1], "large") == 0;
	tap = packet_socket(argv[5], ETH_P_ALL);
	enter_namespace(argv[2]);
	wire = open_wire(argv[3], argv[4]);
	from = parse_address(argv[6]);
	s.to = parse_address(argv[7]);
	s.dport = atoi(argv[8]);
	count = atoi(argv[9]);
	flows = atoi(argv[10]);
	frames = calloc(flows, sizeof(*frames));
	isn = calloc(flows, sizeof(*isn));
	if (!frames || !isn)
		die("calloc");

	if (probe || large)
		established = handshakes(tap, &wire, &s, from, flows, isn);
	close(tap);
	for (i = 0; i < flows; i++) {
		s.from = nth_address(from, i);
		s.sport = FIRST_PORT + i;
		s.flags = probe ? ACK : large ? ACK | PSH : SYN;
		s.seq = iss(i) + large;
		s.ack = probe || large ? isn[i] + 1 : 0;
		s.payload = large ? 45 * MSS : 0;
		s.partial = large;
		frames[i] = make(&wire, &s, large);
	}
	setsockopt(wire.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	if (large && setsockopt(wire.fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		die("PACKET_VNET_HDR");

	start = now_ns();
	transmit(wire.fd, frames, flows, count);
	printf("%llu %u\n", (unsigned long long)(now_ns() - start), established);
	return 0;
}

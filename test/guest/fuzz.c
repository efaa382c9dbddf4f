// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz NAMESPACE DEVICE GATEWAY SEED COUNT [TARGET4 TARGET6]...
 *
 * Sends COUNT packets made from a seed: segments as peers of a tarpit send them, of connections
 * whose cookies are taken from what comes back, then bent at every layer, cut short and cut to
 * fragments. Prints "SENT ANSWERS HANDSHAKES REFUSED" (by the device, before it left).
 *
 * GATEWAY is the hardware address of the next hop; each pair of targets is an address that the
 * packets may go to: one that is local there, one that is routed on, one that is bridged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packet.h"

#define FLOWS 512
#define FIRST_PORT 20000
#define ROOM 2200			/* of a packet before it is cut; the device's MTU is 1500 */

struct flow {
	uint32_t iss, isn;
	int open;
};

struct packet {
	uint8_t data[14 + ROOM + 4096];
	unsigned int size;		/* from the IP header on */
	unsigned int tcp;		/* where the segment begins, from the IP header on */
	int six;
};

static struct flow flows[2][FLOWS];
static struct address targets[2][8];
static unsigned int target_count;
static struct wire wire;
static int gso, answers_of[2];
static unsigned long sent, refused, answers, handshakes;

/* xorshift64*: the same packets for the same seed. */
static uint64_t state;

static uint32_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull) >> 32;
}

static uint32_t below(uint32_t limit)
{
	return any() % limit;
}

static int one_in(uint32_t n)
{
	return below(n) == 0;
}

static const uint32_t edges[] = { 0, 1, 2, 5, 6, 7, 8, 9, 0x7fffffff, 0x80000000, 0xfffffffa, 0xfffffffe, 0xffffffff };

static uint32_t number(void)
{
	return one_in(2) ? any() : edges[below(sizeof(edges) / 4)] + below(3) - 1;
}

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = value >> 8;
	to[1] = value;
}

/* ---- segments as a peer sends them, and some that none does */

static const char *const odd4[] = { "0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.1", "10.88.0.255", "10.88.0.1", "169.254.1.1" };
static const char *const odd6[] = { "::", "::1", "ff02::1", "fd88::1", "::ffff:10.88.0.9", "fe80::1", "2002::1" };

static struct address peer_address(int six, unsigned int flow)
{
	if (one_in(200))
		return parse_address(six ? odd6[below(7)] : odd4[below(7)]);
	return nth_address(parse_address(six ? "fd89::1:0" : "10.89.0.0"), 1 + flow % 64);
}

static struct address target_address(int six)
{
	if (one_in(400))
		return parse_address(six ? odd6[below(7)] : odd4[below(7)]);
	return targets[six][below(target_count)];
}

/* Ports the rules are for: tarpit, honeypot, reset and what else revision 1 may do. */
static uint16_t port(void)
{
	return one_in(50) ? any() : 80 + below(4);
}

static void talk(struct segment *s, struct flow *f)
{
	static const uint8_t usual[] = { ACK, ACK, ACK | PSH, ACK | PSH, ACK | FIN, ACK | PSH | FIN, RST, ACK | RST };

	s->flags = usual[below(8)];
	s->seq = f->iss + below(12) - 2;
	s->ack = f->isn + (one_in(20) ? number() : 1);
	if (s->flags & PSH)
		s->payload = one_in(4) ? below(1400) : 1 + below(8);
}

static unsigned int segment(struct segment *s, int six)
{
	unsigned int flow = below(FLOWS);
	struct flow *f = &flows[six][flow];

	memset(s, 0, sizeof(*s));
	s->from = peer_address(six, flow);
	s->to = target_address(six);
	s->sport = FIRST_PORT + flow;
	s->dport = 80 + flow % 4;
	s->window = one_in(4) ? 0 : any();
	if (f->open && !one_in(4)) {
		talk(s, f);
		return flow;
	}
	s->seq = number();
	s->ack = number();
	s->dport = port();
	s->flags = one_in(3) ? any() : one_in(8) ? SYN | ACK : one_in(4) ? ACK : SYN;
	s->payload = one_in(3) ? below(one_in(2) ? 20 : 1400) : 0;
	if (s->flags == SYN) {
		f->iss = s->seq;
		f->open = 0;
	}
	return flow;
}

/* ---- options and extension headers: inserted, right or wrong */

static void insert(struct packet *p, unsigned int at, const uint8_t *what, unsigned int size)
{
	uint8_t *ip = p->data + 14;

	memmove(ip + at + size, ip + at, p->size - at);
	memcpy(ip + at, what, size);
	p->size += size;
	if (at <= p->tcp)
		p->tcp += size;
}

/* RFC 9293 section 3.2: kinds that exist and any others, lengths that fit and any others. */
static void tcp_options(struct packet *p)
{
	static const uint8_t kinds[] = { 0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69, 253, 254 };
	uint8_t options[40], *tcp;
	unsigned int size = 4 * below(11), i;

	for (i = 0; i < size; i++)
		options[i] = any();
	for (i = 0; i + 1 < size; i += options[i + 1] ? options[i + 1] : 1) {
		options[i] = kinds[below(sizeof(kinds))];
		options[i + 1] = one_in(6) ? any() : 2 + below(10);
	}
	insert(p, p->tcp + 20, options, size);
	tcp = p->data + 14 + p->tcp;
	tcp[12] = (5 + size / 4) << 4;
}

/* RFC 791 section 3.1 */
static void ip4_options(struct packet *p)
{
	static const uint8_t kinds[] = { 0, 1, 7, 68, 130, 131, 133, 134, 136, 137, 148, 150 };
	uint8_t options[40] = { 0 };
	unsigned int size = 4 * (1 + below(10)), tcp = p->tcp, i;

	for (i = 0; i < size && one_in(3) == 0; i += 4) {
		options[i] = kinds[below(sizeof(kinds))];
		options[i + 1] = one_in(4) ? any() : 4;
		options[i + 2] = one_in(4) ? any() : 4;
	}
	insert(p, 20, options, size);
	p->tcp = tcp + size;
	p->data[14] = 0x40 | (5 + size / 4);
}

/* RFC 8200 section 4: up to three headers in front of the segment. */
static void ip6_headers(struct packet *p)
{
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60, 60, 135, 139, 140 };
	unsigned int count = 1 + below(3), i, j;

	for (i = 0; i < count; i++) {
		uint8_t kind = kinds[below(sizeof(kinds))], header[64] = { 0 };
		unsigned int units = kind == 44 ? 0 : below(4), size = 8 * (units + 1);

		if (kind == 51)
			size = 4 * (units + 2);
		for (j = 2; j < size; j++)
			header[j] = one_in(3) ? any() : 0;
		if (kind == 0 || kind == 60)
			for (j = 2; j + 1 < size; j += 2 + header[j + 1]) {
				header[j] = one_in(5) ? any() : 1;	/* PadN */
				header[j + 1] = one_in(8) ? any() : size - j - 2;
			}
		if (kind == 44 && !one_in(3))
			header[2] = header[3] = 0;			/* an atomic fragment */
		header[0] = p->data[14 + 6];
		header[1] = one_in(10) ? any() : units;
		insert(p, 40, header, size);
		p->data[14 + 6] = kind;
	}
}

/* ---- checksums and lengths, so that the packet gets past whoever looks at them first */

static void mend(struct packet *p)
{
	uint8_t *ip = p->data + 14, *tcp = ip + p->tcp;
	unsigned int width = p->six ? 16 : 4, size = p->size - p->tcp;
	const uint8_t *from = ip + (p->six ? 8 : 12);

	put16(ip + (p->six ? 4 : 2), p->six ? p->size - 40 : p->size);
	if (size >= 20) {
		put16(tcp + 16, 0);
		put16(tcp + 16, ~fold(sum16(tcp, size, sum16(from, 2 * width, IPPROTO_TCP + size))));
	}
	if (!p->six) {
		unsigned int header = (ip[0] & 15) * 4;

		put16(ip + 10, 0);
		put16(ip + 10, ~fold(sum16(ip, header > p->size ? p->size : header, 0)));
	}
}

/* Damage after the checksums were right: to a header most of the time. */
static void bend(struct packet *p)
{
	uint8_t *ip = p->data + 14;
	unsigned int times = 1 + below(4), i;

	for (i = 0; i < times; i++)
		ip[below(one_in(3) ? p->size : p->tcp + 20)] ^= 1 << below(8);
}

static void bend_tcp(struct packet *p)
{
	uint8_t *tcp = p->data + 14 + p->tcp;

	switch (below(5)) {
	case 0:
		tcp[12] = any();		/* data offset and reserved bits */
		break;
	case 1:
		tcp[13] = any();
		break;
	case 2:
		put16(tcp + 18, any());		/* urgent pointer */
		break;
	case 3:
		put16(tcp + 14, 0);
		break;
	default:
		tcp[12] ^= below(16);
	}
}

static void bend_ip(struct packet *p)
{
	uint8_t *ip = p->data + 14;

	if (p->six) {
		if (one_in(2))
			ip[1] = any();		/* traffic class, flow label */
		else
			ip[7] = any();
		return;
	}
	switch (below(4)) {
	case 0:
		ip[1] = any();
		break;
	case 1:
		ip[8] = any();
		break;
	case 2:
		put16(ip + 6, any());		/* flags, fragment offset */
		break;
	default:
		put16(ip + 6, 0);
	}
}

/* ---- onto the wire */

static void hear(int answers_fd)
{
	uint8_t frame[4096];
	struct segment s;
	ssize_t n;

	while ((n = recv(answers_fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
		unsigned int flow;

		if (!dissect(frame, n, &s) || memcmp(frame, wire.mac, 6))
			continue;
		answers++;
		flow = s.dport - FIRST_PORT;
		if (flow >= FLOWS || s.flags != (SYN | ACK))
			continue;
		flows[s.from.six][flow].isn = s.seq;
		flows[s.from.six][flow].iss = s.ack - 1;
		flows[s.from.six][flow].open = 1;
		handshakes++;
	}
}

static void emit(const uint8_t *frame, unsigned int size)
{
	if (send(wire.fd, frame, size, 0) < 0)
		refused++;
	sent++;
	if (sent % 64 == 0) {
		hear(answers_of[0]);
		hear(answers_of[1]);
	}
}

static void address_frame(struct packet *p)
{
	uint8_t *frame = p->data;

	memcpy(frame, wire.gateway, 6);
	memcpy(frame + 6, wire.mac, 6);
	put16(frame + 12, p->six ? ETH_P_IPV6 : ETH_P_IP);
	if (!one_in(300))
		return;
	switch (below(3)) {
	case 0:
		memset(frame, 0xff, 6);
		break;
	case 1:
		frame[0] |= 1;
		break;
	default:
		put16(frame + 12, any());
	}
}

/* RFC 791 section 3.2: pieces of 8 bytes and more, in any order, some twice, some overlapping, some lost. */
static void fragments4(struct packet *p)
{
	static uint8_t piece[14 + ROOM + 4096];
	uint8_t *ip = p->data + 14;
	unsigned int header = (ip[0] & 15) * 4, body, step, count, i;
	uint16_t id = any();

	if (header < 20 || header >= p->size)
		return;
	body = p->size - header;
	step = 8 * (1 + below(one_in(2) ? 3 : 64));
	count = (body + step - 1) / step;
	if (count > 24)
		return;
	for (i = 0; i < count; i++) {
		unsigned int k = one_in(4) ? below(count) : i, at = k * step;
		unsigned int size = body - at < step ? body - at : step;

		if (one_in(16))
			size = size > 8 ? 8 * below(size / 8) + 8 : size;
		memcpy(piece, p->data, 14 + header);
		memcpy(piece + 14 + header, ip + header + at, size);
		put16(piece + 14 + 2, header + size);
		put16(piece + 14 + 4, id);
		put16(piece + 14 + 6, at / 8 | (at + size < body ? 0x2000 : 0));
		put16(piece + 14 + 10, 0);
		put16(piece + 14 + 10, ~fold(sum16(piece + 14, header, 0)));
		emit(piece, 14 + header + size);
	}
}

/* RFC 8200 section 4.5, with the fragment header right behind the first. */
static void fragments6(struct packet *p)
{
	static uint8_t piece[14 + ROOM + 4096];
	uint8_t *ip = p->data + 14, *extra = piece + 14 + 40;
	unsigned int body = p->size - 40, step = 8 * (1 + below(one_in(2) ? 3 : 64)), count, i;
	uint32_t id = any();

	count = (body + step - 1) / step;
	if (count > 24)
		return;
	for (i = 0; i < count; i++) {
		unsigned int k = one_in(4) ? below(count) : i, at = k * step;
		unsigned int size = body - at < step ? body - at : step;

		memcpy(piece, p->data, 14 + 40);
		piece[14 + 6] = 44;
		put16(piece + 14 + 4, 8 + size);
		extra[0] = ip[6];
		extra[1] = 0;
		put16(extra + 2, at | (at + size < body));
		memcpy(extra + 4, &id, 4);
		memcpy(extra + 8, ip + 40 + at, size);
		emit(piece, 14 + 48 + size);
	}
}

/* As receive offload hands it up: one large segment whose checksum the device is to finish. */
static void large(int six)
{
	static uint8_t buffer[sizeof(struct virtio_net_hdr) + FRAME_MAX];
	struct virtio_net_hdr *hdr = (struct virtio_net_hdr *)buffer;
	unsigned int ip = six ? 40 : 20, size;
	struct segment s;

	segment(&s, six);
	s.flags &= ~(SYN | RST);
	s.payload = below(one_in(4) ? 60000 : 6000);
	s.partial = 1;
	memset(hdr, 0, sizeof(*hdr));
	size = build(buffer + sizeof(*hdr), &wire, &s);
	hdr->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr->gso_type = six ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
	hdr->gso_size = one_in(8) ? 1 + below(2000) : 1400;
	hdr->hdr_len = one_in(4) ? below(200) : 14 + ip + 20;
	hdr->csum_start = one_in(20) ? below(200) : 14 + ip;
	hdr->csum_offset = one_in(20) ? below(40) : 16;
	if (one_in(8))
		hdr->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	if (send(gso, buffer, sizeof(*hdr) + size, 0) < 0)
		refused++;
	sent++;
}

static void one(void)
{
	static struct packet p;
	struct segment s;

	p.six = one_in(2);
	if (one_in(40)) {
		large(p.six);
		return;
	}
	segment(&s, p.six);
	p.tcp = p.six ? 40 : 20;
	p.size = build(p.data, &wire, &s) - 14;
	if (one_in(3))
		tcp_options(&p);
	if (one_in(8))
		bend_tcp(&p);
	if (one_in(10)) {
		if (p.six)
			ip6_headers(&p);
		else
			ip4_options(&p);
	}
	if (one_in(12))
		bend_ip(&p);
	mend(&p);
	if (one_in(10))
		bend(&p);
	address_frame(&p);
	if (one_in(12)) {
		if (p.six)
			fragments6(&p);
		else
			fragments4(&p);
		return;
	}
	if (one_in(12))				/* less than the lengths say, or more */
		p.size = one_in(3) ? p.size + below(40) : below(p.size + 1);
	emit(p.data, 14 + (p.size > 1500 ? 1500 : p.size));
}

int main(int argc, char **argv)
{
	unsigned long count;
	int i, on = 1;

	if (argc < 8 || argc % 2)
		return 2;
	enter_namespace(argv[1]);
	wire = open_wire(argv[2], argv[3]);
	answers_of[0] = packet_socket(argv[2], ETH_P_IP);	/* unlike ETH_P_ALL, not what is sent */
	answers_of[1] = packet_socket(argv[2], ETH_P_IPV6);
	gso = packet_socket(argv[2], 0);
	if (setsockopt(gso, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		die("PACKET_VNET_HDR");
	state = strtoull(argv[4], NULL, 0) * 0x9e3779b97f4a7c15ull + 1;
	count = strtoul(argv[5], NULL, 0);
	for (i = 6; i + 1 < argc && target_count < 8; i += 2, target_count++) {
		targets[0][target_count] = parse_address(argv[i]);
		targets[1][target_count] = parse_address(argv[i + 1]);
	}
	while (sent < count)
		one();
	hear(answers_of[0]);
	hear(answers_of[1]);
	printf("%lu %lu %lu %lu\n", sent, answers, handshakes, refused);
	return 0;
}

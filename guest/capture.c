// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets as an interface received them (packet(7)). Nothing reads while they
 * come in: they wait in the socket's buffer until `packets` asks.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "guest.h"

static int sniffer = -1;

/* capture IFNAME: from now on */
static int do_capture(struct request *r)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct timeval when;
	int size = 16 << 20;

	if (sniffer >= 0)
		close(sniffer);
	sniffer = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sniffer < 0)
		return errno;
	setsockopt(sniffer, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ioctl(sniffer, SIOCGSTAMP, &when);	/* turns time stamps on */
	at.sll_ifindex = if_nametoindex(r->argv[1]);
	return bind(sniffer, (struct sockaddr *)&at, sizeof(at)) ? errno : 0;
}

/* packets -> packet SECONDS.MICROSECONDS LENGTH HEX (the first 128 bytes), dropped */
static int do_packets(struct request *r)
{
	unsigned char frame[128];
	struct sockaddr_ll from;
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof(stats);
	struct timeval when;
	char hex[2 * sizeof(frame) + 1];
	ssize_t n, i;

	for (;;) {
		struct iovec part = { frame, sizeof(frame) };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof(from),
				    .msg_iov = &part, .msg_iovlen = 1 };

		n = recvmsg(sniffer, &m, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0)
			break;
		/* The loopback interface shows each packet leaving and arriving. */
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		ioctl(sniffer, SIOCGSTAMP, &when);
		for (i = 0; i < n && i < (ssize_t)sizeof(frame); i++)
			sprintf(hex + 2 * i, "%02x", frame[i]);
		answer(r, "packet", "%lld.%06ld %zd %s", (long long)when.tv_sec, (long)when.tv_usec, n, hex);
	}
	getsockopt(sniffer, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
	answer(r, "dropped", "%u", stats.tp_drops);
	return 0;
}

const struct verb capture_verbs[] = {
	{ "capture", 1, do_capture },
	{ "packets", 0, do_packets },
	{ NULL, 0, NULL },
};

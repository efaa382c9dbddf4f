// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest of bench/target.bench.ts does besides PID 1's verbs and flood:
 *
 * cost cable NEAR FAR MAC NAMESPACE  a veth pair: NEAR here, with that hardware address; FAR, up, in
 *                                    a network namespace that has its name in the file NAMESPACE
 * cost insmod FILE [OPTIONS]
 * cost rmmod NAME
 * cost loop INSTRUCTIONS             runs that many and prints "NANOSECONDS"
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "packet.h"

/* Attributes behind a netlink header, as rtnetlink(7) wants them. */
struct message {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char rest[512];
};

static void *grow(struct message *m, unsigned int size)
{
	void *at = (char *)m + NLMSG_ALIGN(m->head.nlmsg_len);

	m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + size;
	return at;
}

static struct rtattr *attribute(struct message *m, int type, const void *data, unsigned int size)
{
	struct rtattr *a = grow(m, RTA_LENGTH(size));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(size);
	memcpy(RTA_DATA(a), data, size);
	return a;
}

/* What was added since belongs into `a`. */
static void enclose(struct message *m, struct rtattr *a)
{
	a->rta_len = (char *)m + m->head.nlmsg_len - (char *)a;
}

static void demand(struct message *m)
{
	struct { struct nlmsghdr head; struct nlmsgerr body; char more[1024]; } said;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	m->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	if (fd < 0 || send(fd, m, m->head.nlmsg_len, 0) < 0 || recv(fd, &said, sizeof(said), 0) < 0)
		die("netlink");
	errno = -said.body.error;
	if (errno)
		die("netlink");
	close(fd);
}

static void make_pair(const char *near, const uint8_t *mac, const char *far)
{
	struct message m = { .head = { .nlmsg_type = RTM_NEWLINK, .nlmsg_len = NLMSG_LENGTH(sizeof(m.link)) } };
	struct rtattr *info, *data, *peer;
	uint32_t first = 1;

	attribute(&m, IFLA_IFNAME, far, strlen(far) + 1);
	info = attribute(&m, IFLA_LINKINFO, "", 0);
	attribute(&m, IFLA_INFO_KIND, "veth", 4);
	data = attribute(&m, IFLA_INFO_DATA, "", 0);
	peer = attribute(&m, VETH_INFO_PEER, "", 0);
	memset(grow(&m, sizeof(m.link)), 0, sizeof(m.link));
	attribute(&m, IFLA_IFNAME, near, strlen(near) + 1);
	attribute(&m, IFLA_ADDRESS, mac, 6);
	attribute(&m, IFLA_NET_NS_PID, &first, sizeof(first));
	enclose(&m, peer);
	enclose(&m, data);
	enclose(&m, info);
	demand(&m);
}

static void bring_up(const char *device)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_flags = IFF_UP };

	snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die(device);
	close(fd);
}

static int cable(char **argv)
{
	uint8_t mac[6];

	if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4,
		   mac + 5) != 6)
		return 2;
	if (unshare(CLONE_NEWNET))
		die("unshare");
	make_pair(argv[0], mac, argv[1]);
	bring_up(argv[1]);
	/* It outlives this program. */
	close(open(argv[3], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	if (mount("/proc/self/ns/net", argv[3], NULL, MS_BIND, NULL))
		die(argv[3]);
	return 0;
}

static int insert(const char *path, const char *options)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, options, 0))
		die(path);
	return 0;
}

/* Rounds of known length, so that the scale of the clock can be told. */
static int loop(unsigned long instructions)
{
	uint64_t start;
#if defined(__sparc__)
	unsigned long left = instructions / 3;

	start = now_ns();
	asm volatile("1: subcc %0, 1, %0; bne,pt %%xcc, 1b; nop" : "+r"(left) : : "cc");
#elif defined(__x86_64__)
	unsigned long left = instructions / 2;

	start = now_ns();
	asm volatile("1: sub $1, %0; jne 1b" : "+r"(left) : : "cc");
#else
#error "which loop has a known number of instructions here?"
#endif
	printf("%llu\n", (unsigned long long)(now_ns() - start));
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "cable") == 0 && argc == 6)
		return cable(argv + 2);
	if (strcmp(verb, "insmod") == 0)
		return insert(argv[2], argc > 3 ? argv[3] : "");
	if (strcmp(verb, "rmmod") == 0) {
		if (syscall(SYS_delete_module, argv[2], O_NONBLOCK))
			die(argv[2]);
		return 0;
	}
	if (strcmp(verb, "loop") == 0)
		return loop(strtoul(argv[2], NULL, 10));
	return 2;
}

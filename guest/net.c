// SPDX-License-Identifier: GPL-2.0-only
/* Interfaces, addresses and routes by ioctl (netdevice(7), ipv6(7), rtentry). */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"

/* linux/ipv6.h and linux/ipv6_route.h clash with the C library's headers. */
struct in6_address_request {
	struct in6_addr addr;
	unsigned int prefix;
	int index;
};

static int control(int family, unsigned long what, void *argument)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int failed = fd < 0 || ioctl(fd, what, argument) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return failed;
}

static void name_it(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof(*request));
	snprintf(request->ifr_name, IFNAMSIZ, "%s", name);
}

/* up IFNAME, down IFNAME */
static int set_up(struct request *r, int up)
{
	struct ifreq request;
	int failed;

	name_it(&request, r->argv[1]);
	failed = control(AF_INET, SIOCGIFFLAGS, &request);
	if (failed)
		return failed;
	request.ifr_flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
	return control(AF_INET, SIOCSIFFLAGS, &request);
}

static int do_up(struct request *r)
{
	return set_up(r, 1);
}

static int do_down(struct request *r)
{
	return set_up(r, 0);
}

static void mask_of(struct sockaddr *to, unsigned int prefix)
{
	struct sockaddr_in *mask = (struct sockaddr_in *)to;

	memset(mask, 0, sizeof(*mask));
	mask->sin_family = AF_INET;
	mask->sin_addr.s_addr = htonl(prefix ? ~0U << (32 - prefix) : 0);
}

static int parse4(struct sockaddr *to, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;

	memset(in, 0, sizeof(*in));
	in->sin_family = AF_INET;
	return inet_pton(AF_INET, text, &in->sin_addr) == 1 ? 0 : EINVAL;
}

/* addr IFNAME ADDRESS PREFIX */
static int do_addr(struct request *r)
{
	unsigned int prefix = atoi(r->argv[3]);
	struct in6_address_request six = { .prefix = prefix, .index = if_nametoindex(r->argv[1]) };
	struct ifreq four;
	int failed;

	if (inet_pton(AF_INET6, r->argv[2], &six.addr) == 1)
		return control(AF_INET6, SIOCSIFADDR, &six);
	name_it(&four, r->argv[1]);
	failed = parse4(&four.ifr_addr, r->argv[2]);
	if (failed || (failed = control(AF_INET, SIOCSIFADDR, &four)))
		return failed;
	mask_of(&four.ifr_netmask, prefix);
	return control(AF_INET, SIOCSIFNETMASK, &four);
}

/* route DESTINATION PREFIX GATEWAY|- IFNAME */
static int do_route(struct request *r)
{
	const char *gateway = r->argv[3];
	unsigned int prefix = atoi(r->argv[2]);
	struct in6_rtmsg six = { .rtmsg_dst_len = prefix, .rtmsg_metric = 1, .rtmsg_flags = RTF_UP };
	struct rtentry four = { .rt_flags = RTF_UP, .rt_dev = r->argv[4] };
	int direct = strcmp(gateway, "-") == 0;

	if (inet_pton(AF_INET6, r->argv[1], &six.rtmsg_dst) == 1) {
		six.rtmsg_ifindex = if_nametoindex(r->argv[4]);
		if (!direct) {
			six.rtmsg_flags |= RTF_GATEWAY;
			if (inet_pton(AF_INET6, gateway, &six.rtmsg_gateway) != 1)
				return EINVAL;
		}
		return control(AF_INET6, SIOCADDRT, &six);
	}
	if (parse4(&four.rt_dst, r->argv[1]) || (!direct && parse4(&four.rt_gateway, gateway)))
		return EINVAL;
	mask_of(&four.rt_genmask, prefix);
	if (!direct)
		four.rt_flags |= RTF_GATEWAY;
	return control(AF_INET, SIOCADDRT, &four);
}

const struct verb net_verbs[] = {
	{ "up", 1, do_up },
	{ "down", 1, do_down },
	{ "addr", 3, do_addr },
	{ "route", 4, do_route },
	{ NULL, 0, NULL },
};

// SPDX-License-Identifier: GPL-2.0-only
/* Strings, numbers, memory and names. */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

void *memcpy(void *to, const void *from, size_t size)
{
	char *t = to;
	const char *f = from;

	while (size--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, size_t size)
{
	char *t = to;

	while (size--)
		*t++ = value;
	return to;
}

size_t strlen(const char *text)
{
	const char *end = text;

	while (*end)
		end++;
	return end - text;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

char *strchr(const char *text, int c)
{
	for (; *text != (char)c; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}

size_t strcspn(const char *text, const char *stop)
{
	size_t n = 0;

	while (text[n] && !strchr(stop, text[n]))
		n++;
	return n;
}

char *strncpy(char *to, const char *from, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		to[i] = *from;
		if (*from)
			from++;
	}
	return to;
}

char *strsep(char **rest, const char *stop)
{
	char *start = *rest, *end;

	if (!start)
		return NULL;
	end = start + strcspn(start, stop);
	*rest = *end ? end + 1 : NULL;
	*end = '\0';
	return start;
}

long atol(const char *text)
{
	long value = 0;
	int minus = *text == '-';

	for (text += minus; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + *text - '0';
	return minus ? -value : value;
}

int atoi(const char *text)
{
	return atol(text);
}

/* Memory is given out once; only the block given out last comes back. */
static char heap[24 << 20] __attribute__((aligned(16)));
static size_t used;
static char *last;

void *calloc(size_t count, size_t size)
{
	size_t whole = (count * size + 15) & ~(size_t)15;

	if (whole > sizeof(heap) - used)
		return NULL;
	last = heap + used;
	used += whole;
	return memset(last, 0, whole);
}

void *malloc(size_t size)
{
	return calloc(1, size);
}

void free(void *block)
{
	if (block && block == last)
		used = last - heap;
}

/* IPv4 only: ours is no IPv6 target there. */
int inet_pton(int family, const char *text, void *to)
{
	unsigned char *bytes = to;
	int i;

	if (family != AF_INET)
		return 0;
	for (i = 0; i < 4; i++) {
		bytes[i] = atoi(text);
		text += strcspn(text, ".");
		if (*text ? i == 3 : i < 3)
			return 0;
		text++;
	}
	return 1;
}

/* modprobe's patterns: no kernel calls it in these guests, which have no modules. */
int fnmatch(const char *pattern, const char *name, int flags)
{
	(void)flags;
	return strcmp(pattern, name) ? FNM_NOMATCH : 0;
}

const char *strerrorname_np(int number)
{
	switch (number) {
	case EAGAIN: return "EAGAIN";
	case EINPROGRESS: return "EINPROGRESS";
	case ECONNREFUSED: return "ECONNREFUSED";
	case ECONNRESET: return "ECONNRESET";
	case ECONNABORTED: return "ECONNABORTED";
	case ETIMEDOUT: return "ETIMEDOUT";
	case EHOSTUNREACH: return "EHOSTUNREACH";
	case ENETUNREACH: return "ENETUNREACH";
	case ENETDOWN: return "ENETDOWN";
	case ENOTCONN: return "ENOTCONN";
	case EPIPE: return "EPIPE";
	case EINVAL: return "EINVAL";
	case ENOMEM: return "ENOMEM";
	case ENOBUFS: return "ENOBUFS";
	case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
	default: return "EOTHER";
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * rules TABLE RULE ...: the whole table of iptables at once, as its own program
 * hands it over (IPT_SO_SET_REPLACE, include/linux/netfilter_ipv4/ip_tables.h);
 * what is in no rule keeps its policy, ACCEPT. A RULE is words:
 *
 *   CHAIN tcp|udp|any|!tcp SPORT DPORT MASK FLAGS TARGET SIZE VALUE
 *
 * SPORT and DPORT 0: every port. MASK and FLAGS: of the TCP flags. TARGET is
 * DROP, or a name that gets SIZE bytes of which the first is VALUE.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../guest.h"

static const struct table {
	const char *name;
	unsigned int hooks;
} tables[] = {
	{ "filter", 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD | 1 << NF_INET_LOCAL_OUT },
	{ "mangle", 0x1f },
};

static const char *const chains[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };

struct building {
	char *at;
	unsigned int count;
};

/* Data of a target begins where the C library's alignment of a u64 lets it (XT_ALIGN). */
#define ALIGNED(n) (((n) + __alignof__(unsigned long long) - 1) & ~(__alignof__(unsigned long long) - 1))

static void close_entry(struct building *b, struct ipt_entry *e, char *end)
{
	e->next_offset = end - (char *)e;
	b->at = end;
	b->count++;
}

/* A verdict is the data of the target without a name; the kernel wants it as -verdict - 1. */
static void add_policy(struct building *b, int verdict)
{
	struct ipt_entry *e = (struct ipt_entry *)b->at;
	struct xt_standard_target *t = (struct xt_standard_target *)e->elems;

	e->target_offset = sizeof(*e);
	t->target.u.target_size = ALIGNED(sizeof(*t));
	t->verdict = -verdict - 1;
	close_entry(b, e, (char *)t + ALIGNED(sizeof(*t)));
}

static void add_tcp(struct ipt_entry *e, char *words[])
{
	struct xt_entry_match *m = (struct xt_entry_match *)e->elems;
	struct xt_tcp *tcp = (struct xt_tcp *)m->data;
	int sport = atoi(words[2]), dport = atoi(words[3]);

	m->u.match_size = ALIGNED(sizeof(*m) + sizeof(*tcp));
	strncpy(m->u.user.name, "tcp", sizeof(m->u.user.name) - 1);
	tcp->spts[0] = sport;
	tcp->spts[1] = sport ? sport : 0xffff;
	tcp->dpts[0] = dport;
	tcp->dpts[1] = dport ? dport : 0xffff;
	tcp->flg_mask = atoi(words[4]);
	tcp->flg_cmp = atoi(words[5]);
	e->target_offset += m->u.match_size;
}

static void add_rule(struct building *b, char *words[])
{
	struct ipt_entry *e = (struct ipt_entry *)b->at;
	struct xt_entry_target *t;
	int size = atoi(words[7]);

	e->target_offset = sizeof(*e);
	if (words[1][0] == '!')
		e->ip.invflags = XT_INV_PROTO;
	if (strcmp(words[1], "any"))
		e->ip.proto = strcmp(words[1], "udp") ? 6 : 17;
	if (strcmp(words[1], "tcp") == 0)
		add_tcp(e, words);
	if (strcmp(words[6], "DROP") == 0) {
		struct xt_standard_target *s = (struct xt_standard_target *)((char *)e + e->target_offset);

		s->target.u.target_size = ALIGNED(sizeof(*s));
		s->verdict = -NF_DROP - 1;
		close_entry(b, e, (char *)s + ALIGNED(sizeof(*s)));
		return;
	}
	t = (struct xt_entry_target *)((char *)e + e->target_offset);
	t->u.target_size = sizeof(*t) + size;
	strncpy(t->u.user.name, words[6], sizeof(t->u.user.name) - 1);
	if (size)
		t->data[0] = atoi(words[8]);
	close_entry(b, e, (char *)t + t->u.target_size);
}

static void add_error(struct building *b)
{
	struct ipt_entry *e = (struct ipt_entry *)b->at;
	struct xt_error_target *t = (struct xt_error_target *)e->elems;

	e->target_offset = sizeof(*e);
	t->target.u.target_size = ALIGNED(sizeof(*t));
	strncpy(t->target.u.user.name, "ERROR", sizeof(t->target.u.user.name) - 1);
	strncpy(t->errorname, "ERROR", sizeof(t->errorname) - 1);
	close_entry(b, e, (char *)t + ALIGNED(sizeof(*t)));
}

/* The kernel writes the old counters back and refuses a number that is not that of the old entries. */
static unsigned int old_entries(int fd, const char *table)
{
	struct ipt_getinfo info;
	socklen_t size = sizeof(info);

	memset(&info, 0, sizeof(info));
	strncpy(info.name, table, sizeof(info.name) - 1);
	return getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size) ? 0 : info.num_entries;
}

#define WORDS 9

static int split_words(char *rule, char *words[])
{
	int n = 0;

	while (n < WORDS && (words[n] = strsep(&rule, " ")))
		n++;
	return n == WORDS;
}

static int replace(struct request *r, const struct table *t, int fd)
{
	static char space[65536], texts[MAX_ARGS][96], *split[MAX_ARGS][WORDS];
	struct ipt_replace *all = (struct ipt_replace *)space;
	struct building b = { (char *)all->entries, 0 };
	int hook, i;

	memset(space, 0, sizeof(space));
	for (i = 2; i < r->argc; i++) {
		strncpy(texts[i], r->argv[i], sizeof(texts[i]) - 1);
		if (!split_words(texts[i], split[i]))
			return EINVAL;
	}
	for (hook = 0; hook < 5; hook++) {
		if (!(t->hooks & 1 << hook))
			continue;
		all->hook_entry[hook] = b.at - (char *)all->entries;
		for (i = 2; i < r->argc; i++)
			if (strcmp(split[i][0], chains[hook]) == 0)
				add_rule(&b, split[i]);
		all->underflow[hook] = b.at - (char *)all->entries;
		add_policy(&b, NF_ACCEPT);
	}
	add_error(&b);
	strncpy(all->name, t->name, sizeof(all->name) - 1);
	all->valid_hooks = t->hooks;
	all->num_entries = b.count;
	all->size = b.at - (char *)all->entries;
	all->num_counters = old_entries(fd, t->name);
	all->counters = calloc(all->num_counters, sizeof(struct xt_counters));
	i = setsockopt(fd, IPPROTO_IP, IPT_SO_SET_REPLACE, all, sizeof(*all) + all->size) ? errno : 0;
	free(all->counters);
	return i;
}

static int do_rules(struct request *r)
{
	int fd = socket(AF_INET, SOCK_RAW, 255 /* IPPROTO_RAW */);
	size_t i;

	if (fd < 0)
		return errno;
	for (i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		if (strcmp(tables[i].name, r->argv[1]) == 0) {
			int failed = replace(r, &tables[i], fd);

			close(fd);
			return failed;
		}
	}
	close(fd);
	return EINVAL;
}

const struct verb run_verbs[] = {
	{ "rules", 1, do_rules },
	{ NULL, 0, NULL },
};

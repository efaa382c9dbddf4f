// SPDX-License-Identifier: GPL-2.0-only
/*
 * TARPIT for iptables and ip6tables: the userspace half of xt_TARPIT.
 *
 * One shared object serves both families and is installed under two names,
 * libxt_TARPIT.so and libipt_TARPIT.so: iptables looks for the latter first,
 * ip6tables knows only the former (xtables_find_target in libxtables).
 *
 * It has both revisions. libxtables uses the newest one that the kernel has.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <xtables.h>

/*
 * The data as the kernel knows it (include/uapi/linux/netfilter/xt_TARPIT.h),
 * spelled out so that this compiles against headers without the target.
 */
enum {
	TARPIT_TARPIT,
	TARPIT_HONEYPOT,
	TARPIT_RESET,
	TARPIT_VARIANTS,
};

struct tarpit_info {
	__u8 variant;
};

enum {
	TARPIT_OPTIONS		= 1 << 0,
	TARPIT_ADOPT		= 1 << 1,
	TARPIT_NO_COOKIE	= 1 << 2,
	TARPIT_NO_TRACK_PEERS	= 1 << 3,
};

struct tarpit_info_v1 {
	__u8 variant;
	__u8 flags;
	__u16 window;
	__u32 reply_rate;

	/* the kernel's own */
	void *rule __attribute__((aligned(8)));
};

/* Option ids: those of the variants are variant numbers. */
enum {
	O_OPTIONS = TARPIT_VARIANTS,
	O_ADOPT,
	O_NO_COOKIE,
	O_NO_TRACK_PEERS,
	O_WINDOW,
	O_REPLY_RATE,
};

static const char *const tarpit_names[TARPIT_VARIANTS] = {
	[TARPIT_TARPIT]   = "tarpit",
	[TARPIT_HONEYPOT] = "honeypot",
	[TARPIT_RESET]    = "reset",
};

static const struct {
	__u8 flag;
	const char *name;
} tarpit_flags[] = {
	{ TARPIT_OPTIONS, "options" },
	{ TARPIT_ADOPT, "adopt" },
	{ TARPIT_NO_COOKIE, "no-cookie" },
	{ TARPIT_NO_TRACK_PEERS, "no-track-peers" },
};

/* The windows of revision 0. */
static const __u16 tarpit_window[TARPIT_VARIANTS] = {
	[TARPIT_TARPIT]   = 5,
	[TARPIT_HONEYPOT] = 64240,
};

#define TARPIT_MAX_REPLY_RATE	1000000

#define BIT(id_)	(1U << (id_))

/* What makes no sense together; a pair has to be found in either order. */
#define NOT_WITH_HONEYPOT \
	(BIT(O_ADOPT) | BIT(O_NO_COOKIE) | BIT(O_NO_TRACK_PEERS))
#define NOT_WITH_RESET \
	(NOT_WITH_HONEYPOT | BIT(O_WINDOW) | BIT(O_OPTIONS))
#define OTHERS		(BIT(TARPIT_HONEYPOT) | BIT(TARPIT_RESET))

#define TARPIT_ALL	((1U << TARPIT_VARIANTS) - 1)
#define TARPIT_OPTION(variant_, text_, excl_) { \
	.name = (text_), .id = (variant_), .type = XTTYPE_NONE, \
	.excl = (TARPIT_ALL & ~BIT(variant_)) | (excl_), \
}
#define TARPIT_FLAG(id_, text_, excl_) { \
	.name = (text_), .id = (id_), .type = XTTYPE_NONE, .excl = (excl_), \
}

static const struct xt_option_entry tarpit_options[] = {
	TARPIT_OPTION(TARPIT_TARPIT, "tarpit", 0),
	TARPIT_OPTION(TARPIT_HONEYPOT, "honeypot", 0),
	TARPIT_OPTION(TARPIT_RESET, "reset", 0),
	XTOPT_TABLEEND,
};

static const struct xt_option_entry tarpit_options_v1[] = {
	TARPIT_OPTION(TARPIT_TARPIT, "tarpit", 0),
	TARPIT_OPTION(TARPIT_HONEYPOT, "honeypot", NOT_WITH_HONEYPOT),
	TARPIT_OPTION(TARPIT_RESET, "reset", NOT_WITH_RESET),
	TARPIT_FLAG(O_OPTIONS, "options", BIT(TARPIT_RESET)),
	TARPIT_FLAG(O_ADOPT, "adopt", OTHERS | BIT(O_NO_COOKIE)),
	TARPIT_FLAG(O_NO_COOKIE, "no-cookie", OTHERS | BIT(O_ADOPT)),
	TARPIT_FLAG(O_NO_TRACK_PEERS, "no-track-peers", OTHERS),
	{ .name = "window", .id = O_WINDOW, .type = XTTYPE_UINT16,
	  .excl = BIT(TARPIT_RESET), .flags = XTOPT_PUT,
	  XTOPT_POINTER(struct tarpit_info_v1, window) },
	{ .name = "max-reply-rate", .id = O_REPLY_RATE, .type = XTTYPE_STRING },
	XTOPT_TABLEEND,
};

static void tarpit_help(void)
{
	fputs(
"TARPIT target options (at most one; needs -p tcp; chains INPUT and FORWARD):\n"
"  --tarpit    accept the connection, close the window, ignore every\n"
"              attempt to end it (default)\n"
"  --honeypot  accept the connection and acknowledge what is sent\n"
"  --reset     answer with a reset\n", stdout);
}

static void tarpit_help_v1(void)
{
	tarpit_help();
	fputs(
"and any of these:\n"
"  --window N                  window of the SYN-ACK (default 5; honeypot 64240)\n"
"  --options                   SYN-ACK with SACK and timestamps if offered\n"
"  --adopt                     also hold connections older than the rule\n"
"  --no-cookie                 answer without looking for the cookie at all\n"
"  --max-reply-rate N/second   at most N (1-1000000) replies to this rule\n"
"  --no-track-peers            no rows in /proc/net/tarpit\n", stdout);
}

/* The data block starts zeroed (libxtables callocs it): variant tarpit, padding 0. */
static void tarpit_parse(struct xt_option_call *cb)
{
	struct tarpit_info *info = cb->data;

	xtables_option_parse(cb);
	info->variant = cb->entry->id;
}

static __u32 tarpit_parse_rate(const char *text)
{
	unsigned int rate;
	char *end;

	if (!xtables_strtoui(text, &end, &rate, 1, TARPIT_MAX_REPLY_RATE) ||
	    (strcmp(end, "/second") && strcmp(end, "/sec") &&
	     strcmp(end, "/s")))
		xtables_error(PARAMETER_PROBLEM,
			      "TARPIT: --max-reply-rate is N/second, N from 1 to %u, not \"%s\"",
			      TARPIT_MAX_REPLY_RATE, text);
	return rate;
}

static void tarpit_parse_v1(struct xt_option_call *cb)
{
	struct tarpit_info_v1 *info = cb->data;
	unsigned int id = cb->entry->id;

	xtables_option_parse(cb);
	if (id < TARPIT_VARIANTS)
		info->variant = id;
	else if (id < O_WINDOW)
		info->flags |= tarpit_flags[id - O_OPTIONS].flag;
	else if (id == O_REPLY_RATE)
		info->reply_rate = tarpit_parse_rate(cb->arg);
}

static void tarpit_check_v1(struct xt_fcheck_call *cb)
{
	struct tarpit_info_v1 *info = cb->data;

	if (!(cb->xflags & BIT(O_WINDOW)))
		info->window = tarpit_window[info->variant];
}

/*
 * fputs, not printf: on 32-bit sparc and powerpc printf is bound to the C
 * library that changed long double, and this needs none of it.
 */
static void tarpit_put(const char *before, __u8 variant, const char *after)
{
	fputs(before, stdout);
	fputs(variant < TARPIT_VARIANTS ? tarpit_names[variant]
					: "unknown-variant", stdout);
	fputs(after, stdout);
}

static void tarpit_put_number(__u32 number)
{
	if (number > 9)
		tarpit_put_number(number / 10);
	putchar('0' + number % 10);
}

static void tarpit_print(const void *ip, const struct xt_entry_target *target,
			 int numeric)
{
	const struct tarpit_info *info = (const void *)target->data;

	(void)ip;
	(void)numeric;
	tarpit_put(" ", info->variant, " mode");
}

/*
 * A variant of a newer kernel comes out as an option that does not exist, so
 * that iptables-restore refuses it instead of taking it for another one.
 */
static void tarpit_save(const void *ip, const struct xt_entry_target *target)
{
	const struct tarpit_info *info = (const void *)target->data;

	(void)ip;
	tarpit_put(" --", info->variant, "");
}

/* Only what is not as revision 0 has it. */
static void tarpit_put_v1(const struct tarpit_info_v1 *info, const char *dashes)
{
	unsigned int i, flags = info->flags;

	if (info->variant >= TARPIT_VARIANTS ||
	    info->window != tarpit_window[info->variant]) {
		fputs(dashes, stdout);
		fputs("window ", stdout);
		tarpit_put_number(info->window);
	}
	for (i = 0; i < sizeof(tarpit_flags) / sizeof(tarpit_flags[0]); i++)
		if (flags & tarpit_flags[i].flag) {
			fputs(dashes, stdout);
			fputs(tarpit_flags[i].name, stdout);
			flags &= ~tarpit_flags[i].flag;
		}
	if (flags) {
		fputs(dashes, stdout);
		fputs("unknown-flags", stdout);
	}
	if (info->reply_rate) {
		fputs(dashes, stdout);
		fputs("max-reply-rate ", stdout);
		tarpit_put_number(info->reply_rate);
		fputs("/second", stdout);
	}
}

static void tarpit_print_v1(const void *ip,
			    const struct xt_entry_target *target, int numeric)
{
	const struct tarpit_info_v1 *info = (const void *)target->data;

	(void)ip;
	(void)numeric;
	tarpit_put(" ", info->variant, " mode");
	tarpit_put_v1(info, " ");
}

static void tarpit_save_v1(const void *ip, const struct xt_entry_target *target)
{
	const struct tarpit_info_v1 *info = (const void *)target->data;

	(void)ip;
	tarpit_put(" --", info->variant, "");
	tarpit_put_v1(info, " --");
}

/*
 * -D compares userspacesize bytes. The padding behind the byte of revision 0
 * is zero on both sides: calloc here, xt_target_to_user() there.
 */
static struct xtables_target tarpit_targets[] = {
	{
		.version	= XTABLES_VERSION,
		.name		= "TARPIT",
		.revision	= 0,
		.family		= NFPROTO_UNSPEC,
		.size		= XT_ALIGN(sizeof(struct tarpit_info)),
		.userspacesize	= XT_ALIGN(sizeof(struct tarpit_info)),
		.help		= tarpit_help,
		.print		= tarpit_print,
		.save		= tarpit_save,
		.x6_parse	= tarpit_parse,
		.x6_options	= tarpit_options,
	},
	{
		.version	= XTABLES_VERSION,
		.name		= "TARPIT",
		.revision	= 1,
		.family		= NFPROTO_UNSPEC,
		.size		= XT_ALIGN(sizeof(struct tarpit_info_v1)),
		.userspacesize	= offsetof(struct tarpit_info_v1, rule),
		.help		= tarpit_help_v1,
		.print		= tarpit_print_v1,
		.save		= tarpit_save_v1,
		.x6_parse	= tarpit_parse_v1,
		.x6_fcheck	= tarpit_check_v1,
		.x6_options	= tarpit_options_v1,
	},
};

static void __attribute__((constructor)) tarpit_register(void)
{
	xtables_register_targets(tarpit_targets,
				 sizeof(tarpit_targets) / sizeof(tarpit_targets[0]));
}

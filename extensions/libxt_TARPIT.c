// SPDX-License-Identifier: GPL-2.0-only
/*
 * TARPIT for iptables and ip6tables: the userspace half of xt_TARPIT.
 *
 * One shared object serves both families and is installed under two names,
 * libxt_TARPIT.so and libipt_TARPIT.so: iptables looks for the latter first,
 * ip6tables knows only the former (xtables_find_target in libxtables).
 */
#include <stdio.h>
#include <xtables.h>

/*
 * Revision 0 as the kernel knows it (include/uapi/linux/netfilter/xt_TARPIT.h),
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

/* Option ids are variant numbers, so parsing is an assignment. */
static const char *const tarpit_names[TARPIT_VARIANTS] = {
	[TARPIT_TARPIT]   = "tarpit",
	[TARPIT_HONEYPOT] = "honeypot",
	[TARPIT_RESET]    = "reset",
};

#define TARPIT_ALL	((1U << TARPIT_VARIANTS) - 1)
#define TARPIT_OPTION(variant_, text_) { \
	.name = (text_), .id = (variant_), .type = XTTYPE_NONE, \
	.excl = TARPIT_ALL & ~(1U << (variant_)), \
}

static const struct xt_option_entry tarpit_options[] = {
	TARPIT_OPTION(TARPIT_TARPIT, "tarpit"),
	TARPIT_OPTION(TARPIT_HONEYPOT, "honeypot"),
	TARPIT_OPTION(TARPIT_RESET, "reset"),
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

/* The data block starts zeroed (libxtables callocs it): variant tarpit, padding 0. */
static void tarpit_parse(struct xt_option_call *cb)
{
	struct tarpit_info *info = cb->data;

	xtables_option_parse(cb);
	info->variant = cb->entry->id;
}

/*
 * fputs, not printf: on 32-bit sparc and powerpc printf is bound to the C
 * library that changed long double, and this needs none of it.
 */
static void tarpit_put(const char *before, const void *data, const char *after)
{
	const struct tarpit_info *info = data;

	fputs(before, stdout);
	fputs(info->variant < TARPIT_VARIANTS ? tarpit_names[info->variant]
					      : "unknown-variant", stdout);
	fputs(after, stdout);
}

static void tarpit_print(const void *ip, const struct xt_entry_target *target,
			 int numeric)
{
	(void)ip;
	(void)numeric;
	tarpit_put(" ", target->data, " mode");
}

/*
 * A variant of a newer kernel comes out as an option that does not exist, so
 * that iptables-restore refuses it instead of taking it for another one.
 */
static void tarpit_save(const void *ip, const struct xt_entry_target *target)
{
	(void)ip;
	tarpit_put(" --", target->data, "");
}

/*
 * -D compares userspacesize bytes. The padding behind the byte is zero on both
 * sides: calloc here, xt_target_to_user() there.
 */
static struct xtables_target tarpit_target = {
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
};

static void __attribute__((constructor)) tarpit_register(void)
{
	xtables_register_target(&tarpit_target);
}

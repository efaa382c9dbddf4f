/*
 * TARPIT for iptables 1.2 and 1.3, whose extensions fill in a struct
 * iptables_target and must be of the very version of iptables they are for:
 * IPTABLES_VERSION comes from its Makefile, the rest from its headers.
 *
 * One byte of data, as with today's iptables (libxt_TARPIT.c): only 2.4
 * kernels take it, or none at all, which the extensions of that time sent.
 *
 * What is called here is in every C library there was: no printf(), of which
 * today's headers make another one for 32-bit SPARC, and no _init() of
 * the compiler's, which asks for more.
 *
 * This program is free software; you can redistribute it and/or modify
 * it under the terms of the GNU General Public License version 2 as
 * published by the Free Software Foundation.
 */
#include <stdio.h>
#include <getopt.h>
#include <sys/types.h>
#include <netinet/in.h>
#include <iptables.h>
#include <linux/netfilter_ipv4/ip_tables.h>

static const char *const tarpit_name[] = { "tarpit", "honeypot", "reset" };

static struct option tarpit_options[] = {
	{ "tarpit", 0, NULL, 0 },
	{ "honeypot", 0, NULL, 1 },
	{ "reset", 0, NULL, 2 },
	{ NULL, 0, NULL, 0 }
};

static void tarpit_help(void)
{
	fputs("TARPIT v" IPTABLES_VERSION " options (at most one; needs -p tcp; chains INPUT and FORWARD):\n"
	      "  --tarpit    accept the connection, close the window, ignore every\n"
	      "              attempt to end it (default)\n"
	      "  --honeypot  accept the connection and acknowledge what is sent\n"
	      "  --reset     answer with a reset\n", stdout);
}

static void tarpit_init(struct ipt_entry_target *target, unsigned int *nfcache)
{
	(void)nfcache;
	target->data[0] = 0;
}

static int tarpit_parse(int c, char **argv, int invert, unsigned int *flags,
			const struct ipt_entry *entry,
			struct ipt_entry_target **target)
{
	(void)argv;
	(void)entry;
	if (c < 0 || c > 2)
		return 0;
	if (invert)
		exit_error(PARAMETER_PROBLEM,
			   "TARPIT: its options cannot be inverted");
	if (*flags)
		exit_error(PARAMETER_PROBLEM,
			   "TARPIT: only one of --tarpit, --honeypot and --reset");
	*flags = 1;
	(*target)->data[0] = c;
	return 1;
}

static void tarpit_final_check(unsigned int flags)
{
	(void)flags;
}

/* How the rule says it; a variant from elsewhere is not hidden. */
static void tarpit_write(const char *before, unsigned char variant)
{
	fputs(before, stdout);
	fputs(variant < 3 ? tarpit_name[variant] : "unknown", stdout);
	fputs(" ", stdout);
}

static void tarpit_print(const struct ipt_ip *ip,
			 const struct ipt_entry_target *target, int numeric)
{
	(void)ip;
	(void)numeric;
	tarpit_write("", target->data[0]);
}

static void tarpit_save(const struct ipt_ip *ip,
			const struct ipt_entry_target *target)
{
	(void)ip;
	tarpit_write("--", target->data[0]);
}

static struct iptables_target tarpit_target = {
	.name		= "TARPIT",
	.version	= IPTABLES_VERSION,
	.size		= IPT_ALIGN(1),
	.userspacesize	= IPT_ALIGN(1),
	.help		= tarpit_help,
	.init		= tarpit_init,
	.parse		= tarpit_parse,
	.final_check	= tarpit_final_check,
	.print		= tarpit_print,
	.save		= tarpit_save,
	.extra_opts	= tarpit_options,
};

/* The linker is told to make it DT_INIT, which every loader calls. */
void tarpit_register(void);
void tarpit_register(void)
{
	register_target(&tarpit_target);
}

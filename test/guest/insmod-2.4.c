// SPDX-License-Identifier: GPL-2.0-only
/*
 * insmod FILE.o: what modutils did for a kernel before 2.5, on sparc64. There
 * the program does what the kernel does today: it puts the sections behind one
 * another, asks the kernel where its symbols are, and hands it the bytes.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../guest/bare/call.h"

/* As linux/module.h has it up to what it calls optional. */
struct module {
	unsigned long size_of_struct, next, name, size, use, flags;
	unsigned int symbols, dependencies;
	unsigned long symbol_table, dependency_table, references;
	unsigned long init, cleanup, exceptions, exceptions_end;
	unsigned long optional[9];
};

struct kernel_symbol {
	unsigned long value;
	char name[60];
};

static char *file;
static Elf64_Shdr *sections;
static Elf64_Sym *symbols;
static const char *names;
static struct kernel_symbol *known;
static long known_count;
static unsigned long base;

static _Noreturn void fail(const char *what, const char *which)
{
	fprintf(stderr, "insmod: %s %s\n", what, which);
	exit(1);
}

static char *read_whole(const char *path)
{
	FILE *from = fopen(path, "r");
	long size;
	char *to;

	if (!from || fseek(from, 0, SEEK_END) || (size = ftell(from)) < (long)sizeof(Elf64_Ehdr))
		fail("cannot read", path);
	rewind(from);
	to = malloc(size);
	if (!to || fread(to, 1, size, from) != (size_t)size || memcmp(to, ELFMAG "\2\2", 6))
		fail("no object of sparc64:", path);
	fclose(from);
	return to;
}

/* Gives each section that is to be in memory its place behind struct module and the name; returns the end. */
static unsigned long lay_out(int count, unsigned long at)
{
	int i;

	for (i = 0; i < count; i++) {
		Elf64_Shdr *one = &sections[i];

		one->sh_addr = 0;
		if (!(one->sh_flags & SHF_ALLOC))
			continue;
		at = (at + one->sh_addralign - 1) & -one->sh_addralign;
		one->sh_addr = at;
		at += one->sh_size;
	}
	return at;
}

static unsigned long kernel_value(const char *name)
{
	long i;

	/* The structure in front of the sections. */
	if (!strcmp(name, "__this_module"))
		return base;
	for (i = 0; i < known_count; i++)
		if (strncmp(known[i].name, name, sizeof(known[i].name) - 1) == 0)
			return known[i].value;
	fail("the kernel has no symbol", name);
}

static unsigned long value_of(const Elf64_Sym *symbol)
{
	if (symbol->st_shndx == SHN_UNDEF)
		return kernel_value(names + symbol->st_name);
	if (symbol->st_shndx >= SHN_LORESERVE)
		return symbol->st_value;
	return base + sections[symbol->st_shndx].sh_addr + symbol->st_value;
}

static unsigned long own_value(const char *name, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (symbols[i].st_shndx != SHN_UNDEF && !strcmp(names + symbols[i].st_name, name))
			return value_of(&symbols[i]);
	fail("the module has no", name);
}

static void relocate(char *image, const Elf64_Shdr *list)
{
	unsigned long start = sections[list->sh_info].sh_addr;
	Elf64_Rela *one = (Elf64_Rela *)(file + list->sh_offset);
	Elf64_Rela *end = (Elf64_Rela *)(file + list->sh_offset + list->sh_size);

	for (; one < end; one++) {
		unsigned long value = value_of(&symbols[ELF64_R_SYM(one->r_info)]) + one->r_addend;
		unsigned int *word = (unsigned int *)(image + start + one->r_offset);
		/* The upper half of a type is more of the value (R_SPARC_OLO10). */
		long more = (int)ELF64_R_TYPE(one->r_info) >> 8;
		long away = value - (base + start + one->r_offset);

		switch (ELF64_R_TYPE(one->r_info) & 0xff) {
		case R_SPARC_64:
			memcpy(word, &value, sizeof(value));
			break;
		case R_SPARC_32:
			*word = value;
			break;
		case R_SPARC_WDISP30:
			*word = (*word & ~0x3fffffffu) | ((away >> 2) & 0x3fffffff);
			break;
		case R_SPARC_HI22:
			*word = (*word & ~0x3fffffu) | ((value >> 10) & 0x3fffff);
			break;
		case R_SPARC_LO10:
			*word = (*word & ~0x3ffu) | (value & 0x3ff);
			break;
		case R_SPARC_OLO10:
			*word = (*word & ~0x1fffu) | (((value & 0x3ff) + more) & 0x1fff);
			break;
		default:
			fail("a relocation that is not known:", names + symbols[ELF64_R_SYM(one->r_info)].st_name);
		}
	}
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "", *slash = strrchr(path, '/');
	char name[60], *image;
	struct module *module;
	Elf64_Ehdr *header;
	int i, symbol_count = 0;
	unsigned long size;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	name[strcspn(name, ".")] = '\0';
	file = read_whole(path);
	header = (Elf64_Ehdr *)file;
	sections = (Elf64_Shdr *)(file + header->e_shoff);
	for (i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB) {
			symbols = (Elf64_Sym *)(file + sections[i].sh_offset);
			symbol_count = sections[i].sh_size / sizeof(*symbols);
			names = file + sections[sections[i].sh_link].sh_offset;
		}
	size = lay_out(header->e_shnum, sizeof(*module) + sizeof(name));
	known_count = call(SYS_get_kernel_syms, 0, 0, 0, 0, 0);
	known = calloc(known_count < 0 ? 0 : known_count, sizeof(*known));
	image = calloc(1, size);
	if (!known || !image || call(SYS_get_kernel_syms, (long)known, 0, 0, 0, 0) != known_count)
		fail("no list of symbols from", "the kernel");
	base = call(SYS_create_module, (long)name, size, 0, 0, 0);
	if (base == -1UL)
		fail("no room for", name);
	for (i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_addr && sections[i].sh_type != SHT_NOBITS)
			memcpy(image + sections[i].sh_addr, file + sections[i].sh_offset, sections[i].sh_size);
	for (i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_type == SHT_RELA && sections[sections[i].sh_info].sh_addr)
			relocate(image, &sections[i]);
	module = (struct module *)image;
	module->size_of_struct = sizeof(*module);
	module->name = base + sizeof(*module);
	strcpy(image + sizeof(*module), name);
	module->size = size;
	module->init = own_value("init_module", symbol_count);
	module->cleanup = own_value("cleanup_module", symbol_count);
	if (call(SYS_init_module, (long)name, (long)image, 0, 0, 0) == 0)
		return 0;
	call(SYS_delete_module, (long)name, 0, 0, 0, 0);
	fail("the kernel refuses", path);
}

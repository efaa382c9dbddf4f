// SPDX-License-Identifier: GPL-2.0-only
/* Streams: the console, files that are read, and memory that is written to. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of struct _IO_FILE, as the C library's headers have it, only these fields are used. */
#define START _IO_write_base
#define NEXT _IO_write_ptr
#define END _IO_buf_end
#define RESULT _IO_save_base	/* open_memstream: where to put the text, */
#define LENGTH _IO_backup_base	/* and how much of it there is */

#define PIECE 4096

static char console[1024];
static FILE in = { ._fileno = 0 };
static FILE out = { ._fileno = 1, .START = console, .NEXT = console, .END = console + sizeof(console) };
FILE *stdin = &in;
FILE *stdout = &out;

int fflush(FILE *f)
{
	char *from = f->START;

	if (f->_fileno >= 0) {
		while (from < f->NEXT) {
			ssize_t n = write(f->_fileno, from, f->NEXT - from);

			if (n <= 0)
				break;
			from += n;
		}
		f->NEXT = f->START;
	}
	return 0;
}

/* Twice the room; what was there before is not used again (bare/text.c). */
static void grow(FILE *f)
{
	size_t size = f->NEXT - f->START;
	char *more = calloc(2, size + 2048);

	if (!more) {
		f->NEXT = f->START;
		return;
	}
	memcpy(more, f->START, size);
	f->START = more;
	f->NEXT = more + size;
	f->END = more + 2 * (size + 2048);
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *f)
{
	const char *text = from;
	size_t i;

	for (i = 0; i < size * count; i++) {
		if (f->NEXT + 1 >= f->END)
			f->_fileno >= 0 ? (void)fflush(f) : grow(f);
		*f->NEXT++ = text[i];
		if (text[i] == '\n' && f->_fileno >= 0)
			fflush(f);
	}
	return count;
}

FILE *open_memstream(char **text, size_t *size)
{
	FILE *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->_fileno = -1;
	f->RESULT = (char *)text;
	f->LENGTH = (char *)size;
	grow(f);
	return f;
}

FILE *fopen(const char *path, const char *mode)
{
	FILE *f = calloc(1, sizeof(*f));
	int fd = f ? open(path, O_RDONLY) : -1;

	(void)mode;
	if (fd < 0)
		return NULL;
	f->_fileno = fd;
	f->_IO_read_base = f->_IO_read_ptr = f->_IO_read_end = calloc(1, PIECE);
	return f;
}

int fclose(FILE *f)
{
	if (f->_fileno >= 0)
		return close(f->_fileno);
	*f->NEXT = '\0';
	*(char **)f->RESULT = f->START;
	*(size_t *)f->LENGTH = f->NEXT - f->START;
	return 0;
}

int setvbuf(FILE *f, char *buffer, int mode, size_t size)
{
	(void)f, (void)buffer, (void)mode, (void)size;
	return 0;
}

/*
 * One byte, or -1. The console's are taken one by one; files in pieces, as some
 * of /proc give nothing to who asks for less than a line.
 */
static int next(FILE *f)
{
	unsigned char c;
	ssize_t n;

	if (!f->_IO_read_base)
		return read(f->_fileno, &c, 1) == 1 ? c : -1;
	if (f->_IO_read_ptr == f->_IO_read_end) {
		n = read(f->_fileno, f->_IO_read_base, PIECE);
		f->_IO_read_ptr = f->_IO_read_base;
		f->_IO_read_end = f->_IO_read_base + (n > 0 ? n : 0);
		if (n <= 0)
			return -1;
	}
	return (unsigned char)*f->_IO_read_ptr++;
}

ssize_t getline(char **line, size_t *size, FILE *f)
{
	size_t n = 0;
	int c;

	for (;;) {
		if (n + 2 > *size) {
			char *more = malloc(2 * *size + 65536);

			if (!more)
				return -1;
			memcpy(more, *line, n);
			*line = more;
			*size = 2 * *size + 65536;
		}
		c = next(f);
		if (c < 0)
			break;
		(*line)[n++] = c;
		if (c == '\n')
			break;
	}
	if (n == 0)
		return -1;
	(*line)[n] = '\0';
	return n;
}

char *fgets(char *to, int size, FILE *f)
{
	int n = 0, c = 0;

	while (n + 1 < size && c != '\n' && (c = next(f)) >= 0)
		to[n++] = c;
	to[n] = '\0';
	return n ? to : NULL;
}

struct sink {
	char *to;
	size_t room, length;
};

static void put(struct sink *s, char c)
{
	if (s->length + 1 < s->room)
		s->to[s->length] = c;
	s->length++;
}

static void number(struct sink *s, unsigned long long value, int base, int width, char fill, int minus)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	if (minus)
		put(s, '-');
	for (width -= minus; width > n; width--)
		put(s, fill);
	while (n)
		put(s, digits[--n]);
}

/* %s %c %d %u %x %%, with a width, a leading 0, and h, l, ll or z. */
int vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	struct sink s = { to, size, 0 };
	const char *text;

	for (; *format; format++) {
		int width = 0, longs = 0;
		char fill = ' ';

		if (*format != '%') {
			put(&s, *format);
			continue;
		}
		if (*++format == '0')
			fill = '0';
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + *format - '0';
		for (; *format == 'l' || *format == 'z' || *format == 'h'; format++)
			longs += *format == 'l' ? 1 : *format == 'z' && sizeof(size_t) == sizeof(long);
		if (*format == 's') {
			for (text = va_arg(args, const char *); *text; text++)
				put(&s, *text);
		} else if (*format == 'd') {
			long long value = longs > 1 ? va_arg(args, long long) :
					  longs ? va_arg(args, long) : va_arg(args, int);

			number(&s, value < 0 ? -value : value, 10, width, fill, value < 0);
		} else if (*format == 'u' || *format == 'x') {
			unsigned long long value = longs > 1 ? va_arg(args, unsigned long long) :
						   longs ? va_arg(args, unsigned long) :
							   va_arg(args, unsigned int);

			number(&s, value, *format == 'u' ? 10 : 16, width, fill, 0);
		} else {
			put(&s, *format == 'c' ? va_arg(args, int) : *format);
		}
	}
	if (size)
		to[s.length < size ? s.length : size - 1] = '\0';
	return s.length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to, size, format, args);
	va_end(args);
	return n;
}

int sprintf(char *to, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to, 1 << 16, format, args);
	va_end(args);
	return n;
}

int fprintf(FILE *f, const char *format, ...)
{
	static char text[20000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fwrite(text, 1, strlen(text), f);
	return 0;
}

int printf(const char *format, ...)
{
	static char text[2000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fwrite(text, 1, strlen(text), stdout);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Today's C library on Linux 2.4, for static programs of sparc64 and sparc:
 * what it asks in calls that came later is asked in those of that time. Linked
 * in front of libc.a with --allow-multiple-definition and --wrap=_dl_aux_init.
 * A name below a directory that is open (openat and the like) is refused.
 */
#define _GNU_SOURCE
/* Where the C library has two structures for one, the one it works with. */
#define _FILE_OFFSET_BITS 64
#define _TIME_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../guest/bare/call.h"

/* A name that the C library, or a program, knows it by. */
#define ALSO(name, is) __asm__(".globl " #name "\n\t.set " #name ", " #is)

/* The kernel of that time hands over no random bytes; the stack's guard is read from them. */
extern void *_dl_random;
void __real__dl_aux_init(void *vector);
void __wrap__dl_aux_init(void *vector);

void __wrap__dl_aux_init(void *vector)
{
	static char bytes[16] = "a guest of tests";

	__real__dl_aux_init(vector);
	if (!_dl_random)
		_dl_random = bytes;
}

__attribute__((used)) static void old_exit(int code)
{
	for (;;)
		raw_call(SYS_exit, code, 0, 0, 0, 0);
}
ALSO(_exit, old_exit);
ALSO(_Exit, old_exit);

static int open_plain(const char *path, int flags, int mode)
{
	int fd = call(SYS_open, (long)path, flags & ~(O_CLOEXEC | O_LARGEFILE), mode, 0, 0);

	if (fd >= 0 && (flags & O_CLOEXEC))
		raw_call(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC, 0, 0);
	return fd;
}

__attribute__((used)) static int old_open(const char *path, int flags, ...)
{
	va_list rest;
	int mode;

	va_start(rest, flags);
	mode = va_arg(rest, int);
	va_end(rest);
	return open_plain(path, flags, mode);
}
ALSO(open, old_open);
ALSO(open64, old_open);
ALSO(__open, old_open);
ALSO(__open64, old_open);
ALSO(__libc_open, old_open);
ALSO(__libc_open64, old_open);
ALSO(__open_nocancel, old_open);
ALSO(__open64_nocancel, old_open);

static int is_plain(int directory, const char *path)
{
	if (directory == AT_FDCWD || *path == '/')
		return 1;
	errno = ENOSYS;
	return 0;
}

__attribute__((used)) static int old_openat(int directory, const char *path, int flags, ...)
{
	va_list rest;
	int mode;

	va_start(rest, flags);
	mode = va_arg(rest, int);
	va_end(rest);
	return is_plain(directory, path) ? open_plain(path, flags, mode) : -1;
}
ALSO(openat, old_openat);
ALSO(openat64, old_openat);
ALSO(__openat, old_openat);
ALSO(__openat64, old_openat);
ALSO(__libc_openat, old_openat);
ALSO(__libc_openat64, old_openat);
ALSO(__openat_nocancel, old_openat);
ALSO(__openat64_nocancel, old_openat);

/* struct stat of that kernel, for a program of its own width. */
#ifdef __arch64__
struct old_stat {
	unsigned int dev;
	unsigned long ino;
	unsigned int mode;
	short nlink;
	unsigned int uid, gid, rdev;
	long size, atime, mtime, ctime, blksize, blocks;
	unsigned long rest[2];
};
#else
struct old_stat {
	unsigned short dev;
	unsigned int ino;
	unsigned short mode;
	short nlink;
	unsigned short uid, gid, rdev;
	int size, atime, rest1, mtime, rest2, ctime, rest3, blksize, blocks, rest[2];
};
#endif

__attribute__((used)) static int old_fstatat(int directory, const char *path, struct stat *to,
					     int flags)
{
	long how = flags & AT_SYMLINK_NOFOLLOW ? SYS_lstat : SYS_stat;
	struct old_stat is = { 0 };
	int failed;

	if ((flags & AT_EMPTY_PATH) && !*path)
		failed = call(SYS_fstat, directory, (long)&is, 0, 0, 0);
	else
		failed = is_plain(directory, path) ? call(how, (long)path, (long)&is, 0, 0, 0) : -1;
	if (failed)
		return -1;
	memset(to, 0, sizeof(*to));
	to->st_dev = is.dev;
	to->st_ino = is.ino;
	to->st_mode = is.mode;
	to->st_nlink = is.nlink;
	to->st_uid = is.uid;
	to->st_gid = is.gid;
	to->st_rdev = is.rdev;
	to->st_size = is.size;
	to->st_blksize = is.blksize;
	to->st_blocks = is.blocks;
	to->st_atim.tv_sec = is.atime;
	to->st_mtim.tv_sec = is.mtime;
	to->st_ctim.tv_sec = is.ctime;
	return 0;
}
#ifdef __arch64__
ALSO(fstatat, old_fstatat);
ALSO(fstatat64, old_fstatat);
ALSO(__fstatat, old_fstatat);
ALSO(__fstatat64, old_fstatat);
ALSO(__GI___fstatat, old_fstatat);
#else
ALSO(__fstatat64_time64, old_fstatat);
ALSO(__GI___fstatat64_time64, old_fstatat);
#endif

/* The shell puts its own files out of the way with F_DUPFD_CLOEXEC. */
__attribute__((used)) static int old_fcntl(int fd, int what, ...)
{
	va_list rest;
	long argument;
	int result;

	va_start(rest, what);
	argument = va_arg(rest, long);
	va_end(rest);
	if (what != F_DUPFD_CLOEXEC)
		return call(SYS_fcntl, fd, what, argument, 0, 0);
	result = call(SYS_fcntl, fd, F_DUPFD, argument, 0, 0);
	if (result >= 0)
		raw_call(SYS_fcntl, result, F_SETFD, FD_CLOEXEC, 0, 0);
	return result;
}
ALSO(fcntl, old_fcntl);
ALSO(fcntl64, old_fcntl);
ALSO(__fcntl64, old_fcntl);
ALSO(__fcntl_time64, old_fcntl);
ALSO(__libc_fcntl64, old_fcntl);

/* Sparc: both ends come in registers. */
__attribute__((used)) static int old_pipe(int ends[2])
{
	register long g1 __asm__("g1") = SYS_pipe;
	register long o0 __asm__("o0") = 0;
	register long o1 __asm__("o1") = 0;

#ifdef __arch64__
	__asm__ volatile("ta 0x6d; bcs,a,pn %%xcc, 1f; sub %%g0, %%o0, %%o0; 1:"
#else
	__asm__ volatile("ta 0x10; bcs,a 1f; sub %%g0, %%o0, %%o0; 1:"
#endif
			 : "+r"(o0), "+r"(o1), "+r"(g1)
			 :
			 : "memory", "cc", "o2", "o3", "o4", "o5", "o7", "g2", "g3", "g4", "g5");
	if (o0 < 0) {
		errno = -o0;
		return -1;
	}
	ends[0] = o0;
	ends[1] = o1;
	return 0;
}
ALSO(pipe, old_pipe);
ALSO(__pipe, old_pipe);

__attribute__((used)) static int old_faccessat(int directory, const char *path, int mode, int flags)
{
	(void)flags;
	return is_plain(directory, path) ? call(SYS_access, (long)path, mode, 0, 0, 0) : -1;
}
ALSO(faccessat, old_faccessat);
ALSO(__faccessat, old_faccessat);

__attribute__((used)) static int old_setsockopt(int fd, int level, int name, const void *value,
						unsigned int size)
{
	long arguments[5] = { fd, level, name, (long)value, size };

	return call(SYS_socketcall, 14, (long)arguments, 0, 0, 0);
}
ALSO(setsockopt, old_setsockopt);
ALSO(__setsockopt, old_setsockopt);

/* The kernel's own, of the program's width: seconds, and micro- or nanoseconds. */
struct old_time {
	long seconds, part;
};

/* Whichever clock is meant, there is the one. */
__attribute__((used)) static int old_clock_gettime(int which, struct timespec *to)
{
	struct old_time now = { 0, 0 };

	(void)which;
	call(SYS_gettimeofday, (long)&now, 0, 0, 0, 0);
	to->tv_sec = now.seconds;
	to->tv_nsec = now.part * 1000;
	return 0;
}

__attribute__((used)) static int old_nanosleep(int which, int flags, const struct timespec *wanted,
					       struct timespec *left)
{
	struct old_time time = { wanted->tv_sec, wanted->tv_nsec };

	(void)which;
	(void)flags;
	(void)left;
	return -raw_call(SYS_nanosleep, (long)&time, (long)&time, 0, 0, 0);
}
#ifdef __arch64__
ALSO(clock_gettime, old_clock_gettime);
ALSO(__clock_gettime, old_clock_gettime);
ALSO(clock_nanosleep, old_nanosleep);
ALSO(__clock_nanosleep, old_nanosleep);
#else
ALSO(__clock_gettime64, old_clock_gettime);
ALSO(__clock_nanosleep_time64, old_nanosleep);
#endif

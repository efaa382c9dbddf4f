// SPDX-License-Identifier: GPL-2.0-only
/* Where the program starts, and the calls that it makes of the kernel. */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "call.h"

int main(int argc, char **argv);

static int error_number;

int *__errno_location(void)
{
	return &error_number;
}

void _exit(int code)
{
	for (;;)
		raw_call(SYS_exit, code, 0, 0, 0, 0);
}

void bare_start(void)
{
	static char *nothing[] = { "init", NULL };

	_exit(main(1, nothing));
}

/* Arguments and environment are of no use to PID 1 here; a stack frame is. */
#if defined(__sparc__) && defined(__arch64__)
__asm__(".globl _start\n_start:\n\tmov 0, %fp\n\tsub %sp, 6*8, %sp\n\tcall bare_start\n\t nop\n");
#elif defined(__sparc__)
__asm__(".globl _start\n_start:\n\tmov 0, %fp\n\tsub %sp, 6*4, %sp\n\tcall bare_start\n\t nop\n");
#else
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %esp\n\tcall bare_start\n");
#endif

int open(const char *path, int flags, ...)
{
	va_list rest;
	int mode;

	va_start(rest, flags);
	mode = va_arg(rest, int);
	va_end(rest);
	return call(SYS_open, (long)path, flags & ~O_CLOEXEC, mode, 0, 0);
}

int close(int fd)
{
	return call(SYS_close, fd, 0, 0, 0, 0);
}

ssize_t read(int fd, void *to, size_t size)
{
	return call(SYS_read, fd, (long)to, size, 0, 0);
}

ssize_t write(int fd, const void *from, size_t size)
{
	return call(SYS_write, fd, (long)from, size, 0, 0);
}

int ioctl(int fd, unsigned long what, ...)
{
	va_list rest;
	long argument;

	va_start(rest, what);
	argument = va_arg(rest, long);
	va_end(rest);
	return call(SYS_ioctl, fd, what, argument, 0, 0);
}

pid_t getpid(void)
{
	return raw_call(SYS_getpid, 0, 0, 0, 0, 0);
}

void sync(void)
{
	raw_call(SYS_sync, 0, 0, 0, 0, 0);
}

int mkdir(const char *path, mode_t mode)
{
	return call(SYS_mkdir, (long)path, mode, 0, 0, 0);
}

int mount(const char *from, const char *to, const char *type, unsigned long flags, const void *data)
{
	return call(SYS_mount, (long)from, (long)to, (long)type, flags, (long)data);
}

int klogctl(int what, char *text, int size)
{
	return call(SYS_syslog, what, (long)text, size, 0, 0);
}

int uname(struct utsname *to)
{
	return call(SYS_uname, (long)to, 0, 0, 0, 0);
}

int reboot(int how)
{
	return call(SYS_reboot, 0xfee1dead, 672274793, how, 0, 0);
}

int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	return call(SYS_nanosleep, (long)wanted, (long)left, 0, 0, 0);
}

time_t time(time_t *to)
{
	struct timeval now = { 0, 0 };

	call(SYS_gettimeofday, (long)&now, 0, 0, 0, 0);
	if (to)
		*to = now.tv_sec;
	return now.tv_sec;
}

int poll(struct pollfd *fds, nfds_t count, int wait)
{
	return call(SYS_poll, (long)fds, count, wait, 0, 0);
}

/* Only for what the kernel of that time has no call for (finit_module): ENOSYS. */
long syscall(long number, ...)
{
	(void)number;
	errno = ENOSYS;
	return -1;
}

/* Numbers of sys_socketcall (include/linux/net.h). */
static long on_socket(int what, long a, long b, long c, long d, long e)
{
	long arguments[5] = { a, b, c, d, e };

	return call(SYS_socketcall, what, (long)arguments, 0, 0, 0);
}

/* Flags in the type came with 2.6.27. */
int socket(int family, int type, int protocol)
{
	int fd = on_socket(1, family, type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK), protocol, 0, 0);

	if (fd >= 0 && (type & SOCK_NONBLOCK))
		call(SYS_fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK, 0, 0);
	return fd;
}

int bind(int fd, const struct sockaddr *to, socklen_t size)
{
	return on_socket(2, fd, (long)to, size, 0, 0);
}

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
	return on_socket(3, fd, (long)to, size, 0, 0);
}

int listen(int fd, int backlog)
{
	return on_socket(4, fd, backlog, 0, 0, 0);
}

ssize_t send(int fd, const void *from, size_t size, int flags)
{
	return on_socket(9, fd, (long)from, size, flags, 0);
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
	return on_socket(10, fd, (long)to, size, flags, 0);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	return on_socket(14, fd, level, name, (long)value, size);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	return on_socket(15, fd, level, name, (long)value, (long)size);
}

ssize_t recvmsg(int fd, struct msghdr *to, int flags)
{
	return on_socket(17, fd, (long)to, flags, 0, 0);
}

unsigned int if_nametoindex(const char *name)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int failed;

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	failed = ioctl(fd, 0x8933 /* SIOCGIFINDEX */, &request);
	close(fd);
	return failed ? 0 : request.ifr_ifindex;
}

/* The kernel's termios has no speeds behind c_cc (asm/termbits.h). */
struct kernel_termios {
	tcflag_t iflag, oflag, cflag, lflag;
	cc_t line;
#ifdef __sparc__
	cc_t cc[17];
#define TO_GET _IOR('T', 8, struct kernel_termios)
#define TO_SET _IOW('T', 9, struct kernel_termios)
#define TO_DRAIN _IO('T', 5)
#else
	cc_t cc[19];
#define TO_GET 0x5401
#define TO_SET 0x5402
#define TO_DRAIN 0x5409
#endif
};

int tcgetattr(int fd, struct termios *to)
{
	struct kernel_termios k;

	if (ioctl(fd, TO_GET, &k))
		return -1;
	to->c_iflag = k.iflag;
	to->c_oflag = k.oflag;
	to->c_cflag = k.cflag;
	to->c_lflag = k.lflag;
	memcpy(to->c_cc, k.cc, sizeof(k.cc));
	return 0;
}

int tcsetattr(int fd, int when, const struct termios *from)
{
	struct kernel_termios k = { from->c_iflag, from->c_oflag, from->c_cflag, from->c_lflag, 0, { 0 } };

	(void)when;
	memcpy(k.cc, from->c_cc, sizeof(k.cc));
	return ioctl(fd, TO_SET, &k);
}

int tcdrain(int fd)
{
	return ioctl(fd, TO_DRAIN, 1L);
}

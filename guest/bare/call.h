/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls without a C library: today's refuses to run on Linux 2.4. The
 * C library's headers are used all the same; bare/ has what they declare and
 * the guest's program needs, and no more.
 */
#ifndef TARPIT_KIT_CALL_H
#define TARPIT_KIT_CALL_H

#include <errno.h>
#include <sys/syscall.h>

/* A result, or an errno as a negative number. */
static inline long raw_call(long number, long a, long b, long c, long d, long e)
{
#if defined(__sparc__)
	/* Error: the carry flag is set, and %o0 has the errno (arch/sparc64/kernel/entry.S). */
	register long g1 __asm__("g1") = number;
	register long o0 __asm__("o0") = a;
	register long o1 __asm__("o1") = b;
	register long o2 __asm__("o2") = c;
	register long o3 __asm__("o3") = d;
	register long o4 __asm__("o4") = e;
#ifdef __arch64__
	__asm__ volatile("ta 0x6d; bcs,a,pn %%xcc, 1f; sub %%g0, %%o0, %%o0; 1:"
#else
	__asm__ volatile("ta 0x10; bcs,a 1f; sub %%g0, %%o0, %%o0; 1:"
#endif
			 : "+r"(o0), "+r"(g1), "+r"(o1), "+r"(o2), "+r"(o3), "+r"(o4)
			 :
			 : "memory", "cc", "o5", "o7", "g2", "g3", "g4", "g5");
	return o0;
#elif defined(__i386__)
	long result;

	__asm__ volatile("int $0x80" : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
#else
#error "no system calls for this machine"
#endif
}

/* As the C library does it: -1, and errno. */
static inline long call(long number, long a, long b, long c, long d, long e)
{
	long result = raw_call(number, a, b, c, d, e);

	if (result >= 0 || result < -4095)
		return result;
	errno = -result;
	return -1;
}

#endif

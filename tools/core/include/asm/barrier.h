/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SMP barriers: on x86-64 the instructions that the kernel uses, elsewhere
 * the compiler's.
 */
#ifndef _CORE_ASM_BARRIER_H
#define _CORE_ASM_BARRIER_H

#include <linux/compiler.h>

#ifdef __x86_64__

#define smp_mb() \
	__asm__ volatile("lock addl $0, -4(%%rsp)" ::: "memory", "cc")

#define smp_load_acquire(p) ({			\
	__typeof__(*(p)) __v = READ_ONCE(*(p));	\
	barrier();				\
	__v; })

#define smp_store_release(p, v) ({	\
	barrier();			\
	WRITE_ONCE(*(p), v); })

#else

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)

#endif

#endif /* _CORE_ASM_BARRIER_H */

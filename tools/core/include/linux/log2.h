/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_LOG2_H
#define _CORE_LINUX_LOG2_H

#define ilog2(n)	(63 - __builtin_clzll(n))

#endif /* _CORE_LINUX_LOG2_H */

/* The least power of two that is not less than @n, which is not 0. */
static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n > 1 ? 2UL << ilog2(n - 1) : 1;
}

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_NOSPEC_H
#define _CORE_LINUX_NOSPEC_H

#include <linux/types.h>

/* All ones if @index < @size, else 0, without a branch to speculate on. */
static inline unsigned long array_index_mask_nospec(unsigned long index,
						    unsigned long size)
{
#ifdef __x86_64__
	unsigned long mask;

	__asm__ volatile("cmp %1, %2; sbb %0, %0"
			 : "=r" (mask) : "g" (size), "r" (index) : "cc");
	return mask;
#else
	__asm__("" : "+r" (index));
	return ~(long)(index | (size - 1 - index)) >> (8 * sizeof(long) - 1);
#endif
}

#define array_index_nospec(index, size) ({				\
	__typeof__(index) __index = (index);				\
	(__typeof__(index))(__index &					\
			    array_index_mask_nospec(__index, (size))); })

#endif /* _CORE_LINUX_NOSPEC_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_NOSPEC_H
#define _CORE_LINUX_NOSPEC_H

/* All ones if @index < @size, else 0, without a branch to guess at. */
static inline unsigned long array_index_mask_nospec(unsigned long index,
						    unsigned long size)
{
	unsigned long mask;

#ifdef __x86_64__
	/* As the kernel has it there. */
	__asm__ volatile("cmp %1,%2; sbb %0,%0"
			 : "=r" (mask) : "g" (size), "r" (index) : "cc");
#else
	/* Hidden from the compiler, which would make a branch of it. */
	__asm__("" : "+r" (index));
	mask = ~(long)(index | (size - 1UL - index)) >> 63;
#endif
	return mask;
}

#define array_index_nospec(index, size) \
	((index) & array_index_mask_nospec(index, size))

#endif /* _CORE_LINUX_NOSPEC_H */

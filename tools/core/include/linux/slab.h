/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_SLAB_H
#define _CORE_LINUX_SLAB_H

#include <linux/overflow.h>

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0

/* Not from <stdlib.h>: its inline functions want the FPU, which the core lacks. */
static inline void *kvzalloc(size_t size, int gfp)
{
	(void)gfp;
	return __builtin_calloc(1, size);
}

static inline void *kvmalloc_array(size_t n, size_t size, int gfp)
{
	(void)gfp;
	return __builtin_calloc(n, size);
}

static inline void *kvcalloc(size_t n, size_t size, int gfp)
{
	(void)gfp;
	return __builtin_calloc(n, size);
}

static inline void kvfree(const void *p)
{
	__builtin_free((void *)p);
}

#endif /* _CORE_LINUX_SLAB_H */

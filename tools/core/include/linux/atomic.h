/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_ATOMIC_H
#define _CORE_LINUX_ATOMIC_H

#include <linux/types.h>

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	long counter;
} atomic_long_t;

static inline long atomic_long_read(const atomic_long_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

#define ATOMIC64_INIT(i)	{ (i) }

static inline s64 atomic64_inc_return(atomic64_t *v)
{
	return __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST);
}

#endif /* _CORE_LINUX_ATOMIC_H */

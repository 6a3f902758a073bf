/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_REFCOUNT_H
#define _CORE_LINUX_REFCOUNT_H

#include <linux/types.h>

/* Without saturation: who leaks references here does not attack anybody. */
typedef struct {
	int refs;
} refcount_t;

static inline void refcount_set(refcount_t *r, int n)
{
	__atomic_store_n(&r->refs, n, __ATOMIC_RELAXED);
}

static inline unsigned int refcount_read(const refcount_t *r)
{
	return __atomic_load_n(&r->refs, __ATOMIC_RELAXED);
}

static inline void refcount_inc(refcount_t *r)
{
	__atomic_fetch_add(&r->refs, 1, __ATOMIC_RELAXED);
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	return __atomic_fetch_sub(&r->refs, 1, __ATOMIC_ACQ_REL) == 1;
}

#endif /* _CORE_LINUX_REFCOUNT_H */

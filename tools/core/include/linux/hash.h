/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_HASH_H
#define _CORE_LINUX_HASH_H

#include <linux/types.h>

/* By a fraction of the golden ratio: the upper bits depend on all of @val. */
static inline u32 hash_64(u64 val, unsigned int bits)
{
	return val * 0x9e3779b97f4a7c15ull >> (64 - bits);
}

#endif /* _CORE_LINUX_HASH_H */

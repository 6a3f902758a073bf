/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_HASH_H
#define _CORE_LINUX_HASH_H

#include <linux/types.h>

/* By 2^64 divided by the golden ratio, as the kernel does it. */
static inline u32 hash_64(u64 value, unsigned int bits)
{
	return value * 0x61C8864680B583EBULL >> (64 - bits);
}

#endif /* _CORE_LINUX_HASH_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_OVERFLOW_H
#define _CORE_LINUX_OVERFLOW_H

#include <linux/types.h>

static inline bool __must_check core_overflowed(bool overflow)
{
	return unlikely(overflow);
}

#define check_add_overflow(a, b, sum) \
	core_overflowed(__builtin_add_overflow(a, b, sum))

#define check_sub_overflow(a, b, difference) \
	core_overflowed(__builtin_sub_overflow(a, b, difference))

/* Without the kernel's saturation: callers' counts are bounded. */
#define struct_size(p, member, count) \
	(sizeof(*(p)) + sizeof(*(p)->member) * (size_t)(count))

#endif /* _CORE_LINUX_OVERFLOW_H */

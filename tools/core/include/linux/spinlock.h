/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_SPINLOCK_H
#define _CORE_LINUX_SPINLOCK_H

/* Headers that the core includes have one; the core itself locks nothing. */
typedef struct {
	int unused;
} spinlock_t;

#endif /* _CORE_LINUX_SPINLOCK_H */

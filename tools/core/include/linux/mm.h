/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_MM_H
#define _CORE_LINUX_MM_H

#include <linux/minmax.h>
#include <linux/types.h>

/* The core's own: what the machine's pages are does not matter here. */
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)	(((x) + PAGE_SIZE - 1) & PAGE_MASK)
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)

struct mm_struct;

#endif /* _CORE_LINUX_MM_H */

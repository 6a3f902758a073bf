/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_LIST_H
#define _CORE_LINUX_LIST_H

/* Headers that the core includes have one; the core itself links nothing. */
struct list_head {
	struct list_head *next, *prev;
};

#endif /* _CORE_LINUX_LIST_H */

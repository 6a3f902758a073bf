/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_MUTEX_H
#define _CORE_LINUX_MUTEX_H

/* Headers that the core includes have one; the core itself locks nothing. */
struct mutex {
	int unused;
};

#endif /* _CORE_LINUX_MUTEX_H */

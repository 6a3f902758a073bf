/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_PREFETCH_H
#define _CORE_LINUX_PREFETCH_H

#define prefetch(p)	__builtin_prefetch(p)

#endif /* _CORE_LINUX_PREFETCH_H */

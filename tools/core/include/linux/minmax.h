/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_MINMAX_H
#define _CORE_LINUX_MINMAX_H

#define min(x, y) ({			\
	__typeof__(x) __x = (x);	\
	__typeof__(y) __y = (y);	\
	__x < __y ? __x : __y; })
#define max(x, y) ({			\
	__typeof__(x) __x = (x);	\
	__typeof__(y) __y = (y);	\
	__x > __y ? __x : __y; })
#define clamp(x, low, high)	min(max(x, low), high)
#define min_t(type, x, y)	min((type)(x), (type)(y))

#endif /* _CORE_LINUX_MINMAX_H */

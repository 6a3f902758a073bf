/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_COMPILER_H
#define _CORE_LINUX_COMPILER_H

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define barrier()	__asm__ volatile("" ::: "memory")

/* For sparse, which does not look here; newer UAPI headers have some. */
#ifndef __force
#define __force
#endif
#ifndef __user
#define __user
#endif
#ifndef __counted_by
#define __counted_by(member)
#endif
#ifndef __always_inline
#define __always_inline	inline __attribute__((always_inline))
#endif
#define __must_check	__attribute__((warn_unused_result))

/* One access of the whole, which the compiler neither repeats nor leaves out. */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	((void)(*(volatile __typeof__(x) *)&(x) = (v)))

#endif /* _CORE_LINUX_COMPILER_H */

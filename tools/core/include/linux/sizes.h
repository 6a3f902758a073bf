/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_SIZES_H
#define _CORE_LINUX_SIZES_H

#define SZ_2M	0x00200000

#endif /* _CORE_LINUX_SIZES_H */

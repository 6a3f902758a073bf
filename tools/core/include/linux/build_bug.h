/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_BUILD_BUG_H
#define _CORE_LINUX_BUILD_BUG_H

#include <assert.h>

#endif /* _CORE_LINUX_BUILD_BUG_H */

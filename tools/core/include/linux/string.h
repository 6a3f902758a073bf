/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_STRING_H
#define _CORE_LINUX_STRING_H

#include <string.h>

#endif /* _CORE_LINUX_STRING_H */

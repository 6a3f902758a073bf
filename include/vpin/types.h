/* SPDX-License-Identifier: GPL-2.0-only */
/* The device types that there are. */
#ifndef _VPIN_TYPES_H
#define _VPIN_TYPES_H

#include <vpin/dev.h>

extern const struct vpin_dev_type vpin_blk_type;

#endif /* _VPIN_TYPES_H */

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VPIN_CHARDEV_H
#define _VPIN_CHARDEV_H

#include <linux/mutex.h>
#include <vpin/abi.h>
#include <vpin/dev.h>

/**
 * struct vpin_file - an open of the device node
 * @lock: serialises attaching
 * @dev: the device; NULL until attached, and never changes after
 * @abi: what drives it
 */
struct vpin_file {
	struct mutex lock;
	struct vpin_dev *dev;
	const struct vpin_abi *abi;
};

long vpin_file_attach(struct vpin_file *vfile, void __user *arg);

#endif /* _VPIN_CHARDEV_H */

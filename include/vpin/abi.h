/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ABI: how a VMM's ioctls and messages become operations of a device.
 */
#ifndef _VPIN_ABI_H
#define _VPIN_ABI_H

#include <linux/types.h>

struct iov_iter;
struct vpin_dev;

/**
 * struct vpin_abi - an ABI
 * @id: VPIN_ABI_*
 * @ioctl: an ioctl of an attached file; -ENOIOCTLCMD if the ABI has none such
 * @write: a message; returns the bytes taken
 */
struct vpin_abi {
	u32 id;
	long (*ioctl)(struct vpin_dev *dev, unsigned int cmd, void __user *arg);
	ssize_t (*write)(struct vpin_dev *dev, struct iov_iter *from);
};

extern const struct vpin_abi vpin_abi_vdpa;

#endif /* _VPIN_ABI_H */

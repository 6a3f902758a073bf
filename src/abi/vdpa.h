/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VPIN_VDPA_H
#define _VPIN_VDPA_H

#include <uapi/linux/vhost_pin.h>
#include <vpin/abi.h>
#include <vpin/dev.h>

int vpin_vdpa_eventfd(int fd, struct file **file, struct eventfd_ctx **ctx);
long vpin_vdpa_vring_ioctl(struct vpin_dev *dev, unsigned int cmd,
			   void __user *arg);
long vpin_vdpa_own_ioctl(struct vpin_dev *dev, unsigned int cmd,
			 void __user *arg);
ssize_t vpin_vdpa_write(struct vpin_dev *dev, struct iov_iter *from);

#endif /* _VPIN_VDPA_H */

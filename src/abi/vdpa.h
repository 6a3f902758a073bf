/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _VPIN_VDPA_H
#define _VPIN_VDPA_H

#include <uapi/linux/vhost_pin.h>
#include <vpin/abi.h>
#include <vpin/dev.h>

ssize_t vpin_vdpa_write(struct vpin_dev *dev, struct iov_iter *from);

#endif /* _VPIN_VDPA_H */

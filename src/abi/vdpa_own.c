// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vhost-pin adds to the vhost-vdpa ABI: <linux/vhost_pin.h>.
 */
#include <linux/uaccess.h>
#include "vdpa.h"

static long vpin_vdpa_set_log(struct vpin_dev *dev, void __user *arg)
{
	struct vpin_log log;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	return vpin_dev_set_dirty(dev, log.uaddr, log.size);
}

long vpin_vdpa_own_ioctl(struct vpin_dev *dev, unsigned int cmd,
			 void __user *arg)
{
	if (cmd != VPIN_SET_LOG && cmd != VPIN_RESIZE)
		return -ENOIOCTLCMD;
	if (!dev->owner)
		return -ENODEV;
	if (!vpin_mem_is_owner(&dev->mem))
		return -EPERM;
	return cmd == VPIN_SET_LOG ? vpin_vdpa_set_log(dev, arg) :
				     vpin_dev_resize(dev);
}

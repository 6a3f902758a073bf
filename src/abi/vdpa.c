// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stock vhost-vdpa ABI (drivers/vhost/vdpa.c) on a vhost-pin device.
 *
 * All ring addresses are GPAs (IOVAs); there is one address space and one
 * group.  Documentation/uapi.rst lists where the answers differ from the
 * reference's.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <uapi/linux/virtio_config.h>
#include <vpin/compat.h>
#include "vdpa.h"

/* IRQ bypass and groups aside, what the reference offers. */
#define VPIN_VDPA_BACKEND_FEATURES				\
	(BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2) |		\
	 BIT_ULL(VHOST_BACKEND_F_IOTLB_BATCH) |			\
	 BIT_ULL(VHOST_BACKEND_F_IOTLB_ASID) |			\
	 BIT_ULL(VHOST_BACKEND_F_SUSPEND) |			\
	 BIT_ULL(VHOST_BACKEND_F_RESUME) |			\
	 BIT_ULL(VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK) |	\
	 BIT_ULL(VHOST_BACKEND_F_IOTLB_PERSIST))

/* Header of GET_CONFIG and SET_CONFIG, checked against the config space. */
static int vpin_vdpa_config_range(const struct vpin_dev *dev,
				  struct vhost_vdpa_config *range,
				  void __user *arg)
{
	if (copy_from_user(range, arg,
			   offsetof(struct vhost_vdpa_config, buf)))
		return -EFAULT;
	if (!range->len || range->off > dev->config_size ||
	    range->len > dev->config_size - range->off)
		return -EINVAL;
	return 0;
}

static long vpin_vdpa_get_config(struct vpin_dev *dev, void __user *arg)
{
	struct vhost_vdpa_config range;
	int ret = vpin_vdpa_config_range(dev, &range, arg);

	if (ret)
		return ret;
	if (copy_to_user(arg + offsetof(struct vhost_vdpa_config, buf),
			 dev->config + range.off, range.len))
		return -EFAULT;
	return 0;
}

static long vpin_vdpa_set_config(struct vpin_dev *dev, void __user *arg)
{
	struct vhost_vdpa_config range;
	u8 buf[VPIN_CONFIG_MAX];
	int ret = vpin_vdpa_config_range(dev, &range, arg);

	if (ret)
		return ret;
	if (copy_from_user(buf, arg + offsetof(struct vhost_vdpa_config, buf),
			   range.len))
		return -EFAULT;
	if (dev->type->config_write)
		dev->type->config_write(dev, range.off, buf, range.len);
	return 0;
}

static long vpin_vdpa_set_config_call(struct vpin_dev *dev, void __user *arg)
{
	struct eventfd_ctx *ctx;
	struct file *file;
	int fd, ret;

	if (get_user(fd, (int __user *)arg))
		return -EFAULT;
	ret = vpin_vdpa_eventfd(fd, &file, &ctx);
	if (ret)
		return ret;
	if (file)
		fput(file);
	vpin_dev_set_config_call(dev, ctx);
	return 0;
}

static long vpin_vdpa_set_backend_features(struct vpin_dev *dev,
					   void __user *arg)
{
	u64 features;

	if (get_user(features, (u64 __user *)arg))
		return -EFAULT;
	if (features & ~VPIN_VDPA_BACKEND_FEATURES)
		return -EOPNOTSUPP;
	dev->backend_features = features;
	return 0;
}

static long vpin_vdpa_get_iova_range(void __user *arg)
{
	struct vhost_vdpa_iova_range range = { .first = 0, .last = U64_MAX };

	return copy_to_user(arg, &range, sizeof(range)) ? -EFAULT : 0;
}

/* The ioctls of the device that set something. */
static long vpin_vdpa_set_ioctl(struct vpin_dev *dev, unsigned int cmd,
				void __user *arg)
{
	u64 features;
	u8 status;

	switch (cmd) {
	case VHOST_SET_OWNER:
		return vpin_dev_set_owner(dev);
	case VHOST_SET_FEATURES:
		if (get_user(features, (u64 __user *)arg))
			return -EFAULT;
		return vpin_dev_set_features(dev, features);
	case VHOST_SET_BACKEND_FEATURES:
		return vpin_vdpa_set_backend_features(dev, arg);
	case VHOST_VDPA_SET_STATUS:
		if (get_user(status, (u8 __user *)arg))
			return -EFAULT;
		return vpin_dev_set_status(dev, status);
	case VHOST_VDPA_SET_CONFIG:
		return vpin_vdpa_set_config(dev, arg);
	case VHOST_VDPA_SET_CONFIG_CALL:
		return vpin_vdpa_set_config_call(dev, arg);
	case VHOST_VDPA_SUSPEND:
		return vpin_dev_suspend(dev);
	case VHOST_VDPA_RESUME:
		return vpin_dev_resume(dev);
	case VHOST_SET_MEM_TABLE:
		/* Memory comes by messages; the reference ignores it, too. */
		return 0;
	default:
		return vpin_vdpa_vring_ioctl(dev, cmd, arg);
	}
}

static long vpin_vdpa_ioctl(struct vpin_dev *dev, unsigned int cmd,
			    void __user *arg)
{
	switch (cmd) {
	case VHOST_GET_FEATURES:
		return put_user(dev->offered, (u64 __user *)arg);
	case VHOST_GET_BACKEND_FEATURES:
		return put_user(VPIN_VDPA_BACKEND_FEATURES, (u64 __user *)arg);
	case VHOST_VDPA_GET_DEVICE_ID:
		return put_user(dev->type->id, (u32 __user *)arg);
	case VHOST_VDPA_GET_STATUS:
		return put_user(vpin_dev_get_status(dev), (u8 __user *)arg);
	case VHOST_VDPA_GET_CONFIG:
		return vpin_vdpa_get_config(dev, arg);
	case VHOST_VDPA_GET_CONFIG_SIZE:
		return put_user(dev->config_size, (u32 __user *)arg);
	case VHOST_VDPA_GET_VRING_NUM:
		/* 16 bits: some callers have no room for more. */
		return put_user(dev->queue_size, (u16 __user *)arg);
	case VHOST_VDPA_GET_VQS_COUNT:
		return put_user((u32)dev->nr_vqs, (u32 __user *)arg);
	case VHOST_VDPA_GET_IOVA_RANGE:
		return vpin_vdpa_get_iova_range(arg);
	case VHOST_VDPA_GET_GROUP_NUM:
	case VHOST_VDPA_GET_AS_NUM:
		return put_user(1U, (u32 __user *)arg);
	default:
		return vpin_vdpa_set_ioctl(dev, cmd, arg);
	}
}

const struct vpin_abi vpin_abi_vdpa = {
	.id = VPIN_ABI_VDPA,
	.ioctl = vpin_vdpa_ioctl,
	.write = vpin_vdpa_write,
};

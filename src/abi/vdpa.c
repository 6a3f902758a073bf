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
#include <linux/nospec.h>
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

static struct vpin_vq *vpin_vdpa_vq(struct vpin_dev *dev, u32 index)
{
	if (index >= dev->nr_vqs)
		return NULL;
	return &dev->vqs[array_index_nospec(index, dev->nr_vqs)];
}

/* Fetches an eventfd; -1 stands for none. */
static int vpin_vdpa_eventfd(int fd, struct file **file,
			     struct eventfd_ctx **ctx)
{
	*file = NULL;
	*ctx = NULL;
	if (fd == VHOST_FILE_UNBIND)
		return 0;
	*file = fget(fd);
	if (!*file)
		return -EBADF;
	*ctx = eventfd_ctx_fileget(*file);
	if (IS_ERR(*ctx)) {
		fput(*file);
		return -EINVAL;
	}
	return 0;
}

static long vpin_vdpa_set_vring_file(struct vpin_dev *dev, unsigned int cmd,
				     void __user *arg)
{
	struct vhost_vring_file request;
	struct eventfd_ctx *ctx;
	struct vpin_vq *vq;
	struct file *file;
	int ret;

	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	vq = vpin_vdpa_vq(dev, request.index);
	if (!vq)
		return -ENOBUFS;
	ret = vpin_vdpa_eventfd(request.fd, &file, &ctx);
	if (ret)
		return ret;

	if (cmd == VHOST_SET_VRING_KICK) {
		if (ctx)
			eventfd_ctx_put(ctx);
		vpin_vq_set_kick(vq, file);
		return 0;
	}
	if (file)
		fput(file);
	if (cmd == VHOST_SET_VRING_CALL)
		vpin_vq_set_call(vq, ctx);
	else
		vpin_vq_set_err(vq, ctx);
	return 0;
}

static long vpin_vdpa_set_vring_addr(struct vpin_dev *dev, void __user *arg)
{
	struct vhost_vring_addr addr;
	struct vpin_vq *vq;

	if (copy_from_user(&addr, arg, sizeof(addr)))
		return -EFAULT;
	vq = vpin_vdpa_vq(dev, addr.index);
	if (!vq)
		return -ENOBUFS;
	/* The log is for migration, which vhost-vdpa does not have. */
	if (addr.flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (vpin_dev_is_running(dev))
		return -EINVAL;
	return vpin_vq_set_addr(vq, addr.desc_user_addr, addr.avail_user_addr,
				addr.used_user_addr);
}

/* Group and address space of a queue: there is one of each. */
static long vpin_vdpa_set_group_asid(void __user *arg)
{
	struct vhost_vring_state state;

	if (copy_from_user(&state, arg, sizeof(state)))
		return -EFAULT;
	return state.index || state.num ? -EINVAL : 0;
}

/* The ioctls that take a struct vhost_vring_state. */
static long vpin_vdpa_vring_state(struct vpin_dev *dev, unsigned int cmd,
				  void __user *arg)
{
	struct vhost_vring_state state;
	struct vpin_vq *vq;

	if (copy_from_user(&state, arg, sizeof(state)))
		return -EFAULT;
	vq = vpin_vdpa_vq(dev, state.index);
	if (!vq)
		return -ENOBUFS;

	switch (cmd) {
	case VHOST_SET_VRING_NUM:
		return vpin_vq_set_num(vq, state.num);
	case VHOST_SET_VRING_BASE:
		if (vpin_dev_is_running(dev))
			return -EINVAL;
		return vpin_vq_set_base(vq, state.num);
	case VHOST_VDPA_SET_VRING_ENABLE:
		return vpin_vq_enable(vq, state.num);
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		vq->busyloop_us = state.num;
		return 0;
	case VHOST_GET_VRING_BASE:
		state.num = vpin_vq_get_base(vq);
		break;
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
		state.num = vq->busyloop_us;
		break;
	case VHOST_VDPA_GET_VRING_GROUP:
		state.num = 0;
		break;
	case VHOST_VDPA_GET_VRING_SIZE:
		state.num = dev->queue_size;
		break;
	}
	return copy_to_user(arg, &state, sizeof(state)) ? -EFAULT : 0;
}

/* The ioctls of a queue: they need an owner. */
static long vpin_vdpa_vring_ioctl(struct vpin_dev *dev, unsigned int cmd,
				  void __user *arg)
{
	switch (cmd) {
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return dev->owned ? vpin_vdpa_set_vring_file(dev, cmd, arg) :
				    -EPERM;
	case VHOST_SET_VRING_ADDR:
		return dev->owned ? vpin_vdpa_set_vring_addr(dev, arg) : -EPERM;
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
	case VHOST_VDPA_SET_VRING_ENABLE:
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_VDPA_GET_VRING_GROUP:
	case VHOST_VDPA_GET_VRING_SIZE:
		return dev->owned ? vpin_vdpa_vring_state(dev, cmd, arg) :
				    -EPERM;
	case VHOST_VDPA_SET_GROUP_ASID:
		return vpin_vdpa_set_group_asid(arg);
	case VHOST_VDPA_GET_VRING_DESC_GROUP:
		return -EOPNOTSUPP;
	default:
		return -ENOIOCTLCMD;
	}
}

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

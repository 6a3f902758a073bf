// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of the vhost-vdpa ABI that are about one queue.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>
#include <vpin/compat.h>
#include "vdpa.h"

static struct vpin_vq *vpin_vdpa_vq(struct vpin_dev *dev, u32 index)
{
	if (index >= dev->nr_vqs)
		return NULL;
	return &dev->vqs[array_index_nospec(index, dev->nr_vqs)];
}

/* Fetches an eventfd; -1 stands for none. */
int vpin_vdpa_eventfd(int fd, struct file **file, struct eventfd_ctx **ctx)
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
	/* What is logged is the device's, by VPIN_SET_LOG. */
	if (addr.flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (!vpin_dev_may_set_up(dev))
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
		if (!vpin_dev_may_set_up(dev))
			return -EINVAL;
		return vpin_vq_set_base(vq, state.num);
	case VHOST_VDPA_SET_VRING_ENABLE:
		return vpin_vq_enable(vq, state.num);
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
		if (state.num > VPIN_BUSYLOOP_MAX)
			return -EINVAL;
		WRITE_ONCE(vq->busyloop_us, state.num);
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

/* The ioctls of a queue: they are the owner's. */
static long vpin_vdpa_owner_ioctl(struct vpin_dev *dev, unsigned int cmd,
				  void __user *arg)
{
	if (!vpin_mem_is_owner(&dev->mem))
		return -EPERM;

	switch (cmd) {
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
		return vpin_vdpa_set_vring_file(dev, cmd, arg);
	case VHOST_SET_VRING_ADDR:
		return vpin_vdpa_set_vring_addr(dev, arg);
	default:
		return vpin_vdpa_vring_state(dev, cmd, arg);
	}
}

long vpin_vdpa_vring_ioctl(struct vpin_dev *dev, unsigned int cmd,
			   void __user *arg)
{
	switch (cmd) {
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
	case VHOST_SET_VRING_ERR:
	case VHOST_SET_VRING_ADDR:
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
	case VHOST_GET_VRING_BASE:
	case VHOST_VDPA_SET_VRING_ENABLE:
	case VHOST_SET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_GET_VRING_BUSYLOOP_TIMEOUT:
	case VHOST_VDPA_GET_VRING_GROUP:
	case VHOST_VDPA_GET_VRING_SIZE:
		return vpin_vdpa_owner_ioctl(dev, cmd, arg);
	case VHOST_VDPA_SET_GROUP_ASID:
		return vpin_vdpa_set_group_asid(arg);
	case VHOST_VDPA_GET_VRING_DESC_GROUP:
		return -EOPNOTSUPP;
	default:
		return vpin_vdpa_own_ioctl(dev, cmd, arg);
	}
}

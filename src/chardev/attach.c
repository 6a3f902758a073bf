// SPDX-License-Identifier: GPL-2.0-only
/*
 * VPIN_ATTACH: the two tables that a new device type and a new ABI add a line
 * to, and the check of the argument.
 */
#include <linux/err.h>
#include <linux/blk_types.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/types.h>
#include "chardev.h"

static const struct vpin_dev_type *const vpin_dev_types[] = {
	&vpin_blk_type,
};

static const struct vpin_abi *const vpin_abis[] = {
	&vpin_abi_vdpa,
};

static const struct vpin_dev_type *vpin_attach_type(const struct vpin_attach *args)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vpin_dev_types); i++) {
		if (vpin_dev_types[i]->id == args->device_type)
			return vpin_dev_types[i];
	}
	return NULL;
}

static const struct vpin_abi *vpin_attach_abi(const struct vpin_attach *args)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vpin_abis); i++) {
		if (vpin_abis[i]->id == args->abi)
			return vpin_abis[i];
	}
	return NULL;
}

/* What nice(2) asks of who wants to be so. */
static bool vpin_attach_may_nice(s32 nice)
{
	return nice >= task_nice(current) ||
	       nice_to_rlimit(nice) <= rlimit(RLIMIT_NICE) ||
	       capable(CAP_SYS_NICE);
}

static int vpin_attach_check_nice(const struct vpin_attach *args)
{
	if (!(args->flags & VPIN_ATTACH_NICE))
		return args->nice ? -EINVAL : 0;
	if (args->nice < MIN_NICE || args->nice > MAX_NICE)
		return -EINVAL;
	return vpin_attach_may_nice(args->nice) ? 0 : -EPERM;
}

static bool vpin_attach_is_block_size(u32 size)
{
	return !size || (is_power_of_2(size) && size >= SECTOR_SIZE &&
			 size <= VPIN_BLOCK_SIZE_MAX);
}

static int vpin_attach_check_sizes(const struct vpin_attach *args)
{
	if (args->num_queues > VPIN_QUEUES_MAX ||
	    args->queue_size < VPIN_QUEUE_SIZE_MIN ||
	    args->queue_size > VPIN_QUEUE_SIZE_MAX ||
	    !is_power_of_2(args->queue_size) ||
	    args->num_workers > args->num_queues ||
	    args->busyloop_us > VPIN_BUSYLOOP_MAX ||
	    args->reserved || args->reserved2)
		return -EINVAL;
	if (!vpin_attach_is_block_size(args->logical_block_size) ||
	    !vpin_attach_is_block_size(args->physical_block_size) ||
	    (args->physical_block_size &&
	     args->physical_block_size < args->logical_block_size))
		return -EINVAL;
	return 0;
}

/* Copies the argument, checks it and fills in the defaults. */
static int vpin_attach_read(struct vpin_attach *args, void __user *arg)
{
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)arg))
		return -EFAULT;
	if (size < offsetofend(struct vpin_attach, nice))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(args, sizeof(*args), arg, size);
	if (ret)
		return ret;

	if (args->flags & ~VPIN_ATTACH_FLAGS)
		return -EOPNOTSUPP;
	args->num_queues = args->num_queues ?: 1;
	args->queue_size = args->queue_size ?: VPIN_QUEUE_SIZE_MAX;
	args->num_workers = args->num_workers ?: args->num_queues;
	return vpin_attach_check_sizes(args) ?: vpin_attach_check_nice(args);
}

long vpin_file_attach(struct vpin_file *vfile, void __user *arg)
{
	const struct vpin_dev_type *type;
	const struct vpin_abi *abi;
	struct vpin_attach args;
	struct vpin_dev *dev;
	struct file *backend;
	long ret;

	ret = vpin_attach_read(&args, arg);
	if (ret)
		return ret;
	type = vpin_attach_type(&args);
	abi = vpin_attach_abi(&args);
	if (!type || !abi)
		return -EOPNOTSUPP;
	backend = fget(args.backend_fd);
	if (!backend)
		return -EBADF;

	ret = -EINTR;
	/* Another one may be waiting for his backend with it. */
	if (mutex_lock_killable(&vfile->lock))
		goto out_backend;
	ret = -EBUSY;
	if (vfile->dev)
		goto out;
	dev = vpin_dev_create(type, &args, backend);
	ret = PTR_ERR_OR_ZERO(dev);
	if (ret)
		goto out;
	vfile->abi = abi;
	/* Whoever sees the device sees its ABI. */
	smp_store_release(&vfile->dev, dev);
out:
	mutex_unlock(&vfile->lock);
out_backend:
	fput(backend);
	return ret;
}

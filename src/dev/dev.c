// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio device: its state machine (VIRTIO 1.2, 2.1 and 3.1), its features
 * and its memory.
 *
 * Queues run while the status has DRIVER_OK and the device is not suspended.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/blocking.h>
#include <vpin/compat.h>
#include <vpin/dev.h>
#include <vpin/trace.h>

static DEFINE_IDA(vpin_dev_ids);

/* Makes what the queues that run need to see what memory will be. */
static int vpin_dev_prepare(struct vpin_mem *mem, struct vpin_snap *next)
{
	struct vpin_dev *dev = container_of(mem, struct vpin_dev, mem);
	unsigned int i;
	int ret;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < dev->nr_vqs; i++) {
		ret = vpin_vq_prepare(&dev->vqs[i], next);
		if (ret) {
			while (i--)
				vpin_vq_unprepare(&dev->vqs[i]);
			return ret;
		}
	}
	return 0;
}

/* Lets the queues that run see what memory is now. */
static void vpin_dev_commit(struct vpin_mem *mem)
{
	struct vpin_dev *dev = container_of(mem, struct vpin_dev, mem);
	unsigned int i;

	for (i = 0; i < dev->nr_vqs; i++)
		vpin_vq_see(&dev->vqs[i]);
}

static const struct vpin_mem_ops vpin_dev_mem_ops = {
	.prepare = vpin_dev_prepare,
	.commit = vpin_dev_commit,
	.fresh = vpin_dev_fresh,
	.behind = vpin_dev_behind,
};

/**
 * vpin_dev_create - a device of a type, served from a backend
 * @type: the type
 * @args: VPIN_ATTACH's argument; its queue numbers are checked
 * @backend: the backend; the device takes its own reference
 *
 * Return: the device, or ERR_PTR with an errno of VPIN_ATTACH.
 */
struct vpin_dev *vpin_dev_create(const struct vpin_dev_type *type,
				 const struct vpin_attach *args,
				 struct file *backend)
{
	struct vpin_dev *dev;
	unsigned int i;
	int ret;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	mutex_init(&dev->lock);
	spin_lock_init(&dev->config_call_lock);
	dev->type = type;
	dev->queue_size = args->queue_size;
	dev->has_nice = args->flags & VPIN_ATTACH_NICE;
	dev->nice = args->nice;
	dev->may_have_holes = args->flags & VPIN_ATTACH_HOLES;
	dev->live_setup = args->flags & VPIN_ATTACH_LIVE_SETUP;
	dev->nr_vqs = args->num_queues;

	ret = vpin_dev_init_owner(dev, args->num_workers ?: dev->nr_vqs);
	if (ret)
		goto err_dev;
	ret = -ENOMEM;
	dev->vqs = kvcalloc(dev->nr_vqs, sizeof(*dev->vqs), GFP_KERNEL_ACCOUNT);
	if (!dev->vqs)
		goto err_owner;
	for (i = 0; i < dev->nr_vqs; i++) {
		vpin_vq_init(&dev->vqs[i], dev, i);
		dev->vqs[i].busyloop_us = args->busyloop_us;
	}

	ret = ida_alloc(&vpin_dev_ids, GFP_KERNEL);
	if (ret < 0)
		goto err_vqs;
	dev->id = ret;
	ret = vpin_dev_init_follow(dev);
	if (ret)
		goto err_id;
	ret = vpin_mem_init(&dev->mem);
	if (ret)
		goto err_follow;
	dev->mem.ops = &vpin_dev_mem_ops;
	dev->mem.lazy = args->flags & VPIN_ATTACH_LAZY;
	dev->mem.watch->dev = dev->id;
	dev->blocking = vpin_blocking_create(backend->f_cred,
					     VPIN_BLOCKING_THREADS);
	ret = PTR_ERR_OR_ZERO(dev->blocking);
	if (ret)
		goto err_mem;
	dev->summons = vpin_blocking_create(backend->f_cred, VPIN_SUMMON_THREADS);
	ret = PTR_ERR_OR_ZERO(dev->summons);
	if (ret)
		goto err_blocking;
	dev->backend = get_file(backend);
	ret = type->attach(dev, args, backend);
	if (ret)
		goto err_backend;
	ret = vpin_dev_sysfs_add(dev);
	if (ret)
		goto err_type;
	vpin_dev_debugfs_add(dev);
	return dev;

err_type:
	type->detach(dev);
err_backend:
	/* Not the last reference: the caller has his. */
	fput(dev->backend);
	vpin_blocking_destroy(dev->summons, NULL, jiffies + HZ);
err_blocking:
	vpin_blocking_destroy(dev->blocking, NULL, jiffies + HZ);
err_mem:
	vpin_mem_fini(&dev->mem);
err_follow:
	vpin_dev_fini_follow(dev);
err_id:
	ida_free(&vpin_dev_ids, dev->id);
err_vqs:
	kvfree(dev->vqs);
err_owner:
	vpin_dev_fini_owner(dev);
err_dev:
	mutex_destroy(&dev->lock);
	kfree(dev);
	return ERR_PTR(ret);
}

/* Forgets the set-up of a stopped device; memory, its log and eventfds stay. */
static void vpin_dev_forget(struct vpin_dev *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < dev->nr_vqs; i++)
		vpin_vq_forget(&dev->vqs[i]);
	WRITE_ONCE(dev->status, 0);
	WRITE_ONCE(dev->suspended, false);
	WRITE_ONCE(dev->features, 0);
	WRITE_ONCE(dev->needs_reset, false);
	if (dev->type->reset)
		dev->type->reset(dev);
	/*
	 * A failed map is remembered to keep the device from starting; a VMM
	 * that resets starts over.  Without memory it stays remembered.
	 */
	vpin_mem_forgive(&dev->mem);
}

/* Return: 0; -EINTR if killed while something was in flight: it goes on then. */
static int vpin_dev_reset(struct vpin_dev *dev)
{
	int ret = vpin_vq_stop(dev->vqs, dev->nr_vqs);

	if (!ret)
		vpin_dev_forget(dev);
	return ret;
}

/*
 * Frees a drained device.  May sleep, but for its backend no longer than @until,
 * in jiffies.
 */
void vpin_dev_free(struct vpin_dev *dev, unsigned long until)
{
	unsigned int i;
	bool let_go;

	/* 1. No one looks at it any more. */
	vpin_dev_debugfs_del(dev);
	vpin_dev_sysfs_del(dev);
	/* 2. Nothing runs. */
	mutex_lock(&dev->lock);
	for (i = 0; i < dev->nr_vqs; i++)
		vpin_vq_end(&dev->vqs[i]);
	vpin_dev_forget(dev);
	mutex_unlock(&dev->lock);
	/* 3. No one is told of anything. */
	for (i = 0; i < dev->nr_vqs; i++)
		vpin_vq_fini(&dev->vqs[i]);
	vpin_dev_set_config_call(dev, NULL);
	/* 4. The last vpin_vq_complete() has let go of its worker. */
	synchronize_rcu();
	vpin_dev_fini_owner(dev);
	/* 5. The backend, the pins, the rest: in reverse order of creation. */
	dev->type->detach(dev);
	let_go = vpin_blocking_destroy(dev->blocking, dev->backend, until);
	if (!vpin_blocking_destroy(dev->summons, NULL, until) || !let_go)
		pr_notice("vhost_pin: device %d: its backend, or its owner's memory, is let go of when it answers\n",
			  dev->id);
	vpin_dirty_destroy(dev->dirty);
	vpin_mem_fini(&dev->mem);
	vpin_dev_fini_follow(dev);
	ida_free(&vpin_dev_ids, dev->id);
	kvfree(dev->vqs);
	mutex_destroy(&dev->lock);
	kfree(dev);
}

/**
 * vpin_dev_set_features - what the driver took of the offer
 * @dev: the device
 * @features: the driver's bits; those not offered are dropped, since QEMU sets
 *	bits of its own
 *
 * Return: 0; -EBUSY if FEATURES_OK is set and the set would change.
 */
int vpin_dev_set_features(struct vpin_dev *dev, u64 features)
{
	lockdep_assert_held(&dev->lock);
	features &= dev->offered;
	if (dev->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    features != dev->features)
		return -EBUSY;
	WRITE_ONCE(dev->features, features);
	return 0;
}

/* Without the lock it is of some time ago. */
u8 vpin_dev_get_status(struct vpin_dev *dev)
{
	return READ_ONCE(dev->status) | (READ_ONCE(dev->needs_reset) ?
					 VIRTIO_CONFIG_S_NEEDS_RESET : 0);
}

static int vpin_dev_start(struct vpin_dev *dev)
{
	unsigned int i;
	int ret = 0;

	if (!dev->may_have_holes && vpin_mem_has_holes(&dev->mem)) {
		vpin_dev_notice(dev, "will not start: part of the guest's memory could not be pinned; VPIN_ATTACH_HOLES does without\n");
		return -EFAULT;
	}

	/* What is not followed now will be, and the queues wait for it. */
	vpin_mem_follow(&dev->mem, false);
	/* All of them or none: what runs could not be taken back at once. */
	for (i = 0; i < dev->nr_vqs && !ret; i++)
		ret = vpin_vq_set_up(&dev->vqs[i]);
	for (i = 0; i < dev->nr_vqs; i++) {
		if (ret)
			vpin_vq_unset(&dev->vqs[i]);
		else
			vpin_vq_serve(&dev->vqs[i]);
	}
	return ret;
}

/**
 * vpin_dev_set_status - the driver writes the status
 * @dev: the device
 * @status: VIRTIO_CONFIG_S_*; 0 resets.  Any superset of what is set is taken,
 *	in one step or in several, as vhost-vdpa does it.
 *
 * Return: 0; -EINVAL if a bit is cleared without a reset; -EINTR if killed in a
 * reset; with DRIVER_OK, -EFAULT if a map failed, and vpin_vq_set_up()'s: the
 * status is unchanged then.
 */
int vpin_dev_set_status(struct vpin_dev *dev, u8 status)
{
	int ret;

	lockdep_assert_held(&dev->lock);
	if (!status)
		return vpin_dev_reset(dev);
	status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (dev->status & ~status)
		return -EINVAL;
	if (status & ~dev->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    dev->type->features_ok)
		dev->type->features_ok(dev);
	if (status & ~dev->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		ret = vpin_dev_start(dev);
		if (ret)
			return ret;
	}
	WRITE_ONCE(dev->status, status);
	return 0;
}

/**
 * vpin_dev_suspend - stops serving, with nothing in flight and nothing lost
 * @dev: the device; not started, or suspended: nothing happens
 *
 * Afterwards each queue's base says where it goes on.
 *
 * Return: 0; -EINTR if killed: it goes on then.
 */
int vpin_dev_suspend(struct vpin_dev *dev)
{
	int ret;

	lockdep_assert_held(&dev->lock);
	if (!vpin_dev_is_running(dev))
		return 0;
	ret = vpin_vq_stop(dev->vqs, dev->nr_vqs);
	if (!ret)
		WRITE_ONCE(dev->suspended, true);
	return ret;
}

/**
 * vpin_dev_resume - goes on after a suspend
 * @dev: the device; not suspended: nothing happens
 *
 * Return: 0, or as DRIVER_OK in vpin_dev_set_status(): it stays suspended then.
 */
int vpin_dev_resume(struct vpin_dev *dev)
{
	int ret;

	lockdep_assert_held(&dev->lock);
	if (!dev->suspended)
		return 0;
	ret = vpin_dev_start(dev);
	if (!ret)
		WRITE_ONCE(dev->suspended, false);
	return ret;
}

/* VHOST_VDPA_SET_CONFIG_CALL; @ctx's reference goes to the device. */
void vpin_dev_set_config_call(struct vpin_dev *dev, struct eventfd_ctx *ctx)
{
	spin_lock(&dev->config_call_lock);
	swap(dev->config_call, ctx);
	spin_unlock(&dev->config_call_lock);
	if (ctx)
		eventfd_ctx_put(ctx);
}

/* Tells the driver that config space or status changed. */
void vpin_dev_signal_config(struct vpin_dev *dev)
{
	spin_lock(&dev->config_call_lock);
	if (dev->config_call)
		vpin_eventfd_signal(dev->config_call);
	spin_unlock(&dev->config_call_lock);
}

/* A queue broke: the driver has to reset.  Context: a worker. */
void vpin_dev_fail(struct vpin_dev *dev)
{
	WRITE_ONCE(dev->needs_reset, true);
	vpin_dev_signal_config(dev);
}

/**
 * vpin_dev_map - vpin_mem_map() for a device whose queues may run
 * @dev: the device
 * @gpa: first GPA
 * @size: bytes
 * @uaddr: the caller's address
 * @perm: VPIN_PERM_*
 *
 * Return: vpin_mem_map()'s.
 */
int vpin_dev_map(struct vpin_dev *dev, u64 gpa, u64 size, u64 uaddr, u32 perm)
{
	int ret = vpin_mem_map(&dev->mem, gpa, size, uaddr, perm);

	trace_vpin_map(dev->id, gpa, size, uaddr, perm, ret);
	if (ret && ret != -EINTR) {
		vpin_dev_notice(dev, "cannot map %#llx bytes at %#llx (%d)%s\n",
				size, gpa, ret,
				ret == -ENOMEM ? ": is RLIMIT_MEMLOCK large enough?" : "");
	}
	return ret;
}

/* vpin_mem_unmap() for a device whose queues may run. */
int vpin_dev_unmap(struct vpin_dev *dev, u64 gpa, u64 size)
{
	int ret = vpin_mem_unmap(&dev->mem, gpa, size);

	trace_vpin_unmap(dev->id, gpa, size, ret);
	return ret;
}

/* vpin_mem_batch_begin() for a device whose queues may run. */
int vpin_dev_map_begin(struct vpin_dev *dev)
{
	int ret = vpin_mem_batch_begin(&dev->mem);

	trace_vpin_batch(dev->id, true, ret);
	return ret;
}

/* vpin_mem_batch_end() for a device whose queues may run. */
int vpin_dev_map_end(struct vpin_dev *dev)
{
	int ret = vpin_mem_batch_end(&dev->mem);

	trace_vpin_batch(dev->id, false, ret);
	return ret;
}

/**
 * vpin_dev_resize - the backend may have another size
 * @dev: the device; its queues may run
 *
 * Return: 0; -EOPNOTSUPP if the type has no size, or its own.
 */
int vpin_dev_resize(struct vpin_dev *dev)
{
	int ret;

	lockdep_assert_held(&dev->lock);
	if (!dev->type->resize)
		return -EOPNOTSUPP;
	ret = dev->type->resize(dev);
	if (ret <= 0)
		return ret;
	vpin_dev_signal_config(dev);
	return 0;
}

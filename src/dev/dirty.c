// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's dirty log: for all of its queues, as long as its owner likes.
 */
#include <linux/err.h>
#include <vpin/dev.h>

/*
 * What is in flight did not note where it writes: it has to end before the first
 * chain that does.
 */
static int vpin_dev_begin_dirty(struct vpin_dev *dev)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < dev->nr_vqs && !ret; i++) {
		if (dev->vqs[i].running)
			ret = vpin_vq_dirty_alloc(&dev->vqs[i]);
	}
	return ret ?: vpin_vq_pause(dev->vqs, dev->nr_vqs);
}

/**
 * vpin_dev_use_dirty - has a device log what it writes, elsewhere, or not any more
 * @dev: the device; its queues may run
 * @dirty: the log, or NULL
 *
 * To begin with it what is in flight is waited for; to replace or end it, not.
 * When it returns the log before is not used any more.
 *
 * Return: 0; -ENOMEM; -EINTR if killed in the wait: all is as before then.
 */
int vpin_dev_use_dirty(struct vpin_dev *dev, struct vpin_dirty *dirty)
{
	bool begin = dirty && !dev->dirty;
	unsigned int i;
	int ret;

	lockdep_assert_held(&dev->lock);
	ret = begin ? vpin_dev_begin_dirty(dev) : 0;
	if (ret)
		return ret;
	dev->dirty = dirty;
	WRITE_ONCE(dev->dirty_size, dirty ? dirty->size : 0);
	for (i = 0; i < dev->nr_vqs; i++) {
		vpin_vq_dirty_set(&dev->vqs[i], dirty);
		if (begin)
			vpin_vq_undrain(&dev->vqs[i]);
	}
	return 0;
}

/**
 * vpin_dev_set_dirty - as vpin_dev_use_dirty(), in memory of the owner's
 * @dev: the device; its queues may run
 * @uaddr: the caller's address of the bitmap
 * @size: its bytes; both 0 for no log
 *
 * The log outlives suspends, stops and resets, as memory does.
 *
 * Return: vpin_dirty_create()'s and vpin_dev_use_dirty()'s: all is as before then.
 */
int vpin_dev_set_dirty(struct vpin_dev *dev, u64 uaddr, u64 size)
{
	struct vpin_dirty *dirty = NULL, *old = dev->dirty;
	int ret;

	lockdep_assert_held(&dev->lock);
	if (uaddr || size)
		dirty = vpin_dirty_create(&dev->mem, uaddr, size);
	if (IS_ERR(dirty))
		return PTR_ERR(dirty);
	ret = vpin_dev_use_dirty(dev, dirty);
	vpin_dirty_destroy(ret ? dirty : old);
	return ret;
}

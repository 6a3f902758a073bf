// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long requests take, from being taken to being given back, if somebody wants
 * to know.  It is free as long as nobody does: a branch that is patched in.
 *
 * A time that was noted for a head before counts no more than none: what was taken
 * before its device was timed is not counted.
 */
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <vpin/dev.h>

DEFINE_STATIC_KEY_FALSE(vpin_timed);

/* Guards each device's timed_since, and how often the key was turned. */
static DEFINE_MUTEX(vpin_timed_lock);

/**
 * vpin_dev_set_timed - times the requests of a device, or not any more
 * @dev: the device; its queues may run
 * @timed: which
 *
 * Context: may sleep, but for no device.
 */
void vpin_dev_set_timed(struct vpin_dev *dev, bool timed)
{
	mutex_lock(&vpin_timed_lock);
	if (timed && !dev->timed_since) {
		WRITE_ONCE(dev->timed_since, ktime_get_ns());
		static_branch_inc(&vpin_timed);
	} else if (!timed && dev->timed_since) {
		static_branch_dec(&vpin_timed);
		WRITE_ONCE(dev->timed_since, 0);
	}
	mutex_unlock(&vpin_timed_lock);
}

/* The chain of @head was taken. */
void vpin_vq_note(struct vpin_vq *vq, u16 head)
{
	if (READ_ONCE(vq->dev->timed_since))
		vq->taken_at[head] = ktime_get_ns();
}

/* The chain of @head is given back: bucket n is of 2^n to 2^(n+1) microseconds. */
void vpin_vq_time(struct vpin_vq *vq, u16 head)
{
	u64 since = READ_ONCE(vq->dev->timed_since);
	u64 us;

	if (!since || vq->taken_at[head] < since)
		return;
	us = (ktime_get_ns() - vq->taken_at[head]) / NSEC_PER_USEC;
	vq->times[min(ilog2(us | 1), VPIN_VQ_TIMES - 1)]++;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a device.
 *
 * In the ordinary case it is over when the file's last close returns: drained,
 * the driver told, all given back.  But a backend that does not answer keeps
 * nobody for ever: after a while such a device is left to the module, which
 * holds its pins and its backend until the last request has come back, and
 * cannot be unloaded before.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <vpin/dev.h>
#include <vpin/init.h>

static unsigned int vpin_drain_ms = 5000;
module_param_named(drain_ms, vpin_drain_ms, uint, 0644);
MODULE_PARM_DESC(drain_ms,
		 "how long the close of a device waits for its backend, in milliseconds (5000)");

/* The least that a close waits, in jiffies: for what ended to be told. */
#define VPIN_DRAIN_MIN	(HZ / 20)

/* How often a device that was left is looked at, in jiffies. */
#define VPIN_LEFT_HELP	HZ

/* Nothing on it waits for a backend, so that all devices can share it. */
static struct workqueue_struct *vpin_ends;

/* Devices that were closed and still use their backends, and who waits for one. */
static LIST_HEAD(vpin_ending);
static DEFINE_SPINLOCK(vpin_ending_lock);
static DECLARE_WAIT_QUEUE_HEAD(vpin_ended);

/* Between two changes of memory: a queue without a ring gets none any more. */
static void vpin_dev_begin_end(struct vpin_dev *dev)
{
	mutex_lock(&dev->lock);
	WRITE_ONCE(dev->ending, true);
	spin_lock(&vpin_ending_lock);
	list_add(&dev->ending_node, &vpin_ending);
	spin_unlock(&vpin_ending_lock);
	mutex_unlock(&dev->lock);
}

static void vpin_dev_nothing(void *arg)
{
}

/* The turns that ended what was in flight are over: the driver was told. */
static void vpin_dev_settle(struct vpin_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_workers; i++) {
		if (dev->workers[i])
			vpin_worker_call(dev->workers[i], vpin_dev_nothing, NULL);
	}
}

/* It has nothing in flight any more, nor to tell, and will not have. */
static void vpin_dev_has_ended(struct vpin_dev *dev)
{
	spin_lock(&vpin_ending_lock);
	list_del(&dev->ending_node);
	spin_unlock(&vpin_ending_lock);
	wake_up_all(&vpin_ended);
}

/* Does what its workers have left undone.  Return: whether nothing is in flight. */
static bool vpin_dev_help(struct vpin_dev *dev)
{
	bool drained = true;
	unsigned int i;

	for (i = 0; i < dev->nr_vqs; i++) {
		struct vpin_vq *vq = &dev->vqs[i];

		if (!vpin_vq_is_drained(vq))
			vpin_vq_help(vq);
		drained &= vpin_vq_is_drained(vq);
	}
	return drained;
}

/* Return: 0 if no device that ends has that ring, -EBUSY if it was left, or -EAGAIN. */
static int vpin_dev_ask_ending(u64 used)
{
	const struct vpin_dev *dev;
	int ret = 0;
	u16 i;

	spin_lock(&vpin_ending_lock);
	list_for_each_entry(dev, &vpin_ending, ending_node) {
		for (i = 0; !ret && i < dev->nr_vqs; i++) {
			if (READ_ONCE(dev->vqs[i].used_at) == used)
				ret = READ_ONCE(dev->left) ? -EBUSY : -EAGAIN;
		}
	}
	spin_unlock(&vpin_ending_lock);
	return ret;
}

/**
 * vpin_dev_wait_ended - waits until no device that was closed has a ring
 * @used: where the ring's device area is in the host's memory; not 0
 * @wait: whether to; else one that has it is -EBUSY at once
 *
 * What such a device has in flight lands in the backend, in the guest's memory and in
 * its ring when the backend answers.  A guest whose server comes back is still there: a
 * second device would do the same requests, and the guest be told of them twice.
 *
 * Context: sleeps as long as a close does (drain_ms).
 * Return: 0; -EBUSY if the backend does not answer; -EINTR if the caller is being
 * killed.
 */
int vpin_dev_wait_ended(u64 used, bool wait)
{
	int ret = 0, killed;

	if (!wait)
		return vpin_dev_ask_ending(used) ? -EBUSY : 0;
	killed = wait_event_state(vpin_ended,
				  (ret = vpin_dev_ask_ending(used)) != -EAGAIN,
				  VPIN_DEV_WAITS);
	return killed ? -EINTR : ret;
}

/* The last request may have come back. */
static void vpin_dev_end_work(struct work_struct *work)
{
	struct vpin_dev *dev = container_of(to_delayed_work(work),
					    struct vpin_dev, end_work);

	/* Its owner, whose threads serve it, may be stopped or frozen. */
	if (!vpin_dev_help(dev)) {
		queue_delayed_work(vpin_ends, &dev->end_work, VPIN_LEFT_HELP);
		return;
	}
	/* Whose turn still saw it as left is over, who left it is through, */
	WRITE_ONCE(dev->left, false);
	vpin_dev_settle(dev);
	vpin_dev_has_ended(dev);
	/* and what they queued is undone. */
	cancel_delayed_work(&dev->end_work);

	pr_notice("vhost_pin: device %d: its backend has answered; all is given back\n",
		  dev->id);
	/* No longer than this is waited for a backend here. */
	vpin_dev_free(dev, jiffies + VPIN_DRAIN_MIN);
	module_put(THIS_MODULE);
}

/* A queue is drained.  Context: its worker. */
void vpin_dev_idle(struct vpin_dev *dev)
{
	/* It has nothing in flight before we look.  Pairs with mod_delayed_work(). */
	smp_mb();
	/* Pairs with the release in vpin_dev_leave(). */
	if (unlikely(smp_load_acquire(&dev->left)))
		mod_delayed_work(vpin_ends, &dev->end_work, 0);
}

static void vpin_dev_leave(struct vpin_dev *dev)
{
	pr_notice("vhost_pin: device %d: closed, but its backend does not answer: its memory stays pinned until it does\n",
		  dev->id);
	__module_get(THIS_MODULE);
	INIT_DELAYED_WORK(&dev->end_work, vpin_dev_end_work);
	/* From when it is seen as left somebody else may free it, but for the lock. */
	spin_lock(&vpin_ending_lock);
	/* Who sees it as left sees the work: pairs with vpin_dev_idle(). */
	smp_store_release(&dev->left, true);
	/* What came back before that was not seen. */
	queue_delayed_work(vpin_ends, &dev->end_work, 0);
	spin_unlock(&vpin_ending_lock);
	wake_up_all(&vpin_ended);
}

/*
 * Until when a close waits.  The devices of an owner who was killed are closed
 * one after the other, and have all been ending since then: he is not to wait as
 * often as he has disks.
 */
static unsigned long vpin_dev_drain_end(const struct vpin_dev *dev)
{
	unsigned long wait = msecs_to_jiffies(READ_ONCE(vpin_drain_ms));
	unsigned long now = jiffies, since = now;

	if (dev->workers[0] && vpin_worker_was_killed(dev->workers[0], &since) &&
	    time_before(since + wait, now + VPIN_DRAIN_MIN))
		return now + min_t(unsigned long, wait, VPIN_DRAIN_MIN);
	return since + wait;
}

/* Waits for what is in flight, until @end. */
static bool vpin_dev_drain(struct vpin_dev *dev, unsigned long end)
{
	unsigned int i;

	mutex_lock(&dev->lock);
	for (i = 0; i < dev->nr_vqs; i++)
		vpin_vq_drain(&dev->vqs[i]);
	mutex_unlock(&dev->lock);

	for (i = 0; i < dev->nr_vqs; i++) {
		struct vpin_vq *vq = &dev->vqs[i];

		while (!vpin_vq_is_drained(vq)) {
			long left = end - jiffies;

			if (wait_event_timeout(vq->idle, vpin_vq_is_drained(vq),
					       clamp(left, 1L, (long)VPIN_VQ_HELP)))
				break;
			vpin_vq_help(vq);
			if (left <= 0 && !vpin_vq_is_drained(vq))
				return false;
		}
	}
	return true;
}

/**
 * vpin_dev_destroy - stops, unmaps and frees a device
 * @dev: the device; no one else uses it
 *
 * Waits for what is in flight, but no longer than drain_ms; what is not back by
 * then is left to the module.  Cannot fail.
 */
void vpin_dev_destroy(struct vpin_dev *dev)
{
	unsigned long end = vpin_dev_drain_end(dev);
	bool drained;

	vpin_dev_begin_end(dev);
	drained = vpin_dev_drain(dev, end);
	vpin_dev_stop_follow(dev);
	if (!drained) {
		vpin_dev_leave(dev);
		return;
	}
	vpin_dev_settle(dev);
	vpin_dev_has_ended(dev);
	vpin_dev_free(dev, end);
}

int vpin_dev_end_init(void)
{
	vpin_ends = alloc_workqueue("vpin_ends", WQ_UNBOUND, 0);
	return vpin_ends ? 0 : -ENOMEM;
}

void vpin_dev_end_exit(void)
{
	destroy_workqueue(vpin_ends);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an owner takes out of his mapping is followed on a workqueue of the
 * device's own: it may have to wait for what he does to his mapping, and so
 * nobody else waits with him.  Until it is done, queues take no more chains than
 * they had seen before.
 */
#include <linux/jiffies.h>
#include <linux/workqueue.h>
#include <vpin/dev.h>

/* When what could not be done is tried again, in jiffies. */
#define VPIN_FOLLOW_AGAIN	(HZ / 10)

static void vpin_dev_follow(struct work_struct *work)
{
	struct vpin_follow *follow =
		container_of(to_delayed_work(work), struct vpin_follow, work);
	struct vpin_dev *dev = container_of(follow, struct vpin_dev, follow);
	bool again;
	int ret;

	mutex_lock(&dev->lock);
	again = follow->again;
	follow->again = false;
	ret = vpin_mem_follow(&dev->mem, again);
	if (ret && ret != -ESRCH) {
		if (!follow->late)
			vpin_dev_notice(dev, "no memory to follow what its owner unmapped (%d): its queues wait until there is some\n",
					ret);
		follow->late = true;
		follow->again |= again;
		queue_delayed_work(follow->wq, &follow->work, VPIN_FOLLOW_AGAIN);
	} else if (!ret) {
		follow->late = false;
		if (vpin_watch_is_behind(dev->mem.watch))
			mod_delayed_work(follow->wq, &follow->work, 0);
	}
	mutex_unlock(&dev->lock);
}

/* The owner changed his mapping.  Context: his, where nothing may sleep. */
void vpin_dev_behind(struct vpin_mem *mem)
{
	struct vpin_dev *dev = container_of(mem, struct vpin_dev, mem);

	mod_delayed_work(dev->follow.wq, &dev->follow.work, 0);
}

/* What was behind is followed: queues that waited go on. */
void vpin_dev_fresh(struct vpin_mem *mem)
{
	struct vpin_dev *dev = container_of(mem, struct vpin_dev, mem);
	unsigned int i;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < dev->nr_vqs; i++) {
		if (dev->vqs[i].running)
			vpin_worker_queue(dev->vqs[i].worker, &dev->vqs[i].work);
	}
}

/* A ring is mapped, but its owner has nothing there: maybe later. */
void vpin_dev_look_again(struct vpin_dev *dev)
{
	lockdep_assert_held(&dev->lock);
	dev->follow.again = true;
	queue_delayed_work(dev->follow.wq, &dev->follow.work, VPIN_FOLLOW_AGAIN);
}

/* Return: 0 or -ENOMEM. */
int vpin_dev_init_follow(struct vpin_dev *dev)
{
	INIT_DELAYED_WORK(&dev->follow.work, vpin_dev_follow);
	dev->follow.wq = alloc_workqueue("vpin_follow", WQ_UNBOUND, 1);
	return dev->follow.wq ? 0 : -ENOMEM;
}

/* Nothing is taken any more, so that nothing need be followed. */
void vpin_dev_stop_follow(struct vpin_dev *dev)
{
	vpin_mem_unfollow(&dev->mem);
	cancel_delayed_work_sync(&dev->follow.work);
}

void vpin_dev_fini_follow(struct vpin_dev *dev)
{
	destroy_workqueue(dev->follow.wq);
}

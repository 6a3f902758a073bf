// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a device, and the workers that serve his queues: threads of his.
 *
 * The first worker is made when the owner is bound, by a thread of his that is
 * as he wants his device to be; the others when a queue first needs one, which
 * may be by another thread of his (a vCPU's, with limits of its own), and are
 * then as the first.  They live as long as the device.
 */
#include <linux/err.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <vpin/blocking.h>
#include <vpin/dev.h>

static int vpin_dev_start_worker(struct vpin_dev *dev, unsigned int i)
{
	struct task_struct *like = dev->owner ?: current;
	struct vpin_worker *worker;
	char name[TASK_COMM_LEN];

	snprintf(name, sizeof(name), "vpin-%d-%u", dev->id, i);
	worker = vpin_worker_create(name, like,
				    dev->has_nice ? &dev->nice : NULL);
	if (IS_ERR(worker)) {
		vpin_dev_notice(dev, "no thread could be had (%ld): see RLIMIT_NPROC and pids.max of its owner\n",
				PTR_ERR(worker));
		return PTR_ERR(worker);
	}
	dev->workers[i] = worker;
	return 0;
}

/**
 * vpin_dev_worker - the worker that serves a queue
 * @dev: the device
 * @index: the queue's number
 *
 * Return: the worker, or ERR_PTR with vpin_worker_create()'s.
 */
struct vpin_worker *vpin_dev_worker(struct vpin_dev *dev, u16 index)
{
	unsigned int i = index % dev->nr_workers;
	int ret;

	lockdep_assert_held(&dev->lock);
	if (dev->workers[i])
		return dev->workers[i];
	/* Who only has the file cannot make threads of the owner's. */
	if (dev->workers[0] && !vpin_mem_is_owner(&dev->mem))
		return dev->workers[0];
	ret = vpin_dev_start_worker(dev, i);
	return ret ? ERR_PTR(ret) : dev->workers[i];
}

/**
 * vpin_dev_set_owner - makes the caller the one whose memory is mapped, whose
 * threads serve, and whose cgroups pay
 * @dev: the device
 *
 * Return: 0; -EBUSY if there is an owner, even the caller; vpin_worker_create()'s.
 */
int vpin_dev_set_owner(struct vpin_dev *dev)
{
	int ret;

	lockdep_assert_held(&dev->lock);
	if (dev->owner)
		return -EBUSY;
	ret = vpin_dev_start_worker(dev, 0);
	if (ret)
		return ret;
	dev->owner = get_task_struct(current);
	vpin_blocking_bind(dev->blocking, current->group_leader);
	return vpin_mem_bind(&dev->mem);
}

/* Ends the workers: nothing is queued on them any more. */
void vpin_dev_fini_owner(struct vpin_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_workers; i++) {
		if (dev->workers[i])
			vpin_worker_destroy(dev->workers[i]);
	}
	kfree(dev->workers);
	if (dev->owner)
		put_task_struct(dev->owner);
}

/* Return: 0 or -ENOMEM. */
int vpin_dev_init_owner(struct vpin_dev *dev, u16 nr_workers)
{
	dev->nr_workers = nr_workers;
	dev->workers = kcalloc(nr_workers, sizeof(*dev->workers),
			       GFP_KERNEL_ACCOUNT);
	return dev->workers ? 0 : -ENOMEM;
}

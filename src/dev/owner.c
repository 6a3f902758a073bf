// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a device, and the workers that serve his queues: threads of his.
 *
 * The first worker is made when the owner is bound, by a thread of his that is
 * as he wants his device to be.  Who starts a queue may be another (a vCPU's
 * thread, with limits of its own, or a process that was given the file): so the
 * others are made by the first, when a queue first needs one, and are as it is.
 * They live as long as the device.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <vpin/blocking.h>
#include <vpin/dev.h>

/* How long the end of a device waits for its threads to end, in jiffies. */
#define VPIN_DEV_PATIENCE	HZ

static int vpin_dev_start_worker(struct vpin_dev *dev, unsigned int i)
{
	struct vpin_worker *worker;
	char name[TASK_COMM_LEN];

	snprintf(name, sizeof(name), "vpin-%d-%u", dev->id, i);
	worker = vpin_worker_create(name, dev->has_nice ? &dev->nice : NULL);
	if (worker == ERR_PTR(-EINTR))
		return -EINTR;
	if (IS_ERR(worker)) {
		vpin_dev_notice(dev, "no thread could be had (%ld): see RLIMIT_NPROC and pids.max of its owner\n",
				PTR_ERR(worker));
		return PTR_ERR(worker);
	}
	/* For who looks without the lock. */
	smp_store_release(&dev->workers[i], worker);
	return 0;
}

/* On the first worker.  Whoever asked may have been killed meanwhile. */
static bool vpin_dev_hire(struct vpin_work *work)
{
	struct vpin_hire *hire = container_of(work, struct vpin_hire, work);
	struct vpin_dev *dev = container_of(hire, struct vpin_dev, hire);

	hire->ret = -EINTR;
	if (!vpin_worker_is_orphan(dev->workers[0])) {
		hire->ret = vpin_dev_start_worker(dev, hire->index);
		/* It has to freeze first, or to die: then that is seen above. */
		if (hire->ret == -EINTR)
			return true;
	}
	complete_all(&hire->done);
	return false;
}

/*
 * Has the first worker make worker @i, who may be frozen or stopped before he does:
 * so must who waits for him.  Return: 0, -EINTR for a signal: it is made all the
 * same, for who comes again; or why not.
 */
static int vpin_dev_have_hired(struct vpin_dev *dev, unsigned int i)
{
	struct vpin_hire *hire = &dev->hire;

	lockdep_assert_held(&dev->lock);
	/* One that its asker did not wait for. */
	if (wait_for_completion_interruptible(&hire->done))
		return -EINTR;
	if (dev->workers[i])
		return 0;
	reinit_completion(&hire->done);
	hire->index = i;
	vpin_worker_queue(dev->workers[0], &hire->work);
	if (wait_for_completion_interruptible(&hire->done))
		return -EINTR;
	return hire->ret;
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
	int ret = 0;

	lockdep_assert_held(&dev->lock);
	if (!dev->workers[0])
		ret = vpin_dev_start_worker(dev, 0);
	if (!ret && i)
		ret = vpin_dev_have_hired(dev, i);
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
	/* Whoever sees the owner sees that it is held. */
	smp_store_release(&dev->owner, get_pid(task_tgid(current)));
	vpin_blocking_bind(dev->blocking, current->group_leader);
	vpin_blocking_bind(dev->summons, current->group_leader);
	return vpin_mem_bind(&dev->mem);
}

/*
 * Ends the workers: nothing is queued on them any more.  Who does it need not be
 * the owner, who may be stopped or frozen: then they end without us.
 */
void vpin_dev_fini_owner(struct vpin_dev *dev)
{
	unsigned long until = jiffies + VPIN_DEV_PATIENCE;
	unsigned int i;

	/* The first may still be making another one, until it is ended. */
	for (i = 0; i < dev->nr_workers; i++) {
		if (dev->workers[i])
			vpin_worker_end(dev->workers[i]);
	}
	for (i = 0; i < dev->nr_workers; i++) {
		if (dev->workers[i])
			vpin_worker_leave(dev->workers[i], until);
	}
	kfree(dev->workers);
	put_pid(dev->owner);
}

/* Return: 0 or -ENOMEM. */
int vpin_dev_init_owner(struct vpin_dev *dev, u16 nr_workers)
{
	struct vpin_hire *hire = &dev->hire;

	vpin_work_init(&hire->work, vpin_dev_hire);
	init_completion(&hire->done);
	complete_all(&hire->done);
	dev->nr_workers = nr_workers;
	dev->workers = kcalloc(nr_workers, sizeof(*dev->workers),
			       GFP_KERNEL_ACCOUNT);
	return dev->workers ? 0 : -ENOMEM;
}

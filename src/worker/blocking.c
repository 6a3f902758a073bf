// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's work that blocks, of one kind, on a workqueue of its own: threads come
 * as they are needed, up to the limit, and no device waits for another's.
 */
#include <linux/bitops.h>
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <vpin/blocking.h>
#include <vpin/init.h>

/* Frees places whose threads have nothing left to do: nothing on it waits. */
static struct workqueue_struct *vpin_blocking_ends;

/* What one thread does: items, until there are none. */
struct vpin_blocking_slot {
	struct work_struct work;
	struct vpin_blocking *blocking;
};

/**
 * struct vpin_blocking - a device's work that blocks
 * @lock: guards @first, @last, @busy and @ended
 * @first: the oldest item
 * @last: where the next one is linked
 * @busy: a bit for each slot that runs or is about to
 * @ended: nothing more is queued: the thread that has nothing left to do frees it
 * @task: whose cgroups pay; NULL before vpin_blocking_bind()
 * @cred: whose rights count
 * @wq: runs the slots
 * @file: the backend, to be let go of at the end
 * @put: the item that does so
 * @end: frees the rest
 * @gone: that is done
 * @refs: who does it, and who waits for that
 * @nr: length of @slots
 * @slots: one for each thread
 */
struct vpin_blocking {
	spinlock_t lock;
	struct vpin_blocking_item *first;
	struct vpin_blocking_item **last;
	unsigned long busy;
	bool ended;
	struct task_struct *task;
	const struct cred *cred;
	struct workqueue_struct *wq;
	struct file *file;
	struct vpin_blocking_item put;
	struct work_struct end;
	struct completion gone;
	refcount_t refs;
	unsigned int nr;
	struct vpin_blocking_slot slots[] __counted_by(nr);
};

#ifdef CONFIG_BLK_CGROUP
static void vpin_blocking_enter_blkcg(struct task_struct *task)
{
	struct cgroup_subsys_state *css = task_get_css(task, io_cgrp_id);

	kthread_associate_blkcg(css);
	css_put(css);
}

static void vpin_blocking_leave_blkcg(void)
{
	kthread_associate_blkcg(NULL);
}
#else
static void vpin_blocking_enter_blkcg(struct task_struct *task)
{
}

static void vpin_blocking_leave_blkcg(void)
{
}
#endif

#ifdef CONFIG_MEMCG
static struct mem_cgroup *vpin_blocking_enter_memcg(struct task_struct *task)
{
	struct mem_cgroup *memcg =
		mem_cgroup_from_css(task_get_css(task, memory_cgrp_id));

	set_active_memcg(memcg);
	return memcg;
}

static void vpin_blocking_leave_memcg(struct mem_cgroup *memcg)
{
	set_active_memcg(NULL);
	mem_cgroup_put(memcg);
}
#else
static struct mem_cgroup *vpin_blocking_enter_memcg(struct task_struct *task)
{
	return NULL;
}

static void vpin_blocking_leave_memcg(struct mem_cgroup *memcg)
{
}
#endif

/* Does one item as the owner. */
static void vpin_blocking_do(struct vpin_blocking *blocking,
			     struct vpin_blocking_item *item)
{
	/* Pairs with the release in vpin_blocking_bind(). */
	struct task_struct *task = smp_load_acquire(&blocking->task);
	const struct cred *old = override_creds(blocking->cred);
	struct mem_cgroup *memcg = NULL;

	if (task) {
		vpin_blocking_enter_blkcg(task);
		memcg = vpin_blocking_enter_memcg(task);
	}
	item->fn(item);
	if (task) {
		vpin_blocking_leave_memcg(memcg);
		vpin_blocking_leave_blkcg();
	}
	revert_creds(old);
}

/* The oldest item; without one the slot is free again. */
static struct vpin_blocking_item *
vpin_blocking_take(struct vpin_blocking *blocking, unsigned int slot)
{
	struct vpin_blocking_item *item;
	unsigned long flags;

	spin_lock_irqsave(&blocking->lock, flags);
	item = blocking->first;
	if (!item) {
		blocking->busy &= ~BIT(slot);
		if (unlikely(blocking->ended && !blocking->busy))
			queue_work(vpin_blocking_ends, &blocking->end);
	} else {
		blocking->first = item->next;
		if (!blocking->first)
			blocking->last = &blocking->first;
	}
	spin_unlock_irqrestore(&blocking->lock, flags);
	return item;
}

static void vpin_blocking_run(struct work_struct *work)
{
	struct vpin_blocking_slot *slot =
		container_of(work, struct vpin_blocking_slot, work);
	struct vpin_blocking *blocking = slot->blocking;
	struct vpin_blocking_item *item;

	while ((item = vpin_blocking_take(blocking, slot - blocking->slots))) {
		vpin_blocking_do(blocking, item);
		cond_resched();
	}
}

/**
 * vpin_blocking_queue - has an item done where it may block
 * @blocking: the device's
 * @item: the item, its @fn set; nobody else's until @fn has it
 *
 * Context: any.  What the caller wrote before is seen by @fn.
 */
void vpin_blocking_queue(struct vpin_blocking *blocking,
			 struct vpin_blocking_item *item)
{
	unsigned long flags;
	unsigned int slot;

	item->next = NULL;
	spin_lock_irqsave(&blocking->lock, flags);
	*blocking->last = item;
	blocking->last = &item->next;
	slot = find_first_zero_bit(&blocking->busy, blocking->nr);
	if (slot < blocking->nr) {
		blocking->busy |= BIT(slot);
		queue_work(blocking->wq, &blocking->slots[slot].work);
	}
	spin_unlock_irqrestore(&blocking->lock, flags);
}

/**
 * vpin_blocking_bind - says whose cgroups pay from now on
 * @blocking: the device's, not bound yet
 * @task: a thread that is in them and follows when they change
 */
void vpin_blocking_bind(struct vpin_blocking *blocking, struct task_struct *task)
{
	/* Whoever sees the task sees that it is held. */
	smp_store_release(&blocking->task, get_task_struct(task));
}

/* The last reference of a file may well wait for what is behind it. */
static void vpin_blocking_put_file(struct vpin_blocking_item *item)
{
	struct vpin_blocking *blocking =
		container_of(item, struct vpin_blocking, put);

	/* Not by fput(), which has all that kernel threads put done in a row. */
	__fput_sync(blocking->file);
}

static void vpin_blocking_put(struct vpin_blocking *blocking)
{
	if (refcount_dec_and_test(&blocking->refs))
		kfree(blocking);
}

static void vpin_blocking_end(struct work_struct *work)
{
	struct vpin_blocking *blocking =
		container_of(work, struct vpin_blocking, end);

	destroy_workqueue(blocking->wq);
	put_cred(blocking->cred);
	if (blocking->task)
		put_task_struct(blocking->task);
	/* Before it is unloaded, the module waits for us. */
	module_put(THIS_MODULE);
	complete(&blocking->gone);
	vpin_blocking_put(blocking);
}

/**
 * vpin_blocking_create - a place for a device's work that blocks
 * @cred: with whose rights it is done
 * @nr_threads: by how many at most, up to BITS_PER_LONG
 *
 * It freezes with the machine.
 *
 * Return: the place, or ERR_PTR(-ENOMEM).
 */
struct vpin_blocking *vpin_blocking_create(const struct cred *cred,
					   unsigned int nr_threads)
{
	struct vpin_blocking *blocking;
	unsigned int i;

	blocking = kzalloc(struct_size(blocking, slots, nr_threads),
			   GFP_KERNEL_ACCOUNT);
	if (!blocking)
		return ERR_PTR(-ENOMEM);
	blocking->nr = nr_threads;
	blocking->wq = alloc_workqueue("vpin_blocking",
				       WQ_UNBOUND | WQ_FREEZABLE, nr_threads);
	if (!blocking->wq) {
		kfree(blocking);
		return ERR_PTR(-ENOMEM);
	}
	spin_lock_init(&blocking->lock);
	blocking->last = &blocking->first;
	blocking->cred = get_cred(cred);
	INIT_WORK(&blocking->end, vpin_blocking_end);
	init_completion(&blocking->gone);
	refcount_set(&blocking->refs, 2);
	for (i = 0; i < nr_threads; i++) {
		INIT_WORK(&blocking->slots[i].work, vpin_blocking_run);
		blocking->slots[i].blocking = blocking;
	}
	return blocking;
}

/**
 * vpin_blocking_destroy - lets go of the backend, and then of the place
 * @blocking: the device's; nothing more is queued
 * @file: the backend, of which a reference is dropped, or NULL
 * @until: how long that is waited for, in jiffies
 *
 * What is not over by then ends without the caller.
 *
 * Context: may sleep; not from an item.
 * Return: whether it is over.
 */
bool vpin_blocking_destroy(struct vpin_blocking *blocking, struct file *file,
			   unsigned long until)
{
	long left = until - jiffies;
	unsigned long flags;
	bool ret;

	__module_get(THIS_MODULE);
	if (file) {
		blocking->file = file;
		blocking->put.fn = vpin_blocking_put_file;
		vpin_blocking_queue(blocking, &blocking->put);
	}
	spin_lock_irqsave(&blocking->lock, flags);
	blocking->ended = true;
	if (!blocking->busy)
		queue_work(vpin_blocking_ends, &blocking->end);
	spin_unlock_irqrestore(&blocking->lock, flags);

	ret = wait_for_completion_timeout(&blocking->gone, max(left, 1L));
	vpin_blocking_put(blocking);
	return ret;
}

int vpin_blocking_init(void)
{
	vpin_blocking_ends = alloc_workqueue("vpin_blocking_ends", WQ_UNBOUND, 0);
	return vpin_blocking_ends ? 0 : -ENOMEM;
}

void vpin_blocking_exit(void)
{
	destroy_workqueue(vpin_blocking_ends);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's work that blocks, on a workqueue of its own: threads come as they
 * are needed, up to the limit, and no device waits for another's.
 */
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <vpin/blocking.h>

/* What one thread does: items, until there are none. */
struct vpin_blocking_slot {
	struct work_struct work;
	struct vpin_blocking *blocking;
};

/**
 * struct vpin_blocking - a device's work that blocks
 * @lock: guards @first, @last and @busy
 * @first: the oldest item
 * @last: where the next one is linked
 * @busy: a bit for each slot that runs or is about to
 * @task: whose cgroups pay; NULL before vpin_blocking_bind()
 * @cred: whose rights count
 * @wq: runs the slots
 * @slots: one for each thread
 */
struct vpin_blocking {
	spinlock_t lock;
	struct vpin_blocking_item *first;
	struct vpin_blocking_item **last;
	unsigned long busy;
	struct task_struct *task;
	const struct cred *cred;
	struct workqueue_struct *wq;
	struct vpin_blocking_slot slots[VPIN_BLOCKING_THREADS];
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
	slot = ffz(blocking->busy);
	if (slot < VPIN_BLOCKING_THREADS) {
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

/**
 * vpin_blocking_create - a place for a device's work that blocks
 * @cred: with whose rights it is done
 *
 * It freezes with the machine.
 *
 * Return: the place, or ERR_PTR(-ENOMEM).
 */
struct vpin_blocking *vpin_blocking_create(const struct cred *cred)
{
	struct vpin_blocking *blocking;
	unsigned int i;

	blocking = kzalloc(sizeof(*blocking), GFP_KERNEL_ACCOUNT);
	if (!blocking)
		return ERR_PTR(-ENOMEM);
	blocking->wq = alloc_workqueue("vpin_blocking",
				       WQ_UNBOUND | WQ_FREEZABLE,
				       VPIN_BLOCKING_THREADS);
	if (!blocking->wq) {
		kfree(blocking);
		return ERR_PTR(-ENOMEM);
	}
	spin_lock_init(&blocking->lock);
	blocking->last = &blocking->first;
	blocking->cred = get_cred(cred);
	for (i = 0; i < VPIN_BLOCKING_THREADS; i++) {
		INIT_WORK(&blocking->slots[i].work, vpin_blocking_run);
		blocking->slots[i].blocking = blocking;
	}
	return blocking;
}

/**
 * vpin_blocking_destroy - waits for what is under way and frees the place
 * @blocking: the device's; nothing more is queued
 *
 * Context: may sleep; not from an item.
 */
void vpin_blocking_destroy(struct vpin_blocking *blocking)
{
	destroy_workqueue(blocking->wq);
	put_cred(blocking->cred);
	if (blocking->task)
		put_task_struct(blocking->task);
	kfree(blocking);
}

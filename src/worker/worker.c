// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker's items are run by its thread, or, when that was killed with its
 * owner, by a kernel thread that finishes what is under way: an orphan.
 *
 * Whoever runs them holds the worker's lock.  So a worker whose thread is frozen
 * keeps nobody waiting, and who holds the lock may do a turn himself.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <vpin/init.h>
#include <vpin/worker.h>
#include "thread.h"

#define VPIN_WORK_QUEUED	0

/* Nothing on it waits for a backend, so that all owners can share it. */
static struct workqueue_struct *vpin_orphans;

void vpin_work_init(struct vpin_work *work, vpin_work_fn fn)
{
	work->queued = 0;
	work->fn = fn;
}

static void vpin_worker_wake(struct vpin_worker *worker, unsigned long delay)
{
	struct vpin_thread *thread;

	rcu_read_lock();
	thread = rcu_dereference(worker->thread);
	if (likely(thread))
		vpin_thread_wake(thread);
	else
		queue_delayed_work(vpin_orphans, &worker->orphan, delay);
	rcu_read_unlock();
}

/**
 * vpin_worker_queue - has an item run soon
 * @worker: the worker
 * @work: the item; it runs once more after this call, also if it is running
 *	now; queueing it again before it started changes nothing
 *
 * Context: any.  What the caller wrote before is seen by the item.
 */
void vpin_worker_queue(struct vpin_worker *worker, struct vpin_work *work)
{
	/* Full barrier: pairs with the one after clear_bit() in the turn. */
	if (test_and_set_bit(VPIN_WORK_QUEUED, &work->queued))
		return;
	/* Whoever finds the list empty wakes; the rest ride along. */
	if (llist_add(&work->node, &worker->items))
		vpin_worker_wake(worker, 0);
}

/* Runs what is queued, in order.  Return: whether an item has more to do. */
static bool vpin_worker_turn(struct vpin_worker *worker)
{
	struct vpin_work *work, *next;
	struct llist_node *items;
	bool more = false;

	mutex_lock(&worker->lock);
	items = llist_reverse_order(llist_del_all(&worker->items));
	llist_for_each_entry_safe(work, next, items, node) {
		clear_bit(VPIN_WORK_QUEUED, &work->queued);
		/* Queued again from here on: runs again and sees it all. */
		smp_mb__after_atomic();
		if (work->fn(work)) {
			more = true;
			if (!test_and_set_bit(VPIN_WORK_QUEUED, &work->queued))
				llist_add(&work->node, &worker->items);
		}
		cond_resched();
	}
	mutex_unlock(&worker->lock);
	return more;
}

static bool vpin_worker_thread(void *data)
{
	struct vpin_worker *worker = data;

	if (llist_empty(&worker->items))
		return false;
	__set_current_state(TASK_RUNNING);
	vpin_worker_turn(worker);
	return true;
}

/* There is no hurry: what has more to do at once polls a backend. */
static void vpin_worker_orphan(struct work_struct *work)
{
	struct vpin_worker *worker =
		container_of(to_delayed_work(work), struct vpin_worker, orphan);

	if (vpin_worker_turn(worker))
		queue_delayed_work(vpin_orphans, &worker->orphan, 1);
}

/* The thread was killed, and ends. */
static void vpin_worker_killed(void *data)
{
	struct vpin_worker *worker = data;

	worker->killed_at = jiffies;
	/* Pairs with vpin_worker_was_killed(). */
	smp_wmb();
	RCU_INIT_POINTER(worker->thread, NULL);
	/* No one wakes it any more. */
	synchronize_rcu();
	if (!llist_empty(&worker->items))
		queue_delayed_work(vpin_orphans, &worker->orphan, 0);
}

/**
 * vpin_worker_was_killed - whether a worker is an orphan, and since when
 * @worker: the worker
 * @at: out: when its thread was killed, in jiffies, if it was
 *
 * Return: whether it was.
 */
bool vpin_worker_was_killed(const struct vpin_worker *worker, unsigned long *at)
{
	if (!vpin_worker_is_orphan(worker))
		return false;
	/* Who finds no thread finds when it ended. */
	smp_rmb();
	*at = worker->killed_at;
	return true;
}

/**
 * vpin_worker_call - runs a function between two turns of a worker
 * @worker: the worker
 * @fn: the function, run by the caller; it sees each item's data at rest
 * @arg: its argument
 *
 * It waits for a turn at most.
 *
 * Context: may sleep; not from an item.
 */
void vpin_worker_call(struct vpin_worker *worker, void (*fn)(void *arg),
		      void *arg)
{
	mutex_lock(&worker->lock);
	fn(arg);
	mutex_unlock(&worker->lock);
}

/**
 * vpin_worker_create - starts a worker
 * @name: the thread's name
 * @nice: a nice value of its own, -20 to 19; NULL for the caller's
 *
 * The thread is one of the caller's process, and as the calling thread is.
 *
 * Return: the worker, or ERR_PTR: as vpin_thread_create()'s.
 */
struct vpin_worker *vpin_worker_create(const char *name, const s8 *nice)
{
	struct vpin_thread_args args = {
		.name = name,
		.fn = vpin_worker_thread,
		.killed = vpin_worker_killed,
		.has_nice = nice,
		.nice = nice ? *nice : 0,
	};
	struct vpin_worker *worker;
	struct vpin_thread *thread;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	init_llist_head(&worker->items);
	mutex_init(&worker->lock);
	INIT_DELAYED_WORK(&worker->orphan, vpin_worker_orphan);

	args.data = worker;
	thread = vpin_thread_create(&args);
	if (IS_ERR(thread)) {
		mutex_destroy(&worker->lock);
		kfree(worker);
		return ERR_CAST(thread);
	}
	worker->stop = thread;
	rcu_assign_pointer(worker->thread, thread);
	vpin_thread_start(thread);
	return worker;
}

/**
 * vpin_worker_destroy - ends the thread
 * @worker: the worker; no one queues on it any more, and nothing that is queued
 *	matters
 *
 * Context: may sleep; not from an item.
 */
void vpin_worker_destroy(struct vpin_worker *worker)
{
	vpin_thread_stop(worker->stop);
	cancel_delayed_work_sync(&worker->orphan);
	mutex_destroy(&worker->lock);
	kfree(worker);
}

int vpin_worker_init(void)
{
	vpin_orphans = alloc_workqueue("vpin_orphans",
				       WQ_UNBOUND | WQ_FREEZABLE, 0);
	return vpin_orphans ? 0 : -ENOMEM;
}

void vpin_worker_exit(void)
{
	destroy_workqueue(vpin_orphans);
}

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
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <vpin/init.h>
#include <vpin/worker.h>
#include "thread.h"

#define VPIN_WORK_QUEUED	0

/* Of a worker: it is to end; what ends it is under way. */
#define VPIN_WORKER_ENDED	0
#define VPIN_WORKER_ENDING	1

/* Nothing on it waits for a backend, so that all owners can share it. */
static struct workqueue_struct *vpin_orphans;

/* Ends threads that have said that they run; so nothing on it waits for long. */
static struct workqueue_struct *vpin_stops;

void vpin_work_init(struct vpin_work *work, vpin_work_fn fn)
{
	work->queued = 0;
	work->fn = fn;
}

static void vpin_worker_wake(struct vpin_worker *worker)
{
	struct vpin_thread *thread;

	thread = rcu_dereference_check(worker->thread, rcu_read_lock_any_held());
	if (likely(thread))
		vpin_thread_wake(thread);
	else
		queue_delayed_work(vpin_orphans, &worker->orphan, 0);
}

/**
 * vpin_worker_queue_rcu - vpin_worker_queue() for who is an RCU reader
 * @worker: the worker
 * @work: the item
 *
 * Context: any; a spinlock that is held with interrupts off makes a reader, too.
 */
void vpin_worker_queue_rcu(struct vpin_worker *worker, struct vpin_work *work)
{
	/* Full barrier: pairs with the one after clear_bit() in the turn. */
	if (test_and_set_bit(VPIN_WORK_QUEUED, &work->queued))
		return;
	/* Whoever finds the list empty wakes; the rest ride along. */
	if (llist_add(&work->node, &worker->items))
		vpin_worker_wake(worker);
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
	rcu_read_lock();
	vpin_worker_queue_rcu(worker, work);
	rcu_read_unlock();
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

static void vpin_worker_put(struct vpin_worker *worker)
{
	if (!refcount_dec_and_test(&worker->refs))
		return;
	mutex_destroy(&worker->lock);
	kfree(worker);
}

/* The thread runs, or has been killed: it takes no time to end it. */
static void vpin_worker_end_work(struct work_struct *work)
{
	struct vpin_worker *worker = container_of(work, struct vpin_worker, end);

	/* Who had it woken is through with it. */
	synchronize_rcu();
	vpin_thread_stop(worker->stop);
	cancel_delayed_work_sync(&worker->orphan);
	/* Before it is unloaded, the module waits for us. */
	module_put(THIS_MODULE);
	complete(&worker->gone);
	vpin_worker_put(worker);
}

static void vpin_worker_end_now(struct vpin_worker *worker)
{
	if (!test_and_set_bit(VPIN_WORKER_ENDING, &worker->flags))
		queue_work(vpin_stops, &worker->end);
}

static bool vpin_worker_is_ended(const struct vpin_worker *worker)
{
	return test_bit(VPIN_WORKER_ENDED, &worker->flags);
}

static bool vpin_worker_thread(void *data)
{
	struct vpin_worker *worker = data;

	if (unlikely(vpin_worker_is_ended(worker))) {
		vpin_worker_end_now(worker);
		return false;
	}
	if (llist_empty(&worker->items))
		return false;
	__set_current_state(TASK_RUNNING);
	vpin_worker_turn(worker);
	/* Who queues from here on finds us about to sleep, and wakes us. */
	set_current_state(TASK_INTERRUPTIBLE);
	if (likely(llist_empty(&worker->items) && !vpin_worker_is_ended(worker)))
		return false;
	__set_current_state(TASK_RUNNING);
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
	/* Pairs with vpin_worker_end(). */
	if (vpin_worker_is_ended(worker))
		vpin_worker_end_now(worker);
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
 * vpin_worker_tid - the id of a worker's thread, for people
 * @worker: the worker
 *
 * Context: any.
 * Return: the id as the caller's pid namespace has it; 0 if the thread was killed
 * or has yet to run.
 */
pid_t vpin_worker_tid(const struct vpin_worker *worker)
{
	struct vpin_thread *thread;
	pid_t tid;

	rcu_read_lock();
	thread = rcu_dereference(worker->thread);
	tid = thread ? vpin_thread_tid(thread) : 0;
	rcu_read_unlock();
	return tid;
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
 * vpin_worker_try - runs a function between two turns of a worker, if none is under
 * way
 * @worker: the worker
 * @fn: as of vpin_worker_call()
 * @arg: its argument
 *
 * Context: may sleep; not from an item.
 */
void vpin_worker_try(struct vpin_worker *worker, void (*fn)(void *arg),
		     void *arg)
{
	if (!mutex_trylock(&worker->lock))
		return;
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
	INIT_WORK(&worker->end, vpin_worker_end_work);
	init_completion(&worker->gone);
	refcount_set(&worker->refs, 2);

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
 * vpin_worker_end - has a worker end
 * @worker: the worker; no one queues on it any more, and nothing that is queued
 *	matters
 *
 * When it returns no item runs any more.  The thread ends when it runs next,
 * which, if its process is stopped or frozen, is up to others.
 *
 * Context: may sleep; not from an item.
 */
void vpin_worker_end(struct vpin_worker *worker)
{
	struct vpin_thread *thread;

	mutex_lock(&worker->lock);
	llist_del_all(&worker->items);
	mutex_unlock(&worker->lock);

	__module_get(THIS_MODULE);
	rcu_read_lock();
	set_bit(VPIN_WORKER_ENDED, &worker->flags);
	/* Either we see that it was killed, or vpin_worker_killed() sees us. */
	smp_mb__after_atomic();
	thread = rcu_dereference(worker->thread);
	if (thread)
		vpin_thread_wake(thread);
	else
		vpin_worker_end_now(worker);
	rcu_read_unlock();
}

/**
 * vpin_worker_leave - waits for the end of a worker, but not for ever
 * @worker: the worker, ended; not the caller's any more
 * @until: how long, in jiffies
 *
 * Context: may sleep; not from an item.
 */
void vpin_worker_leave(struct vpin_worker *worker, unsigned long until)
{
	long left = until - jiffies;

	wait_for_completion_timeout(&worker->gone, max(left, 1L));
	vpin_worker_put(worker);
}

int vpin_worker_init(void)
{
	vpin_orphans = alloc_workqueue("vpin_orphans",
				       WQ_UNBOUND | WQ_FREEZABLE, 0);
	vpin_stops = alloc_workqueue("vpin_stops", WQ_UNBOUND, 0);
	if (vpin_orphans && vpin_stops)
		return 0;
	vpin_worker_exit();
	return -ENOMEM;
}

void vpin_worker_exit(void)
{
	if (vpin_stops)
		destroy_workqueue(vpin_stops);
	if (vpin_orphans)
		destroy_workqueue(vpin_orphans);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads of a device's owner that run work items.
 *
 * An item is queued from any context, runs on its worker's thread, and is never
 * run twice at the same time.  An item that has more to do than its budget
 * allows says so and is run again after the others.  An item must not wait for a
 * backend: the thread could neither be frozen nor killed meanwhile.  See
 * vpin/blocking.h.
 */
#ifndef _VPIN_WORKER_H
#define _VPIN_WORKER_H

#include <linux/completion.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct vpin_thread;
struct vpin_work;

/* Runs an item.  Return: whether there is more to do at once. */
typedef bool (*vpin_work_fn)(struct vpin_work *work);

/**
 * struct vpin_work - an item
 * @node: in its worker's list while queued
 * @queued: bit 0 set from being queued to just before it runs
 * @fn: what it does
 */
struct vpin_work {
	struct llist_node node;
	unsigned long queued;
	vpin_work_fn fn;
};

/**
 * struct vpin_worker - a thread and what it has to run
 * @items: queued items, newest first
 * @thread: the thread; NULL once it was killed
 * @stop: the thread, for who ends it
 * @killed_at: when it was, in jiffies
 * @lock: held while items run, and by who changes what they work on
 * @orphan: runs the items when there is no thread any more
 * @flags: how far its end is
 * @end: ends it
 * @gone: the thread has ended
 * @refs: who ends it, and who waits for that
 */
struct vpin_worker {
	struct llist_head items;
	struct vpin_thread __rcu *thread;
	struct vpin_thread *stop;
	unsigned long killed_at;
	struct mutex lock;
	struct delayed_work orphan;
	unsigned long flags;
	struct work_struct end;
	struct completion gone;
	refcount_t refs;
};

/* Whether its thread was killed: what is under way ends, nothing begins. */
static inline bool vpin_worker_is_orphan(const struct vpin_worker *worker)
{
	return !rcu_access_pointer(worker->thread);
}

/*
 * Whether the worker's thread has better things to do than to wait busily:
 * other items, a signal to freeze or to die, or somebody else who wants its CPU.
 * Context: the worker.
 */
static inline bool vpin_worker_is_wanted(const struct vpin_worker *worker)
{
	return !llist_empty(&worker->items) || need_resched() ||
	       signal_pending(current) || !single_task_running();
}

void vpin_work_init(struct vpin_work *work, vpin_work_fn fn);

struct vpin_worker *vpin_worker_create(const char *name, const s8 *nice);
void vpin_worker_end(struct vpin_worker *worker);
void vpin_worker_leave(struct vpin_worker *worker, unsigned long until);
bool vpin_worker_was_killed(const struct vpin_worker *worker,
			    unsigned long *at);
pid_t vpin_worker_tid(const struct vpin_worker *worker);
void vpin_worker_queue_rcu(struct vpin_worker *worker, struct vpin_work *work);
void vpin_worker_queue(struct vpin_worker *worker, struct vpin_work *work);
void vpin_worker_call(struct vpin_worker *worker, void (*fn)(void *arg),
		      void *arg);
void vpin_worker_try(struct vpin_worker *worker, void (*fn)(void *arg),
		     void *arg);

#endif /* _VPIN_WORKER_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel threads that run work items, in the cgroups of who started them.
 *
 * An item is queued from any context, runs on its worker's thread, and is never
 * run twice at the same time.  An item that has more to do than its budget
 * allows says so and is run again after the others.
 */
#ifndef _VPIN_WORKER_H
#define _VPIN_WORKER_H

#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/sched/stat.h>
#include <linux/types.h>

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
 * @task: the thread
 */
struct vpin_worker {
	struct llist_head items;
	struct task_struct *task;
};

/*
 * Whether the worker's thread has better things to do than to wait busily:
 * other items, or somebody else who wants its CPU.  Context: the worker.
 */
static inline bool vpin_worker_is_wanted(const struct vpin_worker *worker)
{
	return !llist_empty(&worker->items) || need_resched() ||
	       !single_task_running();
}

void vpin_work_init(struct vpin_work *work, vpin_work_fn fn);

struct vpin_worker *vpin_worker_create(const char *name, int nice);
void vpin_worker_destroy(struct vpin_worker *worker);
void vpin_worker_queue(struct vpin_worker *worker, struct vpin_work *work);
void vpin_worker_call(struct vpin_worker *worker, void (*fn)(void *arg),
		      void *arg);

#endif /* _VPIN_WORKER_H */

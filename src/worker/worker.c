// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <vpin/worker.h>

#define VPIN_WORK_QUEUED	0

void vpin_work_init(struct vpin_work *work, vpin_work_fn fn)
{
	work->queued = 0;
	work->fn = fn;
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
	/* Full barrier: pairs with the one after clear_bit() in the thread. */
	if (test_and_set_bit(VPIN_WORK_QUEUED, &work->queued))
		return;
	/* Whoever finds the list empty wakes; the rest ride along. */
	if (llist_add(&work->node, &worker->items))
		wake_up_process(worker->task);
}

static void vpin_worker_run(struct vpin_worker *worker, struct llist_node *items)
{
	struct vpin_work *work, *next;

	llist_for_each_entry_safe(work, next, llist_reverse_order(items), node) {
		clear_bit(VPIN_WORK_QUEUED, &work->queued);
		/* Queued again from here on: runs again and sees it all. */
		smp_mb__after_atomic();
		if (work->fn(work))
			vpin_worker_queue(worker, work);
		cond_resched();
	}
}

static int vpin_worker_thread(void *data)
{
	struct vpin_worker *worker = data;

	for (;;) {
		struct llist_node *items;

		set_current_state(TASK_INTERRUPTIBLE);
		items = llist_del_all(&worker->items);
		if (!items) {
			if (kthread_should_stop())
				break;
			schedule();
			continue;
		}
		__set_current_state(TASK_RUNNING);
		vpin_worker_run(worker, items);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

struct vpin_worker_call {
	struct vpin_work work;
	void (*fn)(void *arg);
	void *arg;
	struct completion done;
};

static bool vpin_worker_call_run(struct vpin_work *work)
{
	struct vpin_worker_call *call =
		container_of(work, struct vpin_worker_call, work);

	call->fn(call->arg);
	complete(&call->done);
	return false;
}

/**
 * vpin_worker_call - runs a function on the worker's thread and waits for it
 * @worker: the worker
 * @fn: the function; between items, so it sees each item's data at rest
 * @arg: its argument
 *
 * Items that were queued before have run when @fn does.
 *
 * Context: may sleep; not on the worker's own thread.
 */
void vpin_worker_call(struct vpin_worker *worker, void (*fn)(void *arg),
		      void *arg)
{
	struct vpin_worker_call call = { .fn = fn, .arg = arg };

	vpin_work_init(&call.work, vpin_worker_call_run);
	init_completion(&call.done);
	vpin_worker_queue(worker, &call.work);
	wait_for_completion(&call.done);
}

struct vpin_worker_join {
	struct task_struct *owner;
	int ret;
};

static void vpin_worker_join(void *arg)
{
	struct vpin_worker_join *join = arg;

	join->ret = cgroup_attach_task_all(join->owner, current);
}

/**
 * vpin_worker_create - starts a worker in the caller's cgroups
 * @name: the thread's name
 * @nice: the thread's nice value, -20 to 19
 *
 * Return: the worker, or ERR_PTR: -ENOMEM, -EINTR (killed), or what the
 * caller's cgroups say to a new member.
 */
struct vpin_worker *vpin_worker_create(const char *name, int nice)
{
	struct vpin_worker_join join = { .owner = current };
	struct vpin_worker *worker;

	worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	init_llist_head(&worker->items);

	worker->task = kthread_create(vpin_worker_thread, worker, "%s", name);
	if (IS_ERR(worker->task)) {
		join.ret = PTR_ERR(worker->task);
		goto err_worker;
	}
	set_user_nice(worker->task, nice);
	wake_up_process(worker->task);

	vpin_worker_call(worker, vpin_worker_join, &join);
	if (join.ret)
		goto err_task;
	return worker;

err_task:
	kthread_stop(worker->task);
err_worker:
	kfree(worker);
	return ERR_PTR(join.ret);
}

/**
 * vpin_worker_destroy - runs what is queued, then ends the thread
 * @worker: the worker; no one may queue on it any more
 *
 * Context: may sleep; not on the worker's own thread.
 */
void vpin_worker_destroy(struct vpin_worker *worker)
{
	kthread_stop(worker->task);
	kfree(worker);
}

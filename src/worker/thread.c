// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cgroup.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <vpin/compat.h>
#include "thread.h"

/**
 * struct vpin_thread - a thread
 * @args: what it is to be
 * @pid: its id; NULL before it has run
 * @kthread: it, if it is a kernel thread; else NULL
 * @vtask: it, if it is one of the creator's process
 */
struct vpin_thread {
	struct vpin_thread_args args;
	struct pid *pid;
	struct task_struct *kthread;
	struct vhost_task *vtask;
};

/* On the thread, first. */
static void vpin_thread_ran(struct vpin_thread *thread)
{
	/* Who sees the id sees that it is held. */
	smp_store_release(&thread->pid, get_pid(task_pid(current)));
}

#ifdef VPIN_HAS_VHOST_TASK
static bool vpin_thread_vtask_fn(void *data)
{
	struct vpin_thread *thread = data;

	/* Nobody else can lay hands on it. */
	if (unlikely(!thread->pid)) {
		vpin_thread_ran(thread);
		if (thread->args.has_nice)
			set_user_nice(current, thread->args.nice);
	}
	return thread->args.fn(thread->args.data);
}

static void vpin_thread_vtask_killed(void *data)
{
	struct vpin_thread *thread = data;

	thread->args.killed(thread->args.data);
}

static int vpin_thread_create_vtask(struct vpin_thread *thread)
{
	struct vhost_task *vtask =
		vhost_task_create(vpin_thread_vtask_fn, vpin_thread_vtask_killed,
				  thread, thread->args.name);

	/* Before 6.14 it did not say why: else a limit, in most cases. */
	if (!vtask)
		return signal_pending(current) ? -EINTR : -EAGAIN;
	if (IS_ERR(vtask))
		return PTR_ERR(vtask) == -ERESTARTNOINTR ? -EINTR :
							   PTR_ERR(vtask);
	thread->vtask = vtask;
	return 0;
}

static bool vpin_thread_is_vtask(void)
{
	return !(current->flags & PF_KTHREAD);
}

static void vpin_thread_start_vtask(struct vpin_thread *thread)
{
	vhost_task_start(thread->vtask);
}

static void vpin_thread_wake_vtask(struct vpin_thread *thread)
{
	vhost_task_wake(thread->vtask);
}

static void vpin_thread_stop_vtask(struct vpin_thread *thread)
{
	vhost_task_stop(thread->vtask);
}
#else
static int vpin_thread_create_vtask(struct vpin_thread *thread)
{
	return -EOPNOTSUPP;
}

static bool vpin_thread_is_vtask(void)
{
	return false;
}

static void vpin_thread_start_vtask(struct vpin_thread *thread)
{
}

static void vpin_thread_wake_vtask(struct vpin_thread *thread)
{
}

static void vpin_thread_stop_vtask(struct vpin_thread *thread)
{
}
#endif

static int vpin_thread_kthread_fn(void *data)
{
	struct vpin_thread *thread = data;

	vpin_thread_ran(thread);
	set_freezable();
	while (!kthread_should_stop()) {
		try_to_freeze();
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (!thread->args.fn(thread->args.data) &&
		    !kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/* What a thread of a process has by itself. */
static int vpin_thread_join(struct task_struct *task)
{
	set_user_nice(task, task_nice(current));
	set_cpus_allowed_ptr(task, current->cpus_ptr);
	return cgroup_attach_task_all(current, task);
}

static int vpin_thread_create_kthread(struct vpin_thread *thread)
{
	struct task_struct *task;
	int ret;

	task = kthread_create(vpin_thread_kthread_fn, thread, "%s",
			      thread->args.name);
	if (IS_ERR(task))
		return PTR_ERR(task);
	ret = vpin_thread_join(task);
	if (ret) {
		kthread_stop(task);
		return ret;
	}
	if (thread->args.has_nice)
		set_user_nice(task, thread->args.nice);
	thread->kthread = task;
	return 0;
}

/**
 * vpin_thread_create - a thread that has yet to be started
 * @args: what it is to be
 *
 * Return: the thread, or ERR_PTR: -ENOMEM, -EINTR (a signal, or the freezer, is
 * first), -EAGAIN (a limit of the caller's, as of fork(2)), or what the cgroups
 * say to a new member.
 */
struct vpin_thread *vpin_thread_create(const struct vpin_thread_args *args)
{
	struct vpin_thread *thread;
	int ret;

	thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	if (!thread)
		return ERR_PTR(-ENOMEM);
	thread->args = *args;
	ret = vpin_thread_is_vtask() ? vpin_thread_create_vtask(thread) :
				       vpin_thread_create_kthread(thread);
	if (ret) {
		kfree(thread);
		return ERR_PTR(ret);
	}
	return thread;
}

/* Must follow a create; until then nothing of @args is called. */
void vpin_thread_start(struct vpin_thread *thread)
{
	if (thread->kthread)
		wake_up_process(thread->kthread);
	else
		vpin_thread_start_vtask(thread);
}

/**
 * vpin_thread_wake - has its function run once more
 * @thread: the thread; not after @killed has returned
 *
 * Context: any.
 */
void vpin_thread_wake(struct vpin_thread *thread)
{
	if (thread->kthread)
		wake_up_process(thread->kthread);
	else
		vpin_thread_wake_vtask(thread);
}

/* The thread's id as the caller's pid namespace has it; 0 if it has none yet. */
pid_t vpin_thread_tid(const struct vpin_thread *thread)
{
	/* Pairs with the release in vpin_thread_ran(). */
	return pid_vnr(smp_load_acquire(&thread->pid));
}

/* Ends a thread, also one that was killed, and frees it.  May sleep. */
void vpin_thread_stop(struct vpin_thread *thread)
{
	if (thread->kthread)
		kthread_stop(thread->kthread);
	else
		vpin_thread_stop_vtask(thread);
	put_pid(thread->pid);
	kfree(thread);
}

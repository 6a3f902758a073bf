/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread of its creator's that runs kernel code: of his process, in his
 * cgroups, on his CPUs, as nice as he is, frozen and killed with him.
 *
 * Newer kernels make such threads (vhost_task).  On an older one, and for a
 * kernel thread as the creator, it is a kernel thread that takes on what the
 * creator has at that time.
 */
#ifndef _VPIN_THREAD_H
#define _VPIN_THREAD_H

#include <linux/types.h>

struct vpin_thread;

/**
 * struct vpin_thread_args - what a thread is to be
 * @name: its name
 * @fn: what it does over and over; returns whether there may be more to do: if
 *	not it sleeps until vpin_thread_wake().  Called in TASK_INTERRUPTIBLE.
 * @killed: the thread was killed and ends; who wakes it must have been stopped
 *	from doing so when it returns
 * @data: argument of both
 * @has_nice: it has a nice value of its own
 * @nice: that, -20 to 19
 */
struct vpin_thread_args {
	const char *name;
	bool (*fn)(void *data);
	void (*killed)(void *data);
	void *data;
	bool has_nice;
	s8 nice;
};

struct vpin_thread *vpin_thread_create(const struct vpin_thread_args *args);
void vpin_thread_start(struct vpin_thread *thread);
void vpin_thread_wake(struct vpin_thread *thread);
pid_t vpin_thread_tid(const struct vpin_thread *thread);
void vpin_thread_stop(struct vpin_thread *thread);

#endif /* _VPIN_THREAD_H */

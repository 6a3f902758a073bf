/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work that blocks: what a device's worker must not wait for, because it is the
 * owner's thread, which has to freeze and to die when it is told to.
 *
 * It is done for the owner by kernel threads that are not his, a bounded number
 * for each device, and none of them serves two devices: with the rights of
 * whoever opened the backend, and charged to the cgroups that the owner's
 * threads are in at that time.
 */
#ifndef _VPIN_BLOCKING_H
#define _VPIN_BLOCKING_H

#include <linux/types.h>

struct cred;
struct file;
struct task_struct;
struct vpin_blocking;

/*
 * Most threads that a device can have blocked at the same time: for its backend, and,
 * so that neither waits for the other, for its owner's memory.
 */
#define VPIN_BLOCKING_THREADS	16
#define VPIN_SUMMON_THREADS	64

/**
 * struct vpin_blocking_item - something to do that may block
 * @next: in the queue
 * @fn: does it; the item may be gone or queued again when it returns
 */
struct vpin_blocking_item {
	struct vpin_blocking_item *next;
	void (*fn)(struct vpin_blocking_item *item);
};

struct vpin_blocking *vpin_blocking_create(const struct cred *cred,
					   unsigned int nr_threads);
bool vpin_blocking_destroy(struct vpin_blocking *blocking, struct file *file,
			   unsigned long until);
void vpin_blocking_bind(struct vpin_blocking *blocking,
			struct task_struct *task);
void vpin_blocking_queue(struct vpin_blocking *blocking,
			 struct vpin_blocking_item *item);

#endif /* _VPIN_BLOCKING_H */

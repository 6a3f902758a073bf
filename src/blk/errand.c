// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errands: what an ioctl wants of the backend, which may not answer.  It is done
 * where it may block, so that who waits for it can be killed, and outlives him.
 */
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include "blk.h"

struct vpin_blk_errand {
	struct vpin_blocking_item item;
	struct file *file;
	int (*fn)(struct file *file, u64 *result);
	u64 result;
	int ret;
	struct completion done;
	refcount_t refs;
};

static void vpin_blk_errand_put(struct vpin_blk_errand *errand)
{
	if (refcount_dec_and_test(&errand->refs))
		kfree(errand);
}

static void vpin_blk_errand_run(struct vpin_blocking_item *item)
{
	struct vpin_blk_errand *errand =
		container_of(item, struct vpin_blk_errand, item);

	errand->ret = errand->fn(errand->file, &errand->result);
	__fput_sync(errand->file);
	complete(&errand->done);
	vpin_blk_errand_put(errand);
}

/**
 * vpin_blk_errand - runs a function on the backend where it may block, and waits
 * @blk: the disk
 * @fn: the function; it returns 0 or an errno
 * @result: out: what it found, if 0 is returned
 *
 * Return: the function's; -EINTR if killed in the wait; -ENOMEM.
 */
int vpin_blk_errand(struct vpin_blk *blk, int (*fn)(struct file *file, u64 *result),
		    u64 *result)
{
	struct vpin_blk_errand *errand;
	int ret;

	errand = kzalloc(sizeof(*errand), GFP_KERNEL_ACCOUNT);
	if (!errand)
		return -ENOMEM;
	errand->item.fn = vpin_blk_errand_run;
	errand->file = get_file(blk->file);
	errand->fn = fn;
	init_completion(&errand->done);
	refcount_set(&errand->refs, 2);
	vpin_blocking_queue(blk->dev->blocking, &errand->item);
	ret = -EINTR;
	if (!wait_for_completion_state(&errand->done, VPIN_DEV_WAITS)) {
		ret = errand->ret;
		*result = errand->result;
	}
	vpin_blk_errand_put(errand);
	return ret;
}

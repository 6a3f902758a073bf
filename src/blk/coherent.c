// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block device that is served past its page cache, and the page cache: who
 * reads or writes the device on the host sees what the guest wrote, and the
 * other way round, as with O_DIRECT.  Mostly there are no pages, and a look at
 * their number is all that it takes.
 */
#include <linux/completion.h>
#include <linux/file.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include "blk.h"

/* How often pages are to be got rid of that somebody keeps using. */
#define VPIN_BLK_TRIES	3

bool vpin_blk_has_pages(const struct vpin_blk *blk, u64 pos, u64 len)
{
	return len && filemap_range_has_page(blk->mapping, pos, pos + len - 1);
}

/* May fail: what is in use by a file system stays, as it does for O_DIRECT. */
static int vpin_blk_invalidate(struct vpin_blk *blk, u64 pos, u64 len)
{
	return invalidate_inode_pages2_range(blk->mapping, pos >> PAGE_SHIFT,
					     (pos + len - 1) >> PAGE_SHIFT);
}

/**
 * vpin_blk_cohere - makes the device have what its page cache has
 * @blk: the disk
 * @pos: where on the disk, in bytes
 * @len: bytes; may be 0
 * @write: it is about to be written: nothing may stay that could overwrite it
 *
 * Context: may block.
 * Return: 0, or the error of what was written back.
 */
int vpin_blk_cohere(struct vpin_blk *blk, u64 pos, u64 len, bool write)
{
	unsigned int tries = VPIN_BLK_TRIES;
	int ret;

	if (!len || !READ_ONCE(blk->mapping->nrpages))
		return 0;
	do {
		ret = filemap_write_and_wait_range(blk->mapping, pos,
						   pos + len - 1);
		if (ret || !write)
			return ret;
	} while (vpin_blk_invalidate(blk, pos, len) && --tries);
	return 0;
}

/* After it was written: what the page cache has of it by now is old. */
void vpin_blk_uncache(struct vpin_blk *blk, u64 pos, u64 len)
{
	vpin_blk_invalidate(blk, pos, len);
}

/* What is done at the attach, where it may block. */
struct vpin_blk_cohering {
	struct vpin_blocking_item item;
	struct file *file;
	struct completion done;
	refcount_t refs;
	int ret;
};

static void vpin_blk_cohering_put(struct vpin_blk_cohering *cohering)
{
	if (refcount_dec_and_test(&cohering->refs))
		kfree(cohering);
}

static void vpin_blk_do_cohere_all(struct vpin_blocking_item *item)
{
	struct vpin_blk_cohering *cohering =
		container_of(item, struct vpin_blk_cohering, item);
	struct address_space *mapping = cohering->file->f_mapping;

	cohering->ret = filemap_write_and_wait(mapping);
	if (!cohering->ret)
		invalidate_mapping_pages(mapping, 0, -1);
	__fput_sync(cohering->file);
	complete(&cohering->done);
	vpin_blk_cohering_put(cohering);
}

/*
 * At the attach: from here on pages are the exception.  Who is killed while the
 * device does not answer does not wait for it.
 */
int vpin_blk_cohere_all(struct vpin_blk *blk)
{
	struct vpin_blk_cohering *cohering;
	int ret;

	cohering = kzalloc(sizeof(*cohering), GFP_KERNEL_ACCOUNT);
	if (!cohering)
		return -ENOMEM;
	cohering->item.fn = vpin_blk_do_cohere_all;
	cohering->file = get_file(blk->file);
	init_completion(&cohering->done);
	refcount_set(&cohering->refs, 2);
	vpin_blocking_queue(blk->dev->blocking, &cohering->item);
	ret = wait_for_completion_killable(&cohering->done) ? -EINTR :
							      cohering->ret;
	vpin_blk_cohering_put(cohering);
	return ret;
}

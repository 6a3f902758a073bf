// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block device that is served past its page cache, and the page cache: who
 * reads or writes the device on the host sees what the guest wrote, and the
 * other way round, as with O_DIRECT.  Mostly there are no pages, and a look at
 * their number is all that it takes.
 */
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
	/* What could not be written back before, or elsewhere, is not this request's. */
	filemap_check_errors(blk->mapping);
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

static int vpin_blk_do_cohere_all(struct file *file, u64 *result)
{
	struct address_space *mapping = file->f_mapping;
	int ret;

	filemap_check_errors(mapping);
	ret = filemap_write_and_wait(mapping);
	if (!ret)
		invalidate_mapping_pages(mapping, 0, -1);
	return ret;
}

/* At the attach: from here on pages are the exception. */
int vpin_blk_cohere_all(struct vpin_blk *blk)
{
	u64 nothing;

	return vpin_blk_errand(blk, vpin_blk_do_cohere_all, &nothing);
}

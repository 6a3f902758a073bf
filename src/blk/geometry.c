// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a disk is, and what its blocks are.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include "blk.h"

/* Return: 0; -EINVAL if the length is not whole blocks of @block_size bytes. */
static int vpin_blk_check_length(const struct vpin_blk *blk, u64 bytes,
				 u32 block_size)
{
	if (!(bytes % block_size))
		return 0;
	vpin_dev_notice(blk->dev, "%pD has %llu bytes, which are not whole blocks of %u: truncate -s %%%u on it adds what is missing\n",
			blk->file, bytes, block_size, block_size);
	return -EINVAL;
}

/**
 * vpin_blk_geometry - sets capacity and block sizes of a disk
 * @blk: the disk, its file and I/O sizes set
 * @args: VPIN_ATTACH's argument; its sizes are each 0 or good
 * @bytes: length of the backend
 * @block_size: what the backend would have as smallest unit of transfer, in bytes
 * @physical_size: what it would have things aligned to, in bytes
 *
 * Return: 0; -EINVAL if the length is not whole blocks, or the physical block
 * asked for is smaller than the logical one.
 */
int vpin_blk_geometry(struct vpin_blk *blk, const struct vpin_attach *args,
		      u64 bytes, u32 block_size, u32 physical_size)
{
	int ret;

	block_size = args->logical_block_size ?: block_size;
	physical_size = args->physical_block_size ?:
			max(physical_size, block_size);
	if (physical_size < block_size) {
		vpin_dev_notice(blk->dev, "physical blocks of %u bytes are smaller than the logical ones of %u\n",
				physical_size, block_size);
		return -EINVAL;
	}
	ret = vpin_blk_check_length(blk, bytes, block_size);
	if (ret)
		return ret;
	blk->capacity = bytes >> SECTOR_SHIFT;
	blk->block_size = block_size;
	blk->physical_size = physical_size;
	blk->io_min = max(blk->io_min, physical_size);
	return 0;
}

static int vpin_blk_stat(struct file *file, u64 *bytes)
{
	struct kstat stat;
	int ret = vfs_getattr(&file->f_path, &stat, STATX_SIZE, 0);

	if (!ret)
		*bytes = stat.size;
	return ret;
}

/**
 * vpin_blk_resize - the backend may be longer or shorter than it was
 * @dev: the device; its queues may run
 *
 * What a request may reach and what the driver is told change together; who is in
 * flight ends as the backend has it.
 *
 * Return: 1 if it is, 0 if not; -EINVAL if its length is not whole blocks; -EINTR
 * if killed while it did not answer; -ENOMEM, or what the file system says.
 */
int vpin_blk_resize(struct vpin_dev *dev)
{
	struct vpin_blk *blk = dev->priv;
	u64 bytes;
	int ret;

	lockdep_assert_held(&dev->lock);
	if (blk->bdev) {
		bytes = bdev_nr_bytes(blk->bdev);
	} else {
		ret = vpin_blk_errand(blk, vpin_blk_stat, &bytes);
		if (ret)
			return ret;
	}
	ret = vpin_blk_check_length(blk, bytes, blk->block_size);
	if (ret)
		return ret;
	if (bytes >> SECTOR_SHIFT == blk->capacity)
		return 0;
	WRITE_ONCE(blk->capacity, bytes >> SECTOR_SHIFT);
	vpin_blk_config_capacity(blk);
	return 1;
}

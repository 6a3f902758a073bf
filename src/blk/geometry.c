// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a disk is, and what its blocks are.
 */
#include "blk.h"

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
	block_size = args->logical_block_size ?: block_size;
	physical_size = args->physical_block_size ?:
			max(physical_size, block_size);
	if (physical_size < block_size) {
		vpin_dev_notice(blk->dev, "physical blocks of %u bytes are smaller than the logical ones of %u\n",
				physical_size, block_size);
		return -EINVAL;
	}
	if (bytes % block_size) {
		vpin_dev_notice(blk->dev, "%pD has %llu bytes, which are not whole blocks of %u: truncate -s %%%u on it adds what is missing\n",
				blk->file, bytes, block_size, block_size);
		return -EINVAL;
	}
	blk->capacity = bytes >> SECTOR_SHIFT;
	blk->block_size = block_size;
	blk->physical_size = physical_size;
	blk->io_min = max(blk->io_min, physical_size);
	return 0;
}

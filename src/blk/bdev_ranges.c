// SPDX-License-Identifier: GPL-2.0-only
/*
 * DISCARD and WRITE_ZEROES of a block device.  Only the blocking calls write
 * zeroes out where a device turns out not to do it by itself.
 */
#include "blk.h"

/* Whole blocks of the device's: the guest's may be smaller. */
static int vpin_blk_bdev_discard(const struct vpin_blk *blk,
				 const struct vpin_blk_range *range)
{
	u32 block = bdev_logical_block_size(blk->bdev) >> SECTOR_SHIFT;
	u64 first = round_up(range->sector, block);
	u64 end = round_down(range->sector + range->nr, block);
	int ret = 0;

	if (first < end)
		ret = blkdev_issue_discard(blk->bdev, first, end - first,
					   GFP_NOIO);
	/* A discard is a hint: not following it is no failure. */
	return ret == -EOPNOTSUPP ? 0 : ret;
}

static int vpin_blk_bdev_range(const struct vpin_blk *blk, u32 type,
			       const struct vpin_blk_range *range)
{
	if (type == VIRTIO_BLK_T_DISCARD)
		return vpin_blk_bdev_discard(blk, range);
	return blkdev_issue_zeroout(blk->bdev, range->sector, range->nr,
				    GFP_NOIO, range->unmap ? 0 :
				    BLKDEV_ZERO_NOUNMAP);
}

/* Discards or zeroes a range, past the page cache and coherent with it. */
int vpin_blk_bdev_do_range(struct vpin_blk *blk, u32 type,
			   const struct vpin_blk_range *range)
{
	u64 pos = range->sector << SECTOR_SHIFT;
	u64 len = (u64)range->nr << SECTOR_SHIFT;
	int ret;

	if (bdev_read_only(blk->bdev))
		return -EROFS;
	ret = vpin_blk_cohere(blk, pos, len, true);
	if (ret)
		return ret;
	ret = vpin_blk_bdev_range(blk, type, range);
	/* Some of it may have been done, however it ended. */
	if (vpin_blk_is_cached(blk, pos, len))
		vpin_blk_uncache(blk, pos, len);
	return ret;
}

static int vpin_blk_bdev_all_ranges(struct vpin_blk_req *req)
{
	struct vpin_blk *blk = req->disk;
	unsigned int i;
	int ret;

	for (i = 0; i < req->nr_ranges; i++) {
		ret = vpin_blk_bdev_do_range(blk, req->type, &req->ranges[i]);
		if (ret)
			return ret;
	}
	return req->stable ? blkdev_issue_flush(blk->bdev) : 0;
}

void vpin_blk_bdev_ranges(struct vpin_blocking_item *item)
{
	struct vpin_blk_req *req =
		container_of(item, struct vpin_blk_req, part.item);

	vpin_blk_part_end(req, &req->part, vpin_blk_bdev_all_ranges(req) ?
			  VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file only does with blocking: flush, discard and write zeroes.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include "blk.h"

static void vpin_blk_file_sync(struct vpin_blk_req *req)
{
	if (vfs_fsync(req->disk->file, 1))
		vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
}

static void vpin_blk_file_flush_work(struct work_struct *work)
{
	struct vpin_blk_req *req =
		container_of(work, struct vpin_blk_req, work);

	vpin_blk_file_sync(req);
	vpin_blk_part_end(req);
}

static int vpin_blk_file_punch(struct file *file,
			       const struct vpin_blk_range *range)
{
	return vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     range->sector << SECTOR_SHIFT,
			     (loff_t)range->nr << SECTOR_SHIFT);
}

static int vpin_blk_file_write_zeroes_out(struct file *file,
					  const struct vpin_blk_range *range)
{
	loff_t pos = range->sector << SECTOR_SHIFT;
	loff_t end = pos + ((loff_t)range->nr << SECTOR_SHIFT);

	while (pos < end) {
		ssize_t ret = kernel_write(file, page_address(ZERO_PAGE(0)),
					   min_t(loff_t, end - pos, PAGE_SIZE),
					   &pos);

		if (ret <= 0)
			return ret ?: -EIO;
		cond_resched();
	}
	return 0;
}

static int vpin_blk_file_zero(struct file *file,
			      const struct vpin_blk_range *range)
{
	int ret;

	if (range->unmap && !vpin_blk_file_punch(file, range))
		return 0;
	ret = vfs_fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			    range->sector << SECTOR_SHIFT,
			    (loff_t)range->nr << SECTOR_SHIFT);
	if (ret == -EOPNOTSUPP)
		ret = vpin_blk_file_write_zeroes_out(file, range);
	return ret;
}

/* DISCARD and WRITE_ZEROES. */
static void vpin_blk_file_ranges_work(struct work_struct *work)
{
	struct vpin_blk_req *req =
		container_of(work, struct vpin_blk_req, work);
	struct file *file = req->disk->file;
	unsigned int i;
	int ret;

	for (i = 0; i < req->nr_ranges; i++) {
		if (req->type == VIRTIO_BLK_T_WRITE_ZEROES)
			ret = vpin_blk_file_zero(file, &req->ranges[i]);
		else
			ret = vpin_blk_file_punch(file, &req->ranges[i]);
		/* A discard is a hint: not following it is no failure. */
		if (ret && (ret != -EOPNOTSUPP ||
			    req->type == VIRTIO_BLK_T_WRITE_ZEROES))
			vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
	}
	vpin_blk_part_end(req);
}

void vpin_blk_file_flush(struct vpin_blk_req *req)
{
	vpin_blk_defer(req, vpin_blk_file_flush_work);
}

void vpin_blk_file_ranges(struct vpin_blk_req *req)
{
	vpin_blk_defer(req, vpin_blk_file_ranges_work);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file only does with blocking: flush, discard and write zeroes.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include "blk.h"

static int vpin_blk_file_make_stable(const struct vpin_blk_req *req)
{
	int ret = vfs_fsync(req->disk->file, 1);

	return !ret && vpin_blk_file_has_lost(req, &req->part) ? -EIO : ret;
}

static void vpin_blk_file_sync(struct vpin_blocking_item *item)
{
	struct vpin_blk_req *req =
		container_of(item, struct vpin_blk_req, part.item);

	vpin_blk_part_end(req, &req->part, vpin_blk_file_make_stable(req) ?
			  VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

static int vpin_blk_file_allocate(struct file *file, int mode,
				  const struct vpin_blk_range *range)
{
	return vfs_fallocate(file, mode | FALLOC_FL_KEEP_SIZE,
			     range->sector << SECTOR_SHIFT,
			     (loff_t)range->nr << SECTOR_SHIFT);
}

/*
 * Whether a refusal means that there is no such thing: also of a block device
 * whose blocks are larger than the guest's.
 */
static bool vpin_blk_file_lacks(const struct vpin_blk *blk, int ret)
{
	return ret == -EOPNOTSUPP || (ret == -EINVAL && blk->bdev);
}

/* Pages of zeroes that are written at once. */
#define VPIN_BLK_ZEROES		16

/* One write.  Return: as the file's. */
static ssize_t vpin_blk_file_write_some_zeroes(const struct vpin_blk *blk,
					       loff_t pos, loff_t len)
{
	struct bio_vec vecs[VPIN_BLK_ZEROES];
	struct iov_iter iter;
	struct kiocb iocb;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < VPIN_BLK_ZEROES; i++)
		vecs[i] = (struct bio_vec) {
			.bv_page = ZERO_PAGE(0),
			.bv_len = PAGE_SIZE,
		};
	iov_iter_bvec(&iter, ITER_SOURCE, vecs, VPIN_BLK_ZEROES,
		      min_t(loff_t, len, VPIN_BLK_ZEROES * PAGE_SIZE));
	init_sync_kiocb(&iocb, blk->file);
	iocb.ki_pos = pos;
	iocb.ki_flags = IOCB_WRITE | (blk->direct ? IOCB_DIRECT : 0);
	file_start_write(blk->file);
	ret = blk->file->f_op->write_iter(&iocb, &iter);
	file_end_write(blk->file);
	return ret;
}

/* By the way that all of the disk's data goes: direct I/O, or the page cache. */
static int vpin_blk_file_write_zeroes_out(const struct vpin_blk *blk,
					  const struct vpin_blk_range *range)
{
	loff_t pos = range->sector << SECTOR_SHIFT;
	loff_t end = pos + ((loff_t)range->nr << SECTOR_SHIFT);

	while (pos < end) {
		ssize_t ret = vpin_blk_file_write_some_zeroes(blk, pos, end - pos);

		if (ret <= 0)
			return ret ?: -EIO;
		pos += ret;
		cond_resched();
	}
	return 0;
}

static int vpin_blk_file_zero(const struct vpin_blk *blk,
			      const struct vpin_blk_range *range)
{
	int ret;

	if (range->unmap &&
	    !vpin_blk_file_allocate(blk->file, FALLOC_FL_PUNCH_HOLE, range))
		return 0;
	ret = vpin_blk_file_allocate(blk->file, FALLOC_FL_ZERO_RANGE, range);
	/* A device that somebody else has claimed keeps what is dirty of it. */
	if (vpin_blk_file_lacks(blk, ret) || (blk->bdev && ret == -EBUSY))
		ret = vpin_blk_file_write_zeroes_out(blk, range);
	return ret;
}

static int vpin_blk_file_discard(struct vpin_blk *blk,
				 const struct vpin_blk_range *range)
{
	int ret;

	/* Its fallocate() only zeroes. */
	if (blk->bdev)
		ret = vpin_blk_bdev_do_range(blk, VIRTIO_BLK_T_DISCARD, range);
	else
		ret = vpin_blk_file_allocate(blk->file, FALLOC_FL_PUNCH_HOLE,
					     range);
	/* A discard is a hint: not following it is no failure. */
	return vpin_blk_file_lacks(blk, ret) ? 0 : ret;
}

static int vpin_blk_file_all_ranges(const struct vpin_blk_req *req)
{
	struct vpin_blk *blk = req->disk;
	unsigned int i;
	int ret;

	/* Its fallocate() throws away what is dirty before it finds that out. */
	if (blk->bdev && bdev_read_only(blk->bdev))
		return -EROFS;
	for (i = 0; i < req->nr_ranges; i++) {
		const struct vpin_blk_range *range = &req->ranges[i];

		/* Nothing would become of what is beyond the end. */
		if (!vpin_blk_file_has(blk, range->sector << SECTOR_SHIFT,
				       (u64)range->nr << SECTOR_SHIFT))
			return -EIO;
		if (req->type == VIRTIO_BLK_T_WRITE_ZEROES)
			ret = vpin_blk_file_zero(blk, range);
		else
			ret = vpin_blk_file_discard(blk, range);
		if (ret)
			return ret;
	}
	return req->stable ? vpin_blk_file_make_stable(req) : 0;
}

/* DISCARD and WRITE_ZEROES. */
void vpin_blk_file_ranges(struct vpin_blocking_item *item)
{
	struct vpin_blk_req *req =
		container_of(item, struct vpin_blk_req, part.item);

	vpin_blk_file_begin(req, &req->part);
	vpin_blk_part_end(req, &req->part, vpin_blk_file_all_ranges(req) ?
			  VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

void vpin_blk_file_flush(struct vpin_blk_req *req)
{
	vpin_blk_file_begin(req, &req->part);
	req->part.pos = 0;
	req->part.len = 0;
	vpin_blk_part_block(req, &req->part, vpin_blk_file_sync);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file backend: kiocbs on the guest's own pages.
 *
 * The worker tries each part without blocking.  What would block, and whatever
 * a file system only does synchronously, goes on in a workqueue.  Direct I/O is
 * used where the file says what alignment it wants (STATX_DIOALIGN) and a part
 * has it; page cache and direct I/O on one file are kept coherent by the file
 * system.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/stat.h>
#include "blk.h"

/* Parts in the reserve, for all devices; each as long as a full bio. */
#define VPIN_BLK_PART_POOL	16

struct vpin_blk_long_part {
	struct vpin_blk_part part;
	struct bio_vec vecs[BIO_MAX_VECS];
};

static mempool_t *vpin_blk_parts;

static void vpin_blk_file_part_end(struct vpin_blk_part *part, ssize_t ret)
{
	struct vpin_blk_req *req = part->req;

	if (ret < 0 || part->done < part->len)
		vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
	if (part != &req->part)
		mempool_free(container_of(part, struct vpin_blk_long_part, part),
			     vpin_blk_parts);
	vpin_blk_part_end(req);
}

/* Prepares kiocb and iterator for what is left of a part. */
static void vpin_blk_file_prepare(struct vpin_blk_part *part,
				  struct iov_iter *iter)
{
	bool write = vpin_blk_is_write(part->req);

	iov_iter_bvec(iter, write ? ITER_SOURCE : ITER_DEST, part->vecs,
		      part->nr_vecs, part->len);
	iov_iter_advance(iter, part->done);

	init_sync_kiocb(&part->iocb, part->req->disk->file);
	part->iocb.ki_pos = part->pos + part->done;
	part->iocb.ki_flags = (part->direct ? IOCB_DIRECT : 0) |
			      (part->req->fua ? IOCB_DSYNC : 0) |
			      (write ? IOCB_WRITE : 0);
}

static ssize_t vpin_blk_file_issue(struct vpin_blk_part *part,
				   struct iov_iter *iter)
{
	struct file *file = part->iocb.ki_filp;

	return vpin_blk_is_write(part->req) ?
		file->f_op->write_iter(&part->iocb, iter) :
		file->f_op->read_iter(&part->iocb, iter);
}

/* What is left, where blocking is allowed. */
static void vpin_blk_file_block(struct work_struct *work)
{
	struct vpin_blk_part *part =
		container_of(work, struct vpin_blk_part, work);
	ssize_t ret = 0;

	while (part->done < part->len) {
		struct iov_iter iter;

		vpin_blk_file_prepare(part, &iter);
		if (vpin_blk_is_write(part->req))
			kiocb_start_write(&part->iocb);
		ret = vpin_blk_file_issue(part, &iter);
		if (vpin_blk_is_write(part->req))
			kiocb_end_write(&part->iocb);

		/* Stricter about direct I/O than it said. */
		if (ret == -EINVAL && part->direct) {
			part->direct = false;
			continue;
		}
		if (ret <= 0)
			break;
		part->done += ret;
	}
	vpin_blk_file_part_end(part, ret);
}

/* An attempt not to block ended with @ret.  Context: any. */
static void vpin_blk_file_tried(struct vpin_blk_part *part, ssize_t ret)
{
	if (ret > 0)
		part->done += ret;
	if (part->done == part->len)
		vpin_blk_file_part_end(part, ret);
	else
		queue_work(vpin_blk_wq, &part->work);
}

static void vpin_blk_file_complete(struct kiocb *iocb, long ret)
{
	struct vpin_blk_part *part =
		container_of(iocb, struct vpin_blk_part, iocb);

	if (vpin_blk_is_write(part->req))
		kiocb_end_write(iocb);
	vpin_blk_file_tried(part, ret);
}

/* Does what does not block.  Return: as the file's; -EAGAIN if nothing. */
static ssize_t vpin_blk_file_try(struct vpin_blk_part *part)
{
	struct file *file = part->req->disk->file;
	bool write = vpin_blk_is_write(part->req);
	struct super_block *sb = file_inode(file)->i_sb;
	struct iov_iter iter;
	ssize_t ret;

	if (!(file->f_mode & FMODE_NOWAIT))
		return -EAGAIN;
	vpin_blk_file_prepare(part, &iter);
	part->iocb.ki_flags |= IOCB_NOWAIT;
	part->iocb.ki_complete = vpin_blk_file_complete;

	if (write) {
		/* kiocb_start_write() would wait while the fs is frozen. */
		if (!sb_start_write_trylock(sb))
			return -EAGAIN;
		__sb_writers_release(sb, SB_FREEZE_WRITE);
	}
	ret = vpin_blk_file_issue(part, &iter);
	if (write && ret != -EIOCBQUEUED)
		kiocb_end_write(&part->iocb);
	return ret;
}

static void vpin_blk_file_submit(struct vpin_blk_part *part)
{
	ssize_t ret;

	INIT_WORK(&part->work, vpin_blk_file_block);
	ret = vpin_blk_file_try(part);
	if (ret != -EIOCBQUEUED)
		vpin_blk_file_tried(part, ret);
}

/* The part that starts at byte @pos; the first one is the request's. */
static struct vpin_blk_part *vpin_blk_file_part(struct vpin_blk_req *req,
						loff_t pos, unsigned int *max)
{
	struct vpin_blk_part *part = &req->part;

	if (pos == (loff_t)(req->sector << SECTOR_SHIFT)) {
		part->vecs = req->vecs;
		*max = VPIN_BLK_VECS;
	} else {
		struct vpin_blk_long_part *lp =
			mempool_alloc(vpin_blk_parts, GFP_NOIO);

		part = &lp->part;
		part->vecs = lp->vecs;
		*max = BIO_MAX_VECS;
	}
	part->req = req;
	part->pos = pos;
	part->nr_vecs = 0;
	part->len = 0;
	part->done = 0;
	part->direct = req->disk->direct;
	return part;
}

static void vpin_blk_file_rw(struct vpin_blk_req *req, struct vpin_cursor *data)
{
	loff_t pos = req->sector << SECTOR_SHIFT;
	u32 mask = req->disk->align_mask;
	u32 left = req->len;

	while (left) {
		unsigned int max;
		struct vpin_blk_part *part = vpin_blk_file_part(req, pos, &max);

		while (left && part->nr_vecs < max) {
			u32 n = left;
			void *addr = vpin_cursor_next(data, &n);
			struct bio_vec *vec = &part->vecs[part->nr_vecs];

			if (unlikely(!addr)) {
				vpin_blk_file_part_end(part, -EFAULT);
				return;
			}
			vec->bv_page = virt_to_page(addr);
			vec->bv_offset = offset_in_page(addr);
			vec->bv_len = n;
			if (((unsigned long)addr | n) & mask)
				part->direct = false;
			part->nr_vecs++;
			part->len += n;
			left -= n;
		}
		/* The place in the file counts as well. */
		if ((pos | part->len) & mask)
			part->direct = false;
		pos += part->len;
		if (!left) {
			vpin_blk_file_submit(part);
			return;
		}
		vpin_blk_part_begin(req);
		vpin_blk_file_submit(part);
	}
	vpin_blk_part_end(req);
}

const struct vpin_blk_backend vpin_blk_file = {
	.rw = vpin_blk_file_rw,
	.flush = vpin_blk_file_flush,
	.discard = vpin_blk_file_ranges,
	.write_zeroes = vpin_blk_file_ranges,
};

/*
 * Fills in what a disk on a regular file is.  Return: 0; -EINVAL if the file
 * cannot be read or written by kiocbs, or is open for appending.
 */
int vpin_blk_file_attach(struct vpin_blk *blk)
{
	struct file *file = blk->file;
	struct kstat stat;
	int ret;

	if (!file->f_op->read_iter || (!blk->ro && !file->f_op->write_iter) ||
	    file->f_flags & O_APPEND)
		return -EINVAL;
	ret = vfs_getattr(&file->f_path, &stat, STATX_SIZE | STATX_DIOALIGN, 0);
	if (ret)
		return ret;

	blk->backend = &vpin_blk_file;
	blk->discard = file->f_op->fallocate;
	blk->capacity = stat.size >> SECTOR_SHIFT;
	blk->block_size = SECTOR_SIZE;
	if (!(stat.result_mask & STATX_DIOALIGN) || !stat.dio_offset_align)
		blk->direct = false;
	if (blk->direct)
		blk->align_mask = (stat.dio_mem_align - 1) |
				  (stat.dio_offset_align - 1);
	return 0;
}

int vpin_blk_file_init(void)
{
	vpin_blk_parts = mempool_create_kmalloc_pool(VPIN_BLK_PART_POOL,
						     sizeof(struct vpin_blk_long_part));
	return vpin_blk_parts ? 0 : -ENOMEM;
}

void vpin_blk_file_exit(void)
{
	mempool_destroy(vpin_blk_parts);
}

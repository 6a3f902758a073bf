// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file backend: kiocbs on the guest's own pages, of a regular file, or of a
 * block device that is served through its page cache.
 *
 * The worker tries each part without blocking, with the rights of whoever opened
 * the file.  What would block goes on where it may.  A disk takes direct I/O for
 * all of its requests or for none: a file system need not keep a page that was
 * written through its cache and direct I/O on its neighbour in order.
 */
#include <linux/cred.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <vpin/compat.h>
#include "blk.h"

/* Prepares kiocb and iterator for what is left of a part. */
static void vpin_blk_file_prepare(struct vpin_blk_req *req,
				  struct vpin_blk_part *part,
				  struct iov_iter *iter)
{
	bool write = vpin_blk_is_write(req);

	iov_iter_bvec(iter, write ? ITER_SOURCE : ITER_DEST,
		      vpin_blk_part_vecs(part), part->nr_vecs, part->len);
	iov_iter_advance(iter, part->done);

	init_sync_kiocb(&part->iocb, req->disk->file);
	part->iocb.ki_pos = part->pos + part->done;
	part->iocb.ki_flags = (req->disk->direct ? IOCB_DIRECT : 0) |
			      (req->stable ? IOCB_DSYNC : 0) |
			      (write ? IOCB_WRITE : 0);
}

/* Whether [pos, pos + len) is in the file, which may have been cut. */
bool vpin_blk_file_has(const struct vpin_blk *blk, u64 pos, u64 len)
{
	/* What is on the disk does not wrap. */
	return pos + len <= i_size_read(blk->mapping->host);
}

static bool vpin_blk_file_has_part(const struct vpin_blk_req *req,
				   const struct vpin_blk_part *part)
{
	return likely(vpin_blk_file_has(req->disk, part->pos, part->len));
}

/* A frozen file system is no affair of a block device's. */
static bool vpin_blk_file_freezes(const struct vpin_blk_req *req)
{
	return vpin_blk_is_write(req) && !req->disk->bdev;
}

/* Return: whether the file system lets a write begin; it may have to wait. */
static bool vpin_blk_file_start_write(struct kiocb *iocb)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	if (!(iocb->ki_flags & IOCB_NOWAIT)) {
		kiocb_start_write(iocb);
		return true;
	}
	/* kiocb_start_write() would wait while the fs is frozen. */
	if (!sb_start_write_trylock(sb))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

/*
 * Transfers what is left of a part.  Return: as the file's; -EAGAIN if @flags
 * forbid to wait and it would.
 */
static ssize_t vpin_blk_file_transfer(struct vpin_blk_req *req,
				      struct vpin_blk_part *part, int flags,
				      void (*complete)(struct kiocb *, long))
{
	const struct file_operations *f_op = req->disk->file->f_op;
	bool freezes = vpin_blk_file_freezes(req);
	struct kiocb *iocb = &part->iocb;
	struct iov_iter iter;
	ssize_t ret;

	vpin_blk_file_prepare(req, part, &iter);
	iocb->ki_flags |= flags;
	iocb->ki_complete = complete;
	if (freezes && !vpin_blk_file_start_write(iocb))
		return -EAGAIN;
	ret = vpin_blk_is_write(req) ? f_op->write_iter(iocb, &iter) :
				       f_op->read_iter(iocb, &iter);
	if (freezes && ret != -EIOCBQUEUED)
		kiocb_end_write(iocb);
	return ret;
}

/*
 * Writing the page cache back fails for nobody in particular: whoever syncs next
 * is told, and he alone.  So each that is under way looks whether somebody was
 * since it began.
 */
void vpin_blk_file_begin(const struct vpin_blk_req *req,
			 struct vpin_blk_part *part)
{
	const struct vpin_blk *blk = req->disk;

	/* An overlay's file has nothing of its own, and does not show the one below. */
	part->since = blk->written == blk->mapping ?
		      READ_ONCE(blk->file->f_wb_err) :
		      filemap_sample_wb_err(blk->written);
}

/* After it was synced.  Context: any. */
bool vpin_blk_file_has_lost(const struct vpin_blk_req *req,
			    const struct vpin_blk_part *part)
{
	return filemap_check_wb_err(req->disk->written, part->since);
}

/* What was lost is told once: direct I/O has nobody else note that it was. */
static void vpin_blk_file_tell(struct vpin_blocking_item *item)
{
	struct vpin_blk_part *part =
		container_of(item, struct vpin_blk_part, item);
	struct vpin_blk_req *req = vpin_blk_part_req(part);

	/* Whether or not another one has told of it, too. */
	(void)!file_check_and_advance_wb_err(req->disk->file);
	vpin_blk_part_end(req, part, VIRTIO_BLK_S_IOERR);
}

/* It ended for good, with what the file said last. */
static void vpin_blk_file_end(struct vpin_blk_req *req,
			      struct vpin_blk_part *part)
{
	bool good = part->done == part->len;

	if (good && req->stable && vpin_blk_file_has_lost(req, part)) {
		vpin_blk_part_block(req, part, vpin_blk_file_tell);
		return;
	}
	vpin_blk_part_end(req, part, good ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

static void vpin_blk_file_block(struct vpin_blocking_item *item);

/* A transfer ended with @ret; what is left goes on where blocking is allowed. */
static void vpin_blk_file_go_on(struct vpin_blk_req *req,
				struct vpin_blk_part *part, ssize_t ret)
{
	if (ret > 0)
		part->done += ret;
	if (part->done == part->len)
		vpin_blk_file_end(req, part);
	else
		vpin_blk_part_block(req, part, vpin_blk_file_block);
}

/* Return: the request of a kiocb that ended; its write is over. */
static struct vpin_blk_req *vpin_blk_file_over(struct kiocb *iocb)
{
	struct vpin_blk_req *req =
		vpin_blk_part_req(container_of(iocb, struct vpin_blk_part, iocb));

	if (vpin_blk_file_freezes(req))
		kiocb_end_write(iocb);
	return req;
}

/* An attempt not to block: its error need not be the file's last word. */
static void vpin_blk_file_complete(struct kiocb *iocb, long ret)
{
	struct vpin_blk_req *req = vpin_blk_file_over(iocb);

	vpin_blk_file_go_on(req, container_of(iocb, struct vpin_blk_part, iocb),
			    ret);
}

static void vpin_blk_file_complete_blocked(struct kiocb *iocb, long ret)
{
	struct vpin_blk_part *part =
		container_of(iocb, struct vpin_blk_part, iocb);
	struct vpin_blk_req *req = vpin_blk_file_over(iocb);

	if (ret > 0)
		vpin_blk_file_go_on(req, part, ret);
	else
		vpin_blk_file_end(req, part);
}

/*
 * What is left, where blocking is allowed.  Direct I/O is started, and its end
 * not waited for: so few threads can have much under way.
 */
static void vpin_blk_file_block(struct vpin_blocking_item *item)
{
	struct vpin_blk_part *part =
		container_of(item, struct vpin_blk_part, item);
	struct vpin_blk_req *req = vpin_blk_part_req(part);
	void (*complete)(struct kiocb *, long) = NULL;

	if (req->disk->direct && !part->done)
		complete = vpin_blk_file_complete_blocked;
	while (part->done < part->len && vpin_blk_file_has_part(req, part)) {
		ssize_t ret = vpin_blk_file_transfer(req, part, 0, complete);

		if (ret == -EIOCBQUEUED)
			return;
		if (ret == -EINVAL && req->disk->direct)
			vpin_dev_notice(req->disk->dev, "%pD is stricter about direct I/O than it said: attach it buffered\n",
					req->disk->file);
		if (ret <= 0)
			break;
		part->done += ret;
		complete = NULL;
	}
	vpin_blk_file_end(req, part);
}

/*
 * Whether a write is for who may wait, whatever IOCB_NOWAIT says: through the page
 * cache what is stable when it ends is written back at once, and what must not change
 * while it is written is waited for.
 */
static bool vpin_blk_file_waits(const struct vpin_blk_req *req)
{
	const struct vpin_blk *blk = req->disk;

	return !blk->direct && vpin_blk_is_write(req) &&
	       (req->stable || IS_SYNC(blk->mapping->host) ||
		vpin_mapping_stable_writes(blk->mapping));
}

/*
 * Whether IOCB_NOWAIT means what it says.  ext4 reads what it does not know of a
 * file's map all the same; and the time of a read is noted whatever it takes, but
 * for files where it is not.
 */
static bool vpin_blk_file_may_try(const struct vpin_blk_req *req)
{
	const struct file *file = req->disk->file;
	const struct inode *inode = file_inode(file);

	return file->f_mode & FMODE_NOWAIT &&
	       inode->i_sb->s_magic != EXT4_SUPER_MAGIC &&
	       !vpin_blk_file_waits(req) &&
	       (vpin_blk_is_write(req) || req->disk->bdev ||
		file->f_flags & O_NOATIME ||
		IS_NOATIME(inode) || file->f_path.mnt->mnt_flags & MNT_NOATIME);
}

/* Does what does not block.  Return: as the file's; -EAGAIN if nothing. */
static ssize_t vpin_blk_file_try(struct vpin_blk_req *req,
				 struct vpin_blk_part *part)
{
	int flags = IOCB_NOWAIT;

	if (!vpin_blk_file_may_try(req))
		return -EAGAIN;
	/* What is not in the page cache has to be looked for first. */
	if (!req->disk->direct && !vpin_blk_is_write(req))
		flags |= IOCB_NOIO;
	return vpin_blk_file_transfer(req, part, flags, vpin_blk_file_complete);
}

static void vpin_blk_file_submit(struct vpin_blk_req *req,
				 struct vpin_blk_part *part)
{
	const struct cred *old;
	ssize_t ret;

	part->done = 0;
	vpin_blk_file_begin(req, part);
	if (unlikely(!vpin_blk_file_has_part(req, part))) {
		vpin_blk_file_end(req, part);
		return;
	}
	old = override_creds(req->disk->file->f_cred);
	ret = vpin_blk_file_try(req, part);
	revert_creds(old);
	if (ret != -EIOCBQUEUED)
		vpin_blk_file_go_on(req, part, ret);
}

const struct vpin_blk_backend vpin_blk_file = {
	.submit = vpin_blk_file_submit,
	.block = vpin_blk_file_block,
	.flush = vpin_blk_file_flush,
	.ranges = vpin_blk_file_ranges,
};

/* The disk is served by its file. */
void vpin_blk_file_serve(struct vpin_blk *blk)
{
	blk->backend = &vpin_blk_file;
}

/* Where it is, and whether it says what it takes. */
static bool vpin_blk_file_is_direct(const struct vpin_blk *blk,
				    const struct vpin_attach *args,
				    const struct kstat *stat)
{
	u32 align = stat->dio_offset_align;

	return blk->direct && stat->result_mask & STATX_DIOALIGN && align &&
	       align <= VPIN_BLOCK_SIZE_MAX &&
	       (!args->logical_block_size || args->logical_block_size >= align);
}

/**
 * vpin_blk_file_attach - fills in what a disk on a regular file is
 * @blk: the disk
 * @args: VPIN_ATTACH's argument
 *
 * Return: 0; -EINVAL if the file cannot be read, written or made stable as a disk
 * must be, or is open for appending; vpin_blk_geometry()'s.
 */
int vpin_blk_file_attach(struct vpin_blk *blk, const struct vpin_attach *args)
{
	struct file *file = blk->file;
	struct kstat stat;
	u32 align = 0;
	int ret;

	if (!file->f_op->read_iter || (!blk->ro && !file->f_op->write_iter) ||
	    file->f_flags & O_APPEND)
		return -EINVAL;
	if (!blk->ro && !file->f_op->fsync) {
		vpin_dev_notice(blk->dev, "%pD cannot be made stable (fsync): attach it read-only\n",
				file);
		return -EINVAL;
	}
	ret = vfs_getattr(&file->f_path, &stat, STATX_SIZE | STATX_DIOALIGN, 0);
	if (ret)
		return ret;
	if (stat.result_mask & STATX_DIOALIGN)
		align = stat.dio_offset_align;

	blk->direct = vpin_blk_file_is_direct(blk, args, &stat);
	blk->discard = blk->discard && file->f_op->fallocate;
	ret = vpin_blk_geometry(blk, args, stat.size,
				blk->direct ? max_t(u32, align, SECTOR_SIZE) :
					      SECTOR_SIZE,
				clamp_t(u32, align, SECTOR_SIZE,
					VPIN_BLOCK_SIZE_MAX));
	if (ret)
		return ret;
	blk->written = d_real_inode(file_dentry(file))->i_mapping;
	vpin_blk_file_serve(blk);
	if (!blk->direct)
		return 0;
	blk->align_mask = (stat.dio_mem_align - 1) | (align - 1);
	if (!blk->ro && vpin_mapping_stable_writes(blk->mapping))
		vpin_dev_notice(blk->dev, "the file system of %pD must not see data change while it is written, which guests do: attach it buffered if it complains\n",
				file);
	return 0;
}

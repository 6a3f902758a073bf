// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that does nothing, for benches: every request ends well as soon as the
 * worker has taken it apart, and no data is touched.  What it costs is what
 * everything around a backend costs.
 */
#include <linux/fs.h>
#include <linux/major.h>
#include "../src/blk/blk.h"

/* Minor number of /dev/null (Documentation/admin-guide/devices.txt). */
#define VPIN_CEILING_MINOR	3

static void vpin_blk_ceiling_submit(struct vpin_blk_req *req,
				    struct vpin_blk_part *part)
{
	vpin_blk_part_end(req, part, VIRTIO_BLK_S_OK);
}

static void vpin_blk_ceiling_flush(struct vpin_blk_req *req)
{
	vpin_blk_part_end(req, &req->part, VIRTIO_BLK_S_OK);
}

static void vpin_blk_ceiling_ranges(struct vpin_blocking_item *item)
{
	struct vpin_blk_req *req =
		container_of(item, struct vpin_blk_req, part.item);

	vpin_blk_part_end(req, &req->part, VIRTIO_BLK_S_OK);
}

static const struct vpin_blk_backend vpin_blk_ceiling = {
	.submit = vpin_blk_ceiling_submit,
	.flush = vpin_blk_ceiling_flush,
	.ranges = vpin_blk_ceiling_ranges,
};

/* Fills in what a disk on /dev/null is.  Return: 0 or -EINVAL. */
int vpin_blk_bench_attach(struct vpin_blk *blk)
{
	struct inode *inode = file_inode(blk->file);

	if (!S_ISCHR(inode->i_mode) ||
	    inode->i_rdev != MKDEV(MEM_MAJOR, VPIN_CEILING_MINOR))
		return -EINVAL;
	blk->backend = &vpin_blk_ceiling;
	blk->capacity = SZ_1G >> SECTOR_SHIFT;
	blk->block_size = SECTOR_SIZE;
	blk->physical_size = SECTOR_SIZE;
	blk->io_min = SECTOR_SIZE;
	return 0;
}

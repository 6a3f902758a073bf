// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bouncing: data whose place in memory the block device cannot take goes
 * through pages of the queue's, one bufferful after the other.
 *
 * This is the slow path of drivers that align nothing.  It waits for each
 * bufferful on the worker: it costs such a queue its own time and a fixed
 * number of pages, and no one else anything.
 */
#include <linux/blkdev.h>
#include "blk.h"

static int vpin_blk_bounce_copy(struct page **pages, struct vpin_cursor *data,
				u32 len)
{
	unsigned int i;

	for (i = 0; len; i++) {
		u32 n = min_t(u32, len, PAGE_SIZE);

		if (vpin_cursor_copy(data, page_address(pages[i]), n))
			return -EFAULT;
		len -= n;
	}
	return 0;
}

static int vpin_blk_bounce_io(struct vpin_blk_req *req, struct page **pages,
			      u64 sector, u32 len)
{
	bool write = vpin_blk_is_write(req);
	struct bio_vec vecs[VPIN_BLK_BOUNCE_PAGES];
	unsigned int i;
	struct bio bio;
	int ret;

	bio_init(&bio, req->disk->bdev, vecs, VPIN_BLK_BOUNCE_PAGES,
		 !write ? REQ_OP_READ :
		 REQ_OP_WRITE | REQ_SYNC | (req->fua ? REQ_FUA : 0));
	bio.bi_iter.bi_sector = sector;
	for (i = 0; len; i++) {
		u32 n = min_t(u32, len, PAGE_SIZE);

		__bio_add_page(&bio, pages[i], n, 0);
		len -= n;
	}
	ret = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return ret;
}

/**
 * vpin_blk_bounce - transfers data through the queue's bounce buffer
 * @req: the request; fails if the data is not mapped or the device says so
 * @data: where the data is
 * @sector: first sector
 * @len: bytes, whole blocks
 */
void vpin_blk_bounce(struct vpin_blk_req *req, struct vpin_cursor *data,
		     u64 sector, u32 len)
{
	struct vpin_blk_queue *queue = req->req.vq->priv;
	struct page **pages = queue->bounce;
	bool write = vpin_blk_is_write(req);
	int ret = 0;

	while (len && !ret) {
		u32 n = min_t(u32, len, VPIN_BLK_BOUNCE_PAGES * PAGE_SIZE);

		if (write)
			ret = vpin_blk_bounce_copy(pages, data, n);
		if (!ret)
			ret = vpin_blk_bounce_io(req, pages, sector, n);
		if (!ret && !write)
			ret = vpin_blk_bounce_copy(pages, data, n);
		sector += n >> SECTOR_SHIFT;
		len -= n;
		cond_resched();
	}
	if (ret)
		vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
}

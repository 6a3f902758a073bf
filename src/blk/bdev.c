// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device backend: bios on the guest's own pages.
 *
 * The first bio of a request is part of it.  A request with more pieces than
 * that holds goes on in bios from a bio_set, each submitted when it is full;
 * the set's reserve makes sure that the next one can be had.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <vpin/compat.h>
#include "blk.h"

/* Bios in the reserve, for all devices. */
#define VPIN_BLK_BIO_POOL	64

static struct bio_set vpin_blk_bios;

static u8 vpin_blk_bdev_result(struct bio *bio)
{
	switch (bio->bi_status) {
	case BLK_STS_OK:
		return VIRTIO_BLK_S_OK;
	case BLK_STS_NOTSUPP:
		/* A discard is a hint: not following it is no failure. */
		return bio_op(bio) == REQ_OP_DISCARD ? VIRTIO_BLK_S_OK :
						       VIRTIO_BLK_S_UNSUPP;
	default:
		return VIRTIO_BLK_S_IOERR;
	}
}

static void vpin_blk_bdev_end(struct bio *bio)
{
	struct vpin_blk_req *req = bio->bi_private;

	u8 result = vpin_blk_bdev_result(bio);

	if (unlikely(result != VIRTIO_BLK_S_OK))
		vpin_blk_fail(req, result);
	/* The first one's memory is the request's: not to be put. */
	if (bio == &req->bio)
		bio_uninit(bio);
	else
		bio_put(bio);
	vpin_blk_part_end(req);
}

/*
 * The bio ends a part.  Only a request's first bio is polled for: what else
 * there is of it, and what makes data stable, ends by interrupts.
 */
static void vpin_blk_bdev_submit(struct vpin_blk_req *req, struct bio *bio)
{
	bio->bi_private = req;
	bio->bi_end_io = vpin_blk_bdev_end;
	if (req->disk->poll && bio == &req->bio && !op_is_flush(bio->bi_opf)) {
		bio->bi_opf |= REQ_POLLED;
		list_add_tail(&req->req.polled, &req->req.vq->polled);
	}
	submit_bio(bio);
}

/* Ends what has come to an end where the oldest polled request is. */
void vpin_blk_bdev_poll(struct vpin_vq *vq)
{
	struct vpin_req *vreq, *next;

	list_for_each_entry_safe(vreq, next, &vq->polled, polled) {
		struct vpin_blk_req *req =
			container_of(vreq, struct vpin_blk_req, req);

		if (READ_ONCE(req->bio.bi_cookie) != BLK_QC_T_NONE) {
			bio_poll(&req->bio, NULL, BLK_POLL_ONESHOT);
			return;
		}
		/* Split, or merged into another's: ends without us. */
		list_del_init(&vreq->polled);
	}
}

static blk_opf_t vpin_blk_bdev_opf(const struct vpin_blk_req *req)
{
	if (!vpin_blk_is_write(req))
		return REQ_OP_READ;
	return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (req->fua ? REQ_FUA : 0);
}

/* A bio for the part that starts at @sector; the first one is the request's. */
static struct bio *vpin_blk_bdev_bio(struct vpin_blk_req *req, u64 sector)
{
	struct block_device *bdev = req->disk->bdev;
	blk_opf_t opf = vpin_blk_bdev_opf(req);
	struct bio *bio = &req->bio;

	if (sector == req->sector)
		bio_init(bio, bdev, req->vecs, VPIN_BLK_VECS, opf);
	else
		bio = bio_alloc_bioset(bdev, BIO_MAX_VECS, opf, GFP_NOIO,
				       &vpin_blk_bios);
	bio->bi_iter.bi_sector = sector;
	return bio;
}

static void vpin_blk_bdev_drop(struct vpin_blk_req *req, struct bio *bio)
{
	if (bio == &req->bio)
		bio_uninit(bio);
	else
		bio_put(bio);
}

/*
 * Adds pieces of data until the bio is full or @len bytes are in it; those that
 * lie next to each other become one.  Return: 0; 1 if a piece cannot be
 * transferred in place; -EFAULT if it is not mapped.
 */
static int vpin_blk_bdev_fill(struct vpin_blk_req *req, struct bio *bio,
			      struct vpin_cursor *data, u32 len)
{
	void *end = NULL;

	while (bio->bi_iter.bi_size < len && bio->bi_vcnt < bio->bi_max_vecs) {
		u32 n = len - bio->bi_iter.bi_size;
		void *addr = vpin_cursor_next(data, &n);

		if (unlikely(!addr))
			return -EFAULT;
		if (unlikely(((unsigned long)addr | n) & req->disk->align_mask))
			return 1;
		if (addr == end) {
			bio->bi_io_vec[bio->bi_vcnt - 1].bv_len += n;
			bio->bi_iter.bi_size += n;
		} else {
			__bio_add_page(bio, virt_to_page(addr), n,
				       offset_in_page(addr));
		}
		end = addr + n;
	}
	return 0;
}

static void vpin_blk_bdev_rw(struct vpin_blk_req *req, struct vpin_cursor *data)
{
	u64 sector = req->sector;
	u32 left = req->len;

	while (left) {
		struct bio *bio = vpin_blk_bdev_bio(req, sector);
		struct vpin_cursor start = *data;
		int ret;

		ret = vpin_blk_bdev_fill(req, bio, data, left);
		if (unlikely(ret)) {
			vpin_blk_bdev_drop(req, bio);
			if (ret < 0)
				vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
			else
				vpin_blk_bounce(req, &start, sector, left);
			break;
		}
		left -= bio->bi_iter.bi_size;
		sector += bio_sectors(bio);
		if (!left) {
			vpin_blk_bdev_submit(req, bio);
			return;
		}
		vpin_blk_part_begin(req);
		vpin_blk_bdev_submit(req, bio);
	}
	vpin_blk_part_end(req);
}

static void vpin_blk_bdev_flush(struct vpin_blk_req *req)
{
	bio_init(&req->bio, req->disk->bdev, NULL, 0,
		 REQ_OP_WRITE | REQ_PREFLUSH);
	vpin_blk_bdev_submit(req, &req->bio);
}

static void vpin_blk_bdev_discard(struct vpin_blk_req *req)
{
	unsigned int i;

	for (i = 0; i < req->nr_ranges; i++) {
		const struct vpin_blk_range *range = &req->ranges[i];
		struct bio *bio = NULL;

		__blkdev_issue_discard(req->disk->bdev, range->sector,
				       range->nr, GFP_NOIO, &bio);
		if (!bio) {
			vpin_blk_fail(req, VIRTIO_BLK_S_UNSUPP);
			continue;
		}
		vpin_blk_part_begin(req);
		vpin_blk_bdev_submit(req, bio);
	}
	vpin_blk_part_end(req);
}

/*
 * Only the blocking call writes zeroes out where a device turns out not to do
 * it by itself.
 */
static void vpin_blk_bdev_zero_work(struct work_struct *work)
{
	struct vpin_blk_req *req =
		container_of(work, struct vpin_blk_req, work);
	unsigned int i;

	for (i = 0; i < req->nr_ranges; i++) {
		const struct vpin_blk_range *range = &req->ranges[i];

		if (blkdev_issue_zeroout(req->disk->bdev, range->sector,
					 range->nr, GFP_NOIO,
					 range->unmap ? 0 : BLKDEV_ZERO_NOUNMAP))
			vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
	}
	vpin_blk_part_end(req);
}

static void vpin_blk_bdev_write_zeroes(struct vpin_blk_req *req)
{
	vpin_blk_defer(req, vpin_blk_bdev_zero_work);
}

const struct vpin_blk_backend vpin_blk_bdev = {
	.rw = vpin_blk_bdev_rw,
	.flush = vpin_blk_bdev_flush,
	.discard = vpin_blk_bdev_discard,
	.write_zeroes = vpin_blk_bdev_write_zeroes,
};

/* Fills in what a disk on a block device is.  Return: 0 or -EROFS. */
int vpin_blk_bdev_attach(struct vpin_blk *blk)
{
	struct block_device *bdev = I_BDEV(blk->file->f_mapping->host);

	if (!blk->ro && bdev_read_only(bdev))
		return -EROFS;
	if (blk->poll && !vpin_bdev_can_poll(bdev))
		return -EOPNOTSUPP;
	blk->backend = &vpin_blk_bdev;
	blk->bdev = bdev;
	blk->discard = bdev_max_discard_sectors(bdev);
	blk->capacity = bdev_nr_sectors(bdev);
	blk->block_size = bdev_logical_block_size(bdev);
	blk->align_mask = bdev_dma_alignment(bdev) | (blk->block_size - 1);
	return 0;
}

int vpin_blk_bdev_init(void)
{
	return bioset_init(&vpin_blk_bios, VPIN_BLK_BIO_POOL, 0,
			   BIOSET_NEED_BVECS);
}

void vpin_blk_bdev_exit(void)
{
	bioset_exit(&vpin_blk_bios);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block device backend: bios on the guest's own pages.
 *
 * The worker submits with REQ_NOWAIT.  What the device does not take comes back
 * and is sent again, or submitted where it may block; so is all that goes to a
 * device that cannot help waiting, and what the host's page cache has a part of.
 */
#include <linux/blk-mq.h>
#include <vpin/compat.h>
#include "blk.h"

static u8 vpin_blk_bdev_result(blk_status_t status)
{
	switch (status) {
	case BLK_STS_OK:
		return VIRTIO_BLK_S_OK;
	case BLK_STS_NOTSUPP:
		return VIRTIO_BLK_S_UNSUPP;
	default:
		return VIRTIO_BLK_S_IOERR;
	}
}

/* What the host has read meanwhile is old. */
static void vpin_blk_bdev_uncache(struct vpin_blocking_item *item)
{
	struct vpin_blk_part *part =
		container_of(item, struct vpin_blk_part, item);
	struct vpin_blk_req *req = vpin_blk_part_req(part);

	vpin_blk_uncache(req->disk, part->pos, part->len);
	vpin_blk_part_end(req, part, VIRTIO_BLK_S_OK);
}

/* It ended; some of it may have been written, however it did. */
static __always_inline void vpin_blk_bdev_over(struct vpin_blk_req *req,
					       struct vpin_blk_part *part,
					       u8 result)
{
	if (likely(!vpin_blk_is_write(req) ||
		   !vpin_blk_is_cached(req->disk, part->pos, part->len))) {
		vpin_blk_part_end(req, part, result);
		return;
	}
	if (result != VIRTIO_BLK_S_OK)
		vpin_blk_fail(req, result);
	vpin_blk_part_block(req, part, vpin_blk_bdev_uncache);
}

/* It ended in a way that may be no end. */
static void vpin_blk_bdev_failed(struct vpin_blk_req *req,
				 struct vpin_blk_part *part,
				 blk_status_t status, blk_opf_t opf)
{
	struct vpin_blk *blk = req->disk;

	if (status == BLK_STS_AGAIN && opf & REQ_NOWAIT) {
		vpin_blk_part_refused(req, part);
	} else if (status == BLK_STS_NOTSUPP && opf & REQ_POLLED) {
		/* The queues that could be polled are gone. */
		WRITE_ONCE(blk->poll, false);
		vpin_blk_part_refused(req, part);
	} else if (status == BLK_STS_NOTSUPP && opf & REQ_NOWAIT) {
		/* Not without waiting. */
		vpin_blk_part_block(req, part, blk->backend->block);
	} else {
		vpin_blk_bdev_over(req, part, vpin_blk_bdev_result(status));
	}
}

static void vpin_blk_bdev_end(struct bio *bio)
{
	struct vpin_blk_part *part =
		container_of(bio, struct vpin_blk_part, bio);
	struct vpin_blk_req *req = bio->bi_private;
	blk_status_t status = bio->bi_status;

	/* Its memory is the request's or the queue's: not to be put. */
	bio_uninit(bio);
	if (unlikely(status != BLK_STS_OK))
		vpin_blk_bdev_failed(req, part, status, bio->bi_opf);
	else
		vpin_blk_bdev_over(req, part, VIRTIO_BLK_S_OK);
}

static blk_opf_t vpin_blk_bdev_opf(const struct vpin_blk_req *req)
{
	if (req->type == VIRTIO_BLK_T_IN)
		return REQ_OP_READ;
	/* Nothing that writeback throttling would have wait. */
	return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE |
	       (req->type == VIRTIO_BLK_T_FLUSH ? REQ_PREFLUSH : 0) |
	       (req->stable ? REQ_FUA : 0);
}

static __always_inline void vpin_blk_bdev_prepare(struct vpin_blk_req *req,
						  struct vpin_blk_part *part,
						  blk_opf_t opf)
{
	struct bio *bio = &part->bio;

	bio_init(bio, req->disk->bdev, vpin_blk_part_vecs(part), part->nr_vecs,
		 opf);
	bio->bi_vcnt = part->nr_vecs;
	bio->bi_iter.bi_size = part->len;
	bio->bi_iter.bi_sector = part->pos >> SECTOR_SHIFT;
	bio->bi_private = req;
	bio->bi_end_io = vpin_blk_bdev_end;
}

/*
 * One that is not polled must not become the first of a request that is: nobody
 * would poll for the others then.
 */
static blk_opf_t vpin_blk_bdev_unpolled(const struct vpin_blk *blk)
{
	return unlikely(READ_ONCE(blk->poll)) ? REQ_NOMERGE : 0;
}

/* Somebody may have forbidden it since the attach; the block layer only warns. */
static __always_inline bool vpin_blk_bdev_may(const struct vpin_blk_req *req)
{
	return !vpin_blk_is_write(req) || !bdev_read_only(req->disk->bdev);
}

static void vpin_blk_bdev_block(struct vpin_blocking_item *item)
{
	struct vpin_blk_part *part =
		container_of(item, struct vpin_blk_part, item);
	struct vpin_blk_req *req = vpin_blk_part_req(part);

	if (!vpin_blk_bdev_may(req) ||
	    vpin_blk_cohere(req->disk, part->pos, part->len,
			    vpin_blk_is_write(req))) {
		vpin_blk_part_end(req, part, VIRTIO_BLK_S_IOERR);
		return;
	}
	vpin_blk_bdev_prepare(req, part, vpin_blk_bdev_opf(req) |
			      vpin_blk_bdev_unpolled(req->disk));
	submit_bio(&part->bio);
}

/*
 * Only a request's own part is polled for: what else there is of it, and what
 * makes data stable, ends by interrupts.  So does what the block layer has found
 * that it cannot poll for: that is seen from the bio, which stays ours until the
 * request is given back.
 */
static noinline void vpin_blk_bdev_submit_polled(struct vpin_blk_req *req,
						 struct vpin_blk_part *part,
						 blk_opf_t opf)
{
	bool polled = part == &req->part && !op_is_flush(opf);

	vpin_blk_bdev_prepare(req, part,
			      opf | (polled ? REQ_POLLED : REQ_NOMERGE));
	if (polled)
		list_add_tail(&req->req.polled, &req->req.vq->polled);
	submit_bio(&part->bio);
	if (polled && !(READ_ONCE(part->bio.bi_opf) & REQ_POLLED))
		list_del_init(&req->req.polled);
}

/**
 * vpin_blk_bdev_sleeps - whether a disk's driver sleeps while it starts a request
 * @blk: the disk, on a block device
 *
 * REQ_NOWAIT is the block layer's: such a driver (nbd sends a request to its server
 * there) sleeps in the context of who submits.  The driver's tags go with the
 * device, whoever has it open; but not before who uses the queue has left it.
 *
 * Return: whether it does, or it cannot be told now.
 */
bool vpin_blk_bdev_sleeps(const struct vpin_blk *blk)
{
	struct request_queue *q = bdev_get_queue(blk->bdev);
	bool sleeps;

	if (!percpu_ref_tryget_live(&q->q_usage_counter))
		return true;
	sleeps = q->tag_set && q->tag_set->flags & BLK_MQ_F_BLOCKING;
	percpu_ref_put(&q->q_usage_counter);
	return sleeps;
}

static void vpin_blk_bdev_submit(struct vpin_blk_req *req,
				 struct vpin_blk_part *part)
{
	struct vpin_blk *blk = req->disk;
	blk_opf_t opf;

	if (unlikely(READ_ONCE(blk->sleeps) || !bdev_nowait(blk->bdev)) ||
	    vpin_blk_is_cached(blk, part->pos, part->len)) {
		vpin_blk_part_block(req, part, vpin_blk_bdev_block);
		return;
	}
	if (unlikely(!vpin_blk_bdev_may(req))) {
		vpin_blk_part_end(req, part, VIRTIO_BLK_S_IOERR);
		return;
	}
	opf = vpin_blk_bdev_opf(req) | REQ_NOWAIT;
	if (unlikely(READ_ONCE(blk->poll))) {
		vpin_blk_bdev_submit_polled(req, part, opf);
		return;
	}
	vpin_blk_bdev_prepare(req, part, opf);
	submit_bio(&part->bio);
}

/*
 * Ends what has come to an end where one of the polled requests is; the next
 * time it is another's turn, which may be somewhere else.  One that was not
 * started has no place yet.
 */
void vpin_blk_bdev_poll(struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct vpin_blk_req *req;
	unsigned int nr;

	for (nr = 0; nr < vq->num; nr++) {
		req = list_first_entry(&vq->polled, struct vpin_blk_req,
				       req.polled);
		list_move_tail(&req->req.polled, &vq->polled);
		if (READ_ONCE(req->part.bio.bi_cookie) != BLK_QC_T_NONE) {
			bio_poll(&req->part.bio, NULL, BLK_POLL_ONESHOT);
			break;
		}
	}
	/* Within a turn nobody else says so to what waits for an end. */
	if (!llist_empty(&queue->ended) || !llist_empty(&queue->refused) ||
	    (vq->stalled && vq->done_at_once))
		vpin_vq_rerun(vq);
}

static void vpin_blk_bdev_flush(struct vpin_blk_req *req)
{
	req->part.nr_vecs = 0;
	req->part.len = 0;
	req->part.pos = 0;
	vpin_blk_bdev_submit(req, &req->part);
}

const struct vpin_blk_backend vpin_blk_bdev = {
	.submit = vpin_blk_bdev_submit,
	.block = vpin_blk_bdev_block,
	.flush = vpin_blk_bdev_flush,
	.ranges = vpin_blk_bdev_ranges,
};

/* Whether @blk has to be served, or was asked to be, through the page cache. */
static bool vpin_blk_bdev_is_direct(const struct vpin_blk *blk,
				    const struct vpin_attach *args)
{
	return blk->direct &&
	       (!args->logical_block_size ||
		args->logical_block_size >= bdev_logical_block_size(blk->bdev));
}

/**
 * vpin_blk_bdev_attach - fills in what a disk on a block device is
 * @blk: the disk
 * @args: VPIN_ATTACH's argument
 *
 * Return: 0; -EROFS if the device cannot be written, -EOPNOTSUPP if it is zoned
 * or cannot be polled, vpin_blk_geometry()'s, or what writing its page cache back
 * says; -EINTR if killed meanwhile.
 */
int vpin_blk_bdev_attach(struct vpin_blk *blk, const struct vpin_attach *args)
{
	struct block_device *bdev = I_BDEV(blk->file->f_mapping->host);
	u32 block_size = bdev_logical_block_size(bdev);
	int ret;

	if (!blk->ro && bdev_read_only(bdev))
		return -EROFS;
	if (vpin_bdev_is_zoned(bdev)) {
		vpin_dev_notice(blk->dev, "%pg is zoned and takes writes in order only: not served\n",
				bdev);
		return -EOPNOTSUPP;
	}
	blk->bdev = bdev;
	blk->direct = vpin_blk_bdev_is_direct(blk, args);
	if (blk->poll && (!blk->direct || !vpin_bdev_can_poll(bdev)))
		return -EOPNOTSUPP;
	blk->discard = blk->discard && bdev_max_discard_sectors(bdev);
	blk->io_min = bdev_io_min(bdev);
	blk->io_opt = bdev_io_opt(bdev);
	ret = vpin_blk_geometry(blk, args, bdev_nr_bytes(bdev), block_size,
				bdev_physical_block_size(bdev));
	if (ret)
		return ret;

	if (!blk->direct) {
		vpin_blk_file_serve(blk);
		return 0;
	}
	blk->backend = &vpin_blk_bdev;
	blk->align_mask = bdev_dma_alignment(bdev) | (block_size - 1);
	if (!blk->ro && bdev_stable_writes(bdev))
		vpin_dev_notice(blk->dev, "%pg must not see data change while it is written, which guests do: attach it buffered if it complains\n",
				bdev);
	return vpin_blk_cohere_all(blk);
}

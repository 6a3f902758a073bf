// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cutting a request's data into parts.
 */
#include <vpin/trace.h>
#include "blk.h"

/* Steps back over the @len bytes of the piece that was stepped over last. */
static void vpin_blk_step_back(struct vpin_cursor *data, u32 len)
{
	if (!data->offset) {
		data->buf--;
		data->offset = data->buf->len;
	}
	data->offset -= len;
}

/*
 * Puts pieces of data into a part until it is full or has @max bytes; those that
 * lie next to each other become one.  Return: 0; 1 if the next piece cannot be
 * transferred in place; -EFAULT if it is not mapped.
 */
static __always_inline int vpin_blk_part_fill(struct vpin_blk_part *part,
					      unsigned int max_vecs, u32 max,
					      struct vpin_cursor *data,
					      u32 mask)
{
	struct bio_vec *vecs = vpin_blk_part_vecs(part);
	unsigned int nr = 0;
	void *end = NULL;
	u32 len = 0;
	int ret = 0;

	while (len < max && nr < max_vecs) {
		u32 n = max - len;
		void *addr = vpin_cursor_next(data, &n);

		if (unlikely(!addr)) {
			ret = -EFAULT;
			break;
		}
		if (unlikely(((unsigned long)addr | n) & mask)) {
			vpin_blk_step_back(data, n);
			ret = 1;
			break;
		}
		if (addr == end) {
			vecs[nr - 1].bv_len += n;
		} else {
			vecs[nr].bv_page = virt_to_page(addr);
			vecs[nr].bv_len = n;
			vecs[nr].bv_offset = offset_in_page(addr);
			nr++;
		}
		len += n;
		end = addr + n;
	}
	part->nr_vecs = nr;
	part->len = len;
	return ret;
}

/*
 * The most of @left bytes, whole blocks, that go into a part: a bio that must not
 * wait must not need to be split either.
 */
static u32 vpin_blk_part_max(const struct vpin_blk *blk, u64 pos, u32 left)
{
	u32 max = VPIN_BLK_PART_MAX, chunk;
	const struct request_queue *q;

	/* Anything takes a page. */
	if (left <= PAGE_SIZE)
		return left;
	if (!blk->direct || !blk->bdev)
		return min(max, left);
	q = bdev_get_queue(blk->bdev);
	max = min(max, queue_max_bytes((struct request_queue *)q));
	chunk = q->limits.chunk_sectors;
	if (likely(left <= max && !chunk))
		return left;
	if (chunk) {
		u64 offset = get_start_sect(blk->bdev) + (pos >> SECTOR_SHIFT);
		u32 room = chunk - offset % chunk;

		if (room < max >> SECTOR_SHIFT)
			max = room << SECTOR_SHIFT;
	}
	return min(left, max(round_down(max, blk->block_size), blk->block_size));
}

/* Whether what is left may be as few pieces as a request's own part takes. */
static __always_inline bool vpin_blk_is_short(const struct vpin_blk_build *build)
{
	const struct vpin_chain_buf *buf = build->data.buf;

	/* The status may be one of the buffers. */
	return likely(buf + VPIN_BLK_VECS + 1 >= build->data.end) &&
	       (build->left <= VPIN_BLK_VECS * PAGE_SIZE || buf->addr);
}

/* A part for what comes next, and for how many pieces.  NULL if there is none. */
static __always_inline struct vpin_blk_part *
vpin_blk_part_get(struct vpin_blk_queue *queue, struct vpin_blk_build *build,
		  unsigned int *max_vecs)
{
	struct vpin_blk_part *part = queue->free_longs;

	/* Its own if that is long enough, as far as that can be told. */
	if (likely(!build->own_used &&
		   (vpin_blk_is_short(build) || !part))) {
		build->own_used = true;
		*max_vecs = VPIN_BLK_VECS;
		return &build->req->part;
	}
	if (!part)
		return NULL;
	queue->free_longs = part->next;
	container_of(part, struct vpin_blk_long, part)->req = build->req;
	*max_vecs = VPIN_BLK_LONG_VECS;
	return part;
}

/* Gives a part back that nothing became of. */
static void vpin_blk_part_put(struct vpin_blk_queue *queue,
			      struct vpin_blk_build *build,
			      struct vpin_blk_part *part)
{
	if (part->kind == VPIN_BLK_PART_OWN) {
		build->own_used = false;
		return;
	}
	part->next = queue->free_longs;
	queue->free_longs = part;
}

/**
 * vpin_blk_build - starts parts of a request as long as it can
 * @vq: the queue
 * @build: the request and what is left of it; changed
 *
 * Return: true if all of it is under way; then the request may have ended.
 * Otherwise @build has to go on in another turn, which, if it @waits, comes with
 * the end of a part or the hand-over of a bounce buffer.
 */
bool vpin_blk_build(struct vpin_vq *vq, struct vpin_blk_build *build)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct vpin_blk_req *req = build->req;
	struct vpin_blk *blk = req->disk;
	struct vpin_blk_part *part;
	unsigned int max_vecs;
	int ret;

	build->waits = false;
	while (build->left) {
		u32 max;

		if (unlikely(queue->left <= 0))
			return false;
		if (unlikely(build->bouncing)) {
			if (!vpin_blk_bounce(vq, build))
				return false;
			break;
		}

		part = vpin_blk_part_get(queue, build, &max_vecs);
		if (unlikely(!part)) {
			build->waits = true;
			return false;
		}
		max = vpin_blk_part_max(blk, build->pos, build->left);
		ret = vpin_blk_part_fill(part, max_vecs, max, &build->data,
					 blk->align_mask);
		if (unlikely(ret)) {
			build->bouncing = true;
			if (ret < 0) {
				vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
				vpin_blk_part_put(queue, build, part);
				break;
			}
			if (!part->len) {
				vpin_blk_part_put(queue, build, part);
				continue;
			}
		}
		part->pos = build->pos;
		build->pos += part->len;
		build->left -= part->len;
		queue->left -= part->len;
		if (likely(!build->left)) {
			blk->backend->submit(req, part);
			return true;
		}
		vpin_blk_req_get(req);
		blk->backend->submit(req, part);
		/* What comes next would fare no better. */
		if (!llist_empty(&queue->refused))
			return false;
	}
	vpin_blk_req_put(req);
	return true;
}

/* The part goes on in @fn, where it may block.  Context: any. */
void vpin_blk_part_block(struct vpin_blk_req *req, struct vpin_blk_part *part,
			 void (*fn)(struct vpin_blocking_item *))
{
	const struct vpin_vq *vq = req->req.vq;

	atomic64_inc(&req->disk->counts[vq->index].blocked);
	trace_vpin_blk_block(vq, req->req.head, part->pos, part->len);
	part->item.fn = fn;
	vpin_blocking_queue(req->disk->dev->blocking, &part->item);
}

/* A part ended that is not its request's own.  Context: any. */
void vpin_blk_part_end_other(struct vpin_blk_req *req,
			     struct vpin_blk_part *part)
{
	struct vpin_vq *vq = req->req.vq;
	struct vpin_blk_queue *queue = vq->priv;
	bool bounce = part->kind == VPIN_BLK_PART_BOUNCE;

	vpin_vq_wake(vq, &part->node, &queue->ended);
	/* Of a request that bounces, the part that is being built is counted. */
	if (!bounce)
		vpin_blk_req_put(req);
}

/* A device did not take a part: it is sent again.  Context: any. */
void vpin_blk_part_refused(struct vpin_blk_req *req, struct vpin_blk_part *part)
{
	struct vpin_vq *vq = req->req.vq;
	struct vpin_blk_queue *queue = vq->priv;

	vpin_vq_wake(vq, &part->node, &queue->refused);
}

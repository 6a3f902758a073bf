// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request, from its chain to its backend (VIRTIO 1.2, 5.2.6).
 *
 * A chain's readable half is the header and then the data that the device
 * reads; its writable half is the data that the device writes and then one
 * byte of status.  Where descriptors begin and end means nothing.
 */
#include <linux/blkdev.h>
#include <vpin/trace.h>
#include "blk.h"

/* Whether [sector, sector + nr) is on the disk, in whole blocks. */
static bool vpin_blk_in_disk(const struct vpin_blk *blk, u64 sector, u64 nr)
{
	u32 mask = (blk->block_size >> SECTOR_SHIFT) - 1;
	u64 capacity = READ_ONCE(blk->capacity);

	return nr <= capacity && sector <= capacity - nr &&
	       !((sector | nr) & mask);
}

/* @out bytes are left of the readable half, @in of the writable one. */
static u8 vpin_blk_parse_rw(struct vpin_blk_req *req, u32 out, u32 in)
{
	bool write = vpin_blk_is_write(req);

	/* Data the wrong way, or not whole sectors. */
	if (write ? in : out)
		return VIRTIO_BLK_S_IOERR;
	req->len = write ? out : in;
	if (req->len % SECTOR_SIZE ||
	    !vpin_blk_in_disk(req->disk, req->sector, req->len >> SECTOR_SHIFT))
		return VIRTIO_BLK_S_IOERR;
	if (write && req->disk->ro)
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static u8 vpin_blk_parse_range(struct vpin_blk_req *req,
			       struct vpin_blk_range *range,
			       const struct virtio_blk_discard_write_zeroes *wire)
{
	u32 flags = le32_to_cpu(wire->flags);
	u32 known = req->type == VIRTIO_BLK_T_WRITE_ZEROES ?
		    VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	u32 max = req->type == VIRTIO_BLK_T_WRITE_ZEROES ?
		  VPIN_BLK_ZEROES_MAX : U32_MAX >> SECTOR_SHIFT;

	/* VIRTIO 1.2, 5.2.6.2: unknown flags, and UNMAP of a discard. */
	if (flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	range->sector = le64_to_cpu(wire->sector);
	range->nr = le32_to_cpu(wire->num_sectors);
	range->unmap = req->disk->discard &&
		       flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	if (!range->nr || range->nr > max ||
	    !vpin_blk_in_disk(req->disk, range->sector, range->nr))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static u8 vpin_blk_parse_ranges(struct vpin_blk_req *req, u32 out,
				struct vpin_cursor *cursor)
{
	struct virtio_blk_discard_write_zeroes wire[VPIN_BLK_RANGES_MAX];
	unsigned int i, nr = out / sizeof(wire[0]);
	u8 result;

	if (!nr || out % sizeof(wire[0]) || nr > VPIN_BLK_RANGES_MAX)
		return VIRTIO_BLK_S_IOERR;
	if (vpin_cursor_copy(cursor, wire, out))
		return VIRTIO_BLK_S_IOERR;
	for (i = 0; i < nr; i++) {
		result = vpin_blk_parse_range(req, &req->ranges[i], &wire[i]);
		if (result != VIRTIO_BLK_S_OK)
			return result;
	}
	req->nr_ranges = nr;
	return VIRTIO_BLK_S_OK;
}

static u8 vpin_blk_parse_type(struct vpin_blk_req *req,
			      const struct vpin_dev *dev,
			      const struct vpin_chain *chain,
			      struct vpin_cursor *out)
{
	u32 left = chain->readable - sizeof(struct virtio_blk_outhdr);

	switch (req->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return vpin_blk_parse_rw(req, left, chain->writable - 1);
	case VIRTIO_BLK_T_FLUSH:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return chain->writable - 1 < VIRTIO_BLK_ID_BYTES ?
			VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
		if (!vpin_dev_has(dev, VIRTIO_BLK_F_DISCARD))
			return VIRTIO_BLK_S_UNSUPP;
		return vpin_blk_parse_ranges(req, left, out);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!vpin_dev_has(dev, VIRTIO_BLK_F_WRITE_ZEROES))
			return VIRTIO_BLK_S_UNSUPP;
		return vpin_blk_parse_ranges(req, left, out);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/**
 * vpin_blk_parse - what a chain asks for
 * @req: out: its type, place, length, ranges, status address and, in @result,
 *	VIRTIO_BLK_S_OK if it can be started, else what to answer
 * @dev: the device; its private data is the disk
 * @chain: the chain
 * @out: cursor at the readable half; afterwards at the data
 *
 * Return: false if the chain has no status byte that could be written: it
 * cannot even be answered.
 */
bool vpin_blk_parse(struct vpin_blk_req *req, const struct vpin_dev *dev,
		    const struct vpin_chain *chain, struct vpin_cursor *out)
{
	struct virtio_blk_outhdr header;

	req->disk = dev->priv;
	req->type = U32_MAX;
	req->sector = 0;
	req->len = 0;
	req->nr_ranges = 0;
	req->stable = false;
	req->status = vpin_chain_last_byte(chain, out->snap, out->hint);
	if (!req->status)
		return false;

	if (vpin_cursor_read(out, &header, sizeof(header))) {
		req->result = VIRTIO_BLK_S_IOERR;
		return true;
	}
	req->type = __virtio32_to_cpu(true, header.type);
	req->sector = __virtio64_to_cpu(true, header.sector);
	req->result = vpin_blk_parse_type(req, dev, chain, out);
	return true;
}

/*
 * Has the backend transfer data, which is where queue->build.data is; what cannot be
 * started now is left there.
 */
static __always_inline void vpin_blk_transfer(struct vpin_blk_req *req,
					      struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct vpin_blk_build *build = &queue->build;

	build->req = req;
	build->pos = req->sector << SECTOR_SHIFT;
	build->left = req->len;
	build->own_used = false;
	build->bouncing = false;
	build->busy = false;
	build->bounce = NULL;
	if (likely(vpin_blk_build(vq, build)))
		build->req = NULL;
}

/* Has the backend do it; @data is at the data that the device reads. */
static void vpin_blk_submit(struct vpin_blk_req *req, struct vpin_vq *vq,
			    struct vpin_cursor *data)
{
	const struct vpin_blk_backend *backend = req->disk->backend;

	trace_vpin_blk_start(vq, req->req.head, req->type, req->sector, req->len);
	switch (req->type) {
	case VIRTIO_BLK_T_IN:
		vpin_cursor_writable(data, &vq->chain, vq->view->snap,
				     &vq->hint);
		vpin_blk_transfer(req, vq);
		break;
	case VIRTIO_BLK_T_OUT:
		req->stable = !vpin_blk_is_writeback(vq->dev);
		vpin_blk_transfer(req, vq);
		break;
	case VIRTIO_BLK_T_FLUSH:
		/* What cannot be written is stable. */
		if (req->disk->ro)
			vpin_blk_req_put(req);
		else
			backend->flush(req);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		req->stable = !vpin_blk_is_writeback(vq->dev);
		req->part.pos = 0;
		req->part.len = 0;
		vpin_blk_part_block(req, &req->part, backend->ranges);
		break;
	}
}

/* Return: bytes written into the chain at hand, with the status. */
static u32 vpin_blk_get_id(struct vpin_blk_req *req, struct vpin_vq *vq)
{
	struct vpin_cursor in;

	vpin_cursor_writable(&in, &vq->chain, vq->view->snap, &vq->hint);
	if (!vpin_cursor_copy(&in, req->disk->serial, VIRTIO_BLK_ID_BYTES))
		return 1 + VIRTIO_BLK_ID_BYTES;
	req->result = VIRTIO_BLK_S_IOERR;
	return 1;
}

/* Answers a request that never got in flight. */
static noinline void vpin_blk_answer(const struct vpin_blk_req *req,
				     struct vpin_vq *vq, u16 head, u32 len)
{
	const struct vpin_blk_queue *queue = vq->priv;

	if (req->result != VIRTIO_BLK_S_OK)
		trace_vpin_blk_refuse(vq, head, req->type, req->sector,
				      req->result);
	vpin_blk_count(queue->counts, min(req->type, VPIN_BLK_TYPES - 1U),
		       req->result, 0);
	*req->status = req->result;
	vpin_vq_return(vq, head, len);
}

/**
 * vpin_blk_start - starts a request, or answers it at once
 * @req: a free request
 * @vq: the queue, with the chain
 * @head: what to return it with
 *
 * Return: whether @req is in flight now.
 */
bool vpin_blk_start(struct vpin_blk_req *req, struct vpin_vq *vq, u16 head)
{
	const struct vpin_chain *chain = &vq->chain;
	struct vpin_blk_queue *queue = vq->priv;
	/* Nothing is being built, or there would be no new request. */
	struct vpin_cursor *data = &queue->build.data;
	u32 len = 1;

	vpin_cursor_readable(data, chain, vq->view->snap, &vq->hint);
	if (!vpin_blk_parse(req, vq->dev, chain, data)) {
		vpin_vq_give_up(vq, "a chain has no status byte that could be written");
		return false;
	}

	if (req->result == VIRTIO_BLK_S_OK &&
	    req->type != VIRTIO_BLK_T_GET_ID) {
		vpin_vq_begin(vq, &req->req, head);
		atomic_set(&req->parts, 1);
		vpin_blk_submit(req, vq, data);
		return true;
	}
	if (req->result == VIRTIO_BLK_S_OK)
		len = vpin_blk_get_id(req, vq);
	vpin_blk_answer(req, vq, head, len);
	return false;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a running queue of a disk has, and what it does in a turn.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/writeback.h>
#include <vpin/trace.h>
#include "blk.h"

/*
 * Memory to the page, not to the power of two: contiguous if it is to be had,
 * for then the CPU reaches it through one entry of its TLB.
 */
void *vpin_blk_alloc(size_t size)
{
	void *addr = alloc_pages_exact(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				       __GFP_NOWARN | __GFP_NORETRY);

	return addr ?: __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
}

void vpin_blk_free(void *addr, size_t size)
{
	if (is_vmalloc_addr(addr))
		vfree(addr);
	else if (addr)
		free_pages_exact(addr, size);
}

static void vpin_blk_put_req(struct vpin_blk_queue *queue,
			     struct vpin_blk_req *req)
{
	req->next = queue->free;
	queue->free = req;
}

static void vpin_blk_put_long(struct vpin_blk_queue *queue,
			      struct vpin_blk_part *part)
{
	part->next = queue->free_longs;
	queue->free_longs = part;
}

static void vpin_blk_queue_free(struct vpin_blk_queue *queue, u16 num)
{
	vpin_blk_free(queue->longs, array_size(queue->nr_longs,
					       sizeof(*queue->longs)));
	vpin_blk_free(queue->reqs, array_size(num, sizeof(*queue->reqs)));
	kfree(queue);
}

/* Everything that a running queue needs is allocated here. */
int vpin_blk_vq_start(struct vpin_vq *vq)
{
	struct vpin_blk *blk = vq->dev->priv;
	struct vpin_blk_queue *queue;
	unsigned int i;

	/* What takes data wherever it lies needs no buffers. */
	if (blk->align_mask &&
	    vpin_blk_pool_fill(&blk->pool, min_t(unsigned int, vq->dev->nr_vqs,
						 VPIN_BLK_BOUNCES)))
		return -ENOMEM;
	/* Who pays for writing back is who dirties first: not who writes for us. */
	if (!blk->ro)
		inode_attach_wb(blk->bdev ? blk->mapping->host :
				d_real_inode(file_dentry(blk->file)), NULL);
	if (blk->bdev)
		WRITE_ONCE(blk->sleeps, vpin_blk_bdev_sleeps(blk));
	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return -ENOMEM;
	queue->vq = vq;
	queue->counts = &blk->counts[vq->index];
	queue->nr_longs = clamp(vq->num / VPIN_BLK_LONG_ENTRIES,
				VPIN_BLK_LONG_MIN, VPIN_BLK_LONG_MAX);
	queue->reqs = vpin_blk_alloc(array_size(vq->num, sizeof(*queue->reqs)));
	queue->longs = vpin_blk_alloc(array_size(queue->nr_longs,
						 sizeof(*queue->longs)));
	if (!queue->reqs || !queue->longs) {
		vpin_blk_queue_free(queue, vq->num);
		return -ENOMEM;
	}
	for (i = vq->num; i > 0; i--) {
		queue->reqs[i - 1].part.kind = VPIN_BLK_PART_OWN;
		vpin_blk_put_req(queue, &queue->reqs[i - 1]);
	}
	for (i = queue->nr_longs; i > 0; i--) {
		queue->longs[i - 1].part.kind = VPIN_BLK_PART_LONG;
		vpin_blk_put_long(queue, &queue->longs[i - 1].part);
	}
	queue->left = VPIN_BLK_TURN_MAX;
	queue->kept_end = &queue->kept;
	INIT_LIST_HEAD(&queue->waiting);
	init_llist_head(&queue->ended);
	init_llist_head(&queue->refused);
	vq->priv = queue;
	return 0;
}

void vpin_blk_vq_stop(struct vpin_vq *vq)
{
	vpin_blk_queue_free(vq->priv, vq->num);
	vq->priv = NULL;
}

static void vpin_blk_keep(struct vpin_blk_queue *queue,
			  struct vpin_blk_part *part)
{
	struct vpin_blk_req *req = vpin_blk_part_req(part);

	/* If it was to be polled: it is no more. */
	if (part == &req->part && !list_empty(&req->req.polled))
		list_del_init(&req->req.polled);
	part->next = NULL;
	*queue->kept_end = part;
	queue->kept_end = &part->next;
	queue->nr_kept++;
}

static struct vpin_blk_part *vpin_blk_unkeep(struct vpin_blk_queue *queue)
{
	struct vpin_blk_part *part = queue->kept;

	queue->kept = part->next;
	if (!queue->kept)
		queue->kept_end = &queue->kept;
	queue->nr_kept--;
	return part;
}

/* Sorts what became of parts since the last time. */
static void vpin_blk_collect(struct vpin_blk_queue *queue)
{
	struct vpin_blk_part *part, *next;
	struct llist_node *nodes;

	nodes = llist_del_all(&queue->ended);
	llist_for_each_entry_safe(part, next, nodes, node) {
		if (part->kind == VPIN_BLK_PART_BOUNCE)
			queue->build.busy = false;
		else
			vpin_blk_put_long(queue, part);
		queue->build.waits = false;
	}
	nodes = llist_reverse_order(llist_del_all(&queue->refused));
	llist_for_each_entry_safe(part, next, nodes, node)
		vpin_blk_keep(queue, part);
}

/* Whether all that was started is under way, and nothing came back. */
static bool vpin_blk_is_clear(const struct vpin_blk_queue *queue)
{
	return likely(!queue->build.req && !queue->kept &&
		      llist_empty(&queue->ended) &&
		      llist_empty(&queue->refused));
}

/*
 * After all was started that could be: sees to it that what is left goes on.
 * Return: whether it does in another turn; otherwise an end leads to that.
 */
static bool vpin_blk_settle(struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue = vq->priv;
	const struct vpin_blk *blk = vq->dev->priv;

	if (vpin_blk_is_clear(queue))
		return false;
	vpin_blk_collect(queue);
	if (!queue->kept && !queue->build.req)
		return false;
	vq->stalled = true;
	if (queue->kept) {
		/* These have ended, and are still counted. */
		if (vq->done_at_once)
			return true;
		/*
		 * One that has no part here ends some time, and the device may
		 * have room then.  If there is none, others have to wait.
		 */
		if (vq->inflight > queue->nr_kept + !!queue->build.req)
			return false;
		while (queue->kept) {
			struct vpin_blk_part *part = vpin_blk_unkeep(queue);

			vpin_blk_part_block(vpin_blk_part_req(part), part,
					    blk->backend->block);
		}
	}
	return queue->build.req && !queue->build.waits;
}

/* Sends what was kept again, and goes on with what is being built. */
static void vpin_blk_go_on(struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue = vq->priv;
	const struct vpin_blk *blk = vq->dev->priv;

	vpin_blk_collect(queue);
	while (queue->kept && llist_empty(&queue->refused)) {
		struct vpin_blk_part *part = vpin_blk_unkeep(queue);

		blk->backend->submit(vpin_blk_part_req(part), part);
	}
	if (queue->build.req && !queue->kept && llist_empty(&queue->refused) &&
	    vpin_blk_build(vq, &queue->build))
		queue->build.req = NULL;
}

static noinline bool vpin_blk_catch_up(struct vpin_vq *vq)
{
	struct blk_plug plug;

	blk_start_plug(&plug);
	vpin_blk_go_on(vq);
	blk_finish_plug(&plug);
	return vpin_blk_settle(vq);
}

/* What earlier turns could not do. */
bool vpin_blk_vq_resume(struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue = vq->priv;

	queue->left = VPIN_BLK_TURN_MAX;
	vq->stalled = false;
	return !vpin_blk_is_clear(queue) && vpin_blk_catch_up(vq);
}

/*
 * The block layer's requests that are allocated in one go: their tags must be
 * neighbours in a word, which of a disk with 64 tags has 16.
 */
#define VPIN_BLK_TAGS	8U

/* Whether another chain can be started. */
static bool vpin_blk_has_room(const struct vpin_blk_queue *queue)
{
	return queue->free && queue->left > 0 && !queue->build.req &&
	       !queue->kept && llist_empty(&queue->refused);
}

unsigned int vpin_blk_vq_run(struct vpin_vq *vq, unsigned int budget)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct blk_plug plug;
	unsigned int nr = 0;

	/* What is left over comes first, and has been seen to. */
	if (unlikely(vq->stalled))
		return 0;
	blk_start_plug(&plug);
	while (nr < budget && vpin_blk_has_room(queue)) {
		struct vpin_blk_req *req = queue->free;
		u16 head;
		int ret;

		if (nr % VPIN_BLK_TAGS == 0)
			plug.nr_ios = clamp(vpin_vq_offered(vq), 1U,
					    VPIN_BLK_TAGS);
		ret = vpin_vq_take(vq, &head);
		if (!ret)
			break;
		nr++;
		if (ret < 0)
			continue;

		queue->free = req->next;
		if (!vpin_blk_start(req, vq, head))
			vpin_blk_put_req(queue, req);
	}
	blk_finish_plug(&plug);
	/* What was started may have come back while this looked elsewhere. */
	if (vpin_blk_settle(vq) || queue->left <= 0)
		nr = budget;
	queue->left = VPIN_BLK_TURN_MAX;
	return nr;
}

/*
 * The rest of an end, where there is more to it: last, so that in most cases nothing
 * need be kept for what comes after a call.
 */
static noinline bool vpin_blk_vq_end_more(struct vpin_vq *vq,
					  const struct vpin_blk_req *req)
{
	struct vpin_blk_queue *queue = vq->priv;
	unsigned int i;

	/* Of these no data is the length. */
	for (i = 0; i < req->nr_ranges; i++)
		queue->counts->by[req->result][req->type].bytes +=
			(u64)req->ranges[i].nr << SECTOR_SHIFT;
	trace_vpin_blk_done(vq, req->req.head, req->type, req->sector,
			    req->result);
	return true;
}

bool vpin_blk_vq_end(struct vpin_vq *vq, struct vpin_req *vreq)
{
	struct vpin_blk_req *req = container_of(vreq, struct vpin_blk_req, req);
	struct vpin_blk_queue *queue = vq->priv;

	vpin_blk_count(queue->counts, req->type, req->result, req->len);
	*req->status = req->result;
	vreq->len = 1;
	if (req->type == VIRTIO_BLK_T_IN && req->result == VIRTIO_BLK_S_OK)
		vreq->len += req->len;
	vpin_blk_put_req(queue, req);
	if (unlikely(req->nr_ranges) || trace_vpin_blk_done_enabled())
		return vpin_blk_vq_end_more(vq, req);
	return true;
}

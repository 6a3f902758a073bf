// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bouncing: data whose place in memory direct I/O cannot take goes through
 * aligned pages, one bufferful after the other.
 *
 * This is the slow path of drivers that align nothing.  A disk has a few
 * buffers, each for one request at a time; a queue whose request needs one takes
 * nothing else meanwhile, and waits for its turn if all are in use.
 */
#include <linux/slab.h>
#include <vpin/trace.h>
#include "blk.h"

/**
 * struct vpin_blk_bounce - a bounce buffer
 * @io: the part that transfers it; its length is 0 between two bufferfuls
 * @next: next free one
 * @pages: its pages
 */
struct vpin_blk_bounce {
	struct vpin_blk_long io;
	struct vpin_blk_bounce *next;
	struct page *pages[VPIN_BLK_BOUNCE_PAGES];
};

static_assert(VPIN_BLK_BOUNCE_PAGES <= VPIN_BLK_LONG_VECS);

void vpin_blk_pool_init(struct vpin_blk_pool *pool)
{
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->waiting);
}

static void vpin_blk_bounce_free(struct vpin_blk_bounce *bounce)
{
	unsigned int i;

	for (i = 0; i < VPIN_BLK_BOUNCE_PAGES; i++) {
		if (bounce->pages[i])
			__free_page(bounce->pages[i]);
	}
	kfree(bounce);
}

static struct vpin_blk_bounce *vpin_blk_bounce_alloc(void)
{
	struct vpin_blk_bounce *bounce;
	unsigned int i;

	bounce = kzalloc(sizeof(*bounce), GFP_KERNEL_ACCOUNT);
	if (!bounce)
		return NULL;
	bounce->io.part.kind = VPIN_BLK_PART_BOUNCE;
	for (i = 0; i < VPIN_BLK_BOUNCE_PAGES; i++) {
		bounce->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!bounce->pages[i]) {
			vpin_blk_bounce_free(bounce);
			return NULL;
		}
	}
	return bounce;
}

/**
 * vpin_blk_pool_fill - allocates a disk's bounce buffers
 * @pool: the pool; nothing happens if it has buffers
 * @nr: how many, up to VPIN_BLK_BOUNCES
 *
 * Return: 0 or -ENOMEM; what there is stays then.
 */
int vpin_blk_pool_fill(struct vpin_blk_pool *pool, unsigned int nr)
{
	if (pool->nr)
		return 0;
	while (pool->nr < nr) {
		struct vpin_blk_bounce *bounce = vpin_blk_bounce_alloc();

		if (!bounce) {
			vpin_blk_pool_empty(pool);
			return -ENOMEM;
		}
		bounce->next = pool->free;
		pool->free = bounce;
		pool->all[pool->nr++] = bounce;
	}
	return 0;
}

/* Frees a disk's bounce buffers; no queue runs. */
void vpin_blk_pool_empty(struct vpin_blk_pool *pool)
{
	while (pool->nr)
		vpin_blk_bounce_free(pool->all[--pool->nr]);
	pool->free = NULL;
}

/* A buffer for @queue; if there is none it gets in line, and a turn later. */
static struct vpin_blk_bounce *vpin_blk_bounce_get(struct vpin_blk_pool *pool,
						   struct vpin_blk_queue *queue)
{
	struct vpin_blk_bounce *bounce;

	spin_lock(&pool->lock);
	bounce = queue->handed;
	if (bounce) {
		queue->handed = NULL;
	} else if (pool->free) {
		bounce = pool->free;
		pool->free = bounce->next;
	} else if (list_empty(&queue->waiting)) {
		list_add_tail(&queue->waiting, &pool->waiting);
	}
	spin_unlock(&pool->lock);
	return bounce;
}

/* Hands a buffer to who waits for one. */
static void vpin_blk_bounce_put(struct vpin_blk_pool *pool,
				struct vpin_blk_bounce *bounce)
{
	struct vpin_blk_queue *queue;

	spin_lock(&pool->lock);
	queue = list_first_entry_or_null(&pool->waiting, struct vpin_blk_queue,
					 waiting);
	if (queue) {
		list_del_init(&queue->waiting);
		queue->handed = bounce;
		/* It has a request in flight, so it runs as long as we hold this. */
		vpin_vq_rerun(queue->vq);
	} else {
		bounce->next = pool->free;
		pool->free = bounce;
	}
	spin_unlock(&pool->lock);
}

/* Copies the bufferful to or from the guest. */
static bool vpin_blk_bounce_copy(struct vpin_blk_bounce *bounce,
				 struct vpin_cursor *data, u32 len)
{
	unsigned int i;

	for (i = 0; len; i++) {
		u32 n = min_t(u32, len, PAGE_SIZE);

		if (vpin_cursor_copy(data, page_address(bounce->pages[i]), n))
			return false;
		len -= n;
	}
	return true;
}

static void vpin_blk_bounce_submit(struct vpin_blk_queue *queue,
				   struct vpin_blk_bounce *bounce,
				   struct vpin_blk_build *build, u32 len)
{
	struct vpin_blk_req *req = build->req;
	unsigned int i;
	u32 left = len;

	for (i = 0; left; i++) {
		struct bio_vec *vec = &bounce->io.vecs[i];

		vec->bv_page = bounce->pages[i];
		vec->bv_offset = 0;
		vec->bv_len = min_t(u32, left, PAGE_SIZE);
		left -= vec->bv_len;
	}
	bounce->io.req = req;
	bounce->io.part.nr_vecs = i;
	bounce->io.part.len = len;
	bounce->io.part.pos = build->pos;
	build->busy = true;
	queue->counts->bounced++;
	trace_vpin_blk_bounce(queue->vq, req->req.head, build->pos, len);
	req->disk->backend->submit(req, &bounce->io.part);
}

/* A bufferful was transferred. */
static void vpin_blk_bounce_ended(struct vpin_blk_bounce *bounce,
				  struct vpin_blk_build *build)
{
	struct vpin_blk_req *req = build->req;
	u32 len = bounce->io.part.len;

	if (!vpin_blk_is_write(req) &&
	    READ_ONCE(req->result) == VIRTIO_BLK_S_OK &&
	    !vpin_blk_bounce_copy(bounce, &build->data, len))
		vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
	build->pos += len;
	build->left -= len;
	bounce->io.part.len = 0;
}

/**
 * vpin_blk_bounce - goes on with a request that goes through a bounce buffer
 * @vq: the queue
 * @build: the request
 *
 * Return: true if it is through, whether well or not; otherwise it has to be
 * called again, which, if @build waits, comes with an end.
 */
bool vpin_blk_bounce(struct vpin_vq *vq, struct vpin_blk_build *build)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct vpin_blk_req *req = build->req;
	struct vpin_blk_pool *pool = &req->disk->pool;
	struct vpin_blk_bounce *bounce = build->bounce;

	if (!bounce) {
		bounce = vpin_blk_bounce_get(pool, queue);
		build->bounce = bounce;
		build->waits = !bounce;
		if (!bounce)
			return false;
		bounce->io.part.len = 0;
	}
	if (build->busy) {
		build->waits = true;
		return false;
	}
	if (bounce->io.part.len)
		vpin_blk_bounce_ended(bounce, build);

	if (build->left && READ_ONCE(req->result) == VIRTIO_BLK_S_OK) {
		u32 len = min_t(u32, build->left, VPIN_BLK_BOUNCE_SIZE);

		queue->left -= len;
		if (!vpin_blk_is_write(req) ||
		    vpin_blk_bounce_copy(bounce, &build->data, len)) {
			build->waits = true;
			vpin_blk_bounce_submit(queue, bounce, build, len);
			return false;
		}
		vpin_blk_fail(req, VIRTIO_BLK_S_IOERR);
	}
	build->bounce = NULL;
	vpin_blk_bounce_put(pool, bounce);
	return true;
}

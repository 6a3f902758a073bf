// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a virtqueue writes to guest memory, for the dirty log.
 *
 * All that a chain lets the device write counts as written when the chain is
 * given back: marked after the data has landed and before the driver is told.  The
 * addresses are remembered when the chain is walked, since its descriptors are the
 * driver's.  That takes extents, of which a queue has so many; with too few left for
 * any chain it waits for an end.
 *
 * The ring's device area is written all the time: it is marked at the end of each
 * turn, after what was written there.  Who reads the log for the last time does
 * so when the queue has stopped.
 */
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/dev.h>

/* A chain has to find its extents when nothing is in flight. */
static_assert(VPIN_VQ_EXTENTS >= VPIN_QUEUE_SIZE_MAX);
/* struct vpin_req has a number of 16 bits for one. */
static_assert(VPIN_VQ_EXTENTS <= U16_MAX);

/* Allocates what a queue needs to log.  Return: 0 or -ENOMEM. */
int vpin_vq_dirty_alloc(struct vpin_vq *vq)
{
	unsigned int i;

	lockdep_assert_held(&vq->dev->lock);
	if (vq->extents)
		return 0;
	vq->extents = kvmalloc_array(VPIN_VQ_EXTENTS, sizeof(*vq->extents),
				     GFP_KERNEL_ACCOUNT);
	if (!vq->extents)
		return -ENOMEM;
	vq->free_extents = NULL;
	for (i = VPIN_VQ_EXTENTS; i > 0; i--) {
		vq->extents[i - 1].next = vq->free_extents;
		vq->free_extents = &vq->extents[i - 1];
	}
	vq->nr_free_extents = VPIN_VQ_EXTENTS;
	return 0;
}

/* Frees it; the queue is stopped. */
void vpin_vq_dirty_free(struct vpin_vq *vq)
{
	kvfree(vq->extents);
	vq->extents = NULL;
}

struct vpin_vq_dirty_change {
	struct vpin_vq *vq;
	struct vpin_dirty *dirty;
};

static void vpin_vq_dirty_change(void *arg)
{
	struct vpin_vq_dirty_change *change = arg;

	change->vq->dirty = change->dirty;
}

/**
 * vpin_vq_dirty_set - has a queue log its writes elsewhere, or not any more
 * @vq: the queue; if it runs and did not log so far: drained, its extents there
 * @dirty: the log, or NULL
 *
 * When it returns the one before is not used any more.
 */
void vpin_vq_dirty_set(struct vpin_vq *vq, struct vpin_dirty *dirty)
{
	struct vpin_vq_dirty_change change = { .vq = vq, .dirty = dirty };

	lockdep_assert_held(&vq->dev->lock);
	if (vq->running)
		vpin_worker_call(vq->worker, vpin_vq_dirty_change, &change);
}

/* Says that @len bytes at @gpa were written. */
void vpin_vq_dirty_mark(struct vpin_vq *vq, u64 gpa, u64 len)
{
	struct vpin_dirty *dirty = vq->dirty;

	if (likely(vpin_dirty_mark(dirty, gpa, len)) ||
	    xchg(&dirty->short_of, true))
		return;
	vpin_dev_notice(vq->dev, "its dirty log of %llu bytes has no bit for %#llx bytes at %#llx: what is there is not logged\n",
			dirty->size, len, gpa);
}

/* Something may have been written to the ring. */
void vpin_vq_dirty_ring(struct vpin_vq *vq)
{
	if (vq->view)
		vpin_vq_dirty_mark(vq, vq->used_addr,
				   vpin_ring_used_size(vq->num));
}

/* The chain at hand is given back, and was never in flight. */
void vpin_vq_dirty_chain(struct vpin_vq *vq)
{
	const struct vpin_chain *chain = &vq->chain;
	u32 i;

	for (i = chain->nr_readable; i < chain->nr; i++)
		vpin_vq_dirty_mark(vq, chain->bufs[i].gpa, chain->bufs[i].len);
}

static struct vpin_extent *vpin_vq_get_extent(struct vpin_vq *vq)
{
	struct vpin_extent *extent = vq->free_extents;

	vq->free_extents = extent->next;
	vq->nr_free_extents--;
	return extent;
}

static void vpin_vq_put_extent(struct vpin_vq *vq, struct vpin_extent *extent)
{
	extent->next = vq->free_extents;
	vq->free_extents = extent;
	vq->nr_free_extents++;
}

/* Whether @gpa is in the last page of @extent or in the one behind it. */
static bool vpin_extent_reaches(const struct vpin_extent *extent, u64 gpa)
{
	u64 page = gpa >> VPIN_DIRTY_SHIFT;
	u64 last = extent->last >> VPIN_DIRTY_SHIFT;

	return page == last || page == last + 1;
}

/* The chain at hand gets in flight: remembers what it lets the device write. */
void vpin_vq_dirty_begin(struct vpin_vq *vq, struct vpin_req *req)
{
	const struct vpin_chain *chain = &vq->chain;
	struct vpin_extent *extent = NULL;
	u32 i;

	for (i = chain->nr_readable; i < chain->nr; i++) {
		u64 first = chain->bufs[i].gpa;
		u64 last = first + (chain->bufs[i].len - 1);
		struct vpin_extent *before = extent;

		if (extent && vpin_extent_reaches(extent, first)) {
			extent->last = max(extent->last, last);
			continue;
		}
		extent = vpin_vq_get_extent(vq);
		extent->first = first;
		extent->last = last;
		extent->next = before;
	}
	req->writes = extent ? extent - vq->extents + 1 : 0;
}

/* A request ended, all its data has landed: marks it, if that is still wanted. */
void vpin_vq_dirty_end(struct vpin_vq *vq, struct vpin_req *req)
{
	struct vpin_extent *extent = &vq->extents[req->writes - 1], *next;

	for (; extent; extent = next) {
		next = extent->next;
		if (vq->dirty)
			vpin_vq_dirty_mark(vq, extent->first,
					   extent->last - extent->first + 1);
		vpin_vq_put_extent(vq, extent);
	}
	req->writes = 0;
}

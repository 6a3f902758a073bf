// SPDX-License-Identifier: GPL-2.0-only
/*
 * Summons: pages of the owner's that his queue wants and cannot have at once, since
 * a file system or somebody else has to bring them, are waited for where that may
 * block.  The queue runs again when they are there, or cannot be had; until then it
 * is as free to stop and to end as any.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <vpin/blocking.h>
#include <vpin/dev.h>

/**
 * struct vpin_summon - what one queue waits for
 * @item: waits for it
 * @lock: guards @vq and @busy
 * @vq: the queue; NULL once it has stopped: then who has waited frees this
 * @busy: it is being waited for
 * @failed: and was not to be had
 * @place: where it is; who waits has it
 */
struct vpin_summon {
	struct vpin_blocking_item item;
	spinlock_t lock;
	struct vpin_vq *vq;
	bool busy;
	bool failed;
	struct vpin_place place;
};

static void vpin_summon_wait(struct vpin_blocking_item *item)
{
	struct vpin_summon *summon = container_of(item, struct vpin_summon, item);
	int ret = vpin_place_bring(&summon->place);
	struct vpin_vq *vq;

	spin_lock(&summon->lock);
	WRITE_ONCE(summon->failed, ret);
	summon->busy = false;
	vq = summon->vq;
	if (vq)
		vpin_worker_queue(vq->worker, &vq->work);
	spin_unlock(&summon->lock);
	if (!vq)
		kfree(summon);
}

/* Return: a summon for a queue that is to start; NULL without memory. */
struct vpin_summon *vpin_summon_create(struct vpin_vq *vq)
{
	struct vpin_summon *summon = kzalloc(sizeof(*summon), GFP_KERNEL_ACCOUNT);

	if (!summon)
		return NULL;
	summon->item.fn = vpin_summon_wait;
	spin_lock_init(&summon->lock);
	summon->vq = vq;
	return summon;
}

/* The queue has stopped, and waits for nothing. */
void vpin_summon_end(struct vpin_summon *summon)
{
	bool busy;

	if (!summon)
		return;
	spin_lock(&summon->lock);
	busy = summon->busy;
	summon->vq = NULL;
	spin_unlock(&summon->lock);
	if (!busy)
		kfree(summon);
}

/**
 * vpin_summon_begin - has what is absent of guest memory brought
 * @summon: the queue's
 * @snap: its address space
 * @gpa: first GPA of a stretch
 * @len: its bytes; the first of them that are absent are brought
 * @perm: VPIN_PERM_* that the access needs
 *
 * Return: whether the queue runs again when they, or what it waits for already,
 * were brought; else nothing is absent, or it is not mapped.
 */
bool vpin_summon_begin(struct vpin_summon *summon, const struct vpin_snap *snap,
		       u64 gpa, u64 len, u32 perm)
{
	struct vpin_place place;
	bool busy;

	if (!vpin_place_find(&place, snap, gpa, len, perm))
		return false;
	spin_lock(&summon->lock);
	busy = summon->busy;
	summon->busy = true;
	spin_unlock(&summon->lock);
	if (busy) {
		mmdrop(place.mm);
		return true;
	}
	summon->place = place;
	vpin_blocking_queue(summon->vq->dev->blocking, &summon->item);
	return true;
}

/* Whether what was waited for last was not to be had; it is said once. */
bool vpin_summon_failed(struct vpin_summon *summon)
{
	bool failed = READ_ONCE(summon->failed);

	if (failed)
		WRITE_ONCE(summon->failed, false);
	return failed;
}

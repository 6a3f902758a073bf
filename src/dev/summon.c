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

/* When one place is wanted once more, in jiffies: see vpin_summon_wait(). */
#define VPIN_SUMMON_AGAIN	DIV_ROUND_UP(HZ, 100)

/**
 * struct vpin_summon - what one queue waits for
 * @item: waits for it
 * @lock: guards all but the last two
 * @vq: the queue; NULL once it has stopped: then who has waited frees this
 * @busy: it is being waited for
 * @failed: the last that was waited for was not to be had
 * @uaddr: where the last began; 0 if that is of no interest any more
 * @again: it was the last before, too; who waits has it
 * @place: where it is; who waits has it
 */
struct vpin_summon {
	struct vpin_blocking_item item;
	spinlock_t lock;
	struct vpin_vq *vq;
	bool busy;
	bool failed;
	unsigned long uaddr;
	bool again;
	struct vpin_place place;
};

/*
 * What is there need not be to be pinned: while requests in flight have as many
 * pages of the place as they may keep, the queue comes again until they have ended.
 */
static void vpin_summon_wait(struct vpin_blocking_item *item)
{
	struct vpin_summon *summon = container_of(item, struct vpin_summon, item);
	struct vpin_vq *vq;
	int ret;

	if (summon->again)
		schedule_timeout_uninterruptible(VPIN_SUMMON_AGAIN);
	ret = vpin_place_bring(&summon->place);
	spin_lock(&summon->lock);
	summon->failed = ret;
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
 * were brought; else nothing is absent, it is not mapped, or it was just waited for
 * and was not to be had.
 */
bool vpin_summon_begin(struct vpin_summon *summon, const struct vpin_snap *snap,
		       u64 gpa, u64 len, u32 perm)
{
	struct vpin_place place;
	bool busy, again, failed;

	if (!vpin_place_find(&place, snap, gpa, len, perm))
		return false;
	spin_lock(&summon->lock);
	busy = summon->busy;
	again = place.uaddr == summon->uaddr;
	failed = !busy && again && summon->failed;
	if (failed) {
		summon->uaddr = 0;
	} else if (!busy) {
		summon->busy = true;
		summon->uaddr = place.uaddr;
		summon->again = again;
		summon->place = place;
	}
	spin_unlock(&summon->lock);
	if (busy || failed)
		mmdrop(place.mm);
	else
		vpin_blocking_queue(summon->vq->dev->blocking, &summon->item);
	return !failed;
}

/* All of a chain is there: what is wanted next is wanted for the first time. */
void vpin_summon_done(struct vpin_summon *summon)
{
	spin_lock(&summon->lock);
	if (!summon->busy)
		summon->uaddr = 0;
	spin_unlock(&summon->lock);
}

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

/* Places of one chain that were not to be had; with more, nothing is waited for. */
#define VPIN_SUMMON_LACKS	4

/**
 * struct vpin_summon - what one queue waits for
 * @item: waits for it
 * @lock: guards all else
 * @vq: the queue; NULL if it waits for something else, or is gone: then who has
 *	waited frees this
 * @busy: it is to be waited for
 * @begun: it is being waited for
 * @wanted: the queue has asked for it, and not had all of its chain since
 * @failed: the last that was waited for was not to be had
 * @lacks: where those begin that were not to be had, of a chain
 * @nr_lacks: how many
 * @again: it was the last before, too
 * @first: where the last began
 * @end: and ended
 * @place: the same, for who waits and has yet to begin; else without a reference
 */
struct vpin_summon {
	struct vpin_blocking_item item;
	spinlock_t lock;
	struct vpin_vq *vq;
	bool busy;
	bool begun;
	bool wanted;
	bool failed;
	bool again;
	u8 nr_lacks;
	unsigned long lacks[VPIN_SUMMON_LACKS];
	unsigned long first;
	unsigned long end;
	struct vpin_place place;
};

/*
 * What is there need not be to be pinned: while requests in flight have as many
 * pages of the place as they may keep, the queue comes again until they have ended.
 */
static void vpin_summon_wait(struct vpin_blocking_item *item)
{
	struct vpin_summon *summon = container_of(item, struct vpin_summon, item);
	struct vpin_place place;
	struct vpin_vq *vq;
	bool again;
	int ret;

	spin_lock(&summon->lock);
	summon->begun = true;
	place = summon->place;
	summon->place.mm = NULL;
	again = summon->again;
	spin_unlock(&summon->lock);
	if (again)
		schedule_timeout_uninterruptible(VPIN_SUMMON_AGAIN);
	ret = vpin_place_bring(&place);
	spin_lock(&summon->lock);
	summon->failed = ret;
	summon->begun = false;
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

/* The queue waits for nothing of it any more. */
void vpin_summon_end(struct vpin_summon *summon)
{
	bool busy;

	if (!summon)
		return;
	spin_lock(&summon->lock);
	busy = summon->busy;
	summon->vq = NULL;
	/* Who has yet to begin has nothing to wait for. */
	summon->again = false;
	summon->place.nr = 0;
	spin_unlock(&summon->lock);
	if (!busy)
		kfree(summon);
}

/*
 * The summon to have a page brought with: another one if this brings others.  These
 * may never come, and be nobody's any more.  Without memory they are waited for.
 */
static struct vpin_summon *vpin_summon_for(struct vpin_summon **at,
					   unsigned long uaddr)
{
	struct vpin_summon *summon = *at;
	bool others;

	spin_lock(&summon->lock);
	others = summon->begun && (uaddr < summon->first || uaddr >= summon->end);
	spin_unlock(&summon->lock);
	if (!others)
		return summon;
	summon = vpin_summon_create(summon->vq);
	if (!summon)
		return *at;
	vpin_summon_end(*at);
	*at = summon;
	return summon;
}

/* Whether a place is known not to be had, for the chain that wants it. */
static bool vpin_summon_lacks(const struct vpin_summon *summon,
			      unsigned long uaddr)
{
	unsigned int i;

	for (i = 0; i < summon->nr_lacks; i++) {
		if (summon->lacks[i] == uaddr)
			return true;
	}
	return summon->nr_lacks == VPIN_SUMMON_LACKS;
}

/**
 * vpin_summon_begin - has what is absent of guest memory brought
 * @at: the queue's summon; out: it may be another one
 * @snap: its address space
 * @gpa: first GPA of a stretch
 * @len: its bytes; the first of them that are absent are brought
 * @perm: VPIN_PERM_* that the access needs
 *
 * Return: whether the queue runs again when they were brought; else nothing is
 * absent, it is not mapped, or it was waited for and was not to be had.
 */
bool vpin_summon_begin(struct vpin_summon **at, const struct vpin_snap *snap,
		       u64 gpa, u64 len, u32 perm)
{
	struct vpin_summon *summon;
	struct vpin_place place;
	bool busy, again, failed;

	if (!vpin_place_find(&place, snap, gpa, len, perm))
		return false;
	summon = vpin_summon_for(at, place.uaddr);
	spin_lock(&summon->lock);
	busy = summon->busy;
	again = summon->wanted && place.uaddr == summon->first;
	if (!busy && again && summon->failed && !vpin_summon_lacks(summon, place.uaddr))
		summon->lacks[summon->nr_lacks++] = place.uaddr;
	failed = vpin_summon_lacks(summon, place.uaddr);
	if (!failed)
		summon->wanted = true;
	if (!failed && !summon->begun) {
		summon->again = again && !busy;
		summon->first = place.uaddr;
		summon->end = place.uaddr + (place.nr << PAGE_SHIFT);
		/* What is not begun is for this now. */
		swap(summon->place, place);
		summon->busy = true;
	}
	spin_unlock(&summon->lock);
	if (place.mm)
		mmdrop(place.mm);
	if (!busy && !failed)
		vpin_blocking_queue(summon->vq->dev->summons, &summon->item);
	return !failed;
}

/* No more is brought of a chain: what is wanted next is wanted for the first time. */
void vpin_summon_done(struct vpin_summon *summon)
{
	spin_lock(&summon->lock);
	summon->wanted = false;
	summon->nr_lacks = 0;
	spin_unlock(&summon->lock);
}

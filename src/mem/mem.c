// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space: its owner, its published snapshot and its open batch.
 */
#include <linux/err.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <vpin/mem.h>
#include "track.h"

/**
 * vpin_mem_init - an address space without an owner and without a range
 * @mem: the address space
 *
 * Return: 0 or -ENOMEM.
 */
int vpin_mem_init(struct vpin_mem *mem)
{
	struct vpin_snap *snap = vpin_snap_empty();

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	mem->watch = vpin_watch_create(mem);
	if (!mem->watch) {
		vpin_snap_put(snap);
		return -ENOMEM;
	}
	mutex_init(&mem->lock);
	mem->ops = NULL;
	mem->lazy = false;
	mem->mm = NULL;
	mem->snap = snap;
	mem->batch = NULL;
	mem->bereft = false;
	mem->lost = false;
	return 0;
}

/**
 * vpin_mem_bind - makes the caller the owner: whose memory is mapped, and who
 * is charged
 * @mem: the address space
 *
 * Return: 0, or -EBUSY if it has an owner.
 */
int vpin_mem_bind(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	if (mem->mm) {
		ret = -EBUSY;
	} else {
		/* Not mm_users: that would keep a dying owner's memory. */
		mem->mm = current->mm;
		mmgrab(mem->mm);
	}
	mutex_unlock(&mem->lock);
	return ret;
}

bool vpin_mem_owned(const struct vpin_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	return mem->mm && mem->mm == current->mm;
}

/**
 * vpin_mem_is_owner - whether the caller may change the address space
 * @mem: the address space
 *
 * A process that merely inherited the file may not: its addresses mean
 * something else.
 */
bool vpin_mem_is_owner(struct vpin_mem *mem)
{
	bool ret;

	mutex_lock(&mem->lock);
	ret = vpin_mem_owned(mem);
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_is_going - whether the caller can pin none of the owner's memory any
 * more, since the one or the other is being killed
 * @mem: the address space, which has an owner
 */
bool vpin_mem_is_going(const struct vpin_mem *mem)
{
	return vpin_mm_is_going(mem->mm);
}

/**
 * vpin_mem_publish - makes a snapshot the one that readers get
 * @mem: the address space, locked
 * @next: the snapshot; its reference goes to the address space, or is dropped
 *
 * Return: 0, or what the one who follows says: then all is as before.
 */
int vpin_mem_publish(struct vpin_mem *mem, struct vpin_snap *next)
{
	struct vpin_snap *old = mem->snap;
	int ret;

	lockdep_assert_held(&mem->lock);
	if (mem->ops) {
		ret = mem->ops->prepare(mem, next);
		if (ret) {
			vpin_snap_put(next);
			return ret;
		}
	}
	mem->snap = next;
	if (mem->ops)
		mem->ops->commit(mem);
	vpin_snap_put(old);
	return 0;
}

/**
 * vpin_mem_pin - pins what a range is to be
 * @mem: the address space, locked
 * @range: the range; out: its pin, with a reference for the caller, and @perm
 * @uaddr: the caller's address of it
 * @perm: VPIN_PERM_*
 *
 * Return: 0 or vpin_pin_create()'s: @range is unchanged then.
 */
int vpin_mem_pin(struct vpin_mem *mem, struct vpin_range *range, u64 uaddr,
		 u32 perm)
{
	struct vpin_pin *pin;

	lockdep_assert_held(&mem->lock);
	pin = vpin_pin_create(mem->mm, uaddr, range->last - range->first + 1,
			      perm & VPIN_PERM_WRITE, mem->watch, mem->lazy);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	range->pin = pin;
	range->perm = perm;
	return 0;
}

/*
 * Maps @range at once.  It has its place in the next snapshot before it is
 * pinned, as one that failed: afterwards nothing but to see it can fail.
 */
static int vpin_mem_map_now(struct vpin_mem *mem, struct vpin_range *range,
			    u64 uaddr)
{
	struct vpin_snap *next, *cleaned = NULL;
	u32 perm = range->perm;
	int ret, published;

	if (vpin_snap_overlaps(mem->snap, range->first, range->last))
		return -EEXIST;
	if (mem->snap->nr_failed) {
		cleaned = vpin_snap_remove(mem->snap, range->first, range->last,
					   true);
		if (IS_ERR(cleaned))
			return PTR_ERR(cleaned);
	}
	range->perm = 0;
	next = vpin_snap_insert(cleaned ?: mem->snap, range);
	vpin_snap_put(cleaned);
	if (IS_ERR(next))
		return PTR_ERR(next);

	ret = vpin_mem_pin(mem, range, uaddr, perm);
	/* He comes again: until then nothing has changed. */
	if (ret == -EINTR) {
		vpin_snap_put(next);
		return ret;
	}
	if (!ret)
		vpin_snap_fill(next, range);
	vpin_pin_put(range->pin);
	published = vpin_mem_publish(mem, next);
	return published ?: ret;
}

/* Whether a range that begins at @gpa is there, mapped or failed. */
static bool vpin_mem_has(struct vpin_mem *mem, u64 gpa)
{
	u32 i = vpin_snap_search(mem->snap, gpa);

	if (mem->batch)
		return vpin_batch_has(mem, gpa);
	return i < mem->snap->nr && mem->snap->ranges[i].first == gpa;
}

/* Remembers what no snapshot does; what is repaired is forgotten. */
static void vpin_mem_note(struct vpin_mem *mem, u64 first, u64 last, bool lost)
{
	if (lost) {
		mem->lost_first = mem->lost ? min(mem->lost_first, first) : first;
		mem->lost_last = mem->lost ? max(mem->lost_last, last) : last;
		mem->lost = true;
	} else if (first <= mem->lost_first && last >= mem->lost_last) {
		mem->lost = false;
	}
}

/**
 * vpin_mem_map - pins a piece of the owner's memory and maps it
 * @mem: the address space
 * @gpa: first GPA, any alignment
 * @size: bytes, not 0
 * @uaddr: the caller's address of it, any alignment
 * @perm: VPIN_PERM_*, at least one
 *
 * What is wrong with the arguments is found before anything is pinned.  A piece
 * that then cannot be mapped is remembered as failed, so that the device can
 * refuse to start on a memory with a hole: see vpin_mem_has_holes().  A later
 * map or unmap of the same addresses repairs it.
 *
 * Return: 0, or
 *  -EPERM	the caller is not the owner, or there is none
 *  -EINVAL	size or permission is 0, or the piece wraps
 *  -EEXIST	it overlaps a mapped range
 *  -ENOSPC	too many ranges
 *  and vpin_pin_create()'s and those of the one who follows.
 */
int vpin_mem_map(struct vpin_mem *mem, u64 gpa, u64 size, u64 uaddr, u32 perm)
{
	struct vpin_range range = {
		.first = gpa,
		.last = gpa + (size - 1),
		.offset = uaddr % VPIN_CHUNK_SIZE,
		.perm = perm,
	};
	int ret = -EPERM;

	if (!size || range.last < gpa || !perm ||
	    perm & ~(VPIN_PERM_READ | VPIN_PERM_WRITE))
		return -EINVAL;

	mutex_lock(&mem->lock);
	if (vpin_mem_owned(mem)) {
		ret = mem->batch ? vpin_batch_map(mem, &range, uaddr) :
				   vpin_mem_map_now(mem, &range, uaddr);
		if (ret != -EEXIST && ret != -EINTR)
			vpin_mem_note(mem, range.first, range.last,
				      !vpin_mem_has(mem, range.first));
	}
	mutex_unlock(&mem->lock);
	return ret;
}

static int vpin_mem_unmap_now(struct vpin_mem *mem, u64 first, u64 last)
{
	struct vpin_snap *next = vpin_snap_remove(mem->snap, first, last, false);

	return IS_ERR(next) ? PTR_ERR(next) : vpin_mem_publish(mem, next);
}

/**
 * vpin_mem_unmap - unmaps every range that a stretch touches, whole
 * @mem: the address space
 * @gpa: first GPA
 * @size: bytes; 0 touches nothing
 *
 * Outside of a batch no new access goes through what was unmapped when it
 * returns.  What a backend is transferring keeps its pages until it is through.
 *
 * Return: 0, also where nothing was mapped; -EPERM if the caller is not the
 * owner; -EINVAL if the stretch wraps; -ENOMEM and those of the one who follows:
 * nothing is unmapped then.
 */
int vpin_mem_unmap(struct vpin_mem *mem, u64 gpa, u64 size)
{
	u64 last = gpa + (size - 1);
	int ret = 0;

	if (size && last < gpa)
		return -EINVAL;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem)) {
		ret = -EPERM;
	} else if (size) {
		if (mem->batch)
			vpin_batch_unmap(mem, gpa, last);
		else
			ret = vpin_mem_unmap_now(mem, gpa, last);
		if (!ret)
			vpin_mem_note(mem, gpa, last, false);
	}
	mutex_unlock(&mem->lock);
	return ret;
}

/* The snapshot without the ranges that failed. */
static int vpin_mem_forgive_now(struct vpin_mem *mem)
{
	struct vpin_snap *old = vpin_snap_get(mem->snap);
	struct vpin_snap *next = vpin_snap_remove(old, 0, U64_MAX, true);
	int ret = IS_ERR(next) ? PTR_ERR(next) : vpin_mem_publish(mem, next);

	if (!ret && mem->batch)
		vpin_batch_forgiven(mem, old);
	vpin_snap_put(old);
	return ret;
}

/**
 * vpin_mem_forgive - forgets the maps that failed, also those of an open batch
 * @mem: the address space
 *
 * Return: 0 or -ENOMEM.
 */
int vpin_mem_forgive(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	mem->lost = false;
	if (mem->batch)
		vpin_batch_forgive(mem);
	if (mem->snap->nr_failed)
		ret = vpin_mem_forgive_now(mem);
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_has_holes - whether maps failed and were not repaired
 * @mem: the address space
 *
 * What fails in a batch counts when the batch has ended, but for what could not
 * even be remembered.
 *
 * Return: whether some did.
 */
bool vpin_mem_has_holes(struct vpin_mem *mem)
{
	bool ret;

	mutex_lock(&mem->lock);
	ret = mem->snap->nr_failed || mem->lost;
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_snap - the published snapshot
 * @mem: the address space
 *
 * Return: a reference, for the caller to put.
 */
struct vpin_snap *vpin_mem_snap(struct vpin_mem *mem)
{
	struct vpin_snap *snap;

	mutex_lock(&mem->lock);
	snap = vpin_snap_get(mem->snap);
	mutex_unlock(&mem->lock);
	return snap;
}

/**
 * vpin_mem_fini - drops everything
 * @mem: the address space; no one may change it any more
 *
 * Pages that a reader's snapshot still holds stay pinned until it is dropped.
 */
void vpin_mem_fini(struct vpin_mem *mem)
{
	vpin_mem_unfollow(mem);
	vpin_batch_free(mem);
	vpin_snap_put(mem->snap);
	vpin_watch_put(mem->watch);
	if (mem->mm)
		mmdrop(mem->mm);
	mutex_destroy(&mem->lock);
}

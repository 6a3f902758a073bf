// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places where guest memory is absent, for who may wait until it is there: what an
 * owner has in a file or on swap, or somebody else gives him (userfaultfd), may
 * take its time, or never come.
 */
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <vpin/compat.h>
#include "track.h"

/**
 * vpin_place_find - finds the first absent page of a stretch of guest memory
 * @place: out: where it is
 * @snap: the address space
 * @gpa: first GPA of the stretch
 * @len: bytes
 * @perm: VPIN_PERM_* that the access needs
 *
 * Return: whether there is one, and all before it is mapped with @perm.
 */
bool vpin_place_find(struct vpin_place *place, const struct vpin_snap *snap,
		     u64 gpa, u64 len, u32 perm)
{
	u64 before, n;

	for (; len; gpa += n, len -= n) {
		u32 i = vpin_snap_search(snap, gpa);
		const struct vpin_range *range = &snap->ranges[i];
		u64 offset, size;

		if (i == snap->nr || gpa < range->first ||
		    (range->perm & perm) != perm)
			return false;
		offset = range->offset + (gpa - range->first);
		size = min(len - 1, range->last - gpa) + 1;
		if (!vpin_pin_around(range->pin, offset, size, &before, &n)) {
			place->mm = range->pin->mm;
			mmgrab(place->mm);
			place->uaddr = range->pin->track->base +
				       round_down(offset, PAGE_SIZE);
			place->nr = DIV_ROUND_UP(offset_in_page(offset) + size,
						 PAGE_SIZE);
			place->writable = range->pin->writable;
			return true;
		}
		n = min(n, size);
	}
	return false;
}

/**
 * vpin_place_bring - has the pages of a place faulted in
 * @place: the place; its reference is dropped
 *
 * They are there afterwards, as who pins them for long wants them, and are his to
 * pin; they may be gone again.
 *
 * Context: sleeps as long as a page fault of the owner's, whom it keeps from
 * ending: his threads end, his memory does not.
 * Return: 0; -ESRCH if the owner has ended; -EFAULT if one is not to be had.
 */
int vpin_place_bring(struct vpin_place *place)
{
	struct page *pages[VPIN_FILL_MAX];
	long got = 1;
	int ret = -ESRCH;

	if (mmget_not_zero(place->mm)) {
		for (; place->nr && got > 0; place->nr -= got) {
			got = vpin_pin_user_pages(place->mm, place->uaddr,
						  min(place->nr, VPIN_FILL_MAX),
						  place->writable, false, pages);
			if (got <= 0)
				break;
			unpin_user_pages(pages, got);
			place->uaddr += got << PAGE_SHIFT;
			cond_resched();
		}
		ret = place->nr ? -EFAULT : 0;
		mmput_async(place->mm);
	}
	mmdrop(place->mm);
	return ret;
}

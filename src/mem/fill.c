// SPDX-License-Identifier: GPL-2.0-only
/*
 * Absent pages are pinned when they are accessed: those that their owner took out
 * of his mapping, and, where he does not want to wait for all of them when he maps
 * his memory, those that nobody has accessed yet.
 */
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <vpin/compat.h>
#include <vpin/trace.h>
#include "track.h"

static void vpin_fill_begin(struct vpin_fill *fill, struct vpin_track *track)
{
	fill->changed = false;
	spin_lock(&track->watch->lock);
	list_add(&fill->node, &track->fills);
	spin_unlock(&track->watch->lock);
	mmu_interval_read_begin(&track->notifier);
}

static void vpin_watch_repinned(struct vpin_watch *watch, u64 uaddr,
				unsigned long nr)
{
	atomic_long_add(nr, &watch->nr_pinned);
	atomic_long_add(nr, &watch->nr_repins);
	trace_vpin_repin(watch->dev, uaddr, nr);
}

/*
 * What was pinned in time is there; what was not, or what another one was faster
 * with, is unpinned.
 */
static void vpin_fill_end(struct vpin_fill *fill, struct vpin_pin *pin,
			  u64 offset, struct page **pages, long nr,
			  void ***room)
{
	struct vpin_track *track = pin->track;
	long i, added = 0;

	spin_lock(&track->watch->lock);
	list_del(&fill->node);
	for (i = 0; i < nr && !fill->changed; i++) {
		if (vpin_pin_add(pin, offset + (i << PAGE_SHIFT),
				 page_address(pages[i]), room)) {
			atomic_long_dec(&track->nr_absent);
			pages[i] = NULL;
			added++;
		}
	}
	spin_unlock(&track->watch->lock);
	if (added)
		vpin_watch_repinned(track->watch, fill->first, added);
	for (i = 0; i < nr; i++) {
		if (pages[i])
			unpin_user_page(pages[i]);
	}
}

/* How many of the @nr pages from @offset on are absent, one after the other. */
static unsigned long vpin_pin_count_absent(const struct vpin_pin *pin,
					   u64 offset, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		if (!vpin_pin_is_absent(pin, offset + (i << PAGE_SHIFT)))
			break;
	}
	return i;
}

/* Pins @nr absent pages of a chunk from @offset on, or fewer. */
static int vpin_pin_fill_pages(struct vpin_pin *pin, u64 offset,
			       unsigned long nr, bool now, void ***room)
{
	struct page *pages[VPIN_FILL_MAX];
	struct vpin_track *track = pin->track;
	struct vpin_fill fill = {
		.first = track->base + offset,
		.last = track->base + offset + (nr << PAGE_SHIFT) - 1,
	};
	long got;

	do {
		vpin_fill_begin(&fill, track);
		got = vpin_pin_user_pages(pin->mm, fill.first, nr, pin->writable,
					  now, pages);
		vpin_fill_end(&fill, pin, offset, pages, got, room);
		if (got <= 0)
			return -EFAULT;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (fill.changed);
	return 0;
}

/**
 * vpin_pin_fill - pins what is mapped where pages are absent
 * @pin: the pin
 * @offset: of a byte whose page is absent, from the start of chunk 0
 * @len: bytes that are wanted from there on
 * @now: only what need not be waited for; who works for others waits for none,
 *	since he cannot be killed
 *
 * A pin may have lost as many pages as it has, until its readers are through
 * with them; then nothing more is pinned for it.
 *
 * Context: may sleep; and unless it is to be @now, as long as a page fault of the
 * owner's may.
 * Return: whether there is a page now; it may be gone again.
 */
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len, bool now)
{
	u64 end = (u64)(pin->skip + pin->nr_pages) << PAGE_SHIFT;
	struct vpin_track *track = pin->track;
	unsigned long nr;
	void **room;
	int ret;

	if (!track || atomic_long_read(&track->nr_lost) >= (long)pin->nr_pages)
		return false;
	end = min(end, round_down(offset, VPIN_CHUNK_SIZE) + VPIN_CHUNK_SIZE);
	end = min(end, offset + len);
	offset = round_down(offset, PAGE_SIZE);
	nr = min(VPIN_FILL_MAX, DIV_ROUND_UP(end - offset, PAGE_SIZE));
	nr = vpin_pin_count_absent(pin, offset, nr);
	/* Somebody else was faster. */
	if (!nr)
		return true;
	room = vpin_pin_make_room(pin, offset);
	if (!room)
		return false;
	if (!mmget_not_zero(pin->mm)) {
		kvfree(room);
		return false;
	}
	ret = vpin_pin_fill_pages(pin, offset, nr,
				  now || current->flags & PF_WQ_WORKER, &room);
	mmput_async(pin->mm);
	kvfree(room);
	return !ret;
}

/*
 * Whether all of [@first, @end) is mapped as memory of pages.  Huge pages that are
 * there take no time, and are worth to be known as such.
 */
static bool vpin_fill_can_wait(struct mm_struct *mm, unsigned long first,
			       unsigned long end, bool writable)
{
	unsigned long wanted = writable ? VM_WRITE : VM_READ;
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(mm))
		return false;
	for (; first < end; first = vma->vm_end) {
		vma = vma_lookup(mm, first);
		if (!vma || is_vm_hugetlb_page(vma) ||
		    (vma->vm_flags & (wanted | VM_IO | VM_PFNMAP)) != wanted)
			break;
	}
	mmap_read_unlock(mm);
	return first >= end;
}

/**
 * vpin_pin_defer - leaves the pages of a new pin to who accesses them
 * @pin: the pin; none of its pages is known
 * @uaddr: where it is, the start of a page
 *
 * The first page is pinned, to see that it can be.
 *
 * Return: 0; -EAGAIN if its pages have to be pinned at once, since nobody follows
 * their owner or they are not like others; -EFAULT if they cannot be pinned;
 * -EINTR if killed.
 */
int vpin_pin_defer(struct vpin_pin *pin, u64 uaddr)
{
	u64 end = uaddr + ((u64)pin->nr_pages << PAGE_SHIFT);

	if (!pin->track ||
	    !vpin_fill_can_wait(pin->mm, uaddr, end, pin->writable))
		return -EAGAIN;
	WRITE_ONCE(pin->track->watch->absent, true);
	vpin_pin_empty(pin);
	atomic_long_set(&pin->track->nr_absent, pin->nr_pages);
	if (vpin_pin_fill(pin, (u64)pin->skip << PAGE_SHIFT, 1, false))
		return 0;
	return fatal_signal_pending(current) ? -EINTR : -EFAULT;
}

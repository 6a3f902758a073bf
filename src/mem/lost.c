// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pins have lost, and their successors.
 *
 * A page that a pin has lost stays pinned for as long as the pin, or an older
 * one, has a reader.  It is charged once more for that time, since its place may
 * have a new one already that is pinned, too.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include "track.h"

/**
 * struct vpin_lost - pages of a chunk that a pin has lost at one time
 * @next: what it lost before
 * @chunk: the chunk's index
 * @places: which of the chunk's pages that are the pin's, for each of @pages
 * @nr: length of @pages
 * @pages: the pages
 */
struct vpin_lost {
	struct vpin_lost *next;
	unsigned long chunk;
	u16 *places;
	unsigned long nr;
	struct page *pages[] __counted_by(nr);
};

/**
 * vpin_pin_lose - a pin loses pages of a chunk
 * @pin: the newest pin of its piece
 * @i: the chunk's index
 * @kept: as vpin_pin_drop()'s
 * @gone: as vpin_pin_drop()'s
 * @nr_gone: how many there are in @gone, not 0
 *
 * Return: 0, or -ENOMEM: nothing has changed then.
 */
int vpin_pin_lose(struct vpin_pin *pin, unsigned long i, void *const *kept,
		  void *const *gone, unsigned long nr_gone)
{
	unsigned long nr = vpin_chunk_nr(pin, i), page, n = 0;
	struct vpin_lost *lost;

	lost = kvmalloc(size_add(struct_size(lost, pages, nr_gone),
				 nr_gone * sizeof(*lost->places)),
			GFP_KERNEL_ACCOUNT);
	if (!lost)
		return -ENOMEM;
	lost->nr = nr_gone;
	lost->chunk = i;
	lost->places = (u16 *)(lost->pages + nr_gone);
	WRITE_ONCE(pin->track->watch->absent, true);
	for (page = 0; page < nr; page++) {
		if (gone[page]) {
			lost->places[n] = page;
			lost->pages[n++] = virt_to_page(gone[page]);
		}
	}
	if (vpin_pin_drop(pin, i, kept, gone)) {
		kvfree(lost);
		return -ENOMEM;
	}
	spin_lock(&pin->track->watch->lock);
	lost->next = pin->lost;
	pin->lost = lost;
	spin_unlock(&pin->track->watch->lock);
	atomic_long_add(nr_gone, &pin->track->nr_absent);
	atomic_long_add(nr_gone, &pin->track->nr_lost);
	atomic64_add(nr_gone, &pin->mm->pinned_vm);
	return 0;
}

/* The page at @place of chunk @i that @pin was the first to lose, or NULL. */
static struct page *vpin_lost_find(const struct vpin_pin *pin, unsigned long i,
				   unsigned int place)
{
	const struct vpin_lost *lost;
	struct page *page = NULL;
	unsigned long n;

	for (lost = pin->lost; lost; lost = lost->next) {
		for (n = 0; lost->chunk == i && n < lost->nr; n++) {
			if (lost->places[n] == place)
				page = lost->pages[n];
		}
	}
	return page;
}

/**
 * vpin_pin_recall - finds a page that its owner cannot give any more
 * @pin: a pin that the caller has held since before the page was lost
 * @offset: of a byte of it, from the start of chunk 0
 *
 * What is under way when its owner is killed ends in the pages that it began with.
 *
 * Return: the byte's kernel address, valid as long as @pin is held; NULL if the owner
 * is well, or the page was not lost.
 */
void *vpin_pin_recall(const struct vpin_pin *pin, u64 offset)
{
	unsigned long i = offset / VPIN_CHUNK_SIZE;
	unsigned int place = (offset % VPIN_CHUNK_SIZE) >> PAGE_SHIFT;
	const struct vpin_track *track = pin->track;
	struct page *page = NULL;

	if (!track || !vpin_mm_is_going(pin->mm))
		return NULL;
	if (!i)
		place -= pin->skip;
	spin_lock(&track->watch->lock);
	for (; pin && !page; pin = pin->next)
		page = vpin_lost_find(pin, i, place);
	spin_unlock(&track->watch->lock);
	return page ? page_address(page) + offset_in_page(offset) : NULL;
}

/* Unpins what a pin has lost: neither it nor an older one has a reader. */
void vpin_pin_unpin_lost(struct vpin_pin *pin)
{
	struct vpin_lost *lost;

	while ((lost = pin->lost)) {
		pin->lost = lost->next;
		unpin_user_pages_dirty_lock(lost->pages, lost->nr,
					    pin->writable);
		atomic_long_sub(lost->nr, &pin->track->nr_lost);
		atomic_long_sub(lost->nr, &pin->watch->nr_pinned);
		atomic64_sub(lost->nr, &pin->mm->pinned_vm);
		kvfree(lost);
		cond_resched();
	}
}

static struct vpin_pin *vpin_pin_succeed(struct vpin_pin *pin)
{
	struct vpin_pin *next = kvmalloc(sizeof(*next), GFP_KERNEL_ACCOUNT);

	if (!next)
		return NULL;
	*next = *pin;
	refcount_set(&next->ref, 1);
	next->lost = NULL;
	spin_lock(&pin->track->watch->lock);
	pin->next = next;
	pin->track->newest = next;
	spin_unlock(&pin->track->watch->lock);
	return next;
}

/**
 * vpin_pin_newest - the pin that lost nothing, of a piece
 * @pin: any pin of it that has a reference; the address space is locked
 *
 * Return: the pin, @pin itself or a successor, with a reference for the caller;
 * NULL without memory.
 */
struct vpin_pin *vpin_pin_newest(struct vpin_pin *pin)
{
	while (pin->lost) {
		if (!pin->next && !vpin_pin_succeed(pin))
			return NULL;
		pin = pin->next;
	}
	refcount_inc(&pin->ref);
	return pin;
}

/* How many pages of a piece are pinned, but for those that were lost. */
unsigned long vpin_pin_nr_pinned(const struct vpin_pin *pin)
{
	return pin->nr_pages -
	       (pin->track ? atomic_long_read(&pin->track->nr_absent) : 0);
}

#ifndef CONFIG_MMU_NOTIFIER
/* Nobody follows, and nothing is ever absent. */
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len, bool now)
{
	return false;
}
#endif

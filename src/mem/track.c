// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracks: told what an owner does to his mapping, looking at what he has mapped,
 * and pinning what was absent when it is accessed.
 *
 * The truth is the owner's page table.  So nothing depends on what a change was:
 * whatever touches a chunk has it looked at, and a page that only seemed to be
 * gone is pinned again when it is next accessed.
 *
 * One rule makes it right: who looks, or pins, does so after all changes that
 * were told before it began have happened (mmu_interval_read_begin() waits for
 * them).  What is told later is a change of its own.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <vpin/compat.h>
#include <vpin/trace.h>
#include "track.h"

/* Pages that are pinned at a time when they are accessed. */
#define VPIN_FILL_MAX	16UL

/* Changes of more pages are not asked whether any of them is pinned. */
#define VPIN_MARK_MAX	(2 * VPIN_CHUNK_PAGES)

/**
 * struct vpin_fill - absent pages that are being pinned
 * @node: in the track's list
 * @first: first user address
 * @last: last user address, inclusive
 * @changed: the owner changed his mapping there meanwhile
 */
struct vpin_fill {
	struct list_head node;
	unsigned long first;
	unsigned long last;
	bool changed;
};

/* Where what is mapped may not be what is pinned, if @event happens there. */
static bool vpin_track_takes_away(enum mmu_notifier_event event)
{
	/*
	 * A change of permissions leaves the pages, and so does the end of the
	 * process.  Migration, and exclusive access for another device, give up
	 * on a page that is pinned.
	 */
	return event == MMU_NOTIFY_UNMAP || event == MMU_NOTIFY_CLEAR;
}

/*
 * Whether something in [@first, @last] may be pinned.  What came back to the
 * guest and no request has used yet may go again as often as it likes.
 */
static bool vpin_track_has(const struct vpin_track *track, unsigned long first,
			   unsigned long last)
{
	lockdep_assert_held(&track->watch->lock);
	if ((last - first) >> PAGE_SHIFT >= VPIN_MARK_MAX)
		return true;
	for (first &= PAGE_MASK; first <= last; first += PAGE_SIZE) {
		if (!vpin_pin_is_absent(track->newest, first - track->base))
			return true;
	}
	return false;
}

/* Marks the chunks that [@first, @last] touches, and has them looked at. */
static void vpin_track_mark(struct vpin_track *track, unsigned long first,
			    unsigned long last)
{
	struct vpin_watch *watch = track->watch;
	struct vpin_fill *fill;

	lockdep_assert_held(&watch->lock);
	list_for_each_entry(fill, &track->fills, node) {
		if (first <= fill->last && last >= fill->first)
			fill->changed = true;
	}
	if (!vpin_track_has(track, first, last))
		return;
	first = (first - track->base) / VPIN_CHUNK_SIZE;
	last = (last - track->base) / VPIN_CHUNK_SIZE;
	bitmap_set(track->marked, first, last - first + 1);
	if (list_empty(&track->node))
		list_add_tail(&track->node, &watch->marked);
	WRITE_ONCE(watch->changes, watch->changes + 1);
	if (watch->behind)
		return;
	WRITE_ONCE(watch->behind, true);
	if (watch->mem && watch->mem->ops && watch->mem->ops->behind)
		watch->mem->ops->behind(watch->mem);
}

/* Before the owner's mapping changes. */
static bool vpin_track_invalidate(struct mmu_interval_notifier *notifier,
				  const struct mmu_notifier_range *range,
				  unsigned long seq)
{
	struct vpin_track *track =
		container_of(notifier, struct vpin_track, notifier);
	const struct interval_tree_node *ours = &notifier->interval_tree;

	spin_lock(&track->watch->lock);
	mmu_interval_set_seq(notifier, seq);
	if (vpin_track_takes_away(range->event))
		vpin_track_mark(track, max(range->start, ours->start),
				min(range->end - 1, ours->last));
	spin_unlock(&track->watch->lock);
	return true;
}

static const struct mmu_interval_notifier_ops vpin_track_ops = {
	.invalidate = vpin_track_invalidate,
};

/**
 * vpin_track_start - follows the owner of a pin that has no page yet
 * @pin: the pin
 * @uaddr: where it is; who wants to know is the pin's watch
 *
 * What changes from now on is marked.
 *
 * Return: 0; -ENOMEM.
 */
int vpin_track_start(struct vpin_pin *pin, u64 uaddr)
{
	struct vpin_track *track;
	int ret;

	track = kvzalloc(struct_size(track, marked,
				     BITS_TO_LONGS(pin->nr_chunks)),
			 GFP_KERNEL_ACCOUNT);
	if (!track)
		return -ENOMEM;
	uaddr &= PAGE_MASK;
	track->watch = pin->watch;
	track->newest = pin;
	track->base = uaddr - ((unsigned long)pin->skip << PAGE_SHIFT);
	INIT_LIST_HEAD(&track->node);
	INIT_LIST_HEAD(&track->fills);
	ret = mmu_interval_notifier_insert(&track->notifier, pin->mm, uaddr,
					   pin->nr_pages << PAGE_SHIFT,
					   &vpin_track_ops);
	if (ret) {
		kvfree(track);
		return ret;
	}
	/* Changes that are under way are not told: until they have happened. */
	mmu_interval_read_begin(&track->notifier);
	pin->track = track;
	return 0;
}

/* Nothing of the pin's piece is pinned any more.  May sleep. */
void vpin_track_end(struct vpin_track *track)
{
	struct vpin_watch *watch = track->watch;

	/* It waits for changes that are under way. */
	mmu_interval_notifier_remove(&track->notifier);
	spin_lock(&watch->lock);
	list_del(&track->node);
	spin_unlock(&watch->lock);
	kvfree(track);
}

/**
 * struct vpin_look - what is seen of a chunk
 * @kept: where its pages are; without those that are gone
 * @gone: where those are that are gone
 * @now: what is mapped
 */
struct vpin_look {
	void *kept[VPIN_CHUNK_PAGES];
	void *gone[VPIN_CHUNK_PAGES];
	struct page *now[VPIN_CHUNK_PAGES];
};

/* Compares @nr pages with what is mapped at @uaddr.  Return: how many are gone. */
static unsigned long vpin_look_compare(struct vpin_look *look,
				       struct mm_struct *mm,
				       unsigned long uaddr, unsigned long nr)
{
	unsigned long page, n, gone = 0;
	long got;

	memset(look->gone, 0, sizeof(look->gone));
	mmap_read_lock(mm);
	for (page = 0; page < nr; page += n) {
		n = 0;
		while (page + n < nr && look->kept[page + n])
			n++;
		if (!n) {
			n = 1;
			continue;
		}
		got = vpin_get_mapped_pages(mm, uaddr + (page << PAGE_SHIFT), n,
					    look->now + page);
		if (got <= 0) {
			n = 1;
			look->now[page] = NULL;
		} else {
			n = got;
		}
		for (; n; n--, page++) {
			if (look->now[page])
				put_page(look->now[page]);
			/* What is pinned is nothing else meanwhile. */
			if (look->now[page] == virt_to_page(look->kept[page]))
				continue;
			swap(look->gone[page], look->kept[page]);
			gone++;
		}
	}
	mmap_read_unlock(mm);
	return gone;
}

/* Looks at chunk @i.  Return: 0 or -ENOMEM. */
static int vpin_track_look_at(struct vpin_track *track, struct vpin_pin *pin,
			      unsigned long i, struct vpin_look *look,
			      bool *bereft)
{
	unsigned long uaddr = track->base + i * VPIN_CHUNK_SIZE, nr_gone;
	int ret;

	if (!vpin_pin_get_chunk(pin, i, look->kept))
		return 0;
	if (!i)
		uaddr += (unsigned long)pin->skip << PAGE_SHIFT;
	/* What was told before the mark was taken has happened. */
	mmu_interval_read_begin(&track->notifier);
	nr_gone = vpin_look_compare(look, pin->mm, uaddr, vpin_chunk_nr(pin, i));
	if (!nr_gone)
		return 0;
	ret = vpin_pin_lose(pin, i, look->kept, look->gone, nr_gone);
	if (ret)
		return ret;
	trace_vpin_lose(track->watch->dev, uaddr, vpin_chunk_nr(pin, i), nr_gone);
	*bereft = true;
	return 0;
}

/* Takes the mark of a chunk from @i on.  Return: which; beyond them, none. */
static unsigned long vpin_track_take_mark(struct vpin_track *track,
					  const struct vpin_pin *pin,
					  unsigned long i)
{
	spin_lock(&track->watch->lock);
	i = find_next_bit(track->marked, pin->nr_chunks, i);
	if (i < pin->nr_chunks)
		__clear_bit(i, track->marked);
	spin_unlock(&track->watch->lock);
	return i;
}

/* Marks a chunk again that could not be looked at. */
static void vpin_track_put_mark(struct vpin_track *track, unsigned long i)
{
	spin_lock(&track->watch->lock);
	__set_bit(i, track->marked);
	if (list_empty(&track->node))
		list_add_tail(&track->node, &track->watch->marked);
	spin_unlock(&track->watch->lock);
}

static int vpin_track_look(struct vpin_track *track, struct vpin_pin *pin,
			   struct vpin_look *look, bool *bereft)
{
	unsigned long i = 0;
	int ret;

	while ((i = vpin_track_take_mark(track, pin, i)) < pin->nr_chunks) {
		ret = vpin_track_look_at(track, pin, i, look, bereft);
		if (ret) {
			vpin_track_put_mark(track, i);
			return ret;
		}
		i++;
		cond_resched();
	}
	return 0;
}

/* The next of @tracks that still has a pin, with a reference on it, or NULL. */
static struct vpin_pin *vpin_watch_next(struct vpin_watch *watch,
					struct list_head *tracks)
{
	struct vpin_pin *pin = NULL;

	spin_lock(&watch->lock);
	while (!pin && !list_empty(tracks)) {
		struct vpin_track *track =
			list_first_entry(tracks, struct vpin_track, node);

		list_del_init(&track->node);
		if (refcount_inc_not_zero(&track->newest->ref))
			pin = track->newest;
	}
	spin_unlock(&watch->lock);
	return pin;
}

/**
 * vpin_watch_look - looks at what is marked
 * @watch: the watch; its address space is locked, and the owner's mapping held
 * @bereft: out: set if a pin has lost pages
 * @changes: out: all that were seen up to this one have been looked at
 *
 * Return: 0 or -ENOMEM: what is left is still marked then.
 */
int vpin_watch_look(struct vpin_watch *watch, bool *bereft,
		    unsigned long *changes)
{
	struct vpin_look *look = kvmalloc(sizeof(*look), GFP_KERNEL);
	struct vpin_pin *pin;
	LIST_HEAD(tracks);
	int ret = 0;

	if (!look)
		return -ENOMEM;
	/* What is told from here on is for the next time. */
	spin_lock(&watch->lock);
	*changes = watch->changes;
	list_splice_init(&watch->marked, &tracks);
	spin_unlock(&watch->lock);

	while (!ret && (pin = vpin_watch_next(watch, &tracks))) {
		ret = vpin_track_look(pin->track, pin, look, bereft);
		vpin_pin_put(pin);
	}
	spin_lock(&watch->lock);
	list_splice(&tracks, &watch->marked);
	spin_unlock(&watch->lock);
	kvfree(look);
	return ret;
}

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
			       unsigned long nr, void ***room)
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
					  pages);
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
 *
 * A pin may have lost as many pages as it has, until its readers are through
 * with them; then nothing more is pinned for it.
 *
 * Context: may sleep, as a page fault of the owner's may.
 * Return: whether there is a page now; it may be gone again.
 */
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len)
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
	ret = vpin_pin_fill_pages(pin, offset, nr, &room);
	mmput_async(pin->mm);
	kvfree(room);
	return !ret;
}

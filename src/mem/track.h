/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Following what an owner does to his mapping: between the files of mem.
 *
 * Who owns takes pages out of his address space: he gives memory back (a
 * balloon), unmaps, maps something else.  A track is told before it happens, and
 * marks the chunks that it happens to.  vpin_mem_follow() then looks at what is
 * mapped there.  Pages that are not what was pinned are absent from then on, and
 * lost to the pin: its successor never had them, so that they are unpinned when
 * the last reader is gone who may have found them there.
 */
#ifndef _VPIN_TRACK_H
#define _VPIN_TRACK_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#include <vpin/mem.h>

/* Whether the caller can pin none of its pages any more: either is being killed. */
static inline bool vpin_mm_is_going(const struct mm_struct *mm)
{
	return fatal_signal_pending(current) || !atomic_read(&mm->mm_users);
}

/* Absent pages that are brought, or pinned when they are accessed, at a time. */
#define VPIN_FILL_MAX	16UL

/**
 * struct vpin_track - of a pin and its successors: follows their owner
 * @notifier: tells us of changes
 * @watch: the pin's
 * @newest: the pin without a successor
 * @base: user address of the start of chunk 0
 * @nr_absent: pages that are absent
 * @nr_lost: pages that pins have lost and not unpinned yet
 * @node: in the watch's list while a chunk is marked
 * @fills: absent pages that are being pinned
 * @marked: a bit for each chunk that may not be what is mapped there
 *
 * The last three are guarded by the watch's lock.
 */
struct vpin_track {
	struct mmu_interval_notifier notifier;
	struct vpin_watch *watch;
	struct vpin_pin *newest;
	unsigned long base;
	atomic_long_t nr_absent;
	atomic_long_t nr_lost;
	struct list_head node;
	struct list_head fills;
	unsigned long marked[];
};

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

#ifdef CONFIG_MMU_NOTIFIER
int vpin_track_start(struct vpin_pin *pin, u64 uaddr);
void vpin_track_end(struct vpin_track *track);
int vpin_watch_look(struct vpin_watch *watch, bool *bereft,
		    unsigned long *changes);
int vpin_pin_defer(struct vpin_pin *pin, u64 uaddr);
#else
static inline int vpin_track_start(struct vpin_pin *pin, u64 uaddr)
{
	return 0;
}

static inline void vpin_track_end(struct vpin_track *track)
{
}

static inline int vpin_watch_look(struct vpin_watch *watch, bool *bereft,
				  unsigned long *changes)
{
	*changes = watch->changes;
	return 0;
}

static inline int vpin_pin_defer(struct vpin_pin *pin, u64 uaddr)
{
	return -EAGAIN;
}
#endif

struct vpin_watch *vpin_watch_create(struct vpin_mem *mem);
void vpin_watch_end(struct vpin_watch *watch);
void vpin_watch_put(struct vpin_watch *watch);

int vpin_pin_lose(struct vpin_pin *pin, unsigned long i, void *const *kept,
		  void *const *gone, unsigned long nr_gone);
struct vpin_pin *vpin_pin_newest(struct vpin_pin *pin);
void vpin_pin_unpin_lost(struct vpin_pin *pin);

int vpin_batch_follow(struct vpin_batch *batch);

#endif /* _VPIN_TRACK_H */

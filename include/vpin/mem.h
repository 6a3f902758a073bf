/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's address space: user memory that is pinned when it is mapped, or when
 * it is first accessed, and unpinned when the last user of it is gone.  What its
 * owner takes out of his own address space meanwhile is followed: see
 * vpin_mem_follow().
 *
 * An address space is a chain of snapshots.  A change makes a new snapshot
 * that shares the unchanged pins, and publishes it; who holds an older one
 * keeps its pages pinned until he drops it.  Between vpin_mem_batch_begin()
 * and vpin_mem_batch_end() changes gather in a batch that readers do not see.
 *
 * A change is done as a whole or not at all: all that can fail comes before it
 * is published.
 */
#ifndef _VPIN_MEM_H
#define _VPIN_MEM_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <vpin/snap.h>

/* Most ranges of one address space; bounds what a VMM makes us allocate. */
#define VPIN_MEM_RANGES_MAX	65536

struct vpin_batch;
struct vpin_mem;

/**
 * struct vpin_mem_ops - for who has to follow what an address space becomes
 * @prepare: @next will be published: makes what it takes to see it.  Returns 0
 *	or an errno, and then the change does not happen.
 * @commit: @next, which was prepared for, has been published
 * @fresh: what is published is what the owner had mapped when it was last behind:
 *	who waits goes on
 * @behind: the owner changed his mapping: someone calls vpin_mem_follow() soon,
 *	until it is not behind any more.  Does not sleep, nor allocate.
 *
 * All but the last with the address space locked.
 */
struct vpin_mem_ops {
	int (*prepare)(struct vpin_mem *mem, struct vpin_snap *next);
	void (*commit)(struct vpin_mem *mem);
	void (*fresh)(struct vpin_mem *mem);
	void (*behind)(struct vpin_mem *mem);
};

/**
 * struct vpin_watch - what became of an owner's mapping, for who reads it
 * @absent: a page of it was absent, or is
 * @behind: what is published may not be what he has mapped
 * @changes: changes of it that were seen; wraps
 * @followed: how many of them are published
 * @lock: guards all fields, and the marks of each pin
 * @marked: the tracks of pins that he changed
 * @mem: the address space; NULL once nobody follows any more
 * @dev: number of the device that it is of, for traces
 * @nr_pinned: pages that are pinned for the address space now
 * @nr_repins: pages that were pinned when they were accessed
 * @ref: the address space, and each pin of it
 */
struct vpin_watch {
	bool absent;
	bool behind;
	unsigned long changes;
	unsigned long followed;
	spinlock_t lock;
	struct list_head marked;
	struct vpin_mem *mem;
	int dev;
	atomic_long_t nr_pinned;
	atomic_long_t nr_repins;
	refcount_t ref;
};

/**
 * struct vpin_mem - a guest's address space
 * @lock: serialises changes; guards all fields
 * @ops: who follows; NULL if nobody does
 * @lazy: what is mapped is pinned page by page when it is first accessed, where
 *	the owner can be followed
 * @mm: the owner, charged for pinned pages; NULL before vpin_mem_bind()
 * @snap: what readers get
 * @batch: changes of it that the open batch gathers; NULL if none is open
 * @watch: what became of the owner's mapping
 * @bereft: pins of @snap have lost pages, and their successors are to be published
 * @lost: maps failed that no snapshot remembers: see vpin_mem_has_holes()
 * @lost_first: first GPA of these
 * @lost_last: last GPA of them
 */
struct vpin_mem {
	struct mutex lock;
	const struct vpin_mem_ops *ops;
	bool lazy;
	struct mm_struct *mm;
	struct vpin_snap *snap;
	struct vpin_batch *batch;
	struct vpin_watch *watch;
	bool bereft;
	bool lost;
	u64 lost_first;
	u64 lost_last;
};

int vpin_mem_init(struct vpin_mem *mem);
void vpin_mem_fini(struct vpin_mem *mem);
int vpin_mem_bind(struct vpin_mem *mem);
bool vpin_mem_is_owner(struct vpin_mem *mem);
bool vpin_mem_is_going(const struct vpin_mem *mem);

int vpin_mem_map(struct vpin_mem *mem, u64 gpa, u64 size, u64 uaddr, u32 perm);
int vpin_mem_unmap(struct vpin_mem *mem, u64 gpa, u64 size);
int vpin_mem_batch_begin(struct vpin_mem *mem);
int vpin_mem_batch_end(struct vpin_mem *mem);
int vpin_mem_forgive(struct vpin_mem *mem);
bool vpin_mem_has_holes(struct vpin_mem *mem);
int vpin_mem_follow(struct vpin_mem *mem, bool again);
void vpin_mem_unfollow(struct vpin_mem *mem);

/*
 * Whether the owner changed his mapping and it is not followed yet.  Who has read
 * something that a guest wrote after the change sees it, if it was read in order.
 */
static __always_inline bool vpin_watch_is_behind(const struct vpin_watch *watch)
{
	return READ_ONCE(watch->behind);
}

/* Bytes of guest memory that are pinned now, whoever still uses them. */
static inline u64 vpin_mem_pinned(const struct vpin_mem *mem)
{
	return (u64)atomic_long_read(&mem->watch->nr_pinned) << PAGE_SHIFT;
}

/* Pages that were pinned when they were accessed, so far. */
static inline u64 vpin_mem_repins(const struct vpin_mem *mem)
{
	return atomic_long_read(&mem->watch->nr_repins);
}

struct vpin_snap *vpin_mem_snap(struct vpin_mem *mem);
unsigned long vpin_pin_nr_pinned(const struct vpin_pin *pin);

/**
 * struct vpin_place - where in its owner's memory guest memory is absent
 * @mm: the owner's, with a reference of mmgrab()
 * @uaddr: the first absent page
 * @nr: pages from there on that are wanted
 * @writable: pinned for writing
 *
 * It holds no pin: who waits for a page keeps no others.
 */
struct vpin_place {
	struct mm_struct *mm;
	unsigned long uaddr;
	unsigned long nr;
	bool writable;
};

bool vpin_place_find(struct vpin_place *place, const struct vpin_snap *snap,
		     u64 gpa, u64 len, u32 perm);
int vpin_place_bring(struct vpin_place *place);

/**
 * struct vpin_window - guest memory as one linear piece of kernel addresses
 * @addr: where its first byte is; NULL if the window is closed
 * @vmapped: the mapping to undo; NULL if the pages were contiguous anyway
 */
struct vpin_window {
	void *addr;
	void *vmapped;
};

int vpin_window_open(struct vpin_window *window, const struct vpin_snap *snap,
		     u64 gpa, u64 len, u32 perm);
void vpin_window_close(struct vpin_window *window);
u64 vpin_window_phys(const struct vpin_snap *snap, u64 gpa);

/* What a bit of a dirty log stands for, whatever the host's pages are. */
#define VPIN_DIRTY_SHIFT	12

/**
 * struct vpin_dirty - a dirty log: a bitmap of the owner's, with a bit for each
 * page of guest addresses, set when the page was written
 * @pin: its memory
 * @vmapped: the mapping that makes it linear
 * @bits: its first byte there
 * @size: bytes
 * @short_of: somebody was told that pages have no bit in it
 */
struct vpin_dirty {
	struct vpin_pin *pin;
	void *vmapped;
	u8 *bits;
	u64 size;
	bool short_of;
};

struct vpin_dirty *vpin_dirty_create(struct vpin_mem *mem, u64 uaddr, u64 size);
void vpin_dirty_destroy(struct vpin_dirty *dirty);
bool vpin_dirty_mark(struct vpin_dirty *dirty, u64 gpa, u64 len);

/* The rooms' own: between the files of mem. */
/* Pages that [uaddr, uaddr + size) touches. */
static inline unsigned long vpin_pin_count(u64 uaddr, u64 size)
{
	return (PAGE_ALIGN(uaddr + size) - (uaddr & PAGE_MASK)) >> PAGE_SHIFT;
}

/* How many pages of chunk @i are @pin's; they follow each other. */
static inline unsigned long vpin_chunk_nr(const struct vpin_pin *pin,
					  unsigned long i)
{
	unsigned long from = i ? 0 : pin->skip;

	return min(VPIN_CHUNK_PAGES,
		   pin->skip + pin->nr_pages - i * VPIN_CHUNK_PAGES) - from;
}

struct vpin_pin *vpin_pin_alloc(u64 uaddr, unsigned long nr_pages);
void vpin_pin_free(struct vpin_pin *pin);
int vpin_pin_set_chunk(struct vpin_pin *pin, unsigned long i,
		       void *const *addrs);
void *vpin_pin_around(const struct vpin_pin *pin, u64 offset, u64 len,
		      u64 *before, u64 *after);
void vpin_pin_empty(struct vpin_pin *pin);
unsigned long vpin_pin_get_chunk(const struct vpin_pin *pin, unsigned long i,
				 void **addrs);
int vpin_pin_drop(struct vpin_pin *pin, unsigned long i, void *const *kept,
		  void *const *gone);
bool vpin_pin_is_absent(const struct vpin_pin *pin, u64 offset);
void **vpin_pin_make_room(const struct vpin_pin *pin, u64 offset);
bool vpin_pin_add(struct vpin_pin *pin, u64 offset, void *addr, void ***room);
struct vpin_pin *vpin_pin_create(struct mm_struct *mm, u64 uaddr, u64 size,
				 bool writable, struct vpin_watch *watch,
				 bool lazy);
void vpin_pin_put(struct vpin_pin *pin);
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len, bool now);
void *vpin_pin_recall(const struct vpin_pin *pin, u64 offset);
struct vpin_snap *vpin_snap_empty(void);
struct vpin_snap *vpin_snap_alloc(u32 nr);
void vpin_snap_set(struct vpin_snap *snap, u32 i,
		   const struct vpin_range *range);
void vpin_snap_fill(struct vpin_snap *snap, const struct vpin_range *range);
struct vpin_snap *vpin_snap_insert(const struct vpin_snap *old,
				   const struct vpin_range *range);
struct vpin_snap *vpin_snap_remove(const struct vpin_snap *old, u64 first,
				   u64 last, bool only_failed);
bool vpin_snap_overlaps(const struct vpin_snap *snap, u64 first, u64 last);

bool vpin_mem_owned(const struct vpin_mem *mem);
int vpin_mem_publish(struct vpin_mem *mem, struct vpin_snap *next);
int vpin_mem_pin(struct vpin_mem *mem, struct vpin_range *range, u64 uaddr,
		 u32 perm);
int vpin_batch_map(struct vpin_mem *mem, struct vpin_range *range, u64 uaddr);
bool vpin_batch_has(const struct vpin_mem *mem, u64 gpa);
void vpin_batch_unmap(struct vpin_mem *mem, u64 first, u64 last);
void vpin_batch_forgive(struct vpin_mem *mem);
void vpin_batch_forgiven(struct vpin_mem *mem, const struct vpin_snap *old);
void vpin_batch_free(struct vpin_mem *mem);

#endif /* _VPIN_MEM_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the mem room that the pure core (desc, ring) sees: an immutable
 * picture of the guest's address space and the translation through it.
 *
 * Words used in this room:
 *   GPA	address as the guest's driver writes it into a descriptor (the
 *		IOVA of the vhost ABIs)
 *   pin	one pinned piece of user memory, and where its pages are
 *   range	a stretch of GPAs that a pin backs, first and last inclusive
 *   snapshot	a sorted array of ranges that never changes once published
 *   hint	a reader's memory of its last hit; wrong hints cost time only
 */
#ifndef _VPIN_SNAP_H
#define _VPIN_SNAP_H

#include <linux/types.h>
#include <linux/mm.h>
#include <linux/refcount.h>

#define VPIN_PERM_READ	0x1	/* the device may read; VHOST_ACCESS_RO */
#define VPIN_PERM_WRITE	0x2	/* the device may write; VHOST_ACCESS_WO */

/* Pages [index, next run's index) of a pin, physically contiguous from addr. */
struct vpin_run {
	unsigned long index;
	void *addr;
};

/**
 * struct vpin_pin - pinned user memory and where its pages are
 * @ref: ranges that use it
 * @mm: who is charged for it
 * @nr_pages: length in pages
 * @nr_runs: length of @runs; 0 if @pages is used instead
 * @writable: pinned for writing, dirty when unpinned
 * @pages: kernel address of each page (8 bytes a page), or
 * @runs: kernel address of each contiguous run (16 bytes a run), whichever is
 *	smaller
 */
struct vpin_pin {
	refcount_t ref;
	struct mm_struct *mm;
	unsigned long nr_pages;
	unsigned long nr_runs;
	bool writable;
	union {
		void **pages;
		struct vpin_run *runs;
	};
};

/**
 * struct vpin_range - a stretch of GPAs
 * @first: first GPA
 * @last: last GPA, inclusive
 * @pin: what backs it; NULL if the VMM asked for it and pinning failed
 * @offset: where in @pin the byte at @first is
 * @perm: VPIN_PERM_*
 */
struct vpin_range {
	u64 first;
	u64 last;
	struct vpin_pin *pin;
	u64 offset;
	u32 perm;
};

/**
 * struct vpin_snap - an immutable picture of an address space
 * @id: its number; no other snapshot has it, ever
 * @ref: holders
 * @nr: length of @ranges
 * @nr_failed: ranges whose pinning failed
 * @ranges: sorted by address, disjoint
 */
struct vpin_snap {
	u64 id;
	refcount_t ref;
	u32 nr;
	u32 nr_failed;
	struct vpin_range ranges[] __counted_by(nr);
};

/* Places for hits of each kind, and the bits of a GPA that do not choose. */
#define VPIN_HITS	64
#define VPIN_FAR_SHIFT	21

/**
 * struct vpin_hit - GPAs whose bytes lie next to each other
 * @first: first GPA
 * @span: last GPA, counted from @first
 * @addr: kernel address of the byte at @first
 * @perm: VPIN_PERM_*; 0 if this is no hit
 */
struct vpin_hit {
	u64 first;
	u64 span;
	void *addr;
	u32 perm;
};

/**
 * struct vpin_hint - what a reader remembers of a snapshot
 * @id: of which; 0 before the first
 * @far: hits by the 2 MiB that they were in: ranges as large as memory is
 * @near: hits by the page that they were in: many small ranges
 */
struct vpin_hint {
	u64 id;
	struct vpin_hit far[VPIN_HITS];
	struct vpin_hit near[VPIN_HITS];
};

void vpin_snap_free(struct vpin_snap *snap);

static inline struct vpin_snap *vpin_snap_get(struct vpin_snap *snap)
{
	refcount_inc(&snap->ref);
	return snap;
}

static inline void vpin_snap_put(struct vpin_snap *snap)
{
	if (snap && refcount_dec_and_test(&snap->ref))
		vpin_snap_free(snap);
}

/* Index of the first range that ends at or after @gpa; nr if none does. */
static inline u32 vpin_snap_search(const struct vpin_snap *snap, u64 gpa)
{
	u32 low = 0, high = snap->nr;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (snap->ranges[mid].last < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static inline struct vpin_hit *vpin_hint_far(struct vpin_hint *hint, u64 gpa)
{
	return &hint->far[(gpa >> VPIN_FAR_SHIFT) % VPIN_HITS];
}

static inline struct vpin_hit *vpin_hint_near(struct vpin_hint *hint, u64 gpa)
{
	return &hint->near[(gpa >> PAGE_SHIFT) % VPIN_HITS];
}

static inline bool vpin_hit_holds(const struct vpin_hit *hit, u64 gpa, u64 len,
				  u32 perm)
{
	u64 offset = gpa - hit->first;

	return offset <= hit->span && len - 1 <= hit->span - offset &&
	       (hit->perm & perm) == perm;
}

void *vpin_snap_translate(const struct vpin_snap *snap, struct vpin_hint *hint,
			  u64 gpa, u64 *len, u32 perm);

/**
 * vpin_snap_resolve - translates the start of a stretch of guest memory
 * @snap: the address space
 * @hint: what the reader remembers, updated; NULL if nothing
 * @gpa: first GPA of the stretch
 * @len: in: bytes wanted, not 0; out: bytes that are contiguous from the
 *	returned address, 1 to the bytes wanted.  A longer stretch is reached by
 *	calling again for the rest: that also crosses into adjacent ranges.
 * @perm: VPIN_PERM_* that the access needs
 *
 * Return: a kernel address that stays valid as long as @snap is held, or NULL
 * if @gpa is not mapped with @perm.
 */
static inline void *vpin_snap_resolve(const struct vpin_snap *snap,
				      struct vpin_hint *hint, u64 gpa,
				      u64 *len, u32 perm)
{
	const struct vpin_hit *hit;

	if (unlikely(!hint || hint->id != snap->id))
		return vpin_snap_translate(snap, hint, gpa, len, perm);
	hit = vpin_hint_far(hint, gpa);
	if (unlikely(!vpin_hit_holds(hit, gpa, *len, perm))) {
		hit = vpin_hint_near(hint, gpa);
		if (!vpin_hit_holds(hit, gpa, *len, perm))
			return vpin_snap_translate(snap, hint, gpa, len, perm);
	}
	return hit->addr + (gpa - hit->first);
}

int vpin_snap_read(const struct vpin_snap *snap, struct vpin_hint *hint,
		   u64 gpa, void *to, u64 len);
int vpin_snap_write(const struct vpin_snap *snap, struct vpin_hint *hint,
		    u64 gpa, const void *from, u64 len);
int vpin_snap_check(const struct vpin_snap *snap, u64 gpa, u64 len, u32 perm);

#endif /* _VPIN_SNAP_H */

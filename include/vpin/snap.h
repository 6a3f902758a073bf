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
 * @ref: holders
 * @nr: length of @ranges
 * @nr_failed: ranges whose pinning failed
 * @ranges: sorted by address, disjoint
 */
struct vpin_snap {
	refcount_t ref;
	u32 nr;
	u32 nr_failed;
	struct vpin_range ranges[] __counted_by(nr);
};

struct vpin_hint {
	u32 range;
	unsigned long run;
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

static inline bool vpin_range_holds(const struct vpin_range *range, u64 gpa)
{
	return gpa >= range->first && gpa <= range->last;
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

/* Index of the run that holds page @index of @pin. */
static inline unsigned long vpin_pin_run(const struct vpin_pin *pin,
					 unsigned long index,
					 unsigned long hint)
{
	unsigned long low = 0, high = pin->nr_runs;

	if (hint < high && pin->runs[hint].index <= index &&
	    (hint + 1 == high || index < pin->runs[hint + 1].index))
		return hint;

	while (high - low > 1) {
		unsigned long mid = low + (high - low) / 2;

		if (pin->runs[mid].index <= index)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/*
 * Address of byte @offset of @pin; *@len, the bytes wanted, shrinks to those
 * that follow it without a gap.
 */
static inline void *vpin_pin_addr(const struct vpin_pin *pin, u64 offset,
				  struct vpin_hint *hint, u64 *len)
{
	unsigned long index = offset >> PAGE_SHIFT;
	unsigned long in_page = offset_in_page(offset);
	unsigned long end;
	void *addr;
	u64 have;

	if (pin->nr_runs) {
		unsigned long run = vpin_pin_run(pin, index, hint->run);

		hint->run = run;
		end = run + 1 == pin->nr_runs ? pin->nr_pages :
						pin->runs[run + 1].index;
		addr = pin->runs[run].addr +
		       ((index - pin->runs[run].index) << PAGE_SHIFT);
	} else {
		addr = pin->pages[index];
		end = index + 1;
		while (end < pin->nr_pages &&
		       *len > ((u64)(end - index) << PAGE_SHIFT) - in_page &&
		       pin->pages[end] == pin->pages[end - 1] + PAGE_SIZE)
			end++;
	}

	have = ((u64)(end - index) << PAGE_SHIFT) - in_page;
	if (*len > have)
		*len = have;
	return addr + in_page;
}

/**
 * vpin_snap_resolve - translates the start of a stretch of guest memory
 * @snap: the address space
 * @hint: the reader's last hit, updated
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
	const struct vpin_range *range;
	u32 i = hint->range;
	u64 have;

	if (unlikely(i >= snap->nr || !vpin_range_holds(&snap->ranges[i], gpa))) {
		i = vpin_snap_search(snap, gpa);
		if (i == snap->nr || gpa < snap->ranges[i].first)
			return NULL;
		hint->range = i;
	}

	range = &snap->ranges[i];
	if (unlikely(!range->pin || (range->perm & perm) != perm))
		return NULL;

	have = range->last - gpa;	/* one less: the whole of 2^64 fits */
	if (*len - 1 > have)
		*len = have + 1;
	return vpin_pin_addr(range->pin, gpa - range->first + range->offset,
			     hint, len);
}

int vpin_snap_read(const struct vpin_snap *snap, struct vpin_hint *hint,
		   u64 gpa, void *to, u64 len);
int vpin_snap_write(const struct vpin_snap *snap, struct vpin_hint *hint,
		    u64 gpa, const void *from, u64 len);
int vpin_snap_check(const struct vpin_snap *snap, u64 gpa, u64 len, u32 perm);

#endif /* _VPIN_SNAP_H */

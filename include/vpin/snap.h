/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the mem room that the pure core (desc, ring) sees: an immutable
 * picture of the guest's address space and the translation through it.
 *
 * Words used in this room:
 *   GPA	address as the guest's driver writes it into a descriptor (the
 *		IOVA of the vhost ABIs)
 *   pin	one pinned piece of user memory, and where its pages are
 *   absent	a page that its owner took out of his address space: not pinned
 *	until it is next accessed
 *   successor	of a pin that lost pages: the same piece without them
 *   range	a stretch of GPAs that a pin backs, first and last inclusive
 *   snapshot	a sorted array of ranges that never changes once published
 *   chunk	2 MiB of user addresses, as much as a huge page holds
 *   hint	a reader's memory of its last hits; wrong hints cost time only
 *
 * A processor may use a guest's address before it knows that the address was
 * out of range.  So what is computed from one is masked: an offset into a hit,
 * whose address is then NULL, and an offset into a pin, which is then its start.
 * A length needs no mask: only what a chain's first bytes are is loaded at once.
 */
#ifndef _VPIN_SNAP_H
#define _VPIN_SNAP_H

#include <linux/build_bug.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/refcount.h>
#include <linux/types.h>

#define VPIN_PERM_READ	0x1	/* the device may read; VHOST_ACCESS_RO */
#define VPIN_PERM_WRITE	0x2	/* the device may write; VHOST_ACCESS_WO */

#define VPIN_CHUNK_PAGES	512UL
#define VPIN_CHUNK_SIZE		(VPIN_CHUNK_PAGES << PAGE_SHIFT)
#define VPIN_CHUNK_SHIFT	(PAGE_SHIFT + 9)
/* In a chunk's word: the rest leads to an array. */
#define VPIN_CHUNK_ARRAY	1UL

struct vpin_lost;
struct vpin_track;
struct vpin_watch;

/**
 * struct vpin_pin - pinned user memory and where its pages are
 * @ref: ranges that use it, and the pin that it succeeded
 * @writable: pinned for writing, dirty when unpinned
 * @skip: pages of chunk 0 that come before the pin
 * @mm: who is charged for it
 * @nr_pages: length in pages
 * @nr_chunks: length of @chunks
 * @chunks: of each chunk, the kernel address of its first byte if its pages are
 *	contiguous, else VPIN_CHUNK_ARRAY and the array of its pages' addresses,
 *	NULL for an absent one; a pin and its successors have it in common
 * @watch: of the address space that it is of, with a reference; NULL if of none
 * @track: follows what its owner does; NULL if nobody does, and none is absent
 * @lost: what its readers may still use, and its successor's have not
 * @next: its successor, with a reference; NULL if it has none
 *
 * Who holds a pin may use what it ever found there: a page that is taken out is
 * unpinned after the pin that was the newest then, and with it all older ones.
 */
struct vpin_pin {
	refcount_t ref;
	bool writable;
	unsigned int skip;
	struct mm_struct *mm;
	unsigned long nr_pages;
	unsigned long nr_chunks;
	unsigned long *chunks;
	struct vpin_watch *watch;
	struct vpin_track *track;
	struct vpin_lost *lost;
	struct vpin_pin *next;
};

/**
 * struct vpin_range - a stretch of GPAs
 * @first: first GPA
 * @last: last GPA, inclusive
 * @pin: what backs it; NULL if the VMM asked for it and pinning failed
 * @offset: of the byte at @first, from the start of @pin's chunk 0
 * @perm: VPIN_PERM_*; 0 without a pin
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
 * @size: bytes of all ranges
 * @ranges: sorted by address, disjoint
 */
struct vpin_snap {
	u64 id;
	refcount_t ref;
	u32 nr;
	u32 nr_failed;
	u64 size;
	struct vpin_range ranges[] __counted_by(nr);
};

/* Places of each kind in a hint, and bits of the size of one. */
#define VPIN_HITS	256
#define VPIN_HIT_SHIFT	5

/**
 * struct vpin_hit - GPAs whose bytes lie next to each other, and may be read
 * @first: first GPA
 * @size: bytes; 0 for a place that knows nothing
 * @addr: kernel address of the byte at @first
 * @denied: VPIN_PERM_WRITE if they may not be written, else 0
 */
struct vpin_hit {
	u64 first;
	u64 size;
	void *addr;
	u16 denied;
};

static_assert(sizeof(struct vpin_hit) == 1 << VPIN_HIT_SHIFT);

/**
 * struct vpin_hint - what a reader remembers of a snapshot
 * @id: of which; 0 before the first
 * @range: index of the range it met last
 * @far_shift: bits of a GPA that do not choose a far place, less VPIN_HIT_SHIFT
 * @far: hits by the stretch that they were in, as wide as ranges are on average
 *	but no wider than a chunk
 * @near: hits by the page that they were in: where memory is scattered
 * @hurry: what is absent and would have to be waited for is not to be had
 * @fills: how often something absent was pinned, since the reader began to count
 */
struct vpin_hint {
	u64 id;
	u32 range;
	u32 far_shift;
	struct vpin_hit far[VPIN_HITS];
	struct vpin_hit near[VPIN_HITS];
	bool hurry;
	unsigned int fills;
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

/*
 * A place of @places for @gpa.  The shift is less by what the size of a place
 * makes up for, so that the place need not be multiplied by it.
 */
static __always_inline struct vpin_hit *
vpin_hint_place(struct vpin_hit *places, u64 gpa, u32 shift)
{
	return (void *)places +
	       (gpa >> shift & ((VPIN_HITS - 1) << VPIN_HIT_SHIFT));
}

static __always_inline struct vpin_hit *vpin_hint_far(struct vpin_hint *hint,
						      u64 gpa)
{
	return vpin_hint_place(hint->far, gpa, hint->far_shift);
}

static __always_inline struct vpin_hit *vpin_hint_near(struct vpin_hint *hint,
						       u64 gpa)
{
	return vpin_hint_place(hint->near, gpa, PAGE_SHIFT - VPIN_HIT_SHIFT);
}

/*
 * Where @hit says that the byte @offset of it is; NULL if it has no such byte,
 * for a processor that guesses as well.
 */
static __always_inline void *vpin_hit_at(const struct vpin_hit *hit, u64 offset)
{
	return (void *)((unsigned long)(hit->addr + offset) &
			array_index_mask_nospec(offset, hit->size));
}

/* What @hit knows of @gpa, and how much of @len; NULL if nothing. */
static __always_inline void *vpin_hit_resolve(const struct vpin_hit *hit,
					      u64 gpa, u64 *len, u32 perm)
{
	u64 offset = gpa - hit->first;
	void *addr = vpin_hit_at(hit, offset);

	if (!addr || hit->denied & perm)
		return NULL;
	if (unlikely(*len > hit->size - offset))
		*len = hit->size - offset;
	return addr;
}

/* Whether @hit knows all of @len bytes; then @addr is where they are. */
static __always_inline bool vpin_hit_find(const struct vpin_hit *hit, u64 gpa,
					  u32 len, u16 perm, void **addr)
{
	u64 offset = gpa - hit->first;

	/* No hit is so long that the sum could wrap. */
	if (unlikely(offset >= hit->size || offset + len > hit->size ||
		     hit->denied & perm))
		return false;
	*addr = vpin_hit_at(hit, offset);
	return true;
}

void vpin_hint_init(struct vpin_hint *hint, const struct vpin_snap *snap);

/**
 * vpin_hint_bind - makes sure that what is remembered is of a snapshot
 * @hint: what the reader remembers
 * @snap: the snapshot
 */
static inline void vpin_hint_bind(struct vpin_hint *hint,
				  const struct vpin_snap *snap)
{
	if (unlikely(hint->id != snap->id))
		vpin_hint_init(hint, snap);
}

void *vpin_hint_find_near(struct vpin_hint *hint, u64 gpa, u32 len, u32 perm);

/**
 * vpin_hint_find - translates a stretch of guest memory that is remembered whole
 * @hint: what the reader remembers, of a snapshot that it was bound to
 * @gpa: first GPA of the stretch
 * @len: bytes, not 0
 * @perm: VPIN_PERM_* that the access needs
 * @addr: out: its kernel address, all of it contiguous from there, valid as long
 *	as that snapshot is held; NULL if it is not remembered so, which says
 *	nothing about whether it is mapped
 *
 * Return: whether it is remembered.
 */
static __always_inline bool vpin_hint_find(struct vpin_hint *hint, u64 gpa,
					   u32 len, u16 perm, void **addr)
{
	if (likely(vpin_hit_find(vpin_hint_far(hint, gpa), gpa, len, perm,
				 addr)))
		return true;
	*addr = vpin_hint_find_near(hint, gpa, len, perm);
	return *addr;
}

void *vpin_snap_translate(const struct vpin_snap *snap, struct vpin_hint *hint,
			  u64 gpa, u64 *len, u32 perm);

/**
 * vpin_snap_resolve - translates the start of a stretch of guest memory
 * @snap: the address space
 * @hint: what the reader remembers, updated; NULL if nothing
 * @gpa: first GPA of the stretch
 * @len: in: bytes wanted, not 0; out: bytes that are contiguous from the
 *	returned address, 1 to the bytes wanted; with a hint maybe not all that
 *	are.  A longer stretch is reached by calling again for the rest: that
 *	also crosses into adjacent ranges.
 * @perm: VPIN_PERM_* that the access needs
 *
 * A page that its owner took out of his address space is pinned anew, as it is
 * there now, which may sleep: as long as a page fault of his, unless the reader is
 * in a hurry, as one is who remembers nothing.
 *
 * Return: a kernel address that stays valid as long as @snap is held, or NULL
 * if @gpa is not mapped with @perm, or its owner has nothing there.
 */
static __always_inline void *vpin_snap_resolve(const struct vpin_snap *snap,
					       struct vpin_hint *hint, u64 gpa,
					       u64 *len, u32 perm)
{
	void *addr;

	if (likely(hint && hint->id == snap->id)) {
		addr = vpin_hit_resolve(vpin_hint_far(hint, gpa), gpa, len, perm);
		if (likely(addr))
			return addr;
		addr = vpin_hit_resolve(vpin_hint_near(hint, gpa), gpa, len,
					perm);
		if (likely(addr))
			return addr;
	}
	{
		/* Of its own, so that @len can stay in a register. */
		u64 n = *len;

		addr = vpin_snap_translate(snap, hint, gpa, &n, perm);
		*len = n;
		return addr;
	}
}

int vpin_snap_read(const struct vpin_snap *snap, struct vpin_hint *hint,
		   u64 gpa, void *to, u64 len);
int vpin_snap_write(const struct vpin_snap *snap, struct vpin_hint *hint,
		    u64 gpa, const void *from, u64 len);
int vpin_snap_check(const struct vpin_snap *snap, u64 gpa, u64 len, u32 perm);

#endif /* _VPIN_SNAP_H */

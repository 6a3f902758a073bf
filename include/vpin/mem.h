/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's address space: user memory that is pinned when it is mapped and
 * unpinned when the last user of it is gone.
 *
 * An address space is a chain of snapshots.  A change makes a new snapshot
 * that shares the unchanged pins, and publishes it; who holds an older one
 * keeps its pages pinned until he drops it.  Between vpin_mem_batch_begin()
 * and vpin_mem_batch_end() changes gather in a snapshot of their own that
 * readers do not see.
 */
#ifndef _VPIN_MEM_H
#define _VPIN_MEM_H

#include <linux/minmax.h>
#include <linux/mutex.h>
#include <vpin/snap.h>

/* Most ranges of one address space; bounds what a VMM makes us allocate. */
#define VPIN_MEM_RANGES_MAX	65536

/**
 * struct vpin_mem - a guest's address space
 * @lock: serialises changes; guards all fields
 * @mm: the owner, charged for pinned pages; NULL before vpin_mem_bind()
 * @snap: what readers get
 * @batch: what the open batch has made of it; NULL if none is open
 * @outgoing: pages that the open batch unmapped, and readers hold until it ends
 * @credit: of those, how many the owner is not charged for meanwhile
 */
struct vpin_mem {
	struct mutex lock;
	struct mm_struct *mm;
	struct vpin_snap *snap;
	struct vpin_snap *batch;
	unsigned long outgoing;
	unsigned long credit;
};

int vpin_mem_init(struct vpin_mem *mem);
void vpin_mem_fini(struct vpin_mem *mem);
int vpin_mem_bind(struct vpin_mem *mem);
bool vpin_mem_is_owner(struct vpin_mem *mem);

int vpin_mem_map(struct vpin_mem *mem, u64 gpa, u64 size, u64 uaddr, u32 perm);
int vpin_mem_unmap(struct vpin_mem *mem, u64 gpa, u64 size);
int vpin_mem_batch_begin(struct vpin_mem *mem);
int vpin_mem_batch_end(struct vpin_mem *mem);
int vpin_mem_forgive(struct vpin_mem *mem);

struct vpin_snap *vpin_mem_snap(struct vpin_mem *mem);

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
struct vpin_pin *vpin_pin_create(struct mm_struct *mm, u64 uaddr, u64 size,
				 bool writable);
void vpin_pin_put(struct vpin_pin *pin);
struct vpin_snap *vpin_snap_empty(void);
bool vpin_mem_owned(const struct vpin_mem *mem);
unsigned long vpin_mem_credit_take(struct vpin_mem *mem, unsigned long nr);
void vpin_mem_credit_return(struct vpin_mem *mem, unsigned long nr);
void vpin_mem_batch_count(struct vpin_mem *mem, u64 first, u64 last,
			  unsigned long *outgoing, unsigned long *fresh);
struct vpin_snap *vpin_snap_insert(const struct vpin_snap *old,
				   const struct vpin_range *range);
struct vpin_snap *vpin_snap_remove(const struct vpin_snap *old, u64 first,
				   u64 last, bool only_failed);

#endif /* _VPIN_MEM_H */

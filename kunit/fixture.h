/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest for tests: its memory is made of kernel pages, so that no test of
 * the core needs a process whose memory is pinned.
 *
 * Each mapped piece is a pin built by hand that the guest itself holds a
 * reference on: it is never unpinned, and when the test ends the guest can tell
 * whether someone forgot to drop one.  Everything here finds its way through
 * memory by itself and not by the code under test.
 */
#ifndef _VPIN_KUNIT_FIXTURE_H
#define _VPIN_KUNIT_FIXTURE_H

#include <kunit/test.h>
#include <linux/list.h>
#include <vpin/desc.h>
#include <vpin/mem.h>
#include "compat.h"

#define VPIN_PERM_RW	(VPIN_PERM_READ | VPIN_PERM_WRITE)

/* How a piece of guest memory lies in ours. */
enum vpin_guest_layout {
	VPIN_GUEST_RUN,		/* contiguous */
	VPIN_GUEST_CHUNKS,	/* contiguous, all but the first page in chunk 1 */
	VPIN_GUEST_SCATTERED,	/* no page follows its neighbour */
	VPIN_GUEST_PAIRS,	/* runs of two pages */
};

/**
 * struct vpin_guest - a guest's memory
 * @test: the test it is for
 * @snap: what is mapped
 * @pieces: what it is made of
 */
struct vpin_guest {
	struct kunit *test;
	struct vpin_snap *snap;
	struct list_head pieces;
};

struct vpin_guest *vpin_guest_create(struct kunit *test);
void vpin_guest_destroy(struct vpin_guest *guest);
int vpin_guest_init(struct kunit *test);
void vpin_guest_exit(struct kunit *test);

struct vpin_pin *vpin_guest_map(struct vpin_guest *guest, u64 gpa, u64 size,
				u32 perm, enum vpin_guest_layout layout);
struct vpin_pin *vpin_guest_map_at(struct vpin_guest *guest, u64 gpa, u64 size,
				   u64 offset, u32 perm,
				   enum vpin_guest_layout layout);
void vpin_guest_map_failed(struct vpin_guest *guest, u64 gpa, u64 size);
void vpin_guest_map_typical(struct vpin_guest *guest);
void vpin_guest_unmap(struct vpin_guest *guest, u64 gpa);
unsigned int vpin_guest_pin_refs(struct vpin_guest *guest, u64 gpa);

void *vpin_guest_ptr(struct vpin_guest *guest, u64 gpa);
void vpin_guest_read(struct vpin_guest *guest, u64 gpa, void *to, u64 len);
void vpin_guest_write(struct vpin_guest *guest, u64 gpa, const void *from,
		      u64 len);
void vpin_guest_fill(struct vpin_guest *guest, u64 gpa, u64 len);
u8 vpin_guest_pattern(u64 gpa);

void vpin_guest_desc(struct vpin_guest *guest, u64 table, u32 index,
		     const struct vpin_desc *desc);
void vpin_guest_descs(struct vpin_guest *guest, u64 table,
		      const struct vpin_desc *descs, u32 nr);
void vpin_guest_chain(struct vpin_guest *guest, const struct vpin_desc *descs,
		      u32 nr);
void vpin_guest_table(struct vpin_guest *guest, struct vpin_desc_table *table,
		      u32 size);

/**
 * struct vpin_walk - a walk along a chain, one descriptor at a time
 * @table: where it begins, at descriptor 0
 * @indirect: where it goes on, if it does
 * @iter: where it is
 * @desc: the descriptor that it came to last
 */
struct vpin_walk {
	struct vpin_desc_table table;
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
};

void vpin_walk_begin(struct vpin_walk *walk, bool allow_indirect);
int vpin_walk_next(struct vpin_walk *walk);

#define DESC(_addr, _len, _flags, _next) \
	((struct vpin_desc) { .addr = (_addr), .len = (_len), \
			      .flags = (_flags), .next = (_next) })
#define D_NEXT		VRING_DESC_F_NEXT
#define D_WRITE		VRING_DESC_F_WRITE
#define D_INDIRECT	VRING_DESC_F_INDIRECT

/*
 * What vpin_guest_map_typical() maps:
 *
 *  0x10000 GUEST_RAM	64 KiB, one run
 *  0x20000 GUEST_NEXT	16 KiB, another pin, scattered pages: adjacent
 *  0x24000		a hole
 *  0x30000 GUEST_RO	4 KiB that the device may only read
 *  0x31000		a hole
 *  0x32000 GUEST_WO	4 KiB that the device may only write
 */
#define GUEST_RAM	0x10000ULL
#define GUEST_NEXT	0x20000ULL
#define GUEST_HOLE	0x24000ULL
#define GUEST_RO	0x30000ULL
#define GUEST_WO	0x32000ULL

/* Places in GUEST_RAM that tests use: rings first, buffers behind. */
#define GUEST_TABLE	GUEST_RAM
#define GUEST_INDIRECT	(GUEST_RAM + 0x4000)
#define GUEST_BUF	(GUEST_RAM + 0x8000)

#endif /* _VPIN_KUNIT_FIXTURE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory made of kernel pages, as each contestant wants to see it: a
 * snapshot, an IOTLB, and the flat array of page addresses that the floor has.
 */
#ifndef _VPIN_BENCH_GUEST_H
#define _VPIN_BENCH_GUEST_H

#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vhost_iotlb.h>
#include <vpin/mem.h>

#define BENCH_PERM_RW	(VPIN_PERM_READ | VPIN_PERM_WRITE)

/* Region 0 has room for the ring, its indirect tables, and buffers. */
#define BENCH_GPA	SZ_1M
#define BENCH_RAM_SIZE	SZ_2M
#define BENCH_RAM_BUFS	(SZ_1M + SZ_512K)
/* The others follow, with holes between them. */
#define BENCH_REGION_SIZE	SZ_64K
#define BENCH_REGION_STRIDE	SZ_128K
#define BENCH_REGIONS_MAX	64

/**
 * struct vpin_bench_region - a mapped stretch, contiguous in our memory
 * @gpa: where the guest has it
 * @size: bytes
 * @mem: where we have it
 * @pin: built by hand; the guest's reference keeps it from being unpinned
 */
struct vpin_bench_region {
	u64 gpa;
	u64 size;
	void *mem;
	struct vpin_pin *pin;
};

/**
 * struct vpin_bench_guest - a guest's memory
 * @snap: for vhost-pin
 * @iotlb: for vringh
 * @lock: what vringh guards it by
 * @pages: for the floor: address of each page by GPA >> PAGE_SHIFT, or NULL
 * @nr_pages: length of @pages
 * @nr: length of @regions
 * @regions: what it is made of
 */
struct vpin_bench_guest {
	struct vpin_snap *snap;
	struct vhost_iotlb *iotlb;
	spinlock_t lock;
	void **pages;
	unsigned long nr_pages;
	u32 nr;
	struct vpin_bench_region regions[BENCH_REGIONS_MAX];
};

int vpin_bench_guest_init(struct vpin_bench_guest *guest, u32 nr,
			  bool by_page);
void vpin_bench_guest_fini(struct vpin_bench_guest *guest);

static inline void *vpin_bench_guest_ptr(const struct vpin_bench_guest *guest,
					 u64 gpa)
{
	return guest->pages[gpa >> PAGE_SHIFT] + offset_in_page(gpa);
}

#endif /* _VPIN_BENCH_GUEST_H */

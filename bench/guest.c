// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/slab.h>
#include "guest.h"

/*
 * The pages as they are, or each by itself: the last page of a chunk, which
 * nobody uses, then passes for the first one.
 */
static int vpin_bench_region_set_pin(struct vpin_bench_guest *guest,
				     struct vpin_bench_region *region,
				     bool by_page)
{
	void **pages = &guest->pages[region->gpa >> PAGE_SHIFT];
	unsigned long i;
	int ret = 0;

	for (i = 0; i < region->pin->nr_chunks && !ret; i++) {
		unsigned long nr = vpin_chunk_nr(region->pin, i);
		void *last = pages[nr - 1];

		if (by_page)
			pages[nr - 1] = pages[0];
		ret = vpin_pin_set_chunk(region->pin, i, pages);
		pages[nr - 1] = last;
		pages += nr;
	}
	return ret;
}

static int vpin_bench_region_init(struct vpin_bench_guest *guest, u32 i,
				  bool by_page)
{
	struct vpin_bench_region *region = &guest->regions[i];
	unsigned long page, nr_pages;

	region->gpa = BENCH_GPA;
	region->size = BENCH_RAM_SIZE;
	if (i) {
		region->gpa += BENCH_RAM_SIZE + (u64)i * BENCH_REGION_STRIDE;
		region->size = BENCH_REGION_SIZE;
	}
	nr_pages = region->size >> PAGE_SHIFT;
	region->mem = alloc_pages_exact(region->size, GFP_KERNEL | __GFP_ZERO);
	if (!region->mem)
		return -ENOMEM;

	for (page = 0; page < nr_pages; page++)
		guest->pages[(region->gpa >> PAGE_SHIFT) + page] =
			region->mem + (page << PAGE_SHIFT);

	region->pin = vpin_pin_alloc((unsigned long)region->mem, nr_pages);
	if (!region->pin)
		return -ENOMEM;
	region->pin->writable = true;
	return vpin_bench_region_set_pin(guest, region, by_page);
}

static int vpin_bench_region_map(struct vpin_bench_guest *guest,
				 struct vpin_bench_region *region)
{
	struct vpin_range range = {
		.first = region->gpa,
		.last = region->gpa + region->size - 1,
		.pin = region->pin,
		.offset = (unsigned long)region->mem % VPIN_CHUNK_SIZE,
		.perm = BENCH_PERM_RW,
	};
	struct vpin_snap *snap = vpin_snap_insert(guest->snap, &range);

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	vpin_snap_put(guest->snap);
	guest->snap = snap;
	return vhost_iotlb_add_range(guest->iotlb, range.first, range.last,
				     virt_to_phys(region->mem), VHOST_MAP_RW);
}

/**
 * vpin_bench_guest_init - a guest with memory
 * @guest: zeroed
 * @nr: its regions, 1 to BENCH_REGIONS_MAX
 * @by_page: its pins know each page, as if none followed its neighbour
 *
 * Return: 0 or -ENOMEM; vpin_bench_guest_fini() is needed after both.
 */
int vpin_bench_guest_init(struct vpin_bench_guest *guest, u32 nr, bool by_page)
{
	int ret = 0;
	u32 i;

	spin_lock_init(&guest->lock);
	guest->snap = vpin_snap_empty();
	if (IS_ERR(guest->snap)) {
		guest->snap = NULL;
		return -ENOMEM;
	}
	guest->nr_pages = (BENCH_GPA + BENCH_RAM_SIZE +
			   (nr + 1) * BENCH_REGION_STRIDE) >> PAGE_SHIFT;
	guest->pages = kvcalloc(guest->nr_pages, sizeof(void *), GFP_KERNEL);
	guest->iotlb = vhost_iotlb_alloc(BENCH_REGIONS_MAX, 0);
	if (!guest->pages || !guest->iotlb)
		return -ENOMEM;

	for (i = 0; i < nr && !ret; i++) {
		guest->nr = i + 1;
		ret = vpin_bench_region_init(guest, i, by_page);
		if (!ret)
			ret = vpin_bench_region_map(guest, &guest->regions[i]);
	}
	return ret;
}

/* Frees the memory, which nobody may use any more. */
void vpin_bench_guest_fini(struct vpin_bench_guest *guest)
{
	u32 i;

	vpin_snap_put(guest->snap);
	if (guest->iotlb)
		vhost_iotlb_free(guest->iotlb);
	for (i = 0; i < guest->nr; i++) {
		struct vpin_bench_region *region = &guest->regions[i];

		if (!region->mem)
			continue;
		if (region->pin) {
			WARN_ON(refcount_read(&region->pin->ref) != 1);
			vpin_pin_free(region->pin);
		}
		free_pages_exact(region->mem, region->size);
	}
	kvfree(guest->pages);
	memset(guest, 0, sizeof(*guest));
}

// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include "rig.h"

const struct vpin_bench_contestant
*const vpin_bench_contestants[BENCH_WALKERS] = {
	&vpin_bench_floor,
	&vpin_bench_pin,
	&vpin_bench_vringh_kern,
	&vpin_bench_vringh_iotlb,
	&vpin_bench_pin_cursors,
};

/* Buffer @i of a chain: where the guest has it, and its length. */
static u64 vpin_bench_rig_buffer(const struct vpin_bench_rig *rig, u32 chain,
				 u32 i, u32 *len)
{
	const struct vpin_bench_shape *shape = &rig->shape;
	u32 nth = chain * shape->len + i;
	u32 at = shape->by_chain ? chain : nth;
	u32 region = at % shape->regions;
	u64 gpa = rig->guest.regions[region].gpa;
	u32 slot = nth / shape->regions % (BENCH_REGION_SIZE / PAGE_SIZE);

	*len = 64 * (1 + i % 7);
	if (shape->request)
		*len = i == 0 ? 16 : i == 1 ? PAGE_SIZE : 1;
	if (!region)
		gpa += BENCH_RAM_BUFS;
	return gpa + slot * PAGE_SIZE;
}

static u32 vpin_bench_rig_table_stride(const struct vpin_bench_shape *shape)
{
	return max(64UL, roundup_pow_of_two(shape->len *
					    sizeof(struct vring_desc)));
}

static struct vring_desc vpin_bench_desc(u64 addr, u32 len, u16 flags, u16 next)
{
	return (struct vring_desc) {
		.addr = __cpu_to_virtio64(true, addr),
		.len = __cpu_to_virtio32(true, len),
		.flags = __cpu_to_virtio16(true, flags),
		.next = __cpu_to_virtio16(true, next),
	};
}

/**
 * vpin_bench_rig_write_chain - writes a chain's descriptors, as a driver does
 * @rig: the rig
 * @chain: which one
 */
void vpin_bench_rig_write_chain(struct vpin_bench_rig *rig, u32 chain)
{
	const struct vpin_bench_shape *shape = &rig->shape;
	u32 at = chain * vpin_bench_rig_table_stride(shape);
	u32 head = chain * shape->stride;
	struct vring_desc *to = &rig->desc[head];
	u32 i, len, first = head;

	if (shape->indirect) {
		len = shape->len * sizeof(*to);
		*to = vpin_bench_desc(rig->tables_gpa + at, len,
				      VRING_DESC_F_INDIRECT, 0);
		rig->kern_desc[head] =
			vpin_bench_desc((unsigned long)rig->tables + at, len,
					VRING_DESC_F_INDIRECT, 0);
		to = rig->tables + at;
		first = 0;
	}
	for (i = 0; i < shape->len; i++) {
		u64 gpa = vpin_bench_rig_buffer(rig, chain, i, &len);
		u16 flags = i && i >= shape->len / 2 ? VRING_DESC_F_WRITE : 0;

		if (i + 1 < shape->len)
			flags |= VRING_DESC_F_NEXT;
		to[i] = vpin_bench_desc(gpa, len, flags, first + i + 1);
	}
}

static void vpin_bench_rig_write_avail(struct vpin_bench_rig *rig)
{
	const struct vpin_bench_shape *shape = &rig->shape;
	u32 i, other;

	for (i = 0; i < shape->num; i++) {
		u16 head = i % shape->nr_chains * shape->stride;

		rig->avail->ring[i] = __cpu_to_virtio16(true, head);
	}
	if (!shape->shuffled)
		return;
	for (i = shape->nr_chains - 1; i > 0; i--) {
		other = get_random_u32_below(i + 1);
		swap(rig->avail->ring[i], rig->avail->ring[other]);
	}
	/* The later rounds through the ring in the same order. */
	for (i = shape->nr_chains; i < shape->num; i++)
		rig->avail->ring[i] = rig->avail->ring[i - shape->nr_chains];
}

static void vpin_bench_rig_lay_out(struct vpin_bench_rig *rig)
{
	const struct vpin_bench_shape *shape = &rig->shape;
	u64 gpa = rig->guest.regions[0].gpa;
	u16 num = shape->num;

	rig->tables_size = shape->indirect ? shape->nr_chains *
			   vpin_bench_rig_table_stride(shape) : 0;
	rig->desc_gpa = gpa;
	rig->avail_gpa = gpa + num * sizeof(struct vring_desc);
	rig->used_gpa = ALIGN(rig->avail_gpa + vpin_ring_avail_size(num), 64);
	rig->tables_gpa = PAGE_ALIGN(rig->used_gpa + vpin_ring_used_size(num));
	WARN_ON(rig->tables_gpa + rig->tables_size > gpa + BENCH_RAM_BUFS);

	/* Region 0 is contiguous. */
	rig->desc = vpin_bench_guest_ptr(&rig->guest, rig->desc_gpa);
	rig->avail = vpin_bench_guest_ptr(&rig->guest, rig->avail_gpa);
	rig->used = vpin_bench_guest_ptr(&rig->guest, rig->used_gpa);
	rig->tables = vpin_bench_guest_ptr(&rig->guest, rig->tables_gpa);
}

/**
 * vpin_bench_rig_create - a ring whose chains are written
 * @shape: what it looks like
 *
 * Return: the rig, or ERR_PTR(-ENOMEM).
 */
struct vpin_bench_rig *
vpin_bench_rig_create(const struct vpin_bench_shape *shape)
{
	struct vpin_bench_rig *rig;
	int ret;
	u32 i;

	rig = kvzalloc(sizeof(*rig), GFP_KERNEL);
	if (!rig)
		return ERR_PTR(-ENOMEM);
	rig->shape = *shape;
	ret = vpin_bench_guest_init(&rig->guest, shape->regions,
				    shape->by_page);
	if (ret)
		goto err;
	vpin_bench_rig_lay_out(rig);
	rig->kern_desc = rig->desc;
	if (shape->indirect) {
		rig->kern_desc = kvcalloc(shape->num, sizeof(*rig->kern_desc),
					  GFP_KERNEL);
		ret = -ENOMEM;
		if (!rig->kern_desc)
			goto err;
	}
	ret = vpin_desc_table_init(&rig->table, rig->guest.snap, rig->desc_gpa,
				   shape->num);
	if (ret)
		goto err;
	vringh_kiov_init(&rig->riov, rig->rvec, ARRAY_SIZE(rig->rvec));
	vringh_kiov_init(&rig->wiov, rig->wvec, ARRAY_SIZE(rig->wvec));

	for (i = 0; i < shape->nr_chains; i++)
		vpin_bench_rig_write_chain(rig, i);
	vpin_bench_rig_write_avail(rig);
	return rig;

err:
	vpin_bench_rig_destroy(rig);
	return ERR_PTR(ret);
}

void vpin_bench_rig_destroy(struct vpin_bench_rig *rig)
{
	if (rig->kern_desc != rig->desc)
		kvfree(rig->kern_desc);
	vpin_desc_table_fini(&rig->table);
	vpin_bench_guest_fini(&rig->guest);
	kvfree(rig);
}

/**
 * vpin_bench_rig_sum - what a contestant has to find
 * @rig: the rig
 * @nr_chains: in this many chains, each once
 * @contestant: who
 *
 * Return: the sum of addresses and lengths.
 */
u64 vpin_bench_rig_sum(const struct vpin_bench_rig *rig, u32 nr_chains,
		       const struct vpin_bench_contestant *contestant)
{
	u32 chain, i, len;
	u64 sum = 0;

	for (chain = 0; chain < nr_chains; chain++) {
		for (i = 0; i < rig->shape.len; i++) {
			u64 gpa = vpin_bench_rig_buffer(rig, chain, i, &len);
			void *ptr = vpin_bench_guest_ptr(&rig->guest, gpa);

			sum += contestant->untranslated ?
				gpa + len : vpin_bench_add(ptr, len);
		}
	}
	return sum;
}

/* Both sides begin anew, and the driver has offered nothing yet. */
void vpin_bench_rig_start(struct vpin_bench_rig *rig,
			  const struct vpin_bench_contestant *contestant)
{
	WRITE_ONCE(rig->avail->idx, 0);
	WRITE_ONCE(rig->used->idx, 0);
	contestant->start(rig);
}

static void vpin_bench_flush(void *start, size_t size)
{
#ifdef CONFIG_X86_64
	char *line;

	for (line = start; line < (char *)start + size; line += 64)
		asm volatile("clflush %0" : "+m" (*line));
	asm volatile("mfence" ::: "memory");
#endif
}

/* Throws descriptors and tables out of the caches. */
void vpin_bench_rig_flush(struct vpin_bench_rig *rig)
{
	size_t size = rig->shape.num * sizeof(*rig->desc);

	vpin_bench_flush(rig->desc, size);
	vpin_bench_flush(rig->tables, rig->tables_size);
	if (rig->kern_desc != rig->desc)
		vpin_bench_flush(rig->kern_desc, size);
}

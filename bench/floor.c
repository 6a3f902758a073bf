// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor: the least that can be done, by hand.
 *
 * One load of each field of a descriptor, its flags and bounds checked, and an
 * array with the address of each page of the guest.  It keeps no copy, knows no
 * permissions, and no buffer may cross a page.  A batch of requests is staged:
 * heads first, then chains, then used entries, and one index at the end.
 */
#include <asm/barrier.h>
#include "rig.h"

static __always_inline void *floor_translate(const struct vpin_bench_rig *rig,
					     u64 gpa, u32 len)
{
	unsigned long page = gpa >> PAGE_SHIFT;

	if (unlikely(page >= rig->guest.nr_pages || !rig->guest.pages[page] ||
		     offset_in_page(gpa) + len > PAGE_SIZE))
		return NULL;
	return rig->guest.pages[page] + offset_in_page(gpa);
}

/* Return: the sum; 0, which no chain has, if it is malformed. */
static __always_inline u64 floor_chain(const struct vpin_bench_rig *rig,
				       u16 head)
{
	const struct vring_desc *table = rig->desc;
	u32 size = rig->shape.num, left = size, i = head;
	bool indirect = false, writing = false;
	u64 sum = 0;

	for (;;) {
		const struct vring_desc *desc = &table[i];
		u64 addr;
		u32 len;
		u16 flags, next;
		void *ptr;

		if (unlikely(i >= size || !left--))
			return 0;
		addr = __virtio64_to_cpu(true, READ_ONCE(desc->addr));
		len = __virtio32_to_cpu(true, READ_ONCE(desc->len));
		flags = __virtio16_to_cpu(true, READ_ONCE(desc->flags));
		next = __virtio16_to_cpu(true, READ_ONCE(desc->next));

		ptr = floor_translate(rig, addr, len);
		if (unlikely(!ptr))
			return 0;
		if (flags & VRING_DESC_F_INDIRECT) {
			if (indirect || len % sizeof(*desc) ||
			    flags & VRING_DESC_F_NEXT)
				return 0;
			indirect = true;
			table = ptr;
			size = len / sizeof(*desc);
			left = size;
			i = 0;
			continue;
		}

		if (flags & VRING_DESC_F_WRITE)
			writing = true;
		else if (unlikely(writing))
			return 0;
		sum += vpin_bench_add(ptr, len);
		if (!(flags & VRING_DESC_F_NEXT))
			return sum;
		i = next;
	}
}

static void floor_start(struct vpin_bench_rig *rig)
{
	rig->last_avail = 0;
	rig->used_idx = 0;
}

static u16 floor_head(const struct vpin_bench_rig *rig, u16 i)
{
	return __virtio16_to_cpu(true, READ_ONCE(rig->avail->ring[i]));
}

static u64 floor_walk(struct vpin_bench_rig *rig, unsigned int sweeps)
{
	u64 sum = 0;
	u32 i;

	while (sweeps--) {
		for (i = 0; i < rig->shape.nr_chains; i++)
			sum += floor_chain(rig, floor_head(rig, i));
	}
	return sum;
}

/* Return: whether the driver wants a signal. */
static bool floor_publish(struct vpin_bench_rig *rig, u16 nr)
{
	u16 mask = rig->shape.num - 1;
	u16 old = rig->used_idx, event;
	__virtio16 *used_event = &rig->avail->ring[mask + 1];

	rig->used_idx += nr;
	/* Entries before the index; pairs with the driver's read barrier. */
	smp_store_release(&rig->used->idx,
			  __cpu_to_virtio16(true, rig->used_idx));
	/* The index before the driver's wish; pairs with its barrier. */
	smp_mb();
	event = __virtio16_to_cpu(true, READ_ONCE(*used_event));
	return vring_need_event(event, rig->used_idx, old);
}

/* Return: how many it served. */
static __always_inline unsigned int floor_turn(struct vpin_bench_rig *rig,
					       unsigned int batch, u64 *sum)
{
	u16 mask = rig->shape.num - 1;
	u16 *heads = rig->heads;
	unsigned int i, nr;
	u16 idx;

	/* The index before entries; pairs with the driver's write barrier. */
	idx = __virtio16_to_cpu(true, smp_load_acquire(&rig->avail->idx));
	nr = (u16)(idx - rig->last_avail);
	if (!nr || nr > rig->shape.num)
		return 0;
	nr = min(nr, batch);

	for (i = 0; i < nr; i++)
		heads[i] = floor_head(rig, (rig->last_avail + i) & mask);
	for (i = 0; i < nr; i++)
		*sum += floor_chain(rig, heads[i]);
	for (i = 0; i < nr; i++) {
		struct vring_used_elem *elem =
			&rig->used->ring[(rig->used_idx + i) & mask];

		WRITE_ONCE(elem->id, __cpu_to_virtio32(true, heads[i]));
		WRITE_ONCE(elem->len, __cpu_to_virtio32(true, 1));
	}
	rig->last_avail += nr;
	rig->signals += floor_publish(rig, nr);
	return nr;
}

static u64 floor_request(struct vpin_bench_rig *rig, unsigned int nr,
			 unsigned int batch, bool offer)
{
	return vpin_bench_serve(rig, nr, batch, offer, floor_turn);
}

const struct vpin_bench_contestant vpin_bench_floor = {
	.who = "floor",
	.start = floor_start,
	.walk = floor_walk,
	.request = floor_request,
};

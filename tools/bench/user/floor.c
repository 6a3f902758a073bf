// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor: the least that a device can do with these rings and still not
 * trust them.  It knows each page of the guest in one flat array, and that no
 * buffer or table crosses a page.
 */
#include <asm/barrier.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "contestant.h"

struct floor {
	const struct guest *guest;
	u64 nr_pages;
	const u64 *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	char *pages[];
};

static void *floor_open(const struct guest *guest)
{
	const struct guest_region *last = &guest->regions[guest->nr_regions - 1];
	u64 nr_pages = (last->gpa + last->size) >> PAGE_SHIFT;
	struct floor *self;
	u32 i;

	self = kvzalloc(sizeof(*self) + nr_pages * sizeof(self->pages[0]),
			GFP_KERNEL);
	if (!self)
		return NULL;
	self->guest = guest;
	self->nr_pages = nr_pages;
	self->desc = guest_host(guest, guest->desc);
	self->avail = guest_host(guest, guest->avail);
	self->used = guest_host(guest, guest->used);
	for (i = 0; i < guest->nr_regions; i++) {
		const struct guest_region *region = &guest->regions[i];
		u64 at;

		for (at = 0; at < region->size; at += PAGE_SIZE)
			self->pages[(region->gpa + at) >> PAGE_SHIFT] =
				region->host + at;
	}
	return self;
}

static void floor_close(void *self)
{
	kvfree(self);
}

static inline char *floor_translate(const struct floor *self, u64 gpa, u32 len)
{
	u64 page = gpa >> PAGE_SHIFT;

	if (unlikely(page >= self->nr_pages || !self->pages[page] ||
		     offset_in_page(gpa) + len > PAGE_SIZE))
		return NULL;
	return self->pages[page] + offset_in_page(gpa);
}

/* Return: the sum of the chain's addresses and lengths; 0 if it is bad. */
static inline u64 floor_chain(const struct floor *self, u16 head)
{
	const u64 *table = self->desc;
	u32 size = GUEST_QUEUE_SIZE, left = size, index = head;
	u64 sum = 0;

	for (;;) {
		u64 addr, rest;
		u16 flags;
		char *host;
		u32 len;

		if (unlikely(index >= size || !left))
			return 0;
		addr = READ_ONCE(table[2 * index]);
		rest = READ_ONCE(table[2 * index + 1]);
		len = rest;
		flags = rest >> 32;
		host = floor_translate(self, addr, len);
		if (unlikely(!host))
			return 0;
		if (flags & VRING_DESC_F_INDIRECT) {
			if (unlikely(table != self->desc))
				return 0;
			table = (const u64 *)host;
			size = len / sizeof(struct vring_desc);
			left = size;
			index = 0;
			continue;
		}
		sum += (unsigned long)host + len;
		if (!(flags & VRING_DESC_F_NEXT))
			return sum;
		index = rest >> 48;
		left--;
	}
}

static u64 floor_walk(void *priv, u64 nr)
{
	const struct floor *self = priv;
	const struct guest *guest = self->guest;
	u32 mask = guest->nr_chains - 1;
	u64 i, sum = 0;

	for (i = 0; i < nr; i++)
		sum += floor_chain(self, guest->heads[i & mask]);
	return sum;
}

static u64 floor_request(void *priv, u64 nr, u32 batch)
{
	const struct floor *self = priv;
	u16 offered = 0, avail = 0, used = 0, heads[BATCH_MAX];
	u64 sum = 0, done;

	for (done = 0; done < nr; done += batch) {
		u16 end, event, old = used;
		u32 n = 0, i;

		driver_offer(self->guest, &offered, batch);

		/* As in the ring's own code: index before entries. */
		end = smp_load_acquire(&self->avail->idx);
		if (unlikely((u16)(end - avail) > GUEST_QUEUE_SIZE))
			return 0;
		for (; avail != end; avail++) {
			u16 head = READ_ONCE(self->avail->ring[avail %
							GUEST_QUEUE_SIZE]);

			sum += floor_chain(self, head);
			heads[n++] = head;
		}
		for (i = 0; i < n; i++, used++) {
			struct vring_used_elem *elem =
				&self->used->ring[used % GUEST_QUEUE_SIZE];

			WRITE_ONCE(elem->id, heads[i]);
			WRITE_ONCE(elem->len, 1);
		}
		/* Entries before index; index before the driver's wish. */
		smp_store_release(&self->used->idx, used);
		smp_mb();
		event = READ_ONCE(self->avail->ring[GUEST_QUEUE_SIZE]);
		sum += vring_need_event(event, used, old);
	}
	return sum;
}

const struct contestant contestant_floor = {
	.name = "floor",
	.open = floor_open,
	.close = floor_close,
	.walk = floor_walk,
	.request = floor_request,
};

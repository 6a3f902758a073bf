// SPDX-License-Identifier: GPL-2.0-only
/* vhost-pin's pure core. */
#include <stdint.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <vpin/desc.h>
#include <vpin/mem.h>
#include <vpin/ring.h>
#include "contestant.h"

struct bench_vhost_pin {
	const struct guest *guest;
	struct vpin_snap *snap;
	struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_desc_table indirect;
	struct vpin_chain chain;
	struct vpin_ring ring;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vpin_chain_buf bufs[GUEST_QUEUE_SIZE];
};

/* Pins that somebody refers to. */
static unsigned int nr_pins;

/* Not the module's: what it pins is user memory of ours. */
void vpin_pin_put(struct vpin_pin *pin)
{
	if (!pin || !refcount_dec_and_test(&pin->ref))
		return;
	nr_pins--;
	vpin_pin_free(pin);
}

/* Nothing is absent here. */
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len, bool now)
{
	return false;
}

void *vpin_pin_recall(const struct vpin_pin *pin, u64 offset)
{
	return NULL;
}

/*
 * Says where the pages are; scattered ones are known one by one, as the first
 * page of each chunk, which nobody uses, passes for the second.
 */
static int bench_pin_set(struct vpin_pin *pin, char *host, bool scattered)
{
	void *pages[VPIN_CHUNK_PAGES];
	unsigned long chunk, i;

	for (chunk = 0; chunk < pin->nr_chunks; chunk++) {
		unsigned long nr = vpin_chunk_nr(pin, chunk);

		for (i = 0; i < nr; i++, host += PAGE_SIZE)
			pages[i] = host;
		if (scattered && nr > 1)
			pages[0] = pages[1];
		if (vpin_pin_set_chunk(pin, chunk, pages))
			return -1;
	}
	return 0;
}

static struct vpin_pin *bench_pin(const struct guest_region *region,
				  bool scattered)
{
	struct vpin_pin *pin = vpin_pin_alloc((unsigned long)region->host,
					      region->size >> PAGE_SHIFT);

	if (!pin || bench_pin_set(pin, region->host, scattered))
		return NULL;
	nr_pins++;
	pin->writable = true;
	return pin;
}

static int bench_map(struct bench_vhost_pin *self,
		     const struct guest_region *region)
{
	struct vpin_range range = {
		.first = region->gpa,
		.last = region->gpa + region->size - 1,
		.pin = bench_pin(region, self->guest->shape.scattered),
		.offset = (unsigned long)region->host % VPIN_CHUNK_SIZE,
		.perm = VPIN_PERM_READ | VPIN_PERM_WRITE,
	};
	struct vpin_snap *snap;

	if (!range.pin)
		return -1;
	snap = vpin_snap_insert(self->snap, &range);
	vpin_pin_put(range.pin);
	if (IS_ERR(snap))
		return PTR_ERR(snap);
	vpin_snap_put(self->snap);
	self->snap = snap;
	return 0;
}

static void *bench_open(const struct guest *guest)
{
	struct bench_vhost_pin *self = kvzalloc(sizeof(*self), GFP_KERNEL);
	u32 i;

	if (!self)
		return NULL;
	self->guest = guest;
	/* Who cannot be opened ends the program: nothing is given back. */
	self->snap = vpin_snap_empty();
	if (IS_ERR(self->snap))
		return NULL;
	for (i = 0; i < guest->nr_regions; i++)
		if (bench_map(self, &guest->regions[i]))
			return NULL;
	if (vpin_desc_table_init(&self->table, self->snap, guest->desc,
				 GUEST_QUEUE_SIZE))
		return NULL;
	self->chain.bufs = self->bufs;
	self->chain.max = GUEST_QUEUE_SIZE;
	self->avail = guest_host(guest, guest->avail);
	self->used = guest_host(guest, guest->used);
	return self;
}

static void bench_close(void *priv)
{
	struct bench_vhost_pin *self = priv;

	vpin_desc_table_fini(&self->table);
	vpin_snap_put(self->snap);
	kvfree(self);
	if (nr_pins)
		__builtin_trap();
}

/* Of what was not remembered. */
static __attribute__((noinline)) void *
bench_translate(struct bench_vhost_pin *self, u64 gpa, u32 len, u32 writable)
{
	u64 n = len;
	void *addr = vpin_snap_resolve(self->snap, &self->hint, gpa, &n,
				       writable ? VPIN_PERM_WRITE : VPIN_PERM_READ);

	return n == len ? addr : NULL;
}

/* Return: the sum of the chain's addresses and lengths; 0 if it is bad. */
static __always_inline u64 bench_chain(struct bench_vhost_pin *self, u16 head)
{
	struct vpin_chain_iter iter;
	struct vpin_chain_buf buf;
	u64 sum = 0;
	int ret;

	vpin_hint_bind(&self->hint, self->snap);
	vpin_chain_begin(&iter, &self->table, &self->indirect, &self->hint,
			 head);
	while ((ret = vpin_chain_next_buf(&iter, &buf)) > 0) {
		if (unlikely(!buf.addr))
			buf.addr = bench_translate(self, buf.gpa, buf.len,
						   buf.writable);
		if (unlikely(!buf.addr))
			return 0;
		sum += (unsigned long)buf.addr + buf.len;
	}
	return ret ? 0 : sum;
}

static inline u64 bench_cursor(struct vpin_cursor *cursor)
{
	u32 len = UINT32_MAX;
	u64 sum = 0;
	void *addr;

	while ((addr = vpin_cursor_next(cursor, &len))) {
		sum += (unsigned long)addr + len;
		len = UINT32_MAX;
	}
	return sum;
}

/* The same as a device type does it: copies, then cursors over them. */
static __always_inline u64 bench_chain_cursors(struct bench_vhost_pin *self, u16 head)
{
	struct vpin_chain *chain = &self->chain;
	struct vpin_cursor cursor;
	u64 sum;

	if (unlikely(vpin_chain_walk(chain, &self->table, &self->hint, head, true)))
		return 0;
	vpin_cursor_readable(&cursor, chain, self->snap, &self->hint);
	sum = bench_cursor(&cursor);
	vpin_cursor_writable(&cursor, chain, self->snap, &self->hint);
	return sum + bench_cursor(&cursor);
}

static u64 bench_walk(void *priv, u64 nr)
{
	struct bench_vhost_pin *self = priv;
	const struct guest *guest = self->guest;
	u32 mask = guest->nr_chains - 1;
	u64 i, sum = 0;

	if (guest->shape.cursors) {
		for (i = 0; i < nr; i++)
			sum += bench_chain_cursors(self,
						   guest->heads[i & mask]);
		return sum;
	}
	for (i = 0; i < nr; i++)
		sum += bench_chain(self, guest->heads[i & mask]);
	return sum;
}

static u64 bench_request(void *priv, u64 nr, u32 batch)
{
	struct bench_vhost_pin *self = priv;
	struct vpin_ring *ring = &self->ring;
	u16 offered = 0, heads[BATCH_MAX];
	u64 sum = 0, done;

	vpin_ring_init(ring, GUEST_QUEUE_SIZE, 0, true);
	vpin_ring_set_memory(ring, self->table.linear, self->avail, self->used);
	/* As if asked before: the first answer is always yes. */
	ring->signal_valid = true;

	for (done = 0; done < nr; done += batch) {
		u32 n, i;

		driver_offer(self->guest, &offered, batch);

		for (n = 0; n < batch; n++) {
			if (unlikely(vpin_ring_take(ring, &heads[n]) != 1))
				return 0;
			sum += bench_chain(self, heads[n]);
		}
		for (i = 0; i < n; i++)
			vpin_ring_push(ring, heads[i], 1);
		sum += vpin_ring_publish(ring);
	}
	return sum;
}

const struct contestant contestant_vhost_pin = {
	.name = "vhost-pin",
	.open = bench_open,
	.close = bench_close,
	.walk = bench_walk,
	.request = bench_request,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * vhost-pin, by the calls that its data path makes.
 */
#include "rig.h"

static void pin_start(struct vpin_bench_rig *rig)
{
	vpin_ring_init(&rig->ring, rig->shape.num, 0, true);
	vpin_ring_set_memory(&rig->ring, rig->table.linear, rig->avail,
			     rig->used);
	rig->chain.bufs = rig->bufs;
	rig->chain.max = ARRAY_SIZE(rig->bufs);
}

/* The next @len bytes, piece by piece, as the backends take them. */
static __always_inline u64 pin_pieces(struct vpin_cursor *cursor, u32 len)
{
	u64 sum = 0;

	while (len) {
		u32 n = len;
		void *addr = vpin_cursor_next(cursor, &n);

		if (unlikely(!addr))
			return 0;
		sum += vpin_bench_add(addr, n);
		len -= n;
	}
	return sum;
}

static u16 pin_head(const struct vpin_bench_rig *rig, u32 i)
{
	return __virtio16_to_cpu(true, READ_ONCE(rig->avail->ring[i]));
}

/* Of what was not remembered. */
static noinline void *pin_translate(struct vpin_bench_rig *rig, u64 gpa, u32 len,
				    u32 writable)
{
	u64 n = len;
	void *addr = vpin_snap_resolve(rig->guest.snap, &rig->hint, gpa, &n,
				       writable ? VPIN_PERM_WRITE :
						  VPIN_PERM_READ);

	return n == len ? addr : NULL;
}

/* Return: the chain's sum; 0, which no chain has, if it is malformed. */
static __always_inline u64 pin_iterate(struct vpin_bench_rig *rig, u16 head)
{
	struct vpin_chain_iter iter;
	struct vpin_chain_buf buf;
	u64 sum = 0;
	int ret;

	vpin_hint_bind(&rig->hint, rig->guest.snap);
	vpin_chain_begin(&iter, &rig->table, &rig->indirect, &rig->hint, head);
	while ((ret = vpin_chain_next_buf(&iter, &buf)) > 0) {
		if (unlikely(!buf.addr))
			buf.addr = pin_translate(rig, buf.gpa, buf.len,
						 buf.writable);
		if (unlikely(!buf.addr))
			return 0;
		sum += vpin_bench_add(buf.addr, buf.len);
	}
	return ret ? 0 : sum;
}

static __always_inline int pin_chain(struct vpin_bench_rig *rig, u16 head)
{
	return vpin_chain_walk(&rig->chain, &rig->table, &rig->hint, head, true);
}

/* By the iterator, each descriptor translated as it comes. */
static u64 pin_walk(struct vpin_bench_rig *rig, unsigned int sweeps)
{
	u64 sum = 0;
	u32 i;

	while (sweeps--) {
		for (i = 0; i < rig->shape.nr_chains; i++) {
			u64 chain = pin_iterate(rig, pin_head(rig, i));

			if (unlikely(!chain))
				return 0;
			sum += chain;
		}
	}
	return sum;
}

/* As device types do it: the chain is copied, then cursors run over it. */
static u64 pin_walk_cursors(struct vpin_bench_rig *rig, unsigned int sweeps)
{
	const struct vpin_snap *snap = rig->guest.snap;
	const struct vpin_chain *chain = &rig->chain;
	struct vpin_cursor cursor;
	u64 sum = 0;
	u32 i;

	while (sweeps--) {
		for (i = 0; i < rig->shape.nr_chains; i++) {
			if (unlikely(pin_chain(rig, pin_head(rig, i))))
				return 0;
			vpin_cursor_readable(&cursor, chain, snap, &rig->hint);
			sum += pin_pieces(&cursor, chain->readable);
			if (!chain->writable)
				continue;
			vpin_cursor_writable(&cursor, chain, snap, &rig->hint);
			sum += pin_pieces(&cursor, chain->writable);
		}
	}
	return sum;
}

/* A block request: header, data, status; each found as src/blk finds it. */
static __always_inline unsigned int pin_turn(struct vpin_bench_rig *rig,
					     unsigned int batch, u64 *sum)
{
	const struct vpin_snap *snap = rig->guest.snap;
	const struct vpin_chain *chain = &rig->chain;
	struct vpin_cursor out, in;
	unsigned int nr = 0;
	u16 head;

	while (nr < batch && vpin_ring_take(&rig->ring, &head) > 0) {
		if (likely(!pin_chain(rig, head))) {
			vpin_cursor_readable(&out, chain, snap, &rig->hint);
			vpin_cursor_writable(&in, chain, snap, &rig->hint);
			*sum += vpin_bench_add(vpin_chain_last_byte(chain, snap,
								    &rig->hint),
					       1);
			*sum += pin_pieces(&out, chain->readable);
			*sum += pin_pieces(&in, chain->writable - 1);
		}
		vpin_ring_push(&rig->ring, head, 1);
		nr++;
	}
	rig->signals += vpin_ring_publish(&rig->ring);
	return nr;
}

static u64 pin_request(struct vpin_bench_rig *rig, unsigned int nr,
		       unsigned int batch, bool offer)
{
	return vpin_bench_serve(rig, nr, batch, offer, pin_turn);
}

const struct vpin_bench_contestant vpin_bench_pin = {
	.who = "vhost-pin",
	.start = pin_start,
	.walk = pin_walk,
	.request = pin_request,
};

const struct vpin_bench_contestant vpin_bench_pin_cursors = {
	.who = "vhost-pin/cursors",
	.start = pin_start,
	.walk = pin_walk_cursors,
};

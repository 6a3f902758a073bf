// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk that forgets holds: what is read, what is stable, and which
 * sectors differ.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/highmem.h>
#include <linux/vmalloc.h>
#include "forget.h"

static u8 *forget_at(u8 *bytes, sector_t sector)
{
	return bytes + (sector << SECTOR_SHIFT);
}

/* [sector, sector + nr) was written: with @now it is stable already. */
static void forget_memory_wrote(struct forget_memory *memory, sector_t sector,
				unsigned int nr, bool now)
{
	if (!memory->stable)
		return;
	if (!now) {
		bitmap_set(memory->unstable, sector, nr);
		return;
	}
	memcpy(forget_at(memory->stable, sector),
	       forget_at(memory->seen, sector), (size_t)nr << SECTOR_SHIFT);
	bitmap_clear(memory->unstable, sector, nr);
}

static void forget_memory_flush(struct forget_memory *memory)
{
	unsigned int start, end;

	if (!memory->stable)
		return;
	for_each_set_bitrange(start, end, memory->unstable, memory->nr)
		memcpy(forget_at(memory->stable, start),
		       forget_at(memory->seen, start),
		       (size_t)(end - start) << SECTOR_SHIFT);
	bitmap_zero(memory->unstable, memory->nr);
}

static void forget_memory_copy(struct forget_memory *memory, struct request *rq)
{
	bool write = op_is_write(req_op(rq));
	u8 *at = forget_at(memory->seen, blk_rq_pos(rq));
	struct req_iterator iter;
	struct bio_vec bv;

	rq_for_each_segment(bv, rq, iter) {
		if (write)
			memcpy_from_bvec(at, &bv);
		else
			memcpy_to_bvec(&bv, at);
		at += bv.bv_len;
	}
}

/* What a request is; FUA and unmapping are extra. */
enum forget_count forget_memory_kind(const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_WRITE:
		return FORGET_WRITES;
	case REQ_OP_FLUSH:
		return FORGET_FLUSHES;
	case REQ_OP_DISCARD:
		return FORGET_DISCARDS;
	case REQ_OP_WRITE_ZEROES:
		return FORGET_ZEROES;
	default:
		return FORGET_READS;
	}
}

static void forget_memory_count(struct forget_memory *memory,
				const struct request *rq)
{
	enum forget_count kind = forget_memory_kind(rq);
	u64 *counts = memory->counts;

	counts[kind]++;
	if (kind == FORGET_WRITES && rq->cmd_flags & REQ_FUA)
		counts[FORGET_FUA]++;
	if (kind == FORGET_ZEROES && !(rq->cmd_flags & REQ_NOUNMAP))
		counts[FORGET_UNMAPS]++;
	if (rq->mq_hctx->type == HCTX_TYPE_POLL)
		counts[FORGET_POLLED]++;
}

/* Does a request, which is counted before its data is touched. */
void forget_memory_do(struct forget_memory *memory, struct request *rq)
{
	sector_t sector = blk_rq_pos(rq);
	unsigned int nr = blk_rq_sectors(rq);

	spin_lock(&memory->lock);
	forget_memory_count(memory, rq);
	switch (req_op(rq)) {
	case REQ_OP_READ:
		forget_memory_copy(memory, rq);
		break;
	case REQ_OP_WRITE:
		forget_memory_copy(memory, rq);
		forget_memory_wrote(memory, sector, nr,
				    rq->cmd_flags & REQ_FUA);
		break;
	case REQ_OP_FLUSH:
		forget_memory_flush(memory);
		break;
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
		memset(forget_at(memory->seen, sector), 0,
		       (size_t)nr << SECTOR_SHIFT);
		forget_memory_wrote(memory, sector, nr,
				    rq->cmd_flags & REQ_FUA);
		break;
	default:
		break;
	}
	spin_unlock(&memory->lock);
}

/* Bytes that a power cut could take. */
u64 forget_memory_unstable(struct forget_memory *memory)
{
	u64 sectors = 0;

	if (!memory->stable)
		return 0;
	spin_lock(&memory->lock);
	sectors = bitmap_weight(memory->unstable, memory->nr);
	spin_unlock(&memory->lock);
	return sectors << SECTOR_SHIFT;
}

/*
 * Writes to @after what the disk would hold if the power were cut now: of the
 * sectors that are not stable none for @seed 0, else about half.
 */
void forget_memory_cut(struct forget_memory *memory, u8 *after, u64 seed)
{
	unsigned int sector;

	spin_lock(&memory->lock);
	memcpy(after, memory->seen, memory->nr << SECTOR_SHIFT);
	if (memory->stable) {
		for_each_set_bit(sector, memory->unstable, memory->nr) {
			if (seed && hash_64(seed ^ hash_64(sector, 64), 1))
				continue;
			memcpy(forget_at(after, sector),
			       forget_at(memory->stable, sector), SECTOR_SIZE);
		}
	}
	spin_unlock(&memory->lock);
}

int forget_memory_init(struct forget_memory *memory, sector_t nr, bool cache)
{
	spin_lock_init(&memory->lock);
	memory->nr = nr;
	memory->seen = vzalloc(nr << SECTOR_SHIFT);
	if (!memory->seen)
		return -ENOMEM;
	if (!cache)
		return 0;
	memory->stable = vzalloc(nr << SECTOR_SHIFT);
	memory->unstable = bitmap_zalloc(nr, GFP_KERNEL);
	if (!memory->stable || !memory->unstable) {
		forget_memory_free(memory);
		return -ENOMEM;
	}
	return 0;
}

/* As it was when it was new. */
void forget_memory_blank(struct forget_memory *memory)
{
	spin_lock(&memory->lock);
	memset(memory->seen, 0, memory->nr << SECTOR_SHIFT);
	if (memory->stable) {
		memset(memory->stable, 0, memory->nr << SECTOR_SHIFT);
		bitmap_zero(memory->unstable, memory->nr);
	}
	memset(memory->counts, 0, sizeof(memory->counts));
	spin_unlock(&memory->lock);
}

void forget_memory_free(struct forget_memory *memory)
{
	vfree(memory->seen);
	vfree(memory->stable);
	bitmap_free(memory->unstable);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring full of chains in a guest's memory, and those who serve it.
 *
 * Each contestant gives, of each buffer, where it is plus how long it is; the
 * sum must be the one that the rig knows.
 */
#ifndef _VPIN_BENCH_RIG_H
#define _VPIN_BENCH_RIG_H

#include <asm/processor.h>
#include <vpin/desc.h>
#include <vpin/ring.h>
#include <linux/vringh.h>	/* needs asm/byteorder.h before it */
#include "guest.h"

#define BENCH_CHAIN_MAX	128	/* descriptors */
#define BENCH_BATCH_MAX	32	/* requests */
#define BENCH_PATIENCE	100000000	/* looks at a ring that stays empty */

/**
 * struct vpin_bench_shape - what a ring and its chains look like
 * @num: entries of the ring, a power of two
 * @nr_chains: chains, a power of two, at most @num
 * @len: descriptors of a chain
 * @stride: from one chain's first descriptor to the next chain's
 * @regions: of the guest's memory
 * @by_page: the pins know each page
 * @by_chain: a chain is in one region; else each descriptor in the next one
 * @indirect: chains are in indirect tables
 * @request: lengths are those of a block request that reads 4 KiB
 * @shuffled: chains are offered in random order
 */
struct vpin_bench_shape {
	u16 num;
	u32 nr_chains;
	u32 len;
	u32 stride;
	u32 regions;
	bool by_page;
	bool by_chain;
	bool indirect;
	bool request;
	bool shuffled;
};

/**
 * struct vpin_bench_rig - a ring, and each contestant's side of it
 * @guest: whose memory it is in
 * @shape: what it looks like
 * @desc: the descriptor area
 * @avail: the driver area
 * @used: the device area
 * @tables: the indirect tables, @tables_size bytes
 * @tables_size: see there
 * @desc_gpa: where the guest has @desc; likewise the others
 * @avail_gpa: see @desc_gpa
 * @used_gpa: see @desc_gpa
 * @tables_gpa: see @desc_gpa
 * @kern_desc: @desc for one who takes addresses for the kernel's
 * @signals: how often the driver wanted one
 * @last_avail: the floor's indices
 * @used_idx: see @last_avail
 * @heads: the floor's batch
 * @ring: vhost-pin's side
 * @table: see @ring
 * @hint: see @ring
 * @indirect: see @ring
 * @chain: see @ring
 * @bufs: see @ring
 * @vringh: vringh's side, of whichever flavour runs
 * @riov: see @vringh
 * @wiov: see @vringh
 * @rvec: see @vringh
 * @wvec: see @vringh
 */
struct vpin_bench_rig {
	struct vpin_bench_guest guest;
	struct vpin_bench_shape shape;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	void *tables;
	size_t tables_size;
	u64 desc_gpa;
	u64 avail_gpa;
	u64 used_gpa;
	u64 tables_gpa;
	struct vring_desc *kern_desc;
	u64 signals;

	u16 last_avail;
	u16 used_idx;
	u16 heads[BENCH_BATCH_MAX];

	struct vpin_ring ring;
	struct vpin_desc_table table;
	struct vpin_hint hint;
	struct vpin_desc_table indirect;
	struct vpin_chain chain;
	struct vpin_chain_buf bufs[BENCH_CHAIN_MAX];

	struct vringh vringh;
	struct vringh_kiov riov;
	struct vringh_kiov wiov;
	struct kvec rvec[BENCH_CHAIN_MAX];
	struct kvec wvec[BENCH_CHAIN_MAX];
};

/**
 * struct vpin_bench_contestant - one who serves a ring
 * @who: its name
 * @untranslated: its sums are of GPAs
 * @start: begins anew, at index 0
 * @walk: walks all chains @sweeps times, returns their sum
 * @request: serves @nr requests, @batch at most between two looks at the
 *	driver's index, returns their sum; with @offer it moves that index
 *	itself, a batch at a time; NULL if it only walks
 */
struct vpin_bench_contestant {
	const char *who;
	bool untranslated;
	void (*start)(struct vpin_bench_rig *rig);
	u64 (*walk)(struct vpin_bench_rig *rig, unsigned int sweeps);
	u64 (*request)(struct vpin_bench_rig *rig, unsigned int nr,
		       unsigned int batch, bool offer);
};

#define BENCH_CONTESTANTS	4	/* who serve requests, first */
#define BENCH_WALKERS		5	/* and who only walk */
extern const struct vpin_bench_contestant
	*const vpin_bench_contestants[BENCH_WALKERS];
extern const struct vpin_bench_contestant vpin_bench_floor;
extern const struct vpin_bench_contestant vpin_bench_pin;
extern const struct vpin_bench_contestant vpin_bench_pin_cursors;
extern const struct vpin_bench_contestant vpin_bench_vringh_kern;
extern const struct vpin_bench_contestant vpin_bench_vringh_iotlb;

struct vpin_bench_rig *
vpin_bench_rig_create(const struct vpin_bench_shape *shape);
void vpin_bench_rig_destroy(struct vpin_bench_rig *rig);
u64 vpin_bench_rig_sum(const struct vpin_bench_rig *rig, u32 nr_chains,
		       const struct vpin_bench_contestant *contestant);
void vpin_bench_rig_start(struct vpin_bench_rig *rig,
			  const struct vpin_bench_contestant *contestant);
void vpin_bench_rig_flush(struct vpin_bench_rig *rig);
void vpin_bench_rig_write_chain(struct vpin_bench_rig *rig, u32 chain);

static inline u64 vpin_bench_add(const void *addr, size_t len)
{
	return (unsigned long)addr + len;
}

/* The driver offers @nr chains more; its entries are there already. */
static inline void vpin_bench_offer(struct vpin_bench_rig *rig, u16 nr)
{
	u16 idx = le16_to_cpu((__force __le16)rig->avail->idx);

	WRITE_ONCE(rig->avail->idx, __cpu_to_virtio16(true, idx + nr));
}

/* Serves @nr requests with @turn, which returns how many it did; their sum. */
static __always_inline u64
vpin_bench_serve(struct vpin_bench_rig *rig, unsigned int nr,
		 unsigned int batch, bool offer,
		 unsigned int (*turn)(struct vpin_bench_rig *rig,
				      unsigned int batch, u64 *sum))
{
	unsigned int done = 0, idle = 0;
	u64 sum = 0;

	while (done < nr && idle < BENCH_PATIENCE) {
		unsigned int n;

		if (offer)
			vpin_bench_offer(rig, batch);
		n = turn(rig, batch, &sum);
		done += n;
		idle = n ? 0 : idle + 1;
		if (!n)
			cpu_relax();
	}
	return sum;
}

#endif /* _VPIN_BENCH_RIG_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walking a chain and translating its buffers: ns a chain.
 *
 * regions=N: ranges of the guest's memory; each descriptor's buffer is in the
 * next one, or with "by-chain" each chain's buffers are.  "by-page": the pins
 * know single pages instead of one run.  "cold": descriptors are in no cache,
 * each chain has a line of its own, and they come in random order.
 *
 * Barriers are fence instructions in UML.  vringh has one in each walk, which
 * on a host costs nothing there; the others have none.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include "bench.h"
#include "rig.h"

static void vpin_bench_walk_cold(struct vpin_bench *bench, unsigned int who)
{
	vpin_bench_rig_flush(bench->priv);
}

static u64 vpin_bench_walk_run(struct vpin_bench *bench, unsigned int who,
			       unsigned int n)
{
	struct vpin_bench_rig *rig = bench->priv;

	/* The indices count on from the last slice of another one. */
	vpin_bench_rig_start(rig, vpin_bench_contestants[who]);
	return vpin_bench_contestants[who]->walk(rig, n);
}

static int vpin_bench_walk_shape(struct seq_file *m,
				 const struct vpin_bench_shape *shape)
{
	struct vpin_bench bench = {
		.unit = "ns",
		.per = shape->nr_chains,
		.slice_us = 200,
		.nr = BENCH_WALKERS,
		.prepare = shape->shuffled ? vpin_bench_walk_cold : NULL,
		.run = vpin_bench_walk_run,
	};
	struct vpin_bench_rig *rig;
	unsigned int who;
	int ret;

	snprintf(bench.name, sizeof(bench.name),
		 "kernel/walk/%s%s/%u/regions=%u%s%s",
		 shape->indirect ? "indirect" : "direct",
		 shape->shuffled ? "-cold" : "", shape->len, shape->regions,
		 shape->by_chain ? "-by-chain" : "",
		 shape->by_page ? "-by-page" : "");
	rig = vpin_bench_rig_create(shape);
	if (IS_ERR(rig))
		return PTR_ERR(rig);
	bench.priv = rig;
	for (who = 0; who < bench.nr; who++) {
		bench.who[who] = vpin_bench_contestants[who]->who;
		bench.expect[who] =
			vpin_bench_rig_sum(rig, shape->nr_chains,
					   vpin_bench_contestants[who]);
	}
	ret = vpin_bench_measure(&bench, m);
	vpin_bench_rig_destroy(rig);
	return ret;
}

static const struct {
	u32 regions;
	bool by_chain;
	bool by_page;
} vpin_bench_walk_memory[] = {
	{ 1 }, { 4 }, { 64 }, { 64, .by_chain = true }, { 1, .by_page = true },
};

static const u32 vpin_bench_walk_lens[] = { 1, 3, 16, BENCH_CHAIN_MAX };

int vpin_bench_walk(struct seq_file *m)
{
	unsigned int i, memory;
	int ret = 0, indirect;

	for (i = 0; i < 2 * ARRAY_SIZE(vpin_bench_walk_lens); i++) {
		u32 len = vpin_bench_walk_lens[i / 2];
		struct vpin_bench_shape shape = {
			.num = 1024,
			.nr_chains = min(64U, 1024 / len),
			.len = len,
			.stride = i % 2 ? 1 : len,
			.indirect = i % 2,
		};

		for (memory = 0; memory < ARRAY_SIZE(vpin_bench_walk_memory);
		     memory++) {
			shape.regions = vpin_bench_walk_memory[memory].regions;
			shape.by_chain = vpin_bench_walk_memory[memory].by_chain;
			shape.by_page = vpin_bench_walk_memory[memory].by_page;
			/* Of one descriptor that says nothing new. */
			if (shape.by_chain && len == 1)
				continue;
			ret = vpin_bench_walk_shape(m, &shape);
			if (ret)
				return ret;
		}
	}

	for (indirect = 0; indirect < 2; indirect++) {
		struct vpin_bench_shape shape = {
			.num = 32768,
			.nr_chains = 8192,
			.len = 3,
			.stride = 4,
			.indirect = indirect,
			.shuffled = true,
		};

		for (shape.regions = 1; shape.regions <= 64;
		     shape.regions *= 64) {
			ret = vpin_bench_walk_shape(m, &shape);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Benches: how a figure is measured and told.
 *
 * The machine's speed changes under us, and others use it.  So contestants take
 * turns: each round is cut into slices of a fraction of a millisecond, each
 * contestant has one slice after the other's, in an order that rotates, and its
 * sample of the round is the median of its slices.  What is compared is the
 * samples of one round.
 */
#ifndef _VPIN_BENCH_H
#define _VPIN_BENCH_H

#include <linux/types.h>

struct seq_file;

#define BENCH_WHO_MAX	5
#define BENCH_SLICES	7

/**
 * struct vpin_bench - one figure
 * @name: what a sample is called
 * @unit: "ns" or "us"
 * @per: how many of what the figure is about one run() of 1 does
 * @slice_us: how long a slice is; it has at least one run
 * @priv: the caller's
 * @nr: contestants
 * @who: their names
 * @expect: what run() of 1 returns
 * @prepare: done before each run of 1, off the clock; may be NULL: then a
 *	slice is a single run
 * @run: does the work @n times, returns the sum of what it found
 */
struct vpin_bench {
	char name[64];
	const char *unit;
	unsigned int per;
	unsigned int slice_us;
	void *priv;
	unsigned int nr;
	const char *who[BENCH_WHO_MAX];
	u64 expect[BENCH_WHO_MAX];
	void (*prepare)(struct vpin_bench *bench, unsigned int who);
	u64 (*run)(struct vpin_bench *bench, unsigned int who, unsigned int n);
};

int vpin_bench_measure(struct vpin_bench *bench, struct seq_file *m);
extern u32 vpin_bench_rounds;

/* Groups: each writes its samples, returns 0 or an error. */
int vpin_bench_walk(struct seq_file *m);
int vpin_bench_request(struct seq_file *m);
int vpin_bench_remote(struct seq_file *m);
int vpin_bench_map(struct seq_file *m);
int vpin_bench_memory(struct seq_file *m);

#endif /* _VPIN_BENCH_H */

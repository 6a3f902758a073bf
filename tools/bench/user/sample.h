/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking samples.  The machine may change its speed at any time: so all
 * contestants take turns, each sample is short, and each is taken next to one
 * of the floor's.  Only ratios within a round mean something.
 */
#ifndef _BENCH_SAMPLE_H
#define _BENCH_SAMPLE_H

#include "contestant.h"

#define NR_CONTESTANTS	3

/**
 * struct bench - one thing to measure
 * @name: for the output
 * @shape: what the chains look like
 * @batch: requests of this many at a time; 0: chains are only walked
 */
struct bench {
	char name[64];
	struct guest_shape shape;
	__u32 batch;
};

void bench_run(const struct bench *bench, struct guest *guest,
	       unsigned int rounds);
void bench_spin(const struct bench *bench, struct guest *guest,
		const char *who, unsigned int seconds);

#endif /* _BENCH_SAMPLE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A histogram of latencies in a clock's ticks: 32 steps for each power of two, so
 * that what it answers is 3 % off at most.
 */
#ifndef VPIN_BENCH_LATENCY_H
#define VPIN_BENCH_LATENCY_H

#include <stdint.h>

#define LATENCY_STEP_BITS	5
#define LATENCY_STEPS		(1 << LATENCY_STEP_BITS)
#define LATENCY_BUCKETS		((64 - LATENCY_STEP_BITS + 1) * LATENCY_STEPS)

struct latency {
	uint64_t count;
	uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ticks);
void latency_merge(struct latency *into, const struct latency *from);

/* The latency, in ticks, that the given share of all did not exceed. */
uint64_t latency_quantile(const struct latency *latency, double share);

#endif

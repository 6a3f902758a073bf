// SPDX-License-Identifier: GPL-2.0-only
#include "latency.h"

/* Small values have a bucket each; others go by their leading bits. */
static unsigned int bucket_of(uint64_t ticks)
{
	int shift;

	if (ticks < LATENCY_STEPS)
		return ticks;
	shift = 63 - __builtin_clzll(ticks) - LATENCY_STEP_BITS;
	return (shift << LATENCY_STEP_BITS) + (ticks >> shift);
}

/* The largest value that the bucket takes. */
static uint64_t bucket_end(unsigned int bucket)
{
	int shift;

	if (bucket < 2 * LATENCY_STEPS)
		return bucket;
	shift = (bucket >> LATENCY_STEP_BITS) - 1;
	return ((((uint64_t)bucket & (LATENCY_STEPS - 1)) + LATENCY_STEPS + 1) << shift) - 1;
}

void latency_add(struct latency *latency, uint64_t ticks)
{
	latency->count++;
	latency->buckets[bucket_of(ticks)]++;
}

void latency_merge(struct latency *into, const struct latency *from)
{
	unsigned int i;

	into->count += from->count;
	for (i = 0; i < LATENCY_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t latency_quantile(const struct latency *latency, double share)
{
	uint64_t seen = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->buckets[i];
		if (seen && seen >= latency->count * share)
			return bucket_end(i);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers without order; the state must not be 0. */
#ifndef VPIN_BENCH_RANDOM_H
#define VPIN_BENCH_RANDOM_H

#include <stdint.h>

/* xorshift64*: the upper half of a product picks a place without a division. */
static inline uint64_t random_below(uint64_t *state, uint64_t end)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (__uint128_t)(*state * 0x2545f4914f6cdd1dULL) * end >> 64;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_BENCH_CLOCK_H
#define VPIN_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

/* A system call, where there is no vDSO. */
static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/*
 * The processor's own clock, which nobody has to be asked for.  Its unit is found
 * out by reading both clocks twice.
 */
static inline uint64_t now_ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return now_ns();
#endif
}

#endif

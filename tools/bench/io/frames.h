/* SPDX-License-Identifier: GPL-2.0-only */
/* Which page frames, physical pages, memory gets. */
#ifndef VPIN_BENCH_FRAMES_H
#define VPIN_BENCH_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#define PAGE		4096UL
#define HUGE		(512 * PAGE)

struct frames_count {
	uint64_t pages;
	uint64_t runs;		/* of neighbours */
	uint64_t huge;		/* pages in aligned pieces of 2 MiB that are all neighbours */
};

/*
 * Gives memory, a fresh mapping, its frames: neighbours in runs of so many
 * bytes, no run beside the one before it.  Ends the program where it fails.
 */
void frames_take(char *addr, size_t size, size_t run);

/* Adds what memory has got. */
void frames_look(struct frames_count *count, const char *addr, size_t size);

/* Gives back what frames_take() had to put aside. */
void frames_done(void);

#endif

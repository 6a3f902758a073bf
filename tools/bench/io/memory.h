/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's memory: more of it than the requests under way take, in regions
 * that do not touch, and with a physical neighbourhood that can be chosen.
 */
#ifndef VPIN_BENCH_MEMORY_H
#define VPIN_BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "disk.h"
#include "frames.h"

struct memory_options {
	size_t size;		/* bytes of all regions */
	unsigned int regions;
	unsigned int run;	/* pages next to each other; 0: as the kernel has them */
};

struct memory {
	struct memory_options options;
	size_t region_size;
	char **regions;
	struct frames_count frames;
	uint64_t map_ns;	/* spent in mapping, that is pinning, it */
};

/* These end the program with a message where they fail. */
void memory_map(struct memory *memory, struct disk *disk,
		const struct memory_options *options);

/* A place for so many bytes, aligned to them; a power of two. */
void *memory_place(const struct memory *memory, uint64_t *random, size_t size);

#endif

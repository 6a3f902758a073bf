/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the contestants work on: a guest's memory in one or more regions, and a
 * virtqueue in the first of them whose driver has made its chains once and
 * offers them over and over.
 */
#ifndef _BENCH_GUEST_H
#define _BENCH_GUEST_H

#include <linux/types.h>
#include <linux/virtio_ring.h>

#define GUEST_REGIONS_MAX	64
#define GUEST_CHAINS_MAX	32
#define GUEST_QUEUE_SIZE	256

/* What a driver's chains look like. */
struct guest_shape {
	__u32 len;		/* descriptors of a chain */
	__u32 nr_regions;
	__u8 indirect;
	__u8 one_region;	/* all buffers in one region, else in turn */
	__u8 cursors;		/* vhost-pin goes its data path's way */
	__u8 scattered;		/* vhost-pin knows each page by itself */
};

/* The Rust side has the same structures: keep them in step. */
struct guest_region {
	__u64 gpa;
	__u64 size;
	char *host;
};

/**
 * struct guest - a guest
 * @regions: its memory, sorted by address, with holes between
 * @nr_regions: length of @regions
 * @nr_chains: length of @heads, a power of two
 * @desc: GPA of the descriptor area
 * @avail: GPA of the driver area: its entries name the chains in turn
 * @used: GPA of the device area
 * @avail_idx: the driver area's index, for who plays the driver
 * @heads: the chains
 */
struct guest {
	struct guest_region regions[GUEST_REGIONS_MAX];
	__u32 nr_regions;
	__u32 nr_chains;
	__u64 desc;
	__u64 avail;
	__u64 used;
	__u16 *avail_idx;
	__u16 heads[GUEST_CHAINS_MAX];
	struct guest_shape shape;
};

int guest_init(struct guest *guest);
void guest_lay_out(struct guest *guest, const struct guest_shape *shape);
void *guest_host(const struct guest *guest, __u64 gpa);

#endif /* _BENCH_GUEST_H */

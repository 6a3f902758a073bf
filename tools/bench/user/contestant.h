/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who does the work.  Each returns the sum of all host addresses and lengths
 * of the buffers that it came by: it must be the same for all.
 */
#ifndef _BENCH_CONTESTANT_H
#define _BENCH_CONTESTANT_H

#include "guest.h"

/* Requests of a batch, at most. */
#define BATCH_MAX	32

/**
 * struct contestant - an implementation of the device's side
 * @name: for people
 * @open: gets to know a guest
 * @close: forgets it
 * @walk: walks so many chains, round and round, and translates each buffer
 * @request: has the driver offer so many chains in batches of @batch; takes,
 *	walks and gives back each batch.  Starts with a ring at index 0.
 */
struct contestant {
	const char *name;
	void *(*open)(const struct guest *guest);
	void (*close)(void *self);
	__u64 (*walk)(void *self, __u64 nr);
	__u64 (*request)(void *self, __u64 nr, __u32 batch);
};

extern const struct contestant contestant_floor;
extern const struct contestant contestant_vhost_pin;
extern const struct contestant contestant_virtio_queue;

/* The driver: @nr chains more; the ring's entries are there already. */
static inline void driver_offer(const struct guest *guest, __u16 *idx,
				__u32 nr)
{
	*idx += nr;
	__atomic_store_n(guest->avail_idx, *idx, __ATOMIC_RELEASE);
}

#endif /* _BENCH_CONTESTANT_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* A load: one thread a queue that keeps so many requests under way. */
#ifndef VPIN_BENCH_LOAD_H
#define VPIN_BENCH_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "disk.h"
#include "latency.h"

struct load_options {
	bool write;
	unsigned int size;	/* bytes of a request */
	unsigned int depth;	/* requests under way on a queue */
	uint64_t requests;	/* each thread ends after so many; 0: at the stop */
	uint64_t latency_every;	/* one request in so many is timed; 0: none */
};

struct load_request {
	void *data;
	uint64_t begin;		/* ns; 0: it is not timed */
};

struct load_thread {
	pthread_t thread;
	struct load *load;
	struct blkioq *queue;
	struct load_request *requests;
	struct load_request **idle;
	unsigned int nr_idle;
	struct iovec *pieces;
	uint64_t random;
	uint64_t started;
	atomic_ulong ended;
	struct latency latency;
};

struct load {
	struct load_options options;
	struct disk *disk;
	uint64_t blocks;	/* requests' worth of disk */
	atomic_bool stop;
	struct load_thread *threads;
};

void load_start(struct load *load, struct disk *disk,
		const struct load_options *options);
void load_stop(struct load *load);

/* Waits for the threads to end. */
void load_join(struct load *load);

/* Requests that have ended so far. */
uint64_t load_ended(struct load *load);

uint64_t now_ns(void);

#endif

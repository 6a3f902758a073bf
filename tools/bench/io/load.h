/* SPDX-License-Identifier: GPL-2.0-only */
/* A load: one thread a queue that keeps so many requests under way. */
#ifndef VPIN_BENCH_LOAD_H
#define VPIN_BENCH_LOAD_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "disk.h"
#include "latency.h"
#include "memory.h"

struct load_options {
	bool write;
	unsigned int size;	/* bytes of a request */
	unsigned int segments;	/* pieces that those are in */
	unsigned int depth;	/* requests under way on a queue */
	uint64_t requests;	/* each thread ends after so many; 0: at the stop */
	uint64_t latency_every;	/* one request in so many is timed; 0: none */
	struct memory_options memory;	/* no size: each request has a place of its own */
};

/* What a thread and who watches it tell each other, perhaps across processes. */
struct load_board {
	alignas(64) atomic_bool stop;
	atomic_ulong ended;	/* requests */
	atomic_ulong first;	/* ns, when the first one ended; 0: not yet */
};

struct load_request {
	char *data;
	struct iovec *pieces;
	uint64_t begin;		/* ticks; 0: it is not timed */
};

struct load_thread {
	pthread_t thread;
	struct load *load;
	struct load_board *board;
	struct blkioq *queue;
	struct load_request *requests;
	struct load_request **idle;
	unsigned int nr_idle;
	uint64_t random;
	uint64_t started;
	uint64_t until_timed;	/* requests to start until one is; 0: none is */
	struct latency latency;
};

struct load {
	struct load_options options;
	struct disk *disk;
	struct memory memory;
	uint64_t blocks;	/* requests' worth of disk */
	struct load_thread *threads;
};

/* Boards of so many threads, for this process and those that it forks. */
struct load_board *load_boards(unsigned int nr);

/* Maps the memory; one board for each of the disk's queues. */
void load_prepare(struct load *load, struct disk *disk,
		  const struct load_options *options, struct load_board *boards);
void load_start(struct load *load);

/* Waits for the threads to end. */
void load_join(struct load *load);

/* By the boards of any number of loads. */
void load_stop(struct load_board *boards, unsigned int nr);
uint64_t load_ended(const struct load_board *boards, unsigned int nr);

/* When each thread's first request had ended, in ns; 0: not yet. */
uint64_t load_served(const struct load_board *boards, unsigned int nr);

#endif

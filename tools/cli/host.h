/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The disks of this host: what the module says of them in /sys/class/vhost-pin, and
 * what the servers say whose they are.
 */
#ifndef VPIN_CLI_HOST_H
#define VPIN_CLI_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is counted, in the order of host_counters[]. */
enum counter {
	READS, WRITES, FLUSHES, DISCARDS, WRITE_ZEROES, GET_IDS, OTHERS,
	READ_BYTES, WRITTEN_BYTES, DISCARDED_BYTES, ZEROED_BYTES,
	ERRORS_IO, ERRORS_UNSUPPORTED, ERRORS_MALFORMED,
	KICKS, SIGNALS, SIGNALS_SUPPRESSED, TURNS, POLLS, POLL_HITS, BOUNCED, BLOCKED,
	NUM_COUNTERS
};

/* The first of them that is no type of request. */
#define NUM_REQUEST_TYPES	READ_BYTES

/* The names of the files. */
extern const char *const host_counters[NUM_COUNTERS];

/* Texts of a disk, in the order of host_texts[]. */
enum disk_text {
	BACKEND, BACKEND_TYPE, TYPE, ACCESS, CACHE, STATE, SERIAL, STATUS, FEATURES,
	NUM_TEXTS
};

extern const char *const host_texts[NUM_TEXTS];

/* Numbers of a disk, in the order of host_numbers[]. */
enum disk_number {
	CAPACITY, LOGICAL_BLOCK_SIZE, PHYSICAL_BLOCK_SIZE, BUFFERED, POLLED, OWNER,
	PINNED, REPINS, LOG, LATENCY,
	NUM_NUMBERS
};

extern const char *const host_numbers[NUM_NUMBERS];

/* Most buckets of a histogram. */
#define BUCKETS_MAX	64

struct traffic {
	uint64_t inflight;
	uint64_t counts[NUM_COUNTERS];
	/* Requests that took less than 2^(i + 1) microseconds, and not less than half. */
	uint64_t buckets[BUCKETS_MAX];
	unsigned int num_buckets;
};

/* Sums of it. */
uint64_t traffic_requests(const struct traffic *traffic);
uint64_t traffic_bytes(const struct traffic *traffic);
uint64_t traffic_errors(const struct traffic *traffic);

struct host_queue {
	unsigned int index;
	char state[16];
	unsigned int size;		/* descriptors */
	struct traffic traffic;
};

struct host_disk {
	unsigned int index;		/* the N of vpinN */
	ino_t life;			/* no other disk's, also of those that had its N */
	double looked;			/* when it was looked at, of host_clock() */
	char device[24];		/* vpinN */
	char *name;
	char *texts[NUM_TEXTS];
	uint64_t numbers[NUM_NUMBERS];
	char *control;			/* its server's control socket, or NULL */
	char *socket;			/* where it is served, or NULL */
	pid_t vm;			/* whose guest has it; 0: nobody's */
	char *vm_name;			/* "qemu[12]"; "-" for nobody */
	pid_t *workers;
	unsigned int num_workers;
	uint64_t ticks;			/* of the workers */
	struct traffic traffic;		/* of all queues */
	struct host_queue *queues;
	unsigned int num_queues;
};

struct host {
	struct host_disk *disks;
	unsigned int num;
	double looked;			/* when that began, of host_clock() */
};

/* Seconds, of a clock that only goes forward. */
double host_clock(void);

/* Looks at all disks, in the order of their devices; exits where there can be none. */
void host_read(struct host *host);
void host_free(struct host *host);

/*
 * The disks that go by @name, which is their device, their name, their socket, their
 * path or their VM's process: what first fits any.  In @found, of @host->num.  Exits
 * with a message if there is none.
 */
unsigned int host_find(const struct host *host, const char *name,
		       const struct host_disk **found);

#endif

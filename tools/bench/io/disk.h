/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk, through libblkio, whatever serves it. */
#ifndef VPIN_BENCH_DISK_H
#define VPIN_BENCH_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <blkio.h>

enum disk_kind {
	DISK_NONE,
	DISK_VHOST_PIN,		/* path: what vhost-pin serves it from */
	DISK_VDPA,		/* path: a /dev/vhost-vdpa-N */
	DISK_VHOST_USER,	/* path: a back-end's socket */
	DISK_IO_URING,		/* path: a file or block device, no virtio at all */
};

struct disk_options {
	enum disk_kind kind;
	const char *path;
	bool read_only;
	bool poll;
	unsigned int queues;
	unsigned int queue_size;	/* 0: what the depth takes, as far as the disk can */
	unsigned int depth;		/* requests under way on a queue */
	unsigned int segments;		/* of a request */
	unsigned int busyloop_us;	/* of vhost-pin's threads; 0: none */
	bool poll_disk;			/* by vhost-pin's threads */
	bool log;			/* vhost-pin logs what it writes to memory */
	int nice;			/* of vhost-pin's threads */
};

struct disk {
	struct disk_options options;
	struct blkio *blkio;
	int fd;				/* vhost-pin's, which libblkio has */
	uint64_t capacity;		/* bytes */
	unsigned int segment_size;	/* longest piece of a request, 0: any */
};

/* All of these end the program with a message where they fail. */
void disk_open(struct disk *disk, const struct disk_options *options);
struct blkioq *disk_queue(struct disk *disk, unsigned int index);
void *disk_memory(struct disk *disk, size_t size);
void disk_map(struct disk *disk, const struct blkio_mem_region *region);
void disk_close(struct disk *disk);

#endif

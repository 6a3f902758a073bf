/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk that is used by vhost-user: a front-end, its guest's memory and driver. */
#ifndef VPIN_TESTS_UDISK_H
#define VPIN_TESTS_UDISK_H

#include "blk.h"
#include "front.h"

#define UDISK_QUEUES_MAX	8
#define UDISK_MEMORY		(8 << 20)
#define UDISK_DATA		(1 << 20)

/* Where the guest has its memory: neither 0 nor where the front-end has it. */
#define UDISK_IOVA		0x40000000ULL

struct udisk {
	struct front front;
	struct guest guest;
	struct vq vqs[UDISK_QUEUES_MAX];
	unsigned int queues;
	struct blk_request request;
	uint8_t *data;			/* UDISK_DATA bytes, on a page */
};

/* The guest alone.  0 or -errno. */
int udisk_init(struct udisk *disk, unsigned int queues);
/* The front-end, too: connected, and each part taken by the server. */
int udisk_connect(struct udisk *disk, const char *path);
/* Sets up and enables all queues; each goes on where the driver is. */
int udisk_start(struct udisk *disk);
/* All of it. */
int udisk_open(struct udisk *disk, const char *path, unsigned int queues);

/* Hangs up; the guest stays. */
void udisk_hang_up(struct udisk *disk);
void udisk_close(struct udisk *disk);

/* Writes a pattern by queue @queue; as blk_do(). */
int udisk_write(struct udisk *disk, unsigned int queue, uint64_t sector, uint32_t length,
		uint32_t seed);
/* Whether what is read is that pattern. */
bool udisk_reads(struct udisk *disk, unsigned int queue, uint64_t sector, uint32_t length,
		 uint32_t seed);
/* Both, 64 KiB by each queue, at places of its own: 0 if all went well. */
int udisk_works(struct udisk *disk, uint32_t seed);

#endif

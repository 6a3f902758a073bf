/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio-blk requests. */
#ifndef VPIN_TESTS_BLK_H
#define VPIN_TESTS_BLK_H

#include <stdint.h>

#include <linux/virtio_blk.h>

#include "vq.h"

#define SECTOR		512

/* A request in the guest's memory; used again and again. */
struct blk_request {
	struct virtio_blk_outhdr *header;
	uint8_t *status;
	int head;
};

/* What the status byte holds until the device writes it. */
#define BLK_NO_STATUS	0xee

void blk_init(struct blk_request *request, struct guest *guest);

/*
 * Adds a request of header, data (if @length) and status: 0 or -ENOSPC.
 * @data is in the guest's memory; the device writes it if @type reads.
 */
int blk_add(struct vq *vq, struct blk_request *request, uint32_t type,
	    uint64_t sector, const void *data, uint32_t length);
/* The same, with data at any address that was mapped. */
int blk_add_at(struct vq *vq, struct blk_request *request, uint32_t type,
	       uint64_t sector, uint64_t iova, uint32_t length);

/*
 * Does one request with nothing else in flight: its status, -ETIMEDOUT, or
 * -EBADMSG when something else came back.  What the device says it wrote goes
 * to @written, unless that is NULL.
 */
int blk_do(struct vq *vq, struct blk_request *request, uint32_t type,
	   uint64_t sector, const void *data, uint32_t length, uint32_t *written);
int blk_do_at(struct vq *vq, struct blk_request *request, uint32_t type,
	      uint64_t sector, uint64_t iova, uint32_t length, uint32_t *written);

/* Does any chain: the used length, -ETIMEDOUT, -EBADMSG or -ENOSPC. */
int64_t blk_do_chain(struct vq *vq, const struct vq_buf *bufs, unsigned int num);

/* A pattern that differs from sector to sector and from @seed to @seed. */
void pattern_fill(void *data, size_t length, uint64_t sector, uint32_t seed);
/* Is it that pattern? */
bool pattern_is(const void *data, size_t length, uint64_t sector, uint32_t seed);
bool all_bytes_are(const void *data, size_t length, uint8_t byte);

#endif

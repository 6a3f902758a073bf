/* SPDX-License-Identifier: GPL-2.0-only */
/* Many requests at once, over all queues of a device. */
#ifndef VPIN_TESTS_LOAD_H
#define VPIN_TESTS_LOAD_H

#include "rig.h"

#define LOAD_MAX	1024

/* Requests, each with its own place on the disk and in memory. */
struct load {
	struct dev *dev;
	unsigned int nr;
	uint32_t length;
	uint8_t *data;
	struct blk_request requests[LOAD_MAX];
};

/* @nr requests of @length bytes, the data @offset bytes into a page. */
static inline void load_init(struct load *load, struct dev *dev, unsigned int nr,
			     uint32_t length, unsigned int offset)
{
	unsigned int i;

	load->dev = dev;
	load->nr = nr;
	load->length = length;
	load->data = (uint8_t *)guest_alloc(&dev->guest, (size_t)nr * length + GUEST_PAGE,
					    GUEST_PAGE) + offset;
	for (i = 0; i < nr; i++)
		blk_init(&load->requests[i], &dev->guest);
}

static inline uint64_t load_sector(const struct load *load, unsigned int i)
{
	return (uint64_t)i * (load->length / SECTOR);
}

static inline struct vq *load_vq(struct load *load, unsigned int i)
{
	return &load->dev->vqs[i % load->dev->options.queues];
}

/* Offers all of them and kicks; a write of pattern @seed. */
static inline int load_start(struct load *load, uint32_t type, uint32_t seed)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < load->nr; i++) {
		uint8_t *data = load->data + (size_t)i * load->length;

		if (type == VIRTIO_BLK_T_OUT)
			pattern_fill(data, load->length, load_sector(load, i), seed);
		else
			memset(data, 0xa5, load->length);
		ret = blk_add(load_vq(load, i), &load->requests[i], type, load_sector(load, i),
			      data, load->length);
	}
	for (i = 0; i < load->dev->options.queues; i++)
		vq_publish(&load->dev->vqs[i]);
	return ret;
}

/* Waits for all: 0, the first bad status, or -ETIMEDOUT. */
static inline int load_wait(struct load *load)
{
	struct vring_used_elem elem;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < load->nr; i++)
		ret = vq_wait(load_vq(load, i), &elem, VQ_TIMEOUT_MS);
	for (i = 0; !ret && i < load->nr; i++)
		ret = *load->requests[i].status;
	return ret;
}

static inline bool load_is(const struct load *load, uint32_t seed)
{
	return pattern_is(load->data, (size_t)load->nr * load->length, 0, seed);
}

/* Out and in again. */
static inline int load_out_and_in(struct load *load, uint32_t seed)
{
	int ret;

	ret = load_start(load, VIRTIO_BLK_T_OUT, seed) ?: load_wait(load);
	if (!ret)
		ret = load_start(load, VIRTIO_BLK_T_IN, seed) ?: load_wait(load);
	return ret ?: load_is(load, seed) ? 0 : -EILSEQ;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk under test: a device of one queue, a request and memory for its data. */
#ifndef VPIN_TESTS_RIG_H
#define VPIN_TESTS_RIG_H

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "disk.h"
#include "harness.h"
#include "host.h"

#define MIB	(1UL << 20)

struct rig {
	struct dev dev;
	struct blk_request request;
	uint8_t *data;			/* 2 MiB, on a page */
	struct virtio_blk_discard_write_zeroes *range;
};

static inline int rig_run(struct rig *rig, int backend, const struct dev_options *options)
{
	int ret = dev_run(&rig->dev, backend, options);

	if (ret)
		return ret;
	blk_init(&rig->request, &rig->dev.guest);
	rig->data = guest_alloc(&rig->dev.guest, 2 * MIB, GUEST_PAGE);
	rig->range = guest_alloc(&rig->dev.guest, sizeof(*rig->range), 16);
	return 0;
}

/* With flags of the attach alone. */
static inline int rig_run_flags(struct rig *rig, int backend, uint64_t flags)
{
	const struct dev_options options = { .attach_flags = flags };

	return rig_run(rig, backend, &options);
}

static inline void rig_close(struct rig *rig)
{
	dev_close(&rig->dev);
}

static inline int rig_do(struct rig *rig, uint32_t type, uint64_t sector,
			 const void *data, uint32_t length)
{
	return blk_do(&rig->dev.vqs[0], &rig->request, type, sector, data, length, NULL);
}

/* Writes @length bytes of a pattern. */
static inline int rig_write(struct rig *rig, uint64_t sector, uint32_t length, uint32_t seed)
{
	pattern_fill(rig->data, length, sector, seed);
	return rig_do(rig, VIRTIO_BLK_T_OUT, sector, rig->data, length);
}

/* Whether @length bytes that are read are a pattern. */
static inline bool rig_reads(struct rig *rig, uint64_t sector, uint32_t length, uint32_t seed)
{
	memset(rig->data, 0xa5, length);
	return !rig_do(rig, VIRTIO_BLK_T_IN, sector, rig->data, length) &&
	       pattern_is(rig->data, length, sector, seed);
}

static inline int rig_flush(struct rig *rig)
{
	return rig_do(rig, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
}

/* A DISCARD or WRITE_ZEROES of one range. */
static inline int rig_range(struct rig *rig, uint32_t type, uint64_t sector,
			    uint32_t sectors, uint32_t flags)
{
	rig->range->sector = htole64(sector);
	rig->range->num_sectors = htole32(sectors);
	rig->range->flags = htole32(flags);
	return rig_do(rig, type, 0, rig->range, sizeof(*rig->range));
}

/* Config space. */
static inline struct virtio_blk_config rig_config(struct rig *rig)
{
	struct virtio_blk_config config = { 0 };

	vdpa_get_config(rig->dev.fd, 0, sizeof(config), &config);
	return config;
}

static inline bool rig_offers(struct rig *rig, unsigned int feature)
{
	return rig->dev.offered & BIT_ULL(feature);
}

#endif

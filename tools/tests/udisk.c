// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include <linux/virtio_ring.h>

#include "udisk.h"

#define RING_SIZE	128
#define LENGTH		65536

int udisk_init(struct udisk *disk, unsigned int queues)
{
	unsigned int i;
	int ret;

	memset(disk, 0, sizeof(*disk));
	disk->front.socket = disk->front.channel = -1;
	disk->queues = queues;
	ret = guest_init(&disk->guest, UDISK_MEMORY, UDISK_IOVA);
	for (i = 0; !ret && i < queues; i++)
		ret = vq_init(&disk->vqs[i], &disk->guest, i, RING_SIZE, 0, true, true);
	if (ret)
		return ret;
	blk_init(&disk->request, &disk->guest);
	disk->data = guest_alloc(&disk->guest, UDISK_DATA, GUEST_PAGE);
	return 0;
}

int udisk_connect(struct udisk *disk, const char *path)
{
	return front_connect(&disk->front, path) ?:
	       front_greet(&disk->front) ?:
	       front_add_memory(&disk->front, &disk->guest);
}

int udisk_start(struct udisk *disk)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < disk->queues; i++)
		ret = front_setup(&disk->front, &disk->vqs[i], disk->vqs[i].next_used);
	for (i = 0; !ret && i < disk->queues; i++)
		ret = front_enable(&disk->front, i, true);
	return ret;
}

int udisk_open(struct udisk *disk, const char *path, unsigned int queues)
{
	return udisk_init(disk, queues) ?: udisk_connect(disk, path) ?: udisk_start(disk);
}

void udisk_hang_up(struct udisk *disk)
{
	front_close(&disk->front);
}

void udisk_close(struct udisk *disk)
{
	unsigned int i;

	udisk_hang_up(disk);
	for (i = 0; i < disk->queues; i++)
		vq_free(&disk->vqs[i]);
	guest_free(&disk->guest);
}

int udisk_write(struct udisk *disk, unsigned int queue, uint64_t sector, uint32_t length,
		uint32_t seed)
{
	pattern_fill(disk->data, length, sector, seed);
	return blk_do(&disk->vqs[queue], &disk->request, VIRTIO_BLK_T_OUT, sector,
		      disk->data, length, NULL);
}

bool udisk_reads(struct udisk *disk, unsigned int queue, uint64_t sector, uint32_t length,
		 uint32_t seed)
{
	memset(disk->data, 0xa5, length);
	return !blk_do(&disk->vqs[queue], &disk->request, VIRTIO_BLK_T_IN, sector,
		       disk->data, length, NULL) &&
	       pattern_is(disk->data, length, sector, seed);
}

int udisk_works(struct udisk *disk, uint32_t seed)
{
	unsigned int i;

	for (i = 0; i < disk->queues; i++) {
		uint64_t sector = (uint64_t)i * LENGTH / SECTOR;
		int ret = udisk_write(disk, i, sector, LENGTH, seed + i);

		if (ret)
			return ret;
		if (!udisk_reads(disk, i, sector, LENGTH, seed + i))
			return -EILSEQ;
	}
	return 0;
}

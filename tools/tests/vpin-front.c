// SPDX-License-Identifier: GPL-2.0-only
/*
 * vpin-front: a front-end of vhost-user for a disk that somebody else serves, with no
 * VMM.  It writes, reads back and flushes by some queues, which destroys what the
 * disk holds; or reads all of it in turn for a while, and says how much it got.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "udisk.h"

#define QUEUES		4
#define LOAD_LENGTH	(256 << 10)

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* One request in flight. */
static int load_add(struct udisk *disk, struct blk_request *requests, unsigned int queue,
		    uint64_t sector)
{
	int ret = blk_add(&disk->vqs[queue], &requests[queue], VIRTIO_BLK_T_IN, sector,
			  disk->data, LOAD_LENGTH);

	if (!ret)
		vq_publish(&disk->vqs[queue]);
	return ret;
}

/*
 * Bytes that were read in @seconds, or -errno.  One request a queue is always in
 * flight, so that a scheduler has no reason to think that there are no more.
 */
static int64_t load(struct udisk *disk, double seconds)
{
	static struct blk_request requests[QUEUES];
	double end = now() + seconds;
	uint64_t sector = 0, sectors;
	struct vring_used_elem elem;
	int64_t bytes = 0;
	unsigned int i;
	int ret = front_get_config(&disk->front, 0, sizeof(sectors), 0, &sectors);

	if (ret)
		return ret;
	sectors = le64toh(sectors) / (LOAD_LENGTH / SECTOR) * (LOAD_LENGTH / SECTOR);
	if (!sectors)
		return -EINVAL;
	for (i = 0; !ret && i < QUEUES; i++) {
		blk_init(&requests[i], &disk->guest);
		ret = load_add(disk, requests, i, 0);
	}
	for (i = 0; !ret && now() < end; i = (i + 1) % QUEUES) {
		ret = vq_wait(&disk->vqs[i], &elem, VQ_TIMEOUT_MS) ?: *requests[i].status;
		if (ret)
			break;
		bytes += LOAD_LENGTH;
		sector = (sector + LOAD_LENGTH / SECTOR) % sectors;
		ret = load_add(disk, requests, i, sector);
	}
	for (i = 0; !ret && i < QUEUES; i++)
		ret = vq_wait(&disk->vqs[i], &elem, VQ_TIMEOUT_MS) ?: *requests[i].status;
	return ret ? (ret > 0 ? -EIO : ret) : bytes;
}

int main(int argc, char *argv[])
{
	static struct udisk disk;
	double seconds, start;
	int64_t bytes;
	int ret;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "Usage: vpin-front SOCKET [SECONDS]\n");
		return 2;
	}
	ret = udisk_open(&disk, argv[1], QUEUES);
	if (ret) {
		fprintf(stderr, "vpin-front: %s: %s\n", argv[1], strerror(abs(ret)));
		return EXIT_FAILURE;
	}
	if (argc == 3) {
		seconds = atof(argv[2]);
		start = now();
		bytes = load(&disk, seconds);
		if (bytes < 0)
			ret = bytes;
		else
			printf("%.0f\n", bytes / (now() - start));
	} else {
		ret = udisk_works(&disk, 1) ?:
		      blk_do(&disk.vqs[0], &disk.request, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL);
	}
	if (ret)
		fprintf(stderr, "vpin-front: a request failed: %d\n", ret);
	udisk_close(&disk);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}

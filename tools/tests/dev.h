/* SPDX-License-Identifier: GPL-2.0-only */
/* A whole virtio-blk device, its guest's memory and its driver. */
#ifndef VPIN_TESTS_DEV_H
#define VPIN_TESTS_DEV_H

#include <stdbool.h>

#include "guest.h"
#include "vdpa.h"
#include "vq.h"

#define DEV_QUEUES_MAX	8

/* What to ask for; 0 is a sensible default everywhere. */
struct dev_options {
	uint64_t attach_flags;
	int nice;			/* with VPIN_ATTACH_NICE */
	unsigned int logical, physical;	/* block sizes in bytes */
	const char *serial;
	unsigned int queues;		/* 1 */
	unsigned int workers;		/* one a queue */
	unsigned int queue_size;	/* 256 */
	size_t memory;			/* 8 MiB */
	uint64_t iova;			/* of the guest's memory */
	unsigned int ring_offset;	/* of each descriptor table into a page */
	uint64_t without;		/* feature bits that the driver declines */
	bool direct;			/* do not use indirect tables */
	bool v1;			/* legacy IOTLB messages, as libblkio's */
};

struct dev {
	int fd;
	struct dev_options options;
	uint64_t offered, features;
	struct guest guest;
	struct vq vqs[DEV_QUEUES_MAX];
};

/*
 * Opens a blank device, attaches @backend_fd, makes the guest's memory and maps
 * it.  @options may be NULL.  0 or -errno; then nothing is left open.
 */
int dev_open(struct dev *dev, int backend_fd, const struct dev_options *options);
/* The same with a device that is open already: it is closed if that fails. */
int dev_open_as(struct dev *dev, int fd, int backend_fd, const struct dev_options *options);

/* From status 0 to DRIVER_OK with every queue enabled.  0 or -errno. */
int dev_start(struct dev *dev);

/* Resets the device and forgets what was queued.  0 or -errno. */
int dev_stop(struct dev *dev);

/*
 * As QEMU does it by stop and cont, with nothing queued: suspend, base, reset, and
 * all anew.  The driver sees nothing of it.  0, -errno, or -EBADMSG for a base that
 * is another.
 */
int dev_stop_and_cont(struct dev *dev);

void dev_close(struct dev *dev);

/* dev_open() and dev_start(). */
int dev_run(struct dev *dev, int backend_fd, const struct dev_options *options);

/* Sectors of the disk as its config space says. */
uint64_t dev_capacity(const struct dev *dev);

#endif

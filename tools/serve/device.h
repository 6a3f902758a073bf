/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device of the module that serves a disk.
 *
 * The module speaks vhost-vdpa, where a device is started as a whole; vhost-user
 * starts and stops queues.  So the device is in use (DRIVER_OK) from the start of
 * its first queue to the stop of its last.  Its memory and its eventfds stay.
 *
 * Functions return 0 or a negative errno unless they say otherwise.  Those that
 * stop a queue wait until its requests have ended, which is the backend's affair.
 */
#ifndef VPIN_SERVE_DEVICE_H
#define VPIN_SERVE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vhost_pin.h>

struct device {
	int fd;				/* of the attached module's file */
	int config_call;		/* eventfd: config space or status changed */
	uint64_t offered;		/* features of the disk */
	unsigned int num_queues;
	unsigned int queue_size;	/* largest ring */
	size_t config_size;		/* bytes */

	uint64_t features;		/* that the driver took */
	unsigned int running;		/* queues */
	bool broken;			/* one of them, as was said */
};

/* A queue's ring; addresses are the guest's. */
struct device_ring {
	unsigned int num;
	uint64_t desc, avail, used;
};

/* Makes us the owner of the attached device @fd; its threads are the caller's. */
int device_init(struct device *device, int fd);

/* Features that the driver took; -EBUSY if queues run that were told of others. */
int device_set_features(struct device *device, uint64_t features);

/* Bytes beyond the device's own read as zeroes. */
int device_get_config(struct device *device, uint32_t offset, uint32_t size, void *data);

/* Whether a queue broke, and only a reset mends it; said once until then. */
bool device_has_broken(struct device *device);

/* Stops all queues and forgets their rings. */
int device_reset(struct device *device);

/* Memory: @uaddr is an address of this process. */
int device_map(struct device *device, uint64_t gpa, uint64_t size, const void *uaddr);
int device_unmap(struct device *device, uint64_t gpa, uint64_t size);
/* What is between them appears at once. */
int device_batch_begin(struct device *device);
int device_batch_end(struct device *device);

/* Eventfds of a queue, running or not; -1 for none. */
int device_set_kick(struct device *device, unsigned int index, int eventfd);
int device_set_call(struct device *device, unsigned int index, int eventfd);
int device_set_err(struct device *device, unsigned int index, int eventfd);

/*
 * A queue's ring.  If a device that was closed still has it, that is waited for, and
 * -EBUSY if its backend does not answer: what the ring says was used is read after this.
 */
int device_set_ring(struct device *device, unsigned int index, const struct device_ring *ring);
/* A queue of which the ring is set goes on at @base. */
int device_start_queue(struct device *device, unsigned int index, uint16_t base);
/* Returns the index of the next request to take. */
int device_stop_queue(struct device *device, unsigned int index);

/* Marks what the device writes in the bitmap at @bitmap; NULL ends that. */
int device_set_log(struct device *device, const void *bitmap, size_t size);

/* Reads the backend's size again. */
int device_resize(struct device *device);

#endif

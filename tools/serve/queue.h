/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue as the front-end sets it up.  It runs while it is enabled, has a size,
 * addresses and a kick.
 */
#ifndef VPIN_SERVE_QUEUE_H
#define VPIN_SERVE_QUEUE_H

#include <stdbool.h>

#include "device.h"
#include "memory.h"
#include "reason.h"

struct queue {
	struct device *device;
	struct memory *memory;
	unsigned int index;

	unsigned int num;		/* entries of the ring; 0: not known */
	bool has_addr;
	uint64_t desc, avail, used;	/* the front-end's addresses */
	uint16_t base;			/* where it goes on, as long as it is stopped */
	bool has_kick;
	bool enabled;
	bool always_enabled;		/* the front-end does not say */
	int call;			/* eventfd, or -1 */
	bool running;
};

/* All return 0, or a negative errno with a reason. */

int queue_set_num(struct queue *queue, uint32_t num, struct reason *why);
int queue_set_base(struct queue *queue, uint32_t base, struct reason *why);
int queue_set_addr(struct queue *queue, const struct vhost_user_vring_addr *addr,
		   struct reason *why);

/*
 * Starts the queue at an eventfd, -1 takes one away.  The descriptor becomes the
 * queue's.
 */
int queue_set_kick(struct queue *queue, int eventfd, struct reason *why);
int queue_set_call(struct queue *queue, int eventfd, struct reason *why);
int queue_set_err(struct queue *queue, int eventfd, struct reason *why);

int queue_enable(struct queue *queue, bool enable, struct reason *why);
/* Of a front-end that does not say: all that is set up runs. */
int queue_enable_always(struct queue *queue, bool always, struct reason *why);

/* Stops it; it starts again with the next kick. */
int queue_stop(struct queue *queue, struct reason *why);

void queue_init(struct queue *queue, struct device *device, struct memory *memory,
		unsigned int index);

/* Forgets the set-up of a queue whose device was reset. */
void queue_forget(struct queue *queue);

/* Drops its eventfds as well. */
void queue_fini(struct queue *queue);

#endif

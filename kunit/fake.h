/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device type for tests: it does nothing with its chains but count them, and
 * holds them in flight as long as the test likes.
 */
#ifndef _VPIN_KUNIT_FAKE_H
#define _VPIN_KUNIT_FAKE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include "rig.h"

/**
 * struct vpin_fake - a device of the fake type
 * @rig: the device and its guest
 * @hold: chains stay in flight until vpin_fake_release()
 * @at_once: chains are given back without having been in flight
 * @writes: has the device write to a chain of @vq, the one at hand or one that
 *	ended, before it is given back
 * @endless: a driver that offers head 0 again as soon as it is used
 * @resume_ms: how long a turn of a queue that was woken takes between the ends and
 *	what is told of them
 * @fail_start: queues fail to start with -ENOMEM from this one on
 * @backend: its backend, which nothing uses
 * @lock: guards @held, and what queues count
 * @held: requests in flight
 * @nr_held: how many
 * @nr_started: queues started so far
 * @nr_stopped: queues stopped so far
 * @nr_resets: resets so far
 * @nr_taken: good chains taken so far
 * @nr_bad: bad chains seen so far
 * @nr_ended: requests ended so far
 * @nr_faults: requests that were used twice at a time, or lost
 * @most_taken: most chains taken in one turn
 */
struct vpin_fake {
	struct vpin_rig rig;
	bool hold;
	bool at_once;
	void (*writes)(struct vpin_fake *fake, struct vpin_vq *vq);
	bool endless;
	unsigned int resume_ms;
	u16 fail_start;
	struct file *backend;
	spinlock_t lock;
	struct list_head held;
	unsigned int nr_held;
	unsigned int nr_started;
	unsigned int nr_stopped;
	unsigned int nr_resets;
	unsigned int nr_taken;
	unsigned int nr_bad;
	unsigned int nr_ended;
	unsigned int nr_faults;
	unsigned int most_taken;
};

/* Features that it offers. */
#define FAKE_FEATURES \
	(BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
	 BIT_ULL(VIRTIO_RING_F_EVENT_IDX))

/* A suite's init and exit: the fake is the test's private data. */
struct vpin_fake *vpin_fake_alloc(struct kunit *test);
int vpin_fake_init(struct kunit *test);
void vpin_fake_exit(struct kunit *test);

void vpin_fake_run_held(struct vpin_fake *fake, u16 num, u16 nr);
bool vpin_fake_held(struct vpin_fake *fake, unsigned int nr);
unsigned int vpin_fake_release(struct vpin_fake *fake, unsigned int max);

#endif /* _VPIN_KUNIT_FAKE_H */

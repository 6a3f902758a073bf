/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VMM with a device that is set up but not started.  After each test the
 * host must have its pins, threads and memory back.
 *
 * The ids of the tests (V01, T07, ...) name known faults of this kind of
 * device, and what its clients rely on.
 */
#ifndef VPIN_TESTS_VMM_H
#define VPIN_TESTS_VMM_H

#include <pthread.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define MIB	(1UL << 20)
#define QUEUES	2

FIXTURE(vmm) {
	int backend;
	long pins;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;
};

static const struct dev_options two_queues = { .queues = QUEUES, .queue_size = 64 };

FIXTURE_SETUP(vmm)
{
	ASSERT_EQ(0, host_workers());
	self->pins = host_pins();
	self->backend = backend_memfd(8 * MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &two_queues));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
}

FIXTURE_TEARDOWN(vmm)
{
	dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, host_charged());
}

#define READ() \
	blk_do(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data, 4096, NULL)

#define MAP(iova, size, address, perm) \
	vdpa_map(self->dev.fd, MSG_V2, iova, size, address, perm)
#define UNMAP(iova, size) vdpa_unmap(self->dev.fd, MSG_V2, iova, size)

/* Something that goes on beside the test. */
struct beside {
	FIXTURE_DATA(vmm) *self;
	void (*act)(FIXTURE_DATA(vmm) *self, unsigned int turn);
	volatile bool stop;
	unsigned int turns;
	pthread_t thread;
};

static inline void *beside_thread(void *data)
{
	struct beside *beside = data;

	while (!beside->stop)
		beside->act(beside->self, beside->turns++);
	return NULL;
}

static inline int beside_start(struct beside *beside)
{
	return pthread_create(&beside->thread, NULL, beside_thread, beside);
}

static inline void beside_stop(struct beside *beside)
{
	beside->stop = true;
	pthread_join(beside->thread, NULL);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processors and one ring: what one stores before it looks, the other must
 * see.  A kick or a signal that is lost here is a hang.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define ROUNDS	300000
#define HANG_NS	2000000000ULL

FIXTURE(race) {
	int backend;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *id;
};

FIXTURE_VARIANT(race) {
	uint64_t without;
};

FIXTURE_VARIANT_ADD(race, event_idx) {
};

FIXTURE_VARIANT_ADD(race, flags) {
	.without = BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
};

FIXTURE_SETUP(race)
{
	const struct dev_options options = { .without = variant->without };

	self->backend = backend_memfd(1 << 20);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->id = guest_alloc(&self->dev.guest, VIRTIO_BLK_ID_BYTES, 16);
}

FIXTURE_TEARDOWN(race)
{
	dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(0, host_workers());
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* A request that is served within its turn. */
static int begin(FIXTURE_DATA(race) *self)
{
	int ret = blk_add(self->vq, &self->request, VIRTIO_BLK_T_GET_ID, 0,
			  self->id, VIRTIO_BLK_ID_BYTES);

	vq_publish(self->vq);
	return ret;
}

/*
 * The next request comes as soon as the last one is seen to be used: just when
 * the device asks to be kicked for it.
 */
TEST_F(race, no_kick_is_lost)
{
	struct vring_used_elem elem;
	unsigned int i, spins = 0;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t start = 0;

		ASSERT_LE(0, begin(self));
		while (!vq_take(self->vq, &elem)) {
			if (++spins % 1024)
				continue;
			start = start ? start : now_ns();
			ASSERT_GT(HANG_NS, now_ns() - start)
				TH_LOG("no kick after round %u", i);
		}
	}
}

/* The driver asks for a signal just when the device looks whether to. */
TEST_F(race, no_signal_is_lost)
{
	struct vring_used_elem elem;
	unsigned int i, spin;

	for (i = 0; i < ROUNDS / 10; i++) {
		ASSERT_LE(0, begin(self));
		for (spin = i % 400; spin; spin--)
			__asm__ volatile("");
		ASSERT_EQ(0, vq_wait(self->vq, &elem, 2000))
			TH_LOG("no signal in round %u", i);
	}
}

/*
 * A worker that polls yields to who wants its processor: it has next to nothing
 * of it, beside one that is always at work.
 */
static double cpu_seconds(pid_t thread)
{
	unsigned long user, system;
	char path[64];
	FILE *file;
	int got;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread);
	file = fopen(path, "r");
	if (!file)
		return -1;
	got = fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		     &user, &system);
	fclose(file);
	return got == 2 ? (double)(user + system) / sysconf(_SC_CLK_TCK) : -1;
}

static void *spin(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
		;
	return NULL;
}

/* A request each 20 ms, for a second: processor time that the worker had. */
static double ping(FIXTURE_DATA(race) *self, pid_t worker)
{
	double before = cpu_seconds(worker);
	unsigned int i;

	for (i = 0; i < 50; i++) {
		if (blk_do(self->vq, &self->request, VIRTIO_BLK_T_GET_ID, 0,
			   self->id, VIRTIO_BLK_ID_BYTES, NULL))
			return -1;
		usleep(20000);
	}
	return cpu_seconds(worker) - before;
}

static int pin_to(pid_t thread, unsigned int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(thread, sizeof(one), &one);
}

TEST_F(race, busy_polling_yields)
{
	struct vhost_vring_state longest = { .num = VPIN_BUSYLOOP_MAX };
	double alone, beside;
	pthread_t spinner;
	cpu_set_t first;
	int worker, stop = 0;

	ASSERT_EQ(1, host_worker_ids(&worker, 1));
	ASSERT_EQ(0, pin_to(worker, 0));
	ASSERT_EQ(0, pin_to(0, 1));
	ASSERT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
				&longest));
	/* What comes soon after it gave up makes it poll for longer. */
	ping(self, worker);
	alone = ping(self, worker);
	EXPECT_LT(0.5, alone);

	ASSERT_EQ(0, pthread_create(&spinner, NULL, spin, &stop));
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	pthread_setaffinity_np(spinner, sizeof(first), &first);
	beside = ping(self, worker);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(spinner, NULL);
	EXPECT_LE(0, beside);
	EXPECT_GT(alone / 3, beside);
	TH_LOG("of as long: %.2f s alone, %.2f s beside", alone, beside);
}

TEST_HARNESS_MAIN

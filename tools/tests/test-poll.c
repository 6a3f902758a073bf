// SPDX-License-Identifier: GPL-2.0-only
/*
 * VPIN_ATTACH_POLL: requests that no interrupt ends, on a null_blk with memory
 * and one queue for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define NULLB	"/sys/kernel/config/nullb/vpin-poll"
#define DEPTH	32
#define LENGTH	16384

static int set(const char *option, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), NULLB "/%s", option);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

FIXTURE(poll) {
	int backend;
	struct dev dev;
	struct blk_request requests[DEPTH];
	uint8_t *data[DEPTH];
};

FIXTURE_SETUP(poll)
{
	const struct dev_options options = { .attach_flags = VPIN_ATTACH_POLL };
	unsigned int i;

	ASSERT_EQ(0, mkdir(NULLB, 0755)) TH_LOG("no null_blk in this kernel");
	ASSERT_EQ(0, set("memory_backed", "1"));
	ASSERT_EQ(0, set("size", "16"));
	ASSERT_EQ(0, set("submit_queues", "1"));
	ASSERT_EQ(0, set("poll_queues", "1"));
	ASSERT_EQ(0, set("power", "1"));
	self->backend = backend_device("/dev/vpin-poll");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	for (i = 0; i < DEPTH; i++) {
		blk_init(&self->requests[i], &self->dev.guest);
		self->data[i] = guest_alloc(&self->dev.guest, LENGTH, GUEST_PAGE);
	}
}

FIXTURE_TEARDOWN(poll)
{
	if (self->dev.fd > 0)
		dev_close(&self->dev);
	if (self->backend > 0)
		close(self->backend);
	set("power", "0");
	rmdir(NULLB);
	EXPECT_EQ(0, host_workers());
}

static uint64_t sector_of(unsigned int i)
{
	return (uint64_t)i * (LENGTH / SECTOR);
}

/* Starts one request on each buffer. */
static int start_all(FIXTURE_DATA(poll) *self, uint32_t type)
{
	struct vq *vq = &self->dev.vqs[0];
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < DEPTH; i++)
		ret = blk_add(vq, &self->requests[i], type, sector_of(i),
			      self->data[i], LENGTH);
	vq_publish(vq);
	return ret;
}

static int wait_all(FIXTURE_DATA(poll) *self)
{
	struct vring_used_elem elem;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < DEPTH; i++)
		ret = vq_wait(&self->dev.vqs[0], &elem, VQ_TIMEOUT_MS);
	for (i = 0; !ret && i < DEPTH; i++)
		ret = *self->requests[i].status;
	return ret;
}

TEST_F(poll, writes_and_reads)
{
	unsigned int i;

	for (i = 0; i < DEPTH; i++)
		pattern_fill(self->data[i], LENGTH, sector_of(i), 1);
	ASSERT_EQ(0, start_all(self, VIRTIO_BLK_T_OUT));
	ASSERT_EQ(0, wait_all(self));
	for (i = 0; i < DEPTH; i++)
		memset(self->data[i], 0, LENGTH);
	ASSERT_EQ(0, start_all(self, VIRTIO_BLK_T_IN));
	ASSERT_EQ(0, wait_all(self));
	for (i = 0; i < DEPTH; i++)
		EXPECT_TRUE(pattern_is(self->data[i], LENGTH, sector_of(i), 1));
}

/* Polled requests and one that an interrupt ends. */
TEST_F(poll, flushes)
{
	struct vq *vq = &self->dev.vqs[0];
	unsigned int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, blk_do(vq, &self->requests[0], VIRTIO_BLK_T_OUT,
				    i, self->data[0], SECTOR, NULL));
		ASSERT_EQ(0, blk_do(vq, &self->requests[0], VIRTIO_BLK_T_FLUSH,
				    0, NULL, 0, NULL));
	}
}

/* A reset waits for what is under way: nobody else would end it. */
TEST_F(poll, reset_with_requests_under_way)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, start_all(self, VIRTIO_BLK_T_IN));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	ASSERT_EQ(0, start_all(self, VIRTIO_BLK_T_IN));
	ASSERT_EQ(0, wait_all(self));
}

/* Once nothing is under way the worker sleeps. */
TEST_F(poll, idle_workers_sleep)
{
	ASSERT_EQ(0, start_all(self, VIRTIO_BLK_T_IN));
	ASSERT_EQ(0, wait_all(self));
	usleep(100000);
	EXPECT_EQ(0, host_busy_workers());
}

TEST_HARNESS_MAIN

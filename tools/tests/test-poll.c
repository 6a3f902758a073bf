// SPDX-License-Identifier: GPL-2.0-only
/*
 * VPIN_ATTACH_POLL: requests that no interrupt ends, on a null_blk with memory
 * and one queue for them.
 */
#include <unistd.h>

#include "load.h"

#define DEPTH	32
#define LENGTH	16384

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

	self->backend = nullb_create("poll", 16, "submit_queues=1,poll_queues=1");
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
	nullb_remove("poll");
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

/* T07: disks with fewer tags than requests, and with schedulers. */
FIXTURE(tags) {
	int backend;
	struct dev dev;
	struct load load;
};

FIXTURE_VARIANT(tags) {
	const char *options;
	const char *scheduler;
	unsigned int queues;
	unsigned int requests;
};

#define ONE	"submit_queues=1,poll_queues=1,"
#define TWO	"submit_queues=1,poll_queues=2,"

FIXTURE_VARIANT_ADD(tags, one_tag)   { ONE "hw_queue_depth=1", "none", 1, 64 };
FIXTURE_VARIANT_ADD(tags, of_two)    { TWO "hw_queue_depth=1", "none", 4, 256 };
FIXTURE_VARIANT_ADD(tags, of_four)   { ONE "hw_queue_depth=64", "none", 4, 512 };
FIXTURE_VARIANT_ADD(tags, deadline)  { ONE "hw_queue_depth=16", "mq-deadline", 2, 256 };
FIXTURE_VARIANT_ADD(tags, kyber)     { ONE "hw_queue_depth=16", "kyber", 2, 256 };
FIXTURE_VARIANT_ADD(tags, bfq)	     { ONE "hw_queue_depth=16", "bfq", 2, 256 };
FIXTURE_VARIANT_ADD(tags, deadline2) { TWO "hw_queue_depth=1", "mq-deadline", 4, 256 };
/* A cache that is flushed: by requests that nobody polls for. */
FIXTURE_VARIANT_ADD(tags, cache)     { ONE "hw_queue_depth=4,cache_size=8", "none", 2, 64 };

FIXTURE_SETUP(tags)
{
	const struct dev_options options = {
		.attach_flags = VPIN_ATTACH_POLL, .queues = variant->queues, .memory = 12 * MIB,
		.queue_size = 512,
	};

	self->dev.fd = -1;
	self->backend = nullb_create("tags", 16, variant->options);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, disk_queue_set(self->backend, "scheduler", variant->scheduler));
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	load_init(&self->load, &self->dev, variant->requests, 4096, 0);
}

FIXTURE_TEARDOWN(tags)
{
	dev_close(&self->dev);
	close(self->backend);
	nullb_remove("tags");
	EXPECT_EQ(0, host_workers());
}

TEST_F(tags, T07_more_requests_than_tags)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, load_out_and_in(&self->load, i)) TH_LOG("round %u", i);
}

TEST_F(tags, T07_flushes_between)
{
	struct blk_request flush;
	unsigned int i;

	blk_init(&flush, &self->dev.guest);
	for (i = 0; i < 3; i++) {
		struct vring_used_elem elem;

		ASSERT_EQ(0, blk_add(&self->dev.vqs[0], &flush, VIRTIO_BLK_T_FLUSH, 0, NULL, 0));
		ASSERT_EQ(0, load_start(&self->load, VIRTIO_BLK_T_OUT, i));
		/* One more than the load's own, whichever is first. */
		ASSERT_EQ(0, vq_wait(&self->dev.vqs[0], &elem, VQ_TIMEOUT_MS));
		ASSERT_EQ(0, load_wait(&self->load));
		ASSERT_EQ(0, *flush.status);
	}
}

/* Write-through: each write makes itself stable. */
TEST_F(tags, T07_stable_writes)
{
	uint8_t off = 0;

	ASSERT_EQ(0, vdpa_set_config(self->dev.fd, offsetof(struct virtio_blk_config, wce), 1,
				     &off));
	ASSERT_EQ(0, load_out_and_in(&self->load, 1));
}

TEST_F(tags, T07_reset_under_way)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, load_start(&self->load, VIRTIO_BLK_T_IN, 1));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	ASSERT_EQ(0, load_out_and_in(&self->load, 1));
}

/* The queues that are polled go away under I/O: interrupts serve. */
TEST_F(tags, T07_poll_queues_that_go_away)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, load_start(&self->load, VIRTIO_BLK_T_OUT, i));
		if (i == 1)
			ASSERT_EQ(0, nullb_set("tags", "poll_queues", "0"));
		ASSERT_EQ(0, load_wait(&self->load));
	}
	ASSERT_EQ(0, load_out_and_in(&self->load, 7));
	usleep(100000);
	EXPECT_EQ(0, host_busy_workers());
}

TEST_HARNESS_MAIN

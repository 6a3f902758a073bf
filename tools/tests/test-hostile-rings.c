// SPDX-License-Identifier: GPL-2.0-only
/* What a guest can do to the rings, and to those who serve them. */
#include <sys/eventfd.h>

#include "hostile.h"

TEST_F(hostile, H12_avail_ahead_by_exactly_the_size)
{
	struct vring_used_elem elem;
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_FLUSH, 0);
	for (i = 0; i < SIZE; i++) {
		DESC(i, STATUS, 1, WRITE, 0);
		vq_add_head(self->vq, i);
	}
	vq_publish(self->vq);
	for (i = 0; i < SIZE; i++)
		ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_ALIVE();
}

TEST_F(hostile, H12_avail_ahead_by_more)
{
	self->vq->next_avail += SIZE + 1;
	vq_publish(self->vq);
	EXPECT_BROKEN();
}

TEST_F(hostile, H12_avail_backwards)
{
	EXPECT_ALIVE();
	self->vq->next_avail -= 1;
	vq_publish(self->vq);
	vq_kick(self->vq);
	EXPECT_BROKEN();
}

TEST_F(hostile, H12_avail_around_the_wrap)
{
	unsigned int i;

	ASSERT_EQ(0, dev_stop(&self->dev));
	vq_rebase(self->vq, 0xffff - SIZE);
	ASSERT_EQ(0, dev_start(&self->dev));

	prepare(self, VIRTIO_BLK_T_FLUSH, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, STATUS, 1, WRITE, 0);
	/* The index counts modulo 2^16: its wrap is nothing special, */
	for (i = 0; i < 2 * SIZE; i++)
		ASSERT_EQ(1, offer(self, 0)) TH_LOG("request %u", i);
	ASSERT_EQ(SIZE - 1, self->vq->next_used);
	/* and half of the way around is too far. */
	self->vq->next_avail += 0x8000;
	vq_publish(self->vq);
	vq_kick(self->vq);
	EXPECT_BROKEN();
}

TEST_F(hostile, H13_one_head_many_times_in_flight)
{
	struct vring_used_elem elem;
	unsigned int i, turn;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, 65536, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	for (turn = 0; turn < 20; turn++) {
		for (i = 0; i < SIZE; i++)
			vq_add_head(self->vq, 0);
		vq_publish(self->vq);
		for (i = 0; i < SIZE; i++) {
			ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
			ASSERT_EQ(0, elem.id);
		}
	}
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
	EXPECT_ALIVE();
}

TEST_F(hostile, H14_the_ring_as_a_buffer)
{
	struct vq *vq = self->vq;
	struct vring_used_elem elem;
	uint64_t targets[] = { IOVA(vq->desc), IOVA(vq->avail), IOVA(vq->used),
			       IOVA(self->other.status) };
	unsigned int i;

	pattern_fill(self->data, MIB, 0, 3);
	ASSERT_EQ(MIB, pwrite(self->backend, self->data, MIB, 0));

	for (i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		prepare(self, VIRTIO_BLK_T_IN, 0);
		DESC(0, HEADER, 16, NEXT, 1);
		DESC(1, targets[i], SECTOR, NEXT | WRITE, 2);
		DESC(2, STATUS, 1, WRITE, 0);
		vq_add_head(vq, 0);
		vq_publish(vq);
		/* It may come back, or what comes back is garbage. */
		vq_wait(vq, &elem, 300);
		vq_kick(vq);
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
}

static void produce(FIXTURE_DATA(hostile) *self, unsigned int turn)
{
	/* The index follows the device's own: never too far ahead, never empty. */
	uint16_t used = __atomic_load_n(&self->vq->used->idx, __ATOMIC_ACQUIRE);

	__atomic_store_n(&self->vq->avail->idx, used + SIZE, __ATOMIC_RELEASE);
	if (turn % 64 == 0)
		vq_kick(self->vq);
}

TEST_F(hostile, H15_endless_producer)
{
	struct mischief mischief = { .self = self, .act = produce };
	unsigned int i;

	/* All heads are 0: a request that needs no backend. */
	prepare(self, VIRTIO_BLK_T_GET_ID, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA + 4096, 20, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	ASSERT_EQ(0, mischief_start(&mischief));
	for (i = 0; i < 200; i++)
		EXPECT_EQ(0, READ_SECTOR(1));
	/* Even while it goes on the device can be stopped, started and stopped. */
	EXPECT_EQ(0, vdpa_suspend(self->dev.fd));
	EXPECT_EQ(0, vdpa_resume(self->dev.fd));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	mischief_stop(&mischief);
	EXPECT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(0, dev_start(&self->dev));
}

TEST_F(hostile, H15_endless_producer_until_close)
{
	struct mischief mischief = { .self = self, .act = produce };
	int fd = self->dev.fd;

	prepare(self, VIRTIO_BLK_T_GET_ID, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA + 4096, 20, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	ASSERT_EQ(0, mischief_start(&mischief));
	EXPECT_EQ(0, READ_SECTOR(1));
	EXPECT_EQ(0, close(fd));
	mischief_stop(&mischief);
	self->dev.fd = -1;
	guest_free(&self->dev.guest);
}

TEST_F(hostile, H16_hundred_thousand_malformed_chains)
{
	struct vring_used_elem elem;
	unsigned int i, turn;
	long pins = host_pins();

	/* A loop, an index out of range, a hole, no header, in turn. */
	DESC(0, STATUS, 1, NEXT | WRITE, 0);
	DESC(1, STATUS, 1, NEXT | WRITE, 0xffff);
	DESC(2, STATUS, 1, NEXT | WRITE, 4);
	DESC(4, 1ULL << 50, 48, INDIRECT, 0);
	DESC(3, STATUS, 1, WRITE, 0);
	for (turn = 0; turn < 100000 / SIZE; turn++) {
		for (i = 0; i < SIZE; i++)
			vq_add_head(self->vq, i % 4);
		vq_publish(self->vq);
		for (i = 0; i < SIZE; i++) {
			ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
			ASSERT_EQ(1, elem.len);
		}
	}
	EXPECT_EQ(pins, host_pins());
	EXPECT_ALIVE();
}

static void kick(FIXTURE_DATA(hostile) *self, unsigned int turn)
{
	(void)turn;
	vq_kick(self->vq);
}

TEST_F(hostile, H17_kicks_at_any_time)
{
	struct mischief mischief = { .self = self, .act = kick };
	unsigned int i;

	ASSERT_EQ(0, mischief_start(&mischief));
	/* During start, I/O, suspend, stop, reset, and when there is no device. */
	for (i = 0; i < 30; i++) {
		EXPECT_EQ(0, READ_SECTOR(0));
		EXPECT_EQ(0, vdpa_suspend(self->dev.fd));
		EXPECT_EQ(0, vdpa_resume(self->dev.fd));
		EXPECT_EQ(0, READ_SECTOR(0));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	mischief_stop(&mischief);
}

TEST_F(hostile, H17_many_kicks)
{
	unsigned int i;

	for (i = 0; i < 200000; i++)
		vq_kick(self->vq);
	EXPECT_EQ(0, READ_SECTOR(0));
}

TEST_F(hostile, H17_kicks_of_a_device_that_is_closed)
{
	int kick = dup(self->vq->kick);

	dev_close(&self->dev);
	EXPECT_EQ(0, eventfd_write(kick, 1));
	close(kick);
}

TEST_HARNESS_MAIN

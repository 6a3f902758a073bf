// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vhost-vdpa device easily gets wrong, and its clients rely on: work
 * without a kick, drain on suspend, memory that outlives a reset, limits.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "vmm.h"

/* A request that the device can see, but is not told of. */
#define PUBLISH_QUIETLY() do {							\
	ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_IN, 0,	\
			     self->data, 4096));				\
	__atomic_store_n(&self->vq->avail->idx, htole16(self->vq->next_avail),	\
			 __ATOMIC_RELEASE);					\
} while (0)

#define EXPECT_DONE() do {							\
	struct vring_used_elem elem;						\
										\
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));			\
	EXPECT_EQ(0, *self->request.status);					\
} while (0)

#define EXPECT_NOT_DONE() do {							\
	struct vring_used_elem elem;						\
										\
	ASSERT_EQ(-ETIMEDOUT, vq_wait(self->vq, &elem, 100));			\
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);			\
} while (0)

#define EXPECT_IO_WORKS()	EXPECT_EQ(0, READ())

TEST_F(vmm, T07_ring_scanned_at_driver_ok)
{
	/* No kick, and no kick eventfd at all. */
	PUBLISH_QUIETLY();
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_DONE();
}

/* All queues start or none: what was taken could not be taken back. */
TEST_F(vmm, T07_a_start_that_fails_serves_nothing)
{
	const struct dev_options many = { .queues = 8, .queue_size = 64 };
	unsigned int i;

	dev_close(&self->dev);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &many));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_FOUND));
	ASSERT_EQ(0, vdpa_set_features(self->dev.fd, self->dev.features));
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_FEATURES));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, vq_setup(&self->dev.vqs[i], self->dev.fd));
	/* The areas of the last one are in one place. */
	ASSERT_EQ(0, vdpa_set_vring_addr(self->dev.fd, 7, 0x1000, 0x1000, 0x1000));
	PUBLISH_QUIETLY();
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_NOT_DONE();
	EXPECT_EQ(STATUS_FEATURES, vdpa_get_status(self->dev.fd));
	ASSERT_EQ(0, vq_setup(&self->dev.vqs[7], self->dev.fd));
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_DONE();
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T07_ring_scanned_at_resume)
{
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
	PUBLISH_QUIETLY();
	vq_kick(self->vq);
	EXPECT_NOT_DONE();
	ASSERT_EQ(0, vdpa_resume(self->dev.fd));
	EXPECT_DONE();
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T07_ring_scanned_at_batch_end)
{
	struct guest *guest = &self->dev.guest;

	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, UNMAP(guest->iova, guest->size));
	PUBLISH_QUIETLY();
	vq_kick(self->vq);
	EXPECT_NOT_DONE();
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
	EXPECT_NOT_DONE();
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_DONE();
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T07_ring_scanned_when_enabled)
{
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, vdpa_set_vring_enable(self->dev.fd, 0, 0));
	PUBLISH_QUIETLY();
	vq_kick(self->vq);
	EXPECT_NOT_DONE();
	ASSERT_EQ(0, vdpa_set_vring_enable(self->dev.fd, 0, 1));
	EXPECT_DONE();
}

TEST_F(vmm, T07_kick_that_came_before_its_eventfd)
{
	int kick = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_EQ(0, dev_start(&self->dev));
	PUBLISH_QUIETLY();
	ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, kick));
	EXPECT_DONE();
	close(kick);
}

TEST_F(vmm, T08_suspend_drains)
{
	enum { DEPTH = 64 };
	struct blk_request requests[DEPTH];
	unsigned int i, turn;

	for (i = 0; i < DEPTH; i++)
		blk_init(&requests[i], &self->dev.guest);
	ASSERT_EQ(0, dev_start(&self->dev));
	for (turn = 0; turn < 20; turn++) {
		struct vring_used_elem elem;
		unsigned int taken;

		for (i = 0; i < DEPTH; i++)
			ASSERT_EQ(0, blk_add(self->vq, &requests[i], VIRTIO_BLK_T_OUT, i * 32,
					     self->data + i * 16384, 16384));
		vq_publish(self->vq);
		ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
		taken = le16toh(self->vq->used->idx);
		EXPECT_EQ(taken, vdpa_get_vring_base(self->dev.fd, 0));
		usleep(5000);
		EXPECT_EQ(taken, le16toh(self->vq->used->idx));
		EXPECT_EQ(taken, vdpa_get_vring_base(self->dev.fd, 0));

		/* What was not taken goes on where it stopped. */
		ASSERT_EQ(0, vdpa_resume(self->dev.fd));
		for (i = 0; i < DEPTH; i++)
			ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
		for (i = 0; i < DEPTH; i++)
			EXPECT_EQ(0, *requests[i].status);
	}
}

TEST_F(vmm, T08_nothing_is_touched_after_reset)
{
	unsigned int i, turn;
	struct blk_request requests[64];
	uint8_t *copy = malloc(self->dev.guest.size);

	for (i = 0; i < 64; i++)
		blk_init(&requests[i], &self->dev.guest);
	for (turn = 0; turn < 10; turn++) {
		ASSERT_EQ(0, dev_start(&self->dev));
		for (i = 0; i < 64; i++)
			ASSERT_EQ(0, blk_add(self->vq, &requests[i], VIRTIO_BLK_T_IN, i * 32,
					     self->data + i * 16384, 16384));
		vq_publish(self->vq);
		ASSERT_EQ(0, vdpa_set_status(self->dev.fd, 0));
		memset(self->data, 0x77, MIB);
		memcpy(copy, self->dev.guest.memory, self->dev.guest.size);
		usleep(5000);
		EXPECT_EQ(0, memcmp(copy, self->dev.guest.memory, self->dev.guest.size));
		ASSERT_EQ(0, dev_stop(&self->dev));
	}
	free(copy);
}

TEST_F(vmm, T09_kicks_after_reset)
{
	unsigned int i;

	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	PUBLISH_QUIETLY();
	for (i = 0; i < 100; i++)
		vq_kick(self->vq);
	EXPECT_NOT_DONE();
}

TEST_F(vmm, T10_memory_outlives_a_reset)
{
	struct guest *guest = &self->dev.guest;

	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
	ASSERT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(-EFAULT, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
	ASSERT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(0, UNMAP(guest->iova, guest->size));
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T10_unmap_drops_whole_entries)
{
	struct guest *guest = &self->dev.guest;

	EXPECT_EQ(0, UNMAP(guest->iova + guest->size / 2, 1));
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
}

TEST_F(vmm, T10_no_access_after_an_unmap)
{
	struct guest extra;
	unsigned int turn;

	/* libblkio unmaps its memory as soon as the message is through. */
	ASSERT_EQ(0, dev_start(&self->dev));
	for (turn = 0; turn < 20; turn++) {
		ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
		ASSERT_EQ(0, MAP(extra.iova, extra.size, extra.memory, VHOST_ACCESS_RW));
		EXPECT_IO_WORKS();
		ASSERT_EQ(0, UNMAP(extra.iova, extra.size));
		guest_free(&extra);
		EXPECT_IO_WORKS();
	}
}

TEST_F(vmm, T11_a_batch_is_one_change)
{
	struct guest *guest = &self->dev.guest;
	unsigned int turn;

	ASSERT_EQ(0, dev_start(&self->dev));
	for (turn = 0; turn < 200; turn++) {
		const uint64_t piece = GUEST_PAGE * (1 + turn % 7);

		PUBLISH_QUIETLY();
		vq_kick(self->vq);
		ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
		ASSERT_EQ(0, UNMAP(guest->iova, guest->size));
		ASSERT_EQ(0, MAP(guest->iova, piece, guest->memory, VHOST_ACCESS_RW));
		ASSERT_EQ(0, MAP(guest->iova + piece, guest->size - piece,
				 guest->memory + piece, VHOST_ACCESS_RW));
		ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
		EXPECT_DONE();
	}
}

TEST_F(vmm, T13_memory_that_is_read_only_itself)
{
	uint8_t *rom;

	rom = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, rom);
	EXPECT_EQ(-EFAULT, MAP(1ULL << 32, 65536, rom, VHOST_ACCESS_RW));
	/* That it failed is forgotten when it is mapped after all. */
	EXPECT_EQ(0, MAP(1ULL << 32, 65536, rom, VHOST_ACCESS_RO));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T14_no_start_with_a_failed_map)
{
	uint8_t *hole = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_EQ(-EFAULT, MAP(1ULL << 32, 65536, hole, VHOST_ACCESS_RW));
	EXPECT_GT(0, dev_start(&self->dev));
	EXPECT_EQ(0, vdpa_get_status(self->dev.fd) & VIRTIO_CONFIG_S_DRIVER_OK);

	/* Repaired by a map, */
	ASSERT_EQ(0, mprotect(hole, 65536, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, MAP(1ULL << 32, 65536, hole, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_IO_WORKS();
	ASSERT_EQ(0, dev_stop(&self->dev));

	/* by an unmap, */
	ASSERT_EQ(-EFAULT, MAP(1ULL << 33, 65536, NULL, VHOST_ACCESS_RW));
	EXPECT_GT(0, dev_start(&self->dev));
	ASSERT_EQ(0, UNMAP(1ULL << 33, 65536));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_IO_WORKS();
	ASSERT_EQ(0, dev_stop(&self->dev));

	/* and by a reset. */
	ASSERT_EQ(-EFAULT, MAP(1ULL << 33, 65536, NULL, VHOST_ACCESS_RW));
	EXPECT_GT(0, dev_start(&self->dev));
	ASSERT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T15_teardown_ends_in_close)
{
	unsigned int turn;

	for (turn = 0; turn < 50; turn++) {
		const struct dev_options options = { .queues = 2 };

		ASSERT_EQ(0, dev_start(&self->dev));
		PUBLISH_QUIETLY();
		vq_kick(self->vq);
		dev_close(&self->dev);
		ASSERT_EQ(self->pins, host_pins());
		ASSERT_EQ(0, host_workers());
		ASSERT_EQ(0, dev_open(&self->dev, self->backend, &options));
		blk_init(&self->request, &self->dev.guest);
		self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	}
}

TEST_F(vmm, T18_status_in_leaps)
{
	unsigned int i;

	/* 0 to 0xf at once, and every bit there is. */
	ASSERT_EQ(0, vdpa_set_features(self->dev.fd, self->dev.features));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vq_setup(&self->dev.vqs[i], self->dev.fd));
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_IO_WORKS();
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0xff));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	EXPECT_EQ(0, vdpa_get_status(self->dev.fd));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, VIRTIO_CONFIG_S_DRIVER_OK));
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->dev.fd, STATUS_FEATURES));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0));
}

/* Without CAP_IPC_LOCK, and with room for @limit bytes. */
static int confine(rlim_t limit)
{
	const struct rlimit rlimit = { limit, limit };

	return setrlimit(RLIMIT_MEMLOCK, &rlimit) ? -errno : host_drop(CAP_IPC_LOCK);
}

TEST_F(vmm, T20_pins_are_charged_to_the_page)
{
	const long whole = self->dev.guest.size / 1024;
	struct guest extra;

	EXPECT_EQ(whole, host_charged());
	ASSERT_EQ(0, guest_init(&extra, 65536, 1ULL << 32));
	ASSERT_EQ(0, MAP(extra.iova, 4096, extra.memory, VHOST_ACCESS_RW));
	EXPECT_EQ(whole + 4, host_charged());
	/* Two bytes on two pages. */
	ASSERT_EQ(0, MAP(extra.iova + 8191, 2, extra.memory + 8191, VHOST_ACCESS_RW));
	EXPECT_EQ(whole + 12, host_charged());
	ASSERT_EQ(0, UNMAP(extra.iova, 65536));
	EXPECT_EQ(whole, host_charged());
	guest_free(&extra);

	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_IO_WORKS();
	EXPECT_EQ(whole, host_charged());
	dev_close(&self->dev);
	EXPECT_EQ(0, host_charged());
}

TEST_F(vmm, T20_memlock_is_the_limit)
{
	const size_t whole = self->dev.guest.size;
	struct guest extra;

	ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
	ASSERT_EQ(0, confine(whole + 65536));
	/* All or nothing, */
	EXPECT_EQ(-EFAULT, MAP(extra.iova, 65536 + 4096, extra.memory, VHOST_ACCESS_RW));
	EXPECT_EQ((long)whole / 1024, host_charged());
	/* up to the last page, */
	EXPECT_EQ(0, MAP(extra.iova, 65536, extra.memory, VHOST_ACCESS_RW));
	EXPECT_EQ((long)(whole + 65536) / 1024, host_charged());
	EXPECT_EQ(-EFAULT, MAP(extra.iova + 65536, 1, extra.memory + 65536, VHOST_ACCESS_RW));
	/* and what was given back can be had again. */
	EXPECT_EQ(0, UNMAP(extra.iova, MIB));
	EXPECT_EQ((long)whole / 1024, host_charged());
	EXPECT_EQ(0, MAP(extra.iova, 65536, extra.memory, VHOST_ACCESS_RW));
	guest_free(&extra);
}

/* As QEMU does when the guest programs its chipset: all memory anew, at once. */
TEST_F(vmm, T20_memory_remapped_in_a_batch_fits_the_limit)
{
	struct guest *guest = &self->dev.guest;
	const long whole = guest->size / 1024;
	const int fd = self->dev.fd;
	int i;

	ASSERT_EQ(0, confine(guest->size));
	ASSERT_EQ(0, dev_start(&self->dev));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdpa_batch_begin(fd));
		ASSERT_EQ(0, UNMAP(guest->iova, guest->size));
		ASSERT_EQ(0, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
		/* What goes makes room once. */
		EXPECT_EQ(-EFAULT, MAP(1ULL << 40, 4096, guest->memory, VHOST_ACCESS_RW));
		EXPECT_EQ(0, UNMAP(1ULL << 40, 4096));
		ASSERT_EQ(0, vdpa_batch_end(fd));
		EXPECT_EQ(whole, host_charged());
		EXPECT_IO_WORKS();
	}
	/* Without a batch there is no such room. */
	EXPECT_EQ(-EFAULT, MAP(1ULL << 40, 4096, guest->memory, VHOST_ACCESS_RW));
}

TEST_F(vmm, T21_private_memory_is_memory)
{
	uint8_t *heap = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vq_buf bufs[3];

	pattern_fill(self->data, 4096, 8, 1);
	ASSERT_EQ(4096, pwrite(self->backend, self->data, 4096, 4096));
	ASSERT_EQ(0, MAP(1ULL << 32, MIB, heap, VHOST_ACCESS_RW));
	ASSERT_EQ(0, dev_start(&self->dev));
	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	self->request.header->sector = htole64(8);
	bufs[0] = (struct vq_buf){ guest_iova(&self->dev.guest, self->request.header), 16, false };
	bufs[1] = (struct vq_buf){ (1ULL << 32) + 1000, 4096, true };
	bufs[2] = (struct vq_buf){ guest_iova(&self->dev.guest, self->request.status), 1, true };
	EXPECT_EQ(4097, blk_do_chain(self->vq, bufs, 3));
	EXPECT_TRUE(pattern_is(heap + 1000, 4096, 8, 1));
	munmap(heap, MIB);
}

TEST_F(vmm, T23_call_changes_hands)
{
	int first = self->vq->call, turn;

	ASSERT_EQ(0, dev_start(&self->dev));
	for (turn = 0; turn < 200; turn++) {
		int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		/* After it is set, the new one is signalled, and the old one not. */
		ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, call));
		self->vq->call = call;
		EXPECT_IO_WORKS();
		EXPECT_EQ(-ETIMEDOUT, event_wait(first, 0));
		close(call);
	}
	ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, first));
	self->vq->call = first;
	EXPECT_IO_WORKS();
}

TEST_F(vmm, T25_start_tried_again)
{
	/* QEMU leaves a failed start at FEATURES_OK and begins it anew there. */
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_FOUND));
	ASSERT_EQ(0, vdpa_set_features(self->dev.fd, self->dev.features));
	ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_FEATURES));
	EXPECT_EQ(0, vdpa_set_features(self->dev.fd, self->dev.features));
	EXPECT_EQ(-EBUSY, vdpa_set_features(self->dev.fd, 0));
}

TEST_HARNESS_MAIN

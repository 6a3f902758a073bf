/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hostile guest.  Each test does its worst to queue 0 of a device; after each
 * one queue 1 must still be served, the device must be resettable and work
 * again, and when it is closed the host must have everything back.
 *
 * The ids of the tests (H01, ...) name known faults of this kind of device.
 */
#ifndef VPIN_TESTS_HOSTILE_H
#define VPIN_TESTS_HOSTILE_H

#include <pthread.h>
#include <sched.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define MIB		(1UL << 20)
#define SIZE		64	/* of the rings */

#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

FIXTURE(hostile) {
	int backend;
	long pins;
	struct dev dev;
	struct vq *vq;				/* the victim */
	struct blk_request request, other;
	struct vring_desc *table;		/* of 256 entries, for indirect ones */
	uint8_t *data;				/* 1 MiB */
};

FIXTURE_SETUP(hostile)
{
	const struct dev_options options = { .queues = 2, .queue_size = SIZE, .direct = true };

	ASSERT_EQ(0, host_workers());
	self->pins = host_pins();
	self->backend = backend_memfd(MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	blk_init(&self->other, &self->dev.guest);
	self->table = guest_alloc(&self->dev.guest, 256 * sizeof(struct vring_desc), GUEST_PAGE);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
}

#define READ_SECTOR(queue) \
	blk_do(&self->dev.vqs[queue], &self->other, VIRTIO_BLK_T_IN, 0, self->data, SECTOR, NULL)

FIXTURE_TEARDOWN(hostile)
{
	if (self->dev.fd >= 0) {
		EXPECT_EQ(0, READ_SECTOR(1));
		EXPECT_EQ(0, dev_stop(&self->dev));
		EXPECT_EQ(0, vdpa_get_status(self->dev.fd));
		EXPECT_EQ(0, dev_start(&self->dev));
		EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));
		EXPECT_EQ(0, READ_SECTOR(0));
		EXPECT_EQ(0, READ_SECTOR(1));
		dev_close(&self->dev);
	}
	close(self->backend);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, host_workers());
}

static inline void set(struct vring_desc *desc, uint64_t addr, uint32_t length,
		uint16_t flags, uint16_t next)
{
	desc->addr = htole64(addr);
	desc->len = htole32(length);
	desc->flags = htole16(flags);
	desc->next = htole16(next);
}

/* Descriptor @index of the victim's ring. */
#define DESC(index, addr, length, flags, next) \
	set(&self->vq->desc[index], addr, length, flags, next)
/* Entry @index of the indirect table. */
#define ENTRY(index, addr, length, flags, next) \
	set(&self->table[index], addr, length, flags, next)

#define IOVA(address)	guest_iova(&self->dev.guest, address)
#define HEADER		IOVA(self->request.header)
#define DATA		IOVA(self->data)
#define STATUS		IOVA(self->request.status)
#define TABLE		IOVA(self->table)

static inline void prepare(FIXTURE_DATA(hostile) *self, uint32_t type, uint64_t sector)
{
	self->request.header->type = htole32(type);
	self->request.header->sector = htole64(sector);
	*self->request.status = BLK_NO_STATUS;
}

/* Offers the chain at @head: the used length, or -errno. */
static inline int64_t offer(FIXTURE_DATA(hostile) *self, uint16_t head)
{
	struct vring_used_elem elem;
	int ret;

	vq_add_head(self->vq, head);
	vq_publish(self->vq);
	ret = vq_wait(self->vq, &elem, VQ_TIMEOUT_MS);
	if (ret)
		return ret;
	return elem.id == head ? (int64_t)elem.len : -EBADMSG;
}

/* Offers the chain at @head: the used length, or -EPIPE if that broke the queue. */
static inline int64_t offer_to_break(FIXTURE_DATA(hostile) *self, uint16_t head)
{
	struct vring_used_elem elem;
	unsigned int i;

	vq_add_head(self->vq, head);
	vq_publish(self->vq);
	for (i = 0; i < VQ_TIMEOUT_MS * 10; i++) {
		if (vq_take(self->vq, &elem))
			return elem.len;
		if (vdpa_get_status(self->dev.fd) != STATUS_RUNNING)
			return vq_take(self->vq, &elem) ? (int64_t)elem.len : -EPIPE;
		usleep(100);
	}
	return -ETIMEDOUT;
}

/*
 * A chain that cannot be served comes back with an error in @byte, where its
 * driver looks for one, also if the byte held a success.
 */
#define EXPECT_REFUSED_IN(byte, head) do {				\
	*(byte) = VIRTIO_BLK_S_OK;					\
	EXPECT_EQ(1, offer(self, head));				\
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *(byte));				\
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));	\
} while (0)
#define EXPECT_IOERR(head) EXPECT_REFUSED_IN(self->request.status, head)

/* One with no byte for that breaks its queue; then the driver starts over. */
#define EXPECT_GIVEN_UP(head) do {					\
	struct vring_used_elem elem;					\
									\
	vq_add_head(self->vq, head);					\
	vq_publish(self->vq);						\
	EXPECT_BROKEN();						\
	/* Given back, it could pass for one that was served. */	\
	EXPECT_FALSE(vq_take(self->vq, &elem));				\
	/* Nor is it counted as one. */					\
	ASSERT_EQ(0, vdpa_suspend(self->dev.fd));			\
	EXPECT_EQ(le16toh(self->vq->used->idx),				\
		  vdpa_get_vring_base(self->dev.fd, self->vq->index));	\
	ASSERT_EQ(0, dev_stop(&self->dev));				\
	ASSERT_EQ(0, dev_start(&self->dev));				\
} while (0)

/* A request that is to fail comes back without success. */
#define EXPECT_ANSWERED(head) do {					\
	EXPECT_LE(0, offer(self, head));				\
	EXPECT_NE(VIRTIO_BLK_S_OK, *self->request.status);		\
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));	\
} while (0)

/* A good chain works, so the queue does. */
#define EXPECT_ALIVE() do {						\
	prepare(self, VIRTIO_BLK_T_IN, 0);				\
	DESC(0, HEADER, 16, NEXT, 1);					\
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);				\
	DESC(2, STATUS, 1, WRITE, 0);					\
	EXPECT_EQ(SECTOR + 1, offer(self, 0));				\
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);		\
} while (0)

/* The ring cannot be trusted any more: latched, and the VMM is told. */
#define EXPECT_BROKEN() do {						\
	EXPECT_EQ(0, event_wait(self->vq->err, VQ_TIMEOUT_MS));		\
	EXPECT_EQ(STATUS_RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET,		\
		  vdpa_get_status(self->dev.fd));			\
} while (0)

/* A thread of the guest that does harm while another does I/O. */
struct mischief {
	FIXTURE_DATA(hostile) *self;
	void (*act)(FIXTURE_DATA(hostile) *self, unsigned int turn);
	volatile bool stop;
	pthread_t thread;
};

static inline void *mischief_thread(void *data)
{
	struct mischief *mischief = data;
	unsigned int turn;

	for (turn = 0; !mischief->stop; turn++) {
		mischief->act(mischief->self, turn);
		/* Few processors: leave some of each to the others. */
		if (turn % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static inline int mischief_start(struct mischief *mischief)
{
	return pthread_create(&mischief->thread, NULL, mischief_thread, mischief);
}

static inline void mischief_stop(struct mischief *mischief)
{
	mischief->stop = true;
	pthread_join(mischief->thread, NULL);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest.  Each test does its worst to queue 0 of a device; after each
 * one queue 1 must still be served, the device must be resettable and work
 * again, and when it is closed the host must have everything back.
 *
 * The ids (H01, ...) name known faults of this kind of device.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

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

static void set(struct vring_desc *desc, uint64_t addr, uint32_t length,
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

static void prepare(FIXTURE_DATA(hostile) *self, uint32_t type, uint64_t sector)
{
	self->request.header->type = htole32(type);
	self->request.header->sector = htole64(sector);
	*self->request.status = BLK_NO_STATUS;
}

/* Offers the chain at @head: the used length, or -errno. */
static int64_t offer(FIXTURE_DATA(hostile) *self, uint16_t head)
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

/* A malformed chain comes back, unused and without success. */
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

TEST_F(hostile, H01_loops_in_the_ring)
{
	unsigned int length, i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (length = 1; length <= SIZE; length++) {
		for (i = 0; i < length; i++)
			DESC(i, HEADER, 1, NEXT, (i + 1) % length);
		EXPECT_EQ(0, offer(self, 0)) TH_LOG("a cycle of %u", length);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H01_loops_in_an_indirect_table)
{
	unsigned int length, i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (length = 1; length <= SIZE; length++) {
		for (i = 0; i < length; i++)
			ENTRY(i, HEADER, 1, NEXT, (i + 1) % length);
		DESC(0, TABLE, length * 16, INDIRECT, 0);
		EXPECT_EQ(0, offer(self, 0)) TH_LOG("a cycle of %u", length);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H02_chain_as_long_as_the_ring)
{
	unsigned int i;

	pattern_fill(self->data, MIB, 0, 1);
	ASSERT_EQ(MIB, pwrite(self->backend, self->data, MIB, 0));
	memset(self->data, 0, MIB);

	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	for (i = 1; i < SIZE - 1; i++)
		DESC(i, DATA + (i - 1) * SECTOR, SECTOR, NEXT | WRITE, i + 1);
	DESC(SIZE - 1, STATUS, 1, WRITE, 0);
	EXPECT_EQ((SIZE - 2) * SECTOR + 1, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
	EXPECT_TRUE(pattern_is(self->data, (SIZE - 2) * SECTOR, 0, 1));
}

TEST_F(hostile, H03_next_out_of_range)
{
	static const uint16_t bad[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		DESC(0, HEADER, 16, NEXT, bad[i]);
		EXPECT_ANSWERED(0);
		ENTRY(0, HEADER, 16, NEXT, bad[i]);
		DESC(0, TABLE, SIZE * 16, INDIRECT, 0);
		EXPECT_ANSWERED(0);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H03_head_out_of_range)
{
	vq_add_head(self->vq, SIZE);
	vq_publish(self->vq);
	EXPECT_BROKEN();
}

TEST_F(hostile, H03_head_far_out_of_range)
{
	vq_add_head(self->vq, 0xffff);
	vq_publish(self->vq);
	EXPECT_BROKEN();
}

TEST_F(hostile, H03_used_event_out_of_range)
{
	static const uint16_t events[] = { 0xffff, 0x8000, 2 * SIZE, SIZE + 1 };
	unsigned int i;

	/* It is only a wish: any value is legal. */
	for (i = 0; i < sizeof(events) / sizeof(*events); i++) {
		self->vq->avail->ring[SIZE] = events[i];
		EXPECT_ALIVE();
	}
}

TEST_F(hostile, H04_zero_length_descriptors)
{
	unsigned int i;

	/* At the head and between all others. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, 0, 0, NEXT, 1);
	DESC(1, HEADER, 16, NEXT, 2);
	DESC(2, ~0ULL, 0, NEXT, 3);
	DESC(3, DATA, 0, NEXT | WRITE, 4);
	DESC(4, DATA, SECTOR, NEXT | WRITE, 5);
	DESC(5, ~0ULL, 0, NEXT | WRITE, 6);
	DESC(6, STATUS, 1, WRITE, 0);
	EXPECT_EQ(SECTOR + 1, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);

	/* At the end, behind the status. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(6, STATUS, 1, WRITE | NEXT, 7);
	DESC(7, 0, 0, WRITE, 0);
	EXPECT_EQ(SECTOR + 1, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);

	/* Nothing else at all. */
	*self->request.status = BLK_NO_STATUS;
	for (i = 0; i < SIZE; i++)
		DESC(i, 0, 0, i < SIZE - 1 ? NEXT : 0, i + 1);
	EXPECT_ANSWERED(0);
	for (i = 0; i < SIZE; i++)
		DESC(i, 0, 0, WRITE | (i < SIZE - 1 ? NEXT : 0), i + 1);
	EXPECT_ANSWERED(0);
	DESC(0, 0, 0, 0, 0);
	EXPECT_ANSWERED(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H05_readable_after_writable)
{
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, STATUS, 1, NEXT | WRITE, 1);
	DESC(1, HEADER, 16, 0, 0);
	EXPECT_EQ(0, offer(self, 0));
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, DATA, SECTOR, NEXT, 3);
	DESC(3, STATUS, 1, WRITE, 0);
	EXPECT_EQ(0, offer(self, 0));
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);
	EXPECT_ALIVE();
}

TEST_F(hostile, H06_lengths)
{
	static const struct { uint64_t addr; uint32_t length; } bad[] = {
		{ 0, 0xffffffff }, { 0, 0x80000000 }, { ~0ULL, 2 }, { ~0ULL - 511, 1024 },
		{ ~0ULL - 511, 512 }, { 1ULL << 63, 512 }, { 0, 0xfffffe00 },
	};
	unsigned int i, write;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (write = 0; write < 2; write++) {
			prepare(self, write ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 0);
			DESC(0, HEADER, 16, NEXT, 1);
			DESC(1, bad[i].addr, bad[i].length, NEXT | (write ? WRITE : 0), 2);
			DESC(2, STATUS, 1, WRITE, 0);
			EXPECT_ANSWERED(0);
		}
	}
	/* Each is fine, their sum is 2^32. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, 0, 0x80000000, NEXT | WRITE, 2);
	DESC(2, 0, 0x7fffffef, NEXT | WRITE, 3);
	DESC(3, STATUS, 1, WRITE, 0);
	EXPECT_EQ(0, offer(self, 0));
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_lengths)
{
	static const uint32_t bad[] = { 0, 1, 15, 17, 47, 0xffffffff, 0xfffffff0, 65537 * 16 };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	ENTRY(0, HEADER, 16, NEXT, 1);
	ENTRY(1, DATA, SECTOR, NEXT | WRITE, 2);
	ENTRY(2, STATUS, 1, WRITE, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		DESC(0, TABLE, bad[i], INDIRECT, 0);
		EXPECT_ANSWERED(0);
	}

	/* A table with room to spare is fine; WRITE means nothing on it. */
	for (i = 0; i < 2; i++) {
		prepare(self, VIRTIO_BLK_T_IN, 0);
		DESC(0, TABLE, (3 + i) * 16, INDIRECT | (i ? WRITE : 0), 0);
		EXPECT_EQ(SECTOR + 1, offer(self, 0));
		EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_nested_or_with_next)
{
	prepare(self, VIRTIO_BLK_T_IN, 0);
	ENTRY(0, HEADER, 16, NEXT, 1);
	ENTRY(1, DATA, SECTOR, NEXT | WRITE, 2);
	ENTRY(2, STATUS, 1, WRITE, 0);

	DESC(0, TABLE, 48, INDIRECT | NEXT, 1);
	DESC(1, STATUS, 1, WRITE, 0);
	EXPECT_ANSWERED(0);

	/* A table in a table, and a table that is itself. */
	ENTRY(3, TABLE, 48, INDIRECT, 0);
	DESC(0, IOVA(&self->table[3]), 16, INDIRECT, 0);
	EXPECT_ANSWERED(0);
	ENTRY(0, TABLE, 48, INDIRECT, 0);
	DESC(0, TABLE, 48, INDIRECT, 0);
	EXPECT_ANSWERED(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_after_others)
{
	/* VIRTIO 1.2, 2.7.5.3.1: legal, as the last one of a chain. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	ENTRY(0, DATA, SECTOR, NEXT | WRITE, 1);
	ENTRY(1, STATUS, 1, WRITE, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, TABLE, 32, INDIRECT, 0);
	EXPECT_EQ(SECTOR + 1, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_not_mapped)
{
	static const uint64_t bad[] = { 1ULL << 40, ~0ULL, ~0ULL - 47 };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		DESC(0, bad[i], 48, INDIRECT, 0);
		EXPECT_ANSWERED(0);
	}
	/* Its first half is mapped. */
	DESC(0, self->dev.guest.iova + self->dev.guest.size - 16, 48, INDIRECT, 0);
	EXPECT_ANSWERED(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_unaligned_and_over_pages)
{
	int offset;

	for (offset = -24; offset <= 8; offset++) {
		uint8_t *table = self->data + MIB / 2 + offset;

		prepare(self, VIRTIO_BLK_T_IN, 0);
		ENTRY(0, HEADER, 16, NEXT, 1);
		ENTRY(1, DATA, SECTOR, NEXT | WRITE, 2);
		ENTRY(2, STATUS, 1, WRITE, 0);
		memcpy(table, self->table, 48);
		DESC(0, IOVA(table), 48, INDIRECT, 0);
		EXPECT_EQ(SECTOR + 1, offer(self, 0)) TH_LOG("offset %d", offset);
		EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
	}
}

/* Maps the guest anew, in pieces of @piece bytes, without @hole. */
static int remap(FIXTURE_DATA(hostile) *self, uint64_t piece, uint64_t hole)
{
	struct guest *guest = &self->dev.guest;
	uint64_t at;
	int ret;

	ret = vdpa_batch_begin(self->dev.fd);
	if (!ret)
		ret = vdpa_unmap(self->dev.fd, MSG_V2, guest->iova, guest->size);
	for (at = 0; !ret && at < guest->size; at += piece)
		if (at != hole)
			ret = vdpa_map(self->dev.fd, MSG_V2, guest->iova + at, piece,
				       guest->memory + at, VHOST_ACCESS_RW);
	return ret ? ret : vdpa_batch_end(self->dev.fd);
}

TEST_F(hostile, H08_everything_straddles_regions)
{
	/* As under a vIOMMU: each page, rings too, is a mapping of its own. */
	ASSERT_EQ(0, remap(self, GUEST_PAGE, ~0ULL));
	pattern_fill(self->data, MIB, 0, 1);
	EXPECT_EQ(0, blk_do(&self->dev.vqs[1], &self->other, VIRTIO_BLK_T_OUT, 0,
			    self->data, MIB, NULL));
	memset(self->data, 0, MIB);
	EXPECT_EQ(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 0, self->data, MIB, NULL));
	EXPECT_TRUE(pattern_is(self->data, MIB, 0, 1));
	EXPECT_ALIVE();
}

TEST_F(hostile, H08_buffer_over_a_hole)
{
	uint8_t *hole = self->data + MIB / 2;
	uint8_t *before = hole - GUEST_PAGE;

	memset(before, 0x33, 3 * GUEST_PAGE);
	ASSERT_EQ(0, remap(self, GUEST_PAGE, hole - self->dev.guest.memory));
	EXPECT_LT(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 0,
			    before, 3 * GUEST_PAGE, NULL));
	EXPECT_TRUE(all_bytes_are(hole, GUEST_PAGE, 0x33));
	EXPECT_LT(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_OUT, 0,
			    hole, GUEST_PAGE, NULL));
	EXPECT_EQ(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 0,
			    before, GUEST_PAGE, NULL));
	EXPECT_TRUE(all_bytes_are(before, GUEST_PAGE, 0));

	/* Header, status and table in it. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, IOVA(hole) - 8, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	EXPECT_ANSWERED(0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(2, IOVA(hole), 1, WRITE, 0);
	EXPECT_ANSWERED(0);
	EXPECT_EQ(0x33, *hole);
	DESC(0, IOVA(hole) - 16, 48, INDIRECT, 0);
	EXPECT_ANSWERED(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H09_permissions)
{
	struct guest *guest = &self->dev.guest;
	uint8_t *page = self->data + MIB / 2;
	const uint64_t at = IOVA(page);

	ASSERT_EQ(0, remap(self, GUEST_PAGE, page - guest->memory));
	memset(page, 0x33, GUEST_PAGE);

	/* What may only be read is not written, */
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, at, GUEST_PAGE, page, VHOST_ACCESS_RO));
	EXPECT_EQ(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_OUT, 0, page, SECTOR, NULL));
	EXPECT_LT(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 8, page, SECTOR, NULL));
	EXPECT_TRUE(all_bytes_are(page, GUEST_PAGE, 0x33));
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, at, 1, WRITE, 0);
	EXPECT_ANSWERED(0);
	EXPECT_EQ(0x33, *page);

	/* and what may only be written is not read. */
	ASSERT_EQ(0, vdpa_unmap(self->dev.fd, MSG_V2, at, GUEST_PAGE));
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, at, GUEST_PAGE, page, VHOST_ACCESS_WO));
	EXPECT_LT(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_OUT, 0, page, SECTOR, NULL));
	EXPECT_EQ(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 8, page, SECTOR, NULL));
	EXPECT_TRUE(all_bytes_are(page, SECTOR, 0));
	EXPECT_ALIVE();
}

/* A thread of the guest that does harm while another does I/O. */
struct mischief {
	FIXTURE_DATA(hostile) *self;
	void (*act)(FIXTURE_DATA(hostile) *self, unsigned int turn);
	volatile bool stop;
	pthread_t thread;
};

static void *mischief_thread(void *data)
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

static int mischief_start(struct mischief *mischief)
{
	return pthread_create(&mischief->thread, NULL, mischief_thread, mischief);
}

static void mischief_stop(struct mischief *mischief)
{
	mischief->stop = true;
	pthread_join(mischief->thread, NULL);
}

/* Whatever the device looks at changes under its eyes. */
static void edit(FIXTURE_DATA(hostile) *self, unsigned int turn)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH, 0xffffffff,
	};
	volatile struct virtio_blk_outhdr *header = self->request.header;
	volatile struct vring_desc *desc = self->vq->desc;

	header->type = types[turn % 4];
	header->sector = turn & 1 ? ~0ULL / SECTOR : turn & 7;
	desc[1].addr = turn & 2 ? DATA : ~0ULL - 100;
	desc[1].len = turn & 4 ? 65536 : 0xffffffff;
	desc[1].flags = turn & 8 ? NEXT : turn & 16 ? NEXT | WRITE : INDIRECT;
	desc[1].next = turn & 32 ? 2 : turn & 64 ? 1 : 0xffff;
	desc[0].len = turn & 128 ? 16 : turn & 256 ? 8 : 0x80000000;
}

TEST_F(hostile, H10_edits_under_the_device)
{
	struct mischief mischief = { .self = self, .act = edit };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	ASSERT_EQ(0, mischief_start(&mischief));
	for (i = 0; i < 5000; i++)
		ASSERT_LE(0, offer(self, 0)) TH_LOG("turn %u", i);
	mischief_stop(&mischief);
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));
	EXPECT_ALIVE();
}

TEST_F(hostile, H11_chain_shorter_than_a_request)
{
	unsigned int length;

	/* A short header with a status: the status says no. */
	for (length = 1; length < 16; length++) {
		prepare(self, VIRTIO_BLK_T_IN, 0);
		DESC(0, HEADER, length, NEXT, 1);
		DESC(1, STATUS, 1, WRITE, 0);
		EXPECT_ANSWERED(0);
	}
	/* No status at all, no header at all, and one byte of each. */
	prepare(self, VIRTIO_BLK_T_FLUSH, 0);
	DESC(0, HEADER, 16, 0, 0);
	EXPECT_EQ(0, offer(self, 0));
	DESC(0, STATUS, 1, WRITE, 0);
	EXPECT_ANSWERED(0);
	DESC(0, HEADER, 1, 0, 0);
	EXPECT_EQ(0, offer(self, 0));
	EXPECT_ALIVE();
}

TEST_F(hostile, H11_status_read_only_or_missing)
{
	prepare(self, VIRTIO_BLK_T_OUT, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT, 2);
	DESC(2, STATUS, 1, 0, 0);
	EXPECT_EQ(0, offer(self, 0));
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);

	/* A read of no whole sector: one byte is taken for the status. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(1, DATA, SECTOR, WRITE, 0);
	memset(self->data, 0x33, SECTOR);
	EXPECT_LE(0, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, self->data[SECTOR - 1]);

	/* A status of length 0 behind data: the same. */
	DESC(1, DATA, SECTOR, WRITE | NEXT, 2);
	DESC(2, STATUS, 0, WRITE, 0);
	memset(self->data, 0x33, SECTOR);
	EXPECT_LE(0, offer(self, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, self->data[SECTOR - 1]);
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);
	EXPECT_ALIVE();
}

TEST_F(hostile, H12_avail_ahead_by_exactly_the_size)
{
	struct vring_used_elem elem;
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_FLUSH, 0);
	DESC(0, HEADER, 16, 0, 0);
	for (i = 0; i < SIZE; i++) {
		DESC(i, HEADER, 16, 0, 0);
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

	/* A loop, an index out of range, a hole, a short header, in turn. */
	DESC(0, HEADER, 16, NEXT, 0);
	DESC(1, HEADER, 16, NEXT, 0xffff);
	DESC(2, 1ULL << 50, 48, INDIRECT, 0);
	DESC(3, HEADER, 3, 0, 0);
	for (turn = 0; turn < 100000 / SIZE; turn++) {
		for (i = 0; i < SIZE; i++)
			vq_add_head(self->vq, i % 4);
		vq_publish(self->vq);
		for (i = 0; i < SIZE; i++) {
			ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
			ASSERT_EQ(0, elem.len);
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

/* A request of @length bytes at @sector that must not succeed. */
#define EXPECT_REFUSED(status, type, sector, length) \
	EXPECT_EQ(status, blk_do(self->vq, &self->other, type, sector, self->data, length, NULL))

TEST_F(hostile, H18_sectors_beyond_the_disk)
{
	const uint64_t end = dev_capacity(&self->dev);

	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, end, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, end - 1, 2 * SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, ~0ULL, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, ~0ULL, 2 * SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, 1ULL << 55, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, (1ULL << 55) - 1, 2 * SECTOR);
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_length_of_no_whole_sectors)
{
	static const uint32_t lengths[] = { 1, 511, 513, 4095, 65537 };
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, 0, lengths[i]);
		EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, 0, lengths[i]);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_direction_against_the_type)
{
	uint32_t type;

	for (type = 0; type < 2; type++) {
		prepare(self, type, 0);
		DESC(0, HEADER, 16, NEXT, 1);
		DESC(1, DATA, SECTOR, NEXT | (type == VIRTIO_BLK_T_OUT ? WRITE : 0), 2);
		DESC(2, STATUS, 1, WRITE, 0);
		EXPECT_ANSWERED(0);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_unknown_types)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 15, 0x1000, 0x80000000, ~0U };
	unsigned int i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		EXPECT_REFUSED(VIRTIO_BLK_S_UNSUPP, types[i], 0, SECTOR)
			TH_LOG("type %u", types[i]);
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_get_id_of_other_lengths)
{
	unsigned int length;

	for (length = 1; length <= 64; length++) {
		memset(self->data, 0x33, 128);
		EXPECT_LE(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_GET_ID, 0,
				    self->data, length, NULL));
		EXPECT_TRUE(all_bytes_are(self->data + length, 128 - length, 0x33));
		EXPECT_TRUE(all_bytes_are(self->data + 20, 44, 0x33) || length > 20);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_discard_segments)
{
	static const struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} bad[] = {
		{ 2048, 1, 0 }, { 2047, 2, 0 }, { ~0ULL, 1, 0 }, { ~0ULL, ~0U, 0 },
		{ 0, ~0U, 0 }, { 0, 8, ~0U }, { 0, 8, 2 }, { 1ULL << 55, 8, 0 },
	};
	static const uint32_t types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct virtio_blk_discard_write_zeroes *range = (void *)self->data;
	unsigned int i, type;

	for (type = 0; type < 2; type++) {
		for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			range->sector = htole64(bad[i].sector);
			range->num_sectors = htole32(bad[i].sectors);
			range->flags = htole32(bad[i].flags);
			EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0,
					    self->data, sizeof(*range), NULL))
				TH_LOG("type %u, segment %u", types[type], i);
		}
		/* Half of one, none, more than max_discard_seg of them. */
		memset(self->data, 0, MIB);
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, self->data, 8, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, self->data, 17, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, NULL, 0, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0,
				    self->data, 65536, NULL));
	}
	/* UNMAP belongs to write-zeroes alone. */
	range->num_sectors = htole32(8);
	range->flags = htole32(VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(self->vq, &self->other, VIRTIO_BLK_T_DISCARD, 0,
					      self->data, sizeof(*range), NULL));
	EXPECT_ALIVE();
}

TEST_HARNESS_MAIN

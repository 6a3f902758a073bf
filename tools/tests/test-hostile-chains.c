// SPDX-License-Identifier: GPL-2.0-only
/* What a guest can do to descriptor chains, direct and indirect. */
#include <sys/stat.h>

#include "hostile.h"

TEST_F(hostile, H01_loops_in_the_ring)
{
	unsigned int length, i;

	/* All ways of a loop: with a status at its end, one before it, none. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (length = 1; length <= SIZE; length++) {
		for (i = 0; i < length - 1; i++)
			DESC(i, HEADER, 1, NEXT, i + 1);
		DESC(length - 1, STATUS, 1, NEXT | WRITE, 0);
		EXPECT_IOERR(0);
		if (length < 4)
			continue;
		DESC(length - 1, STATUS, 1, NEXT | WRITE, length / 2);
		EXPECT_IOERR(0);
		DESC(1, DATA, 1, NEXT | WRITE, 2);
		EXPECT_IOERR(0);
	}
	DESC(0, HEADER, 1, NEXT, 0);
	EXPECT_GIVEN_UP(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H01_loops_in_an_indirect_table)
{
	unsigned int length, i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (length = 1; length <= SIZE; length++) {
		for (i = 0; i < length - 1; i++)
			ENTRY(i, HEADER, 1, NEXT, i + 1);
		ENTRY(length - 1, STATUS, 1, NEXT | WRITE, 0);
		DESC(0, TABLE, length * 16, INDIRECT, 0);
		EXPECT_IOERR(0);
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
		EXPECT_GIVEN_UP(0);
		DESC(0, STATUS, 1, WRITE | NEXT, bad[i]);
		EXPECT_IOERR(0);
		ENTRY(0, HEADER, 16, NEXT, bad[i]);
		DESC(0, TABLE, SIZE * 16, INDIRECT, 0);
		EXPECT_GIVEN_UP(0);
		ENTRY(0, STATUS, 1, WRITE | NEXT, bad[i]);
		EXPECT_IOERR(0);
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
	EXPECT_GIVEN_UP(0);
	for (i = 0; i < SIZE; i++)
		DESC(i, 0, 0, WRITE | (i < SIZE - 1 ? NEXT : 0), i + 1);
	EXPECT_GIVEN_UP(0);
	DESC(0, 0, 0, 0, 0);
	EXPECT_GIVEN_UP(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H05_readable_after_writable)
{
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, STATUS, 1, NEXT | WRITE, 1);
	DESC(1, HEADER, 16, 0, 0);
	EXPECT_IOERR(0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, DATA, SECTOR, NEXT, 3);
	DESC(3, STATUS, 1, WRITE, 0);
	EXPECT_IOERR(0);
	EXPECT_TRUE(all_bytes_are(self->data, SECTOR, 0));
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
			EXPECT_IOERR(0);
		}
	}
	/* Each is fine, their sum is 2^32. */
	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, 0, 0x80000000, NEXT | WRITE, 2);
	DESC(2, 0, 0x7fffffef, NEXT | WRITE, 3);
	DESC(3, STATUS, 1, WRITE, 0);
	EXPECT_IOERR(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_lengths)
{
	/* Tables that have no status, and such that have one, if one looks for it. */
	static const uint32_t none[] = { 0, 1, 15 };
	static const uint32_t bad[] = { 33, 47, 0xffffffff, 0xfffffff0, 65536 * 16, 65537 * 16 };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	ENTRY(0, HEADER, 16, NEXT, 1);
	ENTRY(1, DATA, SECTOR, NEXT | WRITE, 2);
	ENTRY(2, STATUS, 1, WRITE, 0);
	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		DESC(0, TABLE, none[i], INDIRECT, 0);
		EXPECT_GIVEN_UP(0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		DESC(0, TABLE, bad[i], INDIRECT, 0);
		EXPECT_IOERR(0);
	}
	/* Cut off behind the data. */
	DESC(0, TABLE, 17, INDIRECT, 0);
	EXPECT_REFUSED_IN(&self->data[SECTOR - 1], 0);

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
	DESC(1, IOVA(self->other.status), 1, WRITE, 0);
	EXPECT_REFUSED_IN(self->other.status, 0);

	/* A table in a table, and a table that is itself. */
	ENTRY(3, TABLE, 48, INDIRECT, 0);
	DESC(0, IOVA(&self->table[3]), 16, INDIRECT, 0);
	EXPECT_IOERR(0);
	ENTRY(0, TABLE, 48, INDIRECT, 0);
	DESC(0, TABLE, 48, INDIRECT, 0);
	EXPECT_GIVEN_UP(0);
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

TEST_F(hostile, H07_indirect_without_the_feature)
{
	const struct dev_options options = {
		.queues = 2, .queue_size = SIZE, .direct = true,
		.without = BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC),
	};

	dev_close(&self->dev);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	blk_init(&self->request, &self->dev.guest);
	blk_init(&self->other, &self->dev.guest);
	self->table = guest_alloc(&self->dev.guest, 4096, GUEST_PAGE);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	memset(self->data, 0x33, SECTOR);

	prepare(self, VIRTIO_BLK_T_IN, 0);
	ENTRY(0, HEADER, 16, NEXT, 1);
	ENTRY(1, DATA, SECTOR, NEXT | WRITE, 2);
	ENTRY(2, STATUS, 1, WRITE, 0);
	DESC(0, TABLE, 48, INDIRECT, 0);
	EXPECT_IOERR(0);
	EXPECT_TRUE(all_bytes_are(self->data, SECTOR, 0x33));
	EXPECT_ALIVE();
}

TEST_F(hostile, H07_indirect_not_mapped)
{
	static const uint64_t bad[] = { 1ULL << 40, ~0ULL, ~0ULL - 47 };
	unsigned int i;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		DESC(0, bad[i], 48, INDIRECT, 0);
		EXPECT_GIVEN_UP(0);
	}
	/* Its first third is mapped. */
	DESC(0, self->dev.guest.iova + self->dev.guest.size - 16, 48, INDIRECT, 0);
	EXPECT_GIVEN_UP(0);
	/* A table of which nothing is mapped, behind a status. */
	DESC(0, STATUS, 1, WRITE | NEXT, 1);
	DESC(1, bad[0], 48, INDIRECT, 0);
	EXPECT_IOERR(0);
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
	EXPECT_IOERR(0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, IOVA(hole), SECTOR, NEXT | WRITE, 2);
	EXPECT_IOERR(0);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, IOVA(hole), 1, WRITE, 0);
	EXPECT_GIVEN_UP(0);
	EXPECT_EQ(0x33, *hole);
	DESC(0, IOVA(hole) - 16, 48, INDIRECT, 0);
	EXPECT_GIVEN_UP(0);
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
	EXPECT_GIVEN_UP(0);
	EXPECT_EQ(0x33, *page);

	/* and what may only be written is not read. */
	ASSERT_EQ(0, vdpa_unmap(self->dev.fd, MSG_V2, at, GUEST_PAGE));
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, at, GUEST_PAGE, page, VHOST_ACCESS_WO));
	EXPECT_LT(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_OUT, 0, page, SECTOR, NULL));
	EXPECT_EQ(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_IN, 8, page, SECTOR, NULL));
	EXPECT_TRUE(all_bytes_are(page, SECTOR, 0));
	EXPECT_ALIVE();
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
	unsigned int i, breaks = 0;

	prepare(self, VIRTIO_BLK_T_IN, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT | WRITE, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	ASSERT_EQ(0, mischief_start(&mischief));
	for (i = 0; i < 5000 && breaks < 200; i++) {
		int64_t ret = offer_to_break(self, 0);

		ASSERT_NE(-ETIMEDOUT, ret) TH_LOG("turn %u", i);
		/* There was no status in what the device saw. */
		if (ret >= 0 && vdpa_get_status(self->dev.fd) == STATUS_RUNNING)
			continue;
		breaks++;
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	mischief_stop(&mischief);
	EXPECT_ALIVE();
}

/* The sector is on the disk and behind its end, and back again, all the time. */
static void flip_sector(FIXTURE_DATA(hostile) *self, unsigned int turn)
{
	volatile struct virtio_blk_outhdr *header = self->request.header;
	unsigned int i;

	(void)turn;
	for (i = 0; i < 1000; i++) {
		header->sector = htole64(MIB / SECTOR);
		header->sector = 0;
	}
}

TEST_F(hostile, H10_sector_flips_between_check_and_use)
{
	struct mischief mischief = { .self = self, .act = flip_sector };
	unsigned int i, good = 0, bad = 0;
	struct stat stat;

	prepare(self, VIRTIO_BLK_T_OUT, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT, 2);
	DESC(2, STATUS, 1, WRITE, 0);
	ASSERT_EQ(0, mischief_start(&mischief));
	for (i = 0; i < 20000; i++) {
		*self->request.status = BLK_NO_STATUS;
		ASSERT_EQ(1, offer(self, 0));
		if (*self->request.status == VIRTIO_BLK_S_OK)
			good++;
		else
			bad++;
	}
	mischief_stop(&mischief);
	TH_LOG("%u written, %u refused", good, bad);
	/* What was written behind the end would have made the disk longer. */
	ASSERT_EQ(0, fstat(self->backend, &stat));
	EXPECT_EQ(MIB, stat.st_size);
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
		EXPECT_IOERR(0);
	}
	/* No status at all, no header at all, and one byte of it. */
	prepare(self, VIRTIO_BLK_T_FLUSH, 0);
	DESC(0, HEADER, 16, 0, 0);
	EXPECT_GIVEN_UP(0);
	DESC(0, STATUS, 1, WRITE, 0);
	EXPECT_IOERR(0);
	DESC(0, HEADER, 1, 0, 0);
	EXPECT_GIVEN_UP(0);
	EXPECT_ALIVE();
}

TEST_F(hostile, H11_status_read_only_or_missing)
{
	prepare(self, VIRTIO_BLK_T_OUT, 0);
	DESC(0, HEADER, 16, NEXT, 1);
	DESC(1, DATA, SECTOR, NEXT, 2);
	DESC(2, STATUS, 1, 0, 0);
	EXPECT_GIVEN_UP(0);
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

/* Another device in place of the fixture's, with rings of @size. */
static int reopen(FIXTURE_DATA(hostile) *self, unsigned int size)
{
	const struct dev_options options = { .queues = 2, .queue_size = size };
	int ret;

	dev_close(&self->dev);
	ret = dev_run(&self->dev, self->backend, &options);
	if (ret)
		return ret;
	blk_init(&self->request, &self->dev.guest);
	blk_init(&self->other, &self->dev.guest);
	self->table = guest_alloc(&self->dev.guest, 512 * sizeof(struct vring_desc), GUEST_PAGE);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	return 0;
}

/* A write of @segments sectors as one indirect table, whose status says OK. */
static void prepare_long_write(FIXTURE_DATA(hostile) *self, unsigned int segments,
			       uint32_t seed)
{
	unsigned int i;

	pattern_fill(self->data, segments * SECTOR, 0, seed);
	prepare(self, VIRTIO_BLK_T_OUT, 0);
	*self->request.status = VIRTIO_BLK_S_OK;
	ENTRY(0, HEADER, 16, NEXT, 1);
	for (i = 1; i <= segments; i++)
		ENTRY(i, DATA + (i - 1) * SECTOR, SECTOR, NEXT, i + 1);
	ENTRY(i, STATUS, 1, WRITE, 0);
	DESC(0, TABLE, (segments + 2) * 16, INDIRECT, 0);
}

TEST_F(hostile, S01_indirect_tables_longer_than_the_ring)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8, 128, 256 };
	static const unsigned int segments[] = { 1, 3, 8, 127, 254 };
	uint8_t disk[254 * SECTOR];
	unsigned int i, j;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		ASSERT_EQ(0, reopen(self, sizes[i])) TH_LOG("size %u", sizes[i]);
		for (j = 0; j < sizeof(segments) / sizeof(*segments); j++) {
			size_t length = segments[j] * SECTOR;
			uint32_t seed = i * 16 + j;

			prepare_long_write(self, segments[j], seed);
			EXPECT_EQ(1, offer(self, 0));
			EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
			/* Whoever says so has written it. */
			ASSERT_EQ(length, pread(self->backend, disk, length, 0));
			EXPECT_TRUE(pattern_is(disk, length, 0, seed))
				TH_LOG("%u segments, ring of %u", segments[j], sizes[i]);
		}
		/* One more is too long, also in a ring that has as many. */
		prepare_long_write(self, 255, 99);
		EXPECT_IOERR(0);
		ASSERT_EQ(sizeof(disk), pread(self->backend, disk, sizeof(disk), 0));
		EXPECT_FALSE(pattern_is(disk, SECTOR, 0, 99));
	}
}

TEST_F(hostile, S01_in_the_ring_and_then_in_a_table)
{
	unsigned int before, i;

	/* 4 to 8 of 256 in a ring of 8, the rest in a table. */
	ASSERT_EQ(0, reopen(self, 8));
	for (before = 4; before <= 8; before++) {
		prepare(self, VIRTIO_BLK_T_IN, 0);
		*self->request.status = VIRTIO_BLK_S_IOERR;
		DESC(0, HEADER, 16, NEXT, 1);
		for (i = 1; i < before - 1; i++)
			DESC(i, DATA + (i - 1) * SECTOR, SECTOR, NEXT | WRITE, i + 1);
		DESC(i, TABLE, (256 - i) * 16, INDIRECT, 0);
		for (; i < 255; i++)
			ENTRY(i - before + 1, DATA + (i - 1) * SECTOR, SECTOR, NEXT | WRITE,
			      i - before + 2);
		ENTRY(i - before + 1, STATUS, 1, WRITE, 0);
		EXPECT_EQ(254 * SECTOR + 1, offer(self, 0));
		EXPECT_EQ(VIRTIO_BLK_S_OK, *self->request.status);
		/* The same and one more. */
		DESC(before - 1, TABLE, (257 - before + 1) * 16, INDIRECT, 0);
		ENTRY(i - before + 1, DATA, SECTOR, WRITE | NEXT, i - before + 2);
		ENTRY(i - before + 2, STATUS, 1, WRITE, 0);
		EXPECT_IOERR(0);
	}
}

TEST_HARNESS_MAIN

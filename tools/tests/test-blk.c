// SPDX-License-Identifier: GPL-2.0-only
/* virtio-blk: every request type and every layout of one, on each backend. */
#include <errno.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "forget.h"
#include "harness.h"

#define MIB		(1UL << 20)
#define BACKEND_SIZE	(16 * MIB)

static int open_memfd(void)	{ return backend_memfd(BACKEND_SIZE); }
static int open_file(void)	{ return backend_file("/tmp", BACKEND_SIZE); }
/* tools/check/abi mounts a file system there that can direct I/O. */
static int open_ext4(void)	{ return backend_file("/tmp/ext4", BACKEND_SIZE); }
static int open_loop(void)	{ return backend_loop(BACKEND_SIZE, 512); }
static int open_loop_4k(void)	{ return backend_loop(BACKEND_SIZE, 4096); }
/* A disk of which it can be asked what is stable. */
static int open_forgets(void)
{
	int ret = forget_is_there() ? forget_add("") : -ENOENT;

	return ret ? ret : backend_device(forget_disk());
}
static int open_ram(void)	{ return backend_device("/dev/ram0"); }

FIXTURE(blk) {
	int backend;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;			/* 4 MiB, on a page */
	uint32_t unit;			/* bytes of the disk's logical block */
};

FIXTURE_VARIANT(blk) {
	int (*open)(void);
	uint64_t without;
	uint64_t attach_flags;
	bool v1;
};

FIXTURE_VARIANT_ADD(blk, file)		{ .open = open_file };
FIXTURE_VARIANT_ADD(blk, ext4)		{ .open = open_ext4 };
FIXTURE_VARIANT_ADD(blk, buffered)	{ .open = open_file, .attach_flags = VPIN_ATTACH_BUFFERED };
FIXTURE_VARIANT_ADD(blk, memfd)		{ .open = open_memfd, .v1 = true };
FIXTURE_VARIANT_ADD(blk, loop)		{ .open = open_loop };
FIXTURE_VARIANT_ADD(blk, loop_4k)	{ .open = open_loop_4k };
FIXTURE_VARIANT_ADD(blk, ram)		{ .open = open_ram };
FIXTURE_VARIANT_ADD(blk, forgets)	{ .open = open_forgets };
FIXTURE_VARIANT_ADD(blk, direct) {
	.open = open_memfd, .without = BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC),
};
FIXTURE_VARIANT_ADD(blk, plain) {
	.open = open_loop, .without = BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
				      BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
};

FIXTURE_SETUP(blk)
{
	const struct dev_options options = {
		.serial = "test-blk",
		.queues = 2,
		.without = variant->without,
		.attach_flags = variant->attach_flags,
		.v1 = variant->v1,
	};
	__le32 blk_size = 0;

	self->backend = variant->open();
	if (self->backend == -ENOENT &&
	    (variant->open == open_ram || variant->open == open_forgets))
		SKIP(return, "this host has none");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, 4 * MIB, GUEST_PAGE);
	ASSERT_EQ(0, vdpa_get_config(self->dev.fd, offsetof(struct virtio_blk_config, blk_size),
				     4, &blk_size));
	self->unit = blk_size;
}

FIXTURE_TEARDOWN(blk)
{
	dev_close(&self->dev);
	close(self->backend);
	if (variant->open == open_forgets)
		EXPECT_EQ(0, forget_leave());
}

/* Whether what was written is stable: only the disk that forgets can say no. */
#define IS_STABLE()	(variant->open != open_forgets || !forget_unstable())

#define DO(type, sector, data, length) \
	blk_do(self->vq, &self->request, VIRTIO_BLK_T_##type, sector, data, length, NULL)

/* The IOVA of the guest's byte at @address. */
#define IOVA(address)	guest_iova(&self->dev.guest, address)

TEST_F(blk, write_then_read)
{
	size_t length, sector = 8;
	uint32_t written;

	for (length = self->unit; length <= MIB; length *= 2) {
		pattern_fill(self->data, length, sector, length);
		ASSERT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_OUT, sector,
				    self->data, length, &written));
		EXPECT_EQ(1, written);
		memset(self->data, 0, length);
		ASSERT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_IN, sector,
				    self->data, length, &written));
		EXPECT_EQ(length + 1, written);
		EXPECT_TRUE(pattern_is(self->data, length, sector, length))
			TH_LOG("%zu bytes", length);
	}
}

TEST_F(blk, backend_holds_what_was_written)
{
	uint8_t *copy = aligned_alloc(4096, 65536);

	pattern_fill(self->data, 65536, 0, 1);
	ASSERT_EQ(0, DO(OUT, 0, self->data, 65536));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	dev_close(&self->dev);
	ASSERT_EQ(65536, pread(self->backend, copy, 65536, 0));
	EXPECT_TRUE(pattern_is(copy, 65536, 0, 1));
	if (variant->open == open_forgets) {
		/* And holds it when the power goes. */
		ASSERT_EQ(0, forget_cut(0));
		ASSERT_EQ(0, forget_read(copy, 65536, 0));
		EXPECT_TRUE(pattern_is(copy, 65536, 0, 1));
	}
}

TEST_F(blk, flush)
{
	uint32_t written;

	ASSERT_EQ(0, DO(OUT, 0, self->data, 65536));
	if (variant->open == open_forgets)
		EXPECT_FALSE(IS_STABLE());
	EXPECT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, &written));
	EXPECT_EQ(1, written);
	EXPECT_TRUE(IS_STABLE());
}

TEST_F(blk, get_id)
{
	uint32_t written;

	memset(self->data, 0xff, 32);
	ASSERT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_GET_ID, 0,
			    self->data, VIRTIO_BLK_ID_BYTES, &written));
	EXPECT_EQ(0, memcmp(self->data, "test-blk\0\0\0\0\0\0\0\0\0\0\0\0", 20));
	EXPECT_EQ(0xff, self->data[20]);
	EXPECT_EQ(21, written);
}

static int discard(FIXTURE_DATA(blk) *self, uint32_t type, uint64_t sector,
		   uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes *range = (void *)(self->data + 3 * MIB);

	range->sector = htole64(sector);
	range->num_sectors = htole32(sectors);
	range->flags = htole32(flags);
	return blk_do(self->vq, &self->request, type, 0, range, sizeof(*range), NULL);
}

TEST_F(blk, write_zeroes)
{
	uint32_t flags;

	for (flags = 0; flags <= VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP; flags++) {
		pattern_fill(self->data, 65536, 0, 2);
		ASSERT_EQ(0, DO(OUT, 0, self->data, 65536));
		ASSERT_EQ(0, discard(self, VIRTIO_BLK_T_WRITE_ZEROES, 16, 64, flags));
		ASSERT_EQ(0, DO(IN, 0, self->data, 65536));
		EXPECT_TRUE(pattern_is(self->data, 16 * SECTOR, 0, 2));
		EXPECT_TRUE(all_bytes_are(self->data + 16 * SECTOR, 64 * SECTOR, 0));
		EXPECT_TRUE(pattern_is(self->data + 80 * SECTOR, 48 * SECTOR, 80, 2));
	}
}

TEST_F(blk, discard)
{
	/* What is discarded reads as anything; what is around it is untouched. */
	pattern_fill(self->data, 65536, 0, 3);
	ASSERT_EQ(0, DO(OUT, 0, self->data, 65536));
	if (!(self->dev.features & BIT_ULL(VIRTIO_BLK_F_DISCARD)))
		SKIP(return, "the backend cannot discard");
	ASSERT_EQ(0, discard(self, VIRTIO_BLK_T_DISCARD, 16, 64, 0));
	ASSERT_EQ(0, DO(IN, 0, self->data, 65536));
	EXPECT_TRUE(pattern_is(self->data, 16 * SECTOR, 0, 3));
	EXPECT_TRUE(pattern_is(self->data + 80 * SECTOR, 48 * SECTOR, 80, 3));
}

TEST_F(blk, beyond_the_disk)
{
	const uint64_t capacity = dev_capacity(&self->dev);
	const uint64_t unit = self->unit / SECTOR;

	EXPECT_EQ(0, DO(IN, capacity - unit, self->data, self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(IN, capacity, self->data, self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(OUT, capacity, self->data, self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(IN, capacity - unit, self->data, 2 * self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(OUT, capacity - unit, self->data, 2 * self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(IN, ~0ULL, self->data, self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(OUT, ~0ULL / SECTOR, self->data, self->unit));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, DO(OUT, 1ULL << 55, self->data, self->unit));
	EXPECT_EQ(0, DO(IN, 0, self->data, self->unit));
}

TEST_F(blk, unknown_type)
{
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP,
		  blk_do(self->vq, &self->request, 99, 0, self->data, self->unit, NULL));
	EXPECT_EQ(0, DO(IN, 0, self->data, self->unit));
}

TEST_F(blk, writeback_toggled)
{
	uint8_t value;

	for (value = 0; value < 2; value++) {
		ASSERT_EQ(0, vdpa_set_config(self->dev.fd,
					     offsetof(struct virtio_blk_config, wce), 1, &value));
		pattern_fill(self->data, 8192, 0, 10 + value);
		ASSERT_EQ(0, DO(OUT, 0, self->data, 8192));
		if (!value)
			EXPECT_TRUE(IS_STABLE());
		memset(self->data, 0, 8192);
		ASSERT_EQ(0, DO(IN, 0, self->data, 8192));
		EXPECT_TRUE(pattern_is(self->data, 8192, 0, 10 + value));
	}
}

/* Fills a header and a status byte that blk_do_chain() carries as bufs. */
static void prepare(struct virtio_blk_outhdr *header, uint32_t type, uint64_t sector)
{
	const struct virtio_blk_outhdr value = {
		.type = htole32(type), .sector = htole64(sector),
	};

	memcpy(header, &value, sizeof(value));
}

/* A write, then a read of the same, with the header at @header. */
#define CHECK_HEADER_AT(header) do {						\
	struct vq_buf bufs[] = {						\
		{ IOVA(header), 16, false },					\
		{ IOVA(self->data), self->unit, false },			\
		{ IOVA(self->request.status), 1, true },			\
	};									\
	pattern_fill(self->data, self->unit, 8, 4);				\
	prepare((void *)(header), VIRTIO_BLK_T_OUT, 8);				\
	*self->request.status = BLK_NO_STATUS;					\
	EXPECT_EQ(1, blk_do_chain(self->vq, bufs, 3));				\
	EXPECT_EQ(0, *self->request.status);					\
	memset(self->data, 0, self->unit);					\
	prepare((void *)(header), VIRTIO_BLK_T_IN, 8);				\
	bufs[1].device_writes = true;						\
	*self->request.status = BLK_NO_STATUS;					\
	EXPECT_EQ(self->unit + 1, blk_do_chain(self->vq, bufs, 3));		\
	EXPECT_EQ(0, *self->request.status);					\
	EXPECT_TRUE(pattern_is(self->data, self->unit, 8, 4));			\
} while (0)

TEST_F(blk, header_at_odd_addresses_and_over_pages)
{
	uint8_t *page = self->data + MIB;
	int offset;

	for (offset = -17; offset <= 1; offset++)
		CHECK_HEADER_AT(page + offset);
}

TEST_F(blk, H11_header_in_sixteen_descriptors)
{
	uint8_t *header = self->data + MIB - 8;
	struct vq_buf bufs[18];
	unsigned int i;

	for (i = 0; i < 16; i++)
		bufs[i] = (struct vq_buf){ IOVA(header + i), 1, false };
	bufs[16] = (struct vq_buf){ IOVA(self->data), self->unit, true };
	bufs[17] = (struct vq_buf){ IOVA(self->request.status), 1, true };

	pattern_fill(self->data, self->unit, 8, 5);
	ASSERT_EQ(0, DO(OUT, 8, self->data, self->unit));
	memset(self->data, 0, self->unit);
	prepare((void *)header, VIRTIO_BLK_T_IN, 8);
	*self->request.status = BLK_NO_STATUS;
	EXPECT_EQ(self->unit + 1, blk_do_chain(self->vq, bufs, 18));
	EXPECT_EQ(0, *self->request.status);
	EXPECT_TRUE(pattern_is(self->data, self->unit, 8, 5));
}

TEST_F(blk, H11_header_and_data_in_one_descriptor)
{
	uint8_t *message = self->data + MIB - 16;
	const struct vq_buf bufs[] = {
		{ IOVA(message), 16 + self->unit, false },
		{ IOVA(self->request.status), 1, true },
	};

	prepare((void *)message, VIRTIO_BLK_T_OUT, 8);
	pattern_fill(message + 16, self->unit, 8, 6);
	*self->request.status = BLK_NO_STATUS;
	EXPECT_EQ(1, blk_do_chain(self->vq, bufs, 2));
	EXPECT_EQ(0, *self->request.status);
	ASSERT_EQ(0, DO(IN, 8, self->data, self->unit));
	EXPECT_TRUE(pattern_is(self->data, self->unit, 8, 6));
}

TEST_F(blk, H11_data_and_status_in_one_descriptor)
{
	const struct vq_buf bufs[] = {
		{ IOVA(self->request.header), 16, false },
		{ IOVA(self->data), self->unit + 1, true },
	};

	pattern_fill(self->data, self->unit, 8, 7);
	ASSERT_EQ(0, DO(OUT, 8, self->data, self->unit));
	memset(self->data, BLK_NO_STATUS, self->unit + 2);
	prepare(self->request.header, VIRTIO_BLK_T_IN, 8);
	EXPECT_EQ(self->unit + 1, blk_do_chain(self->vq, bufs, 2));
	EXPECT_EQ(0, self->data[self->unit]);
	EXPECT_EQ(BLK_NO_STATUS, self->data[self->unit + 1]);
	EXPECT_TRUE(pattern_is(self->data, self->unit, 8, 7));
}

TEST_F(blk, data_at_any_address)
{
	static const unsigned int offsets[] = { 1, 2, 3, 8, 511, 513, 4095 };
	unsigned int i;

	for (i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		uint8_t *data = self->data + offsets[i];

		data[-1] = data[16384] = 0x77;
		pattern_fill(data, 16384, 8, i);
		ASSERT_EQ(0, DO(OUT, 8, data, 16384));
		memset(data, 0, 16384);
		ASSERT_EQ(0, DO(IN, 8, data, 16384));
		EXPECT_TRUE(pattern_is(data, 16384, 8, i)) TH_LOG("offset %u", offsets[i]);
		EXPECT_EQ(0x77, data[-1]);
		EXPECT_EQ(0x77, data[16384]);
	}
}

/* More than a bounce buffer holds, and more than fits into a turn. */
TEST_F(blk, much_data_at_an_odd_address)
{
	static const unsigned int lengths[] = { 256 << 10, (1 << 20) + 65536 };
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		uint8_t *data = self->data + 1;

		data[-1] = data[lengths[i]] = 0x77;
		pattern_fill(data, lengths[i], 8, i);
		ASSERT_EQ(0, DO(OUT, 8, data, lengths[i]));
		memset(data, 0, lengths[i]);
		ASSERT_EQ(0, DO(IN, 8, data, lengths[i]));
		EXPECT_TRUE(pattern_is(data, lengths[i], 8, i));
		EXPECT_EQ(0x77, data[-1]);
		EXPECT_EQ(0x77, data[lengths[i]]);
		/* And as it lies right. */
		ASSERT_EQ(0, DO(IN, 8, self->data, lengths[i]));
		EXPECT_TRUE(pattern_is(self->data, lengths[i], 8, i));
	}
}

/* The first pieces lie right, then one does not, then they do again. */
TEST_F(blk, some_pieces_lie_wrong)
{
	enum { PIECES = 40, LENGTH = 4096 };
	struct vq_buf bufs[PIECES + 2];
	unsigned int i, writes;
	uint8_t *data[PIECES];

	for (i = 0; i < PIECES; i++)
		data[i] = self->data + 2 * i * LENGTH + (i == 20 ? 3 : 0);
	for (writes = 0; writes < 2; writes++) {
		bufs[0] = (struct vq_buf){ IOVA(self->request.header), 16, false };
		for (i = 0; i < PIECES; i++) {
			bufs[i + 1] = (struct vq_buf){ IOVA(data[i]), LENGTH, writes == 1 };
			if (writes)
				memset(data[i], 0, LENGTH);
			else
				pattern_fill(data[i], LENGTH, 8 + i * 8, 5);
		}
		bufs[i + 1] = (struct vq_buf){ IOVA(self->request.status), 1, true };
		prepare(self->request.header, writes ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 8);
		*self->request.status = BLK_NO_STATUS;
		EXPECT_EQ(writes ? PIECES * LENGTH + 1 : 1,
			  blk_do_chain(self->vq, bufs, PIECES + 2));
		EXPECT_EQ(0, *self->request.status);
	}
	for (i = 0; i < PIECES; i++)
		EXPECT_TRUE(pattern_is(data[i], LENGTH, 8 + i * 8, 5)) TH_LOG("piece %u", i);
	ASSERT_EQ(0, DO(IN, 8, self->data, PIECES * LENGTH));
	EXPECT_TRUE(pattern_is(self->data, PIECES * LENGTH, 8, 5));
}

TEST_F(blk, data_in_odd_pieces)
{
	struct vq_buf bufs[64];
	unsigned int at = 0, num = 1, writes;

	for (writes = 0; writes < 2; writes++) {
		bufs[0] = (struct vq_buf){ IOVA(self->request.header), 16, false };
		for (at = 0, num = 1; at < 8192; num++) {
			/* 1, 3, 5, ... bytes, then what is left; far apart. */
			unsigned int length = 2 * num - 1;

			if (num == 60)
				length = 8192 - at;
			bufs[num] = (struct vq_buf){
				IOVA(self->data + num * 10001), length, writes == 1,
			};
			at += length;
		}
		bufs[num++] = (struct vq_buf){ IOVA(self->request.status), 1, true };

		for (at = 0, num = 1; num <= 60; at += bufs[num++].length) {
			uint8_t whole[8192];

			pattern_fill(whole, sizeof(whole), 8, 9);
			if (!writes)
				memcpy(self->data + num * 10001, whole + at, bufs[num].length);
			else
				memset(self->data + num * 10001, 0, bufs[num].length);
		}

		prepare(self->request.header, writes ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_OUT, 8);
		*self->request.status = BLK_NO_STATUS;
		EXPECT_EQ(writes ? 8193 : 1, blk_do_chain(self->vq, bufs, 62));
		EXPECT_EQ(0, *self->request.status);

		for (at = 0, num = 1; num <= 60; at += bufs[num++].length) {
			uint8_t whole[8192];

			pattern_fill(whole, sizeof(whole), 8, 9);
			EXPECT_EQ(0, memcmp(self->data + num * 10001, whole + at,
					    bufs[num].length))
				TH_LOG("piece %u", num);
		}
	}

	/* And as one. */
	ASSERT_EQ(0, DO(IN, 8, self->data, 8192));
	EXPECT_TRUE(pattern_is(self->data, 8192, 8, 9));
}

/*
 * Requests of 4 KiB on both queues at once, each with its own place on the disk
 * and in memory.  True when all came back with status 0.
 */
#define EACH	32

static bool both_queues(FIXTURE_DATA(blk) *self, struct blk_request *requests, uint32_t type)
{
	struct vring_used_elem elem;
	unsigned int i;

	for (i = 0; i < 2 * EACH; i++) {
		struct vq *vq = &self->dev.vqs[i % 2];

		if (blk_add(vq, &requests[i], type, i * 8, self->data + i * 4096, 4096))
			return false;
		vq_publish(vq);
	}
	for (i = 0; i < 2 * EACH; i++)
		if (vq_wait(&self->dev.vqs[i % 2], &elem, VQ_TIMEOUT_MS))
			return false;
	for (i = 0; i < 2 * EACH; i++)
		if (*requests[i].status)
			return false;
	return true;
}

TEST_F(blk, both_queues_at_once)
{
	struct blk_request requests[2 * EACH];
	unsigned int i;

	for (i = 0; i < 2 * EACH; i++)
		blk_init(&requests[i], &self->dev.guest);

	pattern_fill(self->data, 2 * EACH * 4096, 0, 11);
	ASSERT_TRUE(both_queues(self, requests, VIRTIO_BLK_T_OUT));
	memset(self->data, 0, 2 * EACH * 4096);
	ASSERT_TRUE(both_queues(self, requests, VIRTIO_BLK_T_IN));
	EXPECT_TRUE(pattern_is(self->data, 2 * EACH * 4096, 0, 11));
}

/* The rest needs a device of its own. */

static void one_huge_descriptor(struct __test_metadata *_metadata, int backend)
{
	const struct dev_options options = { .memory = 72 * MIB };
	struct blk_request request;
	struct dev dev;
	uint8_t *data;

	ASSERT_LE(0, backend);
	ASSERT_EQ(0, dev_run(&dev, backend, &options));
	blk_init(&request, &dev.guest);
	data = guest_alloc(&dev.guest, 64 * MIB, GUEST_PAGE);
	pattern_fill(data, 64 * MIB, 0, 1);
	EXPECT_EQ(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_OUT, 0, data, 64 * MIB, NULL));
	memset(data, 0, 64 * MIB);
	EXPECT_EQ(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_IN, 0, data, 64 * MIB, NULL));
	EXPECT_TRUE(pattern_is(data, 64 * MIB, 0, 1));
	dev_close(&dev);
	close(backend);
}

TEST(one_descriptor_of_64_MiB_to_a_file)
{
	one_huge_descriptor(_metadata, backend_memfd(64 * MIB));
}

TEST(one_descriptor_of_64_MiB_to_a_device)
{
	one_huge_descriptor(_metadata, backend_loop(64 * MIB, 512));
}

TEST(read_only)
{
	const struct dev_options options = { .attach_flags = VPIN_ATTACH_RO };
	struct virtio_blk_discard_write_zeroes *range;
	struct blk_request request;
	struct dev dev;
	uint8_t *data;
	char byte;
	int backend;

	backend = backend_memfd(MIB);
	ASSERT_LE(0, backend);
	ASSERT_EQ(1, pwrite(backend, "x", 1, 4096));
	ASSERT_EQ(0, dev_run(&dev, backend, &options));
	EXPECT_TRUE(dev.offered & BIT_ULL(VIRTIO_BLK_F_RO));
	blk_init(&request, &dev.guest);
	data = guest_alloc(&dev.guest, 4096, GUEST_PAGE);
	range = guest_alloc(&dev.guest, sizeof(*range), 8);
	range->sector = htole64(8);
	range->num_sectors = htole32(8);

	EXPECT_EQ(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_IN, 8, data, 4096, NULL));
	EXPECT_EQ('x', data[0]);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_OUT, 8,
					     data, 4096, NULL));
	EXPECT_LT(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_DISCARD, 0,
			    range, sizeof(*range), NULL));
	EXPECT_LT(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_WRITE_ZEROES, 0,
			    range, sizeof(*range), NULL));
	dev_close(&dev);
	ASSERT_EQ(1, pread(backend, &byte, 1, 4096));
	EXPECT_EQ('x', byte);
	close(backend);
}

static void many_requests(struct __test_metadata *_metadata, uint64_t without)
{
	enum { DEPTH = 64, REQUESTS = 70000 };
	const struct dev_options options = { .without = without };
	struct blk_request requests[DEPTH];
	unsigned int slot_of[VQ_SIZE_MAX];
	unsigned int submitted = 0, done = 0, i;
	struct vring_used_elem elem;
	struct dev dev;
	struct vq *vq = &dev.vqs[0];
	uint8_t *data;
	int backend;

	backend = backend_memfd(MIB);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, dev_run(&dev, backend, &options));
	data = guest_alloc(&dev.guest, DEPTH * 32, 32);
	for (i = 0; i < DEPTH; i++)
		blk_init(&requests[i], &dev.guest);
	for (i = 0; i < DEPTH; i++, submitted++) {
		ASSERT_EQ(0, blk_add(vq, &requests[i], VIRTIO_BLK_T_GET_ID, 0,
				     data + i * 32, VIRTIO_BLK_ID_BYTES));
		slot_of[requests[i].head] = i;
	}
	vq_publish(vq);
	for (done = 0; done < REQUESTS; done++) {
		ASSERT_EQ(0, vq_wait(vq, &elem, VQ_TIMEOUT_MS))
			TH_LOG("after %u requests", done);
		ASSERT_GT(vq->size, elem.id);
		i = slot_of[elem.id];
		ASSERT_EQ(0, *requests[i].status);
		if (submitted < REQUESTS) {
			ASSERT_EQ(0, blk_add(vq, &requests[i], VIRTIO_BLK_T_GET_ID, 0,
					     data + i * 32, VIRTIO_BLK_ID_BYTES));
			slot_of[requests[i].head] = i;
			submitted++;
			vq_publish(vq);
		}
	}
	EXPECT_EQ(REQUESTS & 0xffff, vq->used->idx);
	dev_close(&dev);
	close(backend);
}

TEST(more_requests_than_the_index_counts)
{
	many_requests(_metadata, 0);
}

TEST(more_requests_than_the_index_counts_without_event_idx)
{
	many_requests(_metadata, BIT_ULL(VIRTIO_RING_F_EVENT_IDX));
}

/* As libblkio lays them out: 16-byte aligned rings, from IOVA 0 or far up. */
TEST(rings_at_any_place)
{
	static const struct dev_options options[] = {
		{ .ring_offset = 16 }, { .ring_offset = 4080, .queue_size = 1024 },
		{ .iova = 1ULL << 40, .ring_offset = 2064 }, { .queue_size = 1024 },
		{ .queue_size = 4 }, { .queue_size = 4, .direct = true },
		{ .iova = ~0ULL - (8 * MIB) + 1 },
	};
	struct blk_request request;
	struct dev dev;
	uint8_t *data;
	unsigned int i, again;
	int backend;

	backend = backend_memfd(MIB);
	ASSERT_LE(0, backend);
	for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
		ASSERT_EQ(0, dev_run(&dev, backend, &options[i])) TH_LOG("options %u", i);
		blk_init(&request, &dev.guest);
		data = guest_alloc(&dev.guest, 4096, GUEST_PAGE);
		for (again = 0; again < 1100; again++)
			ASSERT_EQ(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_IN, 0,
					    data, 4096, NULL)) TH_LOG("options %u", i);
		dev_close(&dev);
	}
	close(backend);
}

FORGET_HARNESS_MAIN

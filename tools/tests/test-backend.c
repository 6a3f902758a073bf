// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a backend does that no good disk does: it fails, refuses, becomes
 * read-only.  Failures are told and end with their cause.  And what of a disk is
 * allocated, which is the backend's to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "forget.h"
#include "harness.h"

#define MIB	(1UL << 20)
#define SIZE	(8 * MIB)
#define IOERR	VIRTIO_BLK_S_IOERR

FIXTURE(backend) {
	int backend;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;			/* 1 MiB, on a page */
	uint64_t start;			/* sector of the disk where the backend begins */
};

FIXTURE_VARIANT(backend) {
	const char *disk;
	bool file;
	uint64_t attach_flags;
};

FIXTURE_VARIANT_ADD(backend, device) { .disk = "" };
FIXTURE_VARIANT_ADD(backend, device_4k) { .disk = "block=4096" };
FIXTURE_VARIANT_ADD(backend, device_buffered) {
	.disk = "", .attach_flags = VPIN_ATTACH_BUFFERED,
};
FIXTURE_VARIANT_ADD(backend, device_polled) {
	.disk = "poll=1", .attach_flags = VPIN_ATTACH_POLL,
};
FIXTURE_VARIANT_ADD(backend, file) { .disk = "", .file = true };
FIXTURE_VARIANT_ADD(backend, file_buffered) {
	.disk = "", .file = true, .attach_flags = VPIN_ATTACH_BUFFERED,
};

#define IS_BUFFERED	(variant->attach_flags & VPIN_ATTACH_BUFFERED)

static int allocate(int fd)
{
	static uint8_t bytes[MIB] = { 1 };
	size_t at;

	for (at = 0; at < SIZE; at += MIB)
		if (pwrite(fd, bytes, MIB, at) != (ssize_t)MIB)
			return -1;
	return fsync(fd);
}

FIXTURE_SETUP(backend)
{
	const struct dev_options options = { .attach_flags = variant->attach_flags };

	if (!forget_is_there())
		SKIP(return, "no disk that fails");
	ASSERT_EQ(0, forget_add(variant->disk));
	if (variant->file)
		ASSERT_EQ(0, forget_format(SIZE));
	self->backend = open(variant->file ? forget_file() : forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->backend);
	if (variant->file) {
		ASSERT_EQ(0, allocate(self->backend));
		ASSERT_LT(0, forget_file_sector());
		self->start = forget_file_sector();
	}
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
}

FIXTURE_TEARDOWN(backend)
{
	forget_fail("none", 0, 1);
	if (self->dev.fd > 0)
		dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(0, forget_leave());
}

#define DO(type, sector, data, length) \
	blk_do(self->vq, &self->request, VIRTIO_BLK_T_##type, sector, data, length, NULL)

/* Has requests of a kind fail where they touch 8 of the disk's sectors. */
#define FAIL(kind, sector)	ASSERT_EQ(0, forget_fail(kind, self->start + (sector), 8))
#define MEND()			ASSERT_EQ(0, forget_fail("none", 0, 1))

static int ranges(FIXTURE_DATA(backend) *self, uint32_t type, uint64_t sector,
		  uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes *range = (void *)(self->data + MIB - 64);

	range->sector = htole64(sector);
	range->num_sectors = htole32(sectors);
	range->flags = htole32(flags);
	return blk_do(self->vq, &self->request, type, 0, range, sizeof(*range), NULL);
}
#define ZERO(sector, sectors, flags) \
	ranges(self, VIRTIO_BLK_T_WRITE_ZEROES, sector, sectors, flags)
#define DISCARD(sector, sectors) \
	ranges(self, VIRTIO_BLK_T_DISCARD, sector, sectors, 0)

/* The host's pages would answer in place of the disk. */
static void forget_pages(FIXTURE_DATA(backend) *self)
{
	fsync(self->backend);
	posix_fadvise(self->backend, 0, 0, POSIX_FADV_DONTNEED);
}

TEST_F(backend, a_read_that_fails)
{
	static const unsigned int odd[] = { 0, 1, 513 };
	unsigned int i;

	ASSERT_EQ(0, DO(OUT, 0, self->data, 262144));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		forget_pages(self);
		FAIL("reads", 256);
		EXPECT_EQ(IOERR, DO(IN, 256, self->data + odd[i], 4096));
		/* A part of it fails. */
		EXPECT_EQ(IOERR, DO(IN, 0, self->data + odd[i], 262144));
		EXPECT_EQ(IOERR, DO(IN, 192, self->data + odd[i], 65536));
		MEND();
		EXPECT_EQ(0, DO(IN, 256, self->data + odd[i], 4096));
		EXPECT_EQ(0, DO(IN, 0, self->data + odd[i], 262144));
	}
}

TEST_F(backend, a_write_that_fails)
{
	static const unsigned int odd[] = { 0, 1, 513 };
	unsigned int i;
	int status;

	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		static const struct { uint64_t sector; size_t length; } writes[] = {
			{ 256, 4096 }, { 192, 65536 }, { 0, 262144 },
		};
		unsigned int j;

		for (j = 0; j < 3; j++) {
			FAIL("writes", 256);
			pattern_fill(self->data + odd[i], writes[j].length, writes[j].sector, 1);
			status = DO(OUT, writes[j].sector, self->data + odd[i], writes[j].length);
			/* What the page cache took fails when it is flushed. */
			if ((variant->file || IS_BUFFERED) && !status)
				status = DO(FLUSH, 0, NULL, 0);
			EXPECT_EQ(IOERR, status) TH_LOG("odd %u, %zu bytes", odd[i],
							writes[j].length);
			MEND();
			EXPECT_EQ(0, DO(OUT, writes[j].sector, self->data + odd[i],
					writes[j].length));
			EXPECT_EQ(0, DO(FLUSH, 0, NULL, 0));
		}
	}
}

/*
 * S03: a disk goes one way to its bytes.  What direct I/O cannot take as it lies
 * is at the disk when it ends, as its neighbour is.
 */
TEST_F(backend, S03_one_way)
{
	unsigned int odd;
	long writes;

	if (IS_BUFFERED)
		SKIP(return, "goes through the page cache");
	for (odd = 0; odd < 2; odd++) {
		writes = forget_count("writes");
		ASSERT_EQ(0, DO(OUT, 256, self->data + odd, 4096));
		EXPECT_LT(writes, forget_count("writes")) TH_LOG("%u bytes off", odd);
	}
}

TEST_F(backend, a_write_through_that_fails)
{
	uint8_t value = 0;

	ASSERT_EQ(0, vdpa_set_config(self->dev.fd, offsetof(struct virtio_blk_config, wce),
				     1, &value));
	FAIL("writes", 256);
	EXPECT_EQ(IOERR, DO(OUT, 256, self->data, 4096));
	EXPECT_EQ(IOERR, DO(OUT, 256, self->data + 1, 4096));
	EXPECT_EQ(IOERR, DO(OUT, 0, self->data, 262144));
	MEND();
	EXPECT_EQ(0, DO(OUT, 0, self->data, 262144));
}

TEST_F(backend, a_flush_that_fails)
{
	ASSERT_EQ(0, DO(OUT, 256, self->data, 4096));
	ASSERT_EQ(0, forget_fail("flushes", 0, 1));
	EXPECT_EQ(IOERR, DO(FLUSH, 0, NULL, 0));
	MEND();
	if (variant->file)
		return;		/* a journal that failed stays so */
	EXPECT_EQ(0, DO(OUT, 256, self->data, 4096));
	EXPECT_EQ(0, DO(FLUSH, 0, NULL, 0));
}

/* Zeroes written through are flushed, and that can fail. */
TEST_F(backend, a_flush_after_zeroes_that_fails)
{
	uint8_t value = 0;

	ASSERT_EQ(0, vdpa_set_config(self->dev.fd, offsetof(struct virtio_blk_config, wce),
				     1, &value));
	ASSERT_EQ(0, forget_fail("flushes", 0, 1));
	EXPECT_EQ(IOERR, ZERO(256, 8, 0));
	MEND();
	if (!variant->file)
		EXPECT_EQ(0, ZERO(256, 8, 0));
}

TEST_F(backend, zeroes_and_discards_that_fail)
{
	if (variant->file)
		SKIP(return, "they change the file's map, not its data");
	FAIL("zeroes", 256);
	/* Some device might do it another way, but none may do it not at all. */
	pattern_fill(self->data, 4096, 256, 7);
	ASSERT_EQ(0, DO(OUT, 256, self->data, 4096));
	if (!ZERO(256, 8, 0)) {
		ASSERT_EQ(0, DO(IN, 256, self->data, 4096));
		EXPECT_TRUE(all_bytes_are(self->data, 4096, 0));
	}
	FAIL("discards", 256);
	EXPECT_EQ(IOERR, DISCARD(256, 8));
	MEND();
	EXPECT_EQ(0, ZERO(256, 8, 0));
	EXPECT_EQ(0, DISCARD(256, 8));
}

/* Without UNMAP, the blocks stay; with it, and by a discard, they may go. */
TEST_F(backend, what_is_allocated)
{
	long zeroes, unmaps, discards;
	struct stat stat;
	blkcnt_t blocks;

	if (variant->file) {
		ASSERT_EQ(0, fstat(self->backend, &stat));
		blocks = stat.st_blocks;
		ASSERT_EQ(0, ZERO(1024, 2048, 0));
		ASSERT_EQ(0, fstat(self->backend, &stat));
		EXPECT_LE(blocks, stat.st_blocks);
		ASSERT_EQ(0, ZERO(1024, 2048, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP));
		ASSERT_EQ(0, fstat(self->backend, &stat));
		EXPECT_GT(blocks, stat.st_blocks);
		blocks = stat.st_blocks;
		ASSERT_EQ(0, DISCARD(4096, 2048));
		ASSERT_EQ(0, fstat(self->backend, &stat));
		EXPECT_GT(blocks, stat.st_blocks);
		return;
	}
	zeroes = forget_count("zeroes");
	unmaps = forget_count("unmaps");
	discards = forget_count("discards");
	ASSERT_EQ(0, ZERO(1024, 2048, 0));
	EXPECT_LT(zeroes, forget_count("zeroes"));
	EXPECT_EQ(unmaps, forget_count("unmaps"));
	EXPECT_EQ(discards, forget_count("discards"));
	ASSERT_EQ(0, ZERO(1024, 2048, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP));
	EXPECT_LT(unmaps, forget_count("unmaps"));
	ASSERT_EQ(0, DISCARD(4096, 2048));
	EXPECT_LT(discards, forget_count("discards"));
}

/* S12: set read-only while it is attached: as the host's own writer sees it. */
TEST_F(backend, S12_read_only_while_attached)
{
	uint8_t *copy = aligned_alloc(4096, 4096);
	int yes = 1, no = 0;

	if (variant->file)
		SKIP(return, "not a device");
	pattern_fill(self->data, 4096, 256, 1);
	ASSERT_EQ(0, DO(OUT, 256, self->data, 4096));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &yes));
	ASSERT_EQ(-1, pwrite(self->backend, copy, 4096, 0));
	ASSERT_EQ(EPERM, errno);

	pattern_fill(self->data, 4096, 256, 2);
	EXPECT_EQ(IOERR, DO(OUT, 256, self->data, 4096));
	pattern_fill(self->data + 1, 4096, 256, 2);
	EXPECT_EQ(IOERR, DO(OUT, 256, self->data + 1, 4096));
	EXPECT_EQ(IOERR, ZERO(256, 8, 0));
	EXPECT_EQ(IOERR, DISCARD(256, 8));
	EXPECT_EQ(0, DO(IN, 256, self->data, 4096));
	EXPECT_TRUE(pattern_is(self->data, 4096, 256, 1));
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &no));
	EXPECT_EQ(0, DO(OUT, 256, self->data, 4096));
	free(copy);
}

/* The rest needs no running device. */

TEST(a_read_only_device_is_not_attached_for_writing)
{
	struct dev dev;
	int backend, yes = 1;

	if (!forget_is_there())
		SKIP(return, "no disk that can be set read-only");
	ASSERT_EQ(0, forget_add(""));
	backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, ioctl(backend, BLKROSET, &yes));
	EXPECT_EQ(-EROFS, dev_open(&dev, backend, NULL));
	ASSERT_EQ(0, dev_open(&dev, backend,
			      &(struct dev_options){ .attach_flags = VPIN_ATTACH_RO }));
	dev_close(&dev);
	close(backend);
	EXPECT_EQ(0, forget_remove());
}

/* A discard is a hint: a device that says it can and then does not is no failure. */
TEST(a_discard_that_is_refused)
{
	struct virtio_blk_discard_write_zeroes *range;
	struct blk_request request;
	struct dev dev;
	int backend;

	if (!forget_is_there())
		SKIP(return, "no disk that refuses");
	ASSERT_EQ(0, forget_add("discard=2"));
	backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, dev_run(&dev, backend, NULL));
	EXPECT_TRUE(dev.offered & BIT_ULL(VIRTIO_BLK_F_DISCARD));
	blk_init(&request, &dev.guest);
	range = guest_alloc(&dev.guest, sizeof(*range), 8);
	range->num_sectors = htole32(64);
	EXPECT_EQ(0, blk_do(&dev.vqs[0], &request, VIRTIO_BLK_T_DISCARD, 0,
			    range, sizeof(*range), NULL));
	dev_close(&dev);
	close(backend);
	EXPECT_EQ(0, forget_remove());
}

FORGET_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks on files: their sizes and blocks, what becomes of a file under them, and
 * whose rights count.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

FIXTURE(file) {
	int file;
	struct rig rig;
};

FIXTURE_VARIANT(file) {
	uint64_t flags;
};

FIXTURE_VARIANT_ADD(file, direct)	{ 0 };
FIXTURE_VARIANT_ADD(file, buffered)	{ VPIN_ATTACH_BUFFERED };

/* On the ext4 that tools/check/abi mounts. */
FIXTURE_SETUP(file)
{
	self->rig.dev.fd = -1;
	self->file = backend_file("/tmp/ext4", 4 * MIB);
	ASSERT_LE(0, self->file);
}

FIXTURE_TEARDOWN(file)
{
	rig_close(&self->rig);
	close(self->file);
}

static off_t size_of(int file)
{
	struct stat stat;

	return fstat(file, &stat) ? -1 : stat.st_size;
}

static long blocks_of(int file)
{
	struct stat stat;

	return fstat(file, &stat) ? -1 : stat.st_blocks;
}

/* The direct way and the page cache are not mixed: which one shows in the cache. */
static unsigned long cached_pages(int file, size_t length)
{
	unsigned char resident[1024];
	unsigned long pages = 0, i;
	void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, file, 0);

	if (map == MAP_FAILED || mincore(map, length, resident))
		return -1;
	munmap(map, length);
	for (i = 0; i < length / 4096; i++)
		pages += resident[i] & 1;
	return pages;
}

/* All that is odd: memory, length of pieces. */
TEST_F(file, S03_one_way_to_the_bytes)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	pattern_fill(self->rig.data + 1, 262144, 0, 3);
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_OUT, 0, self->rig.data + 1, 262144));
	ASSERT_EQ(0, rig_write(&self->rig, 0, 4096, 4));
	memset(self->rig.data, 0, 262200);
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data + 3, 262144));
	EXPECT_TRUE(pattern_is(self->rig.data + 3, 4096, 0, 4));
	EXPECT_TRUE(pattern_is(self->rig.data + 3 + 4096, 262144 - 4096, 8, 3));
	if (variant->flags) {
		EXPECT_LT(0, cached_pages(self->file, MIB));
	} else {
		EXPECT_EQ(0, cached_pages(self->file, MIB));
	}
}

/*
 * Of a file of ext3's kind no range can be zeroed: zeroes are written, and by the way of
 * all else.  An old neighbour would come back with a page of the cache.
 */
TEST_F(file, S03_zeroes_go_that_way)
{
	unsigned int i, other = 0;
	int flags;

	ASSERT_EQ(0, ioctl(self->file, FS_IOC_GETFLAGS, &flags));
	flags &= ~FS_EXTENT_FL;
	ASSERT_EQ(0, ioctl(self->file, FS_IOC_SETFLAGS, &flags));
	ASSERT_EQ(-1, fallocate(self->file, FALLOC_FL_ZERO_RANGE, 0, 4096));
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, rig_write(&self->rig, 0, MIB, 1));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 3, 1001, 0));
	if (variant->flags) {
		EXPECT_LT(0, cached_pages(self->file, MIB));
	} else {
		EXPECT_EQ(0, cached_pages(self->file, MIB));
	}
	EXPECT_TRUE(rig_reads(&self->rig, 0, 3 * 512, 1));
	EXPECT_TRUE(rig_reads(&self->rig, 1004, MIB - 1004 * 512, 1));
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 3, self->rig.data, 1001 * 512));
	for (i = 0; i < 1001 * 512; i++)
		other += !!((uint8_t *)self->rig.data)[i];
	EXPECT_EQ(0, other);
}

TEST_F(file, S07_no_whole_blocks)
{
	const struct dev_options big = { .attach_flags = variant->flags, .logical = 4096 };

	ASSERT_EQ(0, ftruncate(self->file, 1000));
	EXPECT_EQ(-EINVAL, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, ftruncate(self->file, 5 * 512));
	EXPECT_EQ(-EINVAL, rig_run(&self->rig, self->file, &big));
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	EXPECT_EQ(5, dev_capacity(&self->rig.dev));
}

/* The largest discard that it tells of is one that it takes. */
TEST_F(file, S11_discards_are_whole_blocks)
{
	const struct dev_options big = { .attach_flags = variant->flags, .logical = 4096 };

	ASSERT_EQ(0, rig_run(&self->rig, self->file, &big));
	EXPECT_LT(0, rig_config(&self->rig).max_discard_sectors);
	EXPECT_EQ(0, rig_config(&self->rig).max_discard_sectors % 8);
}

/* What is gone is an error, and does not come back by itself. */
TEST_F(file, S07_cut_short)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, rig_write(&self->rig, 4096, 8192, 1));
	ASSERT_EQ(0, ftruncate(self->file, MIB));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 4096, 8192, 1));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 2048 - 8, 8192, 1));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_do(&self->rig, VIRTIO_BLK_T_OUT, 4096,
					     self->rig.data + 1, 4096));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_do(&self->rig, VIRTIO_BLK_T_IN, 4096,
					     self->rig.data, 8192));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES,
						4096, 8, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 4096, 8, 0));
	EXPECT_EQ(MIB, size_of(self->file));
	/* The rest is as good as before. */
	EXPECT_EQ(0, rig_write(&self->rig, 0, 8192, 2));
	EXPECT_EQ(0, rig_flush(&self->rig));
	ASSERT_EQ(0, ftruncate(self->file, 4 * MIB));
	EXPECT_EQ(0, rig_write(&self->rig, 4096, 8192, 3));
	EXPECT_TRUE(rig_reads(&self->rig, 4096, 8192, 3));
}

TEST_F(file, S07_extended)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, ftruncate(self->file, 8 * MIB));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 8192, 512, 1));
	EXPECT_EQ(0, rig_write(&self->rig, 8191, 512, 1));
}

/* A file system with no room: an error, and all is well when there is some. */
TEST_F(file, S07_file_system_full)
{
	int filler = backend_file("/tmp/ext4", 0);
	off_t size = 0;

	ASSERT_LE(0, filler);
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, rig_write(&self->rig, 0, 4096, 1));
	ASSERT_EQ(0, rig_flush(&self->rig));
	while (!posix_fallocate(filler, size, 65536))
		size += 65536;
	while (!posix_fallocate(filler, size, 4096))
		size += 4096;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 1024, MIB, 2) ?: rig_flush(&self->rig));
	EXPECT_TRUE(rig_reads(&self->rig, 0, 4096, 1));
	close(filler);
	sync();
	EXPECT_EQ(0, rig_write(&self->rig, 1024, MIB, 3));
	EXPECT_EQ(0, rig_flush(&self->rig));
	EXPECT_TRUE(rig_reads(&self->rig, 1024, MIB, 3));
}

/* UNMAP is a wish to deallocate; without it nothing may be. */
TEST_F(file, zeroes_keep_their_place)
{
	long blocks;

	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	ASSERT_EQ(0, rig_write(&self->rig, 0, MIB, 1));
	ASSERT_EQ(0, rig_flush(&self->rig));
	blocks = blocks_of(self->file);
	ASSERT_LE(2048, blocks);
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 2048, 0));
	EXPECT_LE(blocks, blocks_of(self->file));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 2048,
			       VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP));
	EXPECT_GE(blocks - 2048, blocks_of(self->file));
	EXPECT_EQ(1, rig_config(&self->rig).write_zeroes_may_unmap);
}

TEST_F(file, S15_thick_images_stay_thick)
{
	const uint64_t flags = variant->flags | VPIN_ATTACH_NO_DISCARD;
	long blocks;

	ASSERT_EQ(0, fallocate(self->file, 0, 0, 4 * MIB));
	blocks = blocks_of(self->file);
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, flags));
	EXPECT_FALSE(rig_offers(&self->rig, VIRTIO_BLK_F_DISCARD));
	EXPECT_EQ(0, rig_config(&self->rig).write_zeroes_may_unmap);
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 0, 2048, 0));
	EXPECT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 2048,
			       VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP));
	EXPECT_EQ(blocks, blocks_of(self->file));
}

TEST_F(file, S15_alignment_of_a_discard)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->file, variant->flags));
	EXPECT_TRUE(rig_offers(&self->rig, VIRTIO_BLK_F_DISCARD));
	EXPECT_LT(0, rig_config(&self->rig).discard_sector_alignment);
}

TEST_F(file, S11_sizes_as_asked_for)
{
	const struct dev_options options = {
		.attach_flags = variant->flags, .logical = 1024, .physical = 4096,
	};
	const struct dev_options wrong = {
		.attach_flags = variant->flags, .logical = 0, .physical = 256,
	};
	struct virtio_blk_config config;

	ASSERT_EQ(0, rig_run(&self->rig, self->file, &options));
	config = rig_config(&self->rig);
	EXPECT_EQ(1024, config.blk_size);
	EXPECT_EQ(2, config.physical_block_exp);
	EXPECT_EQ(4, config.min_io_size);
	EXPECT_EQ(0, rig_write(&self->rig, 2, 1024, 1));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 1, 1024, 1));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 2, 512, 1));
	rig_close(&self->rig);
	EXPECT_EQ(-EINVAL, rig_run(&self->rig, self->file, &wrong));
}

/*
 * As a user whom the file system allows less than the kernel: set-user-id bits go
 * when he writes, whoever reads them for him.
 */
TEST_F(file, T06_set_user_id_bits)
{
	static const char path[] = "/tmp/ext4/suid";
	struct stat stat_of;
	int status, file;
	pid_t child;

	file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, MIB));
	ASSERT_EQ(0, fchown(file, 1000, 1000));
	ASSERT_EQ(0, fchmod(file, 06755));
	close(file);
	ASSERT_EQ(0, chmod("/tmp/ext4", 0777));
	ASSERT_EQ(0, chmod(VPIN_NODE, 0666));
	child = fork();
	if (!child) {
		const struct dev_options options = {
			.attach_flags = variant->flags, .memory = 4 * MIB, .queue_size = 64,
		};
		struct rig rig;

		if (setgid(1000) || setuid(1000))
			_exit(1);
		file = open(path, O_RDWR);
		if (file < 0 || rig_run(&rig, file, &options))
			_exit(2);
		if (rig_write(&rig, 0, 4096, 1))
			_exit(3);
		rig_close(&rig);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("child %#x", status);
	ASSERT_EQ(0, stat(path, &stat_of));
	EXPECT_EQ(0755, stat_of.st_mode & 07777) TH_LOG("%o", stat_of.st_mode & 07777);
	unlink(path);
	chmod(VPIN_NODE, 0600);
}

TEST_HARNESS_MAIN

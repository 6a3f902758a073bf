// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cache mode: when what was written is stable.  Who tells is the device
 * below, which counts what it is told to flush.
 */
#include <fcntl.h>
#include <unistd.h>

#include "rig.h"

#define CACHE_MODES	(BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE))

FIXTURE(cache) {
	int backend;
	struct rig rig;
};

/* A loop device has a cache, and no FUA: each stable write is flushed. */
FIXTURE_SETUP(cache)
{
	self->backend = backend_loop(4 * MIB, 512);
	ASSERT_LE(0, self->backend);
	self->rig.dev.fd = -1;
}

FIXTURE_TEARDOWN(cache)
{
	rig_close(&self->rig);
	close(self->backend);
}

/* How often the device is flushed while 8 writes are done; -1 if one fails. */
static long flushes_of_8(struct rig *rig, int below, uint8_t *data)
{
	long before = disk_count(below, DISK_FLUSHES);
	unsigned int i;

	for (i = 0; i < 8; i++)
		if (rig_do(rig, VIRTIO_BLK_T_OUT, 8 * i, data, 4096))
			return -1;
	return disk_count(below, DISK_FLUSHES) - before;
}

/* As the driver. */
static int set_wce(struct rig *rig, uint8_t wce)
{
	return vdpa_set_config(rig->dev.fd, offsetof(struct virtio_blk_config, wce), 1, &wce);
}

TEST_F(cache, S05_write_back_by_default)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, 0));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	EXPECT_EQ(0, flushes_of_8(&self->rig, self->backend, self->rig.data));
	EXPECT_EQ(0, rig_flush(&self->rig));
}

/* VIRTIO 1.2, 5.2.5: writeback is 0 then, before the driver says anything. */
TEST_F(cache, S05_write_through_without_flush)
{
	const struct dev_options options = { .without = BIT_ULL(VIRTIO_BLK_F_FLUSH) };

	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	EXPECT_EQ(0, rig_config(&self->rig).wce);
	EXPECT_LE(8, flushes_of_8(&self->rig, self->backend, self->rig.data));
	/* Until the driver says so. */
	ASSERT_EQ(0, set_wce(&self->rig, 1));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	EXPECT_EQ(0, flushes_of_8(&self->rig, self->backend, self->rig.data));
	ASSERT_EQ(0, dev_stop(&self->rig.dev));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	ASSERT_EQ(0, dev_start(&self->rig.dev));
	EXPECT_EQ(0, rig_config(&self->rig).wce);
	/* Which was not a choice: another driver that flushes finds write-back. */
	ASSERT_EQ(0, dev_stop(&self->rig.dev));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	self->rig.dev.features |= BIT_ULL(VIRTIO_BLK_F_FLUSH);
	ASSERT_EQ(0, dev_start(&self->rig.dev));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	EXPECT_EQ(0, flushes_of_8(&self->rig, self->backend, self->rig.data));
}

/* Neither FLUSH nor a mode to choose. */
TEST_F(cache, S05_write_through_of_old_drivers)
{
	const struct dev_options options = { .without = CACHE_MODES };

	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	EXPECT_LE(8, flushes_of_8(&self->rig, self->backend, self->rig.data));
}

TEST_F(cache, S05_driver_chooses_write_through)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, 0));
	ASSERT_EQ(0, set_wce(&self->rig, 0));
	EXPECT_LE(8, flushes_of_8(&self->rig, self->backend, self->rig.data));
	/* Those that bounce, too: 4 KiB are one bufferful. */
	EXPECT_LE(8, flushes_of_8(&self->rig, self->backend, self->rig.data + 1));
}

/* The guest saw nothing of it, and does not choose again. */
TEST_F(cache, S05_choice_outlives_stop_and_cont)
{
	unsigned int i;

	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, 0));
	ASSERT_EQ(0, set_wce(&self->rig, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, dev_stop_and_cont(&self->rig.dev));
		EXPECT_EQ(0, rig_config(&self->rig).wce);
		EXPECT_LE(8, flushes_of_8(&self->rig, self->backend, self->rig.data));
	}
	ASSERT_EQ(0, set_wce(&self->rig, 1));
	ASSERT_EQ(0, dev_stop_and_cont(&self->rig.dev));
	EXPECT_EQ(1, rig_config(&self->rig).wce);
	EXPECT_EQ(0, flushes_of_8(&self->rig, self->backend, self->rig.data));
}

static void always_write_through(struct __test_metadata *_metadata, struct rig *rig, int below)
{
	EXPECT_FALSE(rig_offers(rig, VIRTIO_BLK_F_FLUSH));
	EXPECT_FALSE(rig_offers(rig, VIRTIO_BLK_F_CONFIG_WCE));
	EXPECT_EQ(0, rig_config(rig).wce);
	set_wce(rig, 1);
	EXPECT_EQ(0, rig_config(rig).wce);
	EXPECT_LE(8, flushes_of_8(rig, below, rig->data));
	EXPECT_EQ(0, rig_flush(rig));
}

TEST_F(cache, S05_owner_wants_write_through)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, VPIN_ATTACH_WRITETHROUGH));
	always_write_through(_metadata, &self->rig, self->backend);
}

TEST_F(cache, S05_owner_wants_write_through_of_a_page_cache)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend,
				   VPIN_ATTACH_WRITETHROUGH | VPIN_ATTACH_BUFFERED));
	always_write_through(_metadata, &self->rig, self->backend);
}

/* What the device holds stable is flushed after zeroes were written, too. */
TEST_F(cache, S05_zeroes_are_stable)
{
	long before;

	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, VPIN_ATTACH_WRITETHROUGH));
	before = disk_count(self->backend, DISK_FLUSHES);
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0));
	EXPECT_LT(before, disk_count(self->backend, DISK_FLUSHES));
}

/* As the host's own writes to a file that was opened so. */
static void opened_sync(struct __test_metadata *_metadata, struct rig *rig, int flag,
			uint64_t attach_flags)
{
	int below = disk_under("/tmp/ext4"), file;

	ASSERT_LE(0, below);
	file = open("/tmp/ext4", O_TMPFILE | O_RDWR | flag, 0600);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, MIB));
	ASSERT_EQ(0, rig_run_flags(rig, file, attach_flags));
	always_write_through(_metadata, rig, below);
	rig_close(rig);
	close(file);
	close(below);
}

TEST_F(cache, S05_file_opened_with_O_SYNC)
{
	opened_sync(_metadata, &self->rig, O_SYNC, 0);
}

TEST_F(cache, S05_file_opened_with_O_DSYNC)
{
	opened_sync(_metadata, &self->rig, O_DSYNC, 0);
}

TEST_F(cache, S05_buffered_file_opened_with_O_DSYNC)
{
	opened_sync(_metadata, &self->rig, O_DSYNC, VPIN_ATTACH_BUFFERED);
}

/* A file of a file system that has nothing to make stable, as squashfs. */
TEST_F(cache, S06_flush_of_what_has_no_fsync)
{
	int file = open("/proc/version", O_RDONLY);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, rig_run_flags(&self->rig, file, VPIN_ATTACH_RO));
	EXPECT_TRUE(rig_offers(&self->rig, VIRTIO_BLK_F_FLUSH));
	EXPECT_EQ(0, rig_flush(&self->rig));
	close(file);
}

TEST_F(cache, S06_flush_of_a_read_only_device)
{
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, VPIN_ATTACH_RO));
	EXPECT_EQ(0, rig_flush(&self->rig));
}

TEST_F(cache, S06_a_writable_disk_has_to_be_flushable)
{
	int file = open("/proc/sys/kernel/hostname", O_RDWR);

	ASSERT_LE(0, file);
	EXPECT_EQ(-EINVAL, rig_run_flags(&self->rig, file, 0));
	close(file);
}

TEST_HARNESS_MAIN

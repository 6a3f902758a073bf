// SPDX-License-Identifier: GPL-2.0-only
/*
 * A block device that the host reads and writes at the same time, by its page
 * cache: both see the same bytes (S02).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

#define LENGTH	65536

static int open_ram(void)	{ return backend_device("/dev/ram1"); }
static int open_loop(void)	{ return backend_loop(4 * MIB, 512); }
static int open_nullb(void)	{ return nullb_create("coherent", 4, "discard=1"); }

FIXTURE(coherence) {
	int backend;
	struct rig rig;
	uint8_t host[LENGTH];
};

FIXTURE_VARIANT(coherence) {
	int (*open)(void);
	uint64_t flags;
};

FIXTURE_VARIANT_ADD(coherence, ram)		{ .open = open_ram };
FIXTURE_VARIANT_ADD(coherence, loop)		{ .open = open_loop };
FIXTURE_VARIANT_ADD(coherence, nullb)		{ .open = open_nullb };
FIXTURE_VARIANT_ADD(coherence, ram_buffered)	{ open_ram, VPIN_ATTACH_BUFFERED };
FIXTURE_VARIANT_ADD(coherence, loop_buffered)	{ open_loop, VPIN_ATTACH_BUFFERED };

FIXTURE_SETUP(coherence)
{
	self->rig.dev.fd = -1;
	self->backend = variant->open();
	if (self->backend == -ENOENT && variant->open == open_ram)
		SKIP(return, "no /dev/ram1");
	ASSERT_LE(0, self->backend);
	/* There is something already, in the page cache alone. */
	pattern_fill(self->host, LENGTH, 0, 1);
	ASSERT_EQ(LENGTH, pwrite(self->backend, self->host, LENGTH, 0));
	ASSERT_EQ(0, rig_run_flags(&self->rig, self->backend, variant->flags));
}

FIXTURE_TEARDOWN(coherence)
{
	rig_close(&self->rig);
	close(self->backend);
	if (variant->open == open_nullb)
		nullb_remove("coherent");
}

/* Whether the host reads a pattern. */
static bool host_reads(FIXTURE_DATA(coherence) *self, uint32_t seed)
{
	memset(self->host, 0x5a, LENGTH);
	return pread(self->backend, self->host, LENGTH, 0) == LENGTH &&
	       pattern_is(self->host, LENGTH, 0, seed);
}

static bool host_writes(FIXTURE_DATA(coherence) *self, uint32_t seed)
{
	pattern_fill(self->host, LENGTH, 0, seed);
	return pwrite(self->backend, self->host, LENGTH, 0) == LENGTH;
}

TEST_F(coherence, S02_guest_sees_what_was_dirty_at_the_attach)
{
	EXPECT_TRUE(rig_reads(&self->rig, 0, LENGTH, 1));
}

TEST_F(coherence, S02_host_sees_what_the_guest_wrote)
{
	unsigned int i;

	for (i = 2; i < 20; i++) {
		/* What it read last is in its cache. */
		EXPECT_TRUE(host_reads(self, i - 1));
		ASSERT_EQ(0, rig_write(&self->rig, 0, LENGTH, i));
		ASSERT_EQ(0, rig_flush(&self->rig));
		EXPECT_TRUE(host_reads(self, i)) TH_LOG("turn %u", i);
	}
}

/* From an odd address: through a bounce buffer, in bufferfuls. */
TEST_F(coherence, S02_host_sees_what_the_guest_wrote_from_anywhere)
{
	EXPECT_TRUE(host_reads(self, 1));
	pattern_fill(self->rig.data + 1, LENGTH, 0, 2);
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_OUT, 0, self->rig.data + 1, LENGTH));
	EXPECT_TRUE(host_reads(self, 2));
}

TEST_F(coherence, S02_guest_sees_what_the_host_wrote)
{
	unsigned int i;

	for (i = 2; i < 20; i++) {
		ASSERT_TRUE(host_writes(self, i));
		EXPECT_TRUE(rig_reads(&self->rig, 0, LENGTH, i)) TH_LOG("turn %u", i);
	}
}

/* A page of the host's that was dirty before must not come after. */
TEST_F(coherence, S02_what_is_flushed_stays)
{
	ASSERT_TRUE(host_writes(self, 3));
	ASSERT_EQ(0, rig_write(&self->rig, 0, LENGTH, 4));
	ASSERT_EQ(0, rig_flush(&self->rig));
	ASSERT_EQ(0, fsync(self->backend));
	EXPECT_TRUE(rig_reads(&self->rig, 0, LENGTH, 4));
	EXPECT_TRUE(host_reads(self, 4));
}

/* Neighbours in one page: the host's half and the guest's. */
TEST_F(coherence, S02_halves_of_a_page)
{
	ASSERT_TRUE(host_writes(self, 5));
	ASSERT_EQ(0, rig_write(&self->rig, 4, 2048, 6));
	ASSERT_EQ(0, fsync(self->backend));
	EXPECT_TRUE(rig_reads(&self->rig, 4, 2048, 6));
	EXPECT_TRUE(rig_reads(&self->rig, 0, 2048, 5));
	ASSERT_EQ(LENGTH, pread(self->backend, self->host, LENGTH, 0));
	EXPECT_TRUE(pattern_is(self->host, 2048, 0, 5));
	EXPECT_TRUE(pattern_is(self->host + 2048, 2048, 4, 6));
}

/* Somebody on the host has it mapped. */
TEST_F(coherence, S02_host_that_maps_it)
{
	volatile uint8_t *map = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, self->backend, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, (void *)map);
	for (i = 2; i < 10; i++) {
		memcpy(self->host, (void *)map, LENGTH);
		EXPECT_TRUE(pattern_is(self->host, LENGTH, 0, i - 1));
		ASSERT_EQ(0, rig_write(&self->rig, 0, LENGTH, i));
		memcpy(self->host, (void *)map, LENGTH);
		EXPECT_TRUE(pattern_is(self->host, LENGTH, 0, i)) TH_LOG("turn %u", i);
	}
	munmap((void *)map, LENGTH);
}

TEST_F(coherence, S02_zeroes)
{
	EXPECT_TRUE(host_reads(self, 1));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, LENGTH / SECTOR, 0));
	ASSERT_EQ(LENGTH, pread(self->backend, self->host, LENGTH, 0));
	EXPECT_TRUE(all_bytes_are(self->host, LENGTH, 0));
	/* Also over what was dirty. */
	ASSERT_TRUE(host_writes(self, 7));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, LENGTH / SECTOR, 0));
	ASSERT_EQ(0, fsync(self->backend));
	memset(self->rig.data, 1, LENGTH);
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, LENGTH));
	EXPECT_TRUE(all_bytes_are(self->rig.data, LENGTH, 0));
}

TEST_F(coherence, S02_discard)
{
	if (!rig_offers(&self->rig, VIRTIO_BLK_F_DISCARD))
		SKIP(return, "no discard");
	ASSERT_TRUE(host_writes(self, 8));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 0, LENGTH / SECTOR, 0));
	ASSERT_EQ(0, fsync(self->backend));
	/* Whatever it is, both see the same. */
	ASSERT_EQ(LENGTH, pread(self->backend, self->host, LENGTH, 0));
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, LENGTH));
	EXPECT_EQ(0, memcmp(self->host, self->rig.data, LENGTH));
}

/* Blocks that the guest wants smaller than the device has them. */
TEST(S11_small_blocks_on_large_ones)
{
	const struct dev_options small = { .logical = 512 };
	struct virtio_blk_config config;
	struct rig rig;
	int backend;

	backend = backend_loop(4 * MIB, 4096);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, rig_run(&rig, backend, NULL));
	EXPECT_EQ(4096, rig_config(&rig).blk_size);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&rig, 1, 512, 1));
	ASSERT_EQ(0, rig_write(&rig, 0, 16384, 1));
	rig_close(&rig);

	ASSERT_EQ(0, rig_run(&rig, backend, &small));
	config = rig_config(&rig);
	EXPECT_EQ(512, config.blk_size);
	EXPECT_EQ(3, config.physical_block_exp);
	EXPECT_LE(8, config.min_io_size);
	EXPECT_EQ(0, rig_write(&rig, 9, 512, 2));
	EXPECT_TRUE(rig_reads(&rig, 9, 512, 2));
	EXPECT_TRUE(rig_reads(&rig, 0, 9 * 512, 1));
	EXPECT_TRUE(rig_reads(&rig, 10, 6 * 512, 1));
	/* No device has such zeroes. */
	EXPECT_EQ(0, rig_range(&rig, VIRTIO_BLK_T_WRITE_ZEROES, 17, 2, 0));
	ASSERT_EQ(0, rig_do(&rig, VIRTIO_BLK_T_IN, 17, rig.data, 1024));
	EXPECT_TRUE(all_bytes_are(rig.data, 1024, 0));
	EXPECT_TRUE(rig_reads(&rig, 16, 512, 1));
	EXPECT_TRUE(rig_reads(&rig, 19, 512, 1));
	if (rig_offers(&rig, VIRTIO_BLK_F_DISCARD)) {
		EXPECT_LE(8, config.discard_sector_alignment);
		EXPECT_EQ(0, rig_range(&rig, VIRTIO_BLK_T_DISCARD, 25, 3, 0));
		EXPECT_TRUE(rig_reads(&rig, 24, 512, 1));
	}
	EXPECT_EQ(0, rig_flush(&rig));
	rig_close(&rig);
	close(backend);
}

/* Whether the kernel's log has a line with @what since @log was opened. */
static bool log_has(int log, const char *what)
{
	char line[1024];
	bool has = false;
	ssize_t length;

	while ((length = read(log, line, sizeof(line) - 1)) > 0) {
		line[length] = 0;
		has |= !!strstr(line, what);
	}
	return has;
}

/* S17: who serves a device that needs stable pages directly is told so. */
TEST(S17_notice_of_stable_pages)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), backend;
	struct rig rig;

	ASSERT_LE(0, log);
	lseek(log, 0, SEEK_END);
	backend = nullb_create("stable", 4, NULL);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, rig_run(&rig, backend, NULL));
	rig_close(&rig);
	EXPECT_FALSE(log_has(log, "attach it buffered"));
	ASSERT_EQ(0, disk_queue_set(backend, "stable_writes", "1"));
	ASSERT_EQ(0, rig_run_flags(&rig, backend, VPIN_ATTACH_BUFFERED));
	rig_close(&rig);
	EXPECT_FALSE(log_has(log, "attach it buffered"));
	ASSERT_EQ(0, rig_run(&rig, backend, NULL));
	EXPECT_TRUE(log_has(log, "attach it buffered"));
	rig_close(&rig);
	close(backend);
	nullb_remove("stable");
	close(log);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks that are busy, slow, failing or gone: requests end some time or say that
 * they failed, what they cost is their owner's, and nobody else waits for them.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "shown.h"

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int shell(const char *format, const char *what)
{
	char command[256];

	snprintf(command, sizeof(command), format, what);
	return system(command);
}

/* A device-mapper device "vpin" with a table of one line: an open file. */
static int dm_create(const char *table)
{
	char path[32];
	unsigned int minor;
	FILE *info;
	int got;

	if (shell("dmsetup create vpin --table '%s'", table))
		return -EIO;
	/* There is no udev here to make other names. */
	info = popen("dmsetup info -c --noheadings -o minor vpin", "r");
	got = info ? fscanf(info, "%u", &minor) : 0;
	if (info)
		pclose(info);
	if (got != 1)
		return -EIO;
	snprintf(path, sizeof(path), "/dev/dm-%u", minor);
	return backend_device(path);
}

static void dm_remove(int fd)
{
	close(fd);
	shell("dmsetup remove --retry vpin%s", "");
}

/* null_blk: few tags, and answers after a time. */
FIXTURE(busy) {
	int backend;
	struct dev dev;
	struct load load;
};

FIXTURE_VARIANT(busy) {
	const char *options;
	const char *scheduler;
};

FIXTURE_VARIANT_ADD(busy, one_tag)  { "hw_queue_depth=1,irqmode=2", "none" };
FIXTURE_VARIANT_ADD(busy, two_tags) { "hw_queue_depth=2,irqmode=2,submit_queues=2", "none" };
FIXTURE_VARIANT_ADD(busy, deadline) { "hw_queue_depth=4,irqmode=2", "mq-deadline" };
FIXTURE_VARIANT_ADD(busy, kyber)    { "hw_queue_depth=4,irqmode=2", "kyber" };
FIXTURE_VARIANT_ADD(busy, bfq)	    { "hw_queue_depth=4,irqmode=2", "bfq" };
FIXTURE_VARIANT_ADD(busy, bios)	    { "queue_mode=0,irqmode=2", NULL };

FIXTURE_SETUP(busy)
{
	const struct dev_options options = { .queues = 2, .memory = 24 * MIB };

	self->dev.fd = -1;
	self->backend = nullb_create("busy", 16, variant->options);
	ASSERT_LE(0, self->backend);
	if (variant->scheduler)
		ASSERT_EQ(0, disk_queue_set(self->backend, "scheduler", variant->scheduler));
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
}

FIXTURE_TEARDOWN(busy)
{
	dev_close(&self->dev);
	close(self->backend);
	nullb_remove("busy");
	EXPECT_EQ(0, host_workers());
}

TEST_F(busy, T07_more_requests_than_tags)
{
	load_init(&self->load, &self->dev, 128, 4096, 0);
	EXPECT_EQ(0, load_out_and_in(&self->load, 1));
	EXPECT_EQ(0, load_out_and_in(&self->load, 2));
}

TEST_F(busy, T07_long_requests)
{
	load_init(&self->load, &self->dev, 16, MIB, 0);
	EXPECT_EQ(0, load_out_and_in(&self->load, 1));
}

/* More of them than there are buffers, on both queues. */
TEST_F(busy, T07_requests_that_bounce)
{
	load_init(&self->load, &self->dev, 32, 131072, 1);
	EXPECT_EQ(0, load_out_and_in(&self->load, 1));
}

/* All that is under way when it is told to stop, comes back. */
TEST_F(busy, T07_reset_under_way)
{
	unsigned int i;

	load_init(&self->load, &self->dev, 64, 65536, 1);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, load_start(&self->load, VIRTIO_BLK_T_IN, 1));
		usleep(i * 1000);
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	EXPECT_EQ(0, load_out_and_in(&self->load, 3));
}

/* On disks of their own. */
FIXTURE(disk) {
	int backend;
	struct rig rig;
};

FIXTURE_SETUP(disk)
{
	self->rig.dev.fd = -1;
	self->backend = -1;
}

FIXTURE_TEARDOWN(disk)
{
	rig_close(&self->rig);
	close(self->backend);
}

/*
 * T03: requests of many bufferfuls on a device that takes 5 ms for each.  What is
 * asked of the device is answered within a turn, a stop waits for one request.
 */
TEST_F(disk, T03_slow_device_and_odd_data)
{
	const struct dev_options options = { .memory = 72 * MIB };
	static struct load load;
	double start;
	int dm;

	dm = dm_create("0 131072 delay /dev/ram2 0 5");
	if (dm < 0)
		SKIP(return, "no dm-delay");
	ASSERT_EQ(0, dev_run(&self->rig.dev, dm, &options));
	load_init(&load, &self->rig.dev, 64, MIB, 1);
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 1));
	usleep(50000);
	start = now();
	EXPECT_LE(0, vdpa_get_vring_base(self->rig.dev.fd, 0));
	EXPECT_GT(200, (int)((now() - start) * 1000));
	start = now();
	EXPECT_EQ(0, vdpa_suspend(self->rig.dev.fd));
	EXPECT_GT(1500, (int)((now() - start) * 1000));
	EXPECT_GT(10, load.dev->vqs[0].used->idx);
	start = now();
	rig_close(&self->rig);
	EXPECT_GT(500 * (int)host_patience(), (int)((now() - start) * 1000));
	dm_remove(dm);
}

/*
 * T03: one request at a time, each of 50 ms, and none next to another.  Whoever
 * asks the device something does not wait for them.
 */
TEST_F(disk, T03_slow_device_with_one_tag)
{
	const struct dev_options options = { .queues = 2 };
	static struct load load;
	double start;
	int i;

	self->backend = nullb_create("slow", 16,
				     "hw_queue_depth=1,irqmode=2,completion_nsec=50000000");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->rig.dev, self->backend, &options));
	load_init(&load, &self->rig.dev, 64, 4096, 0);
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 1));
	for (i = 0; i < 2; i++) {
		start = now();
		EXPECT_LE(0, vdpa_get_vring_base(self->rig.dev.fd, i));
		EXPECT_GT(500, (int)((now() - start) * 1000));
	}
	EXPECT_EQ(0, load_wait(&load));
	rig_close(&self->rig);
	close(self->backend);
	self->backend = -1;
	nullb_remove("slow");
}

/* More queues whose data bounces than the disk has buffers. */
TEST_F(disk, bouncing_on_all_queues)
{
	const struct dev_options options = { .queues = 8, .memory = 24 * MIB };
	static struct load load;
	unsigned int i;

	self->backend = nullb_create("bounce", 32, "irqmode=2");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->rig.dev, self->backend, &options));
	load_init(&load, &self->rig.dev, 64, 262144, 1);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, load_out_and_in(&load, i));
	rig_close(&self->rig);
	close(self->backend);
	self->backend = -1;
	nullb_remove("bounce");
}

/*
 * T03: a turn is bounded in bytes, 4 MiB: it takes 16 and more to start 64 MiB that
 * are offered at once, with the other queue of the worker's between each two.
 */
TEST_F(disk, T03_a_turn_is_bounded_in_bytes)
{
	const struct dev_options options = { .memory = 72 * MIB };
	static struct load load;
	long long before;

	self->backend = backend_device("/dev/ram2");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->rig.dev, self->backend, &options));
	load_init(&load, &self->rig.dev, 64, MIB, 0);
	before = shown_counter(0, "turns");
	ASSERT_LE(0, before);
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 1));
	EXPECT_EQ(0, load_wait(&load));
	TH_LOG("%lld turns", shown_counter(0, "turns") - before);
	EXPECT_LE(16, shown_counter(0, "turns") - before);
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_IN, 1));
	EXPECT_EQ(0, load_wait(&load));
	EXPECT_TRUE(load_is(&load, 1));
}

/* Whoever waits for a device that does not answer is no worker. */
TEST_F(disk, T09_suspended_device)
{
	const struct dev_options options = { .queues = 2, .queue_size = 64 };
	static struct load load;
	unsigned int i;
	int dm;

	dm = dm_create("0 8192 linear /dev/ram2 0");
	if (dm < 0)
		SKIP(return, "no dm-linear");
	ASSERT_EQ(0, dev_run(&self->rig.dev, dm, &options));
	load_init(&load, &self->rig.dev, 32, 16384, 0);
	ASSERT_EQ(0, load_out_and_in(&load, 1));
	ASSERT_EQ(0, shell("dmsetup suspend --noflush --nolockfs vpin%s", ""));
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 2));
	usleep(200000);
	for (i = 0; i < 20; i++) {
		EXPECT_EQ(0, host_busy_workers());
		EXPECT_LE(0, vdpa_get_vring_base(self->rig.dev.fd, 0));
		usleep(1000);
	}
	EXPECT_EQ(0, host_busy_workers());
	ASSERT_EQ(0, shell("dmsetup resume vpin%s", ""));
	EXPECT_EQ(0, load_wait(&load));
	EXPECT_EQ(0, load_out_and_in(&load, 3));
	rig_close(&self->rig);
	dm_remove(dm);
}

/*
 * A file system that waits though it was told not to: it is not asked.  It writes
 * without the noting of times, for which it would not wait, only what comes just after
 * another write.
 */
static void suspended_below_a_file(struct __test_metadata *_metadata, struct rig *rig,
				   uint64_t flags)
{
	const struct dev_options options = { .queue_size = 64, .attach_flags = flags };
	bool stable = flags & VPIN_ATTACH_WRITETHROUGH;
	struct vring_used_elem elem;
	static struct load load;
	int dm, backend;
	unsigned int i;
	struct vq *vq;
	char path[64];

	dm = dm_create("0 131072 linear /dev/ram2 0");
	if (dm < 0)
		SKIP(return, "no dm-linear");
	ASSERT_EQ(0, disk_queue_set(dm, "stable_writes", stable ? "0" : "1"));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), dm);
	ASSERT_EQ(0, shell("mkfs.xfs --unsupported -q -f %s", path));
	ASSERT_EQ(0, shell("mkdir -p /tmp/xfs && mount %s /tmp/xfs", path));
	backend = backend_file("/tmp/xfs", MIB);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, rig_run(rig, backend, &options));
	vq = &rig->dev.vqs[0];
	load_init(&load, &rig->dev, 16, 4096, 0);
	ASSERT_EQ(0, load_out_and_in(&load, 1));
	ASSERT_EQ(0, rig_flush(rig));
	/* These are being written back, the others are not. */
	ASSERT_EQ(0, rig_write(rig, 0, load.nr / 2 * load.length, 2));
	ASSERT_EQ(0, shell("dmsetup suspend --noflush --nolockfs vpin%s", ""));
	ASSERT_LE(0, blk_add(vq, &rig->request, VIRTIO_BLK_T_FLUSH, 0, NULL, 0));
	vq_publish(vq);
	usleep(100000);
	for (i = 0; i < load.nr; i++) {
		unsigned int place = i / 2 + (i % 2 ? 0 : load.nr / 2);

		ASSERT_LE(0, blk_add(vq, &load.requests[i], VIRTIO_BLK_T_OUT,
				     load_sector(&load, place), load.data, load.length));
		vq_publish(vq);
		usleep(i % 2 ? 20000 : 2000);
	}
	EXPECT_EQ(0, host_busy_workers());
	ASSERT_EQ(0, shell("dmsetup resume vpin%s", ""));
	EXPECT_EQ(0, vq_wait(vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, load_wait(&load));
	EXPECT_EQ(0, load_out_and_in(&load, 3));
	rig_close(rig);
	close(backend);
	EXPECT_EQ(0, shell("umount /tmp/xfs%s", ""));
	dm_remove(dm);
}

/* Until what was written is stable. */
TEST_F(disk, T09_suspended_device_below_a_file)
{
	suspended_below_a_file(_metadata, &self->rig,
			       VPIN_ATTACH_BUFFERED | VPIN_ATTACH_WRITETHROUGH);
}

/* Until what is being written back, and must not change meanwhile, is written. */
TEST_F(disk, T09_suspended_device_below_a_file_of_stable_pages)
{
	suspended_below_a_file(_metadata, &self->rig, VPIN_ATTACH_BUFFERED);
}

/* A frozen file system, with all that a ring holds, and another owner's flush. */
static void frozen(struct __test_metadata *_metadata, struct rig *rig, int other_backend,
		   uint64_t flags, uint32_t length)
{
	const struct dev_options options = {
		.queue_size = 1024, .memory = 24 * MIB, .attach_flags = flags,
	};
	static struct load load;
	struct rig other;
	double start;
	int file, root;

	file = backend_file("/tmp/ext4", 16 * MIB);
	root = open("/tmp/ext4", O_RDONLY);
	ASSERT_LE(0, file);
	ASSERT_LE(0, root);
	ASSERT_EQ(0, rig_run(&other, other_backend, NULL));
	ASSERT_EQ(0, rig_run(rig, file, &options));
	load_init(&load, &rig->dev, 256, length, 0);
	ASSERT_EQ(0, ioctl(root, FIFREEZE, 0));
	EXPECT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 1));
	usleep(300000);
	start = now();
	EXPECT_EQ(0, rig_write(&other, 0, 65536, 1));
	EXPECT_EQ(0, rig_flush(&other));
	EXPECT_GT(2000, (int)((now() - start) * 1000));
	/* Neither is a worker kept, nor the device that waits. */
	EXPECT_EQ(0, host_busy_workers());
	EXPECT_LE(0, vdpa_get_vring_base(rig->dev.fd, 0));
	ASSERT_EQ(0, ioctl(root, FITHAW, 0));
	EXPECT_EQ(0, load_wait(&load));
	rig_close(&other);
	rig_close(rig);
	close(file);
	close(root);
}

TEST_F(disk, T01_frozen_file_system)
{
	self->backend = backend_file("/tmp", 4 * MIB);
	ASSERT_LE(0, self->backend);
	frozen(_metadata, &self->rig, self->backend, 0, 4096);
}

TEST_F(disk, T01_frozen_file_system_buffered)
{
	self->backend = backend_loop(4 * MIB, 512);
	ASSERT_LE(0, self->backend);
	frozen(_metadata, &self->rig, self->backend, VPIN_ATTACH_BUFFERED, 65536);
}

TEST_F(disk, S12_zoned)
{
	self->backend = nullb_create("zoned", 16, "zoned=1,zone_size=4");
	if (self->backend < 0)
		SKIP(return, "no zoned null_blk");
	EXPECT_EQ(-EOPNOTSUPP, rig_run(&self->rig, self->backend, NULL));
	close(self->backend);
	self->backend = -1;
	nullb_remove("zoned");
}

TEST_F(disk, S12_read_only_before_and_after)
{
	int on = 1, off = 0;

	self->backend = backend_loop(4 * MIB, 512);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &on));
	EXPECT_EQ(-EROFS, rig_run(&self->rig, self->backend, NULL));
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &off));
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, NULL));
	ASSERT_EQ(0, rig_write(&self->rig, 0, 4096, 1));
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &on));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 0, 4096, 2));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_range(&self->rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 0, 8, 0));
	EXPECT_TRUE(rig_reads(&self->rig, 0, 4096, 1));
	EXPECT_EQ(0, rig_flush(&self->rig));
	ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &off));
	EXPECT_EQ(0, rig_write(&self->rig, 0, 4096, 3));
}

TEST_F(disk, S12_unplugged)
{
	static struct load load;

	self->backend = nullb_create("gone", 16, "irqmode=2,hw_queue_depth=4");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, NULL));
	load_init(&load, &self->rig.dev, 64, 16384, 0);
	ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, 1));
	ASSERT_EQ(0, nullb_set("gone", "power", "0"));
	EXPECT_NE(-ETIMEDOUT, load_wait(&load));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, 0, 4096, 2));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_do(&self->rig, VIRTIO_BLK_T_OUT, 0,
					     self->rig.data + 1, 4096));
	rig_close(&self->rig);
	close(self->backend);
	self->backend = -1;
	nullb_remove("gone");
}

/* Bad sectors: those and no others are errors, whichever way. */
TEST_F(disk, errors_of_the_device)
{
	static const unsigned int offsets[] = { 0, 1 };
	unsigned int i;

	self->backend = nullb_create("bad", 16, NULL);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, NULL));
	ASSERT_EQ(0, rig_write(&self->rig, 0, MIB, 1));
	if (nullb_set("bad", "badblocks", "+1000-1007"))
		SKIP(return, "no bad blocks");
	for (i = 0; i < 2; i++) {
		uint8_t *data = self->rig.data + offsets[i];

		EXPECT_EQ(VIRTIO_BLK_S_IOERR,
			  rig_do(&self->rig, VIRTIO_BLK_T_IN, 1000, data, 4096));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR,
			  rig_do(&self->rig, VIRTIO_BLK_T_OUT, 1000, data, 4096));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR,
			  rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, data, MIB));
		EXPECT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 1008, data, 4096));
		EXPECT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 992, data, 4096));
	}
	EXPECT_EQ(0, rig_flush(&self->rig));
	rig_close(&self->rig);
	close(self->backend);
	self->backend = -1;
	nullb_remove("bad");
}

/* A discard that was offered and is refused is a hint that was not taken. */
TEST_F(disk, discard_that_is_refused)
{
	self->backend = nullb_create("hint", 16, "discard=1");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, NULL));
	ASSERT_TRUE(rig_offers(&self->rig, VIRTIO_BLK_F_DISCARD));
	ASSERT_EQ(0, rig_write(&self->rig, 0, 4096, 1));
	ASSERT_EQ(0, disk_queue_set(self->backend, "discard_max_bytes", "0"));
	EXPECT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 0, 8, 0));
	EXPECT_TRUE(rig_reads(&self->rig, 0, 4096, 1));
	rig_close(&self->rig);
	close(self->backend);
	self->backend = -1;
	nullb_remove("hint");
}

TEST_HARNESS_MAIN

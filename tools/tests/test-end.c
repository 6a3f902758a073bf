// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a device whose backend takes its time.  T09: who closes it or is
 * killed is gone within seconds, what is under way is the module's until it has
 * ended; and in the ordinary case all is drained and told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "disk.h"
#include "harness.h"
#include "host.h"

#define LENGTH		4096
#define DRAIN_MS	500	/* how long a close waits here */
#define GRACE_MS	2000	/* and what else it takes on a busy machine */
#define SLOW_MS		3000	/* how long the slow disk takes */
#define QUICK_MS	200	/* how long the other does */
#define MAX_PLACES	4

static const char slow[] = "end-slow", quick[] = "end-quick";

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_disk(const char *name, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vpin-%s", name);
	return open(path, O_RDWR | O_CLOEXEC | flags);
}

static int set_drain_ms(unsigned int ms)
{
	FILE *file = fopen("/sys/module/vhost_pin/parameters/drain_ms", "w");

	if (!file)
		return -errno;
	fprintf(file, "%u\n", ms);
	return fclose(file) ? -errno : 0;
}

/* How many hold the module, but for those that it counts itself. */
static int module_users(void)
{
	FILE *file = fopen("/sys/module/vhost_pin/refcnt", "r");
	int users = -1;

	if (file) {
		if (fscanf(file, "%d", &users) != 1)
			users = -1;
		fclose(file);
	}
	return users;
}

/* Waits until nothing is pinned: whether that came to pass. */
static bool wait_for_pins(long pins, int timeout_ms)
{
	long end = now_ms() + timeout_ms;

	while (host_pins() != pins) {
		if (now_ms() > end)
			return false;
		usleep(20000);
	}
	return true;
}

FIXTURE(end) {
	int disk;
	long pins;
	int users;
	uint32_t seed;		/* of what this test writes */
	struct dev dev;
	struct blk_request request;
	uint8_t *data;
};

FIXTURE_VARIANT(end) {
	const char *disk;
	unsigned int drain_ms;
	uint64_t flags;
};

FIXTURE_VARIANT_ADD(end, slow) {
	.disk = slow, .drain_ms = DRAIN_MS,
};

FIXTURE_VARIANT_ADD(end, quick) {
	.disk = quick, .drain_ms = 5000,
};

FIXTURE_SETUP(end)
{
	self->dev.fd = -1;
	self->pins = host_pins();
	self->users = module_users();
	self->seed = getpid();
	self->disk = open_disk(variant->disk, 0);
	ASSERT_LE(0, self->disk);
	ASSERT_EQ(0, set_drain_ms(variant->drain_ms));
}

FIXTURE_TEARDOWN(end)
{
	dev_close(&self->dev);
	EXPECT_TRUE(wait_for_pins(self->pins, 2 * SLOW_MS));
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(self->users, module_users());
	close(self->disk);
	EXPECT_EQ(0, set_drain_ms(5000));
}

static int run(FIXTURE_DATA(end) *self)
{
	int ret = dev_run(&self->dev, self->disk, NULL);

	if (ret)
		return ret;
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, LENGTH, GUEST_PAGE);
	return 0;
}

/* One write, to the place of that number, under way. */
static int begin(FIXTURE_DATA(end) *self, unsigned int place)
{
	uint64_t sector = place * (LENGTH / SECTOR);
	unsigned int i;
	int ret;

	pattern_fill(self->data, LENGTH, sector, self->seed);
	ret = blk_add(&self->dev.vqs[0], &self->request, VIRTIO_BLK_T_OUT, sector,
		      self->data, LENGTH);
	vq_publish(&self->dev.vqs[0]);
	/* The disk has it. */
	for (i = 0; i < 5000 && !disk_count(self->disk, DISK_IN_FLIGHT); i++)
		usleep(1000);
	return ret < 0 ? ret : 0;
}

/* Are so many of them there?  Asking takes as long as a write. */
static bool disk_has(FIXTURE_DATA(end) *self, const FIXTURE_VARIANT(end) *variant,
		     unsigned int places)
{
	static uint8_t data[MAX_PLACES * LENGTH] __attribute__((aligned(4096)));
	ssize_t length = places * LENGTH;
	int fd = open_disk(variant->disk, O_DIRECT);
	bool has;

	has = fd >= 0 && pread(fd, data, length, 0) == length &&
	      pattern_is(data, length, 0, self->seed);
	close(fd);
	return has;
}

/* In the ordinary case a close waits, and tells. */
TEST_F(end, close)
{
	struct vring_used_elem elem;
	bool ordinary = variant->disk == quick;
	long start, took;

	ASSERT_EQ(0, run(self));
	ASSERT_EQ(0, begin(self, 0));
	start = now_ms();
	close(self->dev.fd);
	took = now_ms() - start;
	self->dev.fd = -1;
	if (ordinary) {
		EXPECT_LE(QUICK_MS - 100, took);
		EXPECT_EQ(0, vq_wait(&self->dev.vqs[0], &elem, 0));
		EXPECT_EQ(0, *self->request.status);
		EXPECT_EQ(self->pins, host_pins());
		EXPECT_TRUE(disk_has(self, variant, 1));
		return;
	}
	EXPECT_LE(DRAIN_MS - 100, took);
	EXPECT_GT(SLOW_MS - 500, took);
	/* It is the module's now, and cannot be unloaded. */
	EXPECT_NE(self->pins, host_pins());
	EXPECT_EQ(self->users + 1, module_users());
	EXPECT_NE(0, syscall(SYS_delete_module, "vhost_pin", O_NONBLOCK));
	EXPECT_TRUE(wait_for_pins(self->pins, 2 * SLOW_MS));
	EXPECT_TRUE(disk_has(self, variant, 1));
}

/* Kills @vmm: how long it takes to be gone, in milliseconds. */
static long killed(pid_t vmm)
{
	long start = now_ms();
	int status;

	kill(vmm, SIGKILL);
	waitpid(vmm, &status, 0);
	return now_ms() - start;
}

/*
 * A child that has something to tell when it has begun: @size bytes, which it writes
 * to @to, and we have at @told.
 */
static pid_t fork_and_hear(int *to, void *told, size_t size)
{
	int ready[2];
	pid_t vmm;

	if (pipe(ready))
		return -1;
	vmm = fork();
	if (!vmm) {
		*to = ready[1];
		return 0;
	}
	close(ready[1]);
	if (read(ready[0], told, size) != (ssize_t)size)
		vmm = -1;
	close(ready[0]);
	/* It is in what it does, and what it did was followed. */
	usleep(50000);
	return vmm;
}

/* A child of its own device, with a write to @place under way; then it does @what. */
static pid_t fork_vmm(FIXTURE_DATA(end) *self, unsigned int place, void (*what)(int fd))
{
	int to;
	char byte;
	pid_t vmm = fork_and_hear(&to, &byte, 1);

	if (vmm)
		return vmm;
	if (run(self) || begin(self, place) || write(to, "", 1) != 1)
		_exit(1);
	what(self->dev.fd);
	for (;;)
		pause();
}

static void do_nothing(int fd)
{
	(void)fd;
}

static void do_reset(int fd)
{
	vdpa_set_status(fd, 0);
}

static void do_suspend(int fd)
{
	vdpa_suspend(fd);
}

static void do_disable(int fd)
{
	vdpa_set_vring_enable(fd, 0, 0);
}

static void (*const doings[MAX_PLACES])(int fd) = {
	do_nothing, do_reset, do_suspend, do_disable,
};

TEST_F(end, T09_killed)
{
	bool ordinary = variant->disk == quick;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(doings); i++) {
		pid_t vmm = fork_vmm(self, i, doings[i]);

		ASSERT_LE(0, vmm);
		ASSERT_EQ(0, waitpid(vmm, NULL, WNOHANG));
		EXPECT_GT(DRAIN_MS + GRACE_MS, killed(vmm)) TH_LOG("%u", i);
		EXPECT_EQ(ordinary, self->pins == host_pins());
		EXPECT_TRUE(wait_for_pins(self->pins, 2 * SLOW_MS));
	}
	EXPECT_TRUE(disk_has(self, variant, ARRAY_SIZE(doings)));
}

/* Data at an odd address goes to the disk in pieces, one after the other. */
#define PIECE		65536
#define HALF_WAY	(3 * PIECE)

/* What a VMM tells of its request: where its guest's memory is, and the status in it. */
struct half_way {
	int memfd;
	long status;
};

/*
 * A child with a write of @HALF_WAY bytes under way, the first piece of it, which lets
 * go of its data: none of it is in its page table any more, all of it in its memory.
 */
static pid_t fork_half_way(FIXTURE_DATA(end) *self, struct half_way *told)
{
	int to;
	uint8_t *data;
	pid_t vmm = fork_and_hear(&to, told, sizeof(*told));
	int i;

	if (vmm)
		return vmm;
	if (run(self))
		_exit(1);
	data = guest_alloc(&self->dev.guest, HALF_WAY + GUEST_PAGE, GUEST_PAGE);
	pattern_fill(data + 1, HALF_WAY, 0, self->seed);
	if (blk_add(&self->dev.vqs[0], &self->request, VIRTIO_BLK_T_OUT, 0, data + 1,
		    HALF_WAY))
		_exit(1);
	vq_publish(&self->dev.vqs[0]);
	for (i = 0; i < 5000 && !disk_count(self->disk, DISK_IN_FLIGHT); i++)
		usleep(1000);
	told->memfd = self->dev.guest.memfd;
	told->status = self->request.status - self->dev.guest.memory;
	if (madvise(data, HALF_WAY + GUEST_PAGE, MADV_DONTNEED) ||
	    write(to, told, sizeof(*told)) != sizeof(*told))
		_exit(1);
	for (;;)
		pause();
}

/*
 * What is half way when its owner is killed ends well, though its pages are no more to
 * be had from him: they are those that it began with.
 */
TEST_F(end, killed_half_way)
{
	static uint8_t data[HALF_WAY] __attribute__((aligned(4096)));
	struct half_way told;
	uint8_t status;
	char path[32];
	int fd, memfd;
	pid_t vmm;

	vmm = fork_half_way(self, &told);
	ASSERT_LE(0, vmm);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", vmm, told.memfd);
	memfd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, memfd);
	killed(vmm);
	EXPECT_TRUE(wait_for_pins(self->pins, 4 * SLOW_MS));
	ASSERT_EQ(1, pread(memfd, &status, 1, told.status));
	EXPECT_EQ(VIRTIO_BLK_S_OK, status);
	close(memfd);

	fd = open_disk(variant->disk, O_DIRECT);
	ASSERT_LE(0, fd);
	EXPECT_EQ((ssize_t)sizeof(data), pread(fd, data, sizeof(data), 0));
	EXPECT_TRUE(pattern_is(data, sizeof(data), 0, self->seed));
	close(fd);
}

/* Who is killed in the wait leaves the device as it was to the others. */
TEST_F(end, killed_in_a_suspend_of_another)
{
	struct vring_used_elem elem;
	pid_t other;

	ASSERT_EQ(0, run(self));
	ASSERT_EQ(0, begin(self, 0));
	other = fork();
	ASSERT_LE(0, other);
	if (!other) {
		vdpa_suspend(self->dev.fd);
		pause();
	}
	usleep(50000);
	EXPECT_GT(1000, killed(other));
	EXPECT_EQ(0, vq_wait(&self->dev.vqs[0], &elem, 2 * SLOW_MS));
	EXPECT_EQ(0, *self->request.status);
	/* Unless it was over before the kill, the device still serves. */
	if (variant->disk == slow)
		EXPECT_EQ(0, blk_do(&self->dev.vqs[0], &self->request,
				    VIRTIO_BLK_T_IN, 0, self->data, LENGTH, NULL));
}

/*
 * Two attach one file: the first waits for what the disk's page cache has, the second
 * for the first, and is no less to be killed.
 */
TEST_F(end, killed_in_an_attach_of_another)
{
	pid_t attaching[2];
	unsigned int i;
	int fd;

	fd = open("/dev/vhost-pin", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(self->disk, "", 1, 0));
	for (i = 0; i < ARRAY_SIZE(attaching); i++) {
		attaching[i] = fork();
		ASSERT_LE(0, attaching[i]);
		if (!attaching[i]) {
			vpin_attach_default(fd, self->disk, 0);
			pause();
		}
		usleep(50000);
	}
	EXPECT_GT(1000, killed(attaching[1]));
	EXPECT_GT(1000 + GRACE_MS, killed(attaching[0]));
	close(fd);
	/* What the disk still does is the module's. */
	for (i = 0; i < 2 * SLOW_MS / 20 && module_users() != self->users; i++)
		usleep(20000);
}

/* Making a slow disk takes long, too, for the kernel reads it: once. */
static void make(const char *name, const char *options)
{
	int fd = nullb_create(name, 16, options);

	if (fd >= 0)
		close(fd);
}

static pid_t program;

/* The harness does not come back; tests and VMMs are processes of their own. */
static void remove_disks(void)
{
	if (getpid() != program)
		return;
	nullb_remove(slow);
	nullb_remove(quick);
}

int main(int argc, char **argv)
{
	program = getpid();
	make(slow, "irqmode=2,completion_nsec=3000000000");
	make(quick, "irqmode=2,completion_nsec=200000000");
	atexit(remove_disks);
	return test_harness_run(argc, argv);
}

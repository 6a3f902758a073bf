// SPDX-License-Identifier: GPL-2.0-only
/*
 * V14: every allocation of every call fails in turn, in a kernel that can be
 * told so (CONFIG_FAULT_INJECTION; the lab's debug kernel).  A call that fails
 * says so with an errno that means it, leaves nothing behind, and succeeds the
 * next time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "disk.h"
#include "harness.h"
#include "host.h"

#define QUEUES	2
#define LENGTH	65536
/* More than any call allocates. */
#define MOST	1000

/* Also those that may wait, and in every cache. */
static bool can_fail(void)
{
	static const char *const attributes[] = {
		"/sys/kernel/debug/failslab/ignore-gfp-wait",
		"/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait",
	};
	unsigned int i;

	for (i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		if (file_set(attributes[i], "N"))
			return false;
	}
	return !file_set("/sys/kernel/debug/fail_page_alloc/min-order", "0") &&
	       !access("/proc/thread-self/fail-nth", W_OK);
}

/* Open before anything is to fail: 0 is ours. */
static int open_fail_nth(pid_t thread)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", thread);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* The @nth allocation of a thread from now on fails; 0: none. */
static int fail_nth(int fd, unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(fd, text, length, 0) == length ? 0 : -errno;
}

/* Whether the one that was to fail has. */
static bool has_failed(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
}

FIXTURE(nomem) {
	int backend;
	long pins;
	int files;
	int nth;
	bool whole;
	struct dev dev;
	struct blk_request request;
	uint8_t *data;
};

FIXTURE_VARIANT(nomem) {
	int (*open)(void);
	uint64_t flags;
};

static int open_memfd(void)
{
	return backend_memfd(4 << 20);
}

static int open_ram(void)
{
	return backend_device("/dev/ram1");
}

static int open_ext4(void)
{
	return backend_file("/tmp/ext4", 4 << 20);
}

FIXTURE_VARIANT_ADD(nomem, memfd) { .open = open_memfd, };
FIXTURE_VARIANT_ADD(nomem, block) { .open = open_ram, };
FIXTURE_VARIANT_ADD(nomem, buffered) {
	.open = open_ram, .flags = VPIN_ATTACH_BUFFERED,
};
FIXTURE_VARIANT_ADD(nomem, file) { .open = open_ext4, };

FIXTURE_SETUP(nomem)
{
	self->dev.fd = -1;
	if (!can_fail())
		SKIP(return, "this kernel cannot be told to fail");
	self->pins = host_pins();
	self->backend = variant->open();
	ASSERT_LE(0, self->backend);
	self->nth = open_fail_nth(gettid());
	ASSERT_LE(0, self->nth);
	self->files = host_files();
}

/* Closes the device, also one that has no guest. */
static void discard(FIXTURE_DATA(nomem) *self)
{
	if (self->whole)
		dev_close(&self->dev);
	else if (self->dev.fd >= 0)
		close(self->dev.fd);
	self->dev.fd = -1;
	self->whole = false;
}

FIXTURE_TEARDOWN(nomem)
{
	discard(self);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(self->files, host_files());
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, host_charged());
	close(self->nth);
	close(self->backend);
}

/* A device that @how has yet to be done to. */
static int prepare(FIXTURE_DATA(nomem) *self, uint64_t flags, bool running)
{
	const struct dev_options options = {
		.queues = QUEUES, .attach_flags = flags,
	};
	int ret;

	discard(self);
	ret = dev_open(&self->dev, self->backend, &options);
	self->whole = !ret;
	if (!ret && running)
		ret = dev_start(&self->dev);
	if (ret)
		return ret;
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, LENGTH, GUEST_PAGE);
	return 0;
}

static bool serves(FIXTURE_DATA(nomem) *self)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		if (blk_do(&self->dev.vqs[i], &self->request, VIRTIO_BLK_T_OUT,
			   0, self->data, LENGTH, NULL))
			return false;
	}
	return true;
}

/* A VMM has no use for an errno that says nothing of memory. */
static bool is_of_memory(int ret)
{
	/* A write() of a message says EFAULT whatever it is. */
	return ret == -ENOMEM || ret == -EFAULT || ret == -EAGAIN;
}

/* Some fail without a consequence: what was wanted was only a help. */
#define EACH_FAILS(prepared, call, undone)				\
do {									\
	const int us = self->nth;					\
	unsigned int nth, failed = 0;					\
									\
	for (nth = 1; nth < MOST; nth++) {				\
		bool injected;						\
		int ret;						\
									\
		ASSERT_EQ(0, prepared) TH_LOG("%u", nth);		\
		ASSERT_EQ(0, fail_nth(us, nth));			\
		ret = (call);						\
		injected = has_failed(us);				\
		ASSERT_EQ(0, fail_nth(us, 0));				\
		if (ret) {						\
			ASSERT_TRUE(injected) TH_LOG("%u: %d", nth, ret); \
			EXPECT_TRUE(is_of_memory(ret)) TH_LOG("%u: %d", nth, ret); \
			failed++;					\
			undone;						\
			ASSERT_EQ(0, call) TH_LOG("again, %u", nth);	\
		}							\
		if (!injected)						\
			break;						\
	}								\
	ASSERT_GT(MOST, nth);						\
	TH_LOG("%u allocations, %u failures", nth - 1, failed);		\
} while (0)

static int blank(FIXTURE_DATA(nomem) *self)
{
	discard(self);
	self->dev.fd = vpin_open();
	return self->dev.fd < 0 ? self->dev.fd : 0;
}

static int attach(FIXTURE_DATA(nomem) *self, uint64_t flags)
{
	return vpin_attach_default(self->dev.fd, self->backend, flags);
}

TEST_F(nomem, V14_attach)
{
	EACH_FAILS(blank(self), attach(self, variant->flags), );
}

static int attached(FIXTURE_DATA(nomem) *self, uint64_t flags)
{
	int ret = blank(self);

	return ret ? ret : attach(self, flags);
}

TEST_F(nomem, V14_owner)
{
	EACH_FAILS(attached(self, variant->flags), vdpa_set_owner(self->dev.fd), );
}

static int map_more(FIXTURE_DATA(nomem) *self)
{
	return vdpa_map(self->dev.fd, MSG_V2, 1ULL << 32, 4 << 20,
			self->dev.guest.memory, VHOST_ACCESS_RW);
}

static int unmap_more(FIXTURE_DATA(nomem) *self)
{
	return vdpa_unmap(self->dev.fd, MSG_V2, 1ULL << 32, 4 << 20);
}

TEST_F(nomem, V14_map)
{
	EACH_FAILS(prepare(self, variant->flags, false), map_more(self), );
}

TEST_F(nomem, V14_map_of_a_running_device)
{
	EACH_FAILS(prepare(self, variant->flags, true), map_more(self), );
	EXPECT_TRUE(serves(self));
}

static int with_more(FIXTURE_DATA(nomem) *self, uint64_t flags)
{
	int ret = prepare(self, flags, true);

	return ret ? ret : map_more(self);
}

TEST_F(nomem, V14_unmap_of_a_running_device)
{
	EACH_FAILS(with_more(self, variant->flags), unmap_more(self), );
	EXPECT_TRUE(serves(self));
}

static int batch(FIXTURE_DATA(nomem) *self)
{
	int ret = vdpa_batch_begin(self->dev.fd);

	if (!ret)
		ret = unmap_more(self);
	if (!ret)
		ret = map_more(self);
	return ret ? ret : vdpa_batch_end(self->dev.fd);
}

TEST_F(nomem, V14_batch_of_a_running_device)
{
	EACH_FAILS(with_more(self, variant->flags), batch(self), );
	EXPECT_TRUE(serves(self));
}

TEST_F(nomem, V14_start)
{
	EACH_FAILS(prepare(self, variant->flags, false), dev_start(&self->dev),
		   ASSERT_EQ(0, dev_stop(&self->dev)));
	EXPECT_TRUE(serves(self));
}

static int stop_and_go(FIXTURE_DATA(nomem) *self)
{
	int ret = vdpa_suspend(self->dev.fd);

	return ret ? ret : vdpa_resume(self->dev.fd);
}

TEST_F(nomem, V14_suspend_and_resume)
{
	EACH_FAILS(prepare(self, variant->flags, true), stop_and_go(self), );
	EXPECT_TRUE(serves(self));
}

static int off_and_on(FIXTURE_DATA(nomem) *self)
{
	int ret = vdpa_set_vring_enable(self->dev.fd, 0, 0);

	return ret ? ret : vdpa_set_vring_enable(self->dev.fd, 0, 1);
}

TEST_F(nomem, V14_disable_and_enable)
{
	EACH_FAILS(prepare(self, variant->flags, true), off_and_on(self), );
	EXPECT_TRUE(serves(self));
}

/* A dirty log at the end of the guest's own memory: as good as any. */
static int begin_log(FIXTURE_DATA(nomem) *self)
{
	const struct guest *guest = &self->dev.guest;
	struct vpin_log log = {
		.uaddr = (uintptr_t)guest->memory + guest->size - 3 * GUEST_PAGE,
		.size = 3 * GUEST_PAGE,
	};

	return vdpa_ioctl(self->dev.fd, VPIN_SET_LOG, &log);
}

TEST_F(nomem, V14_log_of_a_running_device)
{
	EACH_FAILS(prepare(self, variant->flags, true), begin_log(self), );
	EXPECT_TRUE(serves(self));
}

static int with_log(FIXTURE_DATA(nomem) *self, uint64_t flags)
{
	int ret = prepare(self, flags, false);

	return ret ? ret : begin_log(self);
}

TEST_F(nomem, V14_start_with_a_log)
{
	EACH_FAILS(with_log(self, variant->flags), dev_start(&self->dev),
		   ASSERT_EQ(0, dev_stop(&self->dev)));
	EXPECT_TRUE(serves(self));
}

TEST_F(nomem, V14_resize)
{
	EACH_FAILS(prepare(self, variant->flags, true),
		   vdpa_ioctl(self->dev.fd, VPIN_RESIZE, NULL), );
	EXPECT_TRUE(serves(self));
}

/* What ends something does not fail. */
static int stop(FIXTURE_DATA(nomem) *self)
{
	return dev_stop(&self->dev);
}

TEST_F(nomem, V14_reset_never_fails)
{
	const int us = self->nth;
	unsigned int nth;

	for (nth = 1; nth < 20; nth++) {
		ASSERT_EQ(0, prepare(self, variant->flags, true));
		ASSERT_TRUE(serves(self));
		ASSERT_EQ(0, fail_nth(us, nth));
		EXPECT_EQ(0, stop(self));
		ASSERT_EQ(0, fail_nth(us, 0));
		ASSERT_EQ(0, dev_start(&self->dev));
		ASSERT_EQ(0, fail_nth(us, nth));
		EXPECT_EQ(0, close(self->dev.fd));
		ASSERT_EQ(0, fail_nth(us, 0));
		/* Its guest's memory is still ours. */
		self->dev.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		EXPECT_EQ(self->pins, host_pins());
		EXPECT_EQ(0, host_workers());
	}
}

/* The first worker makes the second one. */
TEST_F(nomem, V14_second_worker)
{
	unsigned int nth;

	for (nth = 1; nth < MOST; nth++) {
		bool injected;
		int first, fd, ret;

		ASSERT_EQ(0, prepare(self, variant->flags, false));
		ASSERT_EQ(1, host_worker_ids(&first, 1));
		fd = open_fail_nth(first);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fail_nth(fd, nth));
		ret = dev_start(&self->dev);
		injected = has_failed(fd);
		ASSERT_EQ(0, fail_nth(fd, 0));
		close(fd);
		if (ret) {
			ASSERT_TRUE(injected);
			EXPECT_TRUE(is_of_memory(ret)) TH_LOG("%u: %d", nth, ret);
			ASSERT_EQ(0, dev_stop(&self->dev));
			ASSERT_EQ(0, dev_start(&self->dev));
		}
		EXPECT_TRUE(serves(self)) TH_LOG("%u", nth);
		if (!injected)
			break;
	}
	TH_LOG("%u allocations", nth - 1);
}

TEST_HARNESS_MAIN

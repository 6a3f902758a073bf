// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk whose backend grows and shrinks while it is served: what the guest is told
 * and what it can reach.  The host reads and writes the backend beside it.
 */
#include <fcntl.h>
#include <linux/loop.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define SIZE	(4 * MIB)
#define END	(SIZE / SECTOR)

FIXTURE(resize) {
	int backend, below;		/* what is attached, what has the bytes */
	struct rig rig;
	int changed;			/* config_call */
};

FIXTURE_VARIANT(resize) {
	bool loop;
	uint64_t attach_flags;
};

FIXTURE_VARIANT_ADD(resize, file) { };
FIXTURE_VARIANT_ADD(resize, loop) { .loop = true };
FIXTURE_VARIANT_ADD(resize, loop_buffered) {
	.loop = true, .attach_flags = VPIN_ATTACH_BUFFERED,
};

FIXTURE_SETUP(resize)
{
	const struct dev_options options = { .attach_flags = variant->attach_flags };

	self->below = backend_memfd(SIZE);
	ASSERT_LE(0, self->below);
	self->backend = variant->loop ? backend_loop_on(self->below, 512) : dup(self->below);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	self->changed = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->changed);
	ASSERT_EQ(0, vdpa_set_config_call(self->rig.dev.fd, self->changed));
}

FIXTURE_TEARDOWN(resize)
{
	rig_close(&self->rig);
	close(self->changed);
	close(self->backend);
	close(self->below);
}

/* The backend gets another size; the device is not told. */
#define SET_SIZE(bytes) do { \
	ASSERT_EQ(0, ftruncate(self->below, bytes)); \
	if (variant->loop) \
		ASSERT_EQ(0, ioctl(self->backend, LOOP_SET_CAPACITY)); \
} while (0)

#define RESIZE()	vdpa_ioctl(self->rig.dev.fd, VPIN_RESIZE, NULL)

/* How often the driver was told since the last time. */
static uint64_t told(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

TEST_F(resize, grows)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, rig_write(rig, END - 8, 4096, 1));
	SET_SIZE(2 * SIZE);
	/* Nothing, until it is told. */
	EXPECT_EQ(END, dev_capacity(&rig->dev));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(rig, END, 4096, 2));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(rig, END - 4, 4096, 2));
	EXPECT_EQ(0, told(self->changed));

	ASSERT_EQ(0, RESIZE());
	EXPECT_EQ(1, told(self->changed));
	EXPECT_EQ(2 * END, dev_capacity(&rig->dev));
	EXPECT_EQ(0, rig_write(rig, END, 4096, 2));
	EXPECT_EQ(0, rig_write(rig, 2 * END - 8, 4096, 3));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(rig, 2 * END, 4096, 2));
	EXPECT_EQ(0, rig_flush(rig));
	EXPECT_EQ(0, rig_range(rig, VIRTIO_BLK_T_WRITE_ZEROES, 2 * END - 16, 8, 0));
	EXPECT_TRUE(rig_reads(rig, END - 8, 4096, 1));
	EXPECT_TRUE(rig_reads(rig, END, 4096, 2));

	/* As the host has it. */
	ASSERT_EQ(0, fsync(self->backend));
	ASSERT_EQ(4096, pread(self->below, rig->data, 4096, 2 * SIZE - 4096));
	EXPECT_TRUE(pattern_is(rig->data, 4096, 2 * END - 8, 3));
}

TEST_F(resize, shrinks)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, rig_write(rig, END / 2 - 8, 4096, 1));
	SET_SIZE(SIZE / 2);
	ASSERT_EQ(0, RESIZE());
	EXPECT_EQ(1, told(self->changed));
	EXPECT_EQ(END / 2, dev_capacity(&rig->dev));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(rig, END / 2, 512, 2));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_do(rig, VIRTIO_BLK_T_IN, END / 2 - 4, rig->data, 4096));
	EXPECT_TRUE(rig_reads(rig, END / 2 - 8, 4096, 1));
	/* Although there would be room by now. */
	SET_SIZE(SIZE);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(rig, END / 2, 512, 2));
	ASSERT_EQ(0, RESIZE());
	EXPECT_EQ(0, rig_write(rig, END / 2, 512, 2));
}

TEST_F(resize, is_the_same)
{
	ASSERT_EQ(0, RESIZE());
	EXPECT_EQ(0, told(self->changed));
	EXPECT_EQ(END, dev_capacity(&self->rig.dev));
}

TEST_F(resize, stopped)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, dev_stop(&rig->dev));
	SET_SIZE(2 * SIZE);
	ASSERT_EQ(0, RESIZE());
	EXPECT_EQ(2 * END, dev_capacity(&rig->dev));
	ASSERT_EQ(0, dev_start(&rig->dev));
	EXPECT_EQ(0, rig_write(rig, 2 * END - 8, 4096, 2));
}

/* What an attach would refuse; a loop device has whole sectors always. */
TEST_F(resize, not_whole_blocks)
{
	if (variant->loop)
		SKIP(return, "it has whole sectors");
	SET_SIZE(2 * SIZE + 100);
	EXPECT_EQ(-EINVAL, RESIZE());
	EXPECT_EQ(0, told(self->changed));
	EXPECT_EQ(END, dev_capacity(&self->rig.dev));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_write(&self->rig, END, 512, 2));
	EXPECT_EQ(0, rig_write(&self->rig, END - 1, 512, 2));
}

/* To and fro while requests are under way: those on what stays never fail. */
struct sizes {
	FIXTURE_DATA(resize) *self;
	bool loop;
	volatile bool stop;
	unsigned int turns, faults;
};

static void *change_sizes(void *data)
{
	struct sizes *sizes = data;

	while (!sizes->stop) {
		off_t size = ++sizes->turns % 2 ? 2 * SIZE : SIZE;

		sizes->faults += ftruncate(sizes->self->below, size) != 0;
		if (sizes->loop)
			sizes->faults += ioctl(sizes->self->backend, LOOP_SET_CAPACITY) != 0;
		sizes->faults += vdpa_ioctl(sizes->self->rig.dev.fd, VPIN_RESIZE, NULL) != 0;
	}
	return NULL;
}

TEST_F(resize, under_load)
{
	struct sizes sizes = { .self = self, .loop = variant->loop };
	static struct load load;
	pthread_t thread;
	unsigned int i;

	load_init(&load, &self->rig.dev, 32, 8192, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_sizes, &sizes));
	for (i = 0; i < 300; i++) {
		ASSERT_EQ(0, load_out_and_in(&load, i));
		ASSERT_TRUE(load_is(&load, i));
	}
	sizes.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, sizes.faults);
	EXPECT_LT(2, sizes.turns);
	TH_LOG("%u sizes", sizes.turns);
}

/* Who may: the owner, once there is one. */
TEST_F(resize, by_the_owner)
{
	const struct vpin_attach attach = {
		.size = sizeof(attach), .device_type = VIRTIO_ID_BLOCK,
		.backend_fd = self->backend,
	};
	int blank = vpin_open(), status;
	pid_t child;

	ASSERT_LE(0, blank);
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(blank, VPIN_RESIZE, NULL));
	ASSERT_EQ(0, vpin_attach(blank, &attach));
	EXPECT_EQ(-ENODEV, vdpa_ioctl(blank, VPIN_RESIZE, NULL));
	close(blank);

	child = fork();
	if (!child)
		_exit(RESIZE() == -EPERM ? 0 : 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/debug/vhost_pin: read while its device works, changes and goes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "forget.h"
#include "harness.h"
#include "reader.h"

#define DIRECTORY	"/sys/kernel/debug/vhost_pin"
#define MIB		(1UL << 20)

FIXTURE(debugfs) {
	int backend;
	struct dev dev;
	struct blk_request request;
	uint8_t *data;
	char path[64];			/* of the device's directory */
};

/* Devices have numbers; ours is the only one, or the newest. */
static int find(char *path, size_t size)
{
	DIR *directory = opendir(DIRECTORY);
	struct dirent *entry;
	int newest = -1, number;
	char rest;

	while (directory && (entry = readdir(directory)))
		if (sscanf(entry->d_name, "%d%c", &number, &rest) == 1 && number > newest)
			newest = number;
	if (directory)
		closedir(directory);
	snprintf(path, size, DIRECTORY "/%d", newest);
	return newest < 0 ? -ENOENT : 0;
}

FIXTURE_SETUP(debugfs)
{
	const struct dev_options options = { .queues = 2 };

	self->backend = backend_memfd(MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	ASSERT_EQ(0, find(self->path, sizeof(self->path)));
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, 4096, GUEST_PAGE);
}

FIXTURE_TEARDOWN(debugfs)
{
	if (self->dev.fd >= 0)
		dev_close(&self->dev);
	close(self->backend);
}

/* A file of the device's, as text: its length or -errno. */
static ssize_t text(FIXTURE_DATA(debugfs) *self, const char *name, char *to, size_t size)
{
	char path[96];
	ssize_t length = 0, n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", self->path, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, to + length, size - 1 - length)) > 0)
		length += n;
	close(fd);
	to[length] = 0;
	return n < 0 ? -errno : length;
}

static bool read_both(void *self)
{
	static char buffer[1 << 20];

	return text(self, "state", buffer, sizeof(buffer)) > 0 &&
	       text(self, "descriptors", buffer, sizeof(buffer)) >= 0;
}

TEST_F(debugfs, says_what_the_device_does)
{
	static char state[1 << 16];

	ASSERT_EQ(0, blk_do(&self->dev.vqs[0], &self->request, VIRTIO_BLK_T_OUT, 0,
			    self->data, 4096, NULL));
	ASSERT_LT(0, text(self, "state", state, sizeof(state)));
	EXPECT_NE(NULL, strstr(state, "type virtio-blk, status 0xf"));
	EXPECT_NE(NULL, strstr(state, "queue 0: enabled, running"));
	EXPECT_NE(NULL, strstr(state, "queue 1: enabled, running"));
	ASSERT_LT(0, text(self, "descriptors", state, sizeof(state)));
	EXPECT_NE(NULL, strstr(state, "queue 0"));
}

TEST_F(debugfs, read_under_load)
{
	struct vring_used_elem elem;
	pid_t pid = reader_start(read_both, self);
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		struct vq *vq = &self->dev.vqs[i % 2];

		ASSERT_EQ(0, blk_add(vq, &self->request, i % 4 < 2 ? VIRTIO_BLK_T_IN :
				     VIRTIO_BLK_T_OUT, 0, self->data, 4096));
		vq_publish(vq);
		ASSERT_EQ(0, vq_wait(vq, &elem, VQ_TIMEOUT_MS));
		ASSERT_EQ(0, *self->request.status);
	}
	EXPECT_TRUE(reader_still_reads(pid));
}

TEST_F(debugfs, read_while_it_starts_and_stops_and_is_mapped)
{
	pid_t pid = reader_start(read_both, self);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, vdpa_unmap(self->dev.fd, MSG_V2, self->dev.guest.iova,
					self->dev.guest.size));
		ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, self->dev.guest.iova,
				      self->dev.guest.size, self->dev.guest.memory,
				      VHOST_ACCESS_RW));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
	}
	EXPECT_TRUE(reader_still_reads(pid));
	EXPECT_EQ(0, blk_do(&self->dev.vqs[0], &self->request, VIRTIO_BLK_T_IN, 0,
			    self->data, 4096, NULL));
}

/* Who has a file open when its device goes keeps nothing and reads nothing. */
TEST_F(debugfs, open_over_the_end)
{
	char path[96], byte;
	int state, descriptors;

	snprintf(path, sizeof(path), "%s/state", self->path);
	state = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, state);
	snprintf(path, sizeof(path), "%s/descriptors", self->path);
	descriptors = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, descriptors);
	dev_close(&self->dev);
	EXPECT_EQ(-1, read(state, &byte, 1));
	EXPECT_EQ(-1, read(descriptors, &byte, 1));
	EXPECT_EQ(-1, access(path, F_OK));
	close(state);
	close(descriptors);
}

/* While a backend keeps requests. */
TEST(debugfs_of_requests_in_flight)
{
	static char buffer[1 << 20];
	FIXTURE_DATA(debugfs) data, *self = &data;
	struct blk_request requests[5];
	struct vring_used_elem elem;
	int i;

	if (!forget_is_there())
		SKIP(return, "no disk that keeps requests");
	ASSERT_EQ(0, forget_add(""));
	self->backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, NULL));
	ASSERT_EQ(0, find(self->path, sizeof(self->path)));
	self->data = guest_alloc(&self->dev.guest, 4096, GUEST_PAGE);
	ASSERT_EQ(0, forget_hold(true));
	for (i = 0; i < 5; i++) {
		blk_init(&requests[i], &self->dev.guest);
		/* Far apart, so that they are not merged. */
		ASSERT_EQ(0, blk_add(&self->dev.vqs[0], &requests[i], VIRTIO_BLK_T_IN,
				     i * 4096, self->data, 4096));
	}
	vq_publish(&self->dev.vqs[0]);
	usleep(300000);
	EXPECT_LT(0, text(self, "state", buffer, sizeof(buffer)));
	EXPECT_LT(0, text(self, "descriptors", buffer, sizeof(buffer)));
	EXPECT_EQ(0, forget_hold(false));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, vq_wait(&self->dev.vqs[0], &elem, VQ_TIMEOUT_MS));
	EXPECT_LT(0, text(self, "state", buffer, sizeof(buffer)));
	dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(0, forget_remove());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/* VPIN_ATTACH: what a blank device answers, and every reason to refuse. */
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"
#include "vdpa.h"

/* Bytes of the structure as it first was. */
#define OLDEST	offsetof(struct vpin_attach, num_workers)

FIXTURE(attach) {
	int fd, backend;
	struct vpin_attach good;
};

FIXTURE_SETUP(attach)
{
	self->fd = vpin_open();
	ASSERT_LE(0, self->fd) TH_LOG("no %s: is vhost_pin loaded?", VPIN_NODE);
	self->backend = backend_memfd(1 << 20);
	ASSERT_LE(0, self->backend);
	self->good = (struct vpin_attach){
		.size = sizeof(self->good),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.backend_fd = self->backend,
	};
}

/* Whatever was refused, the device is still blank and can be attached. */
FIXTURE_TEARDOWN(attach)
{
	struct vpin_attach attach = self->good;

	attach.backend_fd = self->backend;
	if (vdpa_get_device_id(self->fd) == -ENODEV)
		EXPECT_EQ(0, vpin_attach(self->fd, &attach));
	EXPECT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(self->fd));
	close(self->backend);
	close(self->fd);
}

TEST_F(attach, stock_ioctls_before_attach)
{
	static const unsigned long requests[] = {
		VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_SET_OWNER,
		VHOST_SET_MEM_TABLE, VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR,
		VHOST_SET_BACKEND_FEATURES, VHOST_GET_BACKEND_FEATURES,
		VHOST_VDPA_GET_DEVICE_ID, VHOST_VDPA_GET_STATUS,
		VHOST_VDPA_SET_STATUS, VHOST_VDPA_GET_CONFIG,
		VHOST_VDPA_SET_CONFIG, VHOST_VDPA_SET_VRING_ENABLE,
		VHOST_VDPA_GET_VRING_NUM, VHOST_VDPA_SET_CONFIG_CALL,
		VHOST_VDPA_GET_IOVA_RANGE, VHOST_VDPA_GET_CONFIG_SIZE,
		VHOST_VDPA_GET_VQS_COUNT, VHOST_VDPA_GET_GROUP_NUM,
		VHOST_VDPA_GET_AS_NUM, VHOST_VDPA_GET_VRING_GROUP,
		VHOST_VDPA_SET_GROUP_ASID, VHOST_VDPA_SUSPEND, VHOST_VDPA_RESUME,
	};
	char argument[256] = "";
	unsigned int i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		EXPECT_EQ(-ENODEV, vdpa_ioctl(self->fd, requests[i], argument))
			TH_LOG("ioctl 0x%lx", requests[i]);
}

TEST_F(attach, unknown_ioctls)
{
	char argument[256] = "";

	/* Which of vhost's are known is the ABI's to say, after the attach. */
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IO(VPIN_IOC_TYPE, 0xEE), argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IO('x', 0), argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, 0, argument));

	ASSERT_EQ(0, vpin_attach(self->fd, &self->good));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IO(VHOST_VIRTIO, 0xEE), NULL));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IO(VPIN_IOC_TYPE, 0xEE), NULL));
}

TEST_F(attach, write_before_attach)
{
	static char memory[4096] __attribute__((aligned(4096)));

	EXPECT_GT(0, vdpa_map(self->fd, MSG_V2, 0, sizeof(memory), memory, VHOST_ACCESS_RW));
}

TEST_F(attach, twice)
{
	ASSERT_EQ(0, vpin_attach(self->fd, &self->good));
	EXPECT_EQ(-EBUSY, vpin_attach(self->fd, &self->good));
}

TEST_F(attach, each_open_is_a_device)
{
	struct vpin_attach attach = self->good;
	int other = vpin_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, vpin_attach(self->fd, &self->good));
	attach.num_queues = 3;
	ASSERT_EQ(0, vpin_attach(other, &attach));
	EXPECT_EQ(1, vdpa_get_vqs_count(self->fd));
	EXPECT_EQ(3, vdpa_get_vqs_count(other));
	close(other);
}

TEST_F(attach, sizes)
{
	struct {
		struct vpin_attach attach;
		char more[16];
	} big = { .attach = self->good };
	struct vpin_attach attach = self->good;
	unsigned int size;

	for (size = 0; size < OLDEST; size++) {
		attach.size = size;
		EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach))
			TH_LOG("size %u", size);
	}

	big.attach.size = sizeof(big);
	big.more[15] = 1;
	EXPECT_EQ(-E2BIG, vpin_attach(self->fd, &big.attach));
	big.attach.size = ~0U;
	EXPECT_EQ(-E2BIG, vpin_attach(self->fd, &big.attach));

	/* An older caller does not know what came later. */
	memset(&attach.num_workers, 0xff, sizeof(attach) - OLDEST);
	attach.size = OLDEST;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));
	close(self->fd);
	self->fd = vpin_open();

	/* What a newer caller knows and leaves at zero does not matter. */
	big.attach.size = sizeof(big);
	big.more[15] = 0;
	EXPECT_EQ(0, vpin_attach(self->fd, &big.attach));
}

TEST_F(attach, bad_address)
{
	EXPECT_EQ(-EFAULT, vpin_attach(self->fd, NULL));
	EXPECT_EQ(-EFAULT, vpin_attach(self->fd, (void *)-1UL));
}

TEST_F(attach, unknown_type_abi_flags)
{
	struct vpin_attach attach = self->good;
	unsigned int bit;

	attach.device_type = VIRTIO_ID_NET;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));
	attach.device_type = 0;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));
	attach.device_type = ~0U;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));

	attach = self->good;
	attach.abi = ~0U;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));

	attach = self->good;
	for (bit = 0; bit < 64; bit++) {
		attach.flags = BIT_ULL(bit);
		if (!(attach.flags & VPIN_ATTACH_FLAGS))
			EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach))
				TH_LOG("bit %u", bit);
	}
}

TEST_F(attach, nice_from_minus_20_to_19)
{
	static const int bad[] = { -21, 20, INT_MIN, INT_MAX };
	struct vpin_attach attach = self->good;
	unsigned int i;

	attach.flags = VPIN_ATTACH_NICE;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		attach.nice = bad[i];
		EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach))
			TH_LOG("nice %d", bad[i]);
	}
	attach.nice = -20;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));
}

TEST_F(attach, nice_without_its_flag)
{
	struct vpin_attach attach = self->good;

	attach.nice = 1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.nice = -1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
}

/* Without the capability, as nice as this process already is; or by the limit. */
TEST_F(attach, nice_takes_what_nice_takes)
{
	struct rlimit limit = { 0, 25 };	/* 20 - 25: down to -5 */
	struct vpin_attach attach = self->good;
	int other = vpin_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, setrlimit(RLIMIT_NICE, &limit));
	ASSERT_EQ(0, host_drop(CAP_SYS_NICE));
	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, 3));
	attach.flags = VPIN_ATTACH_NICE;
	attach.nice = 2;
	EXPECT_EQ(-EPERM, vpin_attach(self->fd, &attach));
	attach.nice = 3;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));

	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NICE, &limit));
	attach.nice = -6;
	EXPECT_EQ(-EPERM, vpin_attach(other, &attach));
	attach.nice = -5;
	EXPECT_EQ(0, vpin_attach(other, &attach));
	close(other);
}

TEST_F(attach, poll_takes_a_block_device_that_can)
{
	struct vpin_attach attach = self->good;
	int loop = backend_loop(1 << 20, 512);

	attach.flags = VPIN_ATTACH_POLL;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));
	ASSERT_LE(0, loop);
	attach.backend_fd = loop;
	EXPECT_EQ(-EOPNOTSUPP, vpin_attach(self->fd, &attach));
	attach.flags = 0;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));
	close(loop);
}

/* The time of busy polling is every queue's until one is told otherwise. */
TEST_F(attach, busyloop)
{
	struct vhost_vring_state state = { .index = 1 };
	struct vpin_attach attach = self->good;

	attach.num_queues = 2;
	attach.busyloop_us = VPIN_BUSYLOOP_MAX + 1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.busyloop_us = VPIN_BUSYLOOP_MAX;
	ASSERT_EQ(0, vpin_attach(self->fd, &attach));
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &state));
	EXPECT_EQ(VPIN_BUSYLOOP_MAX, state.num);
}

TEST_F(attach, queues)
{
	struct vpin_attach attach = self->good;

	attach.num_queues = VPIN_QUEUES_MAX + 1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.num_queues = 0xffff;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.num_queues = VPIN_QUEUES_MAX;
	ASSERT_EQ(0, vpin_attach(self->fd, &attach));
	EXPECT_EQ(VPIN_QUEUES_MAX, vdpa_get_vqs_count(self->fd));
}

TEST_F(attach, workers)
{
	struct vpin_attach attach = self->good;

	attach.num_queues = 4;
	attach.num_workers = 5;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.num_workers = 4;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));
}

TEST_F(attach, block_sizes)
{
	static const struct {
		unsigned int logical, physical;
	} bad[] = {
		{ 1, 0 }, { 256, 0 }, { 513, 0 }, { 8192, 0 }, { 0, 256 },
		{ 0, 8192 }, { 4096, 512 }, { 512, 1000 }, { ~0U, ~0U },
	};
	struct vpin_attach attach = self->good;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		attach.logical_block_size = bad[i].logical;
		attach.physical_block_size = bad[i].physical;
		EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach))
			TH_LOG("%u, %u", bad[i].logical, bad[i].physical);
	}
	attach.logical_block_size = 512;
	attach.physical_block_size = 4096;
	EXPECT_EQ(0, vpin_attach(self->fd, &attach));
}

TEST_F(attach, what_is_reserved)
{
	struct vpin_attach attach = self->good;

	attach.reserved = 1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
	attach.reserved = 0;
	attach.reserved2 = 1;
	EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach));
}

TEST_F(attach, queue_size)
{
	static const unsigned int bad[] = { 1, 2, 3, 96, 1023, 2048, 0x8000, 0xffff };
	struct vpin_attach attach = self->good;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		attach.queue_size = bad[i];
		EXPECT_EQ(-EINVAL, vpin_attach(self->fd, &attach))
			TH_LOG("queue size %u", bad[i]);
	}
	attach.queue_size = 64;
	ASSERT_EQ(0, vpin_attach(self->fd, &attach));
	EXPECT_EQ(64, vdpa_get_vring_num(self->fd));
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_set_vring_num(self->fd, 0, 64));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 128));
}

TEST_F(attach, V04_backend_not_open)
{
	struct vpin_attach attach = self->good;

	attach.backend_fd = -1;
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	attach.backend_fd = 1 << 20;
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	attach.backend_fd = dup(self->backend);
	close(attach.backend_fd);
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	attach.backend_fd = open("/", O_PATH | O_CLOEXEC);
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	close(attach.backend_fd);
}

/* Another open file of the backend, with less access. */
static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

TEST_F(attach, V04_backend_write_only)
{
	struct vpin_attach attach = self->good;

	attach.backend_fd = reopen(self->backend, O_WRONLY);
	ASSERT_LE(0, attach.backend_fd);
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	attach.flags = VPIN_ATTACH_RO;
	EXPECT_EQ(-EBADF, vpin_attach(self->fd, &attach));
	close(attach.backend_fd);
}

TEST_F(attach, V04_backend_read_only)
{
	struct vpin_attach attach = self->good;
	uint64_t features = 0;

	attach.backend_fd = reopen(self->backend, O_RDONLY);
	ASSERT_LE(0, attach.backend_fd);
	EXPECT_EQ(-EROFS, vpin_attach(self->fd, &attach));
	attach.flags = VPIN_ATTACH_RO;
	ASSERT_EQ(0, vpin_attach(self->fd, &attach));
	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	EXPECT_TRUE(features & BIT_ULL(VIRTIO_BLK_F_RO));
	close(attach.backend_fd);
}

/* A file that is no disk, whichever way it is open. */
static int attach_both(int fd, int backend)
{
	int ret = vpin_attach_default(fd, backend, VPIN_ATTACH_RO);

	return ret == -EINVAL ? vpin_attach_default(fd, backend, 0) : ret;
}

TEST_F(attach, V04_backend_socket)
{
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	EXPECT_EQ(-EINVAL, attach_both(self->fd, sockets[0]));
}

TEST_F(attach, V04_backend_directory)
{
	int directory = open("/tmp", O_RDONLY | O_DIRECTORY);

	ASSERT_LE(0, directory);
	EXPECT_EQ(-EINVAL, vpin_attach_default(self->fd, directory, VPIN_ATTACH_RO));
}

TEST_F(attach, V04_backend_pipe)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, vpin_attach_default(self->fd, pipes[0], VPIN_ATTACH_RO));
	EXPECT_EQ(-EBADF, vpin_attach_default(self->fd, pipes[1], 0));
}

TEST_F(attach, V04_backend_epoll_and_eventfd)
{
	EXPECT_EQ(-EINVAL, attach_both(self->fd, epoll_create1(0)));
	EXPECT_EQ(-EINVAL, attach_both(self->fd, eventfd(0, 0)));
}

TEST_F(attach, V04_backend_character_device)
{
	EXPECT_EQ(-EINVAL, attach_both(self->fd, open("/dev/null", O_RDWR)));
	EXPECT_EQ(-EINVAL, attach_both(self->fd, open("/dev/zero", O_RDWR)));
}

TEST_F(attach, V04_backend_itself)
{
	EXPECT_EQ(-EINVAL, attach_both(self->fd, self->fd));
}

TEST_F(attach, V04_backend_another_device)
{
	int other = vpin_open();

	ASSERT_LE(0, other);
	EXPECT_EQ(-EINVAL, attach_both(self->fd, other));
	ASSERT_EQ(0, vpin_attach(other, &self->good));
	EXPECT_EQ(-EINVAL, attach_both(self->fd, other));
	close(other);
}

/* A device that runs, with its second queue not set up yet. */
static int run_first_queue(struct dev *dev, int backend, uint64_t flags)
{
	const struct dev_options options = { .queues = 2, .attach_flags = flags };
	int ret = dev_open(dev, backend, &options);

	return ret ?: vdpa_set_status(dev->fd, STATUS_FOUND) ?:
	       vdpa_set_features(dev->fd, dev->features) ?:
	       vdpa_set_status(dev->fd, STATUS_FEATURES) ?:
	       vq_setup(&dev->vqs[0], dev->fd) ?:
	       vdpa_set_status(dev->fd, STATUS_RUNNING);
}

/* libblkio's way by vhost-user: a queue is enabled before the next is set up. */
TEST_F(attach, live_setup)
{
	static struct blk_request request;
	static struct dev dev;
	uint8_t *data;
	unsigned int i;

	ASSERT_EQ(0, run_first_queue(&dev, self->backend, VPIN_ATTACH_LIVE_SETUP));
	blk_init(&request, &dev.guest);
	data = guest_alloc(&dev.guest, 4096, GUEST_PAGE);
#define READ_BY(queue) \
	EXPECT_EQ(0, blk_do(&dev.vqs[queue], &request, VIRTIO_BLK_T_IN, 0, data, 4096, NULL))
	READ_BY(0);
	ASSERT_EQ(0, vq_setup(&dev.vqs[1], dev.fd));
	READ_BY(1);
	READ_BY(0);

	/* Not one that runs. */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EBUSY, vdpa_set_vring_num(dev.fd, i, 128));
		EXPECT_EQ(-EBUSY, vdpa_set_vring_base(dev.fd, i, 7));
		EXPECT_EQ(-EBUSY, vdpa_set_vring_addr(dev.fd, i, 0, 0x8000, 0x10000));
	}
	READ_BY(1);

	/* Off, anew with another base, on. */
	ASSERT_EQ(0, vdpa_set_vring_enable(dev.fd, 1, 0));
	READ_BY(0);
	vq_rebase(&dev.vqs[1], 0xfffe);
	ASSERT_EQ(0, vq_setup(&dev.vqs[1], dev.fd));
	for (i = 0; i < 3; i++)
		READ_BY(1);
	EXPECT_EQ(1, vdpa_get_vring_base(dev.fd, 1));

	/* What makes no sense does not start, and does not stop the other one. */
	ASSERT_EQ(0, vdpa_set_vring_enable(dev.fd, 1, 0));
	ASSERT_EQ(0, vdpa_set_vring_addr(dev.fd, 1, 0, 0, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_enable(dev.fd, 1, 1));
	READ_BY(0);
	dev_close(&dev);
}

/* Without it, as the reference. */
TEST_F(attach, no_live_setup)
{
	static struct dev dev;

	ASSERT_EQ(0, run_first_queue(&dev, self->backend, 0));
	EXPECT_EQ(0, vdpa_set_vring_num(dev.fd, 1, 256));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(dev.fd, 1, 0, 0x8000, 0x10000));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_base(dev.fd, 1, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_base(dev.fd, 0, 0));
	ASSERT_EQ(0, vdpa_suspend(dev.fd));
	EXPECT_EQ(0, vdpa_set_vring_base(dev.fd, 1, 0));
	dev_close(&dev);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost-vdpa ABI of an attached device, ioctl by ioctl and message by
 * message, with the answers of the kernel's own vhost-vdpa.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "backend.h"
#include "guest.h"
#include "harness.h"
#include "vdpa.h"

#define BACKEND_SIZE	(1 << 20)
#define QUEUES		4

FIXTURE(abi) {
	int fd, event;
	struct guest guest;
};

FIXTURE_SETUP(abi)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.num_queues = QUEUES,
		.serial = "abi",
	};

	attach.backend_fd = backend_memfd(BACKEND_SIZE);
	ASSERT_LE(0, attach.backend_fd);
	self->fd = vpin_open();
	ASSERT_LE(0, self->fd) TH_LOG("no %s: is vhost_pin loaded?", VPIN_NODE);
	ASSERT_EQ(0, vpin_attach(self->fd, &attach));
	close(attach.backend_fd);
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, guest_init(&self->guest, 1 << 20, 0));
}

FIXTURE_TEARDOWN(abi)
{
	close(self->fd);
	close(self->event);
	guest_free(&self->guest);
}

TEST_F(abi, get_features)
{
	static const unsigned int offered[] = {
		VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH,
		VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_MQ,
		VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES,
		VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX,
		VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
	};
	/* QEMU passes each of these on to the guest, unfiltered. */
	static const unsigned int not_offered[] = {
		VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_RO,
		15 /* LIFETIME */, 16 /* SECURE_ERASE */, 17 /* ZONED */,
		26 /* VHOST_F_LOG_ALL */, VIRTIO_F_RING_PACKED,
		VIRTIO_F_IN_ORDER, VIRTIO_F_SR_IOV, 38 /* NOTIFICATION_DATA */,
		VIRTIO_F_RING_RESET,
	};
	uint64_t features = 0;
	unsigned int i;

	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	for (i = 0; i < sizeof(offered) / sizeof(*offered); i++)
		EXPECT_TRUE(features & BIT_ULL(offered[i]))
			TH_LOG("bit %u is not offered", offered[i]);
	for (i = 0; i < sizeof(not_offered) / sizeof(*not_offered); i++)
		EXPECT_FALSE(features & BIT_ULL(not_offered[i]))
			TH_LOG("bit %u is offered", not_offered[i]);
	EXPECT_EQ(-EFAULT, vdpa_get_features(self->fd, NULL));
}

TEST_F(abi, set_features)
{
	uint64_t features;

	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	/* Legal without an owner, at status 0 and 3, again and again. */
	EXPECT_EQ(0, vdpa_set_features(self->fd, features));
	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_FOUND));
	EXPECT_EQ(0, vdpa_set_features(self->fd, 0));
	/* Bits that were not offered are masked. */
	EXPECT_EQ(0, vdpa_set_features(self->fd, ~0ULL));
	EXPECT_EQ(0, vdpa_set_features(self->fd, features));

	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_FEATURES));
	EXPECT_EQ(STATUS_FEATURES, vdpa_get_status(self->fd));
	EXPECT_EQ(-EBUSY, vdpa_set_features(self->fd, BIT_ULL(VIRTIO_F_VERSION_1)));
	EXPECT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_features(self->fd, BIT_ULL(VIRTIO_F_VERSION_1)));
	EXPECT_EQ(-EFAULT, vdpa_ioctl(self->fd, VHOST_SET_FEATURES, NULL));
}

TEST_F(abi, set_owner)
{
	EXPECT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(-EBUSY, vdpa_set_owner(self->fd));
}

TEST_F(abi, owner_is_needed)
{
	struct vhost_vring_state state = {};

	EXPECT_EQ(-EPERM, vdpa_set_vring_num(self->fd, 0, 256));
	EXPECT_EQ(-EPERM, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x2000));
	EXPECT_EQ(-EPERM, vdpa_set_vring_base(self->fd, 0, 0));
	EXPECT_EQ(-EPERM, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(-EPERM, vdpa_set_vring_kick(self->fd, 0, self->event));
	EXPECT_EQ(-EPERM, vdpa_set_vring_call(self->fd, 0, self->event));
	EXPECT_EQ(-EPERM, vdpa_set_vring_err(self->fd, 0, self->event));
	EXPECT_EQ(-EPERM, vdpa_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(-EPERM, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VRING_GROUP, &state));
	EXPECT_EQ(-EFAULT, vdpa_map(self->fd, MSG_V2, 0, self->guest.size,
				    self->guest.memory, VHOST_ACCESS_RW));
}

TEST_F(abi, owner_is_not_needed)
{
	struct vhost_vdpa_iova_range range;
	struct virtio_blk_config config;
	uint64_t features;
	uint32_t number;

	EXPECT_EQ(0, vdpa_get_features(self->fd, &features));
	EXPECT_EQ(0, vdpa_set_features(self->fd, features));
	EXPECT_EQ(0, vdpa_get_backend_features(self->fd, &features));
	EXPECT_EQ(0, vdpa_set_backend_features(self->fd, features));
	EXPECT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(self->fd));
	EXPECT_EQ(0, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_FOUND));
	EXPECT_EQ(0, vdpa_get_config(self->fd, 0, sizeof(config), &config));
	EXPECT_EQ(0, vdpa_set_config(self->fd, 0, sizeof(config), &config));
	EXPECT_LT(0, vdpa_get_vring_num(self->fd));
	EXPECT_EQ(QUEUES, vdpa_get_vqs_count(self->fd));
	EXPECT_LT(0, vdpa_get_config_size(self->fd));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_IOVA_RANGE, &range));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_AS_NUM, &number));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_GROUP_NUM, &number));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, self->event));
	EXPECT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_EQ(0, vdpa_resume(self->fd));
}

TEST_F(abi, set_mem_table_is_ignored)
{
	struct vhost_memory table = { .nregions = 0 };

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_SET_MEM_TABLE, &table));
}

TEST_F(abi, not_of_vdpa)
{
	struct vhost_vring_state state = {};
	uint64_t argument = 0;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_RESET_OWNER, NULL));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_SET_LOG_BASE, &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_SET_LOG_FD, &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_NEW_WORKER, &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IOW(VHOST_VIRTIO, 0x9, __u64), &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_SET_VRING_ENDIAN, &state));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_GET_VRING_ENDIAN, &state));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, VHOST_NET_SET_BACKEND, &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IOR(VHOST_VIRTIO, 0x83, __u64[2]), &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IOW(VHOST_VIRTIO, 0x84, __u8), &argument));
	EXPECT_EQ(-ENOTTY, vdpa_ioctl(self->fd, _IOR(VHOST_VIRTIO, 0x85, __u8), &argument));
}

TEST_F(abi, set_vring_num)
{
	unsigned int num;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	for (num = 1; num <= VPIN_QUEUE_SIZE_MAX; num *= 2)
		EXPECT_EQ(0, vdpa_set_vring_num(self->fd, 0, num));
	for (num = 3; num < VPIN_QUEUE_SIZE_MAX; num = num * 2 + 1)
		EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, num));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 2048));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 0x10000));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 0x10000 + 256));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_num(self->fd, 0, 1U << 31));
}

TEST_F(abi, set_vring_addr)
{
	struct vhost_vring_addr addr = { .flags = 2 };

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	/* Stored only: nothing is mapped yet, and 0 is an address. */
	EXPECT_EQ(0, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x1208));
	EXPECT_EQ(0, vdpa_set_vring_addr(self->fd, 0, 1ULL << 40, 1ULL << 41, 1ULL << 42));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(self->fd, 0, 0, 0x1001, 0x2000));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x2001));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x2002));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_ioctl(self->fd, VHOST_SET_VRING_ADDR, &addr));
}

TEST_F(abi, vring_base)
{
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_vring_base(self->fd, 0, 0xffff));
	EXPECT_EQ(0xffff, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_vring_base(self->fd, 1, 0x112));
	EXPECT_EQ(0x112, vdpa_get_vring_base(self->fd, 1));
	EXPECT_EQ(0xffff, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_base(self->fd, 0, 0x10000));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_base(self->fd, 0, ~0U));
}

TEST_F(abi, vring_eventfds)
{
	int (*const set[])(int fd, unsigned int index, int eventfd) = {
		vdpa_set_vring_kick, vdpa_set_vring_call, vdpa_set_vring_err,
	};
	int file = open("/dev/null", O_RDWR);
	unsigned int i;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, set[i](self->fd, 0, -1));
		EXPECT_EQ(0, set[i](self->fd, 0, self->event));
		EXPECT_EQ(0, set[i](self->fd, 0, self->event));
		EXPECT_EQ(0, set[i](self->fd, 1, self->event));
		EXPECT_EQ(-EBADF, set[i](self->fd, 0, 1 << 20));
		EXPECT_EQ(-EINVAL, set[i](self->fd, 0, file));
		EXPECT_EQ(0, set[i](self->fd, 0, -1));
	}
	close(file);
}

TEST_F(abi, busyloop_timeout)
{
	struct vhost_vring_state state = { .index = 0, .num = 50 };

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &state));
	state.num = 0;
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &state));
	EXPECT_EQ(50, state.num);
	state.num = VPIN_BUSYLOOP_MAX + 1;
	EXPECT_EQ(-EINVAL, vdpa_ioctl(self->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &state));
}

TEST_F(abi, vring_enable)
{
	unsigned int i;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	/* On queues that were never set up, before and after DRIVER_OK. */
	for (i = 0; i < QUEUES; i++)
		EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, i, 1));
	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_RUNNING));
	for (i = 0; i < QUEUES; i++) {
		EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, i, 0));
		EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, i, 1));
	}
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->fd));
}

TEST_F(abi, backend_features)
{
	const uint64_t wanted = BACKEND_MSG_V2 | BACKEND_BATCH | BACKEND_SUSPEND |
				BACKEND_RESUME | BACKEND_ENABLE_AFTER_DRIVER_OK |
				BACKEND_PERSIST;
	uint64_t features = 0;

	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &features));
	EXPECT_EQ(wanted, features & wanted);
	EXPECT_EQ(0, features & ~(wanted | BACKEND_ASID));

	EXPECT_EQ(0, vdpa_set_backend_features(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_backend_features(self->fd, features));
	EXPECT_EQ(0, vdpa_set_backend_features(self->fd, BACKEND_BATCH));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_set_backend_features(self->fd, 1));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_set_backend_features(self->fd, BIT_ULL(9)));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_set_backend_features(self->fd, BIT_ULL(63)));
	EXPECT_GT(0, vdpa_set_backend_features(self->fd, BACKEND_DESC_ASID));

	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_RUNNING));
	EXPECT_EQ(0, vdpa_set_backend_features(self->fd, features));
}

TEST_F(abi, device_id)
{
	EXPECT_EQ(2, vdpa_get_device_id(self->fd));
}

TEST_F(abi, status)
{
	EXPECT_EQ(0, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vdpa_set_status(self->fd, VIRTIO_CONFIG_S_ACKNOWLEDGE));
	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_FOUND));
	EXPECT_EQ(0, vdpa_set_status(self->fd, STATUS_FOUND));
	/* A bit goes away only with all the others. */
	EXPECT_EQ(-EINVAL, vdpa_set_status(self->fd, VIRTIO_CONFIG_S_DRIVER));
	EXPECT_EQ(STATUS_FOUND, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vdpa_set_status(self->fd, 0));
	EXPECT_EQ(0, vdpa_get_status(self->fd));
	EXPECT_EQ(-EFAULT, vdpa_ioctl(self->fd, VHOST_VDPA_GET_STATUS, NULL));
	EXPECT_EQ(-EFAULT, vdpa_ioctl(self->fd, VHOST_VDPA_SET_STATUS, NULL));
}

TEST_F(abi, config_contents)
{
	struct virtio_blk_config config;

	memset(&config, 0xff, sizeof(config));
	ASSERT_EQ(0, vdpa_get_config(self->fd, 0, sizeof(config), &config));
	EXPECT_EQ(BACKEND_SIZE / 512, config.capacity);
	EXPECT_EQ(QUEUES, config.num_queues);
	EXPECT_LE(1, config.seg_max);
	EXPECT_LE(512, config.blk_size);
	EXPECT_EQ(0, config.blk_size & (config.blk_size - 1));
	EXPECT_LT(0, config.max_discard_sectors);
	EXPECT_LT(0, config.max_discard_seg);
	EXPECT_LT(0, config.max_write_zeroes_sectors);
	EXPECT_LT(0, config.max_write_zeroes_seg);
	EXPECT_EQ(0, config.geometry.cylinders);
}

TEST_F(abi, get_config_bounds)
{
	int size = vdpa_get_config_size(self->fd);
	uint8_t whole[256], part[256];
	int offset;

	ASSERT_EQ(96, size);
	ASSERT_EQ(0, vdpa_get_config(self->fd, 0, size, whole));
	for (offset = 0; offset < size; offset++) {
		ASSERT_EQ(0, vdpa_get_config(self->fd, offset, size - offset, part));
		EXPECT_EQ(0, memcmp(part, whole + offset, size - offset));
		ASSERT_EQ(0, vdpa_get_config(self->fd, offset, 1, part));
		EXPECT_EQ(whole[offset], part[0]);
		EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, offset, size - offset + 1, part));
	}
	/* libblkio's size. */
	EXPECT_EQ(0, vdpa_get_config(self->fd, 0, 60, part));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, 0, 0, part));
	EXPECT_EQ(-EINVAL, vdpa_get_config(self->fd, size, 1, part));
}

TEST_F(abi, set_config_writeback)
{
	const unsigned int wce = offsetof(struct virtio_blk_config, wce);
	int size = vdpa_get_config_size(self->fd);
	uint8_t before[256], config[256];
	int value;

	ASSERT_EQ(0, vdpa_get_config(self->fd, 0, size, before));
	for (value = 0; value < 2; value++) {
		/* As QEMU writes one byte: the whole space. */
		memset(config, 0xa5, sizeof(config));
		config[wce] = value;
		ASSERT_EQ(0, vdpa_set_config(self->fd, 0, size, config));
		ASSERT_EQ(0, vdpa_get_config(self->fd, 0, size, config));
		EXPECT_EQ(value, config[wce]);
		before[wce] = value;
		EXPECT_EQ(0, memcmp(before, config, size));
	}
	/* As cloud-hypervisor writes it: that byte. */
	config[0] = 0;
	ASSERT_EQ(0, vdpa_set_config(self->fd, wce, 1, config));
	ASSERT_EQ(0, vdpa_get_config(self->fd, wce, 1, config));
	EXPECT_EQ(0, config[0]);

	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, 0, 0, config));
	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, 0, size + 1, config));
	EXPECT_EQ(-EINVAL, vdpa_set_config(self->fd, size, 1, config));
}

TEST_F(abi, get_vring_num)
{
	uint16_t words[2] = { 0xffff, 0xabcd };

	/* rust-vmm gives it the address of a u16: no byte more is written. */
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VRING_NUM, words));
	EXPECT_EQ(1024, words[0]);
	EXPECT_EQ(0xabcd, words[1]);
}

TEST_F(abi, set_config_call)
{
	int file = open("/dev/null", O_RDWR);

	EXPECT_EQ(0, vdpa_set_config_call(self->fd, -1));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, self->event));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, self->event));
	EXPECT_EQ(-EBADF, vdpa_set_config_call(self->fd, 1 << 20));
	EXPECT_EQ(-EINVAL, vdpa_set_config_call(self->fd, file));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, -1));
	close(file);
}

TEST_F(abi, get_iova_range)
{
	struct vhost_vdpa_iova_range range = { .first = 1, .last = 1 };

	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_IOVA_RANGE, &range));
	EXPECT_EQ(0, range.first);
	EXPECT_EQ(~0ULL, range.last);
}

TEST_F(abi, groups_and_address_spaces)
{
	struct vhost_vring_state state = { .index = 0, .num = 7 };
	uint32_t number = 7;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_AS_NUM, &number));
	EXPECT_EQ(1, number);
	number = 7;
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_GROUP_NUM, &number));
	EXPECT_EQ(1, number);
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VRING_GROUP, &state));
	EXPECT_EQ(0, state.num);

	state = (struct vhost_vring_state){ .index = 0, .num = 0 };
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_SET_GROUP_ASID, &state));
	state = (struct vhost_vring_state){ .index = 0, .num = 1 };
	EXPECT_EQ(-EINVAL, vdpa_ioctl(self->fd, VHOST_VDPA_SET_GROUP_ASID, &state));
	state = (struct vhost_vring_state){ .index = 1, .num = 0 };
	EXPECT_EQ(-EINVAL, vdpa_ioctl(self->fd, VHOST_VDPA_SET_GROUP_ASID, &state));
	EXPECT_EQ(-EOPNOTSUPP, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VRING_DESC_GROUP, &state));
}

TEST_F(abi, suspend_and_resume)
{
	/* Without DRIVER_OK they have no effect; they may be repeated. */
	EXPECT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_EQ(0, vdpa_resume(self->fd));
	EXPECT_EQ(0, vdpa_resume(self->fd));
}

TEST_F(abi, vring_setup_while_running)
{
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	ASSERT_EQ(0, vdpa_set_status(self->fd, STATUS_RUNNING));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x2000));
	EXPECT_EQ(-EINVAL, vdpa_set_vring_base(self->fd, 0, 5));
	EXPECT_EQ(0, vdpa_set_vring_kick(self->fd, 0, self->event));
	EXPECT_EQ(0, vdpa_set_vring_call(self->fd, 0, self->event));
	EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(0, vdpa_set_config_call(self->fd, self->event));

	ASSERT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_EQ(0, vdpa_set_vring_base(self->fd, 0, 5));
	EXPECT_EQ(5, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_vring_addr(self->fd, 0, 0, 0x1000, 0x2000));
}

static int raw_write(int fd, const void *data, size_t length)
{
	ssize_t written = write(fd, data, length);

	return written < 0 ? -errno : written;
}

TEST_F(abi, message_map_v1)
{
	const uint64_t size = self->guest.size;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V1, 0, size, self->guest.memory, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V1, 0, size));
}

TEST_F(abi, message_map_v2)
{
	const uint64_t size = self->guest.size;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, size, self->guest.memory, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, vdpa_map(self->fd, MSG_V2, size - 1, 1, self->guest.memory,
				    VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, size, size, self->guest.memory, VHOST_ACCESS_RO));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, 2 * size));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, size, self->guest.memory, VHOST_ACCESS_RW));
}

TEST_F(abi, message_unmap)
{
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	/* Nothing there, size 0, everything: all fine. */
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, 0xfee00000));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, 0));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, ~0ULL));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V1, 0x1000, 0x1000));
}

TEST_F(abi, message_batch)
{
	const uint64_t size = self->guest.size;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_batch_begin(self->fd));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, size, self->guest.memory, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, size));
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, size, self->guest.memory, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_batch_end(self->fd));
	EXPECT_EQ(-EFAULT, vdpa_map(self->fd, MSG_V2, 0, size, self->guest.memory,
				    VHOST_ACCESS_RW));
	/* Nested and unpaired ones are tolerated. */
	EXPECT_EQ(0, vdpa_batch_end(self->fd));
	EXPECT_EQ(0, vdpa_batch_begin(self->fd));
	EXPECT_EQ(0, vdpa_batch_begin(self->fd));
	EXPECT_EQ(0, vdpa_batch_end(self->fd));
}

TEST_F(abi, message_malformed)
{
	struct vhost_msg_v2 msg = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = {
			.size = self->guest.size,
			.uaddr = (uintptr_t)self->guest.memory,
			.perm = VHOST_ACCESS_RW,
			.type = VHOST_IOTLB_UPDATE,
		},
	};
	size_t length;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	for (length = 1; length < 40; length++)
		EXPECT_EQ(-EINVAL, raw_write(self->fd, &msg, length))
			TH_LOG("length %zu", length);
	msg.type = 0;
	EXPECT_EQ(-EINVAL, raw_write(self->fd, &msg, sizeof(msg)));
	msg.type = 3;
	EXPECT_EQ(-EINVAL, raw_write(self->fd, &msg, sizeof(msg)));
	msg.type = VHOST_IOTLB_MSG_V2;
	msg.iotlb.type = VHOST_IOTLB_MISS;
	EXPECT_EQ(-EFAULT, raw_write(self->fd, &msg, sizeof(msg)));
	msg.iotlb.type = 99;
	EXPECT_EQ(-EFAULT, raw_write(self->fd, &msg, sizeof(msg)));
	msg.iotlb.type = VHOST_IOTLB_UPDATE;
	msg.iotlb.size = 0;
	EXPECT_EQ(-EINVAL, raw_write(self->fd, &msg, sizeof(msg)));
	msg.iotlb.size = self->guest.size;
	EXPECT_EQ((int)sizeof(msg), raw_write(self->fd, &msg, sizeof(msg)));
}

TEST_F(abi, message_asid)
{
	const struct vhost_iotlb_msg unmap = {
		.size = 0x1000, .type = VHOST_IOTLB_INVALIDATE,
	};
	uint64_t features;

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	/* Read only if ASID was acked. */
	EXPECT_EQ(0, vdpa_iotlb(self->fd, MSG_V2, 5, &unmap));
	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &features));
	if (!(features & BACKEND_ASID))
		return;
	ASSERT_EQ(0, vdpa_set_backend_features(self->fd, features));
	EXPECT_EQ(0, vdpa_iotlb(self->fd, MSG_V2, 0, &unmap));
	EXPECT_EQ(-EFAULT, vdpa_iotlb(self->fd, MSG_V2, 5, &unmap));
}

TEST_F(abi, mmap_is_refused)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 4096));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, self->fd, 0));
}

TEST_F(abi, read_poll_lseek)
{
	struct pollfd pollfd = { .fd = self->fd, .events = POLLIN | POLLOUT };
	char buffer[128];

	EXPECT_EQ(-1, read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, pollfd.revents & (POLLIN | POLLOUT));
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_HARNESS_MAIN

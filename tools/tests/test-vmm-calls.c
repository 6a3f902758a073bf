// SPDX-License-Identifier: GPL-2.0-only
/* What a VMM can ask for: every argument at its worst. */
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "vmm.h"

#define MANY	100000

TEST_F(vmm, V01_queue_indexes)
{
	static const unsigned long requests[] = {
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE,
		VHOST_SET_VRING_ADDR, VHOST_SET_VRING_KICK, VHOST_SET_VRING_CALL,
		VHOST_SET_VRING_ERR, VHOST_VDPA_SET_VRING_ENABLE,
		VHOST_SET_VRING_BUSYLOOP_TIMEOUT, VHOST_GET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_VDPA_GET_VRING_GROUP, VHOST_VDPA_GET_VRING_SIZE,
	};
	static const unsigned int indexes[] = {
		QUEUES, QUEUES + 1, 255, 0x10000, 0x10001, 1U << 31, (1U << 31) + 1, ~0U,
	};
	unsigned int i, r;

	for (r = 0; r < sizeof(requests) / sizeof(*requests); r++) {
		for (i = 0; i < sizeof(indexes) / sizeof(*indexes); i++) {
			union {
				unsigned int index;
				struct vhost_vring_addr addr;
			} argument = { .addr = { .index = indexes[i] } };

			EXPECT_EQ(-ENOBUFS, vdpa_ioctl(self->dev.fd, requests[r], &argument))
				TH_LOG("ioctl 0x%lx, index %u", requests[r], indexes[i]);
		}
		EXPECT_EQ(-EFAULT, vdpa_ioctl(self->dev.fd, requests[r], NULL));
	}
}

TEST_F(vmm, V02_config_ranges)
{
	static const struct { uint32_t offset, length; } bad[] = {
		{ 0, 0 }, { 0, 97 }, { 1, 96 }, { 95, 2 }, { 96, 0 }, { 96, 1 }, { 97, 1 },
		{ ~0U, 1 }, { ~0U, 2 }, { 1U << 31, 1 }, { 0, 1U << 31 }, { 0, ~0U },
		{ 1, ~0U }, { 32, ~0U - 31 }, { ~0U, ~0U },
	};
	struct {
		struct vhost_vdpa_config range;
		uint8_t data[256];
	} config;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&config, 0x33, sizeof(config));
		config.range.off = bad[i].offset;
		config.range.len = bad[i].length;
		EXPECT_GT(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_GET_CONFIG, &config))
			TH_LOG("%u bytes at %u", bad[i].length, bad[i].offset);
		EXPECT_TRUE(all_bytes_are(config.data, sizeof(config.data), 0x33));
		EXPECT_GT(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_SET_CONFIG, &config));
	}
	config.range.off = 0;
	config.range.len = 96;
	EXPECT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_GET_CONFIG, &config));
	EXPECT_EQ(0x33, config.data[96]);
}

TEST_F(vmm, V03_nothing_but_what_is_meant_is_copied_out)
{
	struct virtio_blk_config first, again;
	struct dev other;
	uint8_t word[16];

	/* A fresh device shows the same bytes: none of them is chance. */
	ASSERT_EQ(0, dev_open(&other, self->backend, &two_queues));
	memset(&first, 0, sizeof(first));
	memset(&again, 0xff, sizeof(again));
	ASSERT_EQ(0, vdpa_get_config(self->dev.fd, 0, sizeof(first), &first));
	ASSERT_EQ(0, vdpa_get_config(other.fd, 0, sizeof(again), &again));
	EXPECT_EQ(0, memcmp(&first, &again, sizeof(first)));
	dev_close(&other);

	memset(word, 0x33, sizeof(word));
	ASSERT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_GET_STATUS, word));
	EXPECT_TRUE(all_bytes_are(word + 1, 15, 0x33));
	ASSERT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_GET_VRING_NUM, word));
	EXPECT_TRUE(all_bytes_are(word + 2, 14, 0x33));
	ASSERT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_VDPA_GET_VQS_COUNT, word));
	EXPECT_TRUE(all_bytes_are(word + 4, 12, 0x33));
	memset(word, 0, 8);
	ASSERT_EQ(0, vdpa_ioctl(self->dev.fd, VHOST_GET_VRING_BASE, word));
	EXPECT_TRUE(all_bytes_are(word + 8, 8, 0x33));
}

TEST_F(vmm, V05_each_setting_many_times)
{
	int files = host_files();
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		struct vq *vq = self->vq;
		int fd = i % 3 ? vq->err : -1;

		ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_vring_err(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_config_call(self->dev.fd, fd));
		ASSERT_EQ(0, vdpa_set_vring_num(self->dev.fd, 0, 64));
		if (i % 10)
			continue;
		ASSERT_EQ(0, UNMAP(self->dev.guest.iova, self->dev.guest.size));
		ASSERT_EQ(0, MAP(self->dev.guest.iova, 65536, self->dev.guest.memory,
				 VHOST_ACCESS_RW));
	}
	EXPECT_EQ(files, host_files());
	EXPECT_EQ(64, host_charged());
	EXPECT_EQ(self->pins + 16, host_pins());
}

TEST_F(vmm, V05_settings_of_a_running_queue)
{
	int kicks[2] = { self->vq->kick, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	unsigned int i;

	ASSERT_EQ(0, dev_start(&self->dev));
	for (i = 0; i < 2000; i++) {
		ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, i % 5 ? kicks[i % 2] : -1));
		ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, i % 7 ? self->vq->call : -1));
		ASSERT_EQ(0, vdpa_set_vring_err(self->dev.fd, 0, i % 3 ? self->vq->err : -1));
	}
	for (i = 0; i < 50; i++)
		ASSERT_EQ(0, vdpa_set_vring_enable(self->dev.fd, 1, i % 2));
	ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, self->vq->kick));
	ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, self->vq->call));
	EXPECT_EQ(0, READ());
	close(kicks[1]);
}

TEST_F(vmm, V06_ring_addresses)
{
	const uint64_t desc = guest_iova(&self->dev.guest, self->vq->desc);
	const uint64_t avail = guest_iova(&self->dev.guest, self->vq->avail);
	const uint64_t used = guest_iova(&self->dev.guest, self->vq->used);
	const struct { uint64_t desc, avail, used; } bad[] = {
		{ desc, desc, used }, { desc, avail, desc }, { desc, avail, avail },
		{ desc, desc + 64 * 16 - 2, used }, { desc, avail, desc + 64 * 16 - 4 },
		{ ~0ULL - 15, avail, used }, { desc, ~0ULL - 1, used }, { desc, avail, ~0ULL - 3 },
	};
	static const unsigned int misaligned[] = { 1, 2, 3, 4, 8, 15 };
	unsigned int i;

	for (i = 0; i < sizeof(misaligned) / sizeof(*misaligned); i++)
		EXPECT_EQ(-EINVAL, vdpa_set_vring_addr(self->dev.fd, 0, desc + misaligned[i],
						       avail, used));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ASSERT_EQ(0, vq_setup(self->vq, self->dev.fd));
		if (vdpa_set_vring_addr(self->dev.fd, 0, bad[i].desc, bad[i].avail, bad[i].used))
			continue;
		EXPECT_GT(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING)) TH_LOG("case %u", i);
		EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	}
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V06_ring_without_a_size)
{
	ASSERT_EQ(0, vdpa_set_vring_addr(self->dev.fd, 0, 0, 0x1000, 0x2000));
	ASSERT_EQ(0, vdpa_set_vring_enable(self->dev.fd, 0, 1));
	EXPECT_GT(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V06_ring_that_is_not_mapped)
{
	ASSERT_EQ(0, vdpa_set_features(self->dev.fd, self->dev.features));
	ASSERT_EQ(0, vq_setup(self->vq, self->dev.fd));
	ASSERT_EQ(0, vdpa_set_vring_addr(self->dev.fd, 0, 1ULL << 40, 1ULL << 41, 1ULL << 42));
	/* Started or refused, but nothing is touched and nothing hangs. */
	vdpa_set_status(self->dev.fd, STATUS_RUNNING);
	vq_kick(self->vq);
	EXPECT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V07_maps)
{
	uint8_t *memory = self->data;
	const uint64_t far = 1ULL << 40;
	uint8_t *gone;

	EXPECT_EQ(-EINVAL, MAP(far, 0, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(~0ULL - 4095, 8192, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(far, ~0ULL, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(0, ~0ULL, NULL, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(far, 1ULL << 63, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(far, 4096, (void *)~4095UL, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(far, 8192, (void *)-1UL, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(far, 4096, memory, 0));
	EXPECT_EQ(-EFAULT, MAP(far, 4096, memory, 4));
	EXPECT_EQ(-EFAULT, MAP(far, 4096, memory, 0xff));
	EXPECT_EQ(-EFAULT, MAP(self->dev.guest.iova, 1, memory, VHOST_ACCESS_RW));

	gone = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(gone + 2 * 4096, 4096);
	EXPECT_EQ(-EFAULT, MAP(far, 4 * 4096, gone, VHOST_ACCESS_RW));

	/* The device's last byte, file-backed memory, odd edges. */
	EXPECT_EQ(0, MAP(~0ULL - 4095, 4096, gone, VHOST_ACCESS_RW));
	EXPECT_EQ(0, MAP(far + 3, 4090, gone + 3, VHOST_ACCESS_RW));
	EXPECT_EQ(0, UNMAP(~0ULL, 1));
	EXPECT_EQ(0, UNMAP(far, 4096));
	EXPECT_EQ(self->pins + (long)self->dev.guest.size / 4096, host_pins());

	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V07_many_regions)
{
	const uint64_t far = 1ULL << 40;
	unsigned int i, maps = 0;

	/* As many as there may be, each a page of the same memory. */
	for (i = 0; i < 20000; i++) {
		if (MAP(far + i * 8192ULL, 4096, self->data, VHOST_ACCESS_RW))
			break;
		maps++;
	}
	EXPECT_LT(1000, maps);
	TH_LOG("%u regions", maps);
	EXPECT_EQ(0, UNMAP(far, 20000 * 8192ULL));
	EXPECT_EQ((long)self->dev.guest.size / 1024, host_charged());
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V11_mmap_anywhere)
{
	static const off_t offsets[] = { 0, 4096, 8192, 1L << 32, 1L << 44, -4096 };
	static const int protections[] = { PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE };
	unsigned int o, p;

	for (o = 0; o < sizeof(offsets) / sizeof(*offsets); o++) {
		for (p = 0; p < 3; p++) {
			EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, protections[p], MAP_SHARED,
						   self->dev.fd, offsets[o]));
			EXPECT_EQ(MAP_FAILED, mmap(NULL, 65536, protections[p], MAP_PRIVATE,
						   self->dev.fd, offsets[o]));
		}
	}
}

TEST_F(vmm, V12_status)
{
	const unsigned int settable = 0xff & ~VIRTIO_CONFIG_S_NEEDS_RESET;
	unsigned int status, next;

	/* From any status to any other: all may be set, none cleared alone. */
	for (status = 1; status < 256; status += 7) {
		for (next = 1; next < 256; next++) {
			const bool clears = status & ~next & settable;

			ASSERT_EQ(0, vdpa_set_status(self->dev.fd, status));
			ASSERT_EQ(clears ? -EINVAL : 0, vdpa_set_status(self->dev.fd, next))
				TH_LOG("from 0x%x to 0x%x", status, next);
			ASSERT_EQ((clears ? status : next) & settable,
				  vdpa_get_status(self->dev.fd));
			ASSERT_EQ(0, vdpa_set_status(self->dev.fd, 0));
			ASSERT_EQ(0, vdpa_get_status(self->dev.fd));
		}
	}
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V16_inherited_by_another_process)
{
	int status;
	pid_t child;

	ASSERT_EQ(0, dev_start(&self->dev));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		/* Its memory is not the owner's: neither maps nor rings for it. */
		if (vdpa_set_vring_num(self->dev.fd, 0, 64) != -EPERM)
			_exit(1);
		if (MAP(1ULL << 32, 4096, self->data, VHOST_ACCESS_RW) != -EFAULT)
			_exit(2);
		if (vdpa_set_owner(self->dev.fd) != -EBUSY)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_EQ(0, READ());
}

TEST_HARNESS_MAIN

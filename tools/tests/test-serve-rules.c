// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve`: what holds whichever client it is; each of these, where it did
 * not hold, lost data or hung a guest.
 */
#include <dirent.h>
#include <endian.h>
#include <sys/eventfd.h>

#include "serverig.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#define BIT(nr)		(1ULL << (nr))
#define SLOTS		509
#define QUEUES		64
#define RING_MAX	1024

FIXTURE(rules) {
	struct serverig rig;
	struct udisk disk;
};

FIXTURE_SETUP(rules)
{
	ASSERT_EQ(0, serverig_open(&self->rig, ",serial=RULES"));
	ASSERT_EQ(0, udisk_init(&self->disk, 2));
}

FIXTURE_TEARDOWN(rules)
{
	udisk_close(&self->disk);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

/* A queue goes on behind what was used, whatever is said of it. */
TEST_F(rules, base_is_what_was_used)
{
	static const unsigned int said[] = { 0, 7, 6, 0xffff };
	struct udisk *disk = &self->disk;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(said); i++) {
		vq_reset(&disk->vqs[0]);
		vq_rebase(&disk->vqs[0], 7 + i * 0x5555);
		vq_reset(&disk->vqs[1]);
		ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
		ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[0], said[i]));
		ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[1], said[i]));
		ASSERT_EQ(0, front_enable(&disk->front, 0, true));
		ASSERT_EQ(0, front_enable(&disk->front, 1, true));
		EXPECT_EQ(0, udisk_works(disk, i));
		EXPECT_EQ(le16toh(disk->vqs[0].used->idx), disk->vqs[0].next_used);
		udisk_hang_up(disk);
	}
}

/* The kernel closes high numbers first: the device's is above any connection's. */
TEST_F(rules, device_file_is_above_the_socket)
{
	char path[64], target[64];
	int device = -1, other = -1;
	struct dirent *entry;
	ssize_t length;
	DIR *dir;

	ASSERT_EQ(0, udisk_open(&self->disk, self->rig.socket[0], 2));
	snprintf(path, sizeof(path), "/proc/%d/fd", self->rig.serve.pid);
	dir = opendir(path);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		if (!strcmp(target, "/dev/vhost-pin"))
			device = device < 0 || fd < device ? fd : device;
		else if (fd > other)
			other = fd;
	}
	closedir(dir);
	EXPECT_GT(device, other);
	EXPECT_LT(0, other);
}

/* Each start signals a call, once: what ended before may not have been told. */
TEST_F(rules, start_signals_call)
{
	struct udisk *disk = &self->disk;
	eventfd_t count;
	unsigned int i;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, udisk_start(disk));
		EXPECT_EQ(0, eventfd_read(disk->vqs[0].call, &count));
		EXPECT_EQ(1, count);
		EXPECT_EQ(0, eventfd_read(disk->vqs[1].call, &count));
		EXPECT_EQ(1, count);
		ASSERT_EQ(0, front_enable(&disk->front, 0, false));
		ASSERT_EQ(0, front_enable(&disk->front, 1, false));
		EXPECT_EQ(-1, eventfd_read(disk->vqs[0].call, &count));
	}
	/* One that comes late does as well; to take its place is no start. */
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_CALL,
				   0 | VHOST_USER_VRING_NOFD, -1));
	ASSERT_EQ(0, front_enable(&disk->front, 0, true));
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_CALL, 0, disk->vqs[0].call));
	EXPECT_EQ(0, eventfd_read(disk->vqs[0].call, &count));
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_CALL, 0, disk->vqs[0].call));
	EXPECT_EQ(-1, eventfd_read(disk->vqs[0].call, &count));
}

/* SET_OWNER begins anew: nothing is left of what was set up before. */
TEST_F(rules, owner_is_a_new_session)
{
	struct udisk *disk = &self->disk;
	unsigned int base;

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	EXPECT_LT(self->rig.pins, host_pins());
	EXPECT_EQ(0, udisk_works(disk, 1));
	ASSERT_EQ(0, front_ask(&disk->front, VHOST_USER_SET_OWNER, "", 0, -1));
	EXPECT_EQ(self->rig.pins, host_pins());
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_FEATURES,
				   disk->front.features & ~FRONT_NOT_TAKEN, -1));
	/* Memory and rings are to be told of again, and then it works. */
	ASSERT_EQ(0, front_get_base(&disk->front, 0, &base));
	EXPECT_EQ(0, base);
	ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[0], 0));
	EXPECT_EQ(EFAULT, front_enable(&disk->front, 0, true));
	ASSERT_EQ(0, front_add_memory(&disk->front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 5));
}

/* A table that repeats what is there pins only what is new: a page, to try it. */
TEST_F(rules, table_pins_what_is_new)
{
	struct udisk *disk = &self->disk;
	struct vhost_user_region regions[3];
	const size_t page = GUEST_PAGE;
	struct guest more[2];
	int fds[3];
	long before;
	unsigned int i;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	ASSERT_EQ(0, udisk_start(disk));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, guest_init(&more[i], 256 * page, (1ULL << 33) + i * 256 * page));
	regions[0] = front_region(&disk->guest);
	fds[0] = disk->guest.memfd;
	for (i = 0; i < 2; i++) {
		regions[1 + i] = front_region(&more[i]);
		fds[1 + i] = more[i].memfd;
	}
	EXPECT_EQ(0, udisk_works(disk, 0));
	before = host_pinned_ever();
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 2));
	EXPECT_EQ(before + 1, host_pinned_ever());
	EXPECT_EQ(0, udisk_works(disk, 1));
	/* One goes, one comes, one stays. */
	regions[1] = regions[2];
	fds[1] = fds[2];
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 2));
	EXPECT_EQ(before + 2, host_pinned_ever());
	EXPECT_EQ((UDISK_MEMORY + 256 * (long)page) / 1024,
		  host_charged_to(self->rig.serve.pid));
	EXPECT_EQ(0, udisk_works(disk, 2));
	/* The same place with another file, or another place of the file, is new. */
	regions[1].offset = page;
	regions[1].size -= page;
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 2));
	EXPECT_EQ(before + 3, host_pinned_ever());
	fds[1] = more[0].memfd;
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 2));
	EXPECT_EQ(before + 4, host_pinned_ever());
	/* The front-end may have moved it: its own addresses count for rings alone. */
	regions[0].uaddr += 1ULL << 40;
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 1));
	EXPECT_EQ(before + 4, host_pinned_ever());
	EXPECT_EQ(0, udisk_works(disk, 3));
	/* Nothing at all: queues wait. */
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 0));
	EXPECT_EQ(self->rig.pins, host_pins());
	regions[0] = front_region(&disk->guest);
	ASSERT_EQ(0, front_set_memory(&disk->front, regions, fds, 1));
	EXPECT_EQ(0, udisk_works(disk, 4));
	guest_free(&more[0]);
	guest_free(&more[1]);
}

/* A queue starts when it is enabled, and not at its kick. */
TEST_F(rules, start_is_at_enable)
{
	struct udisk *disk = &self->disk;
	struct vring_used_elem elem;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[0], 0));
	ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_IN, 0, disk->data, 512));
	vq_publish(&disk->vqs[0]);
	vq_kick(&disk->vqs[0]);
	EXPECT_EQ(-ETIMEDOUT, vq_wait(&disk->vqs[0], &elem, 200));
	ASSERT_EQ(0, front_enable(&disk->front, 0, true));
	EXPECT_EQ(0, vq_wait(&disk->vqs[0], &elem, VQ_TIMEOUT_MS));
	/* Nor when it is not set up; and to be told twice is nothing new. */
	ASSERT_EQ(0, front_enable(&disk->front, 1, true));
	ASSERT_EQ(0, front_enable(&disk->front, 0, true));
	ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[1], 0));
	EXPECT_EQ(0, udisk_works(disk, 1));
}

/* Its parts come in any order: with the last of them it starts. */
TEST_F(rules, start_is_with_what_was_missing)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	struct vq *vq = &disk->vqs[0], astray = *vq;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	ASSERT_EQ(0, front_enable(front, 0, true));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, 0, vq->call));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_KICK, 0, vq->kick));
	ASSERT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_NUM, 0, vq->size));
	/* Addresses with which it cannot are refused, and not kept. */
	astray.used = NULL;
	EXPECT_EQ(EFAULT, front_addr(front, &astray, 0));
	EXPECT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_NUM, 0, vq->size));
	EXPECT_EQ(0, front_addr(front, vq, 0));
	EXPECT_EQ(0, udisk_write(disk, 0, 0, 512, 1));

	ASSERT_EQ(0, front_ask(front, VHOST_USER_RESET_DEVICE, "", 0, -1));
	vq_reset(vq);
	ASSERT_EQ(0, front_addr(front, vq, 0));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_KICK, 0, vq->kick));
	ASSERT_EQ(0, front_enable(front, 0, true));
	EXPECT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_NUM, 0, vq->size));
	EXPECT_TRUE(udisk_reads(disk, 0, 0, 512, 1));
}

/* Without PROTOCOL_FEATURES nobody says which are enabled: the last part may be that. */
TEST_F(rules, start_is_with_features)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	struct vq *vq = &disk->vqs[0], astray = disk->vqs[1];
	struct vring_used_elem elem;
	uint64_t features, without;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	features = front->features & ~FRONT_NOT_TAKEN;
	without = features & ~BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	/* A queue that does not start has it refused, and all is as it was, others too. */
	ASSERT_EQ(0, front_setup(front, vq, 0));
	ASSERT_EQ(0, front_setup(front, &disk->vqs[1], 0));
	astray.used = NULL;
	ASSERT_EQ(0, front_addr(front, &astray, 0));
	EXPECT_EQ(EFAULT, front_ask_u64(front, VHOST_USER_SET_FEATURES, without, -1));
	ASSERT_EQ(0, front_addr(front, &disk->vqs[1], 0));
	ASSERT_EQ(0, blk_add(vq, &disk->request, VIRTIO_BLK_T_IN, 0, disk->data, 512));
	vq_publish(vq);
	vq_kick(vq);
	EXPECT_EQ(-ETIMEDOUT, vq_wait(vq, &elem, 200));
	EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_FEATURES, without, -1));
	EXPECT_EQ(0, vq_wait(vq, &elem, 5000));
	EXPECT_EQ(0, udisk_works(disk, 1));
	/* And they stop when somebody says again. */
	EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_FEATURES, features, -1));
	ASSERT_EQ(0, blk_add(vq, &disk->request, VIRTIO_BLK_T_IN, 0, disk->data, 512));
	vq_publish(vq);
	vq_kick(vq);
	EXPECT_EQ(-ETIMEDOUT, vq_wait(vq, &elem, 200));
	EXPECT_EQ(0, front_enable(front, 0, true));
	EXPECT_EQ(0, vq_wait(vq, &elem, 5000));
}

TEST_F(rules, features)
{
	struct front *front = &self->disk.front;
	uint64_t features, protocol;

	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_FEATURES, &features));
	EXPECT_EQ(BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
		  BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_MQ) |
		  BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES) |
		  BIT(VHOST_USER_F_LOG_ALL) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		  BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) |
		  BIT(VIRTIO_F_VERSION_1), features);
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol));
	EXPECT_EQ(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |
		  BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		  BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		  BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS), protocol);
	/* What was not offered may not be taken. */
	EXPECT_EQ(EINVAL, front_ask_u64(front, VHOST_USER_SET_FEATURES,
					features | BIT(VIRTIO_BLK_F_CONFIG_WCE), -1));
	EXPECT_EQ(EINVAL, front_ask_u64(front, VHOST_USER_SET_FEATURES,
					features | BIT(VIRTIO_F_RING_PACKED), -1));
	EXPECT_EQ(EINVAL, front_ask_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES,
					protocol | BIT(8), -1));
}

/* VMMs ask for a queue a virtual CPU, and QEMU makes rings of 1024 in any case. */
TEST_F(rules, numbers)
{
	struct front *front = &self->disk.front;
	uint64_t queues, slots;
	unsigned int turn;

	/* Slots that have become fewer are the end of a QEMU that comes back. */
	for (turn = 0; turn < 2; turn++) {
		ASSERT_EQ(0, front_connect(front, self->rig.socket[turn]));
		ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_QUEUE_NUM, &queues));
		EXPECT_EQ(QUEUES, queues);
		ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_MAX_MEM_SLOTS, &slots));
		EXPECT_EQ(SLOTS, slots);
		EXPECT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_NUM, QUEUES - 1,
					     RING_MAX));
		EXPECT_EQ(EINVAL, front_ask_state(front, VHOST_USER_SET_VRING_NUM, QUEUES - 1,
						  2 * RING_MAX));
		front_close(front);
	}
}

/* All slots can be used, and no more. */
TEST_F(rules, slots)
{
	struct front *front = &self->disk.front;
	struct vhost_user_slot slot = { 0 };
	unsigned int i;

	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	slot.region.size = GUEST_PAGE;
	for (i = 0; i <= SLOTS; i++) {
		slot.region.gpa = i * (uint64_t)GUEST_PAGE;
		slot.region.uaddr = slot.region.gpa + (1ULL << 44);
		slot.region.offset = slot.region.gpa;
		ASSERT_EQ(i < SLOTS ? 0 : ENOSPC,
			  front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot),
				    self->disk.guest.memfd)) TH_LOG("%u", i);
	}
	EXPECT_EQ(self->rig.pins + SLOTS, host_pins());
	/* One goes, and there is room again. */
	slot.region.gpa = 0;
	slot.region.offset = 0;
	slot.region.uaddr = 1ULL << 44;
	ASSERT_EQ(0, front_ask(front, VHOST_USER_REM_MEM_REG, &slot, sizeof(slot), -1));
	ASSERT_EQ(ENOENT, front_ask(front, VHOST_USER_REM_MEM_REG, &slot, sizeof(slot), -1));
	ASSERT_EQ(0, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot),
			       self->disk.guest.memfd));
	EXPECT_EQ(self->rig.pins + SLOTS, host_pins());
}

TEST_F(rules, kick_takes_a_descriptor)
{
	struct udisk *disk = &self->disk;

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	EXPECT_EQ(EOPNOTSUPP, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_KICK,
					    0 | VHOST_USER_VRING_NOFD, -1));
	EXPECT_EQ(0, udisk_works(disk, 1));
	/* Calls do not: then a driver that looks itself sees what is done. */
	EXPECT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_CALL,
				   0 | VHOST_USER_VRING_NOFD, -1));
	EXPECT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_ERR,
				   0 | VHOST_USER_VRING_NOFD, -1));
	EXPECT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_CALL, 0,
				   disk->vqs[0].call));
	EXPECT_EQ(0, udisk_works(disk, 3));
}

TEST_F(rules, config_space)
{
	struct front *front = &self->disk.front;
	struct virtio_blk_config config;
	uint8_t all[VHOST_USER_CONFIG_MAX];

	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_get_config(front, 0, sizeof(config), 0, &config));
	EXPECT_EQ(DISK_SIZE / SECTOR, le64toh(config.capacity));
	EXPECT_EQ(QUEUES, le16toh(config.num_queues));
	/* Beyond what there is are zeroes, and beyond what a message holds is nothing. */
	memset(all, 0xa5, sizeof(all));
	ASSERT_EQ(0, front_get_config(front, 0, sizeof(all), 0, all));
	EXPECT_EQ(0, memcmp(all, &config, sizeof(config)));
	EXPECT_TRUE(all_bytes_are(all + 96, sizeof(all) - 96, 0));
	ASSERT_EQ(0, front_get_config(front, 90, 20, 0, all));
	EXPECT_TRUE(all_bytes_are(all + 6, 14, 0));
	ASSERT_EQ(0, front_get_config(front, 200, 56, 0, all));
	EXPECT_EQ(-EINVAL, front_get_config(front, 200, 57, 0, all));
	EXPECT_EQ(-EINVAL, front_get_config(front, 0xfffffff0, 56, 0, all));
	/* The cache mode would not outlive the server: it cannot be chosen. */
	{
		const struct vhost_user_config set = {
			.offset = offsetof(struct virtio_blk_config, wce), .size = 1,
		};

		EXPECT_EQ(EOPNOTSUPP,
			  front_ask(front, VHOST_USER_SET_CONFIG, &set,
				    offsetof(struct vhost_user_config, data) + 1, -1));
	}
}

/* Without memory of it a ring cannot start, and the log says what may be amiss. */
TEST_F(rules, memory_must_be_shared)
{
	struct udisk *disk = &self->disk;
	const struct vhost_user_slot slot = { .region = front_region(&disk->guest) };

	ASSERT_EQ(0, front_connect(&disk->front, self->rig.socket[0]));
	ASSERT_EQ(0, front_greet(&disk->front));
	EXPECT_EQ(EINVAL, front_ask(&disk->front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), -1));
	ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[0], 0));
	EXPECT_EQ(EFAULT, front_enable(&disk->front, 0, true));
	EXPECT_TRUE(serve_said(&self->rig.serve, "share=on"));
	/* It can be mended. */
	ASSERT_EQ(0, front_add_memory(&disk->front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 1));
}

/* Two queues share nothing: one stops and goes on while the other works. */
TEST_F(rules, queues_stop_one_by_one)
{
	struct udisk *disk = &self->disk;
	unsigned int i, base;

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(0, udisk_write(disk, 1, 8, 4096, i));
		ASSERT_EQ(0, front_enable(&disk->front, 0, false));
		EXPECT_TRUE(udisk_reads(disk, 1, 8, 4096, i));
		ASSERT_EQ(0, front_get_base(&disk->front, 0, &base));
		EXPECT_EQ(disk->vqs[0].next_used, base);
		EXPECT_TRUE(udisk_reads(disk, 1, 8, 4096, i));
		ASSERT_EQ(0, front_setup(&disk->front, &disk->vqs[0], base));
		ASSERT_EQ(0, front_enable(&disk->front, 0, true));
		EXPECT_EQ(0, udisk_works(disk, 10 * i));
	}
	/* A queue that runs is not moved, nor what the driver has taken. */
	EXPECT_EQ(EBUSY, front_ask_state(&disk->front, VHOST_USER_SET_VRING_BASE, 0, 0));
	EXPECT_EQ(EBUSY, front_ask_state(&disk->front, VHOST_USER_SET_VRING_NUM, 0, 64));
	EXPECT_EQ(EBUSY, front_ask_u64(&disk->front, VHOST_USER_SET_FEATURES, 0, -1));
	EXPECT_EQ(0, front_addr(&disk->front, &disk->vqs[0], 0));
	EXPECT_EQ(0, front_addr(&disk->front, &disk->vqs[0], 1));
	disk->vqs[0].desc++;
	EXPECT_EQ(EBUSY, front_addr(&disk->front, &disk->vqs[0], 0));
	disk->vqs[0].desc--;
	EXPECT_EQ(0, udisk_works(disk, 99));
}

/* Back to where a queue can be set up; memory stays. */
TEST_F(rules, reset)
{
	static const unsigned int requests[] = {
		VHOST_USER_RESET_DEVICE, VHOST_USER_RESET_OWNER,
	};
	struct udisk *disk = &self->disk;
	struct vring_used_elem elem;
	unsigned int i;

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, udisk_works(disk, i));
		ASSERT_EQ(0, front_ask(&disk->front, requests[i], "", 0, -1));
		vq_reset(&disk->vqs[0]);
		vq_reset(&disk->vqs[1]);
		ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_IN, 0,
				     disk->data, 512));
		vq_publish(&disk->vqs[0]);
		EXPECT_EQ(-ETIMEDOUT, vq_wait(&disk->vqs[0], &elem, 100));
		vq_reset(&disk->vqs[0]);
		ASSERT_EQ(0, udisk_start(disk));
	}
	EXPECT_EQ(0, udisk_works(disk, 7));
}

/* Breaks the ring of queue 0: what the back-end tells then. */
static int break_queue(struct udisk *disk)
{
	vq_add_head(&disk->vqs[0], 999);
	vq_publish(&disk->vqs[0]);
	vq_kick(&disk->vqs[0]);
	return front_channel_wait(&disk->front, 5000);
}

static int reset_and_start(struct udisk *disk)
{
	int ret = front_ask(&disk->front, VHOST_USER_RESET_DEVICE, "", 0, -1);

	vq_reset(&disk->vqs[0]);
	vq_reset(&disk->vqs[1]);
	return ret ?: udisk_start(disk);
}

/* A guest that breaks its ring has it mended by a stop and a start. */
TEST_F(rules, broken_queue)
{
	const char *const resize[] = {
		"resize", "--control", self->rig.control, self->rig.socket[0], NULL,
	};
	struct udisk *disk = &self->disk;
	char said[256];

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_VRING_ERR, 0, disk->vqs[0].err));
	ASSERT_EQ(0, front_open_channel(&disk->front));
	EXPECT_EQ(VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, break_queue(disk));
	EXPECT_EQ(0, event_wait(disk->vqs[0].err, 5000));
	EXPECT_EQ(1, serve_count(&self->rig.serve, "makes no sense"));
	EXPECT_EQ(0, udisk_write(disk, 1, 0, 512, 1));
	/* Another change of the disk is no news of it. */
	ASSERT_EQ(0, truncate(self->rig.image[0], 2 * DISK_SIZE));
	EXPECT_EQ(0, serve_command(resize, said, sizeof(said)));
	EXPECT_EQ(VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, front_channel_wait(&disk->front, 5000));
	EXPECT_EQ(1, serve_count(&self->rig.serve, "makes no sense"));
	ASSERT_EQ(0, reset_and_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 1));
	EXPECT_EQ(VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, break_queue(disk));
	EXPECT_EQ(2, serve_count(&self->rig.serve, "makes no sense"));
	ASSERT_EQ(0, reset_and_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 2));
}

/* Nobody is told of it, but who asks for an area to keep track in gets one. */
TEST_F(rules, inflight)
{
	struct udisk *disk = &self->disk;
	const struct vhost_user_inflight ask = { .num_queues = 2, .queue_size = 128 };
	struct front_reply reply;

	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	ASSERT_EQ(0, front_send(&disk->front, VHOST_USER_GET_INFLIGHT_FD, 0, &ask, sizeof(ask),
				NULL, 0));
	ASSERT_EQ(0, front_receive(&disk->front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(sizeof(ask), reply.header.size);
	EXPECT_LT(0, reply.payload.inflight.size);
	EXPECT_EQ(2, reply.payload.inflight.num_queues);
	EXPECT_LE((off_t)reply.payload.inflight.size, lseek(reply.fd, 0, SEEK_END));
	EXPECT_EQ(0, front_ask(&disk->front, VHOST_USER_SET_INFLIGHT_FD, &reply.payload.inflight,
			       sizeof(ask), reply.fd));
	close(reply.fd);
	ASSERT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 1));
}

/* Options of the disk come through. */
TEST_F(rules, serial)
{
	struct udisk *disk = &self->disk;

	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 1));
	EXPECT_EQ(0, blk_do(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_GET_ID, 0, disk->data,
			    20, NULL));
	EXPECT_STREQ("RULES", (char *)disk->data);
}

TEST_HARNESS_MAIN

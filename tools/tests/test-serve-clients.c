// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve` and what its clients say in which order: QEMU 10, libblkio,
 * Cloud Hypervisor, Firecracker, and one that knows no protocol features.
 */
#include "serverig.h"

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#define BIT(nr)	(1ULL << (nr))

FIXTURE(clients) {
	struct serverig rig;
	struct udisk disk;
	struct guest more;		/* memory that is plugged in */
	bool has_more;
};

FIXTURE_SETUP(clients)
{
	ASSERT_EQ(0, serverig_open(&self->rig, ""));
	ASSERT_EQ(0, udisk_init(&self->disk, 2));
}

FIXTURE_TEARDOWN(clients)
{
	udisk_close(&self->disk);
	if (self->has_more)
		guest_free(&self->more);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

/* QEMU: once for each device that is plugged in, also on an old connection. */
static int qemu_realize(struct udisk *disk, bool again)
{
	struct front *front = &disk->front;
	uint64_t features, protocol, queues, slots;
	uint8_t config[57];
	unsigned int i;
	int ret;

	ret = front_get_u64(front, VHOST_USER_GET_FEATURES, &front->features) ?:
	      front_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol) ?:
	      front_tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol, -1) ?:
	      front_get_u64(front, VHOST_USER_GET_QUEUE_NUM, &queues) ?:
	      front_get_u64(front, VHOST_USER_GET_MAX_MEM_SLOTS, &slots);
	if (ret)
		return ret;
	if (again)
		close(front->channel);
	ret = front_open_channel(front) ?:
	      front_tell(front, VHOST_USER_SET_OWNER, "", 0, -1) ?:
	      front_get_u64(front, VHOST_USER_GET_FEATURES, &features);
	for (i = 0; !ret && i < disk->queues; i++)
		ret = front_tell_u64(front, VHOST_USER_SET_VRING_CALL, i, disk->vqs[i].call) ?:
		      front_tell_u64(front, VHOST_USER_SET_VRING_ERR, i, disk->vqs[i].err);
	return ret ?: front_get_config(front, 0, sizeof(config), 0, config);
}

static int qemu_set_features(struct udisk *disk)
{
	return front_tell_u64(&disk->front, VHOST_USER_SET_FEATURES,
			      disk->front.features & ~FRONT_NOT_TAKEN, -1);
}

/* The memory, unless it is there; then the queues. */
static int qemu_start(struct udisk *disk, bool memory, const unsigned int *base)
{
	struct front *front = &disk->front;
	unsigned int i;
	int ret;

	ret = qemu_set_features(disk);
	for (i = 0; !ret && i < disk->queues; i++)
		ret = front_tell_u64(front, VHOST_USER_SET_VRING_CALL, i, disk->vqs[i].call);
	ret = ret ?: qemu_set_features(disk);
	if (!ret && memory)
		ret = front_add_memory(front, &disk->guest);
	for (i = 0; !ret && i < disk->queues; i++) {
		const struct vq *vq = &disk->vqs[i];
		const struct vhost_user_vring_addr addr = {
			.index = i,
			.desc = (uintptr_t)vq->desc,
			.used = (uintptr_t)vq->used,
			.avail = (uintptr_t)vq->avail,
		};

		ret = front_tell_state(front, VHOST_USER_SET_VRING_NUM, i, vq->size) ?:
		      front_tell_state(front, VHOST_USER_SET_VRING_BASE, i, base[i]) ?:
		      front_tell(front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1) ?:
		      front_tell_u64(front, VHOST_USER_SET_VRING_KICK, i, vq->kick);
	}
	/* Those too that the guest does not use. */
	for (i = 0; !ret && i < disk->queues + 1; i++)
		ret = front_enable(front, i, true);
	return ret;
}

static int qemu_stop(struct udisk *disk, unsigned int *base)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < disk->queues + 1; i++)
		ret = front_enable(&disk->front, i, false);
	for (i = 0; !ret && i < disk->queues; i++)
		ret = front_get_base(&disk->front, i, &base[i]);
	return ret;
}

/* A guest's driver that starts anew. */
static void reset_rings(struct udisk *disk, unsigned int *base)
{
	unsigned int i;

	for (i = 0; i < disk->queues; i++) {
		vq_reset(&disk->vqs[i]);
		base[i] = 0;
	}
}

TEST_F(clients, qemu)
{
	struct udisk *disk = &self->disk;
	unsigned int base[2] = { 0 }, i;

	ASSERT_EQ(0, front_connect(&disk->front, self->rig.socket[0]));
	ASSERT_EQ(0, qemu_realize(disk, false));
	ASSERT_EQ(0, qemu_start(disk, true, base));
	EXPECT_EQ(0, udisk_works(disk, 1));

	/* Stop and continue, and a reset of the guest. */
	for (i = 2; i < 5; i++) {
		ASSERT_EQ(0, qemu_stop(disk, base));
		EXPECT_EQ(disk->vqs[0].next_used, base[0]);
		EXPECT_EQ(disk->vqs[1].next_used, base[1]);
		ASSERT_EQ(0, qemu_start(disk, false, base));
		EXPECT_EQ(0, udisk_works(disk, 10 * i));
	}
	ASSERT_EQ(0, qemu_stop(disk, base));
	reset_rings(disk, base);
	ASSERT_EQ(0, qemu_start(disk, false, base));
	EXPECT_EQ(0, udisk_works(disk, 50));

	/* Memory is plugged in, and used for data, while queues run. */
	ASSERT_EQ(0, guest_init(&self->more, 4 << 20, 0x100000000ULL));
	self->has_more = true;
	ASSERT_EQ(0, front_add_memory(&disk->front, &self->more));
	{
		struct guest *guest = disk->vqs[0].guest;
		uint8_t *header = guest_alloc(&disk->guest, 16, 16);
		struct vq_buf bufs[] = {
			{ guest_iova(guest, header), 16, false },
			{ self->more.iova + 4096, 4096, true },
			{ guest_iova(guest, disk->request.status), 1, true },
		};

		EXPECT_EQ(4097, blk_do_chain(&disk->vqs[0], bufs, 3));
		EXPECT_TRUE(pattern_is(self->more.memory + 4096, 4096, 0, 50));
	}
	EXPECT_EQ(0, front_remove_memory(&disk->front, &self->more));

	/* device_del and device_add: a second life of the same connection. */
	ASSERT_EQ(0, qemu_stop(disk, base));
	reset_rings(disk, base);
	ASSERT_EQ(0, qemu_realize(disk, true));
	ASSERT_EQ(0, qemu_start(disk, true, base));
	EXPECT_EQ(0, udisk_works(disk, 60));
	EXPECT_EQ(0, serve_count(&self->rig.serve, "refused"));
}

/* One who sends all memory at once, as QEMU does without memory slots. */
TEST_F(clients, qemu_without_slots)
{
	struct udisk *disk = &self->disk;
	const struct vhost_user_region region = front_region(&disk->guest);
	unsigned int base[2] = { 0 };

	ASSERT_EQ(0, front_connect(&disk->front, self->rig.socket[0]));
	ASSERT_EQ(0, qemu_realize(disk, false));
	ASSERT_EQ(0, front_set_memory(&disk->front, &region, &disk->guest.memfd, 1));
	ASSERT_EQ(0, qemu_start(disk, false, base));
	EXPECT_EQ(0, udisk_works(disk, 1));
}

/* Has a question acknowledged, too; there is one reply nevertheless. */
static int blkio_get_u64(struct front *front, uint32_t request, uint64_t *value)
{
	struct front_reply reply;
	int ret = front_send(front, request, VHOST_USER_NEED_REPLY, "", 0, NULL, 0) ?:
		  front_receive(front, &reply, FRONT_TIMEOUT_MS);

	*value = reply.payload.u64;
	return ret ?: reply.header.size == sizeof(*value) ? 0 : -EPROTO;
}

TEST_F(clients, libblkio)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	const uint64_t protocol = BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
				  BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
				  BIT(VHOST_USER_PROTOCOL_F_MQ) |
				  BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
	uint64_t offered, value;
	uint8_t config[60];
	unsigned int i;

	/* A region's guest address is its own. */
	disk->guest.iova = (uintptr_t)disk->guest.memory;
	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_ask(front, VHOST_USER_SET_OWNER, "", 0, -1));
	ASSERT_EQ(0, blkio_get_u64(front, VHOST_USER_GET_FEATURES, &front->features));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_FEATURES,
				   front->features & ~FRONT_NOT_TAKEN, -1));
	ASSERT_EQ(0, blkio_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &offered));
	ASSERT_EQ(protocol, offered & protocol);
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol, -1));
	ASSERT_EQ(0, blkio_get_u64(front, VHOST_USER_GET_QUEUE_NUM, &value));
	ASSERT_EQ(0, blkio_get_u64(front, VHOST_USER_GET_MAX_MEM_SLOTS, &value));
	ASSERT_EQ(0, front_get_config(front, 0, sizeof(config), 0, config));

	/* A queue is enabled before the next one is set up. */
	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	for (i = 0; i < disk->queues; i++) {
		ASSERT_EQ(0, front_setup(front, &disk->vqs[i], 0));
		ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_ERR, i, disk->vqs[i].err));
		ASSERT_EQ(0, front_enable(front, i, true));
		EXPECT_EQ(0, udisk_write(disk, i, 0, 4096, i));
	}
	EXPECT_EQ(0, udisk_works(disk, 1));

	/* What is no multiple of a page comes and goes, and brings a descriptor each time. */
	for (i = 0; i < 3; i++) {
		struct vhost_user_slot slot = { .region = front_region(&disk->guest) };
		int files = serve_files(&self->rig.serve);

		slot.region.size = 12345;
		slot.region.offset = 4096;
		slot.region.gpa = slot.region.uaddr = 0x200000000ULL;
		ASSERT_EQ(0, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot),
				       disk->guest.memfd));
		ASSERT_EQ(0, front_ask(front, VHOST_USER_REM_MEM_REG, &slot, sizeof(slot),
				       disk->guest.memfd));
		EXPECT_EQ(files, serve_files(&self->rig.serve));
	}
	/* It never stops, but hangs up; the next finds what it wrote. */
	udisk_close(disk);
	ASSERT_EQ(0, udisk_open(disk, self->rig.socket[0], 2));
	EXPECT_TRUE(udisk_reads(disk, 1, 0, 65536, 1));
}

TEST_F(clients, cloud_hypervisor)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	struct vhost_user_region regions[VHOST_USER_TABLE_MAX];
	int fds[VHOST_USER_TABLE_MAX];
	const size_t piece = UDISK_MEMORY / VHOST_USER_TABLE_MAX;
	uint64_t protocol, queues;
	unsigned int i, turn;

	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_tell(front, VHOST_USER_SET_OWNER, "", 0, -1));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_FEATURES, &front->features));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol));
	ASSERT_EQ(0, front_tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES,
				    protocol & (BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
						BIT(VHOST_USER_PROTOCOL_F_MQ) |
						BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
						BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
						BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD)), -1));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_QUEUE_NUM, &queues));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_FEATURES,
				   front->features & ~FRONT_NOT_TAKEN, -1));

	/* The most regions that a table has, all of one file. */
	for (i = 0; i < VHOST_USER_TABLE_MAX; i++) {
		regions[i] = (struct vhost_user_region){
			.gpa = disk->guest.iova + i * piece,
			.size = piece,
			.uaddr = (uintptr_t)disk->guest.memory + i * piece,
			.offset = i * piece,
		};
		fds[i] = disk->guest.memfd;
	}
	ASSERT_EQ(0, front_set_memory(front, regions, fds, VHOST_USER_TABLE_MAX));
	for (i = 0; i < disk->queues; i++)
		ASSERT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_NUM, i,
					     disk->vqs[i].size));
	for (i = 0; i < disk->queues; i++) {
		ASSERT_EQ(0, front_addr(front, &disk->vqs[i], 0));
		/* What is in the ring already, and not what was used. */
		ASSERT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_BASE, i,
					     disk->vqs[i].avail->idx));
		ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, i,
					   disk->vqs[i].call));
		ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_KICK, i,
					   disk->vqs[i].kick));
	}
	for (i = 0; i < disk->queues; i++)
		ASSERT_EQ(0, front_enable(front, i, true));
	EXPECT_EQ(0, udisk_works(disk, 1));

	/* A pause is nothing but this; a request meanwhile waits. */
	for (turn = 0; turn < 3; turn++) {
		struct vring_used_elem elem;

		for (i = 0; i < disk->queues; i++)
			ASSERT_EQ(0, front_enable(front, i, false));
		ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_IN, 0,
				     disk->data, 4096));
		vq_publish(&disk->vqs[0]);
		vq_kick(&disk->vqs[0]);
		EXPECT_EQ(-ETIMEDOUT, vq_wait(&disk->vqs[0], &elem, 100));
		for (i = 0; i < disk->queues; i++)
			ASSERT_EQ(0, front_enable(front, i, true));
		EXPECT_EQ(0, vq_wait(&disk->vqs[0], &elem, VQ_TIMEOUT_MS));
		EXPECT_EQ(0, udisk_works(disk, 20 * turn));
	}
}

TEST_F(clients, firecracker)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	const struct vhost_user_region region = front_region(&disk->guest);
	uint8_t config[60];
	uint64_t protocol;

	disk->queues = 1;
	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_tell(front, VHOST_USER_SET_OWNER, "", 0, -1));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_FEATURES, &front->features));
	ASSERT_EQ(0, front_tell_u64(front, VHOST_USER_SET_FEATURES,
				    front->features & ~FRONT_NOT_TAKEN, -1));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol));
	ASSERT_EQ(0, front_tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES,
				    BIT(VHOST_USER_PROTOCOL_F_CONFIG), -1));
	ASSERT_EQ(0, front_get_config(front, 0, sizeof(config), 1, config));
	ASSERT_EQ(0, front_set_memory(front, &region, &disk->guest.memfd, 1));
	ASSERT_EQ(0, front_setup(front, &disk->vqs[0], disk->vqs[0].avail->idx));
	ASSERT_EQ(0, front_enable(front, 0, true));
	EXPECT_EQ(0, udisk_works(disk, 1));
	vq_free(&disk->vqs[1]);
}

/* Without protocol features nothing enables a queue but its kick. */
TEST_F(clients, without_protocol_features)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	unsigned int base, i;

	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_tell(front, VHOST_USER_SET_OWNER, "", 0, -1));
	ASSERT_EQ(0, front_get_u64(front, VHOST_USER_GET_FEATURES, &front->features));
	ASSERT_EQ(0, front_tell_u64(front, VHOST_USER_SET_FEATURES,
				    front->features & ~FRONT_NOT_TAKEN &
				    ~BIT(VHOST_USER_F_PROTOCOL_FEATURES), -1));
	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	for (i = 0; i < disk->queues; i++)
		ASSERT_EQ(0, front_setup(front, &disk->vqs[i], 0));
	EXPECT_EQ(0, udisk_works(disk, 1));
	/* It is stopped by this, and started by the next kick. */
	ASSERT_EQ(0, front_get_base(front, 0, &base));
	EXPECT_EQ(disk->vqs[0].next_used, base);
	ASSERT_EQ(0, front_setup(front, &disk->vqs[0], base));
	EXPECT_EQ(0, udisk_works(disk, 9));
}

/* A driver of an older kind, which takes the least. */
TEST_F(clients, few_features)
{
	struct udisk *disk = &self->disk;
	unsigned int i;

	for (i = 0; i < disk->queues; i++) {
		disk->vqs[i].event_idx = false;
		disk->vqs[i].indirect = NULL;
	}
	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	ASSERT_EQ(0, front_ask_u64(&disk->front, VHOST_USER_SET_FEATURES,
				   BIT(VHOST_USER_F_PROTOCOL_FEATURES) |
				   BIT(VIRTIO_F_VERSION_1), -1));
	ASSERT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 1));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the stock clients call, in their order, up to I/O, stop and restart.
 * Read in their sources and seen by tracing them: QEMU 10.0.13 and 10.2.2,
 * libblkio 1.5.0, cloud-hypervisor with rust-vmm's vhost crate 0.17.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "backend.h"
#include "blk.h"
#include "harness.h"
#include "vdpa.h"

#define MIB		(1UL << 20)
#define QUEUES		2

/* What each client has: a device, some memory, rings and a request. */
FIXTURE(client) {
	int backend, fd;
	uint64_t features;		/* that the guest acks */
	struct guest guest;
	struct vq vqs[QUEUES];
	struct blk_request request;
	uint8_t *data;
	uint8_t *rom;			/* mapped read-only, as a BIOS */
	int masked;			/* QEMU's notifier of a masked vector */
	int config_call;
	uint16_t base[QUEUES];
};

static int client_open(FIXTURE_DATA(client) *self, int flags)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.backend_fd = self->backend,
		.num_queues = QUEUES,
	};

	self->fd = open(VPIN_NODE, flags | O_CLOEXEC);
	return self->fd < 0 ? -errno : vpin_attach(self->fd, &attach);
}

FIXTURE_SETUP(client)
{
	unsigned int i;

	self->backend = backend_memfd(16 * MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, client_open(self, O_RDWR))
		TH_LOG("no %s: is vhost_pin loaded?", VPIN_NODE);
	ASSERT_EQ(0, guest_init(&self->guest, 4 * MIB, 0));
	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, vq_init(&self->vqs[i], &self->guest, i, 256, 0, true, true));
	blk_init(&self->request, &self->guest);
	self->data = guest_alloc(&self->guest, 65536, GUEST_PAGE);
	self->rom = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	self->masked = eventfd(0, EFD_CLOEXEC);
	self->config_call = eventfd(0, EFD_CLOEXEC);

	/* What a Linux guest acks of what is offered, nearly all. */
	ASSERT_EQ(0, vdpa_get_features(self->fd, &self->features));
}

FIXTURE_TEARDOWN(client)
{
	if (self->fd >= 0)
		close(self->fd);
	close(self->backend);
}

/* Writes on one queue, reads on another. */
#define CHECK_IO(seed) do {							\
	pattern_fill(self->data, 65536, 8, seed);				\
	ASSERT_EQ(0, blk_do(&self->vqs[0], &self->request, VIRTIO_BLK_T_OUT,	\
			    8, self->data, 65536, NULL));			\
	memset(self->data, 0, 65536);						\
	ASSERT_EQ(0, blk_do(&self->vqs[1], &self->request, VIRTIO_BLK_T_IN,	\
			    8, self->data, 65536, NULL));			\
	EXPECT_TRUE(pattern_is(self->data, 65536, 8, seed));			\
} while (0)

/* QEMU's add_status: it looks before and after. */
#define ADD_STATUS(status) do {							\
	ASSERT_LE(0, vdpa_get_status(self->fd));				\
	ASSERT_EQ(0, vdpa_set_status(self->fd, status));			\
	ASSERT_EQ(status, vdpa_get_status(self->fd));				\
} while (0)

#define QEMU_BACKEND_FEATURES \
	(BACKEND_MSG_V2 | BACKEND_BATCH | BACKEND_ASID | BACKEND_SUSPEND)

static void qemu_backend_features(struct __test_metadata *_metadata,
				  FIXTURE_DATA(client) *self)
{
	uint64_t features;

	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &features));
	EXPECT_EQ(BACKEND_SUSPEND | BACKEND_BATCH,
		  features & (BACKEND_SUSPEND | BACKEND_BATCH));
	ASSERT_EQ(0, vdpa_set_backend_features(self->fd, features & QEMU_BACKEND_FEATURES));
}

static void qemu_realize(struct __test_metadata *_metadata,
			 FIXTURE_DATA(client) *self, bool v10_2)
{
	struct vhost_vdpa_iova_range range;
	struct virtio_blk_config config;
	uint32_t num = ~0U, count = 0;
	uint64_t features;
	unsigned int i;

	ASSERT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(self->fd));
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VRING_NUM, &num));
	ASSERT_EQ(1024, num & 0xffff);
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VQS_COUNT, &count));
	ASSERT_EQ(QUEUES, count);
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_IOVA_RANGE, &range));
	if (v10_2)
		qemu_backend_features(_metadata, self);
	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	ADD_STATUS(STATUS_FOUND);
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, vdpa_set_vring_call(self->fd, i, self->masked));
	ASSERT_EQ(96, vdpa_get_config_size(self->fd));
	ASSERT_EQ(0, vdpa_get_config(self->fd, 0, sizeof(config), &config));
}

/* The listener: RAM around a hole, and a ROM. */
static void qemu_map(struct __test_metadata *_metadata, FIXTURE_DATA(client) *self)
{
	const uint64_t half = self->guest.size / 2;

	ASSERT_EQ(0, vdpa_batch_begin(self->fd));
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, half, self->guest.memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, half, half, self->guest.memory + half,
			      VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, 0xfffc0000, 65536, self->rom, VHOST_ACCESS_RO));
	ASSERT_EQ(0, vdpa_batch_end(self->fd));
}

static void qemu_unmap(struct __test_metadata *_metadata, FIXTURE_DATA(client) *self)
{
	const uint64_t half = self->guest.size / 2;

	ASSERT_EQ(0, vdpa_batch_begin(self->fd));
	ASSERT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, half));
	ASSERT_EQ(0, vdpa_unmap(self->fd, MSG_V2, half, half));
	ASSERT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0xfffc0000, 65536));
	ASSERT_EQ(0, vdpa_batch_end(self->fd));
}

static void qemu_start(struct __test_metadata *_metadata,
		       FIXTURE_DATA(client) *self, bool v10_2, bool mapped)
{
	unsigned int i;
	void *page;

	/* The guest does not see ACCESS_PLATFORM; QEMU acks it all the same. */
	ASSERT_EQ(0, vdpa_set_features(self->fd, self->features |
				       BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)));
	ADD_STATUS(STATUS_FEATURES);
	if (!v10_2)
		qemu_backend_features(_metadata, self);
	for (i = 0; i < QUEUES; i++) {
		struct vq *vq = &self->vqs[i];

		ASSERT_EQ(0, vdpa_set_vring_num(self->fd, i, vq->size));
		ASSERT_EQ(0, vdpa_set_vring_base(self->fd, i, self->base[i]));
		ASSERT_EQ(0, vdpa_set_vring_addr(self->fd, i,
						 guest_iova(&self->guest, vq->desc),
						 guest_iova(&self->guest, vq->avail),
						 guest_iova(&self->guest, vq->used)));
		/* Its host notifiers are born signalled. */
		eventfd_write(vq->kick, 1);
		ASSERT_EQ(0, vdpa_set_vring_kick(self->fd, i, vq->kick));
	}
	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, i, 1));
	page = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_EQ(MAP_FAILED, page);
	if (!mapped)
		qemu_map(_metadata, self);
	ADD_STATUS(STATUS_RUNNING);
	ASSERT_EQ(0, vdpa_set_config_call(self->fd, self->config_call));
	eventfd_write(self->config_call, 1);
	for (i = 0; i < QUEUES; i++) {
		self->vqs[i].fd = self->fd;
		ASSERT_EQ(0, vdpa_set_vring_call(self->fd, i, self->vqs[i].call));
	}
}

static void qemu_stop(struct __test_metadata *_metadata,
		      FIXTURE_DATA(client) *self, bool v10_2)
{
	unsigned int i;

	ASSERT_EQ(0, vdpa_suspend(self->fd));
	for (i = 0; i < QUEUES; i++) {
		int base = vdpa_get_vring_base(self->fd, i);

		ASSERT_EQ(self->vqs[i].used->idx, base);
		self->base[i] = base;
	}
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	ASSERT_EQ(0, vdpa_get_status(self->fd));
	ADD_STATUS(STATUS_FOUND);
	qemu_unmap(_metadata, self);
	if (v10_2)
		qemu_map(_metadata, self);
	ASSERT_EQ(0, vdpa_set_config_call(self->fd, -1));
}

static void qemu(struct __test_metadata *_metadata, FIXTURE_DATA(client) *self, bool v10_2)
{
	unsigned int again;

	qemu_realize(_metadata, self, v10_2);
	if (v10_2)
		qemu_map(_metadata, self);
	qemu_start(_metadata, self, v10_2, v10_2);
	CHECK_IO(1);

	/* stop and cont, with a request that the guest adds in between. */
	for (again = 0; again < 3; again++) {
		struct vring_used_elem elem;

		qemu_stop(_metadata, self, v10_2);
		ASSERT_EQ(0, blk_add(&self->vqs[0], &self->request, VIRTIO_BLK_T_FLUSH,
				     0, NULL, 0));
		vq_publish(&self->vqs[0]);
		EXPECT_EQ(-ETIMEDOUT, vq_wait(&self->vqs[0], &elem, 50));
		qemu_start(_metadata, self, v10_2, v10_2);
		ASSERT_EQ(0, vq_wait(&self->vqs[0], &elem, VQ_TIMEOUT_MS));
		EXPECT_EQ(0, *self->request.status);
		CHECK_IO(2 + again);
	}

	/* Reboot: stop, and a start with new rings from 0. */
	qemu_stop(_metadata, self, v10_2);
	for (again = 0; again < QUEUES; again++) {
		vq_reset(&self->vqs[again]);
		self->base[again] = 0;
	}
	qemu_start(_metadata, self, v10_2, v10_2);
	CHECK_IO(9);
}

TEST_F(client, qemu_10_0)
{
	qemu(_metadata, self, false);
}

TEST_F(client, qemu_10_2)
{
	qemu(_metadata, self, true);
}

/* A guest that reprograms its chipset: RAM that holds a live ring is remapped. */
TEST_F(client, qemu_topology_change)
{
	const uint64_t half = self->guest.size / 2;
	unsigned int again;

	qemu_realize(_metadata, self, false);
	qemu_start(_metadata, self, false, false);
	for (again = 0; again < 50; again++) {
		ASSERT_EQ(0, vdpa_batch_begin(self->fd));
		ASSERT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, half));
		ASSERT_EQ(0, blk_add(&self->vqs[0], &self->request, VIRTIO_BLK_T_FLUSH,
				     0, NULL, 0));
		vq_publish(&self->vqs[0]);
		ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, 0x1000, self->guest.memory,
				      VHOST_ACCESS_RW));
		ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, 0x1000, half - 0x1000,
				      self->guest.memory + 0x1000, VHOST_ACCESS_RW));
		ASSERT_EQ(0, vdpa_batch_end(self->fd));
		{
			struct vring_used_elem elem;

			ASSERT_EQ(0, vq_wait(&self->vqs[0], &elem, VQ_TIMEOUT_MS));
			EXPECT_EQ(0, *self->request.status);
		}
		CHECK_IO(again);
		EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->fd));
	}
}

/* device_del, then device_add of the same fdset: the file was never closed. */
TEST_F(client, qemu_again_on_an_owned_file)
{
	qemu_realize(_metadata, self, false);
	EXPECT_EQ(-EBUSY, vdpa_set_owner(self->fd));
}

/* A guest that uses one queue of two, as SeaBIOS does. */
TEST_F(client, qemu_unconfigured_queue)
{
	qemu_realize(_metadata, self, false);
	ASSERT_EQ(0, vdpa_set_features(self->fd, BIT_ULL(VIRTIO_F_VERSION_1) |
				       BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
				       BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)));
	self->vqs[0].event_idx = false;
	self->vqs[0].indirect = NULL;
	ADD_STATUS(STATUS_FEATURES);
	ASSERT_EQ(0, vq_setup(&self->vqs[0], self->fd));
	ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, 1, 1));
	qemu_map(_metadata, self);
	ADD_STATUS(STATUS_RUNNING);
	EXPECT_EQ(0, blk_do(&self->vqs[0], &self->request, VIRTIO_BLK_T_IN, 0,
			    self->data, 65536, NULL));
	eventfd_write(self->masked, 1);
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->fd));
}

/* Its life without the last step: it just closes. */
static void libblkio(struct __test_metadata *_metadata, FIXTURE_DATA(client) *self)
{
	uint64_t features, backend_features, wanted;
	struct vhost_vdpa_iova_range range;
	uint8_t config[60];
	struct guest data;
	uint32_t count;
	unsigned int i;

	wanted = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		 BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		 BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE) | BIT_ULL(VIRTIO_BLK_F_MQ) |
		 BIT_ULL(VIRTIO_BLK_F_DISCARD) | BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES) |
		 BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_F_VERSION_1) |
		 BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);

	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &backend_features));
	ASSERT_EQ(0, vdpa_set_backend_features(self->fd, 0));
	ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	ADD_STATUS(STATUS_FOUND);
	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	ASSERT_EQ(0, vdpa_set_features(self->fd, features & wanted));
	ADD_STATUS(STATUS_FEATURES);
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_VQS_COUNT, &count));
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_IOVA_RANGE, &range));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, vdpa_get_config(self->fd, 0, sizeof(config), config));

	/* IOVAs from range.first upward: the first ring is at 0. */
	ASSERT_EQ(0, range.first);
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V1, 0, self->guest.size, self->guest.memory,
			      VHOST_ACCESS_RW));
	for (i = 0; i < QUEUES; i++) {
		self->vqs[i].indirect = NULL;
		ASSERT_EQ(0, vq_setup(&self->vqs[i], self->fd));
	}
	ASSERT_EQ(0, guest_iova(&self->guest, self->vqs[0].desc));
	ADD_STATUS(STATUS_RUNNING);
	ASSERT_EQ(0, guest_init(&data, MIB, self->guest.size));
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V1, data.iova, data.size, data.memory,
			      VHOST_ACCESS_RW));

	CHECK_IO(1);
	ASSERT_EQ(0, vdpa_get_config(self->fd, 0, sizeof(config), config));
	ASSERT_EQ(0, vdpa_unmap(self->fd, MSG_V1, data.iova, data.size));
	guest_free(&data);
}

TEST_F(client, libblkio)
{
	unsigned int again;

	/* nbdkit opens write-only, once for each of its connections. */
	for (again = 0; again < 20; again++) {
		close(self->fd);
		ASSERT_EQ(0, client_open(self, O_WRONLY));
		vq_reset(&self->vqs[0]);
		vq_reset(&self->vqs[1]);
		libblkio(_metadata, self);
	}
	close(self->fd);
	self->fd = -1;
	guest_free(&self->guest);
}

static void cloud_hypervisor_activate(struct __test_metadata *_metadata,
				      FIXTURE_DATA(client) *self)
{
	uint64_t backend_features;
	unsigned int i;

	ASSERT_EQ(0, vdpa_set_features(self->fd, self->features));
	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &backend_features));
	ASSERT_EQ(0, vdpa_set_backend_features(self->fd, backend_features));
	for (i = 0; i < QUEUES; i++) {
		struct vq *vq = &self->vqs[i];

		ASSERT_EQ(0, vdpa_set_vring_num(self->fd, i, vq->size));
		ASSERT_EQ(0, vdpa_set_vring_addr(self->fd, i,
						 guest_iova(&self->guest, vq->desc),
						 guest_iova(&self->guest, vq->avail),
						 guest_iova(&self->guest, vq->used)));
		ASSERT_EQ(0, vdpa_set_vring_base(self->fd, i, 0));
		ASSERT_EQ(0, vdpa_set_vring_call(self->fd, i, vq->call));
		ASSERT_EQ(0, vdpa_set_vring_kick(self->fd, i, vq->kick));
	}
	ASSERT_EQ(0, vdpa_set_config_call(self->fd, self->config_call));
	for (i = 0; i < QUEUES; i++)
		ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, i, 1));
	/* Straight from 0. */
	ASSERT_EQ(0, vdpa_set_status(self->fd, STATUS_RUNNING));
}

TEST_F(client, cloud_hypervisor)
{
	struct vhost_vdpa_iova_range range;
	uint64_t backend_features;
	unsigned int i, again;

	close(self->fd);
	ASSERT_EQ(0, client_open(self, O_RDWR | O_NONBLOCK));
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	ASSERT_EQ(VIRTIO_ID_BLOCK, vdpa_get_device_id(self->fd));
	ASSERT_EQ(1024, vdpa_get_vring_num(self->fd));
	ASSERT_TRUE(self->features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM));
	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &backend_features));
	ASSERT_EQ(0, vdpa_ioctl(self->fd, VHOST_VDPA_GET_IOVA_RANGE, &range));
	/* Before any backend feature is acked, and never again. */
	ASSERT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, self->guest.size, self->guest.memory,
			      VHOST_ACCESS_RW));

	for (again = 0; again < 5; again++) {
		cloud_hypervisor_activate(_metadata, self);
		CHECK_IO(again);
		for (i = 0; i < QUEUES; i++) {
			ASSERT_EQ(0, vdpa_set_vring_enable(self->fd, i, 0));
			vq_reset(&self->vqs[i]);
		}
		ASSERT_EQ(0, vdpa_set_status(self->fd, 0));
	}
}

/* What rust-vmm's own tests of its vdpa backend expect. */
TEST_F(client, rust_vmm_tests)
{
	struct vhost_memory table = { .nregions = 0 };
	uint64_t features, base = 0;
	uint8_t *heap = malloc(3 * 65536);
	int num = vdpa_get_vring_num(self->fd);

	ASSERT_EQ(0, vdpa_get_features(self->fd, &features));
	ASSERT_EQ(0, vdpa_set_features(self->fd, features));
	ASSERT_EQ(0, vdpa_get_backend_features(self->fd, &features));
	ASSERT_EQ(0, vdpa_set_backend_features(self->fd, features));
	ASSERT_EQ(0, vdpa_set_owner(self->fd));
	EXPECT_EQ(0, vdpa_get_status(self->fd));
	EXPECT_EQ(0, vdpa_ioctl(self->fd, VHOST_SET_MEM_TABLE, &table));
	EXPECT_GT(0, vdpa_ioctl(self->fd, VHOST_SET_LOG_BASE, &base));
	EXPECT_GT(0, vdpa_ioctl(self->fd, VHOST_SET_LOG_FD, &self->masked));
	EXPECT_EQ(0, vdpa_set_vring_num(self->fd, 0, num));
	EXPECT_GT(0, vdpa_set_vring_num(self->fd, 0, num + 1));
	EXPECT_EQ(0, vdpa_set_vring_addr(self->fd, 0, 0x1000, 0x2000, 0x3000));
	EXPECT_EQ(0, vdpa_set_vring_base(self->fd, 0, 1));
	EXPECT_EQ(1, vdpa_get_vring_base(self->fd, 0));
	EXPECT_EQ(0, vdpa_set_vring_err(self->fd, 0, self->masked));
	EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(0, vdpa_set_vring_enable(self->fd, 0, 0));
	EXPECT_EQ(0, vdpa_suspend(self->fd));
	EXPECT_GT(0, vdpa_map(self->fd, MSG_V2, 0, 0x1000, NULL, VHOST_ACCESS_RW));
	/* A size and an address that are no multiple of a page. */
	memset(heap, 0, 3 * 65536);
	EXPECT_EQ(0, vdpa_map(self->fd, MSG_V2, 0, 0xffff, heap + 24, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_unmap(self->fd, MSG_V2, 0, 0xffff));
	free(heap);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of a guest's memory has to be brought when a chain wants it: whatever else is
 * wrong with the chain, the answer waits for its place, and looks like no other.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define MIB	(1UL << 20)
#define QUEUES	2
#define FAR	(1ULL << 40)
#define NOWHERE	(3 * FAR)
#define SIZE	(64UL * GUEST_PAGE)
#define STATUS	(FAR + 40 * GUEST_PAGE)
#define OLD	0
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(absent) {
	int backend, fd;
	long pins;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;
	uint8_t *file;		/* at FAR: private pages of a file that nobody has touched */
};

FIXTURE_VARIANT(absent) {
	bool lazy;		/* never pinned; else given back */
};
FIXTURE_VARIANT_ADD(absent, lazy) { .lazy = true };
FIXTURE_VARIANT_ADD(absent, given_back) { .lazy = false };

FIXTURE_SETUP(absent)
{
	const struct dev_options options = {
		.queues = QUEUES, .queue_size = 64, .workers = 1, .direct = true,
		.attach_flags = variant->lazy ? VPIN_ATTACH_LAZY : 0,
	};

	self->pins = host_pins();
	self->backend = backend_memfd(8 * MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	self->fd = backend_file("/tmp/ext4", SIZE);
	ASSERT_LE(0, self->fd);
	self->file = mmap(NULL, SIZE, RW, MAP_PRIVATE, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->file);
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, FAR, SIZE, self->file, VHOST_ACCESS_RW));
	if (!variant->lazy)
		ASSERT_EQ(0, madvise(self->file, SIZE, MADV_DONTNEED));
}

FIXTURE_TEARDOWN(absent)
{
	dev_close(&self->dev);
	munmap(self->file, SIZE);
	close(self->fd);
	close(self->backend);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, host_workers());
}

/* A read whose buffers these are, behind its header. */
static void add_read(FIXTURE_DATA(absent) *self, struct vq_buf *bufs, unsigned int num)
{
	struct blk_request *request = &self->request;

	request->header->type = htole32(VIRTIO_BLK_T_IN);
	request->header->sector = 0;
	bufs[0] = (struct vq_buf){ guest_iova(&self->dev.guest, request->header), 16, false };
	vq_add(self->vq, bufs, num);
	vq_publish(self->vq);
}

/* It ends: 0 or -ETIMEDOUT. */
static int read_into(FIXTURE_DATA(absent) *self, struct vq_buf *bufs, unsigned int num)
{
	struct vring_used_elem elem;

	add_read(self, bufs, num);
	return vq_wait(self->vq, &elem, 10000 * host_patience());
}

#define DATA	guest_iova(&self->dev.guest, self->data)

#define EXPECT_REFUSED(bufs) do {							\
	EXPECT_EQ(0, read_into(self, bufs, sizeof(bufs) / sizeof(*(bufs))));		\
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, self->file[STATUS - FAR]);			\
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));			\
} while (0)

/* The instrument: what is right waits for its status byte, too. */
TEST_F(absent, S01_all_is_right)
{
	struct vq_buf bufs[] = { {}, { DATA, 4096, true }, { STATUS, 1, true } };

	ASSERT_EQ(0, read_into(self, bufs, 3));
	EXPECT_EQ(OLD, self->file[STATUS - FAR]);
}

TEST_F(absent, S01_data_in_a_hole)
{
	struct vq_buf bufs[] = { {}, { NOWHERE, 4096, true }, { STATUS, 1, true } };

	EXPECT_REFUSED(bufs);
}

/* More pieces than are waited for. */
TEST_F(absent, S01_data_beyond_the_end_of_a_file)
{
	struct vq_buf bufs[] = {
		{}, { FAR + 50 * GUEST_PAGE, 512, true }, { FAR + 52 * GUEST_PAGE, 512, true },
		{ FAR + 54 * GUEST_PAGE, 512, true }, { FAR + 56 * GUEST_PAGE, 512, true },
		{ FAR + 58 * GUEST_PAGE, 512, true }, { FAR + 60 * GUEST_PAGE, 512, true },
		{ STATUS, 1, true },
	};

	ASSERT_EQ(0, ftruncate(self->fd, 48 * GUEST_PAGE));
	EXPECT_REFUSED(bufs);
}

TEST_F(absent, S01_readable_behind_writable)
{
	struct vq_buf bufs[] = {
		{}, { DATA, 512, true }, { DATA + 8192, 512, false }, { STATUS, 1, true },
	};

	memset(self->data, 0xaa, 512);
	EXPECT_REFUSED(bufs);
	EXPECT_EQ(0xaa, self->data[511]);
}

/* A chain that ends in a table which has to be brought, and is none. */
TEST_F(absent, S01_table_of_an_odd_length)
{
	struct vring_desc *table = (void *)self->data, *desc;
	struct vq_buf bufs[] = { {}, { FAR + 2 * GUEST_PAGE, 33, false } };

	table[0] = (struct vring_desc){ htole64(DATA + 4096), htole32(512),
					htole16(VRING_DESC_F_WRITE | VRING_DESC_F_NEXT),
					htole16(1) };
	table[1] = (struct vring_desc){ htole64(STATUS), htole32(1),
					htole16(VRING_DESC_F_WRITE), 0 };
	ASSERT_EQ(32, pwrite(self->fd, table, 32, 2 * GUEST_PAGE));
	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	bufs[0] = (struct vq_buf){ guest_iova(&self->dev.guest, self->request.header),
				   16, false };
	vq_add(self->vq, bufs, 2);
	desc = self->vq->desc;
	desc[desc[0].next].flags = htole16(VRING_DESC_F_INDIRECT);
	vq_publish(self->vq);
	ASSERT_EQ(0, vq_wait(self->vq, &(struct vring_used_elem){}, VQ_TIMEOUT_MS));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, self->file[STATUS - FAR]);
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));
}

/* Its place is not to be had: it must not be told elsewhere. */
TEST_F(absent, S01_no_status_byte)
{
	struct vq_buf bufs[] = { {}, { DATA, 4096, true }, { STATUS, 1, true } };
	unsigned int turn;

	ASSERT_EQ(0, ftruncate(self->fd, 0));
	add_read(self, bufs, 3);
	for (turn = 0; turn < 1000 && vdpa_get_status(self->dev.fd) == STATUS_RUNNING; turn++)
		usleep(10000);
	EXPECT_EQ(STATUS_RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET,
		  vdpa_get_status(self->dev.fd));
}

/* Another queue of the same worker goes on while a long chain's memory is brought. */
TEST_F(absent, T03_a_long_chain)
{
	const size_t size = 256 * MIB;
	uint8_t *memory = mmap(NULL, size, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct blk_request other;
	struct vring_used_elem elem;
	unsigned int done = 0;

	if (!variant->lazy)
		SKIP(return, "all of it is there");
	ASSERT_NE(MAP_FAILED, memory);
	blk_init(&other, &self->dev.guest);
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, NOWHERE, size, memory, VHOST_ACCESS_RW));
	/* It is longer than the disk: all for nothing. */
	ASSERT_EQ(0, blk_add_at(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, NOWHERE,
				size));
	vq_publish(self->vq);
	while (vq_wait(self->vq, &elem, 0)) {
		ASSERT_EQ(0, blk_do(&self->dev.vqs[1], &other, VIRTIO_BLK_T_IN, 0,
				    self->data, 4096, NULL));
		done++;
	}
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	TH_LOG("%u requests of another queue meanwhile", done);
	EXPECT_LT(10, done);
	ASSERT_EQ(0, vdpa_unmap(self->dev.fd, MSG_V2, NOWHERE, size));
	munmap(memory, size);
}

TEST_HARNESS_MAIN

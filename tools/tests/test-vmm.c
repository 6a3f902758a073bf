// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile or careless VMM.  After each test the host must have its pins,
 * threads and memory back.
 *
 * The ids (V01, ...) name known faults of this kind of device.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define MIB	(1UL << 20)
#define QUEUES	2
#define MANY	100000

FIXTURE(vmm) {
	int backend;
	long pins;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;
};

static const struct dev_options two_queues = { .queues = QUEUES, .queue_size = 64 };

FIXTURE_SETUP(vmm)
{
	ASSERT_EQ(0, host_workers());
	self->pins = host_pins();
	self->backend = backend_memfd(8 * MIB);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &two_queues));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
}

FIXTURE_TEARDOWN(vmm)
{
	dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, host_charged());
}

#define READ() \
	blk_do(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data, 4096, NULL)

#define MAP(iova, size, address, perm) \
	vdpa_map(self->dev.fd, MSG_V2, iova, size, address, perm)
#define UNMAP(iova, size) vdpa_unmap(self->dev.fd, MSG_V2, iova, size)

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

/* Something that goes on beside the test. */
struct beside {
	FIXTURE_DATA(vmm) *self;
	void (*act)(FIXTURE_DATA(vmm) *self, unsigned int turn);
	volatile bool stop;
	unsigned int turns;
	pthread_t thread;
};

static void *beside_thread(void *data)
{
	struct beside *beside = data;

	while (!beside->stop)
		beside->act(beside->self, beside->turns++);
	return NULL;
}

static int beside_start(struct beside *beside)
{
	return pthread_create(&beside->thread, NULL, beside_thread, beside);
}

static void beside_stop(struct beside *beside)
{
	beside->stop = true;
	pthread_join(beside->thread, NULL);
}

static void flip_data_region(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	const uint64_t iova = 1ULL << 32;

	(void)turn;
	MAP(iova, MIB, self->data, VHOST_ACCESS_RW);
	usleep(100);
	UNMAP(iova, MIB);
}

TEST_F(vmm, V08_unmap_under_requests)
{
	struct beside beside = { .self = self, .act = flip_data_region };
	const struct guest *guest = &self->dev.guest;
	unsigned int i, good = 0, bad = 0;
	const struct vq_buf bufs[] = {
		{ guest_iova(guest, self->request.header), 16, false },
		{ 1ULL << 32, MIB, true },
		{ guest_iova(guest, self->request.status), 1, true },
	};

	ASSERT_EQ(0, dev_start(&self->dev));
	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	ASSERT_EQ(0, beside_start(&beside));
	for (i = 0; i < 1000; i++) {
		*self->request.status = BLK_NO_STATUS;
		ASSERT_LE(0, blk_do_chain(self->vq, bufs, 3));
		ASSERT_NE(BLK_NO_STATUS, *self->request.status);
		if (*self->request.status)
			bad++;
		else
			good++;
	}
	beside_stop(&beside);
	TH_LOG("%u read, %u refused", good, bad);
	EXPECT_EQ(0, READ());
}

static void flip_everything(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	struct guest *guest = &self->dev.guest;

	(void)turn;
	UNMAP(guest->iova, guest->size);
	MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW);
	usleep(200);
}

TEST_F(vmm, V08_unmap_of_live_rings)
{
	struct beside beside = { .self = self, .act = flip_everything };
	struct vring_used_elem elem;
	unsigned int i;

	/* Not even in a batch: for a moment there is no ring at all. */
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, beside_start(&beside));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_IN, 0,
				     self->data, 65536));
		vq_publish(self->vq);
		ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS)) TH_LOG("request %u", i);
		ASSERT_NE(BLK_NO_STATUS, *self->request.status);
	}
	beside_stop(&beside);
	EXPECT_EQ(0, READ());
	EXPECT_EQ(-EBUSY, vdpa_set_features(self->dev.fd, 0));
}

TEST_F(vmm, V09_munmap_of_mapped_memory)
{
	struct guest extra;
	const struct vq_buf bufs[] = {
		{ guest_iova(&self->dev.guest, self->request.header), 16, false },
		{ 1ULL << 32, MIB, true },
		{ guest_iova(&self->dev.guest, self->request.status), 1, true },
	};

	ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
	ASSERT_EQ(0, MAP(extra.iova, extra.size, extra.memory, VHOST_ACCESS_RW));
	guest_free(&extra);
	ASSERT_EQ(0, dev_start(&self->dev));
	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	EXPECT_EQ(MIB + 1, blk_do_chain(self->vq, bufs, 3));
	EXPECT_EQ(0, *self->request.status);
}

/* A VMM of its own, with requests in flight, until someone ends it. */
static void __attribute__((noreturn)) busy_vmm(int backend)
{
	struct blk_request requests[16];
	struct vring_used_elem elem;
	struct dev dev;
	unsigned int i;
	uint8_t *data;

	if (dev_run(&dev, backend, &two_queues))
		_exit(1);
	data = guest_alloc(&dev.guest, 16 * 65536, GUEST_PAGE);
	for (i = 0; i < 16; i++) {
		blk_init(&requests[i], &dev.guest);
		blk_add(&dev.vqs[0], &requests[i], VIRTIO_BLK_T_OUT, i * 128,
			data + i * 65536, 65536);
	}
	vq_publish(&dev.vqs[0]);
	for (;;) {
		if (vq_wait(&dev.vqs[0], &elem, VQ_TIMEOUT_MS))
			_exit(2);
		for (i = 0; i < 16; i++)
			if (requests[i].head == (int)elem.id)
				break;
		blk_add(&dev.vqs[0], &requests[i], VIRTIO_BLK_T_OUT, i * 128,
			data + i * 65536, 65536);
		vq_publish(&dev.vqs[0]);
	}
}

TEST_F(vmm, V09_killed_under_io)
{
	long pins = host_pins();
	unsigned int turn;

	for (turn = 0; turn < 20; turn++) {
		int status;
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child)
			busy_vmm(self->backend);
		usleep(20000 + turn * 3000);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(pins, host_pins()) TH_LOG("turn %u", turn);
		ASSERT_EQ(0, host_workers());
	}
}

TEST_F(vmm, V09_file_outlives_its_owner)
{
	int status;
	pid_t owner;

	/* The owner dies; its memory is gone before our file is. */
	dev_close(&self->dev);
	self->dev.fd = vpin_open();
	ASSERT_LE(0, self->dev.fd);
	ASSERT_EQ(0, vpin_attach_default(self->dev.fd, self->backend, 0));
	owner = fork();
	ASSERT_LE(0, owner);
	if (!owner) {
		struct guest guest;
		struct vq vq;

		if (vdpa_set_owner(self->dev.fd) || guest_init(&guest, MIB, 0) ||
		    vq_init(&vq, &guest, 0, 64, 0, false, false) ||
		    vdpa_map(self->dev.fd, MSG_V2, 0, MIB, guest.memory, VHOST_ACCESS_RW) ||
		    vq_setup(&vq, self->dev.fd) ||
		    vdpa_set_status(self->dev.fd, STATUS_RUNNING))
			_exit(1);
		vq_kick(&vq);
		_exit(0);
	}
	ASSERT_EQ(owner, waitpid(owner, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(STATUS_RUNNING, vdpa_get_status(self->dev.fd));
	EXPECT_EQ(-EFAULT, UNMAP(0, 4096));
	EXPECT_EQ(0, close(self->dev.fd));
	self->dev.fd = -1;
	EXPECT_EQ(self->pins, host_pins());
}

TEST_F(vmm, V09_closed_in_every_state)
{
	unsigned int state;

	for (state = 0; state < 8; state++) {
		dev_close(&self->dev);
		ASSERT_EQ(self->pins, host_pins()) TH_LOG("state %u", state);
		ASSERT_EQ(0, host_workers());
		self->dev.fd = vpin_open();
		ASSERT_LE(0, self->dev.fd);
		close(self->dev.fd);
		ASSERT_EQ(0, dev_open(&self->dev, self->backend, &two_queues));
		blk_init(&self->request, &self->dev.guest);
		self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
		if (state >= 1)
			ASSERT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_FOUND));
		if (state >= 2)
			ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
		if (state >= 3)
			ASSERT_EQ(0, MAP(1ULL << 32, MIB, self->data, VHOST_ACCESS_RW));
		if (state >= 4)
			ASSERT_EQ(0, dev_start(&self->dev));
		if (state >= 5)
			ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0,
					     self->data, 65536));
		vq_publish(self->vq);
		if (state >= 6)
			ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
		if (state >= 7)
			ASSERT_EQ(0, vdpa_set_status(self->dev.fd, 0));
	}
}

static void swap_config_call(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	int call = eventfd(0, EFD_CLOEXEC);

	(void)turn;
	vdpa_set_config_call(self->dev.fd, call);
	close(call);
	vdpa_set_config_call(self->dev.fd, -1);
}

TEST_F(vmm, V10_config_call_swapped_under_a_change)
{
	struct beside beside = { .self = self, .act = swap_config_call };
	unsigned int turn;

	ASSERT_EQ(0, beside_start(&beside));
	for (turn = 0; turn < 30; turn++) {
		/* A broken ring is a change of status, and is signalled as one. */
		ASSERT_EQ(0, dev_start(&self->dev));
		vq_add_head(self->vq, 0xffff);
		vq_publish(self->vq);
		ASSERT_EQ(0, event_wait(self->vq->err, VQ_TIMEOUT_MS));
		ASSERT_EQ(0, dev_stop(&self->dev));
	}
	beside_stop(&beside);
}

TEST_F(vmm, V10_config_call_of_a_broken_ring)
{
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, vdpa_set_config_call(self->dev.fd, call));
	vq_add_head(self->vq, 0xffff);
	vq_publish(self->vq);
	EXPECT_EQ(0, event_wait(call, VQ_TIMEOUT_MS));
	close(call);
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

TEST_F(vmm, V12_reset_under_requests)
{
	struct blk_request requests[16];
	unsigned int turn, i;

	for (i = 0; i < 16; i++)
		blk_init(&requests[i], &self->dev.guest);
	for (turn = 0; turn < 50; turn++) {
		ASSERT_EQ(0, dev_start(&self->dev));
		for (i = 0; i < 16; i++)
			ASSERT_EQ(0, blk_add(self->vq, &requests[i], VIRTIO_BLK_T_OUT, i * 128,
					     self->data + i * 65536, 65536));
		vq_publish(self->vq);
		usleep(turn * 20);
		ASSERT_EQ(0, dev_stop(&self->dev));
	}
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
}

/* Any of the calls, with arguments that are often right. */
static void random_call(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	static __thread unsigned int seed;
	unsigned int number, index;
	int fd = self->dev.fd;
	uint64_t features;
	uint8_t config[96];

	if (!seed)
		seed = turn + (unsigned int)(uintptr_t)&seed;
	number = rand_r(&seed);
	index = number / 64 % 3;
	switch (number % 20) {
	case 0: vdpa_set_status(fd, 0); break;
	case 1: vdpa_set_status(fd, STATUS_FEATURES); break;
	case 2: case 3: case 4: vdpa_set_status(fd, STATUS_RUNNING); break;
	case 5: vdpa_suspend(fd); break;
	case 6: vdpa_resume(fd); break;
	case 7: vdpa_set_vring_enable(fd, index, number & 64); break;
	case 8: case 9: if (index < QUEUES) vq_setup(&self->dev.vqs[index], fd); break;
	case 10: vdpa_set_vring_kick(fd, index, number & 128 ? -1 : self->vq->kick); break;
	case 11: vdpa_set_vring_call(fd, index, number & 128 ? -1 : self->vq->call); break;
	case 12: vdpa_get_vring_base(fd, index); break;
	case 13: UNMAP(self->dev.guest.iova, self->dev.guest.size); break;
	case 14: case 15: MAP(self->dev.guest.iova, self->dev.guest.size,
			      self->dev.guest.memory, VHOST_ACCESS_RW); break;
	case 16: vdpa_get_features(fd, &features); vdpa_set_features(fd, features); break;
	case 17: vdpa_get_config(fd, 0, sizeof(config), config);
		 vdpa_set_config(fd, 0, sizeof(config), config); break;
	case 18: vdpa_set_config_call(fd, number & 128 ? -1 : self->vq->err); break;
	case 19: vdpa_batch_begin(fd); vdpa_batch_end(fd); break;
	}
}

/* A driver that goes on as if nothing happened. */
static void random_io(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	struct vring_used_elem elem;

	while (vq_take(self->vq, &elem))
		;
	if (turn % 1000 == 999)
		vq_reset(self->vq);
	blk_add(self->vq, &self->request, turn % 2, 0, self->data, 65536);
	vq_publish(self->vq);
	vq_kick(self->vq);
	usleep(50);
}

TEST_F(vmm, V13_threads_at_once)
{
	struct beside callers[2] = {
		{ .self = self, .act = random_call }, { .self = self, .act = random_call },
	};
	struct beside driver = { .self = self, .act = random_io };
	unsigned int turn;

	for (turn = 0; turn < 5; turn++) {
		callers[0].stop = callers[1].stop = driver.stop = false;
		ASSERT_EQ(0, dev_start(&self->dev));
		ASSERT_EQ(0, beside_start(&callers[0]));
		ASSERT_EQ(0, beside_start(&callers[1]));
		ASSERT_EQ(0, beside_start(&driver));
		usleep(500000);
		if (turn == 4) {
			/* And the file goes away under all of them. */
			int fd = self->dev.fd;

			close(fd);
			usleep(50000);
			beside_stop(&callers[0]);
			beside_stop(&callers[1]);
			beside_stop(&driver);
			self->dev.fd = -1;
			guest_free(&self->dev.guest);
			break;
		}
		beside_stop(&callers[0]);
		beside_stop(&callers[1]);
		beside_stop(&driver);
		UNMAP(self->dev.guest.iova, self->dev.guest.size);
		ASSERT_EQ(0, MAP(self->dev.guest.iova, self->dev.guest.size,
				 self->dev.guest.memory, VHOST_ACCESS_RW));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
		EXPECT_EQ(0, READ());
		ASSERT_EQ(0, dev_stop(&self->dev));
	}
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

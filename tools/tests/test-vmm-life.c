// SPDX-License-Identifier: GPL-2.0-only
/* What a VMM can do while a device lives: pull away, kill, race. */
#include <signal.h>
#include <sys/eventfd.h>

#include "vmm.h"

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

/* Nothing is there: a request has no memory to end in, and nobody else's, either. */
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
	EXPECT_EQ(1, blk_do_chain(self->vq, bufs, 3));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	EXPECT_EQ(0, READ());
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
		/* Ours. */
		ASSERT_EQ(1, host_workers());
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
	case 0:
		vdpa_set_status(fd, 0);
		break;
	case 1:
		vdpa_set_status(fd, STATUS_FEATURES);
		break;
	case 2 ... 4:
		vdpa_set_status(fd, STATUS_RUNNING);
		break;
	case 5:
		vdpa_suspend(fd);
		break;
	case 6:
		vdpa_resume(fd);
		break;
	case 7:
		vdpa_set_vring_enable(fd, index, number & 64);
		break;
	case 8 ... 9:
		if (index < QUEUES)
			vq_setup(&self->dev.vqs[index], fd);
		break;
	case 10:
		vdpa_set_vring_kick(fd, index, number & 128 ? -1 : self->vq->kick);
		break;
	case 11:
		vdpa_set_vring_call(fd, index, number & 128 ? -1 : self->vq->call);
		break;
	case 12:
		vdpa_get_vring_base(fd, index);
		break;
	case 13:
		UNMAP(self->dev.guest.iova, self->dev.guest.size);
		break;
	case 14 ... 15:
		MAP(self->dev.guest.iova, self->dev.guest.size,
		    self->dev.guest.memory, VHOST_ACCESS_RW);
		break;
	case 16:
		vdpa_get_features(fd, &features);
		vdpa_set_features(fd, features);
		break;
	case 17:
		vdpa_get_config(fd, 0, sizeof(config), config);
		vdpa_set_config(fd, 0, sizeof(config), config);
		break;
	case 18:
		vdpa_set_config_call(fd, number & 128 ? -1 : self->vq->err);
		break;
	case 19:
		vdpa_batch_begin(fd);
		vdpa_batch_end(fd);
		break;
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

/* Two that call at random and one that drives, for half a second. */
struct riot {
	struct beside parts[3];
};

static int riot_start(struct riot *riot, FIXTURE_DATA(vmm) *self)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < 3; i++) {
		riot->parts[i] = (struct beside){
			.self = self, .act = i ? random_call : random_io,
		};
		ret = beside_start(&riot->parts[i]);
	}
	usleep(500000);
	return ret;
}

static void riot_stop(struct riot *riot)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		beside_stop(&riot->parts[i]);
}

TEST_F(vmm, V13_threads_at_once)
{
	struct riot riot;
	unsigned int turn;

	for (turn = 0; turn < 4; turn++) {
		ASSERT_EQ(0, dev_start(&self->dev));
		ASSERT_EQ(0, riot_start(&riot, self));
		riot_stop(&riot);

		ASSERT_EQ(0, UNMAP(self->dev.guest.iova, self->dev.guest.size));
		ASSERT_EQ(0, MAP(self->dev.guest.iova, self->dev.guest.size,
				 self->dev.guest.memory, VHOST_ACCESS_RW));
		ASSERT_EQ(0, dev_stop(&self->dev));
		ASSERT_EQ(0, dev_start(&self->dev));
		EXPECT_EQ(0, READ());
		ASSERT_EQ(0, dev_stop(&self->dev));
	}
}

TEST_F(vmm, V13_closed_under_all_of_them)
{
	struct riot riot;

	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, riot_start(&riot, self));
	close(self->dev.fd);
	usleep(50000);
	riot_stop(&riot);
	self->dev.fd = -1;
	guest_free(&self->dev.guest);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM can do with its guest's memory: maps that fail, batches, and what
 * is unmapped while it is used.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "disk.h"
#include "vmm.h"

#define FAR		(1ULL << 40)
#define RANGES_MAX	65536
#define CHUNK		(2 * MIB)

static uint8_t *anonymous(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* KiB that are charged for the guest's memory, which is mapped. */
#define GUEST_KIB	((long)self->dev.guest.size / 1024)

/* As many ranges as there may be, in one batch; the guest's memory is one. */
static int map_all(FIXTURE_DATA(vmm) *self)
{
	unsigned int i;
	int ret = vdpa_batch_begin(self->dev.fd);

	for (i = 1; !ret && i < RANGES_MAX; i++)
		ret = MAP(FAR + (i * 40503 & 0xffff) * 8192ULL, 4096, self->data,
			  VHOST_ACCESS_RW);
	return ret ? ret : vdpa_batch_end(self->dev.fd);
}

TEST_F(vmm, S10_as_many_ranges_as_there_may_be)
{
	double start = host_seconds(), took;
	long ever;

	if (host_patience() > 1)
		SKIP(return, "takes minutes where the kernel checks itself");
	/* In no order, which costs as much as in one. */
	ASSERT_EQ(0, map_all(self));
	took = host_seconds() - start;
	TH_LOG("%u ranges in %.2f s", RANGES_MAX, took);
	EXPECT_GT(15, took);
	EXPECT_EQ(GUEST_KIB + (RANGES_MAX - 1) * 4L, host_charged());

	/* One more is a hole, in a batch and not; nothing is pinned for it. */
	ever = host_pinned_ever();
	EXPECT_EQ(-EFAULT, MAP(1ULL << 50, 4096, self->data, VHOST_ACCESS_RW));
	EXPECT_EQ(ever, host_pinned_ever());
	EXPECT_EQ(-EFAULT, dev_start(&self->dev));
	EXPECT_EQ(0, UNMAP(1ULL << 50, 4096));
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	EXPECT_EQ(-EFAULT, MAP(1ULL << 50, 4096, self->data, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_EQ(ever, host_pinned_ever());
	EXPECT_EQ(-EFAULT, vdpa_set_status(self->dev.fd, STATUS_RUNNING));

	/* A reset forgives it, and memory is what it was. */
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
	EXPECT_EQ(0, UNMAP(FAR, 1ULL << 40));
	EXPECT_EQ(GUEST_KIB, host_charged());
	EXPECT_EQ(0, READ());
}

/* Pages of @size bytes at @memory that are there. */
static unsigned int resident(uint8_t *memory, size_t size)
{
	unsigned char *there = malloc(size / 4096);
	unsigned int i, pages = 0;

	mincore(memory, size, there);
	for (i = 0; i < size / 4096; i++)
		pages += there[i] & 1;
	free(there);
	return pages;
}

TEST_F(vmm, S10_refused_duplicate_touches_nothing)
{
	const size_t size = 64 * MIB;
	uint8_t *memory = anonymous(size);
	unsigned int batch;
	long ever;

	for (batch = 0; batch < 2; batch++) {
		if (batch)
			ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
		ever = host_pinned_ever();
		EXPECT_EQ(-EFAULT, MAP(self->dev.guest.iova, size, memory, VHOST_ACCESS_RW));
		EXPECT_EQ(0, resident(memory, size));
		EXPECT_EQ(ever, host_pinned_ever());
		EXPECT_EQ(GUEST_KIB, host_charged());
		if (batch)
			ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	}
	/* It is no hole: what was mapped there still is. */
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
	munmap(memory, size);
}

TEST_F(vmm, S10_failed_map_over_chunks)
{
	uint8_t *memory = anonymous(4 * CHUNK);
	uint8_t *start = (uint8_t *)(((uintptr_t)memory + CHUNK - 1) & ~(CHUNK - 1));
	long pins = host_pins();

	/* The hole is in the second chunk, when the first one is pinned. */
	ASSERT_EQ(0, munmap(start + CHUNK + 5 * 4096, 4096));
	EXPECT_EQ(-EFAULT, MAP(FAR, 2 * CHUNK, start, VHOST_ACCESS_RW));
	EXPECT_EQ(pins, host_pins());
	EXPECT_EQ(GUEST_KIB, host_charged());
	EXPECT_EQ(-EFAULT, dev_start(&self->dev));
}

TEST_F(vmm, S10_charge_of_a_batch)
{
	uint8_t *memory = anonymous(4 * MIB), *gone = anonymous(MIB);

	munmap(gone + MIB / 2, 4096);
	/* What is mapped in place of what goes is not charged twice, */
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(self->dev.guest.iova, self->dev.guest.size));
	ASSERT_EQ(0, MAP(FAR, MIB, memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, MAP(2 * FAR, MIB, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(GUEST_KIB, host_charged());
	/* not even when a part of it goes again, */
	ASSERT_EQ(0, UNMAP(2 * FAR, MIB));
	EXPECT_EQ(GUEST_KIB, host_charged());
	/* or what failed: it overlaps, or is not there. */
	EXPECT_EQ(-EFAULT, MAP(FAR + MIB / 2, MIB, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(GUEST_KIB, host_charged());
	EXPECT_EQ(-EFAULT, MAP(2 * FAR, MIB, gone, VHOST_ACCESS_RW));
	EXPECT_EQ(GUEST_KIB, host_charged());
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_EQ(1024, host_charged());

	/* Closed in a batch. */
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(FAR, MIB));
	ASSERT_EQ(0, MAP(FAR, MIB, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(1024, host_charged());
	dev_close(&self->dev);
	EXPECT_EQ(0, host_charged());
}

TEST_F(vmm, S10_failed_map_of_an_open_batch)
{
	uint8_t *gone = anonymous(2 * 4096);

	munmap(gone + 4096, 4096);
	/* A reset forgives what failed in a batch that is still open. */
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	EXPECT_EQ(-EFAULT, MAP(FAR, 8192, gone, VHOST_ACCESS_RW));
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
	ASSERT_EQ(0, dev_stop(&self->dev));

	/* What failed before the batch, and what the batch took away, likewise. */
	ASSERT_EQ(0, MAP(2 * FAR, 4096, self->data, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, MAP(FAR, 8192, gone, VHOST_ACCESS_RW));
	ASSERT_EQ(0, MAP(FAR / 2, 4096, self->data, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(2 * FAR, 4096));
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(GUEST_KIB + 4, host_charged());
	EXPECT_EQ(-EFAULT, MAP(FAR / 2, 4096, self->data, VHOST_ACCESS_RW));
	EXPECT_EQ(0, MAP(2 * FAR, 4096, self->data, VHOST_ACCESS_RW));

	/* Without one the device does not start, until the map is repaired. */
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	EXPECT_EQ(-EFAULT, MAP(FAR, 8192, gone, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_EQ(-EFAULT, dev_start(&self->dev));
	EXPECT_EQ(0, MAP(FAR, 4096, gone, VHOST_ACCESS_RW));
	EXPECT_EQ(0, vdpa_set_status(self->dev.fd, STATUS_RUNNING));
}

TEST_F(vmm, S16_memory_with_holes)
{
	const struct dev_options holes = {
		.queues = QUEUES, .queue_size = 64, .attach_flags = VPIN_ATTACH_HOLES,
	};
	uint8_t *gone = anonymous(4 * 4096);
	struct vq_buf bufs[3];

	munmap(gone + 2 * 4096, 4096);
	/* Without the option the device does not start. */
	EXPECT_EQ(-EFAULT, MAP(FAR, 4 * 4096, gone, VHOST_ACCESS_RW));
	EXPECT_EQ(-EFAULT, dev_start(&self->dev));
	dev_close(&self->dev);

	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &holes));
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	EXPECT_EQ(-EFAULT, MAP(FAR, 4 * 4096, gone, VHOST_ACCESS_RW));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());

	/* Who needs the hole is told so. */
	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	self->request.header->sector = 0;
	bufs[0] = (struct vq_buf){ guest_iova(&self->dev.guest, self->request.header), 16, false };
	bufs[1] = (struct vq_buf){ FAR, 4096, true };
	bufs[2] = (struct vq_buf){ guest_iova(&self->dev.guest, self->request.status), 1, true };
	*self->request.status = VIRTIO_BLK_S_OK;
	EXPECT_EQ(1, blk_do_chain(self->vq, bufs, 3));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	EXPECT_EQ(0, READ());
}

/* What goes on in the middle of a page is no ring: see what is mapped there. */
TEST_F(vmm, V06_ring_that_goes_on_in_the_middle_of_a_page)
{
	struct guest *guest = &self->dev.guest;
	uint64_t cut = (uint8_t *)&self->vq->desc[32] - guest->memory;
	uint64_t end = (uint8_t *)&self->vq->desc[64] - guest->memory;
	struct vring_used_elem elem;

	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(guest->iova, guest->size));
	ASSERT_EQ(0, MAP(guest->iova, cut, guest->memory, VHOST_ACCESS_RW));
	/* The second half of the descriptors is somewhere else in its page. */
	ASSERT_EQ(0, MAP(guest->iova + cut, end - cut, guest->memory + cut + 2048,
			 VHOST_ACCESS_RW));
	ASSERT_EQ(0, MAP(guest->iova + end, guest->size - end, guest->memory + end,
			 VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data, 4096));
	vq_publish(self->vq);
	vq_kick(self->vq);
	EXPECT_EQ(-ETIMEDOUT, vq_wait(self->vq, &elem, 200));
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);

	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(guest->iova, guest->size));
	ASSERT_EQ(0, MAP(guest->iova, guest->size, guest->memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
}

TEST_F(vmm, V16_batch_end_by_another_than_the_owner)
{
	int status;
	pid_t child;

	ASSERT_EQ(0, vdpa_batch_begin(self->dev.fd));
	ASSERT_EQ(0, UNMAP(self->dev.guest.iova, self->dev.guest.size));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(vdpa_batch_end(self->dev.fd) == -EFAULT &&
		      vdpa_batch_begin(self->dev.fd) == -EFAULT ? 0 : 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* It is still open: what it unmapped is there. */
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
	ASSERT_EQ(0, MAP(self->dev.guest.iova, self->dev.guest.size, self->dev.guest.memory,
			 VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->dev.fd));
	EXPECT_EQ(0, READ());
}

TEST_F(vmm, V09_killed_while_it_pins)
{
	const size_t size = 256 * MIB;
	long pins = host_pins(), ever = host_pinned_ever(), had;
	unsigned int turn;
	double start;
	int status;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
				       MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		int fd = vpin_open();
		uint64_t at;

		vpin_attach_default(fd, self->backend, 0);
		vdpa_set_owner(fd);
		/* The same memory in ever other places: who lives is never done. */
		for (at = 0; ; at += size)
			if (vdpa_map(fd, MSG_V2, at, size, memory, VHOST_ACCESS_RW))
				_exit(1);
	}
	while (host_pinned_ever() - ever < 4096)
		usleep(100);
	start = host_seconds();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	had = host_pinned_ever() - ever;
	TH_LOG("dead after %.3f s with %ld pages", host_seconds() - start, had);
	EXPECT_GT(5, host_seconds() - start);
	EXPECT_EQ(pins, host_pins());
	/* A thread is in the list of tasks for a moment when all else is over. */
	for (turn = 0; turn < 100 && host_workers(); turn++)
		usleep(10000);
}

/* A disk whose requests take a while, and whose data moves at its end. */
struct slow {
	int fd;
	int disk;
};

#define SLOW_MS	1500

static int slow_open(struct slow *slow)
{
	char command[256];

	slow->disk = nullb_create("slow", 16, "blocksize=512");
	if (slow->disk < 0)
		return slow->disk;
	snprintf(command, sizeof(command),
		 "dmsetup create vpin_delay --noudevsync --table '0 32768 delay /dev/vpin-slow 0 %d' >/dev/null",
		 SLOW_MS);
	if (system(command)) {
		close(slow->disk);
		nullb_remove("slow");
		return -EIO;
	}
	system("dmsetup mknodes vpin_delay >/dev/null 2>&1");
	slow->fd = open("/dev/mapper/vpin_delay", O_RDWR | O_DIRECT | O_CLOEXEC);
	return slow->fd < 0 ? -errno : 0;
}

static void slow_close(struct slow *slow)
{
	close(slow->fd);
	system("dmsetup remove --noudevsync vpin_delay >/dev/null 2>&1 || sleep 1; dmsetup remove --noudevsync vpin_delay >/dev/null 2>&1");
	close(slow->disk);
	nullb_remove("slow");
}

/* In place of the fixture's: a device on @slow, whose sectors hold a pattern. */
static int reopen_slow(FIXTURE_DATA(vmm) *self, struct slow *slow)
{
	uint8_t *pattern = anonymous(MIB);
	int ret;

	dev_close(&self->dev);
	ret = slow_open(slow);
	if (ret)
		return ret;
	pattern_fill(pattern, MIB, 0, 7);
	if (pwrite(slow->disk, pattern, MIB, 0) != (ssize_t)MIB || fsync(slow->disk))
		return -EIO;
	munmap(pattern, MIB);
	ret = dev_run(&self->dev, slow->fd, &two_queues);
	if (!ret)
		blk_init(&self->request, &self->dev.guest);
	return ret;
}

/* Starts a read of 1 MiB into @iova, which will take a while. */
static void start_read(FIXTURE_DATA(vmm) *self, uint64_t iova)
{
	const struct vq_buf bufs[] = {
		{ guest_iova(&self->dev.guest, self->request.header), 16, false },
		{ iova, MIB, true },
		{ guest_iova(&self->dev.guest, self->request.status), 1, true },
	};

	self->request.header->type = htole32(VIRTIO_BLK_T_IN);
	self->request.header->sector = 0;
	*self->request.status = BLK_NO_STATUS;
	vq_add(self->vq, bufs, 3);
	vq_publish(self->vq);
	usleep(SLOW_MS * 1000 / 15);
}

TEST_F(vmm, V08_pins_of_requests_in_flight)
{
	struct vring_used_elem elem;
	struct guest extra;
	struct slow slow;
	double start;
	long pins;

	ASSERT_EQ(0, reopen_slow(self, &slow));
	ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
	ASSERT_EQ(0, MAP(extra.iova, extra.size, extra.memory, VHOST_ACCESS_RW));
	pins = host_pins();
	start_read(self, extra.iova);
	ASSERT_EQ(BLK_NO_STATUS, *self->request.status);

	/* Unmapping waits for nobody, and unpins nothing that is used. */
	start = host_seconds();
	ASSERT_EQ(0, UNMAP(extra.iova, extra.size));
	EXPECT_GT(SLOW_MS / 1000. / 2, host_seconds() - start);
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);
	EXPECT_EQ(pins, host_pins());
	EXPECT_EQ(GUEST_KIB + 1024, host_charged());
	EXPECT_TRUE(all_bytes_are(extra.memory, MIB, 0));

	/* The data lands where it was to. */
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
	EXPECT_TRUE(pattern_is(extra.memory, MIB, 0, 7));
	EXPECT_EQ(0, vdpa_suspend(self->dev.fd));
	EXPECT_EQ(pins - 256, host_pins());
	EXPECT_EQ(GUEST_KIB, host_charged());
	guest_free(&extra);
	dev_close(&self->dev);
	slow_close(&slow);
}

TEST_F(vmm, V09_memory_that_is_gone_under_requests_in_flight)
{
	struct vring_used_elem elem;
	uint8_t *others[8];
	struct guest extra;
	struct slow slow;
	unsigned int i;
	long pins;

	ASSERT_EQ(0, reopen_slow(self, &slow));
	ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
	ASSERT_EQ(0, MAP(extra.iova, extra.size, extra.memory, VHOST_ACCESS_RW));
	pins = host_pins();
	start_read(self, extra.iova);
	ASSERT_EQ(BLK_NO_STATUS, *self->request.status);

	/* Unmapped here and there, and freed, but for the pins. */
	ASSERT_EQ(0, UNMAP(extra.iova, extra.size));
	guest_free(&extra);
	EXPECT_EQ(pins, host_pins());
	/* Who gets memory now does not get that. */
	for (i = 0; i < 8; i++) {
		others[i] = anonymous(MIB);
		memset(others[i], 0x33, MIB);
	}
	if (*self->request.status != BLK_NO_STATUS)
		TH_LOG("too slow: the request has ended before others got memory");
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
	for (i = 0; i < 8; i++) {
		EXPECT_TRUE(all_bytes_are(others[i], MIB, 0x33));
		munmap(others[i], MIB);
	}
	EXPECT_EQ(0, vdpa_suspend(self->dev.fd));
	EXPECT_EQ(pins - 256, host_pins());
	dev_close(&self->dev);
	slow_close(&slow);
}

/* Given back by a balloon, in place of what is unmapped. */
TEST_F(vmm, V38_pages_that_go_under_requests_in_flight)
{
	struct vring_used_elem elem;
	uint8_t *others[8];
	struct guest extra;
	struct slow slow;
	unsigned int i;
	long pins;

	ASSERT_EQ(0, reopen_slow(self, &slow));
	ASSERT_EQ(0, guest_init(&extra, MIB, 1ULL << 32));
	ASSERT_EQ(0, MAP(extra.iova, extra.size, extra.memory, VHOST_ACCESS_RW));
	pins = host_pins();
	start_read(self, extra.iova);
	ASSERT_EQ(BLK_NO_STATUS, *self->request.status);

	ASSERT_EQ(0, fallocate(extra.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, MIB));
	memset(extra.memory, 0x44, MIB);
	for (i = 0; i < 8; i++) {
		others[i] = anonymous(MIB);
		memset(others[i], 0x33, MIB);
	}
	/* What is used stays pinned and charged, in addition to what came. */
	usleep(SLOW_MS * 1000 / 5);
	EXPECT_EQ(pins, host_pins());
	EXPECT_EQ(GUEST_KIB + 2 * 1024, host_charged());
	EXPECT_EQ(BLK_NO_STATUS, *self->request.status);
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
	/* It ended in pages that are nobody's any more. */
	EXPECT_TRUE(all_bytes_are(extra.memory, MIB, 0x44));
	for (i = 0; i < 8; i++) {
		EXPECT_TRUE(all_bytes_are(others[i], MIB, 0x33));
		munmap(others[i], MIB);
	}
	EXPECT_EQ(pins - 256, host_pins());
	EXPECT_EQ(GUEST_KIB + 1024, host_charged());

	/* The next one has the data where it belongs. */
	start_read(self, extra.iova);
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
	EXPECT_TRUE(pattern_is(extra.memory, MIB, 0, 7));
	EXPECT_EQ(pins, host_pins());
	dev_close(&self->dev);
	guest_free(&extra);
	slow_close(&slow);
}

/* The number of an eventfd, the lowest that is free; -1 without one. */
static int eventfd_id(int fd)
{
	char path[64], line[128];
	int id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "eventfd-id: %d", &id);
	if (file)
		fclose(file);
	return id;
}

static int fresh_eventfd_id(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int id = eventfd_id(fd);

	close(fd);
	return id;
}

static long open_files(void)
{
	FILE *file = fopen("/proc/sys/fs/file-nr", "r");
	long files = -1;

	if (file) {
		fscanf(file, "%ld", &files);
		fclose(file);
	}
	return files;
}

TEST_F(vmm, V05_references_of_eventfds)
{
	int id = fresh_eventfd_id();
	long files = open_files();
	unsigned int i;

	/* Each is a new one that nobody else has; also such that are refused. */
	ASSERT_LE(0, id);
	for (i = 0; i < 10000; i++) {
		int fd = eventfd(0, EFD_CLOEXEC), none = memfd_create("none", MFD_CLOEXEC);

		ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_vring_err(self->dev.fd, 0, fd));
		ASSERT_EQ(0, vdpa_set_config_call(self->dev.fd, fd));
		ASSERT_EQ(-ENOBUFS, vdpa_set_vring_kick(self->dev.fd, QUEUES, fd));
		ASSERT_EQ(-EINVAL, vdpa_set_vring_kick(self->dev.fd, 0, none));
		ASSERT_EQ(-EINVAL, vdpa_set_vring_call(self->dev.fd, 0, none));
		ASSERT_EQ(-EINVAL, vdpa_set_config_call(self->dev.fd, none));
		close(fd);
		close(none);
	}
	ASSERT_EQ(0, vdpa_set_vring_kick(self->dev.fd, 0, -1));
	ASSERT_EQ(0, vdpa_set_vring_call(self->dev.fd, 0, -1));
	ASSERT_EQ(0, vdpa_set_vring_err(self->dev.fd, 0, -1));
	ASSERT_EQ(0, vdpa_set_config_call(self->dev.fd, -1));
	/* Files end a little after they are closed; others may open some. */
	for (i = 0; i < 50 && open_files() > files + 100; i++)
		usleep(100000);
	EXPECT_GT(files + 200, open_files());
	EXPECT_GT(id + 100, fresh_eventfd_id());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk costs, and whom: memory of its queues (T02), and I/O that others do
 * for its owner (T05).  Who tells is the owner's cgroup.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

#define ROOT	"/sys/fs/cgroup"
#define CGROUP	ROOT "/vpin-cost"

/* A number behind a word of a file of the cgroup. */
static long cgroup_has(const char *file, const char *word)
{
	char path[128], line[256];
	long value = -1, sum = 0;
	char *at;
	FILE *stat;

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	stat = fopen(path, "r");
	if (!stat)
		return -1;
	while (fgets(line, sizeof(line), stat)) {
		at = strstr(line, word);
		if (at && (at == line || at[-1] == ' ') &&
		    sscanf(at + strlen(word), "%*[ =]%ld", &value) == 1)
			sum += value;
	}
	fclose(stat);
	return sum;
}

/* Bytes that the kernel keeps for the cgroup. */
static long kernel_memory(void)
{
	/* The counters are flushed every 2 s, or when they are asked for. */
	return cgroup_has("memory.stat", "kernel");
}

FIXTURE(cost) {
	int backend;
	struct rig rig;
};

FIXTURE_SETUP(cost)
{
	self->rig.dev.fd = -1;
	self->backend = -1;
	if (access(ROOT "/cgroup.procs", F_OK))
		mount("cgroup2", ROOT, "cgroup2", 0, NULL);
	file_set(ROOT "/cgroup.subtree_control", "+memory");
	file_set(ROOT "/cgroup.subtree_control", "+io");
	mkdir(CGROUP, 0755);
	if (access(CGROUP "/memory.stat", F_OK))
		SKIP(return, "no memory cgroup");
	ASSERT_EQ(0, file_set(CGROUP "/cgroup.procs", "0"));
}

FIXTURE_TEARDOWN(cost)
{
	rig_close(&self->rig);
	if (self->backend >= 0)
		close(self->backend);
	file_set(ROOT "/cgroup.procs", "0");
	rmdir(CGROUP);
}

/* What may be kept, in KiB: kernels that check themselves keep more of each object. */
static long at_most(long kib)
{
	return host_patience() > 1 ? 2 * kib : kib;
}

#define QUEUES	8

/*
 * A thread of the owner's: its stack, and what the kernel keeps of it.  And what the
 * kernel's allocators round up, which differs from run to run by some pages.
 */
#define THREAD_KIB	28
#define ROUND_KIB	32

/* KiB that starting a queue of @num entries takes, on average of 8. */
static long queue_kib(FIXTURE_DATA(cost) *self, unsigned int num)
{
	const struct dev_options options = {
		.queues = QUEUES, .queue_size = num, .memory = 16 * MIB,
	};
	long before = kernel_memory(), after;

	if (dev_run(&self->rig.dev, self->backend, &options))
		return -1;
	after = kernel_memory();
	dev_close(&self->rig.dev);
	return (after - before) / QUEUES / 1024;
}

/* What Documentation/architecture.rst says, bounce buffers and device included. */
TEST_F(cost, T02_memory_of_a_queue)
{
	long kib;

	self->backend = backend_device("/dev/ram3");
	ASSERT_LE(0, self->backend);
	/* What is made once for all. */
	queue_kib(self, 64);
	kib = queue_kib(self, 1024);
	TH_LOG("%ld KiB for a queue of 1024", kib);
	EXPECT_LT(300, kib);
	EXPECT_GE(at_most(512 + THREAD_KIB + ROUND_KIB + 4 * 68 / QUEUES), kib);
	kib = queue_kib(self, 256);
	TH_LOG("%ld KiB for a queue of 256", kib);
	EXPECT_GE(at_most(240 + THREAD_KIB + ROUND_KIB), kib);
}

static unsigned int kernel_threads(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int nr = 0;

	while ((entry = readdir(proc))) {
		char path[300], line[64];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%.200s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		nr += fgets(line, sizeof(line), file) && !strncmp(line, "kworker/", 8);
		fclose(file);
	}
	closedir(proc);
	return nr;
}

/* As many long requests as a ring holds, into a file system that is frozen. */
TEST_F(cost, T02_long_requests_that_wait)
{
	enum { NR = 1000, PIECES = 62 };
	const struct dev_options options = { .queue_size = 1024, .memory = 32 * MIB };
	static struct blk_request requests[NR];
	struct vq_buf bufs[PIECES + 2];
	struct vring_used_elem elem;
	unsigned int threads, i, j;
	long before, after;
	struct vq *vq;
	int root;

	self->backend = backend_file("/tmp/ext4", 4 * MIB);
	root = open("/tmp/ext4", O_RDONLY);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	vq = &self->rig.dev.vqs[0];
	ASSERT_EQ(0, rig_write(&self->rig, 0, 4096, 1));
	/* Pieces that are no neighbours. */
	for (j = 0; j < PIECES; j++)
		bufs[j + 1] = (struct vq_buf){
			guest_iova(&self->rig.dev.guest, self->rig.data + 8192 * j), 512, false,
		};
	for (i = 0; i < NR; i++) {
		blk_init(&requests[i], &self->rig.dev.guest);
		requests[i].header->type = htole32(VIRTIO_BLK_T_OUT);
		bufs[0] = (struct vq_buf){
			guest_iova(&self->rig.dev.guest, requests[i].header), 16, false };
		bufs[PIECES + 1] = (struct vq_buf){
			guest_iova(&self->rig.dev.guest, requests[i].status), 1, true };
		ASSERT_LE(0, vq_add(vq, bufs, PIECES + 2));
	}
	before = kernel_memory();
	threads = kernel_threads();
	ASSERT_EQ(0, ioctl(root, FIFREEZE, 0));
	vq_publish(vq);
	usleep(500000);
	after = kernel_memory();
	threads = kernel_threads() - threads;
	ASSERT_EQ(0, ioctl(root, FITHAW, 0));
	TH_LOG("%ld KiB, %u threads", (after - before) / 1024, threads);
	EXPECT_GE(at_most(256), (after - before) / 1024);
	EXPECT_GE(24, (int)threads);
	for (i = 0; i < NR; i++)
		ASSERT_EQ(0, vq_wait(vq, &elem, VQ_TIMEOUT_MS));
	for (i = 0; i < NR; i++)
		ASSERT_EQ(0, *requests[i].status);
	close(root);
}

/* Bytes of io.stat that are written meanwhile, in MiB. */
static long written(FIXTURE_DATA(cost) *self, uint64_t flags, unsigned int offset)
{
	const struct dev_options options = { .attach_flags = flags, .memory = 24 * MIB };
	static struct load load;
	long before;

	self->backend = backend_file("/tmp/ext4", 16 * MIB);
	if (self->backend < 0 || dev_run(&self->rig.dev, self->backend, &options))
		return -1;
	blk_init(&self->rig.request, &self->rig.dev.guest);
	load_init(&load, &self->rig.dev, 16, MIB, offset);
	before = cgroup_has("io.stat", "wbytes");
	if (load_start(&load, VIRTIO_BLK_T_OUT, 1) || load_wait(&load) || rig_flush(&self->rig))
		return -1;
	return (cgroup_has("io.stat", "wbytes") - before) >> 20;
}

TEST_F(cost, T05_direct)
{
	EXPECT_LE(16, written(self, 0, 0));
}

TEST_F(cost, T05_data_that_bounces)
{
	EXPECT_LE(16, written(self, 0, 1));
}

TEST_HARNESS_MAIN

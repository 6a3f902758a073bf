// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nobody feels another: what becomes of an owner, of his backend and of his
 * devices keeps no one else, and each can be killed whatever the others are at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define DRAIN_MS	500	/* how long a close waits here */
#define DEVICES		6
#define DM		"alone"

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a child to be gone: how long it took, or -ETIMEDOUT. */
static long gone(pid_t child, int timeout_ms)
{
	long start = now_ms();

	while (waitpid(child, NULL, WNOHANG) != child) {
		if (now_ms() - start > timeout_ms)
			return -ETIMEDOUT;
		usleep(10000);
	}
	return now_ms() - start;
}

static long killed(pid_t child, int timeout_ms)
{
	kill(child, SIGKILL);
	return gone(child, timeout_ms);
}

/* A child that says when it is ready, and then waits for ever. */
static pid_t fork_ready(void (*fn)(void *arg), void *arg)
{
	int ready[2];
	pid_t child;
	char c = 0;

	if (pipe(ready))
		return -errno;
	child = fork();
	if (!child) {
		close(ready[0]);
		fn(arg);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (child > 0 && read(ready[0], &c, 1) != 1)
		child = -EIO;
	close(ready[0]);
	return child;
}

static int dm_path(char *path)
{
	unsigned int minor;
	FILE *info;
	int got;

	info = popen("dmsetup info -c --noheadings -o minor " DM, "r");
	got = info ? fscanf(info, "%u", &minor) : 0;
	if (info)
		pclose(info);
	return got == 1 ? sprintf(path, "/dev/dm-%u", minor) : -EIO;
}

static int dm_suspend(void)
{
	return system("dmsetup suspend --noflush --nolockfs " DM);
}

static int dm_resume(void)
{
	return system("dmsetup resume " DM);
}

FIXTURE(alone) {
	char path[64];
	long pins;
};

FIXTURE_SETUP(alone)
{
	ASSERT_EQ(0, file_set("/sys/module/vhost_pin/parameters/drain_ms", "500"));
	ASSERT_EQ(0, system("dmsetup create " DM " --table '0 65536 linear /dev/ram2 0'"));
	ASSERT_LT(0, dm_path(self->path));
	self->pins = host_pins();
}

FIXTURE_TEARDOWN(alone)
{
	int tries = 100;

	dm_resume();
	while (host_pins() != self->pins && tries--)
		usleep(50000);
	EXPECT_EQ(self->pins, host_pins());
	/* What is left of a device after that does not wait. */
	usleep(500000);
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, system("dmsetup remove --retry " DM));
	file_set("/sys/module/vhost_pin/parameters/drain_ms", "5000");
}

struct vmm {
	const char *path;
	uint64_t flags;
	unsigned int devices;
	int (*before)(void);
	int (*after)(struct rig *rig);
	bool write;
	struct rig rigs[DEVICES];
};

/* A VMM of @devices, each with a request. */
static void vmm_run(void *arg)
{
	const struct dev_options options = { .attach_flags = ((struct vmm *)arg)->flags };
	struct vmm *vmm = arg;
	unsigned int i;

	for (i = 0; i < vmm->devices; i++) {
		struct rig *rig = &vmm->rigs[i];
		int fd = open(vmm->path, O_RDWR);

		if (fd < 0 || rig_run(rig, fd, &options)) {
			perror("vmm");
			_exit(1);
		}
		close(fd);
		if (vmm->write && rig_write(rig, 0, 4096, 1))
			_exit(1);
	}
	if (vmm->before && vmm->before())
		_exit(1);
	for (i = 0; i < vmm->devices && vmm->after; i++) {
		if (vmm->after(&vmm->rigs[i]))
			_exit(1);
	}
}

static int begin(struct rig *rig)
{
	int ret = blk_add(&rig->dev.vqs[0], &rig->request, VIRTIO_BLK_T_OUT, 0,
			  rig->data, 4096);

	vq_publish(&rig->dev.vqs[0]);
	usleep(50000);
	return ret;
}

/* In so many milliseconds, while its disk does not answer; then it does again. */
#define EXPECT_KILLED(child, timeout_ms) do {				\
	long took = killed(child, timeout_ms);				\
									\
	TH_LOG("killed in %ld ms", took);				\
	EXPECT_LE(0, took);						\
	dm_resume();							\
	if (took < 0)							\
		gone(child, 5000);					\
} while (0)

/* However many devices wait for their backend, it is one wait. */
TEST_F(alone, many_devices)
{
	static struct vmm vmm = { .devices = DEVICES, .before = dm_suspend, .after = begin };
	long took;
	pid_t child;

	vmm.path = self->path;
	child = fork_ready(vmm_run, &vmm);
	ASSERT_LT(0, child);
	took = killed(child, 10000);
	TH_LOG("killed in %ld ms", took);
	EXPECT_LE(0, took);
	EXPECT_GT(DRAIN_MS * 2, took);
}

/* What was written is in the page cache of a disk that answers no more. */
TEST_F(alone, dirty_and_suspended)
{
	static struct vmm vmm = {
		.devices = 1, .before = dm_suspend, .write = true,
	};
	pid_t child;

	vmm.path = self->path;
	vmm.flags = VPIN_ATTACH_BUFFERED;
	child = fork_ready(vmm_run, &vmm);
	ASSERT_LT(0, child);
	EXPECT_KILLED(child, 5000);
}

static int reset_of_a_child(struct rig *rig)
{
	pid_t child;
	int ret = begin(rig);

	child = fork();
	if (!child) {
		vdpa_set_status(rig->dev.fd, 0);
		_exit(0);
	}
	usleep(100000);
	return ret;
}

/* Who looks at a device that somebody is resetting. */
TEST_F(alone, debugfs_while_it_waits)
{
	static struct vmm vmm = { .devices = 1, .before = dm_suspend, .after = reset_of_a_child };
	pid_t child, reader;

	vmm.path = self->path;
	child = fork_ready(vmm_run, &vmm);
	ASSERT_LT(0, child);
	reader = fork();
	if (!reader) {
		execlp("sh", "sh", "-c", "exec cat /sys/kernel/debug/vhost_pin/*/state >/dev/null", NULL);
		_exit(1);
	}
	usleep(200000);
	EXPECT_LE(0, killed(reader, 2000));
	dm_resume();
	usleep(100000);
	killed(child, 5000);
}

/* Of a process that is not ours to wait for: gone, or a zombie. */
static bool is_gone(pid_t pid)
{
	char path[64], state = 'Z';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	fclose(file);
	return state == 'Z';
}

/* The owner is stopped when somebody else, who has the file, closes it last. */
TEST_F(alone, closed_by_another_while_the_owner_is_stopped)
{
	static struct vmm vmm = { .devices = 1 };
	pid_t owner, other;
	int pids[2];

	vmm.path = self->path;
	ASSERT_EQ(0, pipe(pids));
	owner = fork();
	if (!owner) {
		vmm_run(&vmm);
		other = fork();
		if (!other) {
			usleep(600000);
			close(vmm.rigs[0].dev.fd);
			_exit(0);
		}
		close(vmm.rigs[0].dev.fd);
		if (write(pids[1], &other, sizeof(other)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(sizeof(other), read(pids[0], &other, sizeof(other)));
	kill(owner, SIGSTOP);
	usleep(1500000);
	kill(other, SIGKILL);
	usleep(1000000);
	EXPECT_TRUE(is_gone(other));
	kill(owner, SIGCONT);
	usleep(200000);
	killed(owner, 5000);
}

/* A file in many pieces, of which the file system has forgotten where they are. */
static int fragment(const char *path)
{
	static char block[4096];
	unsigned int i;
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, 16 << 20))
		return -errno;
	for (i = 0; i < 2000; i++) {
		memset(block, i, sizeof(block));
		if (pwrite(fd, block, sizeof(block), i * 8192) != sizeof(block))
			return -errno;
	}
	fsync(fd);
	close(fd);
	return 0;
}

static int begin_read(struct rig *rig)
{
	int ret = blk_add(&rig->dev.vqs[0], &rig->request, VIRTIO_BLK_T_IN,
			  1500 * 16, rig->data, 4096);

	vq_publish(&rig->dev.vqs[0]);
	usleep(200000);
	return ret;
}

TEST_F(alone, file_in_pieces)
{
	static struct vmm vmm = { .devices = 1, .before = dm_suspend, .after = begin_read };
	char command[256];
	pid_t child;

	snprintf(command, sizeof(command), "mkdir -p /tmp/alone && mkfs.ext4 -q -F %s && mount %s /tmp/alone",
		 self->path, self->path);
	ASSERT_EQ(0, system(command));
	ASSERT_EQ(0, fragment("/tmp/alone/image"));
	ASSERT_EQ(0, umount("/tmp/alone"));
	snprintf(command, sizeof(command), "mount %s /tmp/alone", self->path);
	ASSERT_EQ(0, system(command));
	vmm.path = "/tmp/alone/image";
	child = fork_ready(vmm_run, &vmm);
	ASSERT_LT(0, child);
	EXPECT_EQ(0, host_busy_workers());
	EXPECT_KILLED(child, 5000);
	usleep(500000);
	EXPECT_EQ(0, umount("/tmp/alone"));
}

/* An attach that writes back what the host has written. */
TEST_F(alone, attach_to_a_suspended_disk)
{
	static uint8_t data[4096];
	const struct dev_options options = {};
	struct rig rig;
	pid_t child;
	int fd;

	fd = open(self->path, O_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_EQ(4096, pwrite(fd, data, 4096, 0));
	ASSERT_EQ(0, dm_suspend());
	child = fork();
	if (!child) {
		rig_run(&rig, fd, &options);
		_exit(0);
	}
	usleep(300000);
	EXPECT_KILLED(child, 3000);
	close(fd);
}

TEST_HARNESS_MAIN

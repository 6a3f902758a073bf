// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/class/vhost-pin: what is shown is what was done, to the request; everybody
 * may read it, at any time, and holds nobody up by that.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "forget.h"
#include "reader.h"
#include "rig.h"
#include "shown.h"

#define DRAIN_MS	"/sys/module/vhost_pin/parameters/drain_ms"
#define NOBODY		65534
#define TIMES		40

static const char serial[] = "sysfs-0123456789";

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

FIXTURE(sysfs) {
	int backend;
	struct rig rig;
	struct vq *vq;
	char path[64];			/* of the device's directory */
};

FIXTURE_SETUP(sysfs)
{
	const struct dev_options options = { .queues = 2, .serial = serial,
					     .without = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) };

	self->backend = nullb_create("sysfs", 16, "discard=1");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	self->vq = &self->rig.dev.vqs[0];
	ASSERT_EQ(0, shown_find(getpid(), self->path, sizeof(self->path)));
}

FIXTURE_TEARDOWN(sysfs)
{
	if (self->rig.dev.fd >= 0)
		rig_close(&self->rig);
	EXPECT_EQ(-1, access(self->path, F_OK));
	close(self->backend);
	nullb_remove("sysfs");
}

/* A file of the device's, by its name there; "" if it cannot be read. */
static const char *text(FIXTURE_DATA(sysfs) *self, const char *name)
{
	static char buffer[8192];
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", self->path, name);
	if (shown(path, buffer, sizeof(buffer)))
		buffer[0] = 0;
	return buffer;
}

static unsigned long long number(FIXTURE_DATA(sysfs) *self, const char *name)
{
	const char *is = text(self, name);
	char *end;
	unsigned long long value = strtoull(is, &end, 0);

	return end == is || *end ? ~0ULL : value;
}

/* A counter of queue 0. */
static unsigned long long counter(FIXTURE_DATA(sysfs) *self, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "queues/0/%s", name);
	return number(self, path);
}

/* Queue 0's histogram; returns its sum. */
static unsigned long long times(FIXTURE_DATA(sysfs) *self, unsigned long long *buckets)
{
	const char *at = text(self, "queues/0/latency");
	unsigned long long sum = 0;
	int i, n;

	for (i = 0; i < TIMES; i++, at += n) {
		if (sscanf(at, "%llu%n", &buckets[i], &n) != 1)
			return ~0ULL;
		sum += buckets[i];
	}
	return *at ? ~0ULL : sum;
}

/* The worker may count its own turn a moment after the client has its answer. */
static bool comes_to(FIXTURE_DATA(sysfs) *self, const char *name, unsigned long long value)
{
	long end = now_ms() + 5000;

	while (counter(self, name) != value) {
		if (now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

#define EXPECT_COUNT(name, value) \
	EXPECT_TRUE(comes_to(self, name, value)) \
		TH_LOG("%s is %llu, not %llu", name, counter(self, name), \
		       (unsigned long long)(value))

TEST_F(sysfs, says_what_the_device_is)
{
	char wanted[64];

	EXPECT_STREQ("/dev/vpin-sysfs", text(self, "backend"));
	EXPECT_STREQ("block", text(self, "backend_type"));
	EXPECT_STREQ("blk", text(self, "type"));
	EXPECT_EQ(16 * MIB, number(self, "capacity"));
	EXPECT_EQ(512, number(self, "logical_block_size"));
	EXPECT_EQ(512, number(self, "physical_block_size"));
	EXPECT_STREQ("rw", text(self, "access"));
	EXPECT_STREQ("write-back", text(self, "cache"));
	EXPECT_STREQ("0", text(self, "buffered"));
	EXPECT_STREQ("0", text(self, "polled"));
	EXPECT_STREQ(serial, text(self, "serial"));
	EXPECT_STREQ("running", text(self, "state"));
	EXPECT_EQ(getpid(), number(self, "owner"));
	EXPECT_STREQ("0x0f", text(self, "status"));
	snprintf(wanted, sizeof(wanted), "0x%llx",
		 (unsigned long long)self->rig.dev.features);
	EXPECT_STREQ(wanted, text(self, "features"));
	EXPECT_EQ(2, number(self, "nr_queues"));
	EXPECT_EQ(0, number(self, "log"));
	EXPECT_STREQ("running", text(self, "queues/1/state"));
	EXPECT_EQ(256, number(self, "queues/1/size"));
	EXPECT_STREQ("", text(self, "queues/2/state"));
}

/* The threads are those that the host has. */
TEST_F(sysfs, says_which_threads_serve)
{
	int ids[8], n = host_worker_ids(ids, 8);
	char first[32], other[32];
	long end = now_ms() + 5000;

	ASSERT_EQ(2, n);
	snprintf(first, sizeof(first), "%d %d", ids[0], ids[1]);
	snprintf(other, sizeof(other), "%d %d", ids[1], ids[0]);
	/* One that has never run has no id to show. */
	while (!strchr(text(self, "workers"), ' ') && now_ms() < end)
		usleep(1000);
	EXPECT_TRUE(!strcmp(text(self, "workers"), first) ||
		    !strcmp(text(self, "workers"), other))
		TH_LOG("%s for %s", text(self, "workers"), first);
}

TEST_F(sysfs, follows_the_states)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, vdpa_suspend(rig->dev.fd));
	EXPECT_STREQ("suspended", text(self, "state"));
	EXPECT_STREQ("enabled", text(self, "queues/0/state"));
	ASSERT_EQ(0, dev_stop(&rig->dev));
	EXPECT_STREQ("owned", text(self, "state"));
	EXPECT_STREQ("0x00", text(self, "status"));
	EXPECT_STREQ("0x0", text(self, "features"));
	EXPECT_STREQ("disabled", text(self, "queues/0/state"));
	EXPECT_EQ(0, number(self, "queues/0/size"));
	ASSERT_EQ(0, dev_start(&rig->dev));
	EXPECT_STREQ("running", text(self, "state"));
	/* A ring that makes no sense. */
	self->vq->avail->idx = htole16(le16toh(self->vq->avail->idx) + 300);
	vq_kick(self->vq);
	EXPECT_EQ(0, event_wait(self->vq->err, VQ_TIMEOUT_MS));
	EXPECT_STREQ("broken", text(self, "queues/0/state"));
	EXPECT_STREQ("running", text(self, "queues/1/state"));
	EXPECT_STREQ("broken", text(self, "state"));
	EXPECT_STREQ("0x4f", text(self, "status"));
}

/* Each kind of request, how it ended, and its bytes: of this queue alone. */
TEST_F(sysfs, counts_each_request)
{
	static const char *const none[] = { "reads", "writes", "flushes", "discards",
		"write_zeroes", "get_ids", "others", "read_bytes", "written_bytes",
		"errors_io", "errors_unsupported", "errors_malformed", "kicks", "signals",
		"signals_suppressed", "turns", "polls", "poll_hits", "bounced", "blocked",
		"inflight" };
	struct rig *rig = &self->rig;
	unsigned long long blocked;
	unsigned int i;
	char path[64];

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_IN, 0, rig->data, 4096));
	/* This disk waits, whatever it is asked. */
	EXPECT_COUNT("blocked", 5);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, rig_write(rig, 8, 512, i));
	ASSERT_EQ(0, rig_write(rig, 8, MIB, 1));
	ASSERT_EQ(0, rig_flush(rig));
	blocked = counter(self, "blocked");
	ASSERT_EQ(0, rig_range(rig, VIRTIO_BLK_T_DISCARD, 0, 64, 0));
	ASSERT_EQ(0, rig_range(rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 0));
	ASSERT_EQ(0, rig_range(rig, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0));
	ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_GET_ID, 0, rig->data, 20));
	/* Beyond the end; no whole sectors; of no known type, two of them. */
	ASSERT_EQ(VIRTIO_BLK_S_IOERR,
		  rig_do(rig, VIRTIO_BLK_T_IN, 16 * MIB / SECTOR, rig->data, 4096));
	ASSERT_EQ(VIRTIO_BLK_S_IOERR, rig_do(rig, VIRTIO_BLK_T_OUT, 0, rig->data, 100));
	ASSERT_EQ(VIRTIO_BLK_S_UNSUPP, rig_do(rig, 2, 0, rig->data, 4096));
	ASSERT_EQ(VIRTIO_BLK_S_UNSUPP, rig_do(rig, 0xffffff0d, 0, rig->data, 4096));

	EXPECT_COUNT("reads", 6);
	EXPECT_COUNT("writes", 5);
	EXPECT_COUNT("flushes", 1);
	EXPECT_COUNT("discards", 1);
	EXPECT_COUNT("write_zeroes", 2);
	EXPECT_COUNT("get_ids", 1);
	EXPECT_COUNT("others", 2);
	EXPECT_COUNT("read_bytes", 5 * 4096);
	EXPECT_COUNT("written_bytes", 3 * 512 + MIB);
	EXPECT_COUNT("discarded_bytes", 64 * SECTOR);
	EXPECT_COUNT("zeroed_bytes", 24 * SECTOR);
	EXPECT_COUNT("errors_io", 2);
	EXPECT_COUNT("errors_unsupported", 2);
	EXPECT_COUNT("errors_malformed", 0);
	EXPECT_COUNT("bounced", 0);
	EXPECT_COUNT("inflight", 0);
	EXPECT_COUNT("blocked", blocked + 3);
	for (i = 0; i < sizeof(none) / sizeof(*none); i++) {
		snprintf(path, sizeof(path), "queues/1/%s", none[i]);
		/* A queue begins with a turn. */
		EXPECT_EQ(!strcmp(none[i], "turns"), number(self, path)) TH_LOG("%s", path);
	}
}

/* What fails below is counted as what it is, and its bytes are not. */
TEST_F(sysfs, counts_what_fails_below)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_IN, 0, rig->data, 4096));
	ASSERT_EQ(0, nullb_set("sysfs", "badblocks", "+8-15"));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, rig_do(rig, VIRTIO_BLK_T_IN, 8, rig->data, 4096));
	ASSERT_EQ(0, nullb_set("sysfs", "badblocks", "-8-15"));
	EXPECT_COUNT("reads", 2);
	EXPECT_COUNT("read_bytes", 4096);
	EXPECT_COUNT("errors_io", 1);
}

/* A chain that cannot be walked is none of the requests. */
TEST_F(sysfs, counts_malformed_chains)
{
	struct vring_used_elem elem;
	unsigned int i;

	/* Its last descriptor leads nowhere; there is a byte for an answer in it. */
	self->vq->desc[0] = (struct vring_desc){
		.addr = htole64(guest_iova(&self->rig.dev.guest, self->rig.request.status)),
		.len = htole32(1),
		.flags = htole16(VRING_DESC_F_WRITE | VRING_DESC_F_NEXT),
		.next = htole16(0xffff),
	};
	for (i = 0; i < 3; i++) {
		vq_add_head(self->vq, 0);
		vq_publish(self->vq);
		ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	}
	EXPECT_COUNT("errors_malformed", 3);
	EXPECT_COUNT("errors_io", 0);
	EXPECT_COUNT("reads", 0);
	EXPECT_COUNT("others", 0);
}

/* Nor is one that has no byte for an answer given back: it breaks the queue. */
TEST_F(sysfs, counts_what_breaks_a_queue)
{
	self->vq->desc[0] = (struct vring_desc){
		.addr = htole64(guest_iova(&self->rig.dev.guest, self->rig.request.status)),
		.len = htole32(1),
		.flags = htole16(VRING_DESC_F_NEXT),
		.next = htole16(0xffff),
	};
	vq_add_head(self->vq, 0);
	vq_publish(self->vq);
	EXPECT_EQ(0, event_wait(self->vq->err, VQ_TIMEOUT_MS));
	EXPECT_STREQ("broken", text(self, "queues/0/state"));
	EXPECT_COUNT("errors_malformed", 1);
	EXPECT_COUNT("others", 0);
	EXPECT_EQ(0, le16toh(self->vq->used->idx));
}

/* How often an eventfd was signalled since it was last looked at. */
static uint64_t signalled(int eventfd)
{
	uint64_t times = 0;

	return read(eventfd, &times, sizeof(times)) == sizeof(times) ? times : 0;
}

/* One read, seen in the ring alone; kicked @kicks times. */
static int read_unseen(FIXTURE_DATA(sysfs) *self, unsigned int kicks)
{
	struct rig *rig = &self->rig;
	struct vring_used_elem elem;
	long end = now_ms() + VQ_TIMEOUT_MS;
	int ret = blk_add(self->vq, &rig->request, VIRTIO_BLK_T_IN, 0, rig->data, 4096);

	if (ret)
		return ret;
	__atomic_store_n(&self->vq->avail->idx, htole16(self->vq->next_avail), __ATOMIC_RELEASE);
	while (kicks--)
		vq_kick(self->vq);
	while (!vq_take(self->vq, &elem)) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		usleep(100);
	}
	return *rig->request.status;
}

/* The client's own eventfds say the same of kicks and signals. */
TEST_F(sysfs, counts_who_told_whom)
{
	unsigned long long kicks = counter(self, "kicks"), turns = counter(self, "turns");
	uint64_t signals = signalled(self->vq->call);
	unsigned int i;

	EXPECT_EQ(0, kicks);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, read_unseen(self, 1));
	EXPECT_COUNT("kicks", 20);
	EXPECT_COUNT("signals", 20);
	usleep(10000);
	signals += signalled(self->vq->call);
	EXPECT_EQ(20, signals);
	EXPECT_COUNT("signals_suppressed", 0);
	/* At least one to take it, however soon it ends. */
	EXPECT_LE(turns + 20, counter(self, "turns"));

	self->vq->avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	for (i = 0; i < 7; i++)
		ASSERT_EQ(0, read_unseen(self, 2));
	EXPECT_COUNT("kicks", 34);
	EXPECT_COUNT("signals", 20);
	EXPECT_COUNT("signals_suppressed", 7);
	EXPECT_EQ(0, signalled(self->vq->call));
	EXPECT_COUNT("polls", 0);
}

/* Data at odd addresses goes through a buffer of 64 KiB, as often as it takes. */
TEST_F(sysfs, counts_what_is_bounced)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_IN, 0, rig->data + 1, 4096));
	EXPECT_COUNT("bounced", 1);
	ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_OUT, 0, rig->data + 1, 3 * 65536));
	EXPECT_COUNT("bounced", 4);
	EXPECT_COUNT("reads", 1);
	EXPECT_COUNT("writes", 1);
	EXPECT_COUNT("written_bytes", 3 * 65536);
}

TEST_F(sysfs, counts_polls_and_hits)
{
	struct vhost_vring_state us = { .index = 0, .num = 2000 };
	unsigned long long polls, hits;
	unsigned int i;

	ASSERT_EQ(0, vdpa_ioctl(self->rig.dev.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &us));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	us.num = 0;
	ASSERT_EQ(0, vdpa_ioctl(self->rig.dev.fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &us));
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	polls = counter(self, "polls");
	hits = counter(self, "poll_hits");
	TH_LOG("%llu polls, %llu hits", polls, hits);
	EXPECT_LT(0, polls);
	EXPECT_LE(hits, polls);
}

/* They outlive the driver: nothing goes back. */
TEST_F(sysfs, counts_on_after_a_reset)
{
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	ASSERT_EQ(0, dev_stop(&self->rig.dev));
	EXPECT_COUNT("reads", 1);
	ASSERT_EQ(0, dev_start(&self->rig.dev));
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	EXPECT_COUNT("reads", 2);
}

/* The host says the same of what is pinned. */
TEST_F(sysfs, says_what_is_pinned)
{
	struct guest *guest = &self->rig.dev.guest;
	uint8_t *page = self->rig.data + 8 * GUEST_PAGE;
	long end = now_ms() + 5000;

	EXPECT_EQ(guest->size, number(self, "pinned"));
	EXPECT_EQ(host_charged() * 1024ULL, number(self, "pinned"));
	EXPECT_EQ(0, number(self, "repins"));
	/* Two pages go, as by a balloon; one of them is used again. */
	ASSERT_EQ(0, madvise(page, 2 * GUEST_PAGE, MADV_REMOVE));
	while (number(self, "pinned") != guest->size - 2 * GUEST_PAGE && now_ms() < end)
		usleep(1000);
	EXPECT_EQ(guest->size - 2 * GUEST_PAGE, number(self, "pinned"));
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, page, 4096));
	EXPECT_EQ(guest->size - GUEST_PAGE, number(self, "pinned"));
	EXPECT_EQ(1, number(self, "repins"));
	ASSERT_EQ(0, vdpa_unmap(self->rig.dev.fd, MSG_V2, guest->iova, guest->size));
	EXPECT_EQ(0, number(self, "pinned"));
}

/* All that there is may be read by all, and written by root at most. */
static int read_all(const char *directory, int *files, bool *modes)
{
	DIR *at = opendir(directory);
	struct dirent *entry;
	char path[300], text[8192];
	struct stat stat;
	int ret = at ? 0 : -errno;

	while (!ret && (entry = readdir(at))) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "subsystem") ||
		    !strcmp(entry->d_name, "power") || !strcmp(entry->d_name, "uevent"))
			continue;
		if (lstat(path, &stat)) {
			ret = -errno;
		} else if (S_ISDIR(stat.st_mode)) {
			ret = read_all(path, files, modes);
		} else {
			ret = shown(path, text, sizeof(text));
			/* One value a file, on one line. */
			if (strchr(text, '\n'))
				ret = -EBADMSG;
			(*files)++;
			if ((stat.st_mode & 07777) !=
			    (strcmp(path + strlen(path) - 8, "/latency") ||
			     strstr(path, "/queues/") ? 0444 : 0644))
				*modes = false;
		}
		if (ret)
			fprintf(stderr, "# %s: %d\n", path, ret);
	}
	if (at)
		closedir(at);
	return ret;
}

/* Return: files that could be read and did not block, or -errno. */
static int all_files(FIXTURE_DATA(sysfs) *self)
{
	char real[PATH_MAX];
	bool modes = true;
	int files = 0, ret;

	if (!realpath(self->path, real))
		return -errno;
	ret = read_all(real, &files, &modes);
	return ret ?: modes ? files : -EPERM;
}

/* What a child returns from @fn, 0 to 127, or -1 if it dies. */
static int in_child(FIXTURE_DATA(sysfs) *self, int (*fn)(FIXTURE_DATA(sysfs) *self))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn(self));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int as_nobody(FIXTURE_DATA(sysfs) *self)
{
	char path[96];

	if (setgid(NOBODY) || setuid(NOBODY))
		return 101;
	if (all_files(self) != 21 + 2 * 26)
		return 102;
	snprintf(path, sizeof(path), "%s/latency", self->path);
	if (open(path, O_WRONLY) >= 0 || errno != EACCES)
		return 103;
	return 0;
}

TEST_F(sysfs, is_there_for_everybody)
{
	EXPECT_EQ(21 + 2 * 26, all_files(self));
	EXPECT_EQ(0, in_child(self, as_nobody));
}

/* Who has no number for the owner and its threads is told none. */
static int in_another_namespace(FIXTURE_DATA(sysfs) *self)
{
	int status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		return 101;
	pid = fork();
	if (!pid)
		_exit(number(self, "owner") != 0 || strcmp(text(self, "workers"), ""));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

TEST_F(sysfs, knows_who_reads)
{
	EXPECT_EQ(0, in_child(self, in_another_namespace));
}

/* A path is as who reads it has it, and one line whatever is in it. */
TEST(sysfs_paths)
{
	char path[64], text[256];
	int backend, file, status;
	struct rig rig;
	pid_t pid;

	mkdir("/tmp/sysfs", 0755);
	backend = open("/tmp/sysfs/a\nb", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, backend);
	ASSERT_EQ(0, ftruncate(backend, MIB));
	ASSERT_EQ(0, rig_run(&rig, backend, NULL));
	ASSERT_EQ(0, shown_find(getpid(), path, sizeof(path)));
	snprintf(text, sizeof(text), "%s/backend_type", path);
	EXPECT_EQ(0, shown(text, text, sizeof(text)));
	EXPECT_STREQ("file", text);
	snprintf(text, sizeof(text), "%s/backend", path);
	file = open(text, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(0, shown_fd(file, text, sizeof(text)));
	EXPECT_STREQ("/tmp/sysfs/a\\012b", text);
	pid = fork();
	if (!pid) {
		if (chroot("/tmp/sysfs") || shown_fd(file, text, sizeof(text)))
			_exit(2);
		_exit(strcmp(text, "/a\\012b") != 0);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, unlink("/tmp/sysfs/a\nb"));
	EXPECT_EQ(0, shown_fd(file, text, sizeof(text)));
	EXPECT_STREQ("/tmp/sysfs/a\\012b (deleted)", text);
	rig_close(&rig);
	close(file);
	close(backend);
	rmdir("/tmp/sysfs");
}

/* Nothing in it that a terminal obeys; what is more than ASCII is as it is. */
TEST(sysfs_path_is_printable)
{
	static const char strange[] = "/tmp/a\x1b[2J\t\a\177\001 gr\xc3\xb6\xc3\x9f\\e";
	char path[128], file[160], said[128];
	int backend = open(strange, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct dev dev;

	ASSERT_LE(0, backend);
	ASSERT_EQ(0, ftruncate(backend, MIB));
	ASSERT_EQ(0, dev_open(&dev, backend, NULL));
	ASSERT_EQ(0, shown_find(getpid(), path, sizeof(path)));
	snprintf(file, sizeof(file), "%s/backend", path);
	EXPECT_EQ(0, shown(file, said, sizeof(said)));
	EXPECT_STREQ("/tmp/a\\033[2J\\011\\007\\177\\001 gr\xc3\xb6\xc3\x9f\\134e", said);
	dev_close(&dev);
	close(backend);
	unlink(strange);
}

/* Who has a device's file open can see which it is. */
TEST_F(sysfs, is_told_by_its_open_file)
{
	char path[64], said[256], *line;
	int blank;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->rig.dev.fd);
	ASSERT_EQ(0, shown(path, said, sizeof(said)));
	line = strstr(said, "vhost-pin:\t");
	ASSERT_NE(NULL, line);
	EXPECT_STREQ(strrchr(self->path, '/') + 1, line + strlen("vhost-pin:\t"));

	blank = open("/dev/vhost-pin", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, blank);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", blank);
	ASSERT_EQ(0, shown(path, said, sizeof(said)));
	EXPECT_EQ(NULL, strstr(said, "vhost-pin:"));
	close(blank);
}

/* Characters of more than one byte among them, and what a terminal would obey. */
TEST(sysfs_serial_is_printable)
{
	const struct dev_options options = { .serial = "gr\xc3\xb6\xc3\x9f" "e\\1\n\x1b[" };
	char path[128], file[160], said[128];
	int backend = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct dev dev;

	ASSERT_LE(0, backend);
	ASSERT_EQ(0, ftruncate(backend, MIB));
	ASSERT_EQ(0, dev_open(&dev, backend, &options));
	ASSERT_EQ(0, shown_find(getpid(), path, sizeof(path)));
	snprintf(file, sizeof(file), "%s/serial", path);
	EXPECT_EQ(0, shown(file, said, sizeof(said)));
	EXPECT_STREQ("gr\\303\\266\\303\\237e\\1341\\012\\033[", said);
	dev_close(&dev);
	close(backend);
}

/* Times are taken when somebody wants to know, and each request then has one. */
TEST_F(sysfs, times_requests)
{
	unsigned long long buckets[TIMES];
	const char *latency;
	char path[96];
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	EXPECT_EQ(0, times(self, buckets));
	snprintf(path, sizeof(path), "%s/latency", self->path);
	latency = path;
	EXPECT_EQ(-EINVAL, file_set(latency, "maybe"));
	ASSERT_EQ(0, file_set(latency, "1"));
	EXPECT_STREQ("1", text(self, "latency"));
	ASSERT_EQ(0, file_set(latency, "1"));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	/* Also what is answered at once. */
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_GET_ID, 0, self->rig.data, 20));
	ASSERT_EQ(VIRTIO_BLK_S_UNSUPP, rig_do(&self->rig, 2, 0, self->rig.data, 20));
	EXPECT_EQ(22, times(self, buckets));
	ASSERT_EQ(0, file_set(latency, "0"));
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, self->rig.data, 4096));
	EXPECT_EQ(22, times(self, buckets));
	/* One whose device goes while it is on. */
	ASSERT_EQ(0, file_set(latency, "1"));
}

/* Who has a file open when its device goes keeps nothing, and reads nothing. */
TEST_F(sysfs, open_over_the_end)
{
	int files[3], i;
	char path[96], byte;
	const char *const names[] = { "state", "queues/0/reads", "latency" };

	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", self->path, names[i]);
		files[i] = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, files[i]);
	}
	rig_close(&self->rig);
	self->rig.dev.fd = -1;
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-1, pread(files[i], &byte, 1, 0));
		EXPECT_EQ(ENODEV, errno);
	}
	/* Nor does he keep the module, where it can be had again. */
	if (!access("/lab/module/vhost_pin.ko", R_OK)) {
		int module = open("/lab/module/vhost_pin.ko", O_RDONLY | O_CLOEXEC);

		ASSERT_EQ(0, syscall(SYS_delete_module, "vhost_pin", O_NONBLOCK));
		EXPECT_EQ(-1, pread(files[1], &byte, 1, 0));
		EXPECT_EQ(ENODEV, errno);
		EXPECT_EQ(-1, access(SHOWN_CLASS, F_OK));
		ASSERT_EQ(0, syscall(SYS_finit_module, module, "", 0));
		close(module);
	}
	for (i = 0; i < 3; i++)
		close(files[i]);
}

/* Numbers are given anew, the smallest first. */
TEST_F(sysfs, has_a_number)
{
	struct stat first, second;
	char path[64];
	struct dev other;
	int backend = backend_memfd(MIB), number;

	ASSERT_EQ(1, sscanf(self->path, SHOWN_CLASS "/vpin%d", &number));
	EXPECT_EQ(0, number);
	ASSERT_EQ(0, dev_open(&other, backend, NULL));
	EXPECT_EQ(0, access(SHOWN_CLASS "/vpin1/state", F_OK));
	EXPECT_EQ(0, shown(SHOWN_CLASS "/vpin1/state", path, sizeof(path)));
	EXPECT_STREQ("owned", path);
	ASSERT_EQ(0, stat(SHOWN_CLASS "/vpin1/queues/0", &first));
	dev_close(&other);
	EXPECT_EQ(-1, access(SHOWN_CLASS "/vpin1", F_OK));
	/* By this one tells it from another that has had its number. */
	ASSERT_EQ(0, dev_open(&other, backend, NULL));
	EXPECT_EQ(0, stat(SHOWN_CLASS "/vpin1/queues/0", &second));
	EXPECT_NE(first.st_ino, second.st_ino);
	dev_close(&other);
	close(backend);
}

static bool reads_all(void *self)
{
	return all_files(self) > 0;
}

TEST_F(sysfs, read_while_it_works_and_starts_and_stops)
{
	struct rig *rig = &self->rig;
	struct guest *guest = &rig->dev.guest;
	pid_t pid = reader_start(reads_all, self);
	unsigned int i, j;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, vdpa_unmap(rig->dev.fd, MSG_V2, guest->iova, guest->size));
		ASSERT_EQ(0, vdpa_map(rig->dev.fd, MSG_V2, guest->iova, guest->size,
				      guest->memory, VHOST_ACCESS_RW));
		for (j = 0; j < 20; j++)
			ASSERT_EQ(0, rig_do(rig, VIRTIO_BLK_T_IN, 0, rig->data, 4096));
		ASSERT_EQ(0, dev_stop(&rig->dev));
		ASSERT_EQ(0, dev_start(&rig->dev));
	}
	EXPECT_TRUE(reader_still_reads(pid));
	EXPECT_COUNT("reads", 2000);
	EXPECT_COUNT("kicks", 2000);
}

/* What a client does in a process of its own, while a disk keeps requests. */
struct hung {
	FIXTURE_DATA(sysfs) sysfs;
	struct blk_request requests[5];
	volatile bool begun;
};

static int hung_begin(struct hung *hung, int backend)
{
	struct rig *rig = &hung->sysfs.rig;
	int i, ret = rig_run(rig, backend, NULL);

	if (!ret)
		ret = shown_find(getpid(), hung->sysfs.path, sizeof(hung->sysfs.path));
	if (!ret)
		ret = forget_hold(true);
	for (i = 0; i < 5 && !ret; i++) {
		blk_init(&hung->requests[i], &rig->dev.guest);
		/* Far apart, so that they are not merged. */
		ret = blk_add(&rig->dev.vqs[0], &hung->requests[i], VIRTIO_BLK_T_IN,
			      i * 4096, rig->data, 4096);
	}
	if (!ret)
		vq_publish(&rig->dev.vqs[0]);
	return ret;
}

/* A reset waits for the disk with the device locked; who reads does not. */
TEST(sysfs_of_a_disk_that_hangs)
{
	unsigned long long buckets[TIMES], sum;
	struct vring_used_elem elem;
	struct hung hung = { 0 };
	FIXTURE_DATA(sysfs) *self = &hung.sysfs;
	int backend, i, status;
	char path[96];
	long begun;
	pid_t pid;

	if (!forget_is_there())
		SKIP(return, "no disk that keeps requests");
	ASSERT_EQ(0, forget_add(""));
	backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, hung_begin(&hung, backend));
	self->vq = &self->rig.dev.vqs[0];
	EXPECT_COUNT("inflight", 5);
	EXPECT_COUNT("blocked", 0);
	/* These were taken before, and are nobody's. */
	snprintf(path, sizeof(path), "%s/latency", self->path);
	ASSERT_EQ(0, file_set(path, "1"));
	pid = fork();
	if (!pid)
		_exit(vdpa_set_status(self->rig.dev.fd, 0) ? 1 : 0);
	usleep(300000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	begun = now_ms();
	EXPECT_EQ(21 + 26, all_files(self));
	EXPECT_EQ(5, counter(self, "inflight"));
	EXPECT_EQ(0, counter(self, "reads"));
	EXPECT_STREQ("running", text(self, "state"));
	EXPECT_GT(2000, now_ms() - begun);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, forget_hold(false));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_COUNT("inflight", 0);
	EXPECT_COUNT("reads", 5);
	EXPECT_STREQ("owned", text(self, "state"));
	EXPECT_EQ(0, times(self, buckets));

	/* One that takes half a second. */
	vq_reset(self->vq);
	ASSERT_EQ(0, dev_start(&self->rig.dev));
	ASSERT_EQ(0, forget_hold(true));
	ASSERT_EQ(0, blk_add(self->vq, &hung.requests[0], VIRTIO_BLK_T_IN, 0,
			     self->rig.data, 4096));
	begun = now_ms();
	vq_publish(self->vq);
	usleep(500000);
	ASSERT_EQ(0, forget_hold(false));
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	sum = times(self, buckets);
	EXPECT_EQ(1, sum);
	/* 2^18 microseconds are 0.26 seconds, and it had no longer than we waited. */
	for (i = 0; i < TIMES; i++) {
		EXPECT_FALSE(buckets[i] && (i < 18 || 1L << i > (now_ms() - begun) * 1000))
			TH_LOG("in bucket %d", i);
	}
	rig_close(&self->rig);
	close(backend);
	EXPECT_EQ(0, forget_remove());
}

/* What an owner who was killed has left behind is seen until it is gone. */
TEST(sysfs_of_a_device_that_ends)
{
	struct hung *hung = mmap(NULL, sizeof(*hung), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FIXTURE_DATA(sysfs) *self = &hung->sysfs;
	int backend, status;
	long end;
	pid_t pid;

	if (!forget_is_there())
		SKIP(return, "no disk that keeps requests");
	ASSERT_EQ(0, forget_add(""));
	ASSERT_EQ(0, file_set(DRAIN_MS, "200"));
	pid = fork();
	if (!pid) {
		backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
		if (hung_begin(hung, backend))
			_exit(1);
		hung->begun = true;
		pause();
	}
	end = now_ms() + 10000;
	while (!hung->begun && now_ms() < end)
		usleep(1000);
	ASSERT_TRUE(hung->begun);
	EXPECT_COUNT("inflight", 5);
	EXPECT_EQ(pid, number(self, "owner"));
	kill(pid, SIGKILL);
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_STREQ("ending", text(self, "state"));
	EXPECT_EQ(0, number(self, "owner"));
	EXPECT_STREQ("", text(self, "workers"));
	EXPECT_EQ(5, counter(self, "inflight"));
	EXPECT_LT(0, number(self, "pinned"));
	EXPECT_EQ(21 + 26, all_files(self));
	EXPECT_EQ(0, forget_hold(false));
	end = now_ms() + 10000;
	while (!access(self->path, F_OK) && now_ms() < end)
		usleep(1000);
	EXPECT_EQ(-1, access(self->path, F_OK));
	EXPECT_EQ(0, file_set(DRAIN_MS, "5000"));
	/* First of all it goes from sysfs. */
	while (forget_remove() && now_ms() < end)
		usleep(1000);
	EXPECT_GT(end, now_ms());
	munmap(hung, sizeof(*hung));
}

TEST_HARNESS_MAIN

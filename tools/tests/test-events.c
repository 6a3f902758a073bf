// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: each step of a request's life, each fault of a guest, each change
 * of its memory, with what there is to know of it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "forget.h"
#include "load.h"
#include "rig.h"
#include "shown.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/vhost-pin-test"
#define EVENTS_MAX	128
#define QUEUES		4

FIXTURE(events) {
	int backend, dev;
	struct rig rig;
	struct vq *vq;
	char text[1 << 16];
	char *events[EVENTS_MAX];	/* "vpin_take: dev=0 ..." */
	unsigned int nr;
};

FIXTURE_SETUP(events)
{
	const struct dev_options options = {
		.queues = QUEUES, .without = BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
	};
	char path[64];

	if (access(TRACING "/events", F_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	self->backend = nullb_create("events", 16, "discard=1");
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, &options));
	self->vq = &self->rig.dev.vqs[0];
	ASSERT_EQ(0, shown_find(getpid(), path, sizeof(path)));
	ASSERT_EQ(1, sscanf(path, SHOWN_CLASS "/vpin%d", &self->dev));
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	/* What each processor has is put in order by the clock, which may stand still. */
	ASSERT_EQ(0, file_set(INSTANCE "/trace_clock", "counter"));
	ASSERT_EQ(0, file_set(INSTANCE "/events/vhost_pin/enable", "1"));
}

FIXTURE_TEARDOWN(events)
{
	file_set(INSTANCE "/events/vhost_pin/enable", "0");
	rmdir(INSTANCE);
	rig_close(&self->rig);
	close(self->backend);
	nullb_remove("events");
}

/* Reads the events so far of our device. */
static void collect(FIXTURE_DATA(events) *self)
{
	int fd = open(INSTANCE "/trace", O_RDONLY | O_CLOEXEC);
	char *line, *at = self->text, ours[16];
	size_t length = 0;
	ssize_t n;

	/* The last of them is written after the driver was told. */
	usleep(20000);
	while (fd >= 0 && (n = read(fd, self->text + length,
				    sizeof(self->text) - 1 - length)) > 0)
		length += n;
	close(fd);
	self->text[length] = 0;
	snprintf(ours, sizeof(ours), " dev=%d ", self->dev);
	self->nr = 0;
	while ((line = strsep(&at, "\n")) && self->nr < EVENTS_MAX) {
		char *event = line[0] == '#' ? NULL : strstr(line, ": vpin_");
		char padded[512];

		if (!event)
			continue;
		snprintf(padded, sizeof(padded), "%s ", event);
		if (strstr(padded, ours))
			self->events[self->nr++] = event + 2;
	}
}

/* The next event from *@at on that begins so, and where; or NULL. */
static const char *next_event(FIXTURE_DATA(events) *self, unsigned int *at,
			      const char *name)
{
	size_t length = strlen(name);

	for (; *at < self->nr; (*at)++)
		if (!strncmp(self->events[*at], name, length) &&
		    self->events[*at][length] == ':')
			return self->events[(*at)++];
	return NULL;
}

/* An event comes next of its name, with exactly these fields. */
#define EXPECT_EVENT(at, name, format, ...) do { \
	char _want[512]; \
	const char *_got; \
	snprintf(_want, sizeof(_want), name ": dev=%d" format, self->dev, ##__VA_ARGS__); \
	_got = next_event(self, at, name); \
	EXPECT_STREQ(_want, _got ?: "nothing"); \
} while (0)

TEST_F(events, life_of_a_request)
{
	unsigned int at = 0;

	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 8, self->rig.data, 4096));
	collect(self);
	EXPECT_EVENT(&at, "vpin_kick", " queue=0");
	EXPECT_EVENT(&at, "vpin_take", " queue=0 head=%d bufs=3 readable=16 writable=4097",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_start", " queue=0 head=%d type=read sector=8 len=4096",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_end", " queue=0 head=%d", self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_done",
		     " queue=0 head=%d type=read sector=8 status=ok", self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_return", " queue=0 head=%d len=4097",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_tell", " queue=0 used_idx=1 signal=1");
}

/* Parts that go another way. */
TEST_F(events, what_takes_longer)
{
	struct vring_used_elem elem;
	unsigned int at = 0, i;

	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_OUT, 16, self->rig.data + 1, 65536 + 512));
	ASSERT_EQ(0, rig_range(&self->rig, VIRTIO_BLK_T_DISCARD, 0, 64, 0));
	self->vq->avail->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	ASSERT_EQ(0, blk_add(self->vq, &self->rig.request, VIRTIO_BLK_T_IN, 0,
			     self->rig.data, 512));
	vq_publish(self->vq);
	for (i = 0; i < 5000 && !vq_take(self->vq, &elem); i++)
		usleep(1000);
	collect(self);
	EXPECT_EVENT(&at, "vpin_blk_bounce", " queue=0 head=%d pos=8192 len=65536",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_bounce", " queue=0 head=%d pos=73728 len=512",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_start", " queue=0 head=%d type=discard sector=0 len=0",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_block", " queue=0 head=%d pos=0 len=0",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_done", " queue=0 head=%d type=discard sector=0 status=ok",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_tell", " queue=0 used_idx=2 signal=1");
	EXPECT_EVENT(&at, "vpin_tell", " queue=0 used_idx=3 signal=0");
}

TEST_F(events, faults_of_a_guest)
{
	struct vring_used_elem elem;
	unsigned int at = 0;

	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  rig_do(&self->rig, VIRTIO_BLK_T_IN, 1 << 20, self->rig.data, 512));
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, rig_do(&self->rig, 77, 5, self->rig.data, 512));
	/* A descriptor that leads nowhere. */
	self->vq->desc[3] = (struct vring_desc){
		.addr = htole64(guest_iova(&self->rig.dev.guest, self->rig.request.status)),
		.len = htole32(1),
		.flags = htole16(VRING_DESC_F_WRITE | VRING_DESC_F_NEXT),
		.next = htole16(0xffff),
	};
	vq_add_head(self->vq, 3);
	vq_publish(self->vq);
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	/* An index that is more than a ring ahead. */
	self->vq->avail->idx = htole16(le16toh(self->vq->avail->idx) + 300);
	vq_kick(self->vq);
	EXPECT_EQ(0, event_wait(self->vq->err, VQ_TIMEOUT_MS));
	collect(self);
	EXPECT_EVENT(&at, "vpin_blk_refuse",
		     " queue=0 head=%d type=read sector=1048576 status=ioerr",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_blk_refuse", " queue=0 head=%d type=0x4d sector=5 status=unsupp",
		     self->rig.request.head);
	EXPECT_EVENT(&at, "vpin_malformed", " queue=0 head=3 error=-22");
	EXPECT_EVENT(&at, "vpin_return", " queue=0 head=3 len=1");
	EXPECT_EVENT(&at, "vpin_broken", " queue=0 next_avail=3 reason=\"the driver's ring "
		     "index or entry is out of range\"");
}

TEST_F(events, changes_of_memory)
{
	struct guest *guest = &self->rig.dev.guest;
	uint8_t *page = self->rig.data + 8 * GUEST_PAGE;
	unsigned long long iova = guest->iova, size = guest->size;
	unsigned int at = 0;

	/* A page goes and comes back. */
	ASSERT_EQ(0, madvise(page, GUEST_PAGE, MADV_REMOVE));
	usleep(100000);
	ASSERT_EQ(0, rig_do(&self->rig, VIRTIO_BLK_T_IN, 0, page, 4096));
	ASSERT_EQ(0, vdpa_batch_begin(self->rig.dev.fd));
	ASSERT_EQ(0, vdpa_unmap(self->rig.dev.fd, MSG_V2, iova, size));
	ASSERT_EQ(0, vdpa_map(self->rig.dev.fd, MSG_V2, iova, size, guest->memory,
			      VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_batch_end(self->rig.dev.fd));
	EXPECT_NE(0, vdpa_map(self->rig.dev.fd, MSG_V2, 1ULL << 40, 4096, (void *)4096,
			      VHOST_ACCESS_RO));
	collect(self);
	/* Which 2 MiB of addresses it was in is looked at. */
	EXPECT_NE(NULL, next_event(self, &at, "vpin_lose"));
	EXPECT_NE(NULL, strstr(self->events[at - 1], " pages=1"));
	EXPECT_EVENT(&at, "vpin_repin", " uaddr=%#lx pages=1", (unsigned long)page);
	EXPECT_EVENT(&at, "vpin_batch", " begin ret=0");
	EXPECT_EVENT(&at, "vpin_unmap", " gpa=0x%llx size=%#llx ret=0", iova, size);
	EXPECT_EVENT(&at, "vpin_map", " gpa=0x%llx size=%#llx uaddr=%#lx perm=rw ret=0", iova,
		     size, (unsigned long)guest->memory);
	EXPECT_EVENT(&at, "vpin_batch", " end ret=0");
	EXPECT_EVENT(&at, "vpin_map", " gpa=0x10000000000 size=0x1000 uaddr=0x1000 perm=r ret=-14");
}

/* What ends while its ring is not mapped is given back when it is, as all others are. */
TEST_F(events, what_is_told_late)
{
	struct dev *dev = &self->rig.dev;
	struct vring_used_elem elem;
	unsigned int at = 0;
	char path[64];
	int backend;

	if (!forget_is_there())
		SKIP(return, "no disk that keeps requests");
	rig_close(&self->rig);
	ASSERT_EQ(0, forget_add(""));
	backend = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, rig_run(&self->rig, backend, NULL));
	ASSERT_EQ(0, shown_find(getpid(), path, sizeof(path)));
	ASSERT_EQ(1, sscanf(path, SHOWN_CLASS "/vpin%d", &self->dev));
	ASSERT_EQ(0, forget_hold(true));
	ASSERT_EQ(0, blk_add(&dev->vqs[0], &self->rig.request, VIRTIO_BLK_T_IN, 0,
			     self->rig.data, 4096));
	vq_publish(&dev->vqs[0]);
	usleep(100000);
	ASSERT_EQ(0, vdpa_unmap(dev->fd, MSG_V2, dev->guest.iova, dev->guest.size));
	ASSERT_EQ(0, forget_hold(false));
	usleep(100000);
	ASSERT_EQ(0, vdpa_map(dev->fd, MSG_V2, dev->guest.iova, dev->guest.size,
			      dev->guest.memory, VHOST_ACCESS_RW));
	ASSERT_EQ(0, vq_wait(&dev->vqs[0], &elem, VQ_TIMEOUT_MS));
	collect(self);
	EXPECT_EVENT(&at, "vpin_take", " queue=0 head=%u bufs=3 readable=16 writable=4097",
		     elem.id);
	EXPECT_EVENT(&at, "vpin_blk_done", " queue=0 head=%u type=read sector=0 status=ok",
		     elem.id);
	EXPECT_EVENT(&at, "vpin_return", " queue=0 head=%u len=4097", elem.id);
	EXPECT_EVENT(&at, "vpin_tell", " queue=0 used_idx=1 signal=1");
	rig_close(&self->rig);
	close(backend);
	EXPECT_EQ(0, forget_remove());
	ASSERT_EQ(0, rig_run(&self->rig, self->backend, NULL));
}

/* Events of a queue, of the trace so far, with @more in their line. */
static long long events_of(FIXTURE_DATA(events) *self, const char *name,
			   unsigned int queue, const char *more)
{
	FILE *trace = fopen(INSTANCE "/trace", "re");
	long long nr = 0;
	char ours[64], line[512];

	snprintf(ours, sizeof(ours), " %s: dev=%d queue=%u", name, self->dev, queue);
	while (trace && fgets(line, sizeof(line), trace))
		nr += strstr(line, ours) && strstr(line, more);
	if (trace)
		fclose(trace);
	return nr;
}

/* All queues are at it, and stop and start again: each counter is what the trace says. */
TEST_F(events, are_what_the_counters_say)
{
	static const struct {
		const char *counter, *event, *more;
	} pairs[] = {
		{ "reads", "vpin_blk_done", " type=read " },
		{ "writes", "vpin_blk_done", " type=write " },
		{ "kicks", "vpin_kick", "" },
		{ "signals", "vpin_tell", " signal=1" },
		{ "signals_suppressed", "vpin_tell", " signal=0" },
		{ "bounced", "vpin_blk_bounce", "" },
		{ "blocked", "vpin_blk_block", "" },
	};
	unsigned int round, queue, i;
	struct load load;

	ASSERT_EQ(0, file_set(INSTANCE "/buffer_size_kb", "8192"));
	load_init(&load, &self->rig.dev, 64, 4096, 1);
	for (round = 0; round < 8; round++) {
		for (queue = 0; queue < QUEUES; queue++)
			self->rig.dev.vqs[queue].avail->flags =
				htole16(round % 2 ? VRING_AVAIL_F_NO_INTERRUPT : 0);
		for (queue = 0; queue < QUEUES; queue++)
			vq_kick(&self->rig.dev.vqs[queue]);
		if (round % 2) {
			ASSERT_EQ(0, load_start(&load, VIRTIO_BLK_T_OUT, round));
			/* Which waits for those that were taken. */
			ASSERT_EQ(0, dev_stop(&self->rig.dev));
			ASSERT_EQ(0, dev_start(&self->rig.dev));
		} else {
			ASSERT_EQ(0, load_out_and_in(&load, round));
		}
	}
	usleep(20000);
	for (queue = 0; queue < QUEUES; queue++) {
		for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
			EXPECT_EQ(events_of(self, pairs[i].event, queue, pairs[i].more),
				  shown_counter(queue, pairs[i].counter))
				TH_LOG("%s of queue %u", pairs[i].counter, queue);
		}
		EXPECT_EQ(4 * 16, shown_counter(queue, "reads"));
		EXPECT_LT(0, shown_counter(queue, "bounced"));
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log.  The observer is the guest's memory itself, compared page by page
 * with what it was: what differs is marked; and what somebody copies by the log,
 * while requests are under way, is in the end what the guest has.
 *
 * Only what the device writes is compared: the driver's own writes are seen by
 * others.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "forget.h"
#include "harness.h"
#include "host.h"

#define MIB		(1UL << 20)
#define QUEUES		4
#define SLOTS		64		/* requests at a time */
#define DISK		(8 * MIB)
#define MEMORY		(24 * MIB)
#define PAGES		(MEMORY / GUEST_PAGE)
#define DATA		(4 * MIB)	/* what is read to */
#define SEGMENTS	12		/* most of a request */

/* A log in memory that somebody else owns around it. */
struct log {
	uint8_t *map, *bits;
	size_t mapped, size;
};

#define GUARD	0x5a

FIXTURE(log) {
	int backend;
	long pins;
	struct dev dev;
	struct log log;
	struct blk_request requests[SLOTS];
	uint8_t *data;
	uint8_t *before;		/* the guest's memory as it was */
	bool may[PAGES];		/* pages that the device may have written */
	unsigned int seed;
};

FIXTURE_VARIANT(log) {
	bool loop, ext4;
	unsigned int offset;		/* of data into a sector */
	uint64_t iova;
};

FIXTURE_VARIANT_ADD(log, page_cache) { };
FIXTURE_VARIANT_ADD(log, device) { .loop = true };
FIXTURE_VARIANT_ADD(log, device_bounced) { .loop = true, .offset = 7 };
FIXTURE_VARIANT_ADD(log, file_far_up) { .ext4 = true, .iova = 5ULL << 30 };

static int log_make(struct log *log, size_t size, size_t offset)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	log->size = size;
	log->mapped = (offset + size + 2 * GUEST_PAGE) & ~(size_t)(GUEST_PAGE - 1);
	if (fd < 0 || ftruncate(fd, log->mapped))
		return -errno;
	log->map = mmap(NULL, log->mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (log->map == MAP_FAILED)
		return -errno;
	log->bits = log->map + offset;
	memset(log->map, GUARD, log->mapped);
	memset(log->bits, 0, size);
	return 0;
}

static bool log_is_guarded(const struct log *log)
{
	return all_bytes_are(log->map, log->bits - log->map, GUARD) &&
	       all_bytes_are(log->bits + log->size,
			     log->mapped - log->size - (log->bits - log->map), GUARD);
}

static int set_log(int fd, const struct log *log)
{
	struct vpin_log arg = { 0 };

	if (log)
		arg = (struct vpin_log){ (uintptr_t)log->bits, log->size };
	return vdpa_ioctl(fd, VPIN_SET_LOG, &arg);
}

/* Any bytes and a bit for each of the guest's pages, and no more. */
#define LOG_SIZE(iova)	(((iova) + MEMORY) / GUEST_PAGE / 8)

static int fill_disk(int fd)
{
	static uint8_t data[MIB];
	uint64_t at;

	for (at = 0; at < DISK; at += MIB) {
		pattern_fill(data, MIB, at / SECTOR, 77);
		if (pwrite(fd, data, MIB, at) != (ssize_t)MIB)
			return -errno;
	}
	return fsync(fd);
}

FIXTURE_SETUP(log)
{
	const struct dev_options options = {
		.queues = QUEUES, .memory = MEMORY, .iova = variant->iova,
	};
	unsigned int i;

	self->pins = host_pins();
	self->backend = variant->loop ? backend_loop(DISK, 512) :
			variant->ext4 ? backend_file("/tmp/ext4", DISK) :
			backend_memfd(DISK);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, fill_disk(self->backend));
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &options));
	for (i = 0; i < SLOTS; i++)
		blk_init(&self->requests[i], &self->dev.guest);
	self->data = (uint8_t *)guest_alloc(&self->dev.guest, DATA + GUEST_PAGE, GUEST_PAGE) +
		     variant->offset;
	self->before = malloc(MEMORY);
	ASSERT_NE(NULL, self->before);
	ASSERT_EQ(0, log_make(&self->log, LOG_SIZE(variant->iova), 4001));
	self->seed = 1;
}

FIXTURE_TEARDOWN(log)
{
	EXPECT_TRUE(log_is_guarded(&self->log));
	dev_close(&self->dev);
	munmap(self->log.map, self->log.mapped);
	free(self->before);
	close(self->backend);
	EXPECT_EQ(self->pins, host_pins());
	EXPECT_EQ(0, host_charged());
}

static unsigned int by_chance(FIXTURE_DATA(log) *self, unsigned int below)
{
	return rand_r(&self->seed) % below;
}

/* A page of the guest's, by its number. */
static unsigned int page_of(FIXTURE_DATA(log) *self, const void *at)
{
	return ((const uint8_t *)at - self->dev.guest.memory) / GUEST_PAGE;
}

static bool is_marked(FIXTURE_DATA(log) *self, unsigned int page)
{
	uint64_t bit = self->dev.guest.iova / GUEST_PAGE + page;

	return self->log.bits[bit / 8] >> bit % 8 & 1;
}

static void may_write(FIXTURE_DATA(log) *self, const void *at, size_t length)
{
	unsigned int page;

	for (page = page_of(self, at); page <= page_of(self, (const uint8_t *)at + length - 1);
	     page++)
		self->may[page] = true;
}

static size_t used_size(const struct vq *vq)
{
	return sizeof(*vq->used) + vq->size * sizeof(struct vring_used_elem) + 2;
}

/* Offers a request that reads to places by chance.  0 or -errno. */
static int offer_read(FIXTURE_DATA(log) *self, unsigned int slot)
{
	struct vq *vq = &self->dev.vqs[slot % QUEUES];
	struct blk_request *request = &self->requests[slot];
	unsigned int nr = 1 + by_chance(self, SEGMENTS), i;
	struct vq_buf bufs[SEGMENTS + 2] = {
		{ guest_iova(vq->guest, request->header), sizeof(*request->header), false },
	};

	request->header->type = htole32(VIRTIO_BLK_T_IN);
	request->header->sector = htole64(by_chance(self, DISK / SECTOR - SEGMENTS * 16));
	for (i = 1; i <= nr; i++) {
		size_t length = SECTOR * (1 + by_chance(self, 16));
		uint8_t *at = self->data + SECTOR * by_chance(self, (DATA - length) / SECTOR);

		bufs[i] = (struct vq_buf){ guest_iova(vq->guest, at), length, true };
		may_write(self, at, length);
	}
	bufs[i] = (struct vq_buf){ guest_iova(vq->guest, request->status), 1, true };
	may_write(self, request->status, 1);
	request->head = vq_add(vq, bufs, nr + 2);
	return request->head < 0 ? request->head : 0;
}

/* Reads with all slots and waits.  0, a bad status or -errno. */
static int read_all(FIXTURE_DATA(log) *self)
{
	struct vring_used_elem elem;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < SLOTS; i++)
		*self->requests[i].status = BLK_NO_STATUS;
	for (i = 0; !ret && i < SLOTS; i++)
		ret = offer_read(self, i);
	for (i = 0; i < QUEUES; i++)
		vq_publish(&self->dev.vqs[i]);
	for (i = 0; !ret && i < SLOTS; i++)
		ret = vq_wait(&self->dev.vqs[i % QUEUES], &elem, VQ_TIMEOUT_MS);
	for (i = 0; !ret && i < SLOTS; i++)
		ret = *self->requests[i].status;
	return ret;
}

/* The queues are off, and all of them have said where they go on. */
static int stop_queues(FIXTURE_DATA(log) *self)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++)
		ret = vdpa_set_vring_enable(self->dev.fd, i, 0);
	for (i = 0; i < QUEUES && ret >= 0; i++)
		ret = vdpa_get_vring_base(self->dev.fd, i);
	return ret < 0 ? ret : 0;
}

static int start_queues(FIXTURE_DATA(log) *self)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++)
		ret = vdpa_set_vring_enable(self->dev.fd, i, 1);
	return ret;
}

/* Begins to look. */
static void remember(FIXTURE_DATA(log) *self)
{
	unsigned int i;

	memcpy(self->before, self->dev.guest.memory, MEMORY);
	memset(self->log.bits, 0, self->log.size);
	memset(self->may, 0, sizeof(self->may));
	for (i = 0; i < QUEUES; i++)
		may_write(self, self->dev.vqs[i].used, used_size(&self->dev.vqs[i]));
}

/* What the device alone writes: @fn with each such stretch. */
static void each_stretch(FIXTURE_DATA(log) *self, void *arg,
			 void (*fn)(FIXTURE_DATA(log) *self, void *arg, const uint8_t *at,
				    size_t length))
{
	unsigned int i;

	fn(self, arg, self->data, DATA);
	for (i = 0; i < SLOTS; i++)
		fn(self, arg, self->requests[i].status, 1);
	for (i = 0; i < QUEUES; i++)
		fn(self, arg, (const uint8_t *)self->dev.vqs[i].used,
		   used_size(&self->dev.vqs[i]));
}

struct count {
	const uint8_t *other;		/* to compare with */
	unsigned int differ, unmarked;
};

/* Counts pages of which something differs, and those of them without a bit. */
static void count_pages(FIXTURE_DATA(log) *self, void *arg, const uint8_t *at, size_t length)
{
	const uint8_t *memory = self->dev.guest.memory;
	struct count *count = arg;

	while (length) {
		size_t offset = at - memory, n = GUEST_PAGE - offset % GUEST_PAGE;

		n = n < length ? n : length;
		if (memcmp(at, count->other + offset, n)) {
			count->differ++;
			count->unmarked += !is_marked(self, page_of(self, at));
		}
		at += n;
		length -= n;
	}
}

/* What differs is marked, and no page that nobody had a reason to write. */
#define CHECK_LOG() do { \
	struct count _count = { .other = self->before }; \
	unsigned int _page, _marked = 0, _wrong = 0; \
\
	each_stretch(self, &_count, count_pages); \
	EXPECT_LT(QUEUES, _count.differ); \
	EXPECT_EQ(0, _count.unmarked); \
	for (_page = 0; _page < PAGES; _page++) { \
		_marked += is_marked(self, _page); \
		_wrong += is_marked(self, _page) && !self->may[_page]; \
	} \
	EXPECT_EQ(0, _wrong); \
	EXPECT_LT(0, _marked); \
	EXPECT_GT(PAGES / 2, _marked); \
	EXPECT_TRUE(log_is_guarded(&self->log)); \
} while (0)

TEST_F(log, what_differs_is_marked)
{
	unsigned int i;

	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	for (i = 0; i < 20; i++) {
		remember(self);
		ASSERT_EQ(0, read_all(self));
		ASSERT_EQ(0, stop_queues(self));
		CHECK_LOG();
		ASSERT_EQ(0, start_queues(self));
	}
}

/* Each alone, so that nothing else marks the page. */
TEST_F(log, kinds_of_requests)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t length;
		int status;
	} kinds[] = {
		{ VIRTIO_BLK_T_IN, 8, 4096, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_GET_ID, 0, 3, VIRTIO_BLK_S_IOERR },
		{ VIRTIO_BLK_T_OUT, 8, 4096, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_FLUSH, 0, 0, VIRTIO_BLK_S_OK },
		{ VIRTIO_BLK_T_IN, DISK / SECTOR, 4096, VIRTIO_BLK_S_IOERR },
		{ 77, 0, 4096, VIRTIO_BLK_S_UNSUPP },
	};
	struct blk_request *request = &self->requests[0];
	unsigned int i;

	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		bool reads = kinds[i].type == VIRTIO_BLK_T_IN ||
			     kinds[i].type == VIRTIO_BLK_T_GET_ID;
		bool done;

		memset(self->data, 0xa5, 4096);
		remember(self);
		may_write(self, request->status, 1);
		if (reads)
			may_write(self, self->data, kinds[i].length);
		EXPECT_EQ(kinds[i].status,
			  blk_do(&self->dev.vqs[0], request, kinds[i].type, kinds[i].sector,
				 self->data, kinds[i].length, NULL));
		ASSERT_EQ(0, stop_queues(self));
		EXPECT_TRUE(is_marked(self, page_of(self, request->status)))
			TH_LOG("kind %u", i);
		EXPECT_TRUE(is_marked(self, page_of(self, self->dev.vqs[0].used)));
		done = reads && kinds[i].status == VIRTIO_BLK_S_OK;
		EXPECT_EQ(done, !all_bytes_are(self->data, 20, 0xa5));
		/* Of one that failed it need not be. */
		if (done || !reads) {
			EXPECT_EQ(done, is_marked(self, page_of(self, self->data)));
		}
		ASSERT_EQ(0, start_queues(self));
	}
}

/* It is the device's, until somebody takes it away. */
TEST_F(log, stays_over_stops)
{
	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
	remember(self);
	ASSERT_EQ(0, vdpa_resume(self->dev.fd));
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, stop_queues(self));
	CHECK_LOG();

	ASSERT_EQ(0, dev_stop(&self->dev));
	remember(self);
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
	CHECK_LOG();
	ASSERT_EQ(0, vdpa_resume(self->dev.fd));

	ASSERT_EQ(0, set_log(self->dev.fd, NULL));
	memset(self->log.bits, 0, self->log.size);
	ASSERT_EQ(0, read_all(self));
	EXPECT_TRUE(all_bytes_are(self->log.bits, self->log.size, 0));
}

/* Its memory is pinned and charged as long as it is there, not longer. */
TEST_F(log, pins)
{
	long pins = host_pins(), charged = host_charged();
	long pages = (self->log.mapped - GUEST_PAGE) / GUEST_PAGE;

	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	EXPECT_LT(pins, host_pins());
	EXPECT_LE(charged + 4 * (pages - 1), host_charged());
	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	EXPECT_LE(charged + 4 * (pages - 1), host_charged());
	ASSERT_EQ(0, set_log(self->dev.fd, NULL));
	EXPECT_EQ(pins, host_pins());
	EXPECT_EQ(charged, host_charged());
	/* Taken away twice is taken away. */
	EXPECT_EQ(0, set_log(self->dev.fd, NULL));
	/* The close does it, too. */
	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
}

/*
 * Who copies what is marked, again and again while requests are under way, has all
 * that the device wrote when it has stopped.
 */
struct copier {
	FIXTURE_DATA(log) *self;
	uint8_t *copy;
	bool replace;			/* with a log of its own for each pass */
	volatile bool stop;
	unsigned int passes, pages, faults;
	struct log old;			/* an earlier log, and what it held then */
	uint8_t *held;
};

static void copy_page(struct copier *copier, unsigned int page)
{
	memcpy(copier->copy + page * GUEST_PAGE,
	       copier->self->dev.guest.memory + page * GUEST_PAGE, GUEST_PAGE);
	copier->pages++;
}

/* Clears bits and copies their pages. */
static void copy_marked(struct copier *copier, const struct log *log)
{
	uint64_t first = copier->self->dev.guest.iova / GUEST_PAGE, i;

	for (i = first / 8; i < log->size; i++) {
		uint8_t bits = __atomic_exchange_n(&log->bits[i], 0, __ATOMIC_SEQ_CST);
		unsigned int bit;

		for (bit = 0; bits >> bit; bit++)
			if (bits >> bit & 1)
				copy_page(copier, i * 8 + bit - first);
	}
}

/* A log for the next pass; the one before is not written any more. */
static void copy_replaced(struct copier *copier)
{
	struct log last = copier->self->log;

	copier->faults += log_make(&copier->self->log, last.size, 100 + copier->passes % 900) ||
			  set_log(copier->self->dev.fd, &copier->self->log);
	if (copier->old.map) {
		copier->faults += memcmp(copier->held, copier->old.map, last.size) ||
				  !log_is_guarded(&copier->old);
		munmap(copier->old.map, copier->old.mapped);
	}
	copy_marked(copier, &last);
	memcpy(copier->held, last.map, last.size);
	copier->old = last;
}

static void *copy(void *data)
{
	struct copier *copier = data;

	while (!copier->stop) {
		if (copier->replace)
			copy_replaced(copier);
		else
			copy_marked(copier, &copier->self->log);
		copier->passes++;
	}
	return NULL;
}

static void check_copy(struct __test_metadata *_metadata, FIXTURE_DATA(log) *self, bool replace)
{
	struct copier copier = { .self = self, .replace = replace };
	struct count count = { 0 };
	pthread_t thread;
	unsigned int i;

	copier.copy = malloc(MEMORY);
	copier.held = malloc(self->log.size);
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	/* The first pass takes all. */
	memcpy(copier.copy, self->dev.guest.memory, MEMORY);
	ASSERT_EQ(0, pthread_create(&thread, NULL, copy, &copier));
	for (i = 0; i < 100 || copier.passes < 20; i++)
		ASSERT_EQ(0, read_all(self));
	copier.stop = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, stop_queues(self));
	copy_marked(&copier, &self->log);

	count.other = copier.copy;
	each_stretch(self, &count, count_pages);
	EXPECT_EQ(0, count.differ);
	EXPECT_EQ(0, copier.faults);
	TH_LOG("%u passes, %u pages", copier.passes, copier.pages);
	/* As many as were written, not as many as there are. */
	EXPECT_GT(copier.passes * (PAGES / 2), copier.pages);
	EXPECT_LT(1000, copier.pages);
	if (copier.old.map)
		munmap(copier.old.map, copier.old.mapped);
	free(copier.copy);
	free(copier.held);
}

TEST_F(log, copies_what_is_marked)
{
	check_copy(_metadata, self, false);
}

TEST_F(log, copies_with_a_new_log_each_time)
{
	check_copy(_metadata, self, true);
}

/* On and off under load: nobody waits for ever, no request is lost. */
static void *turn_on_and_off(void *data)
{
	struct copier *copier = data;

	while (!copier->stop) {
		copier->faults += set_log(copier->self->dev.fd,
					  copier->passes % 3 ? &copier->self->log : NULL) != 0;
		copier->passes++;
	}
	return NULL;
}

TEST_F(log, on_and_off_under_load)
{
	struct copier copier = { .self = self };
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, turn_on_and_off, &copier));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, read_all(self));
	copier.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, copier.faults);
	EXPECT_LT(3, copier.passes);
}

/* A chain of many buffers, none the neighbour of another: @nr of them. */
static int offer_scattered(FIXTURE_DATA(log) *self, struct vq *vq, struct blk_request *request,
			   unsigned int nr)
{
	struct vq_buf bufs[VQ_INDIRECT_MAX] = {
		{ guest_iova(vq->guest, request->header), sizeof(*request->header), false },
	};
	unsigned int i;

	request->header->type = htole32(VIRTIO_BLK_T_IN);
	request->header->sector = 0;
	for (i = 1; i < nr + 1; i++) {
		uint8_t *at = self->data + i % 2 * DATA / 2 + i * 2 * GUEST_PAGE;

		bufs[i] = (struct vq_buf){ guest_iova(vq->guest, at), SECTOR, true };
		may_write(self, at, SECTOR);
	}
	bufs[i] = (struct vq_buf){ guest_iova(vq->guest, request->status), 1, true };
	may_write(self, request->status, 1);
	request->head = vq_add(vq, bufs, nr + 2);
	return request->head < 0 ? request->head : 0;
}

/* More at once than a queue can keep in mind: they are served all the same. */
TEST_F(log, more_than_can_be_kept_in_mind)
{
	struct vring_used_elem elem;
	unsigned int i;

	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	remember(self);
	for (i = 0; i < 200; i++) {
		/* All into the same: the status is the last one's. */
		ASSERT_EQ(0, offer_scattered(self, &self->dev.vqs[0],
					     &self->requests[i % SLOTS],
					     VQ_INDIRECT_MAX - 2));
	}
	vq_publish(&self->dev.vqs[0]);
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, vq_wait(&self->dev.vqs[0], &elem, VQ_TIMEOUT_MS));
	ASSERT_EQ(0, stop_queues(self));
	CHECK_LOG();
	for (i = 0; i < SLOTS; i++)
		EXPECT_EQ(VIRTIO_BLK_S_OK, *self->requests[i].status);
}

/* V15: a log of a third of the memory, and 5 bits: what has a bit is marked. */
TEST_F(log, V15_too_short)
{
	struct log whole = self->log, part = whole;
	unsigned int page, kept;

	part.size = self->dev.guest.iova / GUEST_PAGE / 8 + PAGES / 3 / 8 + 1;
	memset(whole.bits + part.size, GUARD, whole.size - part.size);
	kept = (part.size - self->dev.guest.iova / GUEST_PAGE / 8) * 8;
	self->log = part;
	remember(self);
	ASSERT_EQ(0, set_log(self->dev.fd, &part));
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, stop_queues(self));
	EXPECT_TRUE(log_is_guarded(&part));
	for (page = 0; page < kept; page++)
		EXPECT_TRUE(self->may[page] || !is_marked(self, page));
	EXPECT_TRUE(is_marked(self, page_of(self, self->dev.vqs[0].used)));
}

/* V15: what is refused leaves the log as it was. */
TEST_F(log, V15_refused)
{
	uint8_t *page = mmap(NULL, GUEST_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = (uintptr_t)self->log.bits;
	const struct {
		uint64_t uaddr, size;
		int error;
	} cases[] = {
		{ 0, 8, -EINVAL },
		{ at, 0, -EINVAL },
		{ at, UINT64_MAX, -EINVAL },
		{ at, -at, -EINVAL },
		{ UINT64_MAX, 1, -EINVAL },
		{ at, 1ULL << 63, -EFAULT },
		{ at, 1ULL << 46, -ENOMEM },
		{ 4096, 8, -EFAULT },
		{ 1ULL << 63, 8, -EFAULT },
		{ (uintptr_t)page, 8, -EFAULT },
		{ (uintptr_t)self->log.map, self->log.mapped + (1UL << 30), -EFAULT },
	};
	struct vpin_log arg;
	unsigned int i;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, set_log(self->dev.fd, &self->log));
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		arg = (struct vpin_log){ cases[i].uaddr, cases[i].size };
		EXPECT_EQ(cases[i].error, vdpa_ioctl(self->dev.fd, VPIN_SET_LOG, &arg))
			TH_LOG("case %u", i);
	}
	EXPECT_EQ(-EFAULT, vdpa_ioctl(self->dev.fd, VPIN_SET_LOG, (void *)1));
	remember(self);
	ASSERT_EQ(0, read_all(self));
	ASSERT_EQ(0, stop_queues(self));
	CHECK_LOG();
	munmap(page, GUEST_PAGE);
}

TEST_F(log, V15_over_the_limit)
{
	const struct rlimit limit = { 1024 * host_charged(), RLIM_INFINITY };

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, host_drop(CAP_IPC_LOCK));
	EXPECT_EQ(-ENOMEM, set_log(self->dev.fd, &self->log));
	EXPECT_EQ(0, read_all(self));
}

/* Who may: the owner, once there is one. */
TEST_F(log, by_the_owner)
{
	int blank = vpin_open(), status;
	pid_t child;

	ASSERT_LE(0, blank);
	EXPECT_EQ(-ENOTTY, set_log(blank, &self->log));
	ASSERT_EQ(0, vpin_attach_default(blank, self->backend, 0));
	EXPECT_EQ(-ENODEV, set_log(blank, &self->log));
	close(blank);
	child = fork();
	if (!child)
		_exit(set_log(self->dev.fd, &self->log) == -EPERM ? 0 : 1);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* A disk that does not answer: who waits for it to log can be killed. */
TEST(killed_while_it_begins)
{
	static struct blk_request request;
	static struct dev dev;
	static struct log log;
	int status, ready[2], i;
	char byte;
	pid_t child;

	if (!forget_is_there())
		SKIP(return, "no disk that forgets");
	ASSERT_EQ(0, forget_add(""));
	ASSERT_EQ(0, pipe(ready));
	child = fork();
	if (!child) {
		int disk = open(forget_disk(), O_RDWR | O_CLOEXEC);

		if (disk < 0 || log_make(&log, 1024, 0) || dev_run(&dev, disk, NULL))
			_exit(1);
		blk_init(&request, &dev.guest);
		if (forget_hold(true) ||
		    blk_add(&dev.vqs[0], &request, VIRTIO_BLK_T_IN, 0,
			    guest_alloc(&dev.guest, 4096, 4096), 4096))
			_exit(2);
		vq_publish(&dev.vqs[0]);
		usleep(200000);
		if (write(ready[1], "", 1) != 1)
			_exit(3);
		set_log(dev.fd, &log);
		_exit(4);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	usleep(300000);
	/* It waits, */
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	kill(child, SIGKILL);
	for (i = 0; i < 200 && !waitpid(child, &status, WNOHANG); i++)
		usleep(100000);
	/* and does not any more. */
	EXPECT_GT(200, i);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, forget_hold(false));
	for (i = 0; i < 100 && forget_remove(); i++)
		usleep(100000);
	EXPECT_GT(100, i);
	close(ready[0]);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that takes pages out of its guest's memory, and puts others in, while
 * the disk is used: what a balloon does, and all the ways to do it.  What the
 * device sees has to be what the VMM itself sees.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "disk.h"
#include "forget.h"
#include "group.h"
#include "shown.h"
#include "vmm.h"

#define FAR	(1ULL << 40)
#define PAGES	64UL
#define SIZE	(PAGES * GUEST_PAGE)
#define RW	(PROT_READ | PROT_WRITE)

/* Memory of the guest's beside what its rings are in. */
struct extra {
	uint8_t *memory;
	size_t size;
	int memfd;		/* of a shared mapping; else -1 */
};

static int extra_map(FIXTURE_DATA(vmm) *self, struct extra *extra, size_t size, bool shared)
{
	*extra = (struct extra){ .size = size, .memfd = -1 };
	if (shared) {
		extra->memfd = memfd_create("extra", MFD_CLOEXEC);
		if (extra->memfd < 0 || ftruncate(extra->memfd, size))
			return -errno;
	}
	extra->memory = mmap(NULL, size, RW, shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
			     extra->memfd, 0);
	if (extra->memory == MAP_FAILED)
		return -errno;
	return MAP(FAR, size, extra->memory, VHOST_ACCESS_RW);
}

static void extra_unmap(FIXTURE_DATA(vmm) *self, struct extra *extra)
{
	UNMAP(FAR, extra->size);
	munmap(extra->memory, extra->size);
	if (extra->memfd >= 0)
		close(extra->memfd);
}

/* One request with data in extra memory: its status, or -errno. */
static int transfer(FIXTURE_DATA(vmm) *self, uint32_t type, uint64_t sector, size_t offset,
		    uint32_t length)
{
	return blk_do_at(self->vq, &self->request, type, sector, FAR + offset, length, NULL);
}

/* Page @page is not what it was: taken, and maybe there again. */
typedef int (*take_fn)(struct extra *extra, unsigned long page);

static uint8_t *page_of(struct extra *extra, unsigned long page)
{
	return extra->memory + page * GUEST_PAGE;
}

static int by_dontneed(struct extra *extra, unsigned long page)
{
	return madvise(page_of(extra, page), GUEST_PAGE, MADV_DONTNEED);
}

static int by_remove(struct extra *extra, unsigned long page)
{
	return madvise(page_of(extra, page), GUEST_PAGE, MADV_REMOVE);
}

static int by_hole(struct extra *extra, unsigned long page)
{
	return fallocate(extra->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 page * GUEST_PAGE, GUEST_PAGE);
}

static int by_mapping_over(struct extra *extra, unsigned long page)
{
	return mmap(page_of(extra, page), GUEST_PAGE, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED;
}

static int by_unmapping(struct extra *extra, unsigned long page)
{
	return munmap(page_of(extra, page), GUEST_PAGE) || by_mapping_over(extra, page);
}

/* Two pages change places. */
static int by_moving(struct extra *extra, unsigned long page)
{
	uint8_t *one = page_of(extra, page), *other = page_of(extra, (page + 7) % PAGES);
	uint8_t *place = mmap(NULL, GUEST_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	return mremap(one, GUEST_PAGE, GUEST_PAGE, flags, place) != place ||
	       mremap(other, GUEST_PAGE, GUEST_PAGE, flags, one) != one ||
	       mremap(place, GUEST_PAGE, GUEST_PAGE, flags, other) != other;
}

/* Written while a child has the same memory. */
static int by_fork(struct extra *extra, unsigned long page)
{
	int status, go[2];
	pid_t child;
	char byte;

	if (pipe(go))
		return -1;
	child = fork();
	if (!child) {
		close(go[1]);
		read(go[0], &byte, 1);
		_exit(0);
	}
	memset(page_of(extra, page), page + 1, GUEST_PAGE);
	close(go[1]);
	close(go[0]);
	return waitpid(child, &status, 0) != child;
}

/*
 * Pages are taken between requests, of some of them new ones are used at once,
 * and others stay as they are.  Out: what is on the disk is what the VMM sees in
 * memory.  In: what the VMM sees in memory is what is on the disk.
 */
static void exchange(struct __test_metadata *_metadata, FIXTURE_DATA(vmm) *self,
		     bool shared, take_fn take)
{
	uint8_t *disk = malloc(SIZE);
	unsigned int round, i;
	struct extra extra;

	srandom(1);
	ASSERT_EQ(0, extra_map(self, &extra, SIZE, shared));
	ASSERT_EQ(0, dev_start(&self->dev));
	for (round = 0; round < 60; round++) {
		size_t offset = random() % (SIZE / 2) / SECTOR * SECTOR;

		for (i = 0; i < 1 + round % 8; i++) {
			unsigned long page = random() % PAGES;

			ASSERT_EQ(0, take(&extra, page));
			if (random() % 2)
				pattern_fill(page_of(&extra, page), GUEST_PAGE, page, round);
		}
		ASSERT_EQ(0, transfer(self, VIRTIO_BLK_T_OUT, 0, offset, SIZE / 2));
		ASSERT_EQ((ssize_t)SIZE / 2, pread(self->backend, disk, SIZE / 2, 0));
		ASSERT_EQ(0, memcmp(disk, extra.memory + offset, SIZE / 2)) {
			TH_LOG("round %u: the disk has other data than the memory", round);
		}

		for (i = 0; i < 1 + round % 8; i++)
			ASSERT_EQ(0, take(&extra, random() % PAGES));
		pattern_fill(disk, SIZE / 2, 0, 1000 + round);
		ASSERT_EQ((ssize_t)SIZE / 2, pwrite(self->backend, disk, SIZE / 2, 0));
		ASSERT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, offset, SIZE / 2));
		ASSERT_EQ(0, memcmp(disk, extra.memory + offset, SIZE / 2)) {
			TH_LOG("round %u: the memory has other data than the disk", round);
		}
	}
	/* What is charged is what is mapped, whatever became of it. */
	EXPECT_EQ((long)(self->dev.guest.size + SIZE) / 1024, host_charged());
	ASSERT_EQ(0, dev_stop(&self->dev));
	extra_unmap(self, &extra);
	free(disk);
}

TEST_F(vmm, V30_anonymous_memory_that_is_not_needed)
{
	exchange(_metadata, self, false, by_dontneed);
}

TEST_F(vmm, V30_shared_memory_that_is_not_needed)
{
	exchange(_metadata, self, true, by_dontneed);
}

TEST_F(vmm, V30_shared_memory_that_is_removed)
{
	exchange(_metadata, self, true, by_remove);
}

TEST_F(vmm, V30_holes_in_shared_memory)
{
	exchange(_metadata, self, true, by_hole);
}

TEST_F(vmm, V30_memory_that_is_mapped_over)
{
	exchange(_metadata, self, false, by_mapping_over);
}

TEST_F(vmm, V30_shared_memory_that_is_mapped_over)
{
	exchange(_metadata, self, true, by_mapping_over);
}

TEST_F(vmm, V30_memory_that_is_unmapped)
{
	exchange(_metadata, self, false, by_unmapping);
}

TEST_F(vmm, V30_pages_that_move)
{
	exchange(_metadata, self, false, by_moving);
}

TEST_F(vmm, V30_memory_that_a_child_has_too)
{
	exchange(_metadata, self, false, by_fork);
}

#define ROOT	"/sys/fs/cgroup"
#define GROUP	"vpin-follow"

/* Moves into a cgroup whose memory is counted.  0 or -errno. */
static int enter_group(void)
{
	if (access(ROOT "/cgroup.procs", F_OK))
		mount("cgroup2", ROOT, "cgroup2", 0, NULL);
	file_set(ROOT "/cgroup.subtree_control", "+memory");
	return group_make(GROUP) ?: group_enter(GROUP, 0);
}

/* Bytes that are charged to it. */
static long group_memory(void)
{
	FILE *file = fopen(ROOT "/" GROUP "/memory.current", "r");
	long bytes = -1;

	if (file) {
		fscanf(file, "%ld", &bytes);
		fclose(file);
	}
	return bytes;
}

/*
 * Whether no more than @pages become pinned: soon, but on a busy machine that takes
 * its time.  It may be fewer: a kernel that moves memory together takes pages out of
 * the owner's mapping for a moment, and they are pinned again when they are used.
 */
static bool pins_become(long pages)
{
	long are = host_pins();
	unsigned int turn;

	for (turn = 0; turn < 3000 && are > pages; turn++) {
		usleep(10000);
		are = host_pins();
	}
	if (are > pages)
		fprintf(stderr, "# %ld pages are pinned, not %ld\n", are, pages);
	return are <= pages;
}

TEST_F(vmm, V31_memory_is_given_back)
{
	const size_t size = 64 * MIB;
	struct extra extra;
	struct stat stat;
	unsigned long page;
	long pins, had;

	ASSERT_EQ(0, enter_group());
	ASSERT_EQ(0, dev_start(&self->dev));
	pins = host_pins();
	ASSERT_EQ(0, extra_map(self, &extra, size, true));
	memset(extra.memory, 1, size);
	ASSERT_EQ(pins + (long)size / GUEST_PAGE, host_pins());
	had = group_memory();
	ASSERT_LE((long)size, had);

	/* Page by page, as a balloon does. */
	for (page = 0; page < size / GUEST_PAGE; page++)
		ASSERT_EQ(0, by_hole(&extra, page));
	EXPECT_TRUE(pins_become(pins));
	ASSERT_EQ(0, fstat(extra.memfd, &stat));
	EXPECT_EQ(0, stat.st_blocks);
	/* Each processor has a few pages at hand that are still charged. */
	TH_LOG("%ld KiB of %zu were given back", (had - group_memory()) / 1024, size / 1024);
	EXPECT_LE((long)size - (long)MIB, had - group_memory());

	/* One request has what it needs pinned, and no more. */
	EXPECT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, MIB, 2 * GUEST_PAGE));
	EXPECT_EQ(pins + 2, host_pins());
	ASSERT_EQ(0, fstat(extra.memfd, &stat));
	EXPECT_EQ(2 * GUEST_PAGE / 512, stat.st_blocks);
	EXPECT_EQ((long)(self->dev.guest.size + size) / 1024, host_charged());
	ASSERT_EQ(0, UNMAP(FAR, size));
	EXPECT_EQ(pins, host_pins());
	extra_unmap(self, &extra);
	ASSERT_EQ(0, group_enter("", 0));
	EXPECT_EQ(0, group_remove(GROUP));
}

static const struct dev_options lazily = {
	.queues = QUEUES, .queue_size = 64, .attach_flags = VPIN_ATTACH_LAZY,
};

/* What nobody has accessed the host does not even have. */
TEST_F(vmm, V39_lazy_memory_is_pinned_when_accessed)
{
	const size_t size = 64 * MIB;
	uint8_t disk[2 * GUEST_PAGE];
	struct extra extra;
	struct stat stat;
	long pins;

	dev_close(&self->dev);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &lazily));
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
	ASSERT_EQ(0, READ());
	pins = host_pins();
	EXPECT_GT((long)self->dev.guest.size / GUEST_PAGE / 8, pins - self->pins);
	ASSERT_EQ(0, extra_map(self, &extra, size, true));
	/* The first is the proof that they can be. */
	EXPECT_EQ(pins + 1, host_pins());
	EXPECT_EQ((long)(self->dev.guest.size + size) / 1024, host_charged());
	ASSERT_EQ(0, fstat(extra.memfd, &stat));
	EXPECT_EQ(GUEST_PAGE / 512, stat.st_blocks);

	pattern_fill(disk, sizeof(disk), 0, 1);
	ASSERT_EQ((ssize_t)sizeof(disk), pwrite(self->backend, disk, sizeof(disk), 0));
	EXPECT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, 33 * MIB, sizeof(disk)));
	EXPECT_EQ(0, memcmp(disk, extra.memory + 33 * MIB, sizeof(disk)));
	EXPECT_EQ(pins + 3, host_pins());
	ASSERT_EQ(0, fstat(extra.memfd, &stat));
	EXPECT_EQ(3 * GUEST_PAGE / 512, stat.st_blocks);
	ASSERT_EQ(0, UNMAP(FAR, size));
	EXPECT_EQ(pins, host_pins());
	extra_unmap(self, &extra);
}

/* It goes and comes as other memory does. */
TEST_F(vmm, V39_lazy_memory_that_goes_and_comes)
{
	dev_close(&self->dev);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &lazily));
	blk_init(&self->request, &self->dev.guest);
	exchange(_metadata, self, true, by_hole);
}

TEST_F(vmm, V39_lazy_memory_that_cannot_be_pinned)
{
	uint8_t *none = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	dev_close(&self->dev);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &lazily));
	EXPECT_EQ(-EFAULT, MAP(FAR, SIZE, none, VHOST_ACCESS_RW));
	munmap(none, SIZE);
}

/* Only the first page says whether memory can be pinned. */
TEST_F(vmm, V39_lazy_memory_of_which_a_part_cannot_be_pinned)
{
	int memfd = memfd_create("short", MFD_CLOEXEC);
	uint8_t *memory;

	ASSERT_EQ(0, ftruncate(memfd, GUEST_PAGE));
	memory = mmap(NULL, SIZE, RW, MAP_SHARED, memfd, 0);
	EXPECT_EQ(-EFAULT, MAP(FAR, SIZE, memory, VHOST_ACCESS_RW));
	UNMAP(FAR, SIZE);
	dev_close(&self->dev);
	ASSERT_EQ(0, dev_run(&self->dev, self->backend, &lazily));
	blk_init(&self->request, &self->dev.guest);
	EXPECT_EQ(0, MAP(FAR, SIZE, memory, VHOST_ACCESS_RW));
	EXPECT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, 0, GUEST_PAGE));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, transfer(self, VIRTIO_BLK_T_IN, 0, GUEST_PAGE, GUEST_PAGE));
	munmap(memory, SIZE);
	close(memfd);
}

/* Where nothing is there is an I/O error, and nothing worse. */
TEST_F(vmm, V32_memory_that_is_not_there)
{
	struct extra extra;

	ASSERT_EQ(0, extra_map(self, &extra, SIZE, false));
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, munmap(page_of(&extra, 3), 2 * GUEST_PAGE));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, transfer(self, VIRTIO_BLK_T_IN, 0, 3 * GUEST_PAGE,
					       GUEST_PAGE));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, transfer(self, VIRTIO_BLK_T_OUT, 0, 0, SIZE));
	EXPECT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, 0, 3 * GUEST_PAGE));
	EXPECT_EQ(0, READ());
	ASSERT_EQ(0, by_mapping_over(&extra, 3));
	ASSERT_EQ(0, by_mapping_over(&extra, 4));
	EXPECT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, 0, 0, SIZE));
	extra_unmap(self, &extra);
}

/* A guest reboots: its rings are where pages were given back meanwhile. */
TEST_F(vmm, V33_rings_in_memory_that_was_given_back)
{
	struct guest *guest = &self->dev.guest;
	struct vring_used_elem elem;

	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(0, READ());
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, fallocate(guest->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       guest->size));
	vq_reset(self->vq);
	vq_reset(&self->dev.vqs[1]);
	ASSERT_EQ(0, dev_start(&self->dev));
	pattern_fill(self->data, 4096, 0, 5);
	EXPECT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, self->data, 4096,
			    NULL));
	EXPECT_EQ(0, READ());
	EXPECT_TRUE(pattern_is(self->data, 4096, 0, 5));

	/* A running ring that is nowhere: the queue waits until it is somewhere. */
	ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data, 4096));
	ASSERT_EQ(0, munmap(guest->memory, guest->size));
	usleep(300000);
	ASSERT_EQ(guest->memory, mmap(guest->memory, guest->size, RW, MAP_SHARED | MAP_FIXED,
				      guest->memfd, 0));
	vq_publish(self->vq);
	vq_kick(self->vq);
	EXPECT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
}

/* Extra memory whose pages belong to whoever took them out of the pool. */
static struct {
	pthread_mutex_t lock;
	bool taken[PAGES];
	struct extra extra;
	unsigned int punched;
	int failed;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static unsigned long pool_take(void)
{
	unsigned long page;

	for (;;) {
		page = random() % PAGES;
		pthread_mutex_lock(&pool.lock);
		if (!pool.taken[page])
			break;
		pthread_mutex_unlock(&pool.lock);
	}
	pool.taken[page] = true;
	pthread_mutex_unlock(&pool.lock);
	return page;
}

static void pool_give(unsigned long page)
{
	pthread_mutex_lock(&pool.lock);
	pool.taken[page] = false;
	pthread_mutex_unlock(&pool.lock);
}

static void pool_punch(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	unsigned long page = pool_take();

	(void)self;
	(void)turn;
	pool.failed |= by_dontneed(&pool.extra, page) ||
		       !all_bytes_are(page_of(&pool.extra, page), GUEST_PAGE, 0);
	pool.punched++;
	pool_give(page);
}

/* Two take pages away while requests use the others, which change all the time. */
TEST_F(vmm, V34_pages_go_and_come_under_load)
{
	struct beside beside[2] = {
		{ .self = self, .act = pool_punch }, { .self = self, .act = pool_punch },
	};
	unsigned int requests = 0, wrong = 0;
	uint8_t disk[GUEST_PAGE];
	double end;

	ASSERT_EQ(0, extra_map(self, &pool.extra, SIZE, false));
	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, beside_start(&beside[0]));
	ASSERT_EQ(0, beside_start(&beside[1]));
	for (end = host_seconds() + 3; host_seconds() < end; requests += 2) {
		unsigned long page = pool_take();
		uint8_t *memory = page_of(&pool.extra, page);
		uint64_t sector = random() % 1000 * 8;

		pattern_fill(memory, GUEST_PAGE, sector, requests);
		ASSERT_EQ(0, transfer(self, VIRTIO_BLK_T_OUT, sector, page * GUEST_PAGE,
				      GUEST_PAGE));
		pread(self->backend, disk, GUEST_PAGE, sector * SECTOR);
		wrong += !pattern_is(disk, GUEST_PAGE, sector, requests);
		pool_give(page);

		page = pool_take();
		memory = page_of(&pool.extra, page);
		ASSERT_EQ(0, transfer(self, VIRTIO_BLK_T_IN, sector, page * GUEST_PAGE,
				      GUEST_PAGE));
		wrong += !pattern_is(memory, GUEST_PAGE, sector, requests);
		pool_give(page);
	}
	beside_stop(&beside[0]);
	beside_stop(&beside[1]);
	TH_LOG("%u requests while %u pages went", requests, pool.punched);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, pool.failed);
	EXPECT_LT(100, requests);
	ASSERT_EQ(0, dev_stop(&self->dev));
	extra_unmap(self, &pool.extra);
}

/* The same memory mapped anew where it was, rings and all. */
static void remap(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	struct guest *guest = &self->dev.guest;

	(void)turn;
	mmap(guest->memory, guest->size, RW, MAP_SHARED | MAP_FIXED, guest->memfd, 0);
	usleep(2000);
}

TEST_F(vmm, V35_memory_that_is_mapped_anew_under_load)
{
	struct beside beside = { .self = self, .act = remap };
	unsigned int requests;
	double end;

	ASSERT_EQ(0, dev_start(&self->dev));
	ASSERT_EQ(0, beside_start(&beside));
	end = host_seconds() + 2;
	for (requests = 0; host_seconds() < end; requests++) {
		pattern_fill(self->data, 8192, 0, requests);
		ASSERT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, self->data,
				    8192, NULL));
		memset(self->data, 0, 8192);
		ASSERT_EQ(0, blk_do(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data,
				    8192, NULL));
		ASSERT_TRUE(pattern_is(self->data, 8192, 0, requests));
	}
	beside_stop(&beside);
	TH_LOG("%u requests while all was mapped anew %u times", requests, beside.turns);
	EXPECT_LT(50, requests);
}

/* A write of the extra memory's first page, offered. */
static int offer(struct vq *vq, struct blk_request *request, uint64_t sector)
{
	int ret = blk_add_at(vq, request, VIRTIO_BLK_T_OUT, sector, FAR, GUEST_PAGE);

	if (!ret)
		vq_publish(vq);
	return ret;
}

/*
 * A page is replaced while a disk that hangs has it, and its pin has no other: the
 * next request waits until that is back, and nobody is busy meanwhile.
 */
TEST_F(vmm, V41_a_page_is_replaced_while_its_request_hangs)
{
	uint8_t data[2 * GUEST_PAGE];
	struct blk_request other;
	struct vring_used_elem elem;
	struct extra extra;
	long long before;
	int disk;

	if (!forget_is_there())
		SKIP(return, "no disk that hangs");
	dev_close(&self->dev);
	ASSERT_EQ(0, forget_add(""));
	disk = open(forget_disk(), O_RDWR | O_CLOEXEC);
	ASSERT_EQ(0, dev_run(&self->dev, disk, &two_queues));
	blk_init(&self->request, &self->dev.guest);
	blk_init(&other, &self->dev.guest);
	ASSERT_EQ(0, extra_map(self, &extra, GUEST_PAGE, false));

	ASSERT_EQ(0, forget_hold(true));
	pattern_fill(extra.memory, GUEST_PAGE, 0, 1);
	ASSERT_EQ(0, offer(self->vq, &self->request, 0));
	usleep(300000);
	ASSERT_EQ(0, by_dontneed(&extra, 0));
	pattern_fill(extra.memory, GUEST_PAGE, 8, 2);
	ASSERT_EQ(0, offer(&self->dev.vqs[1], &other, 8));
	usleep(300000);
	before = shown_counter(1, "turns");
	usleep(1000000);
	TH_LOG("%lld turns in a second", shown_counter(1, "turns") - before);
	EXPECT_LE(0, before);
	EXPECT_GE(200, shown_counter(1, "turns") - before);
	EXPECT_EQ(BLK_NO_STATUS, *other.status);

	ASSERT_EQ(0, forget_hold(false));
	EXPECT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, vq_wait(&self->dev.vqs[1], &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(0, *self->request.status);
	EXPECT_EQ(0, *other.status);
	ASSERT_EQ((ssize_t)sizeof(data), pread(disk, data, sizeof(data), 0));
	EXPECT_TRUE(pattern_is(data, GUEST_PAGE, 0, 1));
	EXPECT_TRUE(pattern_is(data + GUEST_PAGE, GUEST_PAGE, 8, 2));
	ASSERT_EQ(0, dev_stop(&self->dev));
	extra_unmap(self, &extra);
	close(disk);
	dev_close(&self->dev);
	EXPECT_EQ(0, forget_remove());
}

/* A page after the other, as fast as it goes. */
static struct {
	struct extra extra;
	double took;
	volatile bool done;
} storm;

static void storm_rages(FIXTURE_DATA(vmm) *self, unsigned int turn)
{
	double start = host_seconds();
	unsigned long page;

	(void)self;
	(void)turn;
	if (storm.done) {
		usleep(1000);
		return;
	}
	for (page = 0; page < 65536; page++)
		madvise(storm.extra.memory + page * GUEST_PAGE, GUEST_PAGE, MADV_DONTNEED);
	storm.took = host_seconds() - start;
	storm.done = true;
}

TEST_F(vmm, V36_nobody_starves_in_a_storm)
{
	struct beside beside = { .self = self, .act = storm_rages };
	double start, worst = 0, calm;
	unsigned int requests = 0;
	long pins;

	ASSERT_EQ(0, dev_start(&self->dev));
	pins = host_pins();
	start = host_seconds();
	for (requests = 0; requests < 1000; requests++)
		ASSERT_EQ(0, READ());
	calm = (host_seconds() - start) / 1000;
	ASSERT_EQ(0, extra_map(self, &storm.extra, 256 * MIB, false));

	ASSERT_EQ(0, beside_start(&beside));
	for (requests = 0; !storm.done; requests++) {
		start = host_seconds();
		ASSERT_EQ(0, READ());
		if (host_seconds() - start > worst)
			worst = host_seconds() - start;
	}
	beside_stop(&beside);
	TH_LOG("%u requests in a storm of %.2f s, %.2f ms each, the worst %.2f ms; in a calm %.3f ms",
	       requests, storm.took, 1000 * storm.took / requests, 1000 * worst, 1000 * calm);
	EXPECT_LT(20, requests);
	EXPECT_GT(2 * host_patience(), worst);
	EXPECT_TRUE(pins_become(pins));
	ASSERT_EQ(0, dev_stop(&self->dev));
	extra_unmap(self, &storm.extra);
}

/* Killed while pages go and requests wait for that. */
TEST_F(vmm, V37_killed_in_a_storm)
{
	long pins = host_pins();
	unsigned int turn, i;
	double start;
	int status;
	pid_t child;

	for (i = 0; i < 5; i++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			FIXTURE_DATA(vmm) mine = { .backend = self->backend };
			struct beside beside = { .self = &mine, .act = pool_punch };

			if (dev_run(&mine.dev, self->backend, &two_queues))
				_exit(1);
			mine.vq = &mine.dev.vqs[0];
			blk_init(&mine.request, &mine.dev.guest);
			if (extra_map(&mine, &pool.extra, SIZE, false) || beside_start(&beside))
				_exit(1);
			for (;;)
				transfer(&mine, VIRTIO_BLK_T_IN, 0, random() % PAGES * GUEST_PAGE,
					 GUEST_PAGE);
		}
		usleep(300000);
		start = host_seconds();
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_GT(2, host_seconds() - start);
		EXPECT_TRUE(pins_become(pins));
	}
	for (turn = 0; turn < 100 && host_workers(); turn++)
		usleep(10000);
}

TEST_HARNESS_MAIN

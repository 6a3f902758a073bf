// SPDX-License-Identifier: GPL-2.0-only
/*
 * S04, S05: what was promised to be stable is there after a power cut.  The
 * observer is a disk that forgets what was not flushed to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "forget.h"
#include "harness.h"

#define MIB	(1UL << 20)
#define SIZE	(8 * MIB)
#define FLUSH	BIT_ULL(VIRTIO_BLK_F_FLUSH)
#define WCE	BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE)

FIXTURE(durable) {
	const char *path;
	int backend;
	struct dev dev;
	struct vq *vq;
	struct blk_request request;
	uint8_t *data;			/* 2 MiB, on a page */
	uint8_t *after;			/* as much, for what a cut left */
};

FIXTURE_VARIANT(durable) {
	const char *disk;
	bool file, written, overlay;
	uint64_t attach_flags;
};

FIXTURE_VARIANT_ADD(durable, device) { .disk = "" };
FIXTURE_VARIANT_ADD(durable, device_without_fua) { .disk = "fua=0" };
FIXTURE_VARIANT_ADD(durable, device_4k) { .disk = "block=4096" };
FIXTURE_VARIANT_ADD(durable, device_that_does_not_zero) { .disk = "zeroes=0" };
FIXTURE_VARIANT_ADD(durable, device_buffered) {
	.disk = "", .attach_flags = VPIN_ATTACH_BUFFERED,
};
FIXTURE_VARIANT_ADD(durable, file_sparse) { .disk = "", .file = true };
FIXTURE_VARIANT_ADD(durable, file) { .disk = "", .file = true, .written = true };
FIXTURE_VARIANT_ADD(durable, file_without_fua) {
	.disk = "fua=0", .file = true, .written = true,
};
FIXTURE_VARIANT_ADD(durable, file_buffered) {
	.disk = "", .file = true, .attach_flags = VPIN_ATTACH_BUFFERED,
};
FIXTURE_VARIANT_ADD(durable, file_on_an_overlay) {
	.disk = "", .file = true, .overlay = true, .attach_flags = VPIN_ATTACH_BUFFERED,
};
/* Last: an end of it that is missed is a worker that stays. */
FIXTURE_VARIANT_ADD(durable, device_polled) {
	.disk = "poll=1", .attach_flags = VPIN_ATTACH_POLL,
};

static int write_it_whole(int fd)
{
	static uint8_t zeroes[MIB];
	size_t at;

	for (at = 0; at < SIZE; at += MIB)
		if (pwrite(fd, zeroes, MIB, at) != (ssize_t)MIB)
			return -1;
	return fsync(fd);
}

FIXTURE_SETUP(durable)
{
	if (!forget_is_there())
		SKIP(return, "no disk that forgets");
	ASSERT_EQ(0, forget_add(variant->disk));
	if (variant->file)
		ASSERT_EQ(0, forget_format(SIZE));
	self->path = variant->overlay ? forget_overlay() :
		     variant->file ? forget_file() : forget_disk();
	ASSERT_TRUE(self->path);
	self->backend = open(self->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->backend);
	if (variant->written)
		ASSERT_EQ(0, write_it_whole(self->backend));
	self->after = malloc(2 * MIB);
}

FIXTURE_TEARDOWN(durable)
{
	if (self->dev.fd > 0)
		dev_close(&self->dev);
	close(self->backend);
	EXPECT_EQ(0, forget_leave());
}

/* Starts the device, with the variant's flags and those of @flags. */
static int run(FIXTURE_DATA(durable) *self, const FIXTURE_VARIANT(durable) *variant,
	       uint64_t flags, uint64_t without)
{
	const struct dev_options options = {
		.attach_flags = variant->attach_flags | flags, .without = without,
	};
	int ret = dev_run(&self->dev, self->backend, &options);

	if (ret)
		return ret;
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, 2 * MIB, GUEST_PAGE);
	return 0;
}

static int set_writeback(FIXTURE_DATA(durable) *self, uint8_t value)
{
	return vdpa_set_config(self->dev.fd, offsetof(struct virtio_blk_config, wce),
			       1, &value);
}

static uint8_t get_writeback(FIXTURE_DATA(durable) *self)
{
	uint8_t value = 0xff;

	vdpa_get_config(self->dev.fd, offsetof(struct virtio_blk_config, wce), 1, &value);
	return value;
}

#define RUN(flags, without)	ASSERT_EQ(0, run(self, variant, flags, without))

#define DO(type, sector, data, length) \
	blk_do(self->vq, &self->request, VIRTIO_BLK_T_##type, sector, data, length, NULL)

static int zero(FIXTURE_DATA(durable) *self, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes *range = (void *)(self->data + 2 * MIB - 64);

	range->sector = htole64(sector);
	range->num_sectors = htole32(sectors);
	range->flags = htole32(flags);
	return DO(WRITE_ZEROES, 0, range, sizeof(*range));
}

/* A write of @length bytes that lie @odd bytes after a page. */
static int put(FIXTURE_DATA(durable) *self, uint64_t sector, size_t length,
	       unsigned int odd, uint32_t seed)
{
	pattern_fill(self->data + odd, length, sector, seed);
	return DO(OUT, sector, self->data + odd, length);
}

/*
 * A write of 62 pages that are not neighbours: more pieces than a request's own
 * bio or part holds.
 */
static int put_scattered(FIXTURE_DATA(durable) *self, uint64_t sector, uint32_t seed)
{
	struct vq_buf bufs[64];
	unsigned int i, num = sizeof(bufs) / sizeof(*bufs);

	for (i = 1; i < num - 1; i++) {
		uint8_t *page = self->data + 2 * i * GUEST_PAGE;

		pattern_fill(page, GUEST_PAGE, sector + (i - 1) * 8, seed);
		bufs[i] = (struct vq_buf){ guest_iova(&self->dev.guest, page), GUEST_PAGE, false };
	}
	self->request.header->type = htole32(VIRTIO_BLK_T_OUT);
	self->request.header->sector = htole64(sector);
	*self->request.status = BLK_NO_STATUS;
	bufs[0] = (struct vq_buf){
		guest_iova(&self->dev.guest, self->request.header), 16, false,
	};
	bufs[num - 1] = (struct vq_buf){
		guest_iova(&self->dev.guest, self->request.status), 1, true,
	};
	blk_do_chain(self->vq, bufs, num);
	return *self->request.status;
}
#define SCATTERED	(62 * GUEST_PAGE)

/* After a cut that took all it could: is the pattern there? */
static bool is_there(FIXTURE_DATA(durable) *self, uint64_t sector, size_t length, uint32_t seed)
{
	return !forget_cut(0) && !forget_read(self->after, length, sector * SECTOR) &&
	       pattern_is(self->after, length, sector, seed);
}

static bool are_zeroes(FIXTURE_DATA(durable) *self, uint64_t sector, size_t length)
{
	return !forget_cut(0) && !forget_read(self->after, length, sector * SECTOR) &&
	       all_bytes_are(self->after, length, 0);
}

/* Each kind of write, and whether it is there once it is answered. */
#define EXPECT_STABLE_WRITES() do {						\
	EXPECT_EQ(0, put(self, 64, 65536, 0, 1));				\
	EXPECT_TRUE(is_there(self, 64, 65536, 1)) TH_LOG("aligned");		\
	EXPECT_EQ(0, put(self, 512, 65536, 1, 2));				\
	EXPECT_TRUE(is_there(self, 512, 65536, 2)) TH_LOG("at an odd address"); \
	EXPECT_EQ(0, put(self, 1024, 300 * 1024, 513, 3));			\
	EXPECT_TRUE(is_there(self, 1024, 300 * 1024, 3)) TH_LOG("long and odd");\
	EXPECT_EQ(0, put_scattered(self, 4096, 4));				\
	EXPECT_TRUE(is_there(self, 4096, SCATTERED, 4)) TH_LOG("scattered");	\
	EXPECT_EQ(0, put(self, 4096, 65536, 0, 5));				\
	EXPECT_TRUE(is_there(self, 4096, 65536, 5)) TH_LOG("again");		\
} while (0)

/* The instrument: this disk forgets, and its owner was told that it may. */
TEST_F(durable, S04_what_was_not_flushed_is_lost)
{
	if (!variant->file && (variant->attach_flags & VPIN_ATTACH_BUFFERED))
		SKIP(return, "may be written through");
	RUN(0, 0);
	ASSERT_EQ(1, get_writeback(self));
	ASSERT_EQ(0, put(self, 64, 65536, 0, 1));
	EXPECT_FALSE(is_there(self, 64, 65536, 1));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	EXPECT_TRUE(is_there(self, 64, 65536, 1));
}

TEST_F(durable, S04_flush)
{
	RUN(0, 0);
	ASSERT_EQ(0, put(self, 64, 65536, 0, 1));
	ASSERT_EQ(0, put(self, 512, 65536, 1, 2));
	ASSERT_EQ(0, put(self, 1024, 300 * 1024, 513, 3));
	ASSERT_EQ(0, put_scattered(self, 4096, 4));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	EXPECT_TRUE(is_there(self, 64, 65536, 1));
	EXPECT_TRUE(is_there(self, 512, 65536, 2));
	EXPECT_TRUE(is_there(self, 1024, 300 * 1024, 3));
	EXPECT_TRUE(is_there(self, 4096, SCATTERED, 4));
	if (!variant->file)
		EXPECT_EQ(0, forget_unstable());
}

TEST_F(durable, S04_flush_after_zeroes)
{
	uint32_t flags;

	RUN(0, 0);
	for (flags = 0; flags <= VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP; flags++) {
		ASSERT_EQ(0, put(self, 64, 65536, 0, 1));
		ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
		ASSERT_EQ(0, zero(self, 64, 128, flags));
		ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
		EXPECT_TRUE(are_zeroes(self, 64, 65536));
	}
}

TEST_F(durable, S04_write_through_by_config)
{
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	EXPECT_STABLE_WRITES();
}

/* What the driver chose holds when the VMM stops and goes on. */
TEST_F(durable, S05_write_through_after_stop_and_cont)
{
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	ASSERT_EQ(0, dev_stop_and_cont(&self->dev));
	EXPECT_EQ(0, get_writeback(self));
	EXPECT_STABLE_WRITES();
}

TEST_F(durable, S04_zeroes_write_through)
{
	uint32_t flags;

	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	for (flags = 0; flags <= VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP; flags++) {
		ASSERT_EQ(0, put(self, 64, 65536, 0, 1));
		ASSERT_EQ(0, zero(self, 64, 128, flags));
		EXPECT_TRUE(are_zeroes(self, 64, 65536)) TH_LOG("flags %u", flags);
	}
}

TEST_F(durable, S04_write_back_again)
{
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	ASSERT_EQ(0, set_writeback(self, 1));
	ASSERT_EQ(0, put(self, 64, 65536, 0, 1));
	ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
	EXPECT_TRUE(is_there(self, 64, 65536, 1));
}

/* A driver that can neither flush nor choose. */
TEST_F(durable, S04_without_flush_and_choice)
{
	RUN(0, FLUSH | WCE);
	EXPECT_STABLE_WRITES();
	ASSERT_EQ(0, zero(self, 64, 128, 0));
	EXPECT_TRUE(are_zeroes(self, 64, 65536)) TH_LOG("zeroes");
}

/* VIRTIO 1.2, 5.2.5: without FLUSH the mode starts as write-through. */
TEST_F(durable, S05_without_flush)
{
	RUN(0, FLUSH);
	EXPECT_EQ(0, get_writeback(self));
	EXPECT_STABLE_WRITES();
	ASSERT_EQ(0, zero(self, 64, 128, 0));
	EXPECT_TRUE(are_zeroes(self, 64, 65536)) TH_LOG("zeroes");
}

TEST_F(durable, S05_the_owner_wants_write_through)
{
	RUN(VPIN_ATTACH_WRITETHROUGH, 0);
	/* Whatever the guest says. */
	set_writeback(self, 1);
	EXPECT_STABLE_WRITES();
	ASSERT_EQ(0, zero(self, 64, 128, 0));
	EXPECT_TRUE(are_zeroes(self, 64, 65536)) TH_LOG("zeroes");
}

static int reopen(FIXTURE_DATA(durable) *self, int flags)
{
	close(self->backend);
	self->backend = open(self->path, O_RDWR | O_CLOEXEC | flags);
	return self->backend;
}

TEST_F(durable, S05_opened_with_O_DSYNC)
{
	ASSERT_LE(0, reopen(self, O_DSYNC));
	RUN(0, 0);
	EXPECT_STABLE_WRITES();
	ASSERT_EQ(0, zero(self, 64, 128, 0));
	EXPECT_TRUE(are_zeroes(self, 64, 65536)) TH_LOG("zeroes");
}

TEST_F(durable, S05_opened_with_O_SYNC)
{
	ASSERT_LE(0, reopen(self, O_SYNC));
	RUN(0, 0);
	EXPECT_STABLE_WRITES();
}

/* What a stable write costs: one request with FUA, and no flush, if it can be. */
TEST_F(durable, S04_fua)
{
	long fua, flushes;

	if (variant->file || variant->attach_flags & VPIN_ATTACH_BUFFERED)
		SKIP(return, "not a device that is written directly");
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	fua = forget_count("fua");
	flushes = forget_count("flushes");
	ASSERT_EQ(0, put(self, 64, 4096, 0, 1));
	ASSERT_EQ(0, put(self, 512, 4096, 1, 2));
	if (strcmp(variant->disk, "fua=0")) {
		EXPECT_EQ(fua + 2, forget_count("fua"));
		EXPECT_EQ(flushes, forget_count("flushes"));
	} else {
		EXPECT_EQ(flushes + 2, forget_count("flushes"));
	}
}

/* A driver in write-back pays for no stability that it did not ask for. */
TEST_F(durable, S04_write_back_costs_no_flush)
{
	long fua, flushes;

	if (variant->file || variant->attach_flags & VPIN_ATTACH_BUFFERED)
		SKIP(return, "not a device that is written directly");
	RUN(0, 0);
	fua = forget_count("fua");
	flushes = forget_count("flushes");
	ASSERT_EQ(0, put(self, 64, 4096, 0, 1));
	ASSERT_EQ(0, put(self, 512, 4096, 1, 2));
	ASSERT_EQ(0, zero(self, 64, 8, 0));
	EXPECT_EQ(fua, forget_count("fua"));
	EXPECT_EQ(flushes, forget_count("flushes"));
}

/* Through a page cache: what of it cannot be written is known when it is flushed. */
static bool is_cached(const FIXTURE_VARIANT(durable) *variant)
{
	return variant->attach_flags & VPIN_ATTACH_BUFFERED;
}

/* The disk's sector of the first one that the guest sees; it is allocated. */
static long first_sector(FIXTURE_DATA(durable) *self, const FIXTURE_VARIANT(durable) *variant)
{
	if (put(self, 0, GUEST_PAGE, 0, 1) || DO(FLUSH, 0, NULL, 0))
		return -EIO;
	return variant->file ? forget_file_sector() : 0;
}

/* Adds requests while the disk keeps all; then the first sectors fail. */
static void all_at_once(FIXTURE_DATA(durable) *self, struct blk_request *requests,
			unsigned int nr, long first)
{
	struct vring_used_elem elem;
	unsigned int i;

	vq_publish(self->vq);
	usleep(300000);
	forget_fail("writes", first, GUEST_PAGE / SECTOR);
	forget_hold(false);
	for (i = 0; i < nr; i++)
		if (vq_wait(self->vq, &elem, VQ_TIMEOUT_MS))
			*requests[i].status = BLK_NO_STATUS;
	forget_fail("none", 0, 1);
}

/* Two that are under way: neither may say that what was lost is stable. */
TEST_F(durable, S04_each_flush_tells_of_what_was_lost)
{
	struct blk_request flushes[2];
	unsigned int i;
	long first;

	if (!is_cached(variant))
		SKIP(return, "not through a page cache");
	RUN(0, 0);
	first = first_sector(self, variant);
	ASSERT_LE(0, first);
	ASSERT_EQ(0, put(self, 0, GUEST_PAGE, 0, 2));
	ASSERT_EQ(0, forget_hold(true));
	for (i = 0; i < 2; i++) {
		blk_init(&flushes[i], &self->dev.guest);
		ASSERT_EQ(0, blk_add(self->vq, &flushes[i], VIRTIO_BLK_T_FLUSH, 0, NULL, 0));
	}
	all_at_once(self, flushes, 2, first);
	EXPECT_FALSE(is_there(self, 0, GUEST_PAGE, 2));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, *flushes[i].status) TH_LOG("flush %u", i);
}

/* What the host lost elsewhere in the file is told once, as fsync() has it. */
TEST_F(durable, S04_what_the_host_lost_is_told_once)
{
	static uint8_t page[GUEST_PAGE];
	unsigned int turn;
	int host;

	if (!variant->written)
		SKIP(return, "no file that is written directly");
	RUN(VPIN_ATTACH_WRITETHROUGH, 0);
	host = open(self->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, host);
	ASSERT_EQ(0, forget_fail("writes", forget_file_sector() + 4096, GUEST_PAGE / SECTOR));
	ASSERT_EQ(GUEST_PAGE, pwrite(host, page, GUEST_PAGE, 4096 * SECTOR));
	EXPECT_EQ(-1, fsync(host));
	ASSERT_EQ(0, forget_fail("none", 0, 1));
	EXPECT_EQ(0, fsync(host));
	close(host);
	put(self, 0, GUEST_PAGE, 0, 1);
	for (turn = 0; turn < 4; turn++)
		EXPECT_EQ(0, put(self, 0, GUEST_PAGE, 0, 2 + turn)) TH_LOG("turn %u", turn);
	EXPECT_TRUE(is_there(self, 0, GUEST_PAGE, 5));
}

/* Zeroes that are refused leave what was acknowledged, before a flush or after it. */
TEST_F(durable, S12_zeroes_for_a_device_that_was_made_read_only)
{
	int yes = 1, no = 0;
	uint32_t unmap;

	if (variant->file || !is_cached(variant))
		SKIP(return, "not the page cache of a device");
	RUN(0, 0);
	for (unmap = 0; unmap < 2; unmap++) {
		ASSERT_EQ(0, put(self, 0, 65536, 0, 1));
		ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
		ASSERT_EQ(0, put(self, 0, 65536, 0, 2));
		ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &yes));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, zero(self, 0, 64, unmap));
		ASSERT_EQ(0, ioctl(self->backend, BLKROSET, &no));
		ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
		EXPECT_TRUE(is_there(self, 0, 65536, 2)) TH_LOG("unmap %u", unmap);
	}
}

/* Who else has claimed it takes nothing from the guest. */
TEST_F(durable, S14_zeroes_beside_another_who_has_it)
{
	uint32_t unmap;
	int other;

	if (variant->file)
		SKIP(return, "not a device");
	other = open(self->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	ASSERT_LE(0, other);
	RUN(0, 0);
	for (unmap = 0; unmap < 2; unmap++) {
		ASSERT_EQ(0, put(self, 0, 65536, 0, 1));
		EXPECT_EQ(0, zero(self, 0, 128, unmap)) TH_LOG("unmap %u", unmap);
		ASSERT_EQ(0, DO(FLUSH, 0, NULL, 0));
		EXPECT_TRUE(are_zeroes(self, 0, 65536)) TH_LOG("unmap %u", unmap);
	}
	close(other);
}

/* What the host could not write back, elsewhere and before, is no error of the guest's. */
TEST_F(durable, S02_beside_what_the_host_has_lost)
{
	static uint8_t page[GUEST_PAGE];
	uint32_t type;
	int host;

	if (variant->file || is_cached(variant))
		SKIP(return, "not a device that is written directly");
	RUN(0, 0);
	ASSERT_EQ(0, put(self, 2048, GUEST_PAGE, 0, 1));
	host = open(self->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, host);
	for (type = VIRTIO_BLK_T_IN; type <= VIRTIO_BLK_T_OUT; type++) {
		ASSERT_EQ(0, forget_fail("writes", 0, GUEST_PAGE / SECTOR));
		page[0] = type + 1;
		ASSERT_EQ(GUEST_PAGE, pwrite(host, page, GUEST_PAGE, 0));
		sync_file_range(host, 0, GUEST_PAGE, SYNC_FILE_RANGE_WRITE);
		usleep(200000);
		ASSERT_EQ(0, forget_fail("none", 0, 1));
		/* A page of the host's where the guest is. */
		ASSERT_EQ(GUEST_PAGE, pread(host, page, GUEST_PAGE, 2048 * SECTOR));
		EXPECT_EQ(0, blk_do(self->vq, &self->request, type, 2048, self->data, GUEST_PAGE,
				    NULL)) TH_LOG("type %u", type);
	}
	close(host);
}

/* One of many cannot be written: its own answer says so, whoever asks first. */
TEST_F(durable, S04_a_stable_write_tells_that_it_was_lost)
{
	struct blk_request writes[8];
	unsigned int i, round;
	long first;

	if (!is_cached(variant))
		SKIP(return, "not through a page cache");
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	first = first_sector(self, variant);
	ASSERT_LE(0, first);
	for (i = 0; i < 8; i++)
		blk_init(&writes[i], &self->dev.guest);
	for (round = 2; round < 10; round++) {
		ASSERT_EQ(0, forget_hold(true));
		for (i = 0; i < 8; i++) {
			uint8_t *data = self->data + i * GUEST_PAGE;

			pattern_fill(data, GUEST_PAGE, i * 8, round);
			ASSERT_EQ(0, blk_add(self->vq, &writes[i], VIRTIO_BLK_T_OUT, i * 8,
					     data, GUEST_PAGE));
		}
		all_at_once(self, writes, 8, first);
		EXPECT_FALSE(is_there(self, 0, GUEST_PAGE, round));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, *writes[0].status) TH_LOG("round %u", round);
	}
}

/*
 * What ended while there was no ring to tell it in, after a later one was told:
 * the base cannot say so, but it goes on in the same ring.
 */
TEST_F(durable, S08_untold_out_of_order)
{
	struct guest *guest = &self->dev.guest;
	struct vring_used_elem elem;
	struct blk_request id;
	int base;

	if (variant->file || variant->attach_flags)
		SKIP(return, "one is enough");
	RUN(0, 0);
	blk_init(&id, guest);
	ASSERT_EQ(0, forget_hold(true));
	ASSERT_EQ(0, blk_add(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, self->data, 4096));
	ASSERT_EQ(0, blk_add(self->vq, &id, VIRTIO_BLK_T_GET_ID, 0, self->data + 4096, 20));
	vq_publish(self->vq);
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	ASSERT_EQ(id.head, (int)elem.id);

	ASSERT_EQ(0, vdpa_unmap(self->dev.fd, MSG_V2, guest->iova, guest->size));
	ASSERT_EQ(0, forget_hold(false));
	ASSERT_EQ(0, vdpa_suspend(self->dev.fd));
	base = vdpa_get_vring_base(self->dev.fd, 0);
	EXPECT_EQ(1, base);
	ASSERT_EQ(0, vdpa_set_vring_num(self->dev.fd, 0, self->vq->size));
	ASSERT_EQ(0, vdpa_set_vring_base(self->dev.fd, 0, base));
	ASSERT_EQ(0, vdpa_map(self->dev.fd, MSG_V2, guest->iova, guest->size, guest->memory,
			      VHOST_ACCESS_RW));
	ASSERT_EQ(0, vdpa_resume(self->dev.fd));
	ASSERT_EQ(0, vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	EXPECT_EQ(self->request.head, (int)elem.id);
	EXPECT_EQ(0, *self->request.status);
}

/*
 * Random loads.  Block b holds version v if each sector of it is the pattern of
 * v, or zeroes for each fifth version.  A block has one write in flight at most.
 * After a cut each sector is of a version that was promised, or of a newer one.
 */
#define BLOCK		8192
#define BLOCKS		48
#define DEPTH		8

struct load {
	uint32_t latest[BLOCKS];	/* submitted */
	uint32_t ended[BLOCKS];
	uint32_t promised[BLOCKS];
	bool busy[BLOCKS];
	struct load_slot {
		struct blk_request request;
		uint8_t *data;
		struct virtio_blk_discard_write_zeroes *range;
		int block;		/* that is written; -1: a flush */
		bool used;
		uint32_t ended[BLOCKS];	/* when the flush was submitted */
	} slots[DEPTH];
	bool stable;			/* writes are when they end */
};

static bool is_zero(uint32_t version)
{
	return version % 5 == 0;
}

static void load_write(FIXTURE_DATA(durable) *self, struct load *load,
		       struct load_slot *slot, int block)
{
	uint64_t sector = block * (BLOCK / SECTOR);
	uint8_t *data = slot->data + (rand() % 3 ? 0 : 1 + rand() % 600);
	uint32_t version = ++load->latest[block];

	load->busy[block] = true;
	slot->block = block;
	if (is_zero(version)) {
		slot->range->sector = htole64(sector);
		slot->range->num_sectors = htole32(BLOCK / SECTOR);
		slot->range->flags = htole32(rand() % 2);
		blk_add(self->vq, &slot->request, VIRTIO_BLK_T_WRITE_ZEROES, 0,
			slot->range, sizeof(*slot->range));
	} else {
		pattern_fill(data, BLOCK, sector, version);
		blk_add(self->vq, &slot->request, VIRTIO_BLK_T_OUT, sector, data, BLOCK);
	}
}

static void load_start(FIXTURE_DATA(durable) *self, struct load *load, struct load_slot *slot)
{
	int block = rand() % BLOCKS;

	slot->used = true;
	if (load->busy[block] || (!load->stable && rand() % 6 == 0)) {
		slot->block = -1;
		memcpy(slot->ended, load->ended, sizeof(slot->ended));
		blk_add(self->vq, &slot->request, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	} else {
		load_write(self, load, slot, block);
	}
	vq_publish(self->vq);
}

static void load_end(struct load *load, struct load_slot *slot)
{
	int i;

	slot->used = false;
	if (slot->block >= 0) {
		load->busy[slot->block] = false;
		load->ended[slot->block] = load->latest[slot->block];
		if (load->stable)
			load->promised[slot->block] = load->latest[slot->block];
		return;
	}
	for (i = 0; i < BLOCKS; i++)
		if (load->promised[i] < slot->ended[i])
			load->promised[i] = slot->ended[i];
}

/* Takes what has ended, one at least.  0, or what went wrong. */
static int load_reap(FIXTURE_DATA(durable) *self, struct load *load)
{
	struct vring_used_elem elem;
	int ret = vq_wait(self->vq, &elem, VQ_TIMEOUT_MS), i;

	if (ret)
		return ret;
	do {
		for (i = 0; i < DEPTH; i++)
			if (load->slots[i].used &&
			    load->slots[i].request.head == (int)elem.id)
				break;
		if (i == DEPTH)
			return -EBADMSG;
		if (*load->slots[i].request.status)
			return *load->slots[i].request.status;
		load_end(load, &load->slots[i]);
	} while (vq_take(self->vq, &elem));
	return 0;
}

/* Sectors after the cut that are of no version that they may be of. */
static int load_lost(FIXTURE_DATA(durable) *self, const struct load *load)
{
	int block, lost = 0;
	uint64_t sector;

	if (forget_read(self->after, BLOCKS * BLOCK, 0))
		return -1;
	for (sector = 0; sector < BLOCKS * BLOCK / SECTOR; sector++) {
		const uint8_t *data = self->after + sector * SECTOR;
		uint32_t version;

		block = sector / (BLOCK / SECTOR);
		for (version = load->promised[block]; version <= load->latest[block]; version++)
			if (is_zero(version) ? all_bytes_are(data, SECTOR, 0) :
					       pattern_is(data, SECTOR, sector, version))
				break;
		if (version > load->latest[block])
			lost++;
	}
	return lost;
}

static void random_load(struct __test_metadata *_metadata, FIXTURE_DATA(durable) *self,
			bool stable)
{
	struct load *load = calloc(1, sizeof(*load));
	int round, i, steps;

	load->stable = stable;
	for (i = 0; i < DEPTH; i++) {
		struct load_slot *slot = &load->slots[i];

		blk_init(&slot->request, &self->dev.guest);
		slot->data = guest_alloc(&self->dev.guest, 3 * BLOCK, GUEST_PAGE);
		slot->range = guest_alloc(&self->dev.guest, sizeof(*slot->range), 8);
	}
	srand(4);
	for (round = 1; round <= 6; round++) {
		for (steps = 20 + rand() % 100; steps; steps--) {
			for (i = 0; i < DEPTH; i++)
				if (!load->slots[i].used)
					load_start(self, load, &load->slots[i]);
			ASSERT_EQ(0, load_reap(self, load));
		}
		/* With as much in flight as there is. */
		ASSERT_EQ(0, forget_cut(round % 4 ? round : 0));
		EXPECT_EQ(0, load_lost(self, load)) TH_LOG("round %d", round);
	}
	free(load);
}

TEST_F(durable, S04_random_load_and_flushes)
{
	RUN(0, 0);
	random_load(_metadata, self, false);
}

TEST_F(durable, S04_random_load_write_through)
{
	RUN(0, 0);
	ASSERT_EQ(0, set_writeback(self, 0));
	random_load(_metadata, self, true);
}

TEST_F(durable, S04_random_load_without_flush)
{
	RUN(0, FLUSH | WCE);
	random_load(_metadata, self, true);
}

FORGET_HARNESS_MAIN

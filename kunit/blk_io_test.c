// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole disk on a file in memory, driven through its rings.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/prandom.h>
#include <linux/virtio_blk.h>
#include "disk.h"
#include "request.h"

#define NUM		64

/* Header and status of the request in a slot; it has descriptors of its own. */
#define HEADER(slot)	(GUEST_NEXT + 32 * (slot))
#define STATUS(slot)	(HEADER(slot) + 16)
#define DATA		GUEST_BUF
#define DATA_SIZE	SZ_16K

#define S_OK		VIRTIO_BLK_S_OK
#define S_IOERR		VIRTIO_BLK_S_IOERR
#define S_UNSUPP	VIRTIO_BLK_S_UNSUPP
#define S_NONE		0xee	/* a status that was not written */

static struct vpin_driver *driver(struct kunit *test)
{
	struct disk_test *t = test->priv;

	return &t->rig.drivers[0];
}

/* Starts with all that is offered. */
static struct disk_test *start(struct kunit *test)
{
	struct disk_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, U64_MAX), 0);
	vpin_rig_run(&t->rig, NUM, 0);
	return t;
}

/* Writes header and descriptors of a request into slot @slot of the ring. */
static u16 prepare(struct kunit *test, u16 slot, u32 type, u64 sector, u64 data,
		   u32 len)
{
	u16 flags = type & 1 ? 0 : D_WRITE, head = slot * 3;
	struct disk_test *t = test->priv;
	u8 none = S_NONE;

	vpin_request_header(t->rig.guest, HEADER(slot), type, sector);
	vpin_guest_write(t->rig.guest, STATUS(slot), &none, 1);
	vpin_driver_desc(driver(test), head, HEADER(slot), 16, D_NEXT, head + 1);
	vpin_driver_desc(driver(test), head + 1, data, len, flags | D_NEXT,
			 head + 2);
	vpin_driver_desc(driver(test), head + 2, STATUS(slot), 1, D_WRITE, 0);
	return head;
}

static u8 status(struct kunit *test, u16 slot)
{
	struct disk_test *t = test->priv;
	u8 byte;

	vpin_guest_read(t->rig.guest, STATUS(slot), &byte, 1);
	return byte;
}

/* One request, waited for.  Return: its status. */
static u8 request(struct kunit *test, u32 type, u64 sector, u64 data, u32 len)
{
	struct disk_test *t = test->priv;
	struct vpin_driver *d = driver(test);

	vpin_driver_offer(d, prepare(test, 0, type, sector, data, len));
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, d->idx));
	return status(test, 0);
}

static u32 used_len(struct kunit *test)
{
	return vpin_driver_used_len(driver(test), driver(test)->idx - 1);
}

/* What the file has at a byte, read past the device. */
static u8 file_byte(struct kunit *test, loff_t pos)
{
	struct disk_test *t = test->priv;
	u8 byte = 0;

	KUNIT_EXPECT_EQ(test, kernel_read(t->file, &byte, 1, &pos), 1L);
	return byte;
}

/* 16 KiB out to sector 100 and in again somewhere else: the same bytes. */
static void what_is_written_is_read(struct kunit *test)
{
	struct disk_test *t = start(test);
	u32 i, wrong = 0;

	vpin_guest_fill(t->rig.guest, DATA, DATA_SIZE);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 100, DATA,
				      DATA_SIZE), S_OK);
	KUNIT_EXPECT_EQ(test, used_len(test), 1U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 100,
				      DATA + DATA_SIZE, DATA_SIZE), S_OK);
	KUNIT_EXPECT_EQ(test, used_len(test), DATA_SIZE + 1U);
	for (i = 0; i < DATA_SIZE; i++) {
		u8 *got = vpin_guest_ptr(t->rig.guest, DATA + DATA_SIZE + i);

		wrong += *got != vpin_guest_pattern(DATA + i);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, file_byte(test, 100 * 512 + 777),
			vpin_guest_pattern(DATA + 777));
	KUNIT_EXPECT_EQ(test, file_byte(test, 100 * 512 - 1), 0);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_FLUSH, 0, DATA, 0), S_OK);
}

/* Data at odd addresses: in one page after the other, and over scattered pages. */
static void data_at_odd_addresses(struct kunit *test)
{
	static const u64 places[] = {
		DATA + 1, DATA + SZ_8K + 4095, GUEST_NEXT + SZ_4K + 3,
		GUEST_NEXT + SZ_8K + 4001,
	};
	struct disk_test *t = start(test);
	u32 i, j, wrong = 0;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		vpin_guest_fill(t->rig.guest, places[i], 4096);
		KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 8 * i,
					      places[i], 4096), S_OK);
		for (j = 0; j < 4096; j++)
			wrong += file_byte(test, 4096 * i + j) !=
				 vpin_guest_pattern(places[i] + j);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* 512 bytes of which 100 are in one range and 412 in the next. */
static void data_across_adjacent_ranges(struct kunit *test)
{
	struct disk_test *t = start(test);
	u64 gpa = GUEST_NEXT - 100;
	u32 i, wrong = 0;

	/* Header and status of slot 0 lie there: out of slot 19 instead. */
	vpin_guest_fill(t->rig.guest, gpa, 512);
	vpin_driver_offer(driver(test), prepare(test, 19, VIRTIO_BLK_T_OUT, 0,
						gpa, 512));
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, 1));
	KUNIT_EXPECT_EQ(test, status(test, 19), S_OK);
	for (i = 0; i < 512; i++)
		wrong += file_byte(test, i) != vpin_guest_pattern(gpa + i);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void get_id_is_the_serial(struct kunit *test)
{
	struct disk_test *t = start(test);

	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_GET_ID, 0, DATA, 20), S_OK);
	KUNIT_EXPECT_EQ(test, used_len(test), 21U);
	KUNIT_EXPECT_MEMEQ(test, vpin_guest_ptr(t->rig.guest, DATA),
			   "vpin-test-disk-00001", 20);
}

static void ranges(struct kunit *test, u64 sector, u32 nr, u32 flags)
{
	struct disk_test *t = test->priv;

	vpin_request_range(t->rig.guest, DATA, sector, nr, flags);
}

/* 8 sectors of 24 that hold data: these and no others read as zeroes. */
static void discard_and_write_zeroes(struct kunit *test)
{
	static const struct {
		u32 type;
		u32 flags;
	} ways[] = {
		{ VIRTIO_BLK_T_DISCARD, 0 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 0 },
		{ VIRTIO_BLK_T_WRITE_ZEROES, 1 },
	};
	struct disk_test *t = start(test);
	u32 i, pos;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		memset(vpin_guest_ptr(t->rig.guest, DATA), 0x77, 24 * 512);
		KUNIT_ASSERT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, DATA,
					      24 * 512), S_OK);
		ranges(test, 8, 8, ways[i].flags);
		KUNIT_EXPECT_EQ(test, request(test, ways[i].type, 0, DATA, 16),
				S_OK);
		for (pos = 0; pos < 24 * 512; pos += 511)
			KUNIT_EXPECT_EQ(test, file_byte(test, pos),
					pos / 4096 == 1 ? 0 : 0x77);
	}
}

/* A driver that cannot flush: what it wrote is stable when it is told so. */
static void write_through_without_flush(struct kunit *test)
{
	struct disk_test *t = test->priv;
	u64 features = ~(BIT_ULL(VIRTIO_BLK_F_FLUSH) |
			 BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE));

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, features), 0);
	vpin_rig_run(&t->rig, NUM, 0);
	memset(vpin_guest_ptr(t->rig.guest, DATA), 0x77, 512);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, DATA, 512), S_OK);
	ranges(test, 0, 1, 0);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, 16),
			S_OK);
	KUNIT_EXPECT_EQ(test, file_byte(test, 0), 0);
}

/* 20 requests offered at once; each has its own data when all are done. */
static void many_requests_at_once(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct vpin_driver *d = driver(test);
	u16 i;

	for (i = 0; i < 20; i++) {
		memset(vpin_guest_ptr(t->rig.guest, DATA + 512 * i), i + 1, 512);
		vpin_driver_put(d, prepare(test, i, VIRTIO_BLK_T_OUT, 5 * i,
					   DATA + 512 * i, 512));
	}
	vpin_driver_set_idx(d, 20);
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, 20));
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, status(test, i), S_OK);
		KUNIT_EXPECT_EQ(test, file_byte(test, 5 * i * 512 + 511), i + 1);
		KUNIT_EXPECT_EQ(test, file_byte(test, 5 * i * 512 + 512), 0);
	}
}

/* A refused request: its status says so, one byte was written, nothing else. */
static void h18_refused_requests(struct kunit *test)
{
	struct disk_test *t = start(test);

	memset(vpin_guest_ptr(t->rig.guest, DATA), 0x77, 1024);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, DISK / 512, DATA, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, used_len(test), 1U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, DISK / 512 - 1, DATA,
				      1024), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, U64_MAX, DATA, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, used_len(test), 1U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_GET_ID, 0, DATA, 19),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, 0x42, 0, DATA, 512), S_UNSUPP);
	KUNIT_EXPECT_EQ(test, file_byte(test, DISK - 1), 0);
	KUNIT_EXPECT_EQ(test, *(u8 *)vpin_guest_ptr(t->rig.guest, DATA), 0x77);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(t->file)), (loff_t)DISK);
}

/* H08: the first half of the data is mapped and the second is not. */
static void h08_data_reaches_into_a_hole(struct kunit *test)
{
	start(test);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, GUEST_HOLE - 512,
				      1024), S_IOERR);
	KUNIT_EXPECT_EQ(test, used_len(test), 1U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, GUEST_HOLE, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, GUEST_HOLE - 512,
				      512), S_OK);
}

/* H09: a disk does not write where the guest's VMM forbids it, either. */
static void h09_data_without_the_permission(struct kunit *test)
{
	struct disk_test *t = start(test);

	vpin_guest_fill(t->rig.guest, GUEST_RO, 512);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, GUEST_RO, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, *(u8 *)vpin_guest_ptr(t->rig.guest, GUEST_RO + 5),
			vpin_guest_pattern(GUEST_RO + 5));
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, GUEST_WO, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, GUEST_RO, 512),
			S_OK);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, GUEST_WO, 512),
			S_OK);
}

/*
 * H10, H18: 20000 chains that are made by chance, of a seed: types, sectors,
 * lengths, places and flags.  All come back that can be answered, and the disk
 * works as before.
 */
static void h18_requests_made_by_chance(struct kunit *test)
{
	static const u64 places[] = {
		DATA, DATA + 4001, GUEST_RO, GUEST_WO, GUEST_HOLE - 600,
		GUEST_HOLE, GUEST_NEXT + SZ_8K - 77, HEADER(0), HEADER(3),
	};
	struct disk_test *t = start(test);
	struct vpin_driver *d = driver(test);
	u32 i, j, turn;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 18);
	for (turn = 0; turn < 1000; turn++) {
		for (i = 0; i < 20; i++) {
			u32 r = prandom_u32_state(&rnd);

			prepare(test, i, r % 16, (r >> 4) % 3000,
				places[(r >> 16) % ARRAY_SIZE(places)],
				(r >> 20) % 4 ? 512 * (r >> 28) : r >> 22);
			/* Now and then a descriptor that fits nothing. */
			for (j = 0; j < 3 && r % 5 == 0; j++)
				vpin_driver_desc(d, 3 * i + j,
						 places[(r >> j) % ARRAY_SIZE(places)],
						 (r >> (3 * j)) % 2000,
						 (r >> (8 + 3 * j)) & 7,
						 (r >> j) % NUM);
			vpin_driver_put(d, 3 * i);
		}
		vpin_driver_set_idx(d, d->idx);
		vpin_rig_kick(&t->rig, 0);
		KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(vpin_driver_used_idx(d) == d->idx ||
						   READ_ONCE(t->rig.dev->vqs[0].broken)));
		/* Such without a byte for an answer break the queue. */
		if (t->rig.dev->vqs[0].broken) {
			KUNIT_ASSERT_EQ(test, vpin_rig_status(&t->rig, 0), 0);
			start(test);
		}
	}
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(&t->rig), RIG_RUNNING);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(t->file)), (loff_t)DISK);
	vpin_guest_fill(t->rig.guest, DATA, 512);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 77, DATA, 512), S_OK);
	KUNIT_EXPECT_EQ(test, file_byte(test, 77 * 512 + 3),
			vpin_guest_pattern(DATA + 3));
}

/* H13: the same head 40 times in one ring: each is done, each is given back. */
static void h13_the_same_head_many_times(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct vpin_driver *d = driver(test);
	u16 i, head;

	vpin_guest_fill(t->rig.guest, DATA, 512);
	head = prepare(test, 0, VIRTIO_BLK_T_OUT, 3, DATA, 512);
	for (i = 0; i < 40; i++)
		vpin_driver_put(d, head);
	vpin_driver_set_idx(d, 40);
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, 40));
	for (i = 0; i < 40; i++) {
		KUNIT_EXPECT_EQ(test, vpin_driver_used_id(d, i), head);
		KUNIT_EXPECT_EQ(test, vpin_driver_used_len(d, i), 1U);
	}
	KUNIT_EXPECT_EQ(test, status(test, 0), S_OK);
	KUNIT_EXPECT_EQ(test, file_byte(test, 3 * 512 + 9),
			vpin_guest_pattern(DATA + 9));
}

/*
 * H14: data that is read onto the driver's own ring, onto the ring of the other
 * queue and onto the status of another request.  What becomes of these is the
 * guest's affair; the device stops, starts over and serves.
 */
static void h14_data_onto_rings_and_statuses(struct kunit *test)
{
	struct disk_test *t = start(test);
	u64 targets[] = {
		RIG_RING(0), driver(test)->avail & ~511ULL,
		t->rig.drivers[1].desc, t->rig.drivers[1].used & ~511ULL,
		HEADER(0),
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		memset(vpin_guest_ptr(t->rig.guest, DATA), 0xff, 512);
		KUNIT_ASSERT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, DATA, 512),
				S_OK);
		vpin_driver_offer(driver(test), prepare(test, 0, VIRTIO_BLK_T_IN, 0,
							targets[i], 512));
		vpin_rig_kick(&t->rig, 0);
		vpin_rig_kick(&t->rig, 1);
		msleep(20);
		KUNIT_ASSERT_EQ(test, vpin_rig_status(&t->rig, 0), 0);
		memset(vpin_guest_ptr(t->rig.guest, RIG_RING(0)), 0, 0x4000);
		start(test);
		KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, DATA, 512),
				S_OK);
	}
}

/* H16: of 20000 requests each is refused another way; then one is served. */
static void h16_20000_refused_requests(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct vpin_driver *d = driver(test);
	u32 i, done = 0;
	u16 heads[4];

	heads[0] = prepare(test, 0, VIRTIO_BLK_T_OUT, U64_MAX, DATA, 512);
	heads[1] = prepare(test, 1, 0x42, 0, DATA, 512);
	heads[2] = prepare(test, 2, VIRTIO_BLK_T_IN, 0, GUEST_HOLE, 512);
	heads[3] = prepare(test, 3, VIRTIO_BLK_T_IN, 0, DATA, 511);
	while (done < 20000) {
		for (i = 0; i < 40; i++)
			vpin_driver_put(d, heads[i % 4]);
		done += 40;
		vpin_driver_set_idx(d, done);
		vpin_rig_kick(&t->rig, 0);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, done));
	}
	KUNIT_EXPECT_EQ(test, status(test, 0), S_IOERR);
	KUNIT_EXPECT_EQ(test, status(test, 1), S_UNSUPP);
	KUNIT_EXPECT_EQ(test, status(test, 2), S_IOERR);
	KUNIT_EXPECT_EQ(test, status(test, 3), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, DATA, 512), S_OK);
}

/* The driver writes the cache mode. */
static void set_wce(struct disk_test *t, u8 wce)
{
	mutex_lock(&t->rig.dev->lock);
	vpin_blk_type.config_write(t->rig.dev,
				   offsetof(struct virtio_blk_config, wce),
				   &wce, 1);
	mutex_unlock(&t->rig.dev->lock);
}

/* A reset, and the driver takes @features. */
static void restart(struct kunit *test, u64 features)
{
	struct disk_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vpin_rig_status(&t->rig, 0), 0);
	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, features), 0);
	vpin_rig_run(&t->rig, NUM, 0);
}

/*
 * S05: what the driver chose is what the device does after a reset, too; that it
 * cannot flush is no choice.
 */
static void s05_cache_mode_after_a_reset(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct virtio_blk_config *config = t->rig.dev->config;

	set_wce(t, 0);
	KUNIT_ASSERT_EQ(test, vpin_rig_status(&t->rig, 0), 0);
	KUNIT_EXPECT_EQ(test, config->wce, 0);
	restart(test, U64_MAX);
	KUNIT_EXPECT_EQ(test, config->wce, 0);
	set_wce(t, 1);
	restart(test, U64_MAX);
	KUNIT_EXPECT_EQ(test, config->wce, 1);
	restart(test, ~BIT_ULL(VIRTIO_BLK_F_FLUSH));
	KUNIT_EXPECT_EQ(test, config->wce, 0);
	restart(test, U64_MAX);
	KUNIT_EXPECT_EQ(test, config->wce, 1);
}

static int resize(struct disk_test *t)
{
	return LOCKED(&t->rig, vpin_dev_resize(t->rig.dev));
}

static u64 capacity(struct disk_test *t)
{
	struct virtio_blk_config *config = t->rig.dev->config;

	return le64_to_cpu((__force __le64)config->capacity);
}

/* Longer, shorter, the same, and not whole blocks: config space and limit agree. */
static void the_file_has_another_size(struct kunit *test)
{
	struct disk_test *t = start(test);

	KUNIT_EXPECT_EQ(test, resize(t), 0);
	KUNIT_EXPECT_EQ(test, capacity(t), DISK / 512ULL);
	KUNIT_ASSERT_EQ(test, vfs_truncate(&t->file->f_path, 2 * DISK), 0L);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, DISK / 512, DATA, 512),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, resize(t), 0);
	KUNIT_EXPECT_EQ(test, capacity(t), 2 * DISK / 512ULL);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, DISK / 512, DATA, 512),
			S_OK);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 2 * DISK / 512, DATA,
				      512), S_IOERR);
	KUNIT_ASSERT_EQ(test, vfs_truncate(&t->file->f_path, 2 * DISK + 100), 0L);
	KUNIT_EXPECT_EQ(test, resize(t), -EINVAL);
	KUNIT_EXPECT_EQ(test, capacity(t), 2 * DISK / 512ULL);
	KUNIT_ASSERT_EQ(test, vfs_truncate(&t->file->f_path, DISK / 2), 0L);
	KUNIT_EXPECT_EQ(test, resize(t), 0);
	KUNIT_EXPECT_EQ(test, capacity(t), DISK / 2 / 512ULL);
	/* Also where the file has grown again. */
	KUNIT_ASSERT_EQ(test, vfs_truncate(&t->file->f_path, DISK), 0L);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, DISK / 2 / 512, DATA,
				      512), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, DISK / 2 / 512 - 1, DATA,
				      512), S_OK);
}

/* V15: the status of a chain that cannot be walked is written, and so logged. */
static void v15_status_of_a_bad_chain(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct vpin_driver *d = driver(test);
	struct vpin_dirty dirty = {};
	__le64 bits = 0;

	dirty.bits = (u8 *)&bits;
	dirty.size = sizeof(bits);
	KUNIT_ASSERT_EQ(test, LOCKED(&t->rig, vpin_dev_use_dirty(t->rig.dev, &dirty)),
			0);
	/* What is read comes behind what is written. */
	vpin_driver_desc(d, 0, DATA + 3 * 4096, 1, D_WRITE | D_NEXT, 1);
	vpin_driver_desc(d, 1, DATA + 5 * 4096 - 10, 20, D_WRITE | D_NEXT, 2);
	vpin_driver_desc(d, 2, DATA, 1, 0, 0);
	vpin_driver_offer(d, 0);
	vpin_rig_kick(&t->rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(&t->rig, 0, 1));
	KUNIT_EXPECT_EQ(test, LOCKED(&t->rig, vpin_dev_use_dirty(t->rig.dev, NULL)),
			0);
	KUNIT_EXPECT_EQ(test, *(u8 *)vpin_guest_ptr(t->rig.guest, DATA + 5 * 4096 + 9),
			S_IOERR);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(bits) >> (DATA >> 12), BIT_ULL(5));
}

/* Config space tells the size in sectors. */
static void config_space_of_a_disk(struct kunit *test)
{
	struct disk_test *t = start(test);
	struct virtio_blk_config *config = t->rig.dev->config;
	u8 off = 0;

	KUNIT_EXPECT_EQ(test, le64_to_cpu((__force __le64)config->capacity),
			DISK / 512ULL);
	KUNIT_EXPECT_EQ(test, le32_to_cpu((__force __le32)config->blk_size), 512U);
	KUNIT_EXPECT_EQ(test, config->wce, 1);
	set_wce(t, 0);
	/* No other field is the driver's. */
	mutex_lock(&t->rig.dev->lock);
	vpin_blk_type.config_write(t->rig.dev, 0, &off, 1);
	mutex_unlock(&t->rig.dev->lock);
	KUNIT_EXPECT_EQ(test, config->wce, 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu((__force __le64)config->capacity),
			DISK / 512ULL);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, DATA, 512), S_OK);
}

static struct kunit_case vpin_blk_io_cases[] = {
	KUNIT_CASE(what_is_written_is_read),
	KUNIT_CASE(data_at_odd_addresses),
	KUNIT_CASE(data_across_adjacent_ranges),
	KUNIT_CASE(get_id_is_the_serial),
	KUNIT_CASE(discard_and_write_zeroes),
	KUNIT_CASE(write_through_without_flush),
	KUNIT_CASE(many_requests_at_once),
	KUNIT_CASE(h18_refused_requests),
	KUNIT_CASE(h08_data_reaches_into_a_hole),
	KUNIT_CASE(h09_data_without_the_permission),
	KUNIT_CASE(h18_requests_made_by_chance),
	KUNIT_CASE(h13_the_same_head_many_times),
	KUNIT_CASE(h14_data_onto_rings_and_statuses),
	KUNIT_CASE(h16_20000_refused_requests),
	KUNIT_CASE(v15_status_of_a_bad_chain),
	KUNIT_CASE(config_space_of_a_disk),
	KUNIT_CASE(s05_cache_mode_after_a_reset),
	KUNIT_CASE(the_file_has_another_size),
	{}
};

static struct kunit_suite vpin_blk_io_suite = {
	.name = "vpin_blk_io",
	.init = disk_test_init,
	.exit = disk_test_exit,
	.test_cases = vpin_blk_io_cases,
};
kunit_test_suite(vpin_blk_io_suite);

/* On a disk that is attached read-only. */
static int ro_disk_test_init(struct kunit *test)
{
	return disk_test_attach(test, VPIN_ATTACH_RO);
}

static void h18_read_only_disk_is_not_written(struct kunit *test)
{
	struct disk_test *t = start(test);

	KUNIT_EXPECT_TRUE(test, vpin_dev_has(t->rig.dev, VIRTIO_BLK_F_RO));
	KUNIT_EXPECT_FALSE(test, vpin_dev_has(t->rig.dev, VIRTIO_BLK_F_DISCARD));
	memset(vpin_guest_ptr(t->rig.guest, DATA), 0x77, 512);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, DATA, 512),
			S_IOERR);
	ranges(test, 0, 8, 0);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_DISCARD, 0, DATA, 16),
			S_UNSUPP);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, 16),
			S_UNSUPP);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, DATA, 512), S_OK);
	KUNIT_EXPECT_EQ(test, file_byte(test, 0), 0);
}

static struct kunit_case vpin_blk_ro_cases[] = {
	KUNIT_CASE(h18_read_only_disk_is_not_written),
	{}
};

static struct kunit_suite vpin_blk_ro_suite = {
	.name = "vpin_blk_ro",
	.init = ro_disk_test_init,
	.exit = disk_test_exit,
	.test_cases = vpin_blk_ro_cases,
};
kunit_test_suite(vpin_blk_ro_suite);

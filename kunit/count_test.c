// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a queue has done is counted, once, as what it was.  That it is shown is
 * tools/tests/test-sysfs.c's.
 */
#include "disk.h"
#include "fake.h"
#include "request.h"
#include "../src/blk/blk.h"

#define NUM		16

/* A queue: of any type. */

static struct vpin_vq *vq_of(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	return &fake->rig.dev->vqs[0];
}

static u64 sum_of_times(const struct vpin_vq *vq)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < VPIN_VQ_TIMES; i++)
		sum += vq->times[i];
	return sum;
}

/* The worker has told the driver, and may not have counted that yet. */
static void at_rest(void *nothing)
{
}

static void settle(struct kunit *test)
{
	vpin_worker_call(vq_of(test)->worker, at_rest, NULL);
}

/* A signal that the driver does not want is none, and one for nobody, too. */
static void signals_that_are_wanted_or_not(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_driver *driver = &fake->rig.drivers[0];
	struct vpin_vq *vq = vq_of(test);
	__le16 flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	int i;

	vpin_rig_run(&fake->rig, NUM, 0);
	for (i = 0; i < 3; i++)
		vpin_rig_serve(&fake->rig, 0, 1);
	settle(test);
	KUNIT_EXPECT_EQ(test, vq->nr_signals, 0ULL);
	KUNIT_EXPECT_EQ(test, vq->nr_suppressed, 0ULL);
	vpin_guest_write(driver->guest, driver->avail, &flags, sizeof(flags));
	for (i = 0; i < 4; i++)
		vpin_rig_serve(&fake->rig, 0, 1);
	settle(test);
	KUNIT_EXPECT_EQ(test, vq->nr_signals, 0ULL);
	KUNIT_EXPECT_EQ(test, vq->nr_suppressed, 4ULL);
}

static void malformed_chains(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	vpin_rig_run(&fake->rig, NUM, 0);
	/* A loop. */
	vpin_driver_desc(&fake->rig.drivers[0], 3, GUEST_BUF, 1, D_WRITE | D_NEXT,
			 3);
	vpin_rig_offer(&fake->rig, 0, 3, 5);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(&fake->rig, 0, 5));
	vpin_rig_serve(&fake->rig, 0, 2);
	settle(test);
	KUNIT_EXPECT_EQ(test, vq_of(test)->nr_bad_chains, 5ULL);
	KUNIT_EXPECT_EQ(test, fake->rig.dev->vqs[1].nr_bad_chains, 0ULL);
}

/* One that was taken before is no one's; one that is held for long, is long. */
static void times_of_requests(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_vq *vq = vq_of(test);
	unsigned int i;

	vpin_fake_run_held(fake, NUM, 1);
	vpin_dev_set_timed(fake->rig.dev, true);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(&fake->rig, 0, 1));
	settle(test);
	KUNIT_EXPECT_EQ(test, sum_of_times(vq), 0ULL);

	vpin_rig_offer(&fake->rig, 0, 0, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 1));
	msleep(20);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(&fake->rig, 0, 2));
	settle(test);
	KUNIT_EXPECT_EQ(test, sum_of_times(vq), 1ULL);
	/* Of 16,384 microseconds and more. */
	for (i = 0; i < 14; i++)
		KUNIT_EXPECT_EQ(test, vq->times[i], 0ULL);

	/* Also what is given back at once, and what cannot be walked. */
	fake->at_once = true;
	vpin_rig_serve(&fake->rig, 0, 3);
	vpin_driver_desc(&fake->rig.drivers[0], 3, GUEST_BUF, 1, D_WRITE | D_NEXT,
			 3);
	vpin_rig_offer(&fake->rig, 0, 3, 2);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(&fake->rig, 0, 7));
	settle(test);
	KUNIT_EXPECT_EQ(test, sum_of_times(vq), 6ULL);

	vpin_dev_set_timed(fake->rig.dev, false);
	vpin_rig_serve(&fake->rig, 0, 1);
	settle(test);
	KUNIT_EXPECT_EQ(test, sum_of_times(vq), 6ULL);
}

/* Each device is asked for itself. */
static void times_of_one_device(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	vpin_rig_run(&fake->rig, NUM, 0);
	/* As if another one were. */
	static_branch_inc(&vpin_timed);
	vpin_rig_serve(&fake->rig, 0, 3);
	settle(test);
	static_branch_dec(&vpin_timed);
	KUNIT_EXPECT_EQ(test, sum_of_times(vq_of(test)), 0ULL);
	/* Twice is once, and the end of the device ends it. */
	vpin_dev_set_timed(fake->rig.dev, true);
	vpin_dev_set_timed(fake->rig.dev, true);
	vpin_rig_exit(&fake->rig);
	fake->rig.dev = NULL;
	fake->rig.guest = NULL;
	KUNIT_EXPECT_FALSE(test, static_key_enabled(&vpin_timed.key));
}

static struct kunit_case vpin_count_cases[] = {
	KUNIT_CASE(signals_that_are_wanted_or_not),
	KUNIT_CASE(malformed_chains),
	KUNIT_CASE(times_of_requests),
	KUNIT_CASE(times_of_one_device),
	{}
};

static struct kunit_suite vpin_count_suite = {
	.name = "vpin_count",
	.init = vpin_fake_init,
	.exit = vpin_fake_exit,
	.test_cases = vpin_count_cases,
};
kunit_test_suite(vpin_count_suite);

/* A disk. */

#define HEADER		GUEST_NEXT
#define STATUS		(GUEST_NEXT + 16)
#define DATA		GUEST_BUF

static const struct vpin_blk_counts *counts_of(struct kunit *test)
{
	struct disk_test *t = test->priv;
	const struct vpin_blk *blk = t->rig.dev->priv;

	return &blk->counts[0];
}

/* One request, waited for.  Return: its status. */
static u8 count_request(struct kunit *test, u32 type, u64 sector, u32 len)
{
	struct disk_test *t = test->priv;
	struct vpin_driver *driver = &t->rig.drivers[0];
	u8 status = 0xee;

	vpin_request_header(t->rig.guest, HEADER, type, sector);
	vpin_guest_write(t->rig.guest, STATUS, &status, 1);
	vpin_driver_desc(driver, 0, HEADER, 16, D_NEXT, 1);
	vpin_driver_desc(driver, 1, DATA, len, (type & 1 ? 0 : D_WRITE) | D_NEXT,
			 2);
	vpin_driver_desc(driver, 2, STATUS, 1, D_WRITE, 0);
	vpin_driver_offer(driver, 0);
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, driver->idx));
	vpin_guest_read(t->rig.guest, STATUS, &status, 1);
	return status;
}

/**
 * struct count_case - a request, and what is counted of it
 * @name: for people
 * @type: its type
 * @sector: where it begins
 * @len: bytes of data
 * @ranges: sectors of its range; 0 if it has none
 * @row: where it is counted
 * @status: how it ends
 * @bytes: how many there are, if it ends well
 */
struct count_case {
	const char *name;
	u32 type;
	u64 sector;
	u32 len;
	u32 ranges;
	u32 row;
	u8 status;
	u64 bytes;
};

static const struct count_case count_cases[] = {
	{ "a read", VIRTIO_BLK_T_IN, 8, 4096, 0, VIRTIO_BLK_T_IN, VIRTIO_BLK_S_OK,
	  4096 },
	{ "a write", VIRTIO_BLK_T_OUT, 8, 512, 0, VIRTIO_BLK_T_OUT, VIRTIO_BLK_S_OK,
	  512 },
	{ "a flush", VIRTIO_BLK_T_FLUSH, 0, 0, 0, VIRTIO_BLK_T_FLUSH,
	  VIRTIO_BLK_S_OK, 0 },
	{ "an id", VIRTIO_BLK_T_GET_ID, 0, 20, 0, VIRTIO_BLK_T_GET_ID,
	  VIRTIO_BLK_S_OK, 0 },
	{ "a discard", VIRTIO_BLK_T_DISCARD, 0, 16, 64, VIRTIO_BLK_T_DISCARD,
	  VIRTIO_BLK_S_OK, 64 * 512 },
	{ "zeroes", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 8, VIRTIO_BLK_T_WRITE_ZEROES,
	  VIRTIO_BLK_S_OK, 8 * 512 },
	{ "a read beyond the end", VIRTIO_BLK_T_IN, DISK / 512, 4096, 0,
	  VIRTIO_BLK_T_IN, VIRTIO_BLK_S_IOERR },
	{ "a write of no whole sectors", VIRTIO_BLK_T_OUT, 0, 100, 0,
	  VIRTIO_BLK_T_OUT, VIRTIO_BLK_S_IOERR },
	{ "zeroes beyond the end", VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 4096,
	  VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_S_IOERR },
	{ "a type that there is not", 2, 0, 512, 0, 2, VIRTIO_BLK_S_UNSUPP },
	{ "a type far away", U32_MAX - 1, 0, 512, 0, VPIN_BLK_TYPES - 1,
	  VIRTIO_BLK_S_UNSUPP },
};
KUNIT_ARRAY_PARAM_DESC(count, count_cases, name);

/* Twice, and nowhere else. */
static void each_request_is_counted_once(struct kunit *test)
{
	const struct count_case *c = test->param_value;
	const struct vpin_blk_counts *counts = counts_of(test);
	struct disk_test *t = test->priv;
	unsigned int result, row, i;

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, U64_MAX), 0);
	vpin_rig_run(&t->rig, NUM, 0);
	for (i = 0; i < 2; i++) {
		if (c->ranges)
			vpin_request_range(t->rig.guest, DATA, c->sector, c->ranges,
					   0);
		KUNIT_EXPECT_EQ(test, count_request(test, c->type, c->sector, c->len),
				c->status);
	}
	for (result = 0; result < VPIN_BLK_RESULTS; result++) {
		for (row = 0; row < VPIN_BLK_TYPES; row++) {
			bool here = result == c->status && row == c->row;
			const struct vpin_blk_count *count =
				&counts->by[result][row];

			KUNIT_EXPECT_EQ(test, count->nr, here ? 2ULL : 0ULL);
			if (result == VIRTIO_BLK_S_OK)
				KUNIT_EXPECT_EQ(test, count->bytes,
						here ? 2 * c->bytes : 0ULL);
		}
	}
	KUNIT_EXPECT_EQ(test, counts->bounced, 0ULL);
}

/* They are of the disk, not of a driver of it; and of each queue alone. */
static void counters_outlive_a_reset(struct kunit *test)
{
	const struct vpin_blk_counts *counts = counts_of(test);
	struct disk_test *t = test->priv;
	int i;

	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, U64_MAX), 0);
		vpin_rig_run(&t->rig, NUM, i);
		KUNIT_EXPECT_EQ(test, count_request(test, VIRTIO_BLK_T_IN, 0, 512),
				VIRTIO_BLK_S_OK);
		KUNIT_EXPECT_EQ(test, vpin_rig_status(&t->rig, 0), 0);
		KUNIT_EXPECT_EQ(test,
				counts[0].by[VIRTIO_BLK_S_OK][VIRTIO_BLK_T_IN].nr,
				i + 1ULL);
	}
	KUNIT_EXPECT_EQ(test, counts[1].by[VIRTIO_BLK_S_OK][VIRTIO_BLK_T_IN].nr, 0ULL);
}

/* What blocks is: a flush of a file, each time. */
static void what_may_block(struct kunit *test)
{
	const struct vpin_blk_counts *counts = counts_of(test);
	struct disk_test *t = test->priv;
	s64 before;
	int i;

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, U64_MAX), 0);
	vpin_rig_run(&t->rig, NUM, 0);
	before = atomic64_read(&counts->blocked);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, count_request(test, VIRTIO_BLK_T_FLUSH, 0, 0),
				VIRTIO_BLK_S_OK);
	KUNIT_EXPECT_EQ(test, atomic64_read(&counts->blocked), before + 3);
}

static struct kunit_case vpin_blk_count_cases[] = {
	KUNIT_CASE_PARAM(each_request_is_counted_once, count_gen_params),
	KUNIT_CASE(counters_outlive_a_reset),
	KUNIT_CASE(what_may_block),
	{}
};

static struct kunit_suite vpin_blk_count_suite = {
	.name = "vpin_blk_count",
	.init = disk_test_init,
	.exit = disk_test_exit,
	.test_cases = vpin_blk_count_cases,
};
kunit_test_suite(vpin_blk_count_suite);

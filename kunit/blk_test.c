// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block requests: what a chain asks for, and what is answered at once.  That
 * they do it is in blk_io_test.c.
 */
#include <linux/blkdev.h>
#include "request.h"
#include "../src/blk/blk.h"

#define NUM		32U
#define CAPACITY	2048U	/* sectors */

/* Where a request's parts are. */
#define HEADER		(GUEST_BUF + 0x0000)
#define OUT_DATA	(GUEST_BUF + 0x1000)
#define IN_DATA		(GUEST_BUF + 0x3000)
#define STATUS		(GUEST_BUF + 0x7fff)

/**
 * struct blk_test - a disk, and the request that was parsed
 * @guest: the guest
 * @disk: the disk; it is never served
 * @dev: the device, as far as parsing looks at it
 * @bufs: what the chain was copied to
 * @chain: the chain
 * @hint: last hit of translations
 * @out: cursor of the readable half, after parsing
 * @in: cursor of the writable half, after parsing
 * @req: the request
 */
struct blk_test {
	struct vpin_guest *guest;
	struct vpin_blk disk;
	struct vpin_dev dev;
	struct vpin_chain_buf bufs[NUM];
	struct vpin_chain chain;
	struct vpin_hint hint;
	struct vpin_cursor out;
	struct vpin_cursor in;
	struct vpin_blk_req req;
};

static int blk_test_init(struct kunit *test)
{
	struct blk_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->guest = vpin_guest_create(test);
	if (!t->guest)
		return -ENOMEM;
	vpin_guest_map_typical(t->guest);
	t->disk.capacity = CAPACITY;
	t->disk.block_size = SECTOR_SIZE;
	t->disk.discard = true;
	t->dev.priv = &t->disk;
	t->dev.features = U64_MAX;
	test->priv = t;
	return 0;
}

static void blk_test_exit(struct kunit *test)
{
	struct blk_test *t = test->priv;

	if (t)
		vpin_guest_destroy(t->guest);
}

/* Copies a chain from the ring's table and parses it. */
static bool parse(struct kunit *test, const struct vpin_desc *descs, u32 nr)
{
	struct blk_test *t = test->priv;
	struct vpin_desc_table table;

	vpin_guest_chain(t->guest, descs, nr);
	KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, t->guest->snap,
						   GUEST_TABLE, NUM), 0);
	t->chain.bufs = t->bufs;
	t->chain.max = NUM;
	KUNIT_ASSERT_EQ(test, vpin_chain_walk(&t->chain, &table, &t->hint, 0,
					      true), 0);
	vpin_desc_table_fini(&table);
	vpin_cursor_readable(&t->out, &t->chain, t->guest->snap, &t->hint);
	vpin_cursor_writable(&t->in, &t->chain, t->guest->snap, &t->hint);
	return vpin_blk_parse(&t->req, &t->dev, &t->chain, &t->out);
}

static void write_header(struct kunit *test, u64 gpa, u32 type, u64 sector)
{
	struct blk_test *t = test->priv;

	vpin_request_header(t->guest, gpa, type, sector);
}

/* Header, @out bytes of data to read, @in to write, and the status. */
static bool parse_usual(struct kunit *test, u32 type, u64 sector, u32 out, u32 in)
{
	struct vpin_desc descs[] = {
		{ HEADER, 16, 0, 0 },
		{ OUT_DATA, out, 0, 0 },
		{ IN_DATA, in, D_WRITE, 0 },
		{ STATUS, 1, D_WRITE, 0 },
	};

	write_header(test, HEADER, type, sector);
	return parse(test, descs, ARRAY_SIZE(descs));
}

#define SECTOR(n)	((n) * SECTOR_SIZE)

/**
 * struct request_case - a request on a disk of 2048 sectors
 * @name: what it is
 * @type: VIRTIO_BLK_T_*
 * @sector: as in the header
 * @out: bytes of data that the device reads
 * @in: bytes of data that it writes
 * @want: what it is parsed as
 * @ro: the disk is read-only
 * @block_size: the disk's, if not 512
 */
struct request_case {
	const char *name;
	u32 type;
	u64 sector;
	u32 out;
	u32 in;
	u8 want;
	bool ro;
	u32 block_size;
};

#define T_IN		VIRTIO_BLK_T_IN
#define T_OUT		VIRTIO_BLK_T_OUT
#define S_OK		VIRTIO_BLK_S_OK
#define S_IOERR		VIRTIO_BLK_S_IOERR
#define S_UNSUPP	VIRTIO_BLK_S_UNSUPP

static const struct request_case request_cases[] = {
	{ "in", T_IN, 0, 0, SECTOR(1), S_OK },
	{ "in of no sector", T_IN, 0, 0, 0, S_OK },
	{ "in of the last sector", T_IN, 2047, 0, SECTOR(1), S_OK },
	{ "in up to the end", T_IN, 2040, 0, SECTOR(8), S_OK },
	{ "out", T_OUT, 5, SECTOR(2), 0, S_OK },
	{ "out up to the end", T_OUT, 2047, SECTOR(1), 0, S_OK },
	{ "out to a read-only disk", T_OUT, 0, SECTOR(1), 0, S_IOERR, true },
	{ "in from a read-only disk", T_IN, 0, 0, SECTOR(1), S_OK, true },
	{ "flush", VIRTIO_BLK_T_FLUSH, 0, 0, 0, S_OK },
	{ "flush, sector means nothing", VIRTIO_BLK_T_FLUSH, U64_MAX, 0, 0,
	  S_OK },
	{ "flush of a read-only disk", VIRTIO_BLK_T_FLUSH, 0, 0, 0, S_OK, true },
	{ "get id", VIRTIO_BLK_T_GET_ID, 0, 0, 20, S_OK },
	{ "get id with room to spare", VIRTIO_BLK_T_GET_ID, 0, 0, 512, S_OK },

	/* H18: beyond the disk. */
	{ "h18_sector_is_capacity", T_IN, 2048, 0, SECTOR(1), S_IOERR },
	{ "h18_last_sector_and_one_more", T_IN, 2047, 0, SECTOR(2), S_IOERR },
	{ "h18_more_than_the_disk", T_OUT, 2046, SECTOR(3), 0, S_IOERR },
	{ "h18_sector_times_512_wraps", T_IN, 1ULL << 55, 0, SECTOR(1), S_IOERR },
	{ "h18_sector_is_2^64-1", T_IN, U64_MAX, 0, SECTOR(1), S_IOERR },
	{ "h18_sector_and_length_wrap", T_OUT, U64_MAX, SECTOR(2), 0, S_IOERR },
	{ "h18_sector_is_2^63", T_OUT, 1ULL << 63, SECTOR(1), 0, S_IOERR },

	/* H18: no whole sectors. */
	{ "h18_in_of_511_bytes", T_IN, 0, 0, 511, S_IOERR },
	{ "h18_in_of_513_bytes", T_IN, 0, 0, 513, S_IOERR },
	{ "h18_out_of_1_byte", T_OUT, 0, 1, 0, S_IOERR },
	{ "h18_half_a_block", T_IN, 0, 0, SECTOR(4), S_IOERR, false, 4096 },
	{ "h18_block_from_inside", T_IN, 4, 0, SECTOR(8), S_IOERR, false, 4096 },
	{ "whole blocks", T_IN, 16, 0, SECTOR(16), S_OK, false, 4096 },

	/* H18: data the wrong way. */
	{ "h18_in_with_data_to_read", T_IN, 0, SECTOR(1), 0, S_IOERR },
	{ "h18_in_with_data_both_ways", T_IN, 0, SECTOR(1), SECTOR(1), S_IOERR },
	{ "h18_out_with_data_to_write", T_OUT, 0, 0, SECTOR(1), S_IOERR },
	{ "h18_out_with_data_both_ways", T_OUT, 0, SECTOR(1), SECTOR(1), S_IOERR },

	/* H18: a short GET_ID. */
	{ "h18_get_id_into_19_bytes", VIRTIO_BLK_T_GET_ID, 0, 0, 19, S_IOERR },
	{ "h18_get_id_into_none", VIRTIO_BLK_T_GET_ID, 0, 0, 0, S_IOERR },

	/* H18: types that there are not, or that we do not have. */
	{ "h18_scsi_command", 2, 0, 0, SECTOR(1), S_UNSUPP },
	{ "h18_scsi_command_out", 3, 0, SECTOR(1), 0, S_UNSUPP },
	{ "h18_flush_out", 5, 0, 0, 0, S_UNSUPP },
	{ "h18_get_lifetime", 10, 0, 0, SECTOR(1), S_UNSUPP },
	{ "h18_discard_and_out", 12, 0, SECTOR(1), 0, S_UNSUPP },
	{ "h18_secure_erase", 14, 0, 16, 0, S_UNSUPP },
	{ "h18_zone_append", 15, 0, SECTOR(1), 8, S_UNSUPP },
	{ "h18_barrier_and_in", 0x80000000, 0, 0, SECTOR(1), S_UNSUPP },
	{ "h18_type_2^32-1", U32_MAX, 0, 0, 0, S_UNSUPP },
};
KUNIT_ARRAY_PARAM_DESC(request, request_cases, name);

static void requests_by_type(struct kunit *test)
{
	const struct request_case *c = test->param_value;
	struct blk_test *t = test->priv;

	t->disk.ro = c->ro;
	t->disk.block_size = c->block_size ?: SECTOR_SIZE;
	KUNIT_ASSERT_TRUE(test, parse_usual(test, c->type, c->sector, c->out,
					    c->in));
	KUNIT_EXPECT_EQ(test, t->req.result, c->want);
	KUNIT_EXPECT_EQ(test, t->req.type, c->type);
	KUNIT_EXPECT_EQ(test, t->req.sector, c->sector);
	KUNIT_EXPECT_PTR_EQ(test, t->req.status,
			    vpin_guest_ptr(t->guest, STATUS));
	if (c->type == T_IN && c->want == S_OK)
		KUNIT_EXPECT_EQ(test, t->req.len, c->in);
	if (c->type == T_OUT && c->want == S_OK)
		KUNIT_EXPECT_EQ(test, t->req.len, c->out);
}

/* @nr_ranges ranges at OUT_DATA, @sectors each, one behind the other. */
static void write_ranges(struct kunit *test, u32 nr_ranges, u64 sector,
			 u32 sectors, u32 flags)
{
	struct blk_test *t = test->priv;
	u32 i;

	for (i = 0; i < nr_ranges; i++)
		vpin_request_range(t->guest, OUT_DATA + 16 * i,
				   sector + i * sectors, sectors, flags);
}

#define T_DISCARD	VIRTIO_BLK_T_DISCARD
#define T_ZEROES	VIRTIO_BLK_T_WRITE_ZEROES

struct range_case {
	const char *name;
	u32 type;
	u32 nr;
	u64 sector;
	u32 sectors;
	u32 flags;
	u8 want;
	u32 block_size;
	int extra;	/* bytes more than the ranges take */
};

static const struct range_case range_cases[] = {
	{ "discard", T_DISCARD, 1, 100, 8, 0, S_OK },
	{ "discard of 8 ranges", T_DISCARD, 8, 0, 256, 0, S_OK },
	{ "discard of the disk", T_DISCARD, 1, 0, 2048, 0, S_OK },
	{ "zeroes", T_ZEROES, 1, 100, 8, 0, S_OK },
	{ "zeroes that may unmap", T_ZEROES, 1, 100, 8, 1, S_OK },
	{ "h18_discard_without_a_range", T_DISCARD, 0, 0, 0, 0, S_IOERR },
	{ "h18_discard_of_9_ranges", T_DISCARD, 9, 0, 8, 0, S_IOERR },
	{ "h18_zeroes_of_9_ranges", T_ZEROES, 9, 0, 8, 0, S_IOERR },
	{ "h18_discard_of_no_sector", T_DISCARD, 1, 100, 0, 0, S_IOERR },
	{ "h18_zeroes_of_no_sector", T_ZEROES, 1, 100, 0, 0, S_IOERR },
	{ "h18_discard_beyond_the_disk", T_DISCARD, 1, 2047, 2, 0, S_IOERR },
	{ "h18_discard_of_2^32-1", T_DISCARD, 1, 0, U32_MAX, 0, S_IOERR },
	{ "h18_discard_that_wraps", T_DISCARD, 1, U64_MAX, 8, 0, S_IOERR },
	{ "h18_zeroes_beyond_the_disk", T_ZEROES, 1, 2048, 1, 0, S_IOERR },
	{ "h18_discard_unaligned", T_DISCARD, 1, 4, 8, 0, S_IOERR, 4096 },
	{ "h18_discard_of_half_a_block", T_DISCARD, 1, 8, 4, 0, S_IOERR, 4096 },
	{ "h18_zeroes_unaligned", T_ZEROES, 1, 8, 9, 0, S_IOERR, 4096 },
	{ "h18_discard_with_unmap", T_DISCARD, 1, 0, 8, 1, S_UNSUPP },
	{ "h18_discard_with_flags", T_DISCARD, 1, 0, 8, 0x80000000, S_UNSUPP },
	{ "h18_zeroes_with_unknown_flags", T_ZEROES, 1, 0, 8, 3, S_UNSUPP },
	{ "h18_discard_of_a_range_and_a_byte", T_DISCARD, 1, 0, 8, 0, S_IOERR,
	  0, 1 },
	{ "h18_discard_of_15_bytes", T_DISCARD, 1, 0, 8, 0, S_IOERR, 0, -1 },
};
KUNIT_ARRAY_PARAM_DESC(range, range_cases, name);

static void requests_with_ranges(struct kunit *test)
{
	const struct range_case *c = test->param_value;
	struct blk_test *t = test->priv;
	u32 i;

	t->disk.block_size = c->block_size ?: SECTOR_SIZE;
	write_ranges(test, c->nr, c->sector, c->sectors, c->flags);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, c->type, 0,
					    16 * c->nr + c->extra, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, c->want);
	if (c->want != S_OK)
		return;
	KUNIT_ASSERT_EQ(test, t->req.nr_ranges, c->nr);
	for (i = 0; i < c->nr; i++) {
		KUNIT_EXPECT_EQ(test, t->req.ranges[i].sector,
				c->sector + i * c->sectors);
		KUNIT_EXPECT_EQ(test, t->req.ranges[i].nr, c->sectors);
		KUNIT_EXPECT_EQ(test, t->req.ranges[i].unmap, c->flags == 1);
	}
}

/* Of 3 ranges the last is bad: nothing of it is done. */
static void h18_one_bad_range_of_three(struct kunit *test)
{
	struct blk_test *t = test->priv;

	write_ranges(test, 3, 0, 8, 0);
	vpin_request_range(t->guest, OUT_DATA + 32, 5000, 1, 0);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_DISCARD, 0, 48, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_IOERR);
}

/* What the driver did not negotiate it cannot use. */
static void features_not_negotiated(struct kunit *test)
{
	struct blk_test *t = test->priv;

	write_ranges(test, 1, 0, 8, 0);
	t->dev.features = ~BIT_ULL(VIRTIO_BLK_F_DISCARD);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_DISCARD, 0, 16, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_UNSUPP);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_ZEROES, 0, 16, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	t->dev.features = ~BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_ZEROES, 0, 16, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_UNSUPP);
}

/* Neither discards nor zeroes reach a disk that may not be written. */
static void ranges_of_a_read_only_disk(struct kunit *test)
{
	struct blk_test *t = test->priv;

	/* Not offered there, so not negotiated. */
	t->disk.ro = true;
	t->dev.features = BIT_ULL(VIRTIO_BLK_F_RO);
	write_ranges(test, 1, 0, 8, 0);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_DISCARD, 0, 16, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_UNSUPP);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_ZEROES, 0, 16, 0));
	KUNIT_EXPECT_EQ(test, t->req.result, S_UNSUPP);
}

/* The cursors are left where the data is. */
static void cursors_end_up_at_the_data(struct kunit *test)
{
	struct blk_test *t = test->priv;
	u32 len = U32_MAX;

	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_OUT, 0, SECTOR(2), 0));
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&t->out, &len),
			    vpin_guest_ptr(t->guest, OUT_DATA));
	KUNIT_EXPECT_EQ(test, len, SECTOR(2));

	len = SECTOR(1);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_IN, 0, 0, SECTOR(1)));
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&t->in, &len),
			    vpin_guest_ptr(t->guest, IN_DATA));
	KUNIT_EXPECT_EQ(test, len, SECTOR(1));
}

/* H11: 16 descriptors of a byte each, backwards in memory. */
static void h11_header_split_16_times(struct kunit *test)
{
	struct blk_test *t = test->priv;
	struct vpin_desc descs[18];
	u8 header[16];
	u32 i;

	/* T_IN is 0, as a header may be that was never copied. */
	write_header(test, HEADER, T_OUT, 0x123);
	vpin_guest_read(t->guest, HEADER, header, 16);
	for (i = 0; i < 16; i++) {
		vpin_guest_write(t->guest, OUT_DATA + 100 - 3 * i, &header[i], 1);
		descs[i] = DESC(OUT_DATA + 100 - 3 * i, 1, 0, 0);
	}
	descs[16] = DESC(OUT_DATA + SECTOR(1), SECTOR(1), 0, 0);
	descs[17] = DESC(STATUS, 1, D_WRITE, 0);
	KUNIT_ASSERT_TRUE(test, parse(test, descs, 18));
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	KUNIT_EXPECT_EQ(test, t->req.type, T_OUT);
	KUNIT_EXPECT_EQ(test, t->req.sector, 0x123ULL);
	KUNIT_EXPECT_EQ(test, t->req.len, SECTOR(1));
}

/* H11: 8 bytes in one range, 8 in the next, on another page. */
static void h11_header_across_ranges(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ GUEST_NEXT - 8, 16, 0, 0 },
		{ OUT_DATA, SECTOR(1), 0, 0 },
		{ STATUS, 1, D_WRITE, 0 },
	};
	struct blk_test *t = test->priv;

	write_header(test, GUEST_NEXT - 8, T_OUT, 7);
	KUNIT_ASSERT_TRUE(test, parse(test, descs, ARRAY_SIZE(descs)));
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	KUNIT_EXPECT_EQ(test, t->req.type, T_OUT);
	KUNIT_EXPECT_EQ(test, t->req.sector, 7ULL);
}

/* H11: header and data in one descriptor: 16 + 512 bytes. */
static void h11_header_and_data_in_one(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ HEADER, 16 + 512, 0, 0 },
		{ STATUS, 1, D_WRITE, 0 },
	};
	struct blk_test *t = test->priv;
	u32 len = U32_MAX;

	write_header(test, HEADER, T_OUT, 0);
	KUNIT_ASSERT_TRUE(test, parse(test, descs, 2));
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	KUNIT_EXPECT_EQ(test, t->req.len, 512U);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&t->out, &len),
			    vpin_guest_ptr(t->guest, HEADER + 16));
	KUNIT_EXPECT_EQ(test, len, 512U);
}

/* A chain that reads one sector, and has its status at @status. */
static void check_in(struct kunit *test, const struct vpin_desc *descs, u32 nr,
		     u64 status)
{
	struct blk_test *t = test->priv;

	write_header(test, HEADER, T_IN, 0);
	KUNIT_ASSERT_TRUE(test, parse(test, descs, nr));
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	KUNIT_EXPECT_EQ(test, t->req.len, 512U);
	KUNIT_EXPECT_PTR_EQ(test, t->req.status,
			    vpin_guest_ptr(t->guest, status));
}

/* H11: data and status in one descriptor: 512 + 1 bytes. */
static void h11_data_and_status_in_one(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ HEADER, 16, 0, 0 },
		{ IN_DATA, 513, D_WRITE, 0 },
	};

	check_in(test, descs, 2, IN_DATA + 512);
}

/* H11: a status of 3 bytes is 2 bytes of data and the status. */
static void h11_status_of_several_bytes(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ HEADER, 16, 0, 0 },
		{ IN_DATA, 510, D_WRITE, 0 },
		{ GUEST_BUF + 0x7000, 3, D_WRITE, 0 },
	};

	check_in(test, descs, 3, GUEST_BUF + 0x7002);
}

struct chain_case {
	const char *name;
	struct vpin_desc descs[3];
	u32 nr;
	bool answered;	/* else there is nowhere to write a status */
};

/* None of these is a request; with a status byte they are answered IOERR. */
static const struct chain_case chain_cases[] = {
	{ "h11_status_alone", { { STATUS, 1, D_WRITE, 0 } }, 1, true },
	{ "h11_header_of_15_bytes",
	  { { HEADER, 15, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h11_header_of_1_byte",
	  { { HEADER, 1, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h11_header_writable",
	  { { HEADER, 16, D_WRITE, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h11_header_not_mapped",
	  { { GUEST_HOLE, 16, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h11_header_into_a_hole",
	  { { GUEST_HOLE - 15, 16, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h09_header_write_only",
	  { { GUEST_WO, 16, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h04_header_of_length_0",
	  { { HEADER, 0, 0, 0 }, { STATUS, 1, D_WRITE, 0 } }, 2, true },
	{ "h11_no_status", { { HEADER, 16, 0, 0 } }, 1, false },
	{ "h11_status_read_only_to_the_device",
	  { { HEADER, 16, 0, 0 }, { STATUS, 1, 0, 0 } }, 2, false },
	{ "h09_status_in_read_only_memory",
	  { { HEADER, 16, 0, 0 }, { GUEST_RO, 1, D_WRITE, 0 } }, 2, false },
	{ "h11_status_of_length_0_and_nothing_else",
	  { { HEADER, 16, 0, 0 }, { STATUS, 0, D_WRITE, 0 } }, 2, false },
	{ "h11_status_not_mapped",
	  { { HEADER, 16, 0, 0 }, { GUEST_HOLE, 1, D_WRITE, 0 } }, 2, false },
	{ "h08_last_byte_of_the_status_in_a_hole",
	  { { HEADER, 16, 0, 0 }, { GUEST_HOLE - 1, 2, D_WRITE, 0 } }, 2, false },
	{ "h04_nothing_but_length_0",
	  { { HEADER, 0, 0, 0 }, { STATUS, 0, D_WRITE, 0 } }, 2, false },
};
KUNIT_ARRAY_PARAM_DESC(chain, chain_cases, name);

static void chains_that_are_no_request(struct kunit *test)
{
	const struct chain_case *c = test->param_value;
	struct blk_test *t = test->priv;

	write_header(test, HEADER, VIRTIO_BLK_T_FLUSH, 0);
	KUNIT_ASSERT_EQ(test, parse(test, c->descs, c->nr), c->answered);
	if (!c->answered)
		return;
	KUNIT_EXPECT_EQ(test, t->req.result, S_IOERR);
	KUNIT_EXPECT_PTR_EQ(test, t->req.status,
			    vpin_guest_ptr(t->guest, STATUS));
}

/* H04: the status of length 0 is not there, so the byte before it is meant. */
static void h04_status_of_length_0_behind_data(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ HEADER, 16, 0, 0 },
		{ IN_DATA, 513, D_WRITE, 0 },
		{ STATUS, 0, D_WRITE, 0 },
	};

	check_in(test, descs, 3, IN_DATA + 512);
}

/* H10: type, sector and ranges count as they were when they were parsed. */
static void h10_header_edited_afterwards(struct kunit *test)
{
	struct blk_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_OUT, 5, SECTOR(1), 0));
	write_header(test, HEADER, T_IN, U64_MAX);
	KUNIT_EXPECT_EQ(test, t->req.type, T_OUT);
	KUNIT_EXPECT_EQ(test, t->req.sector, 5ULL);

	write_ranges(test, 2, 0, 8, 0);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_DISCARD, 0, 32, 0));
	write_ranges(test, 2, U64_MAX, U32_MAX, U32_MAX);
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
	KUNIT_EXPECT_EQ(test, t->req.ranges[1].sector, 8ULL);
	KUNIT_EXPECT_EQ(test, t->req.ranges[1].nr, 8U);
}

/* A request that was used before starts clean: nothing of the old one stays. */
static void requests_are_used_again(struct kunit *test)
{
	struct blk_test *t = test->priv;

	write_ranges(test, 2, 0, 8, 0);
	KUNIT_ASSERT_TRUE(test, parse_usual(test, T_DISCARD, 0, 32, 0));
	t->req.stable = true;
	KUNIT_ASSERT_TRUE(test, parse_usual(test, VIRTIO_BLK_T_FLUSH, 9, 0, 0));
	KUNIT_EXPECT_EQ(test, t->req.nr_ranges, 0);
	KUNIT_EXPECT_EQ(test, t->req.len, 0U);
	KUNIT_EXPECT_FALSE(test, t->req.stable);
	KUNIT_EXPECT_EQ(test, t->req.result, S_OK);
}

static struct kunit_case vpin_blk_cases[] = {
	KUNIT_CASE_PARAM(requests_by_type, request_gen_params),
	KUNIT_CASE_PARAM(requests_with_ranges, range_gen_params),
	KUNIT_CASE(h18_one_bad_range_of_three),
	KUNIT_CASE(features_not_negotiated),
	KUNIT_CASE(ranges_of_a_read_only_disk),
	KUNIT_CASE(cursors_end_up_at_the_data),
	KUNIT_CASE(h11_header_split_16_times),
	KUNIT_CASE(h11_header_across_ranges),
	KUNIT_CASE(h11_header_and_data_in_one),
	KUNIT_CASE(h11_data_and_status_in_one),
	KUNIT_CASE(h11_status_of_several_bytes),
	KUNIT_CASE_PARAM(chains_that_are_no_request, chain_gen_params),
	KUNIT_CASE(h04_status_of_length_0_behind_data),
	KUNIT_CASE(h10_header_edited_afterwards),
	KUNIT_CASE(requests_are_used_again),
	{}
};

static struct kunit_suite vpin_blk_suite = {
	.name = "vpin_blk",
	.init = blk_test_init,
	.exit = blk_test_exit,
	.test_cases = vpin_blk_cases,
};
kunit_test_suite(vpin_blk_suite);

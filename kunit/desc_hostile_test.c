// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hostile driver writes into a descriptor table, and what the walk makes
 * of it.  Each case bears the id of the threat that it is one of.
 */
#include "fixture.h"

#define SIZE	8U

/**
 * struct chain_case - a chain that begins at descriptor 0 of a table of SIZE
 * @name: id and what it tries
 * @descs: the table
 * @walk: descriptors, or the walk's error
 * @valid: what vpin_desc_validate_chain() says, if not that: it looks at each
 *	buffer when it comes to it, and may find another fault first
 */
struct chain_case {
	const char *name;
	struct vpin_desc descs[SIZE];
	int walk;
	int valid;
};

static const struct chain_case chain_cases[] = {
	/* H01: loops end after at most SIZE descriptors. */
	{ "h01_self_loop", { { GUEST_BUF, 1, D_NEXT, 0 } }, -ELOOP },
	{ "h01_cycle_of_2",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 1, D_NEXT, 0 } }, -ELOOP },
	{ "h01_cycle_behind_a_good_start",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 1, D_NEXT, 2 },
	    { GUEST_BUF, 1, D_NEXT, 1 } }, -ELOOP },
	{ "h01_cycle_of_exactly_size",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 1, D_NEXT, 2 },
	    { GUEST_BUF, 1, D_NEXT, 3 }, { GUEST_BUF, 1, D_NEXT, 4 },
	    { GUEST_BUF, 1, D_NEXT, 5 }, { GUEST_BUF, 1, D_NEXT, 6 },
	    { GUEST_BUF, 1, D_NEXT, 7 }, { GUEST_BUF, 1, D_NEXT, 0 } }, -ELOOP },
	{ "h01_self_loop_of_length_0", { { GUEST_BUF, 0, D_NEXT, 0 } }, -ELOOP },

	/* H02: as long as can be is not too long. */
	{ "h02_chain_of_exactly_size",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 1, D_NEXT, 2 },
	    { GUEST_BUF, 1, D_NEXT, 3 }, { GUEST_BUF, 1, D_NEXT, 4 },
	    { GUEST_BUF, 1, D_NEXT, 5 }, { GUEST_BUF, 1, D_NEXT, 6 },
	    { GUEST_BUF, 1, D_NEXT, 7 }, { GUEST_BUF, 1, D_WRITE, 0 } }, 8 },

	/* H03: the table is mapped beyond its end, and must not be read there. */
	{ "h03_next_is_size", { { GUEST_BUF, 1, D_NEXT, SIZE } }, -EINVAL },
	{ "h03_next_is_65535", { { GUEST_BUF, 1, D_NEXT, 65535 } }, -EINVAL },
	{ "h03_next_without_NEXT_means_nothing",
	  { { GUEST_BUF, 1, 0, 65535 } }, 1 },

	/* H04: descriptors without a byte end the walk like any others. */
	{ "h04_zero_length_head",
	  { { GUEST_BUF, 0, D_NEXT, 1 }, { GUEST_BUF, 1, D_WRITE, 0 } }, 2 },
	{ "h04_zero_length_middle",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 0, D_NEXT, 2 },
	    { GUEST_BUF, 1, D_WRITE, 0 } }, 3 },
	{ "h04_zero_length_end",
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF, 0, D_WRITE, 0 } }, 2 },
	{ "h04_zero_length_in_a_hole",
	  { { GUEST_HOLE, 0, D_NEXT, 1 }, { U64_MAX, 0, D_WRITE, 0 } }, 2 },

	/* H05 */
	{ "h05_readable_after_writable",
	  { { GUEST_BUF, 1, D_WRITE | D_NEXT, 1 }, { GUEST_BUF, 1, 0, 0 } },
	  -EINVAL },
	{ "h05_readable_between_writable",
	  { { GUEST_BUF, 1, D_WRITE | D_NEXT, 1 }, { GUEST_BUF, 1, D_NEXT, 2 },
	    { GUEST_BUF, 1, D_WRITE, 0 } }, -EINVAL },

	/* H06: 2^32-1 bytes in all can be counted; one more cannot. */
	{ "h06_length_0xffffffff",
	  { { GUEST_BUF, U32_MAX, 0, 0 } }, 1, -EFAULT },
	{ "h06_sum_is_2^32-1",
	  { { GUEST_BUF, U32_MAX - 1, D_NEXT, 1 }, { GUEST_BUF, 1, 0, 0 } },
	  2, -EFAULT },
	{ "h06_sum_is_2^32",
	  { { GUEST_BUF, U32_MAX, D_NEXT, 1 }, { GUEST_BUF, 1, 0, 0 } },
	  -EMSGSIZE, -EFAULT },
	{ "h06_sum_is_2^32_both_ways",
	  { { GUEST_BUF, 1U << 31, D_NEXT, 1 },
	    { GUEST_BUF, 1U << 31, D_WRITE, 0 } }, -EMSGSIZE, -EFAULT },
	{ "h06_last_byte_is_the_last_there_is",
	  { { U64_MAX - 511, 512, 0, 0 } }, 1, -EFAULT },
	{ "h06_address_wraps_by_1",
	  { { U64_MAX - 510, 512, 0, 0 } }, -EFAULT },
	{ "h06_address_wraps_by_much",
	  { { U64_MAX, U32_MAX, D_WRITE, 0 } }, -EFAULT },

	/* H08: RAM ends where NEXT begins; behind NEXT is a hole. */
	{ "h08_buffer_in_two_adjacent_ranges",
	  { { GUEST_NEXT - 100, 200, 0, 0 } }, 1 },
	{ "h08_buffer_is_all_of_both_ranges",
	  { { GUEST_RAM, GUEST_HOLE - GUEST_RAM, D_WRITE, 0 } }, 1 },
	{ "h08_buffer_reaches_into_a_hole",
	  { { GUEST_HOLE - 100, 101, 0, 0 } }, 1, -EFAULT },
	{ "h08_buffer_starts_in_a_hole",
	  { { GUEST_RAM - 1, 2, 0, 0 } }, 1, -EFAULT },
	{ "h08_buffer_spans_a_hole",
	  { { GUEST_RAM, GUEST_RO + 1 - GUEST_RAM, 0, 0 } }, 1, -EFAULT },

	/* H09 */
	{ "h09_write_to_read_only", { { GUEST_RO, 1, D_WRITE, 0 } }, 1, -EFAULT },
	{ "h09_read_of_read_only", { { GUEST_RO, SZ_4K, 0, 0 } }, 1 },
	{ "h09_read_of_write_only", { { GUEST_WO, 1, 0, 0 } }, 1, -EFAULT },
	{ "h09_write_to_write_only", { { GUEST_WO, SZ_4K, D_WRITE, 0 } }, 1 },
	{ "h09_second_buffer",
	  { { GUEST_BUF, 16, D_NEXT, 1 }, { GUEST_RO, 1, D_WRITE, 0 } },
	  2, -EFAULT },
};
KUNIT_ARRAY_PARAM_DESC(chain, chain_cases, name);

/* Each way to look at a chain comes to the same conclusion. */
static void check_chain(struct kunit *test, const struct vpin_desc_table *table,
			int walk, int valid)
{
	int error = walk < 0 ? walk : 0;
	struct vpin_desc descs[SIZE], desc;
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	struct vpin_chain_iter iter;
	static struct vpin_hint hint;
	u32 len, nr = 0;
	int ret;

	vpin_chain_begin(&iter, table, &chain.indirect, &hint, 0);
	while ((ret = vpin_chain_next(&iter, &desc)) > 0)
		nr++;
	KUNIT_EXPECT_LE(test, nr, SIZE);
	KUNIT_EXPECT_EQ(test, ret ?: nr, walk);

	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(table, 0, descs, SIZE),
			walk);
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(table, 0, &len),
			error);
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, table, &hint, 0, true),
			error);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(table, 0),
			valid ?: error);
}

static void in_the_ring(struct kunit *test)
{
	const struct chain_case *c = test->param_value;
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_descs(test->priv, GUEST_TABLE, c->descs, SIZE);
	check_chain(test, &table, c->walk, c->valid);
	vpin_desc_table_fini(&table);
}

/* The same in an indirect table of the same size, at @gpa. */
static void check_indirect(struct kunit *test, u64 gpa)
{
	const struct chain_case *c = test->param_value;
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0,
			&DESC(gpa, SIZE * 16, D_INDIRECT, 0));
	vpin_guest_descs(test->priv, gpa, c->descs, SIZE);
	check_chain(test, &table, c->walk, c->valid);
	vpin_desc_table_fini(&table);
}

/* At an odd address. */
static void in_an_indirect_table(struct kunit *test)
{
	check_indirect(test, GUEST_INDIRECT + 3);
}

/* And in one whose descriptors lie across two ranges and on scattered pages. */
static void in_a_scattered_indirect_table(struct kunit *test)
{
	check_indirect(test, GUEST_NEXT - 24);
}

/* A ring of 8 has no head 8. */
static void h03_head_out_of_range(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE];

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, SIZE, descs, SIZE),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 65535, descs, SIZE),
			-EINVAL);
	vpin_desc_table_fini(&table);
}

/* 16 + 0 + 512 + 0 + 1 bytes: the walk keeps the three that have any. */
static void h04_walk_drops_zero_lengths(struct kunit *test)
{
	static const struct vpin_desc descs[] = {
		{ GUEST_BUF, 0, D_NEXT, 1 },
		{ GUEST_BUF, 16, D_NEXT, 2 },
		{ GUEST_BUF, 0, D_NEXT, 3 },
		{ GUEST_BUF, 512, D_NEXT | D_WRITE, 4 },
		{ GUEST_BUF, 0, D_NEXT | D_WRITE, 5 },
		{ GUEST_BUF, 1, D_NEXT | D_WRITE, 6 },
		{ GUEST_BUF, 0, D_WRITE, 0 },
	};
	struct vpin_chain_buf bufs[3];
	struct vpin_chain chain = { .bufs = bufs, .max = 3 };
	static struct vpin_hint hint;
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_descs(test->priv, GUEST_TABLE, descs, ARRAY_SIZE(descs));
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, false), 0);
	KUNIT_EXPECT_EQ(test, chain.nr, 3U);
	KUNIT_EXPECT_EQ(test, chain.nr_readable, 1U);
	KUNIT_EXPECT_EQ(test, chain.readable, 16U);
	KUNIT_EXPECT_EQ(test, chain.writable, 513U);

	/* A chain without a byte is an empty one. */
	vpin_guest_desc(test->priv, GUEST_TABLE, 7, &DESC(GUEST_BUF, 0, 0, 0));
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 7, false), 0);
	KUNIT_EXPECT_EQ(test, chain.nr, 0U);
	vpin_desc_table_fini(&table);
}

/**
 * struct indirect_case - indirect tables
 * @name: id and what it tries
 * @ring: descriptors 0 and 1 of the ring
 * @indirect: the table at GUEST_INDIRECT
 * @walk: descriptors, or the walk's error
 */
struct indirect_case {
	const char *name;
	struct vpin_desc ring[2];
	struct vpin_desc indirect[2];
	int walk;
};

#define GOOD	{ { GUEST_BUF, 16, D_NEXT, 1 }, { GUEST_BUF, 1, D_WRITE, 0 } }

static const struct indirect_case indirect_cases[] = {
	{ "h07_good", { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } }, GOOD, 2 },
	{ "h07_length_0", { { GUEST_INDIRECT, 0, D_INDIRECT, 0 } }, GOOD,
	  -EINVAL },
	{ "h07_length_1", { { GUEST_INDIRECT, 1, D_INDIRECT, 0 } }, GOOD,
	  -EINVAL },
	{ "h07_length_no_multiple_of_16",
	  { { GUEST_INDIRECT, 40, D_INDIRECT, 0 } }, GOOD, -EINVAL },
	{ "h07_65536_entries",
	  { { GUEST_INDIRECT, 65536 * 16, D_INDIRECT, 0 } }, GOOD, -EINVAL },
	{ "h07_length_2^32-16",
	  { { GUEST_INDIRECT, 0xfffffff0, D_INDIRECT, 0 } }, GOOD, -EINVAL },
	{ "h07_with_NEXT",
	  { { GUEST_INDIRECT, 32, D_INDIRECT | D_NEXT, 1 },
	    { GUEST_BUF, 1, D_WRITE, 0 } }, GOOD, -EINVAL },
	/* VIRTIO 1.2, 2.7.5.3.2: the device ignores WRITE there. */
	{ "h07_with_WRITE",
	  { { GUEST_INDIRECT, 32, D_INDIRECT | D_WRITE, 0 } }, GOOD, 2 },
	{ "h07_nested", { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } },
	  { { GUEST_INDIRECT + 16, 16, D_INDIRECT, 0 },
	    { GUEST_BUF, 1, D_WRITE, 0 } }, -EINVAL },
	{ "h07_nested_in_itself", { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } },
	  { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } }, -EINVAL },
	{ "h07_nested_at_the_end", { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } },
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_INDIRECT, 16, D_INDIRECT, 0 } },
	  -EINVAL },
	{ "h07_next_is_its_size", { { GUEST_INDIRECT, 32, D_INDIRECT, 0 } },
	  { { GUEST_BUF, 16, D_NEXT, 2 } }, -EINVAL },
	{ "h07_next_in_a_table_of_1", { { GUEST_INDIRECT, 16, D_INDIRECT, 0 } },
	  GOOD, -ELOOP },
	{ "h07_on_a_later_descriptor",
	  { { GUEST_BUF, 16, D_NEXT, 1 },
	    { GUEST_INDIRECT, 32, D_INDIRECT, 0 } }, GOOD, 3 },
	{ "h07_readable_in_it_after_writable",
	  { { GUEST_BUF, 16, D_NEXT | D_WRITE, 1 },
	    { GUEST_INDIRECT, 32, D_INDIRECT, 0 } }, GOOD, -EINVAL },
	{ "h07_not_mapped", { { GUEST_HOLE, 32, D_INDIRECT, 0 } }, GOOD,
	  -EFAULT },
	{ "h07_write_only", { { GUEST_WO, 32, D_INDIRECT, 0 } }, GOOD, -EFAULT },
	{ "h07_reaches_into_a_hole",
	  { { GUEST_HOLE - 16, 32, D_INDIRECT, 0 } }, GOOD, -EFAULT },
	{ "h07_wraps", { { U64_MAX - 15, 32, D_INDIRECT, 0 } }, GOOD, -EFAULT },
	{ "h07_is_the_ring's_table_itself",
	  { { GUEST_TABLE, 32, D_INDIRECT, 0 } }, GOOD, -EINVAL },
};
KUNIT_ARRAY_PARAM_DESC(indirect, indirect_cases, name);

static void h07_indirect_tables(struct kunit *test)
{
	const struct indirect_case *c = test->param_value;
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_descs(test->priv, GUEST_TABLE, c->ring, 2);
	vpin_guest_descs(test->priv, GUEST_INDIRECT, c->indirect, 2);
	check_chain(test, &table, c->walk, 0);
	vpin_desc_table_fini(&table);
}

/* Who did not negotiate the feature may not use it. */
static void h07_without_the_feature(struct kunit *test)
{
	struct vpin_walk walk = {};

	vpin_guest_table(test->priv, &walk.table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0,
			&DESC(GUEST_INDIRECT, 16, D_INDIRECT, 0));
	vpin_guest_desc(test->priv, GUEST_INDIRECT, 0, &DESC(GUEST_BUF, 1, 0, 0));
	vpin_walk_begin(&walk, false);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), -EINVAL);
	vpin_walk_begin(&walk, true);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	vpin_desc_table_fini(&walk.table);
}

/*
 * VIRTIO 1.2, 2.7.5.3.1: a chain is no longer than the ring, wherever it lies.
 * With a ring of 8: 1 in the ring and 7 in an indirect table are allowed, 8 in
 * the indirect table alone as well, 9 are not; the table itself may be larger.
 */
static void h07_chain_longer_than_the_ring(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(guest, GUEST_TABLE, 0,
			&DESC(GUEST_INDIRECT, 16 * 32, D_INDIRECT, 0));
	vpin_guest_desc(guest, GUEST_TABLE, 1, &DESC(GUEST_BUF, 1, D_NEXT, 0));
	for (i = 0; i < 7; i++)
		vpin_guest_desc(guest, GUEST_INDIRECT, i,
				&DESC(GUEST_BUF, 1, D_NEXT, i + 1));
	vpin_guest_desc(guest, GUEST_INDIRECT, 7, &DESC(GUEST_BUF, 1, 0, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 1), -ELOOP);

	vpin_guest_desc(guest, GUEST_INDIRECT, 7, &DESC(GUEST_BUF, 1, D_NEXT, 31));
	vpin_guest_desc(guest, GUEST_INDIRECT, 31, &DESC(GUEST_BUF, 1, 0, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 0), -ELOOP);
	vpin_desc_table_fini(&table);
}

/* A ring that says so lets a table be longer than itself, and no ring chain. */
static void s01_ring_that_allows_longer_chains(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_chain_buf bufs[12];
	struct vpin_chain chain = { .bufs = bufs, .max = 12 };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	table.chain_max = 12;
	for (i = 0; i < SIZE; i++)
		vpin_guest_desc(guest, GUEST_TABLE, i,
				&DESC(GUEST_BUF, 1, D_NEXT, (i + 1) % SIZE));
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), -ELOOP);
	KUNIT_EXPECT_EQ(test, chain.nr, SIZE);

	for (i = 0; i < 13; i++)
		vpin_guest_desc(guest, GUEST_INDIRECT, i,
				&DESC(GUEST_BUF, 1, D_NEXT, i + 1));
	vpin_guest_desc(guest, GUEST_INDIRECT, 8, &DESC(GUEST_BUF, 1, 0, 0));
	vpin_guest_desc(guest, GUEST_TABLE, 3,
			&DESC(GUEST_INDIRECT, 16 * 32, D_INDIRECT, 0));
	/* 3 in the ring and 9 in the table; 4 and 9 are too many. */
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), 0);
	KUNIT_EXPECT_EQ(test, chain.nr, 12U);
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 7, true), -ELOOP);
	/* The table of 8 ends where it ends. */
	vpin_guest_desc(guest, GUEST_TABLE, 3,
			&DESC(GUEST_INDIRECT, 16 * 8, D_INDIRECT, 0));
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 3, true), -ELOOP);
	vpin_desc_table_fini(&table);
}

/**
 * struct salvage_case - chains that cannot be walked, at descriptor 0
 * @name: what it is
 * @descs: the ring's table
 * @indirect: the table at GUEST_INDIRECT
 * @last: GPA of the last byte that can be written; 0 if there is none
 * @byte: GPA of one behind it that is not there; 0 if there is none
 * @desc: GPA of the first descriptor that is not there; likewise
 */
struct salvage_case {
	const char *name;
	struct vpin_desc descs[SIZE];
	struct vpin_desc indirect[4];
	u64 last, byte, desc;
};

static const struct salvage_case salvage_cases[] = {
	{ "loop of all", { { GUEST_BUF, 9, D_NEXT, 1 },
			   { GUEST_BUF, 9, D_NEXT | D_WRITE, 2 },
			   { GUEST_BUF + 50, 9, D_NEXT | D_WRITE, 0 } },
	  {}, GUEST_BUF + 58 },
	{ "loop behind a start", { { GUEST_BUF, 9, D_NEXT, 5 }, {},
				   { GUEST_BUF + 70, 1, D_NEXT | D_WRITE, 3 },
				   { GUEST_BUF + 80, 1, D_NEXT | D_WRITE, 2 }, {},
				   { GUEST_BUF + 90, 1, D_NEXT | D_WRITE, 2 } },
	  {}, GUEST_BUF + 80 },
	{ "self-loop", { { GUEST_BUF + 70, 2, D_NEXT | D_WRITE, 0 } }, {},
	  GUEST_BUF + 71 },
	{ "self-loop that is read", { { GUEST_BUF + 70, 2, D_NEXT, 0 } }, {}, 0 },
	{ "next out of range", { { GUEST_BUF + 70, 2, D_NEXT | D_WRITE, 99 } }, {},
	  GUEST_BUF + 71 },
	{ "last has no byte", { { GUEST_BUF + 70, 2, D_NEXT | D_WRITE, 1 },
				{ GUEST_BUF + 80, 0, D_NEXT | D_WRITE, 99 } }, {},
	  GUEST_BUF + 71 },
	{ "last in a hole", { { GUEST_BUF + 70, 2, D_NEXT | D_WRITE, 1 },
			      { GUEST_HOLE - 1, 2, D_NEXT | D_WRITE, 99 } }, {},
	  GUEST_BUF + 71, GUEST_HOLE },
	{ "last is read-only", { { GUEST_RO, 2, D_NEXT | D_WRITE, 1 } }, {},
	  0, GUEST_RO + 1 },
	{ "wraps", { { U64_MAX - 1, 32, D_WRITE | D_NEXT, 1 },
		     { GUEST_BUF, 1, D_WRITE, 0 } }, {}, GUEST_BUF },
	{ "in a table of odd length", { { GUEST_INDIRECT, 17, D_INDIRECT, 0 } },
	  { { GUEST_BUF, 1, D_NEXT, 1 }, { GUEST_BUF + 70, 1, D_WRITE, 0 } },
	  GUEST_BUF + 70 },
	{ "behind a table", { { GUEST_INDIRECT, 16, D_INDIRECT | D_NEXT, 1 },
			      { GUEST_BUF + 80, 1, D_WRITE, 0 } },
	  { { GUEST_BUF + 70, 1, D_WRITE, 0 } }, GUEST_BUF + 80 },
	{ "table in a table", { { GUEST_INDIRECT, 16, D_INDIRECT, 0 } },
	  { { GUEST_INDIRECT + 16, 16, D_INDIRECT, 0 },
	    { GUEST_BUF + 70, 1, D_WRITE, 0 } }, GUEST_BUF + 70 },
	{ "table in itself", { { GUEST_INDIRECT, 16, D_INDIRECT, 0 } },
	  { { GUEST_INDIRECT, 16, D_INDIRECT, 0 } }, 0 },
	{ "table that is not mapped", { { GUEST_HOLE, 16, D_INDIRECT, 0 } }, {},
	  0, 0, GUEST_HOLE },
	{ "table that is not mapped behind a byte",
	  { { GUEST_BUF, 1, D_WRITE | D_NEXT, 1 }, { GUEST_HOLE, 16, D_INDIRECT, 0 } }, {},
	  GUEST_BUF, 0, GUEST_HOLE },
	{ "table of 65535 that is not",
	  { { GUEST_INDIRECT, U32_MAX, D_INDIRECT, 0 } },
	  { { GUEST_BUF + 70, 1, D_WRITE | D_NEXT, 60000 } }, GUEST_BUF + 70,
	  0, GUEST_INDIRECT + 60000 * 16 },
};
KUNIT_ARRAY_PARAM_DESC(salvage, salvage_cases, name);

static void s01_last_byte_of_what_cannot_be_walked(struct kunit *test)
{
	const struct salvage_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	struct vpin_salvage salvage;
	void *want;

	vpin_guest_table(guest, &table, SIZE);
	vpin_guest_descs(guest, GUEST_TABLE, c->descs, SIZE);
	vpin_guest_descs(guest, GUEST_INDIRECT, c->indirect, 4);
	want = c->last ? vpin_guest_ptr(guest, c->last) : NULL;
	vpin_chain_salvage(&table, 0, &salvage);
	KUNIT_EXPECT_PTR_EQ(test, (void *)salvage.last, want);
	KUNIT_EXPECT_EQ(test, salvage.gpa, c->last);
	KUNIT_EXPECT_EQ(test, salvage.missing_desc.gpa, c->desc);
	KUNIT_EXPECT_EQ(test, salvage.missing_byte.len ? salvage.missing_byte.gpa : 0,
			c->byte);
	vpin_desc_table_fini(&table);
}

/* 65535 entries of 16 bytes: all but the last of them are left out. */
static void h07_largest_table(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE];

	vpin_guest_map(guest, 0x1000000, SZ_1M, VPIN_PERM_READ, VPIN_GUEST_CHUNKS);
	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(guest, GUEST_TABLE, 0,
			&DESC(0x1000000, 65535 * 16, D_INDIRECT, 0));
	vpin_guest_desc(guest, 0x1000000, 0, &DESC(GUEST_BUF, 1, D_NEXT, 65534));
	vpin_guest_desc(guest, 0x1000000, 65534, &DESC(GUEST_BUF, 2, 0, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, SIZE), 2);
	KUNIT_EXPECT_EQ(test, descs[1].len, 2U);
	vpin_desc_table_fini(&table);
}

/* A cursor over one buffer that the device reads. */
static void cursor_over(struct kunit *test, struct vpin_cursor *cursor,
			struct vpin_chain_buf *one, struct vpin_hint *hint)
{
	struct vpin_chain chain = { .bufs = one, .nr = 1, .nr_readable = 1 };
	struct vpin_guest *guest = test->priv;

	vpin_cursor_readable(cursor, &chain, guest->snap, hint);
}

/* The exact bytes across the border: 100 of one range, 100 of the next. */
static void h08_bytes_across_adjacent_ranges(struct kunit *test)
{
	struct vpin_chain_buf one = { .gpa = GUEST_NEXT - 100, .len = 200 };
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_cursor cursor;
	u8 got[200];
	u32 i;

	vpin_guest_map_typical(guest);
	vpin_guest_fill(guest, one.gpa, one.len);
	cursor_over(test, &cursor, &one, &hint);
	KUNIT_ASSERT_EQ(test, vpin_cursor_copy(&cursor, got, 200), 0);
	for (i = 0; i < 200; i++)
		KUNIT_EXPECT_EQ(test, got[i], vpin_guest_pattern(one.gpa + i));
}

/* A cursor stops before a hole, and never goes past it. */
static void h08_cursor_at_a_hole(struct kunit *test)
{
	struct vpin_chain_buf one = { .gpa = GUEST_HOLE - 100, .len = 200 };
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_cursor cursor;
	u32 len = 200;

	vpin_guest_map_typical(guest);
	cursor_over(test, &cursor, &one, &hint);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len),
			    vpin_guest_ptr(guest, GUEST_HOLE - 100));
	KUNIT_EXPECT_EQ(test, len, 100U);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len), NULL);
}

/* A buffer that the device writes gives no address where it may only read. */
static void h09_cursor_needs_the_permission(struct kunit *test)
{
	struct vpin_chain_buf bufs[] = {
		{ .gpa = GUEST_WO, .len = 1 },
		{ .gpa = GUEST_RO, .len = 1, .writable = D_WRITE },
	};
	struct vpin_guest *guest = test->priv;
	struct vpin_chain chain = { .bufs = bufs, .nr = 2, .nr_readable = 1 };
	static struct vpin_hint hint;
	struct vpin_cursor cursor;
	u32 len = 1;

	vpin_guest_map_typical(guest);
	vpin_cursor_readable(&cursor, &chain, guest->snap, &hint);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len), NULL);
	vpin_cursor_writable(&cursor, &chain, guest->snap, &hint);
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vpin_chain_last_byte(&chain, guest->snap, &hint),
			    NULL);
}

/* What was handed out stays as it was read, whatever is written afterwards. */
static void h10_descriptors_edited_after_the_walk(struct kunit *test)
{
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0, &DESC(GUEST_BUF, 16, D_NEXT, 1));
	vpin_guest_desc(test->priv, GUEST_TABLE, 1, &DESC(GUEST_BUF, 1, D_WRITE, 0));
	KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), 0);
	for (i = 0; i < SIZE; i++)
		vpin_guest_desc(test->priv, GUEST_TABLE, i,
				&DESC(GUEST_HOLE, U32_MAX, D_NEXT, 0));
	KUNIT_EXPECT_EQ(test, chain.nr, 2U);
	KUNIT_EXPECT_EQ(test, bufs[0].gpa, GUEST_BUF);
	KUNIT_EXPECT_EQ(test, bufs[0].len, 16U);
	KUNIT_EXPECT_EQ(test, bufs[1].gpa, GUEST_BUF);
	KUNIT_EXPECT_EQ(test, bufs[1].len, 1U);
	vpin_desc_table_fini(&table);
}

/* Descriptor 0 was read: where it says to go on does not change any more. */
static void h10_next_edited_during_the_walk(struct kunit *test)
{
	struct vpin_walk walk = {};

	vpin_guest_table(test->priv, &walk.table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0, &DESC(GUEST_BUF, 1, D_NEXT, 1));
	vpin_guest_desc(test->priv, GUEST_TABLE, 1, &DESC(GUEST_BUF, 2, 0, 0));
	vpin_guest_desc(test->priv, GUEST_TABLE, 2, &DESC(GUEST_BUF, 3, 0, 0));
	vpin_walk_begin(&walk, true);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0, &DESC(GUEST_BUF, 1, D_NEXT, 2));
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	KUNIT_EXPECT_EQ(test, walk.desc.len, 2U);
	vpin_desc_table_fini(&walk.table);
}

/* The indirect table was entered: moving it or its size changes nothing. */
static void h10_indirect_edited_during_the_walk(struct kunit *test)
{
	struct vpin_walk walk = {};

	vpin_guest_table(test->priv, &walk.table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0,
			&DESC(GUEST_INDIRECT, 32, D_INDIRECT, 0));
	vpin_guest_desc(test->priv, GUEST_INDIRECT, 0, &DESC(GUEST_BUF, 1, D_NEXT, 1));
	vpin_guest_desc(test->priv, GUEST_INDIRECT, 1, &DESC(GUEST_BUF, 2, D_NEXT, 2));
	vpin_walk_begin(&walk, true);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0,
			&DESC(GUEST_HOLE, 160, D_INDIRECT, 0));
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	KUNIT_EXPECT_EQ(test, walk.desc.len, 2U);
	/* There is no third one in a table of 2. */
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), -ELOOP);
	vpin_desc_table_fini(&walk.table);
}

/* Data that lands on the descriptors of its own chain does not change it. */
static void h14_buffer_is_the_table(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_cursor cursor;
	u8 data[33];

	memset(data, 0xff, sizeof(data));
	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(guest, GUEST_TABLE, 0,
			&DESC(GUEST_TABLE, 32, D_WRITE | D_NEXT, 1));
	vpin_guest_desc(guest, GUEST_TABLE, 1, &DESC(GUEST_BUF, 1, D_WRITE, 0));
	KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), 0);
	vpin_cursor_writable(&cursor, &chain, guest->snap, &hint);
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, data, 33), 0);
	KUNIT_EXPECT_MEMEQ(test, vpin_guest_ptr(guest, GUEST_TABLE), data, 32);
	KUNIT_EXPECT_EQ(test, *(u8 *)vpin_guest_ptr(guest, GUEST_BUF), 0xff);
	/* Walked again it is no chain any more. */
	KUNIT_EXPECT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true),
			-EINVAL);
	vpin_desc_table_fini(&table);
}

/* 100000 bad chains of all kinds: nothing is held afterwards. */
static void h16_100000_bad_chains(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	u32 i, bad = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(guest, GUEST_TABLE, 0, &DESC(GUEST_BUF, 1, D_NEXT, 0));
	vpin_guest_desc(guest, GUEST_TABLE, 1, &DESC(GUEST_BUF, 1, D_NEXT, 99));
	vpin_guest_desc(guest, GUEST_TABLE, 2, &DESC(GUEST_HOLE, 16, D_INDIRECT, 0));
	vpin_guest_desc(guest, GUEST_TABLE, 3, &DESC(U64_MAX, 2, 0, 0));
	for (i = 0; i < 100000; i++)
		bad += vpin_chain_walk(&chain, &table, &hint, i % 4, true) < 0;
	KUNIT_EXPECT_EQ(test, bad, 100000U);
	KUNIT_EXPECT_EQ(test, refcount_read(&guest->snap->ref), 2U);
	vpin_desc_table_fini(&table);
}

static struct kunit_case vpin_desc_hostile_cases[] = {
	KUNIT_CASE_PARAM(in_the_ring, chain_gen_params),
	KUNIT_CASE_PARAM(in_an_indirect_table, chain_gen_params),
	KUNIT_CASE_PARAM(in_a_scattered_indirect_table, chain_gen_params),
	KUNIT_CASE(h03_head_out_of_range),
	KUNIT_CASE(h04_walk_drops_zero_lengths),
	KUNIT_CASE_PARAM(h07_indirect_tables, indirect_gen_params),
	KUNIT_CASE(h07_without_the_feature),
	KUNIT_CASE(h07_chain_longer_than_the_ring),
	KUNIT_CASE(s01_ring_that_allows_longer_chains),
	KUNIT_CASE_PARAM(s01_last_byte_of_what_cannot_be_walked,
			 salvage_gen_params),
	KUNIT_CASE(h07_largest_table),
	KUNIT_CASE(h08_bytes_across_adjacent_ranges),
	KUNIT_CASE(h08_cursor_at_a_hole),
	KUNIT_CASE(h09_cursor_needs_the_permission),
	KUNIT_CASE(h10_descriptors_edited_after_the_walk),
	KUNIT_CASE(h10_next_edited_during_the_walk),
	KUNIT_CASE(h10_indirect_edited_during_the_walk),
	KUNIT_CASE(h14_buffer_is_the_table),
	KUNIT_CASE(h16_100000_bad_chains),
	{}
};

static struct kunit_suite vpin_desc_hostile_suite = {
	.name = "vpin_desc_hostile",
	.init = vpin_guest_init,
	.exit = vpin_guest_exit,
	.test_cases = vpin_desc_hostile_cases,
};
kunit_test_suite(vpin_desc_hostile_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Chains: each question about one by its name, the iterator that answers them
 * all, and the cursors over what was walked.
 */
#include <linux/virtio_ids.h>
#include "fixture.h"

#define SIZE	8U

/* A block request as Linux sends it: header 16, data 512 and 1024, status 1. */
static const struct vpin_desc blk_read[] = {
	{ GUEST_BUF, 16, 0, 0 },
	{ GUEST_BUF + 0x1000, 512, D_WRITE, 0 },
	{ GUEST_BUF + 0x2000, 1024, D_WRITE, 0 },
	{ GUEST_BUF + 0x3000, 1, D_WRITE, 0 },
};

/* 0 -> 1 -> 2 -> 3: four copies in order, with flags and next as written. */
static void follow_chain_copies_in_order(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE];
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_ASSERT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, SIZE), 4);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, descs[i].addr, blk_read[i].addr);
		KUNIT_EXPECT_EQ(test, descs[i].len, blk_read[i].len);
	}
	KUNIT_EXPECT_EQ(test, descs[0].flags, D_NEXT);
	KUNIT_EXPECT_EQ(test, descs[3].flags, D_WRITE);
	/* From the middle. */
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 2, descs, SIZE), 2);
	KUNIT_EXPECT_EQ(test, descs[0].addr, blk_read[2].addr);
	vpin_desc_table_fini(&table);
}

/* 6 -> 1 -> 3: the order is that of the links and not of the indices. */
static void follow_chain_against_the_order_of_indices(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE];

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 6, &DESC(GUEST_BUF, 1, D_NEXT, 1));
	vpin_guest_desc(test->priv, GUEST_TABLE, 1, &DESC(GUEST_BUF, 2, D_NEXT, 3));
	vpin_guest_desc(test->priv, GUEST_TABLE, 3, &DESC(GUEST_BUF, 3, 0, 0));
	KUNIT_ASSERT_EQ(test, vpin_desc_follow_chain(&table, 6, descs, SIZE), 3);
	KUNIT_EXPECT_EQ(test, descs[0].len, 1U);
	KUNIT_EXPECT_EQ(test, descs[1].len, 2U);
	KUNIT_EXPECT_EQ(test, descs[2].len, 3U);
	vpin_desc_table_fini(&table);
}

/* A chain of 4 fits into 4 and not into 3. */
static void follow_chain_into_too_small_an_array(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE] = {};

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, 4), 4);
	descs[3].len = 42;
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, 3),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, descs[3].len, 42U);
	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, 0),
			-EMSGSIZE);
	vpin_desc_table_fini(&table);
}

static void follow_chain_of_an_unbound_table(struct kunit *test)
{
	struct vpin_desc_table table = {};
	struct vpin_desc descs[1];

	KUNIT_EXPECT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, 1),
			-ENODEV);
}

/* 16 + 512 + 1024 + 1 = 1553 bytes. */
static void chain_length_sums_all_buffers(struct kunit *test)
{
	struct vpin_desc_table table;
	u32 len = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(&table, 0, &len), 0);
	KUNIT_EXPECT_EQ(test, len, 1553U);
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(&table, 3, &len), 0);
	KUNIT_EXPECT_EQ(test, len, 1U);
	vpin_desc_table_fini(&table);
}

/* After an error the answer is not touched. */
static void chain_length_of_a_bad_chain(struct kunit *test)
{
	struct vpin_desc_table table;
	u32 len = 42;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0, &DESC(GUEST_BUF, 1, D_NEXT, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(&table, 0, &len), -ELOOP);
	KUNIT_EXPECT_EQ(test, len, 42U);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(&table, 0, &len), -ENODEV);
}

static void validate_chain_accepts_a_good_one(struct kunit *test)
{
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 0), 0);
	vpin_desc_table_fini(&table);
}

/* The hostile ones are in the other suite: here, that it can say no at all. */
static void validate_chain_can_say_no(struct kunit *test)
{
	struct vpin_desc bad = blk_read[2];
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	bad.addr = GUEST_HOLE;
	bad.flags |= D_NEXT;
	bad.next = 3;
	vpin_guest_desc(test->priv, GUEST_TABLE, 2, &bad);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 3), 0);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, SIZE), -EINVAL);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 0), -ENODEV);
}

static int blk_buffers(const struct vpin_desc_table *table, u16 head,
		       struct vpin_desc_buf *bufs, u32 max)
{
	return vpin_desc_get_data_buffers(table, head, VIRTIO_ID_BLOCK, bufs,
					  max);
}

/* The same of any other device. */
static int net_buffers(const struct vpin_desc_table *table, u16 head,
		       struct vpin_desc_buf *bufs, u32 max)
{
	return vpin_desc_get_data_buffers(table, head, VIRTIO_ID_NET, bufs, max);
}

/* Of a block request's 4 descriptors, the 2 in the middle. */
static void get_data_buffers_of_a_block_device(struct kunit *test)
{
	struct vpin_desc_buf bufs[SIZE];
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_ASSERT_EQ(test, blk_buffers(&table, 0, bufs, SIZE), 2);
	KUNIT_EXPECT_EQ(test, bufs[0].gpa, GUEST_BUF + 0x1000);
	KUNIT_EXPECT_EQ(test, bufs[0].len, 512U);
	KUNIT_EXPECT_TRUE(test, bufs[0].writable);
	KUNIT_EXPECT_EQ(test, bufs[1].gpa, GUEST_BUF + 0x2000);
	KUNIT_EXPECT_EQ(test, bufs[1].len, 1024U);
	/* 2 fit into 2 and not into 1. */
	KUNIT_EXPECT_EQ(test, blk_buffers(&table, 0, bufs, 2), 2);
	KUNIT_EXPECT_EQ(test, blk_buffers(&table, 0, bufs, 1), -EMSGSIZE);
	vpin_desc_table_fini(&table);
}

/* A flush has header and status and no data; one descriptor is no request. */
static void get_data_buffers_of_a_short_block_chain(struct kunit *test)
{
	struct vpin_desc_buf bufs[SIZE];
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_EXPECT_EQ(test, blk_buffers(&table, 2, bufs, 0), 0);
	KUNIT_EXPECT_EQ(test, blk_buffers(&table, 3, bufs, SIZE), -EINVAL);
	vpin_desc_table_fini(&table);
}

/* Any other type's chain is data from the first to the last. */
static void get_data_buffers_of_any_other_device(struct kunit *test)
{
	struct vpin_desc_buf bufs[SIZE];
	struct vpin_desc_table table;
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_ASSERT_EQ(test, net_buffers(&table, 0, bufs, 4), 4);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, bufs[i].gpa, blk_read[i].addr);
		KUNIT_EXPECT_EQ(test, bufs[i].len, blk_read[i].len);
		KUNIT_EXPECT_EQ(test, bufs[i].writable, i > 0);
	}
	KUNIT_EXPECT_EQ(test, net_buffers(&table, 0, bufs, 3), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, net_buffers(&table, 3, bufs, 4), 1);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, net_buffers(&table, 0, bufs, 4), -ENODEV);
}

/* Header in the ring, data and status in an indirect table: the same answers. */
static void questions_about_an_indirect_chain(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_buf bufs[SIZE];
	struct vpin_desc_table table;
	u64 gpa = 0;
	u32 len = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(guest, GUEST_TABLE, 5, &DESC(GUEST_BUF, 16, D_NEXT, 2));
	vpin_guest_desc(guest, GUEST_TABLE, 2,
			&DESC(GUEST_INDIRECT, 48, D_INDIRECT, 0));
	vpin_guest_desc(guest, GUEST_INDIRECT, 0,
			&DESC(GUEST_BUF + 0x1000, 512, D_NEXT | D_WRITE, 2));
	vpin_guest_desc(guest, GUEST_INDIRECT, 2,
			&DESC(GUEST_BUF + 0x3000, 1, D_WRITE, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_validate_chain(&table, 5), 0);
	KUNIT_EXPECT_EQ(test, vpin_desc_chain_length(&table, 5, &len), 0);
	KUNIT_EXPECT_EQ(test, len, 529U);
	KUNIT_ASSERT_EQ(test, blk_buffers(&table, 5, bufs, SIZE), 1);
	KUNIT_EXPECT_EQ(test, bufs[0].gpa, GUEST_BUF + 0x1000);
	KUNIT_EXPECT_EQ(test, net_buffers(&table, 5, bufs, SIZE), 3);
	KUNIT_EXPECT_EQ(test, vpin_desc_get_status_addr(&table, 5, &gpa), 0);
	KUNIT_EXPECT_EQ(test, gpa, GUEST_BUF + 0x3000);
	vpin_desc_table_fini(&table);
}

/* The last descriptor's buffer: 0x1b000 in blk_read. */
static void get_status_addr_is_the_last_one(struct kunit *test)
{
	struct vpin_desc_table table;
	u64 gpa = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_EXPECT_EQ(test, vpin_desc_get_status_addr(&table, 0, &gpa), 0);
	KUNIT_EXPECT_EQ(test, gpa, GUEST_BUF + 0x3000);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_get_status_addr(&table, 0, &gpa), -ENODEV);
}

/* Read-only, or without a byte: there is no status to be had. */
static void get_status_addr_must_be_writable(struct kunit *test)
{
	struct vpin_desc_table table;
	u64 gpa = 42;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0, &DESC(GUEST_BUF, 1, 0, 0));
	vpin_guest_desc(test->priv, GUEST_TABLE, 1, &DESC(GUEST_BUF, 0, D_WRITE, 0));
	KUNIT_EXPECT_EQ(test, vpin_desc_get_status_addr(&table, 0, &gpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_get_status_addr(&table, 1, &gpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, gpa, 42ULL);
	vpin_desc_table_fini(&table);
}

/* No question changes the table: readers at the same time see one thing. */
static void readers_do_not_change_the_table(struct kunit *test)
{
	struct vpin_desc_table table, before;
	struct vpin_desc_buf bufs[SIZE];
	struct vpin_desc descs[SIZE];
	u64 gpa;
	u32 len;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	before = table;
	vpin_desc_follow_chain(&table, 0, descs, SIZE);
	vpin_desc_chain_length(&table, 0, &len);
	vpin_desc_validate_chain(&table, 0);
	blk_buffers(&table, 0, bufs, SIZE);
	vpin_desc_get_status_addr(&table, 0, &gpa);
	KUNIT_EXPECT_MEMEQ(test, &table, &before, sizeof(table));
	vpin_desc_table_fini(&table);
}

/* One descriptor a call, then 0, and 0 again. */
static void chain_next_ends_and_stays_ended(struct kunit *test)
{
	struct vpin_walk walk = {};
	u32 i;

	vpin_guest_table(test->priv, &walk.table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	vpin_walk_begin(&walk, false);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
		KUNIT_EXPECT_EQ(test, walk.desc.addr, blk_read[i].addr);
	}
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 0);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 0);
	vpin_desc_table_fini(&walk.table);
}

/* After an error as well: 0 -> 8 of 8. */
static void chain_next_after_an_error(struct kunit *test)
{
	struct vpin_walk walk = {};

	vpin_guest_table(test->priv, &walk.table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 0,
			&DESC(GUEST_BUF, 1, D_NEXT, SIZE));
	vpin_walk_begin(&walk, false);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 1);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_walk_next(&walk), 0);
	vpin_desc_table_fini(&walk.table);
}

/* Header and 2 ring descriptors, then an indirect table with 2 more: 5 in all. */
static void chain_next_goes_on_in_an_indirect_table(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	struct vpin_desc descs[SIZE];
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	for (i = 0; i < 3; i++)
		vpin_guest_desc(guest, GUEST_TABLE, i,
				&DESC(GUEST_BUF, i + 1, D_NEXT, i + 1));
	vpin_guest_desc(guest, GUEST_TABLE, 3,
			&DESC(GUEST_INDIRECT, 32, D_INDIRECT, 0));
	vpin_guest_desc(guest, GUEST_INDIRECT, 0, &DESC(GUEST_BUF, 4, D_NEXT, 1));
	vpin_guest_desc(guest, GUEST_INDIRECT, 1, &DESC(GUEST_BUF, 5, D_WRITE, 0));
	KUNIT_ASSERT_EQ(test, vpin_desc_follow_chain(&table, 0, descs, SIZE), 5);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, descs[i].len, i + 1);
	vpin_desc_table_fini(&table);
}

static int walk(struct kunit *test, struct vpin_chain *chain,
		const struct vpin_desc_table *table, u32 max)
{
	static struct vpin_hint hint;

	chain->bufs = kunit_kcalloc(test, max, sizeof(*chain->bufs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, chain->bufs);
	chain->max = max;
	return vpin_chain_walk(chain, table, &hint, 0, true);
}

/* 1 of 4 is read, 16 bytes; 512 + 1024 + 1 are written. */
static void chain_walk_counts_both_halves(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_chain chain;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_ASSERT_EQ(test, walk(test, &chain, &table, SIZE), 0);
	KUNIT_EXPECT_EQ(test, chain.nr, 4U);
	KUNIT_EXPECT_EQ(test, chain.nr_readable, 1U);
	KUNIT_EXPECT_EQ(test, chain.readable, 16U);
	KUNIT_EXPECT_EQ(test, chain.writable, 1537U);
	KUNIT_EXPECT_EQ(test, walk(test, &chain, &table, 4), 0);
	KUNIT_EXPECT_EQ(test, walk(test, &chain, &table, 3), -EMSGSIZE);
	vpin_desc_table_fini(&table);
}

/* Has @hint remember the first byte of a buffer.  Return: where it is. */
static void *remember(struct kunit *test, struct vpin_hint *hint, u64 gpa,
		      u32 perm)
{
	struct vpin_guest *guest = test->priv;
	u64 len = 1;

	return vpin_snap_resolve(guest->snap, hint, gpa, &len, perm);
}

/*
 * The walk finds whole buffers that were remembered; of those on a page that was
 * not, or only in part, or that may not be used so, it says nothing.
 */
static void chain_walk_finds_what_is_remembered(struct kunit *test)
{
	static const struct {
		struct vpin_desc desc;
		u64 remembered;
		u32 perm;
		bool found;
	} cases[] = {
		{ DESC(GUEST_NEXT + 16, 32, 0, 0), GUEST_NEXT, VPIN_PERM_RW, true },
		{ DESC(GUEST_NEXT, 4096, D_WRITE, 0), GUEST_NEXT + 100, VPIN_PERM_RW,
		  true },
		{ DESC(GUEST_NEXT + 1, 4096, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(GUEST_NEXT, SZ_64K, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(GUEST_NEXT - 1, 2, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(GUEST_NEXT + 4096, 1, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(GUEST_RO, 1, 0, 0), GUEST_RO, VPIN_PERM_READ, true },
		{ DESC(GUEST_RO, 1, D_WRITE, 0), GUEST_RO, VPIN_PERM_READ, false },
		{ DESC(GUEST_WO, 1, 0, 0), GUEST_WO, VPIN_PERM_WRITE, false },
		{ DESC(GUEST_HOLE, 1, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(0, 1, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
		{ DESC(U64_MAX, 1, 0, 0), GUEST_NEXT, VPIN_PERM_RW, false },
	};
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	struct vpin_chain_buf buf;
	struct vpin_chain chain = { .bufs = &buf, .max = 1 };
	u32 i;

	vpin_guest_table(guest, &table, SIZE);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vpin_desc *desc = &cases[i].desc;
		struct vpin_hint *hint;
		void *want = NULL;

		if (cases[i].found)
			want = vpin_guest_ptr(guest, desc->addr);
		hint = kunit_kzalloc(test, sizeof(*hint), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, hint);
		vpin_guest_chain(guest, desc, 1);
		KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, hint, 0,
						      true), 0);
		KUNIT_EXPECT_PTR_EQ_MSG(test, buf.addr, NULL, "%u, cold", i);
		KUNIT_ASSERT_NOT_NULL(test, remember(test, hint,
						     cases[i].remembered,
						     cases[i].perm));
		KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, hint, 0,
						      true), 0);
		KUNIT_EXPECT_PTR_EQ_MSG(test, buf.addr, want, "%u", i);
		KUNIT_EXPECT_EQ(test, buf.gpa, desc->addr);
		KUNIT_EXPECT_EQ(test, buf.len, desc->len);
	}
	vpin_desc_table_fini(&table);
}

/* What was remembered of another address space is forgotten by the walk. */
static void chain_walk_in_another_snapshot(struct kunit *test)
{
	struct vpin_desc one = DESC(GUEST_NEXT, 16, 0, 0);
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_chain_buf buf;
	struct vpin_chain chain = { .bufs = &buf, .max = 1 };

	vpin_guest_table(guest, &table, SIZE);
	vpin_guest_chain(guest, &one, 1);
	KUNIT_ASSERT_NOT_NULL(test, remember(test, &hint, GUEST_NEXT,
					     VPIN_PERM_READ));
	KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), 0);
	KUNIT_ASSERT_NOT_NULL(test, buf.addr);
	vpin_desc_table_fini(&table);

	vpin_guest_map(guest, SZ_1G, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, guest->snap,
						   GUEST_TABLE, SIZE), 0);
	KUNIT_ASSERT_EQ(test, vpin_chain_walk(&chain, &table, &hint, 0, true), 0);
	KUNIT_EXPECT_PTR_EQ(test, buf.addr, NULL);
	vpin_desc_table_fini(&table);
}

/* 300 bytes in pieces of 100 that cross a page: 4000 to 4299 of the run. */
static void cursor_copies_across_descriptors(struct kunit *test)
{
	static const struct vpin_desc split[] = {
		{ GUEST_NEXT + 4000, 100, 0, 0 },
		{ GUEST_BUF + 5, 1, 0, 0 },
		{ GUEST_NEXT - 50, 100, 0, 0 },
		{ GUEST_BUF + 100, 99, 0, 0 },
	};
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_cursor cursor;
	struct vpin_chain chain;
	u8 got[300], want[300];
	u32 i, j, at = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, split, 4);
	for (i = 0; i < 4; i++) {
		vpin_guest_fill(guest, split[i].addr, split[i].len);
		for (j = 0; j < split[i].len; j++)
			want[at++] = vpin_guest_pattern(split[i].addr + j);
	}
	KUNIT_ASSERT_EQ(test, walk(test, &chain, &table, SIZE), 0);
	vpin_cursor_readable(&cursor, &chain, guest->snap, &hint);
	/* In two parts: the second goes on where the first ended. */
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, got, 123), 0);
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, got + 123, 177), 0);
	KUNIT_EXPECT_MEMEQ(test, got, want, 300);
	/* The half is used up. */
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, got, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, got, 0), 0);
	vpin_desc_table_fini(&table);
}

/* The writable half of blk_read begins at its second descriptor. */
static void cursor_writes_to_the_writable_half(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_cursor cursor;
	struct vpin_chain chain;
	u8 data[513], got;
	u32 i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i + 1;
	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, blk_read, 4);
	KUNIT_ASSERT_EQ(test, walk(test, &chain, &table, SIZE), 0);
	vpin_cursor_writable(&cursor, &chain, guest->snap, &hint);
	KUNIT_EXPECT_EQ(test, vpin_cursor_copy(&cursor, data, 513), 0);
	KUNIT_EXPECT_MEMEQ(test, vpin_guest_ptr(guest, GUEST_BUF + 0x1000), data,
			   512);
	vpin_guest_read(guest, GUEST_BUF + 0x2000, &got, 1);
	KUNIT_EXPECT_EQ(test, got, data[512]);
	vpin_guest_read(guest, GUEST_BUF + 0x1000 + 512, &got, 1);
	KUNIT_EXPECT_EQ(test, got, 0);
	vpin_desc_table_fini(&table);
}

/*
 * One descriptor of 8 KiB on two pages that are apart, from 0x800 of the first
 * on: pieces of 2048, 4096 and 2048 bytes.
 */
static void cursor_next_gives_contiguous_pieces(struct kunit *test)
{
	static const u32 want[] = { 2048, 4096, 2048 };
	struct vpin_desc one = DESC(GUEST_NEXT + 2048, SZ_8K, 0, 0);
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_cursor cursor;
	struct vpin_chain chain;
	u32 i, at = 0;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_chain(test->priv, &one, 1);
	KUNIT_ASSERT_EQ(test, walk(test, &chain, &table, SIZE), 0);
	vpin_cursor_readable(&cursor, &chain, guest->snap, &hint);
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		u32 len = U32_MAX;

		KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &len),
				    vpin_guest_ptr(guest, one.addr + at));
		KUNIT_EXPECT_EQ(test, len, want[i]);
		at += len;
	}
	KUNIT_EXPECT_PTR_EQ(test, vpin_cursor_next(&cursor, &at), NULL);
	vpin_desc_table_fini(&table);
}

/* The last byte that is written of the first @nr descriptors of blk_read. */
static void *last_byte(struct kunit *test, const struct vpin_desc_table *table,
		       u32 nr)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_chain chain;

	vpin_guest_chain(guest, blk_read, nr);
	KUNIT_ASSERT_EQ(test, walk(test, &chain, table, SIZE), 0);
	return vpin_chain_last_byte(&chain, guest->snap, &hint);
}

/* The last byte written is the status: that of blk_read; none if all is read. */
static void last_byte_of_a_chain(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;

	vpin_guest_table(guest, &table, SIZE);
	KUNIT_EXPECT_PTR_EQ(test, last_byte(test, &table, 4),
			    vpin_guest_ptr(guest, GUEST_BUF + 0x3000));
	KUNIT_EXPECT_PTR_EQ(test, last_byte(test, &table, 3),
			    vpin_guest_ptr(guest, GUEST_BUF + 0x2000 + 1023));
	KUNIT_EXPECT_PTR_EQ(test, last_byte(test, &table, 1), NULL);
	vpin_desc_table_fini(&table);
}

static struct kunit_case vpin_desc_chain_cases[] = {
	KUNIT_CASE(follow_chain_copies_in_order),
	KUNIT_CASE(follow_chain_against_the_order_of_indices),
	KUNIT_CASE(follow_chain_into_too_small_an_array),
	KUNIT_CASE(follow_chain_of_an_unbound_table),
	KUNIT_CASE(chain_length_sums_all_buffers),
	KUNIT_CASE(chain_length_of_a_bad_chain),
	KUNIT_CASE(validate_chain_accepts_a_good_one),
	KUNIT_CASE(validate_chain_can_say_no),
	KUNIT_CASE(get_data_buffers_of_a_block_device),
	KUNIT_CASE(get_data_buffers_of_a_short_block_chain),
	KUNIT_CASE(get_data_buffers_of_any_other_device),
	KUNIT_CASE(questions_about_an_indirect_chain),
	KUNIT_CASE(get_status_addr_is_the_last_one),
	KUNIT_CASE(get_status_addr_must_be_writable),
	KUNIT_CASE(readers_do_not_change_the_table),
	KUNIT_CASE(chain_next_ends_and_stays_ended),
	KUNIT_CASE(chain_next_after_an_error),
	KUNIT_CASE(chain_next_goes_on_in_an_indirect_table),
	KUNIT_CASE(chain_walk_counts_both_halves),
	KUNIT_CASE(chain_walk_finds_what_is_remembered),
	KUNIT_CASE(chain_walk_in_another_snapshot),
	KUNIT_CASE(cursor_copies_across_descriptors),
	KUNIT_CASE(cursor_writes_to_the_writable_half),
	KUNIT_CASE(cursor_next_gives_contiguous_pieces),
	KUNIT_CASE(last_byte_of_a_chain),
	{}
};

static struct kunit_suite vpin_desc_chain_suite = {
	.name = "vpin_desc_chain",
	.init = vpin_guest_init,
	.exit = vpin_guest_exit,
	.test_cases = vpin_desc_chain_cases,
};
kunit_test_suite(vpin_desc_chain_suite);

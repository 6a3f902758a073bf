// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor table, each of its operations by its name.  Chains are in
 * desc_chain_test.c, hostile ones in desc_hostile_test.c.
 */
#include <linux/seq_file.h>
#include "fixture.h"

#define SIZE	8U

/* 8 descriptors at 0x10000: both fields are as given. */
static void table_new_sets_base_addr_and_size(struct kunit *test)
{
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, table.base_addr, GUEST_TABLE);
	KUNIT_EXPECT_EQ(test, table.size, SIZE);
	vpin_desc_table_fini(&table);
}

struct new_case {
	const char *name;
	u64 base;
	u32 size;
	int want;
};

/* With 0x10000 to 0x23fff mapped for both, 0x30000 to read, 0x32000 to write. */
static const struct new_case new_cases[] = {
	{ "one descriptor", GUEST_RAM, 1, 0 },
	{ "as large as its memory", GUEST_RAM, SZ_64K / 16, 0 },
	{ "across two ranges", GUEST_NEXT - 64, 8, 0 },
	{ "not a power of two", GUEST_RAM, 7, 0 },
	{ "only read", GUEST_RO, 256, 0 },
	{ "only written", GUEST_WO, 256, -EFAULT },
	{ "size 0", GUEST_RAM, 0, -EINVAL },
	{ "size 65536", GUEST_RAM, 65536, -EINVAL },
	{ "size 2^32-1", GUEST_RAM, U32_MAX, -EINVAL },
	{ "aligned to 8", GUEST_RAM + 8, 8, -EINVAL },
	{ "aligned to 1", GUEST_RAM + 1, 8, -EINVAL },
	{ "not mapped", GUEST_HOLE, 8, -EFAULT },
	{ "at 0, not mapped", 0, 8, -EFAULT },
	{ "last one in a hole", GUEST_HOLE - 112, 8, -EFAULT },
	{ "larger than its memory", GUEST_NEXT, SZ_16K / 16 + 1, -EFAULT },
	{ "wraps", U64_MAX - 31, 3, -EINVAL },
};
KUNIT_ARRAY_PARAM_DESC(new, new_cases, name);

/*
 * A masked index is in the guest's memory: of 3 descriptors at the end of it,
 * where a fourth would be in none, each is translated, of 4 none.
 */
static void table_is_linear_if_all_that_its_mask_reaches_is(struct kunit *test)
{
	static const struct {
		u64 base;
		u32 size;
		u32 nr_linear;
		u32 mask;
	} cases[] = {
		{ GUEST_RO, 1, 1, 0 }, { GUEST_RO, 3, 3, 3 },
		{ GUEST_RO + SZ_4K - 48, 3, 0, 3 },
		{ GUEST_RO + SZ_4K - 64, 4, 4, 3 },
		{ GUEST_RO + SZ_4K - 64, 3, 3, 3 },
	};
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	struct vpin_desc desc;
	u32 i;

	vpin_guest_map_typical(guest);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, guest->snap,
							   cases[i].base,
							   cases[i].size), 0);
		KUNIT_EXPECT_EQ_MSG(test, table.nr_linear, cases[i].nr_linear,
				    "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, table.mask, cases[i].mask, "%u", i);
		KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, cases[i].size - 1,
						     &desc), 0);
		vpin_desc_table_fini(&table);
	}
}

static void table_new_checks_its_arguments(struct kunit *test)
{
	const struct new_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;

	vpin_guest_map_typical(guest);
	KUNIT_EXPECT_EQ(test, vpin_desc_table_init(&table, guest->snap, c->base,
						   c->size), c->want);
	KUNIT_EXPECT_EQ(test, vpin_desc_table_is_valid(&table), !c->want);
	vpin_desc_table_fini(&table);
}

static void table_new_needs_an_address_space(struct kunit *test)
{
	struct vpin_desc_table table;

	KUNIT_EXPECT_EQ(test, vpin_desc_table_init(&table, NULL, 0x1000, 1),
			-ENODEV);
}

/* The last 16 bytes below 2^64 hold one descriptor; a second would wrap. */
static void table_new_at_both_ends_of_the_address_space(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;
	u64 gpa;

	vpin_guest_map(guest, 0, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, -(u64)SZ_4K, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);

	KUNIT_EXPECT_EQ(test, vpin_desc_table_init(&table, guest->snap, 0, 1), 0);
	KUNIT_EXPECT_TRUE(test, vpin_desc_table_is_valid(&table));
	vpin_desc_table_fini(&table);

	KUNIT_EXPECT_EQ(test, vpin_desc_table_init(&table, guest->snap,
						   U64_MAX - 15, 1), 0);
	KUNIT_EXPECT_EQ(test, vpin_desc_addr(&table, 0, &gpa), 0);
	KUNIT_EXPECT_EQ(test, gpa, U64_MAX - 15);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_table_init(&table, guest->snap,
						   U64_MAX - 15, 2), -EINVAL);
}

/* The table keeps its memory alive: one reference, dropped by fini. */
static void table_new_holds_its_address_space(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, refcount_read(&guest->snap->ref), 2U);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, refcount_read(&guest->snap->ref), 1U);
	KUNIT_EXPECT_FALSE(test, vpin_desc_table_is_valid(&table));
}

/* 16 bytes a descriptor: 8 take 128, 65535 take 1 MiB less 16. */
static void total_size_is_16_a_descriptor(struct kunit *test)
{
	struct vpin_desc_table table = { .size = 8 };

	KUNIT_EXPECT_EQ(test, vpin_desc_table_total_size(&table), 128ULL);
	table.size = 65535;
	KUNIT_EXPECT_EQ(test, vpin_desc_table_total_size(&table), 1048560ULL);
	table.size = U32_MAX;
	KUNIT_EXPECT_EQ(test, vpin_desc_table_total_size(&table),
			0xffffffffULL * 16);
}

static void is_valid_needs_a_bound_table(struct kunit *test)
{
	struct vpin_desc_table table = {};

	KUNIT_EXPECT_FALSE(test, vpin_desc_table_is_valid(&table));
	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_TRUE(test, vpin_desc_table_is_valid(&table));
	table.size = 0;
	KUNIT_EXPECT_FALSE(test, vpin_desc_table_is_valid(&table));
	vpin_desc_table_fini(&table);
}

/* Descriptor 3 of a table at 0x10000 is at 0x10030; there is no 8 of 8. */
static void desc_addr_of_each_index(struct kunit *test)
{
	struct vpin_desc_table table;
	u64 gpa = 0;
	u32 i;

	vpin_guest_table(test->priv, &table, SIZE);
	for (i = 0; i < SIZE; i++) {
		KUNIT_EXPECT_EQ(test, vpin_desc_addr(&table, i, &gpa), 0);
		KUNIT_EXPECT_EQ(test, gpa, GUEST_TABLE + 16 * i);
	}
	gpa = 42;
	KUNIT_EXPECT_EQ(test, vpin_desc_addr(&table, SIZE, &gpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_addr(&table, U32_MAX, &gpa), -EINVAL);
	KUNIT_EXPECT_EQ(test, gpa, 42ULL);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_addr(&table, 0, &gpa), -ENODEV);
}

/* On the wire: address, length, flags, next; little-endian, without padding. */
static void read_desc_is_little_endian(struct kunit *test)
{
	static const u8 wire[16] = {
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0x04, 0x03, 0x02, 0x01, 0x03, 0x80, 0x34, 0x12,
	};
	struct vpin_desc_table table;
	struct vpin_desc desc;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_write(test->priv, GUEST_TABLE + 16 * 5, wire, sizeof(wire));
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, 5, &desc), 0);
	KUNIT_EXPECT_EQ(test, desc.addr, 0x1122334455667788ULL);
	KUNIT_EXPECT_EQ(test, desc.len, 0x01020304U);
	KUNIT_EXPECT_EQ(test, desc.flags, 0x8003);
	KUNIT_EXPECT_EQ(test, desc.next, 0x1234);
	vpin_desc_table_fini(&table);
}

static void read_desc_beyond_the_table(struct kunit *test)
{
	struct vpin_desc_table table;
	struct vpin_desc desc;

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, SIZE, &desc), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, 0x10000, &desc), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, U32_MAX, &desc), -EINVAL);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, 0, &desc), -ENODEV);
}

/*
 * A table whose pages are apart, and one whose range begins inside of a page so
 * that a descriptor lies half in one page and half in another: 16 bytes at page
 * offset 4088.
 */
static void read_desc_across_pages_and_ranges(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc want = DESC(0x1122334455667788, 99, D_WRITE, 7);
	struct vpin_desc_table table;
	struct vpin_desc desc;
	u32 i;

	vpin_guest_map_typical(guest);
	vpin_guest_map_at(guest, 0x50000, SZ_8K, 8, VPIN_PERM_RW,
			  VPIN_GUEST_SCATTERED);

	KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, guest->snap,
						   GUEST_NEXT - 64, 512), 0);
	for (i = 0; i < 512; i += 73) {
		want.next = i;
		vpin_guest_desc(guest, GUEST_NEXT - 64, i, &want);
		KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, i, &desc), 0);
		KUNIT_EXPECT_MEMEQ(test, &desc, &want, sizeof(desc));
	}
	vpin_desc_table_fini(&table);

	KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, guest->snap, 0x50000,
						   512), 0);
	vpin_guest_desc(guest, 0x50000, 255, &want);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&table, 255, &desc), 0);
	KUNIT_EXPECT_MEMEQ(test, &desc, &want, sizeof(desc));
	vpin_desc_table_fini(&table);
}

static void write_desc_is_little_endian(struct kunit *test)
{
	static const u8 wire[16] = {
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		0x04, 0x03, 0x02, 0x01, 0x03, 0x80, 0x34, 0x12,
	};
	struct vpin_desc desc = DESC(0x1122334455667788, 0x01020304, 0x8003,
				     0x1234);
	struct vpin_desc_table table;
	u8 got[16];

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, vpin_desc_write(&table, 7, &desc), 0);
	vpin_guest_read(test->priv, GUEST_TABLE + 16 * 7, got, sizeof(got));
	KUNIT_EXPECT_MEMEQ(test, got, wire, sizeof(got));
	vpin_desc_table_fini(&table);
}

static void write_desc_beyond_the_table(struct kunit *test)
{
	struct vpin_desc desc = DESC(1, 2, 3, 4);
	struct vpin_desc_table table;
	u8 behind[16], zero[16] = {};

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_EQ(test, vpin_desc_write(&table, SIZE, &desc), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_desc_write(&table, U32_MAX, &desc), -EINVAL);
	vpin_guest_read(test->priv, GUEST_TABLE + 16 * SIZE, behind, 16);
	KUNIT_EXPECT_MEMEQ(test, behind, zero, 16);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_EQ(test, vpin_desc_write(&table, 0, &desc), -ENODEV);
}

/* A table is bound where it may be read; to write it needs more. */
static void write_desc_to_a_read_only_table(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc desc = DESC(1, 2, 3, 4);
	struct vpin_desc_table table;

	vpin_guest_map_typical(guest);
	KUNIT_ASSERT_EQ(test, vpin_desc_table_init(&table, guest->snap,
						   GUEST_RO, SIZE), 0);
	KUNIT_EXPECT_EQ(test, vpin_desc_write(&table, 0, &desc), -EFAULT);
	vpin_desc_table_fini(&table);
}

/* The copy outlives what it was made from. */
static void clone_has_a_reference_of_its_own(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_desc_table table, copy;
	struct vpin_desc desc;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_desc_table_clone(&copy, &table);
	KUNIT_EXPECT_EQ(test, refcount_read(&guest->snap->ref), 3U);
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_TRUE(test, vpin_desc_table_is_valid(&copy));
	KUNIT_EXPECT_EQ(test, copy.base_addr, GUEST_TABLE);
	KUNIT_EXPECT_EQ(test, copy.size, SIZE);
	KUNIT_EXPECT_EQ(test, vpin_desc_read(&copy, 0, &desc), 0);
	vpin_desc_table_fini(&copy);
}

static void clone_of_an_unbound_table(struct kunit *test)
{
	struct vpin_desc_table table = {}, copy;

	vpin_desc_table_clone(&copy, &table);
	KUNIT_EXPECT_FALSE(test, vpin_desc_table_is_valid(&copy));
	vpin_desc_table_fini(&copy);
}

/* What show or dump prints about @table, as a string of the test's. */
static const char *table_text(struct kunit *test,
			      void (*print)(struct seq_file *,
					    const struct vpin_desc_table *),
			      const struct vpin_desc_table *table)
{
	struct seq_file m = { .size = 1024 };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	print(&m, table);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	return m.buf;
}

static void show_is_one_line(struct kunit *test)
{
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	KUNIT_EXPECT_STREQ(test, table_text(test, vpin_desc_table_show, &table),
			   "descriptor table: 8 descriptors, 128 bytes at 0x10000\n");
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_STREQ(test, table_text(test, vpin_desc_table_show, &table),
			   "descriptor table: not bound\n");
}

/* A line for each descriptor that is not zero. */
static void dump_has_each_descriptor(struct kunit *test)
{
	struct vpin_desc_table table;

	vpin_guest_table(test->priv, &table, SIZE);
	vpin_guest_desc(test->priv, GUEST_TABLE, 1,
			&DESC(0x1234, 512, D_WRITE, 3));
	vpin_guest_desc(test->priv, GUEST_TABLE, 7,
			&DESC(0x5000, 32, D_INDIRECT | D_NEXT, 0));
	KUNIT_EXPECT_STREQ(test, table_text(test, vpin_desc_table_dump, &table),
			   "descriptor table: 8 descriptors, 128 bytes at 0x10000\n"
			   "    1: addr 0x1234 len 512 write next 3\n"
			   "    7: addr 0x5000 len 32 read next indirect next 0\n");
	vpin_desc_table_fini(&table);
	KUNIT_EXPECT_STREQ(test, table_text(test, vpin_desc_table_dump, &table),
			   "descriptor table: not bound\n");
}

static struct kunit_case vpin_desc_cases[] = {
	KUNIT_CASE(table_new_sets_base_addr_and_size),
	KUNIT_CASE(table_is_linear_if_all_that_its_mask_reaches_is),
	KUNIT_CASE_PARAM(table_new_checks_its_arguments, new_gen_params),
	KUNIT_CASE(table_new_needs_an_address_space),
	KUNIT_CASE(table_new_at_both_ends_of_the_address_space),
	KUNIT_CASE(table_new_holds_its_address_space),
	KUNIT_CASE(total_size_is_16_a_descriptor),
	KUNIT_CASE(is_valid_needs_a_bound_table),
	KUNIT_CASE(desc_addr_of_each_index),
	KUNIT_CASE(read_desc_is_little_endian),
	KUNIT_CASE(read_desc_beyond_the_table),
	KUNIT_CASE(read_desc_across_pages_and_ranges),
	KUNIT_CASE(write_desc_is_little_endian),
	KUNIT_CASE(write_desc_beyond_the_table),
	KUNIT_CASE(write_desc_to_a_read_only_table),
	KUNIT_CASE(clone_has_a_reference_of_its_own),
	KUNIT_CASE(clone_of_an_unbound_table),
	KUNIT_CASE(show_is_one_line),
	KUNIT_CASE(dump_has_each_descriptor),
	{}
};

static struct kunit_suite vpin_desc_suite = {
	.name = "vpin_desc",
	.init = vpin_guest_init,
	.exit = vpin_guest_exit,
	.test_cases = vpin_desc_cases,
};
kunit_test_suite(vpin_desc_suite);

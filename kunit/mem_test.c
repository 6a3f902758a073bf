// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots, the translation through them, and windows: on memory of ours.
 * Pinned memory of a process is in mem_user_test.c.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include "fixture.h"

/* Whether @snap's ranges are what they have to be: sorted and disjoint. */
static void check_snap(struct kunit *test, const struct vpin_snap *snap, u32 nr)
{
	u32 i, failed = 0;

	KUNIT_ASSERT_EQ(test, snap->nr, nr);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_LE(test, snap->ranges[i].first, snap->ranges[i].last);
		if (i)
			KUNIT_EXPECT_GT(test, snap->ranges[i].first,
					snap->ranges[i - 1].last);
		failed += !snap->ranges[i].pin;
	}
	KUNIT_EXPECT_EQ(test, snap->nr_failed, failed);
}

/* In any order: 3, 1, 5, 2, 4 come out as 1 to 5. */
static void insert_sorts(struct kunit *test)
{
	static const u64 order[] = { 3, 1, 5, 2, 4 };
	struct vpin_guest *guest = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		vpin_guest_map(guest, order[i] << 16, SZ_4K, VPIN_PERM_RW,
			       VPIN_GUEST_RUN);
	check_snap(test, guest->snap, 5);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, guest->snap->ranges[i].first,
				(i + 1ULL) << 16);
}

struct overlap_case {
	u64 first;
	u64 last;
	bool overlaps;
};

/* Mapped are 0x10000 to 0x1ffff and 0x30000 to 0x3ffff. */
static const struct overlap_case overlap_cases[] = {
	{ 0, 0xffff, false },
	{ 0x20000, 0x2ffff, false },
	{ 0x40000, U64_MAX, false },
	{ 0x20000, 0x20000, false },
	{ 0, 0x10000, true },
	{ 0x10000, 0x1ffff, true },
	{ 0x12345, 0x12345, true },
	{ 0x1ffff, 0x20000, true },
	{ 0x2ffff, 0x30000, true },
	{ 0x1ffff, 0x30000, true },
	{ 0x3ffff, 0x40000, true },
	{ 0, U64_MAX, true },
};

static void overlap_case_name(const struct overlap_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%#llx to %#llx", c->first,
		 c->last);
}
KUNIT_ARRAY_PARAM(overlap, overlap_cases, overlap_case_name);

static void insert_refuses_overlap(struct kunit *test)
{
	const struct overlap_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	struct vpin_range range = { .first = c->first, .last = c->last };
	struct vpin_snap *snap;

	vpin_guest_map(guest, 0x10000, SZ_64K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, 0x30000, SZ_64K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	snap = vpin_snap_insert(guest->snap, &range);
	if (c->overlaps) {
		KUNIT_EXPECT_PTR_EQ(test, snap, ERR_PTR(-EEXIST));
	} else {
		KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
		check_snap(test, snap, 3);
		vpin_snap_put(snap);
	}
	/* The old one is as it was. */
	check_snap(test, guest->snap, 2);
}

/* 65536 ranges are allowed, one more is not; that it overlaps is said first. */
static void insert_up_to_the_limit(struct kunit *test)
{
	struct vpin_range range = { .first = U64_MAX, .last = U64_MAX };
	struct vpin_range again = { .first = 0x5000, .last = 0x5000 };
	u32 i, nr = VPIN_MEM_RANGES_MAX - 1;
	struct vpin_snap *snap, *full;

	snap = kvzalloc(struct_size(snap, ranges, nr), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, snap);
	refcount_set(&snap->ref, 1);
	snap->nr = nr;
	snap->nr_failed = nr;
	for (i = 0; i < nr; i++) {
		snap->ranges[i].first = (u64)i << 12;
		snap->ranges[i].last = ((u64)i << 12) + 0xfff;
	}
	full = vpin_snap_insert(snap, &range);
	KUNIT_EXPECT_FALSE(test, IS_ERR(full));
	if (!IS_ERR(full)) {
		KUNIT_EXPECT_EQ(test, full->nr, VPIN_MEM_RANGES_MAX);
		range.first = U64_MAX - 1;
		range.last = U64_MAX - 1;
		KUNIT_EXPECT_PTR_EQ(test, vpin_snap_insert(full, &range),
				    ERR_PTR(-ENOSPC));
		KUNIT_EXPECT_PTR_EQ(test, vpin_snap_insert(full, &again),
				    ERR_PTR(-EEXIST));
		vpin_snap_put(full);
	}
	vpin_snap_put(snap);
}

struct remove_case {
	const char *name;
	u64 first;
	u64 last;
	u32 left;
};

/* 4 ranges of 4 KiB: at 0x10000, 0x11000, 0x20000 and at the end of it all. */
static const struct remove_case remove_cases[] = {
	{ "nothing below", 0, 0xffff, 4 },
	{ "nothing between", 0x12000, 0x1ffff, 4 },
	{ "nothing above", 0x21000, 0xffffffff, 4 },
	{ "one exactly", 0x11000, 0x11fff, 3 },
	{ "one by its first byte", 0x20000, 0x20000, 3 },
	{ "one by its last byte", 0x10fff, 0x10fff, 3 },
	{ "one by a byte in the middle", 0x10800, 0x10800, 3 },
	{ "two by the border", 0x10fff, 0x11000, 2 },
	{ "two over a hole", 0x11fff, 0x20000, 2 },
	{ "the last one", 0x21000, U64_MAX, 3 },
	{ "all", 0, U64_MAX, 0 },
};
KUNIT_ARRAY_PARAM_DESC(remove, remove_cases, name);

/* A range that is touched goes whole, as vhost-vdpa does it. */
static void remove_takes_whole_ranges(struct kunit *test)
{
	static const u64 firsts[] = {
		0x10000, 0x11000, 0x20000, -(u64)SZ_4K,
	};
	const struct remove_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	struct vpin_snap *snap;
	u32 i, left = 0;

	for (i = 0; i < ARRAY_SIZE(firsts); i++)
		vpin_guest_map(guest, firsts[i], SZ_4K, VPIN_PERM_RW,
			       VPIN_GUEST_RUN);
	snap = vpin_snap_remove(guest->snap, c->first, c->last, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	check_snap(test, snap, c->left);
	for (i = 0; i < ARRAY_SIZE(firsts); i++) {
		bool touched = firsts[i] <= c->last &&
			       firsts[i] + 0xfff >= c->first;

		/* Held by the guest's snapshot, and by ours if it is there. */
		KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, firsts[i]),
				touched ? 1U : 2U);
		left += !touched;
	}
	KUNIT_EXPECT_EQ(test, left, c->left);
	vpin_snap_put(snap);
}

/* Of 3 ranges that are touched only the one goes that could not be pinned. */
static void remove_only_failed(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_snap *snap;

	vpin_guest_map(guest, 0x10000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map_failed(guest, 0x11000, SZ_4K);
	vpin_guest_map(guest, 0x12000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map_failed(guest, 0x20000, SZ_4K);
	check_snap(test, guest->snap, 4);

	snap = vpin_snap_remove(guest->snap, 0x10000, 0x12fff, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	check_snap(test, snap, 3);
	KUNIT_EXPECT_EQ(test, snap->nr_failed, 1U);
	KUNIT_EXPECT_EQ(test, snap->ranges[2].first, 0x20000ULL);
	vpin_snap_put(snap);

	snap = vpin_snap_remove(guest->snap, 0, U64_MAX, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	check_snap(test, snap, 2);
	vpin_snap_put(snap);
}

/* A range is unpinned when the last snapshot that has it is gone, not before. */
static void pins_are_shared_by_snapshots(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_snap *old, *new;

	vpin_guest_map(guest, 0x10000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, 0x20000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	old = vpin_snap_get(guest->snap);
	new = vpin_snap_remove(old, 0x10000, 0x10000, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(new));
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, 0x10000), 1U);
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, 0x20000), 2U);
	vpin_snap_put(guest->snap);
	guest->snap = new;
	/* A reader of the old one still sees both. */
	KUNIT_EXPECT_EQ(test, vpin_snap_check(old, 0x10000, 1, VPIN_PERM_READ), 0);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(new, 0x10000, 1, VPIN_PERM_READ),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, 0x10000), 1U);
	vpin_snap_put(old);
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, 0x10000), 0U);
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(guest, 0x20000), 1U);
}

/* First range that ends at or behind an address, for 0 to 7 ranges. */
static void search_finds_the_first_that_ends_behind(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	u32 nr, i;

	for (nr = 0; nr < 8; nr++) {
		KUNIT_EXPECT_EQ(test, vpin_snap_search(guest->snap, 0), 0U);
		for (i = 0; i < nr; i++) {
			u64 first = (i + 1) << 16;

			KUNIT_EXPECT_EQ(test, i,
					vpin_snap_search(guest->snap, first - 1));
			KUNIT_EXPECT_EQ(test, i,
					vpin_snap_search(guest->snap, first));
			KUNIT_EXPECT_EQ(test, i,
					vpin_snap_search(guest->snap, first + 0xfff));
			KUNIT_EXPECT_EQ(test, i + 1,
					vpin_snap_search(guest->snap, first + 0x1000));
		}
		KUNIT_EXPECT_EQ(test, vpin_snap_search(guest->snap, U64_MAX), nr);
		vpin_guest_map(guest, (nr + 1) << 16, SZ_4K, VPIN_PERM_RW,
			       VPIN_GUEST_RUN);
	}
}

struct layout_case {
	const char *name;
	enum vpin_guest_layout layout;
	u64 offset;	/* of the first byte in its page */
};

static const struct layout_case layout_cases[] = {
	{ "run", VPIN_GUEST_RUN, 0 },
	{ "run from 1", VPIN_GUEST_RUN, 1 },
	{ "run from 4095", VPIN_GUEST_RUN, 4095 },
	{ "run from its third page", VPIN_GUEST_RUN, 2 * SZ_4K + 100 },
	{ "chunks", VPIN_GUEST_CHUNKS, 0 },
	{ "chunks from 2048", VPIN_GUEST_CHUNKS, 2048 },
	{ "chunks from the second one", VPIN_GUEST_CHUNKS, SZ_4K },
	{ "scattered", VPIN_GUEST_SCATTERED, 0 },
	{ "scattered from 1", VPIN_GUEST_SCATTERED, 1 },
	{ "scattered from 4095", VPIN_GUEST_SCATTERED, 4095 },
	{ "pairs", VPIN_GUEST_PAIRS, 0 },
	{ "pairs from 4095", VPIN_GUEST_PAIRS, 4095 },
	{ "pairs from the second page", VPIN_GUEST_PAIRS, SZ_4K },
};
KUNIT_ARRAY_PARAM_DESC(layout, layout_cases, name);

#define AT	0x123456789000ULL
#define LEN	(5 * SZ_4K + 1234ULL)

/* How many of @want bytes at @gpa follow each other, found page by page. */
static u64 contiguous(struct vpin_guest *guest, u64 gpa, u64 want)
{
	void *start = vpin_guest_ptr(guest, gpa);
	u64 end = min(want, AT + LEN - gpa);
	u64 len = 0;

	do {
		len += PAGE_SIZE - offset_in_page(start + len);
	} while (len < end && vpin_guest_ptr(guest, gpa + len) == start + len);
	return min(len, end);
}

/*
 * From each border of a page and beside it, for each length around the borders:
 * the right address, and exactly the bytes that follow it without a gap; by a
 * hint no more than these, and no less than what the page has.
 */
static void resolve_over_layouts(struct kunit *test)
{
	const struct layout_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u64 gpa, want, len, page;
	void *addr;

	vpin_guest_map_at(guest, AT, LEN, c->offset, VPIN_PERM_RW, c->layout);
	for (gpa = AT; gpa < AT + LEN; gpa += 683) {
		for (want = 1; want < 3 * SZ_4K; want += 1023) {
			len = want;
			addr = vpin_snap_resolve(guest->snap, &hint, gpa, &len,
						 VPIN_PERM_READ);
			KUNIT_ASSERT_PTR_EQ(test, addr,
					    vpin_guest_ptr(guest, gpa));
			KUNIT_ASSERT_LE(test, len, contiguous(guest, gpa, want));
			page = PAGE_SIZE - offset_in_page(addr);
			KUNIT_ASSERT_GE(test, len,
					min3(want, page, AT + LEN - gpa));
			len = want;
			addr = vpin_snap_resolve(guest->snap, NULL, gpa, &len,
						 VPIN_PERM_READ);
			KUNIT_ASSERT_PTR_EQ(test, addr,
					    vpin_guest_ptr(guest, gpa));
			KUNIT_ASSERT_EQ(test, len, contiguous(guest, gpa, want));
		}
	}
	len = U64_MAX;
	vpin_snap_resolve(guest->snap, NULL, AT, &len, VPIN_PERM_READ);
	KUNIT_EXPECT_EQ(test, len, contiguous(guest, AT, LEN));
	len = 1;
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, AT - 1,
						    &len, VPIN_PERM_READ), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, AT + LEN,
						    &len, VPIN_PERM_READ), NULL);
}

/* All of it is read, and written, as it is. */
static void copy_over_layouts(struct kunit *test)
{
	const struct layout_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u32 i, wrong = 0;
	u8 *buf;

	buf = kunit_kzalloc(test, LEN, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	vpin_guest_map_at(guest, AT, LEN, c->offset, VPIN_PERM_RW, c->layout);
	vpin_guest_fill(guest, AT, LEN);
	KUNIT_EXPECT_EQ(test, vpin_snap_read(guest->snap, &hint, AT, buf, LEN), 0);
	for (i = 0; i < LEN; i++)
		wrong += buf[i] != vpin_guest_pattern(AT + i);
	KUNIT_EXPECT_EQ(test, wrong, 0U);

	for (i = 0; i < LEN; i++)
		buf[i] = i % 251;
	KUNIT_EXPECT_EQ(test, vpin_snap_write(guest->snap, &hint, AT, buf, LEN), 0);
	for (i = 0; i < LEN; i++)
		wrong += *(u8 *)vpin_guest_ptr(guest, AT + i) != i % 251;
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, vpin_snap_read(guest->snap, &hint, AT, buf,
					     LEN + 1), -EFAULT);
}

/* GPAs that share a hint's far place are that far apart. */
#define RIVAL	((u64)VPIN_HITS << VPIN_CHUNK_SHIFT)

/* Hits displace each other, also two in one stretch: the address is right. */
static void hits_that_displace_each_other(struct kunit *test)
{
	static const u64 gpas[] = {
		0x10000, 0x13fff, 0x20000, 0x22800, 0x27fff, 0x50000,
		RIVAL + 0x10000, RIVAL + 0x13000, 2 * RIVAL + 0x22800,
	};
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u32 i, j;

	vpin_guest_map(guest, 0x10000, SZ_16K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, 0x20000, SZ_32K, VPIN_PERM_RW, VPIN_GUEST_PAIRS);
	vpin_guest_map(guest, 0x50000, SZ_16K, VPIN_PERM_RW, VPIN_GUEST_SCATTERED);
	vpin_guest_map(guest, RIVAL + 0x10000, SZ_16K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, 2 * RIVAL + 0x20000, SZ_16K, VPIN_PERM_RW,
		       VPIN_GUEST_PAIRS);
	for (i = 0; i < ARRAY_SIZE(gpas); i++) {
		for (j = 0; j < ARRAY_SIZE(gpas); j++) {
			u64 len = 1;

			vpin_snap_resolve(guest->snap, &hint, gpas[i], &len,
					  VPIN_PERM_READ);
			KUNIT_EXPECT_PTR_EQ(test,
					    vpin_snap_resolve(guest->snap, &hint, gpas[j],
							      &len, VPIN_PERM_RW),
					    vpin_guest_ptr(guest, gpas[j]));
			KUNIT_EXPECT_EQ(test, len, 1ULL);
		}
	}
}

/* What a hint remembers is of one snapshot: in another it counts for nothing. */
static void hint_of_another_snapshot(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	struct vpin_snap *old;
	u64 len = 1;
	void *addr;

	vpin_guest_map(guest, 0x10000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	old = vpin_snap_get(guest->snap);
	addr = vpin_snap_resolve(old, &hint, 0x10000, &len, VPIN_PERM_READ);
	KUNIT_EXPECT_PTR_EQ(test, addr, vpin_guest_ptr(guest, 0x10000));

	/* Unmapped, and mapped elsewhere. */
	vpin_guest_unmap(guest, 0x10000);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0x10000,
						    &len, VPIN_PERM_READ), NULL);
	vpin_guest_map(guest, 0x10000, SZ_4K, VPIN_PERM_READ, VPIN_GUEST_RUN);
	KUNIT_EXPECT_PTR_NE(test, vpin_guest_ptr(guest, 0x10000), addr);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0x10000,
						    &len, VPIN_PERM_READ),
			    vpin_guest_ptr(guest, 0x10000));
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0x10000,
						    &len, VPIN_PERM_WRITE), NULL);
	/* Who still holds the old one sees the old one. */
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(old, &hint, 0x10000, &len,
						    VPIN_PERM_WRITE), addr);
	vpin_snap_put(old);
}

/* A hint that knows nothing yet does not even know of GPA 0. */
static void hint_that_knows_nothing(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u64 len = 100;

	vpin_guest_map(guest, 0, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_hint_bind(&hint, guest->snap);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0, &len,
						    VPIN_PERM_READ),
			    vpin_guest_ptr(guest, 0));
	KUNIT_EXPECT_EQ(test, len, 100ULL);
}

/* A hit ends where its range does, though the pin goes on. */
static void hit_ends_with_its_range(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u64 len = 1, gpa = 0x10000 + 100;

	vpin_guest_map_at(guest, 0x10000, SZ_4K, 512, VPIN_PERM_RW, VPIN_GUEST_RUN);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, gpa, &len,
						    VPIN_PERM_READ),
			    vpin_guest_ptr(guest, gpa));
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0x10000 - 1,
						    &len, VPIN_PERM_READ), NULL);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint,
						    0x10000 + SZ_4K, &len,
						    VPIN_PERM_READ), NULL);
	len = SZ_8K;
	vpin_snap_resolve(guest->snap, &hint, gpa, &len, VPIN_PERM_READ);
	KUNIT_EXPECT_EQ(test, len, SZ_4K - 100ULL);
}

/* The first byte that there is, and the last: 0 and 2^64-1. */
static void both_ends_of_the_address_space(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u64 top = -(u64)SZ_8K;
	u64 len = U64_MAX;

	vpin_guest_map(guest, 0, SZ_8K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, top, SZ_8K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0, &len,
						    VPIN_PERM_READ),
			    vpin_guest_ptr(guest, 0));
	KUNIT_EXPECT_EQ(test, len, (u64)SZ_8K);
	len = U64_MAX;
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, U64_MAX,
						    &len, VPIN_PERM_READ),
			    vpin_guest_ptr(guest, U64_MAX));
	KUNIT_EXPECT_EQ(test, len, 1ULL);

	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, top, SZ_8K,
					      VPIN_PERM_RW), 0);
	/* One byte more wraps: the memory at 0 does not follow. */
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, top, SZ_8K + 1,
					      VPIN_PERM_RW), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, U64_MAX, 2,
					      VPIN_PERM_RW), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, 1, U64_MAX,
					      VPIN_PERM_RW), -EFAULT);
}

/* One range that is all 2^64 addresses: its length does not fit 64 bits. */
static void one_range_of_2_to_the_64(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_range range = { .last = U64_MAX, .perm = VPIN_PERM_RW };
	struct vpin_snap *empty = vpin_snap_empty(), *snap;
	static struct vpin_hint hint;
	u64 len = SZ_4K;

	range.pin = vpin_guest_map(guest, 0, SZ_8K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	snap = vpin_snap_insert(empty, &range);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_EQ(test, vpin_snap_check(snap, 0, U64_MAX, VPIN_PERM_RW), 0);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(snap, 1, U64_MAX, VPIN_PERM_RW), 0);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(snap, 2, U64_MAX, VPIN_PERM_RW),
			-EFAULT);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(snap, &hint, 4096, &len,
						    VPIN_PERM_READ),
			    vpin_guest_ptr(guest, 4096));
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_insert(snap, &range),
			    ERR_PTR(-EEXIST));
	vpin_snap_put(snap);
	vpin_snap_put(empty);
}

struct check_case {
	const char *name;
	u64 gpa;
	u64 len;
	u32 perm;
	int want;
};

/* On the typical memory: see fixture.h. */
static const struct check_case check_cases[] = {
	{ "nothing, anywhere", GUEST_HOLE, 0, VPIN_PERM_RW, 0 },
	{ "one byte", GUEST_RAM, 1, VPIN_PERM_RW, 0 },
	{ "a range", GUEST_RAM, SZ_64K, VPIN_PERM_RW, 0 },
	{ "both adjacent ranges", GUEST_RAM, SZ_64K + SZ_16K, VPIN_PERM_RW, 0 },
	{ "h08 two bytes across", GUEST_NEXT - 1, 2, VPIN_PERM_RW, 0 },
	{ "h08 one byte too many", GUEST_RAM, SZ_64K + SZ_16K + 1, VPIN_PERM_RW,
	  -EFAULT },
	{ "h08 one byte too early", GUEST_RAM - 1, 2, VPIN_PERM_READ, -EFAULT },
	{ "h08 over a hole", GUEST_NEXT, GUEST_RO - GUEST_NEXT + 1,
	  VPIN_PERM_READ, -EFAULT },
	{ "below all", 0, 1, VPIN_PERM_READ, -EFAULT },
	{ "above all", U64_MAX, 1, VPIN_PERM_READ, -EFAULT },
	{ "h09 read of read-only", GUEST_RO, SZ_4K, VPIN_PERM_READ, 0 },
	{ "h09 write to read-only", GUEST_RO, 1, VPIN_PERM_WRITE, -EFAULT },
	{ "h09 both of read-only", GUEST_RO, 1, VPIN_PERM_RW, -EFAULT },
	{ "h09 write to write-only", GUEST_WO, SZ_4K, VPIN_PERM_WRITE, 0 },
	{ "h09 read of write-only", GUEST_WO, 1, VPIN_PERM_READ, -EFAULT },
};
KUNIT_ARRAY_PARAM_DESC(check, check_cases, name);

/* The check, and the copy that does the same, agree. */
static void check_of_stretches(struct kunit *test)
{
	const struct check_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u8 *buf;

	vpin_guest_map_typical(guest);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, c->gpa, c->len,
					      c->perm), c->want);
	if (c->perm == VPIN_PERM_RW && c->want)
		return;
	buf = kunit_kzalloc(test, max(c->len, 1ULL), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf);
	if (c->perm & VPIN_PERM_READ)
		KUNIT_EXPECT_EQ(test, vpin_snap_read(guest->snap, &hint, c->gpa,
						     buf, c->len), c->want);
	if (c->perm & VPIN_PERM_WRITE)
		KUNIT_EXPECT_EQ(test, vpin_snap_write(guest->snap, &hint, c->gpa,
						      buf, c->len), c->want);
}

/* Who needs two permissions is not served by one. */
static void h09_resolve_needs_each_permission(struct kunit *test)
{
	static const struct {
		u64 gpa;
		u32 perm;
		bool ok;
	} cases[] = {
		{ GUEST_RO, VPIN_PERM_READ, true },
		{ GUEST_RO, VPIN_PERM_WRITE, false },
		{ GUEST_RO, VPIN_PERM_RW, false },
		{ GUEST_WO, VPIN_PERM_READ, false },
		{ GUEST_WO, VPIN_PERM_WRITE, true },
		{ GUEST_WO, VPIN_PERM_RW, false },
		{ GUEST_RAM, VPIN_PERM_RW, true },
	};
	struct vpin_guest *guest = test->priv;
	u32 i;

	vpin_guest_map_typical(guest);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct vpin_hint hint;
		u64 len = 1;

		void *addr = vpin_snap_resolve(guest->snap, &hint, cases[i].gpa,
					       &len, cases[i].perm);

		KUNIT_EXPECT_EQ(test, !!addr, cases[i].ok);
	}
}

/* What could not be pinned is not there, also in the middle of what is. */
static void failed_ranges_are_not_mapped(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	static struct vpin_hint hint;
	u64 len = 1;

	vpin_guest_map(guest, 0x10000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map_failed(guest, 0x11000, SZ_4K);
	vpin_guest_map(guest, 0x12000, SZ_4K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	KUNIT_EXPECT_PTR_EQ(test, vpin_snap_resolve(guest->snap, &hint, 0x11000,
						    &len, VPIN_PERM_READ), NULL);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, 0x10000, 0x3000,
					      VPIN_PERM_READ), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, 0x11000, 1,
					      VPIN_PERM_READ), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_snap_check(guest->snap, 0x10000, 0x1000,
					      VPIN_PERM_READ), 0);
}

static int open_window(struct vpin_guest *guest, struct vpin_window *window,
		       u64 gpa, u64 len)
{
	memset(window, 0, sizeof(*window));
	return vpin_window_open(window, guest->snap, gpa, len, VPIN_PERM_RW);
}

/* Every byte of the window is the guest's own, both ways. */
static void check_window(struct kunit *test, struct vpin_window *window, u64 gpa,
			 u64 len)
{
	struct vpin_guest *guest = test->priv;
	u32 i, wrong = 0;

	KUNIT_ASSERT_NOT_NULL(test, window->addr);
	vpin_guest_fill(guest, gpa, len);
	for (i = 0; i < len; i++)
		wrong += ((u8 *)window->addr)[i] != vpin_guest_pattern(gpa + i);
	memset(window->addr, 0x5a, len);
	for (i = 0; i < len; i++)
		wrong += *(u8 *)vpin_guest_ptr(guest, gpa + i) != 0x5a;
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

/* Contiguous memory needs no mapping of its own. */
static void window_over_a_run(struct kunit *test)
{
	struct vpin_guest *guest = test->priv;
	struct vpin_window window;

	vpin_guest_map_typical(guest);
	KUNIT_ASSERT_EQ(test, open_window(guest, &window, GUEST_RAM + 10, SZ_16K), 0);
	KUNIT_EXPECT_PTR_EQ(test, window.vmapped, NULL);
	check_window(test, &window, GUEST_RAM + 10, SZ_16K);
	vpin_window_close(&window);
	KUNIT_EXPECT_PTR_EQ(test, window.addr, NULL);
	/* Once more does no harm. */
	vpin_window_close(&window);
}

struct window_case {
	const char *name;
	u64 gpa;
	u64 len;
	int want;
};

/*
 * Beside the typical memory: 0x50000 to 0x51fff and 0x52000 to 0x53fff begin at
 * bytes 16 and 0 of their pages; scattered.
 */
static const struct window_case window_cases[] = {
	{ "scattered pages", GUEST_NEXT, SZ_16K, 0 },
	{ "from inside of a page", GUEST_NEXT + 100, SZ_8K, 0 },
	{ "from the last byte of a page", GUEST_NEXT + 4095, SZ_4K, 0 },
	{ "inside of one page", GUEST_NEXT + 100, 100, 0 },
	{ "h08 adjacent ranges", GUEST_NEXT - SZ_4K - 8, SZ_16K, 0 },
	{ "h08 all of both", GUEST_RAM, SZ_64K + SZ_16K, 0 },
	{ "h08 into a hole", GUEST_HOLE - 100, 101, -EFAULT },
	{ "h08 from a hole", GUEST_RAM - 1, 100, -EFAULT },
	{ "read-only", GUEST_RO, 100, -EFAULT },
	{ "write-only", GUEST_WO, 100, -EFAULT },
	{ "wraps", U64_MAX, 100, -EFAULT },
	{ "pages shifted against ours", 0x50000, SZ_8K, 0 },
	{ "pages shifted, from inside", 0x50ff0, SZ_4K, 0 },
	{ "ranges that meet inside of a page", 0x51f00, SZ_4K, -EFAULT },
};
KUNIT_ARRAY_PARAM_DESC(window, window_cases, name);

static void window_over_scattered_memory(struct kunit *test)
{
	const struct window_case *c = test->param_value;
	struct vpin_guest *guest = test->priv;
	struct vpin_window window;

	vpin_guest_map_typical(guest);
	vpin_guest_map_at(guest, 0x50000, SZ_8K, 16, VPIN_PERM_RW,
			  VPIN_GUEST_SCATTERED);
	vpin_guest_map_at(guest, 0x52000, SZ_8K, 0, VPIN_PERM_RW,
			  VPIN_GUEST_SCATTERED);
	KUNIT_EXPECT_EQ(test, open_window(guest, &window, c->gpa, c->len),
			c->want);
	if (!c->want)
		check_window(test, &window, c->gpa, c->len);
	vpin_window_close(&window);
}

static struct kunit_case vpin_mem_cases[] = {
	KUNIT_CASE(insert_sorts),
	KUNIT_CASE_PARAM(insert_refuses_overlap, overlap_gen_params),
	KUNIT_CASE(insert_up_to_the_limit),
	KUNIT_CASE_PARAM(remove_takes_whole_ranges, remove_gen_params),
	KUNIT_CASE(remove_only_failed),
	KUNIT_CASE(pins_are_shared_by_snapshots),
	KUNIT_CASE(search_finds_the_first_that_ends_behind),
	KUNIT_CASE_PARAM(resolve_over_layouts, layout_gen_params),
	KUNIT_CASE_PARAM(copy_over_layouts, layout_gen_params),
	KUNIT_CASE(hits_that_displace_each_other),
	KUNIT_CASE(hint_of_another_snapshot),
	KUNIT_CASE(hint_that_knows_nothing),
	KUNIT_CASE(hit_ends_with_its_range),
	KUNIT_CASE(both_ends_of_the_address_space),
	KUNIT_CASE(one_range_of_2_to_the_64),
	KUNIT_CASE_PARAM(check_of_stretches, check_gen_params),
	KUNIT_CASE(h09_resolve_needs_each_permission),
	KUNIT_CASE(failed_ranges_are_not_mapped),
	KUNIT_CASE(window_over_a_run),
	KUNIT_CASE_PARAM(window_over_scattered_memory, window_gen_params),
	{}
};

static struct kunit_suite vpin_mem_suite = {
	.name = "vpin_mem",
	.init = vpin_guest_init,
	.exit = vpin_guest_exit,
	.test_cases = vpin_mem_cases,
};
kunit_test_suite(vpin_mem_suite);

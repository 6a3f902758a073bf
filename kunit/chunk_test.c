// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of a pin's pages.  Nothing is read through it here: the addresses
 * need not be anybody's.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include <vpin/mem.h>
#include "compat.h"

#define BASE	0x10000000UL

struct size_case {
	const char *name;
	u64 uaddr;
	unsigned long nr_pages;
	unsigned long nr_chunks;
};

static const struct size_case size_cases[] = {
	{ "one page", 0, 1, 1 },
	{ "one page, the last of its chunk", SZ_2M - 1, 1, 1 },
	{ "two pages, the second in the next chunk", SZ_2M - 1, 2, 2 },
	{ "a chunk", 0, 512, 1 },
	{ "a chunk and a page", 0, 513, 2 },
	{ "as much as a chunk, from the second page on", SZ_4K, 512, 2 },
	{ "1 GiB", 0x7f0000000000, SZ_1G / SZ_4K, 512 },
	{ "1 GiB from the middle of a page", 0x7f00000017ff, SZ_1G / SZ_4K, 513 },
};
KUNIT_ARRAY_PARAM_DESC(size, size_cases, name);

/* A word for each 2 MiB of user addresses that a pin touches. */
static void a_word_for_each_2_mib(struct kunit *test)
{
	const struct size_case *c = test->param_value;
	struct vpin_pin *pin = vpin_pin_alloc(c->uaddr, c->nr_pages);

	KUNIT_ASSERT_NOT_NULL(test, pin);
	KUNIT_EXPECT_EQ(test, pin->nr_pages, c->nr_pages);
	KUNIT_EXPECT_EQ(test, pin->nr_chunks, c->nr_chunks);
	vpin_pin_free(pin);
}

enum order { FORWARDS, BACKWARDS, PAIRS };

/* Where page @i of 512 is. */
static void *place(enum order order, unsigned long i)
{
	switch (order) {
	case BACKWARDS:
		return (void *)BASE + ((511 - i) << PAGE_SHIFT);
	case PAIRS:
		return (void *)BASE + ((i + i / 2) << PAGE_SHIFT);
	default:
		return (void *)BASE + (i << PAGE_SHIFT);
	}
}

static struct vpin_pin *make(struct kunit *test, u64 uaddr,
			     unsigned long nr_pages, const enum order *orders)
{
	struct vpin_pin *pin = vpin_pin_alloc(uaddr, nr_pages);
	unsigned long chunk, page, end;
	void **addrs;

	addrs = kunit_kcalloc(test, VPIN_CHUNK_PAGES, sizeof(*addrs), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pin);
	KUNIT_ASSERT_NOT_NULL(test, addrs);
	for (chunk = 0; chunk < pin->nr_chunks; chunk++) {
		unsigned long nr = 0;

		end = min_t(unsigned long, VPIN_CHUNK_PAGES,
			    pin->skip + nr_pages - chunk * VPIN_CHUNK_PAGES);
		for (page = chunk ? 0 : pin->skip; page < end; page++)
			addrs[nr++] = place(orders[chunk], page) +
				      (orders[chunk] ? chunk * SZ_1G :
						       chunk * SZ_2M);
		KUNIT_ASSERT_EQ(test, vpin_pin_set_chunk(pin, chunk, addrs), 0);
	}
	return pin;
}

static void *reach(const struct vpin_pin *pin, u64 offset, u64 want, u64 *len)
{
	u64 before, after;
	void *addr = vpin_pin_around(pin, offset, want, &before, &after);

	*len = min(want, after);
	return addr;
}

/* Pages that are contiguous need no array, wherever in the chunk they start. */
static void contiguous_pages_need_no_array(struct kunit *test)
{
	static const enum order orders[] = { FORWARDS, FORWARDS, FORWARDS };
	static const u64 starts[] = { 0, SZ_4K, SZ_1M, SZ_2M - SZ_4K };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		struct vpin_pin *pin = make(test, starts[i], 1024, orders);
		unsigned long chunk;
		u64 len;

		for (chunk = 0; chunk < pin->nr_chunks; chunk++)
			KUNIT_EXPECT_EQ(test, pin->chunks[chunk] & VPIN_CHUNK_ARRAY,
					0UL);
		/* One piece, across chunks. */
		KUNIT_EXPECT_PTR_EQ(test, reach(pin, starts[i] + 100, SZ_4M - 100, &len),
				    (void *)BASE + starts[i] + 100);
		KUNIT_EXPECT_EQ(test, len, SZ_4M - 100ULL);
		vpin_pin_free(pin);
	}
}

static void scattered_pages_are_found_one_by_one(struct kunit *test)
{
	static const enum order orders[] = { BACKWARDS, PAIRS };
	struct vpin_pin *pin = make(test, SZ_1M, 512, orders);
	unsigned long page;
	u64 len;

	KUNIT_EXPECT_EQ(test, pin->chunks[0] & VPIN_CHUNK_ARRAY, VPIN_CHUNK_ARRAY);
	KUNIT_EXPECT_EQ(test, pin->chunks[1] & VPIN_CHUNK_ARRAY, VPIN_CHUNK_ARRAY);
	for (page = 256; page < 512; page++) {
		KUNIT_EXPECT_PTR_EQ(test, reach(pin, page * SZ_4K + 10, SZ_8K, &len),
				    place(BACKWARDS, page) + 10);
		KUNIT_EXPECT_EQ(test, len, SZ_4K - 10ULL);
	}
	for (page = 0; page < 254; page += 2) {
		u64 offset = SZ_2M + page * SZ_4K;

		KUNIT_EXPECT_PTR_EQ(test, reach(pin, offset + 1, SZ_16K, &len),
				    place(PAIRS, page) + SZ_1G + 1);
		KUNIT_EXPECT_EQ(test, len, SZ_8K - 1ULL);
		KUNIT_EXPECT_PTR_EQ(test, reach(pin, offset + SZ_4K - 1, 1, &len),
				    place(PAIRS, page) + SZ_1G + SZ_4K - 1);
		KUNIT_EXPECT_EQ(test, len, 1ULL);
	}
	vpin_pin_free(pin);
}

/* What is around a byte ends with its page, or with its chunk. */
static void what_is_around_a_byte(struct kunit *test)
{
	static const enum order orders[] = { FORWARDS, BACKWARDS };
	struct vpin_pin *pin = make(test, 0, 1024, orders);
	u64 before, after;

	vpin_pin_around(pin, 5000, 1, &before, &after);
	KUNIT_EXPECT_EQ(test, before, 5000ULL);
	KUNIT_EXPECT_EQ(test, after, SZ_2M - 5000ULL);
	vpin_pin_around(pin, SZ_2M - 1, SZ_2M, &before, &after);
	KUNIT_EXPECT_EQ(test, before, SZ_2M - 1ULL);
	KUNIT_EXPECT_EQ(test, after, 1ULL);
	vpin_pin_around(pin, SZ_2M + 5000, SZ_64K, &before, &after);
	KUNIT_EXPECT_EQ(test, before, 5000ULL - SZ_4K);
	KUNIT_EXPECT_EQ(test, after, SZ_8K - 5000ULL);
	vpin_pin_free(pin);
}

/* Chunks of both kinds side by side. */
static void chunks_of_both_kinds(struct kunit *test)
{
	static const enum order orders[] = { FORWARDS, BACKWARDS, FORWARDS };
	struct vpin_pin *pin = make(test, SZ_2M - SZ_8K, 600, orders);
	u64 len;

	KUNIT_ASSERT_EQ(test, pin->nr_chunks, 3UL);
	KUNIT_EXPECT_PTR_EQ(test, reach(pin, SZ_2M - SZ_8K, SZ_1M, &len),
			    (void *)BASE + SZ_2M - SZ_8K);
	KUNIT_EXPECT_EQ(test, len, (u64)SZ_8K);
	KUNIT_EXPECT_PTR_EQ(test, reach(pin, SZ_4M - SZ_4K, SZ_1M, &len),
			    place(BACKWARDS, 511) + SZ_1G);
	KUNIT_EXPECT_EQ(test, len, (u64)SZ_4K);
	KUNIT_EXPECT_PTR_EQ(test, reach(pin, SZ_4M, 5 * SZ_4K, &len),
			    (void *)BASE + SZ_4M);
	KUNIT_EXPECT_EQ(test, len, 5ULL * SZ_4K);
	vpin_pin_free(pin);
}

/* A pin may be given up before all of it is known. */
static void half_a_pin_can_be_freed(struct kunit *test)
{
	struct vpin_pin *pin = vpin_pin_alloc(SZ_1M, 2048);
	void *addrs[2] = { (void *)BASE, (void *)BASE };

	KUNIT_ASSERT_NOT_NULL(test, pin);
	vpin_pin_free(pin);
	pin = vpin_pin_alloc(SZ_2M - SZ_8K, 2048);
	KUNIT_ASSERT_NOT_NULL(test, pin);
	KUNIT_EXPECT_EQ(test, vpin_pin_set_chunk(pin, 0, addrs), 0);
	KUNIT_EXPECT_EQ(test, pin->chunks[0] & VPIN_CHUNK_ARRAY, VPIN_CHUNK_ARRAY);
	vpin_pin_free(pin);
}

static struct kunit_case vpin_chunk_cases[] = {
	KUNIT_CASE_PARAM(a_word_for_each_2_mib, size_gen_params),
	KUNIT_CASE(contiguous_pages_need_no_array),
	KUNIT_CASE(scattered_pages_are_found_one_by_one),
	KUNIT_CASE(what_is_around_a_byte),
	KUNIT_CASE(chunks_of_both_kinds),
	KUNIT_CASE(half_a_pin_can_be_freed),
	{}
};

static struct kunit_suite vpin_chunk_suite = {
	.name = "vpin_chunk",
	.test_cases = vpin_chunk_cases,
};

kunit_test_suite(vpin_chunk_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space whose owner takes pages out of his mapping, and puts others
 * in.  What pages are pinned is asked of the pages themselves.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <vpin/compat.h>
#include "owner.h"

#define RW	(PROT_READ | PROT_WRITE)

static struct owner *setup_followed(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER))
		kunit_skip(test, "this kernel tells nobody of changes");
	return setup(test);
}

static void fill_pages(struct kunit *test, unsigned long addr, unsigned long nr,
		       u32 first)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		KUNIT_ASSERT_EQ(test, put_user((u32)(first + i),
					       (u32 __user *)(addr + i * SZ_4K)), 0);
}

/* Fresh memory in place of what was there: what the owner had is gone. */
static void punch(struct kunit *test, unsigned long addr, unsigned long nr)
{
	unsigned long got = vm_mmap(NULL, addr, nr << PAGE_SHIFT, RW,
				    MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_EQ(test, got, addr);
}

static int follow(struct owner *owner)
{
	return vpin_mem_follow(&owner->mem, false);
}

static bool is_behind(struct owner *owner)
{
	return vpin_watch_is_behind(owner->mem.watch);
}

/* The first word at @gpa; -1 if it is not to be had. */
static s64 word_at(struct owner *owner, u64 gpa)
{
	u32 word;

	return user_read(owner, gpa, &word, sizeof(word)) ? -1LL : word;
}

/* The page that is mapped at @addr, with a reference. */
static struct page *page_at(struct kunit *test, unsigned long addr)
{
	struct page *page = NULL;

	KUNIT_ASSERT_EQ(test, get_user_pages_fast(addr, 1, 0, &page), 1);
	return page;
}

static bool is_pinned(struct page *page)
{
	return folio_maybe_dma_pinned(page_folio(page));
}

/* A page in the middle: only it changes, and it is what is mapped now. */
static void a_page_is_followed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct vpin_snap *snap;
	u64 id = owner->mem.snap->id;
	u32 word = 77;
	u32 i;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 3 * SZ_4K), 4LL);

	punch(test, addr + 3 * SZ_4K, 1);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	fill_pages(test, addr + 3 * SZ_4K, 1, 99);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	KUNIT_EXPECT_NE(test, owner->mem.snap->id, id);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, word_at(owner, GPA + i * SZ_4K),
				i == 3 ? 99LL : i + 1LL);

	/* The other way around. */
	snap = vpin_mem_snap(&owner->mem);
	KUNIT_EXPECT_EQ(test, vpin_snap_write(snap, NULL, GPA + 3 * SZ_4K, &word,
					      sizeof(word)), 0);
	vpin_snap_put(snap);
	KUNIT_ASSERT_EQ(test, get_user(word, (u32 __user *)(addr + 3 * SZ_4K)), 0);
	KUNIT_EXPECT_EQ(test, word, 77U);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);
}

struct hole_case {
	const char *name;
	unsigned long first;
	unsigned long nr;
};

/* Of 1536 pages whose first is the 256th of its chunk. */
static const struct hole_case hole_cases[] = {
	{ "the first page", 0, 1 },
	{ "the last page", 1535, 1 },
	{ "the last page of a chunk", 255, 1 },
	{ "two pages of two chunks", 255, 2 },
	{ "the first chunk", 0, 256 },
	{ "a chunk", 256, 512 },
	{ "a chunk and a half", 256, 768 },
	{ "all", 0, 1536 },
};
KUNIT_ARRAY_PARAM_DESC(hole, hole_cases, name);

static void holes_are_followed(struct kunit *test)
{
	const struct hole_case *c = test->param_value;
	struct owner *owner = setup_followed(test);
	unsigned long addr, i, wrong = 0;

	addr = ALIGN(user_mmap(test, 2048 + 512, RW), SZ_2M) + SZ_1M;
	fill_pages(test, addr, 1536, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, 1536 * SZ_4K, addr), 0);
	punch(test, addr + c->first * SZ_4K, c->nr);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	for (i = 0; i < 1536; i++) {
		bool hole = i >= c->first && i < c->first + c->nr;

		wrong += word_at(owner, GPA + i * SZ_4K) != (hole ? 0 : i + 1);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0UL);
	KUNIT_EXPECT_EQ(test, charged(owner), 1536LL);

	/* Once more: what came is taken, too. */
	fill_pages(test, addr, 1536, 5000);
	punch(test, addr + c->first * SZ_4K, c->nr);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	for (i = 0; i < 1536; i++) {
		bool hole = i >= c->first && i < c->first + c->nr;

		wrong += word_at(owner, GPA + i * SZ_4K) != (hole ? 0 : i + 5000);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0UL);
}

/* Who began before goes on in the old page, and it is free when he has ended. */
static void who_began_before_keeps_the_page(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct vpin_snap *snap;
	struct page *page;
	u64 len = 4;
	u32 *before;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	snap = vpin_mem_snap(&owner->mem);
	before = vpin_snap_resolve(snap, NULL, GPA + SZ_4K, &len, VPIN_PERM_READ);
	KUNIT_ASSERT_NOT_NULL(test, before);
	page = virt_to_page(before);
	get_page(page);

	punch(test, addr + SZ_4K, 1);
	fill_pages(test, addr + SZ_4K, 1, 99);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 99LL);
	KUNIT_EXPECT_TRUE(test, is_pinned(page));
	KUNIT_EXPECT_EQ(test, *before, 2U);
	/* Both are pinned, so both are charged. */
	KUNIT_EXPECT_EQ(test, charged(owner), PAGES + 1LL);
	vpin_snap_put(snap);
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);
	put_page(page);
}

/* Memory that is given back stays so until it is accessed. */
static void nothing_is_pinned_before_it_is_accessed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct page *old, *new;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	old = page_at(test, addr + SZ_4K);
	KUNIT_EXPECT_TRUE(test, is_pinned(old));
	punch(test, addr + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_pinned(old));
	put_page(old);

	fill_pages(test, addr + SZ_4K, 1, 99);
	new = page_at(test, addr + SZ_4K);
	KUNIT_EXPECT_FALSE(test, is_pinned(new));
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 1LL);
	KUNIT_EXPECT_FALSE(test, is_pinned(new));
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 99LL);
	KUNIT_EXPECT_TRUE(test, is_pinned(new));
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	KUNIT_EXPECT_FALSE(test, is_pinned(new));
	put_page(new);
}

/* What is absent already may be taken as often as the owner likes. */
static void nothing_is_to_be_done_for_what_is_absent(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	punch(test, addr + SZ_4K, 2);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	fill_pages(test, addr, PAGES, 1);
	punch(test, addr + SZ_4K, 2);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 0LL);
	/* The one is there now, the other is not. */
	punch(test, addr + SZ_8K, 1);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	punch(test, addr + SZ_4K, 2);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	/* Beside it all. */
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, vm_munmap(user_mmap(test, 1, RW), SZ_4K), 0);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
}

/* What is mapped there is what it was: readers keep all that they know. */
static void nothing_changes_if_nothing_is_gone(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	struct file *file = vpin_test_file(PAGES << PAGE_SHIFT);
	struct vpin_snap *snap;
	unsigned long addr;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	addr = vm_mmap(file, 0, PAGES << PAGE_SHIFT, RW, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	snap = owner->mem.snap;
	/* Mapped anew before anybody looks. */
	unmap_mapping_range(file->f_mapping, SZ_4K, 2 * SZ_4K, 1);
	fill_pages(test, addr, PAGES, 11);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	KUNIT_EXPECT_PTR_EQ(test, owner->mem.snap, snap);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 12LL);
	/* Or not: the same page is pinned again. */
	unmap_mapping_range(file->f_mapping, SZ_4K, SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 12LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	fput(file);
}

/* Snapshots of each state, dropped in every order: none loses what it found. */
static void successors_of_successors(struct kunit *test)
{
	static const u8 orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 },
		{ 2, 1, 0 },
	};
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	unsigned int o, i;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		struct vpin_snap *snaps[3];
		struct page *pages[3];
		bool held[3];

		/* Snapshot i and all before it may have found page i. */
		for (i = 0; i < 3; i++) {
			KUNIT_ASSERT_GE(test, word_at(owner, GPA + i * SZ_4K), 0LL);
			pages[i] = page_at(test, addr + i * SZ_4K);
		}
		for (i = 0; i < 3; i++) {
			snaps[i] = vpin_mem_snap(&owner->mem);
			held[i] = true;
			punch(test, addr + i * SZ_4K, 1);
			KUNIT_ASSERT_EQ(test, follow(owner), 0);
		}
		KUNIT_EXPECT_EQ(test, charged(owner), PAGES + 3LL);
		for (i = 0; i < 3; i++) {
			unsigned int page;

			vpin_snap_put(snaps[orders[o][i]]);
			held[orders[o][i]] = false;
			for (page = 0; page < 3; page++) {
				bool pinned = held[0] || (page > 0 && held[1]) ||
					      (page > 1 && held[2]);

				KUNIT_EXPECT_EQ_MSG(test, is_pinned(pages[page]),
						    pinned,
						    "page %u, %u of order %u",
						    page, i, o);
			}
		}
		for (i = 0; i < 3; i++)
			put_page(pages[i]);
		KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);
	}
}

/* Nothing is mapped: an address that is not; something again: one that is. */
static void unmapped_by_its_owner(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	u8 bytes[64];

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	KUNIT_ASSERT_EQ(test, vm_munmap(addr + SZ_4K, SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 1LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), -1LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_8K), -1LL);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_4K - 32, bytes, 64),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 3 * SZ_4K), 4LL);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);

	punch(test, addr + SZ_4K, 1);
	fill_pages(test, addr + SZ_4K, 1, 99);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 99LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_8K), -1LL);
}

/* What may not be written any more is not pinned to be written. */
static void mapped_without_the_permission(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, addr), 0);
	KUNIT_ASSERT_EQ(test, vm_mmap(NULL, addr, SZ_4K, PROT_READ,
				      MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE, 0),
			addr);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), -1LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 0LL);
}

static int refuse(struct vpin_mem *mem, struct vpin_snap *next)
{
	return -ENOMEM;
}

static void ignore(struct vpin_mem *mem)
{
}

/* Who cannot see what is mapped stays behind, and knows it. */
static void behind_until_it_can_be_seen(struct kunit *test)
{
	static const struct vpin_mem_ops refusing = {
		.prepare = refuse, .commit = ignore,
	};
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct vpin_snap *snap;
	struct page *page;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	page = page_at(test, addr);
	snap = owner->mem.snap;
	owner->mem.ops = &refusing;
	punch(test, addr, 1);
	KUNIT_EXPECT_EQ(test, follow(owner), -ENOMEM);
	punch(test, addr + SZ_4K, 1);
	KUNIT_EXPECT_EQ(test, follow(owner), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	KUNIT_EXPECT_PTR_EQ(test, owner->mem.snap, snap);
	KUNIT_EXPECT_TRUE(test, is_pinned(page));
	owner->mem.ops = NULL;
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 0LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 0LL);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);
	put_page(page);
}

/* What an open batch maps is followed like the rest. */
static void a_batch_is_followed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct page *page;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, addr), 0);
	KUNIT_ASSERT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_ASSERT_EQ(test, map(owner, GPA + SZ_1M, SZ_8K, addr + SZ_8K), 0);
	KUNIT_ASSERT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	page = page_at(test, addr + SZ_8K);
	punch(test, addr, 4);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	put_page(page);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 0LL);
	fill_pages(test, addr, PAGES, 11);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_end(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), -1LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_1M), 13LL);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
}

/* No more than twice what is charged for is pinned, whoever holds on to it. */
static void lost_pages_have_a_limit(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr, i, filled = 0;
	struct vpin_snap *held;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, 4 * SZ_4K, addr), 0);
	held = vpin_mem_snap(&owner->mem);
	for (i = 0; i < 8; i++) {
		punch(test, addr, 1);
		KUNIT_EXPECT_EQ(test, follow(owner), 0);
		filled += word_at(owner, GPA) == 0;
	}
	KUNIT_EXPECT_EQ(test, filled, 3UL);
	KUNIT_EXPECT_EQ(test, charged(owner), 8LL);
	/* The others are there all the same. */
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 0LL);
	vpin_snap_put(held);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 0LL);
	KUNIT_EXPECT_EQ(test, charged(owner), 4LL);
}

/* A hole in a file that is mapped: the file's block is free. */
static void a_hole_in_a_file(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	struct file *file = vpin_test_file(PAGES << PAGE_SHIFT);
	unsigned long addr;
	struct page *page;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	addr = vm_mmap(file, 0, PAGES << PAGE_SHIFT, RW, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	page = page_at(test, addr + SZ_4K);
	KUNIT_ASSERT_EQ(test, vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE |
						  FALLOC_FL_KEEP_SIZE,
					    SZ_4K, 2 * SZ_4K), 0);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA), 1LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 3 * SZ_4K), 4LL);
	fill_pages(test, addr + SZ_4K, 1, 99);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_4K), 99LL);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + SZ_8K), 0LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	put_page(page);
	fput(file);
}

/* The first word at @gpa for who is in a hurry; -1 if it is not to be had. */
static s64 word_at_once(struct owner *owner, u64 gpa)
{
	struct vpin_snap *snap = vpin_mem_snap(&owner->mem);
	static struct vpin_hint hint = { .hurry = true };
	u32 word;
	int ret = vpin_snap_read(snap, &hint, gpa, &word, sizeof(word));

	vpin_snap_put(snap);
	return ret ? -1LL : word;
}

/* Of memory nobody has to bring what was never touched. */
static void memory_comes_at_once(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	struct file *file = vpin_test_file(PAGES << PAGE_SHIFT);
	unsigned long addr;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_16K, owner->addr), 0);
	punch(test, owner->addr, 4);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	fill_pages(test, owner->addr + SZ_8K, 1, 99);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA), 0LL);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_4K), 0LL);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_8K), 99LL);
	KUNIT_ASSERT_EQ(test, vm_munmap(owner->addr + SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_4K), -1LL);

	owner->mem.lazy = true;
	addr = vm_mmap(file, 0, PAGES << PAGE_SHIFT, RW, MAP_SHARED, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	KUNIT_ASSERT_EQ(test, map(owner, GPA + SZ_1M, SZ_16K, addr), 0);
	fill_pages(test, addr + SZ_4K, 1, 55);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_1M), 0LL);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_1M + SZ_4K), 55LL);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + SZ_1M + SZ_8K), 0LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA + SZ_1M, 1), 0);
	fput(file);
}

/* Whether the owner has a page at @addr, without being given one. */
static bool is_mapped(struct owner *owner, unsigned long addr)
{
	struct page *page;
	bool ret;

	mmap_read_lock(owner->mm);
	ret = vpin_get_mapped_pages(owner->mm, addr, 1, &page) == 1;
	mmap_read_unlock(owner->mm);
	if (ret)
		put_page(page);
	return ret;
}

/* What is absent is found, and brought; and nobody holds it for that. */
static void a_place_is_brought(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct vpin_place place;
	struct vpin_snap *snap;
	struct page *page;

	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	KUNIT_EXPECT_FALSE(test, vpin_place_find(&place, owner->mem.snap, GPA,
						 PAGES << PAGE_SHIFT,
						 VPIN_PERM_WRITE));
	punch(test, addr + 3 * SZ_4K, 2);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	snap = owner->mem.snap;
	KUNIT_EXPECT_FALSE(test, vpin_place_find(&place, snap, GPA, 3 * SZ_4K,
						 VPIN_PERM_WRITE));
	KUNIT_EXPECT_FALSE(test, vpin_place_find(&place, snap, GPA - 1, SZ_64K,
						 VPIN_PERM_WRITE));
	KUNIT_EXPECT_FALSE(test, vpin_place_find(&place, snap, GPA + 5 * SZ_4K,
						 PAGES << PAGE_SHIFT,
						 VPIN_PERM_WRITE));
	KUNIT_ASSERT_TRUE(test, vpin_place_find(&place, snap, GPA + 100, SZ_16K,
						VPIN_PERM_WRITE));
	KUNIT_EXPECT_PTR_EQ(test, place.mm, owner->mm);
	KUNIT_EXPECT_EQ(test, place.uaddr, addr + 3 * SZ_4K);
	KUNIT_EXPECT_EQ(test, place.nr, 2UL);
	KUNIT_EXPECT_TRUE(test, place.writable);
	KUNIT_EXPECT_FALSE(test, is_mapped(owner, addr + 3 * SZ_4K));
	KUNIT_EXPECT_EQ(test, vpin_place_bring(&place), 0);
	KUNIT_EXPECT_TRUE(test, is_mapped(owner, addr + 3 * SZ_4K));
	KUNIT_EXPECT_TRUE(test, is_mapped(owner, addr + 4 * SZ_4K));
	page = page_at(test, addr + 3 * SZ_4K);
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	put_page(page);
	KUNIT_EXPECT_EQ(test, vpin_pin_nr_pinned(snap->ranges[0].pin), PAGES - 2);
	/* A few bytes, on two pages. */
	KUNIT_ASSERT_TRUE(test, vpin_place_find(&place, snap,
						GPA + 4 * SZ_4K - 8, 16,
						VPIN_PERM_READ));
	KUNIT_EXPECT_EQ(test, place.uaddr, addr + 3 * SZ_4K);
	KUNIT_EXPECT_EQ(test, place.nr, 2UL);
	mmdrop(place.mm);
	KUNIT_EXPECT_EQ(test, word_at_once(owner, GPA + 3 * SZ_4K), 0LL);

	KUNIT_ASSERT_EQ(test, vm_munmap(addr + 4 * SZ_4K, SZ_4K), 0);
	KUNIT_ASSERT_TRUE(test, vpin_place_find(&place, snap, GPA, SZ_64K,
						VPIN_PERM_READ));
	KUNIT_EXPECT_EQ(test, place.uaddr, addr + 4 * SZ_4K);
	KUNIT_EXPECT_EQ(test, vpin_place_bring(&place), -EFAULT);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);

	/* What may not be written is not brought for who would write. */
	KUNIT_ASSERT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	KUNIT_ASSERT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, addr,
					   VPIN_PERM_READ), 0);
	punch(test, addr, 1);
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	snap = owner->mem.snap;
	KUNIT_EXPECT_FALSE(test, vpin_place_find(&place, snap, GPA, SZ_4K,
						 VPIN_PERM_WRITE));
	KUNIT_ASSERT_TRUE(test, vpin_place_find(&place, snap, GPA, SZ_4K,
						VPIN_PERM_READ));
	KUNIT_EXPECT_FALSE(test, place.writable);
	KUNIT_EXPECT_EQ(test, vpin_place_bring(&place), 0);
}

/* All is given back when the address space goes, absent or lost or not. */
static void the_end_with_pages_absent(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct vpin_snap *held;
	struct vpin_mem mem;
	struct page *page;

	KUNIT_ASSERT_EQ(test, vpin_mem_init(&mem), 0);
	KUNIT_ASSERT_EQ(test, vpin_mem_bind(&mem), 0);
	KUNIT_ASSERT_EQ(test, vpin_mem_map(&mem, GPA, PAGES << PAGE_SHIFT, addr,
					   VPIN_PERM_RW), 0);
	page = page_at(test, addr);
	held = vpin_mem_snap(&mem);
	punch(test, addr, 2);
	KUNIT_EXPECT_EQ(test, vpin_mem_follow(&mem, false), 0);
	punch(test, addr + SZ_8K, 1);
	vpin_mem_fini(&mem);
	KUNIT_EXPECT_TRUE(test, is_pinned(page));
	/* Nobody is told, who would not be there any more. */
	punch(test, addr + 3 * SZ_4K, 1);
	vpin_snap_put(held);
	KUNIT_EXPECT_FALSE(test, is_pinned(page));
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	put_page(page);
}

/* Whoever accesses a page first pins it, and no other; what is charged is all. */
static void lazy_memory_is_pinned_when_accessed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;
	struct page *pages[PAGES];
	const struct vpin_pin *pin;
	u32 i, word = 77;

	owner->mem.lazy = true;
	fill_pages(test, addr, PAGES, 1);
	for (i = 0; i < PAGES; i++)
		pages[i] = page_at(test, addr + i * SZ_4K);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)PAGES);
	pin = owner->mem.snap->ranges[0].pin;
	/* The first is the proof that they can be. */
	KUNIT_EXPECT_EQ(test, vpin_pin_nr_pinned(pin), 1UL);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, is_pinned(pages[i]), !i);

	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 5 * SZ_4K), 6LL);
	KUNIT_EXPECT_EQ(test, user_write(owner, GPA + 7 * SZ_4K, &word,
					 sizeof(word)), 0);
	KUNIT_EXPECT_EQ(test, get_user(word, (u32 __user *)(addr + 7 * SZ_4K)),
			0);
	KUNIT_EXPECT_EQ(test, word, 77U);
	KUNIT_EXPECT_EQ(test, vpin_pin_nr_pinned(pin), 3UL);
	for (i = 0; i < PAGES; i++)
		KUNIT_EXPECT_EQ(test, is_pinned(pages[i]),
				!i || i == 5 || i == 7);

	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	for (i = 0; i < PAGES; i++) {
		KUNIT_EXPECT_FALSE(test, is_pinned(pages[i]));
		put_page(pages[i]);
	}
}

/* What nobody has accessed may go and come as its owner likes. */
static void lazy_memory_is_followed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = owner->addr;

	owner->mem.lazy = true;
	fill_pages(test, addr, PAGES, 1);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, addr), 0);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 3 * SZ_4K), 4LL);
	punch(test, addr + 5 * SZ_4K, 1);
	KUNIT_EXPECT_FALSE(test, is_behind(owner));
	fill_pages(test, addr + 5 * SZ_4K, 1, 99);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 5 * SZ_4K), 99LL);
	punch(test, addr + 3 * SZ_4K, 1);
	KUNIT_EXPECT_TRUE(test, is_behind(owner));
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	fill_pages(test, addr + 3 * SZ_4K, 1, 88);
	KUNIT_EXPECT_EQ(test, word_at(owner, GPA + 3 * SZ_4K), 88LL);
}

/* That something can never be pinned is told when it is mapped. */
static void lazy_memory_that_cannot_be_pinned(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long none = user_mmap(test, PAGES, PROT_NONE);
	unsigned long ro = user_mmap(test, PAGES, PROT_READ);
	unsigned long part = user_mmap(test, PAGES, RW);

	owner->mem.lazy = true;
	KUNIT_EXPECT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, none),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, ro),
			-EFAULT);
	KUNIT_ASSERT_EQ(test, vm_munmap(part + 3 * SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, part),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, 3 * SZ_4K, part), 0);
}

/* More pages than are taken in all, so that there may be as many lost ones. */
#define MANY	8192UL
#define ROUNDS	4000UL
/* Of these there are few, so that readers and the one who takes meet. */
#define BUSY	2UL

/**
 * struct reader - one that reads pages all the time
 * @owner: whose
 * @task: its thread
 * @nr_reads: so often so far
 * @nr_wrong: so often they were not what they may be
 */
struct reader {
	struct owner *owner;
	struct task_struct *task;
	unsigned long nr_reads;
	unsigned long nr_wrong;
};

static int reader_thread(void *data)
{
	struct reader *reader = data;
	unsigned long i = 0;

	while (!kthread_should_stop()) {
		struct vpin_snap *snap = vpin_mem_snap(&reader->owner->mem);
		u32 word = 0;
		u64 gpa = GPA + i++ % BUSY * SZ_4K;

		/* The page's number in the upper half, or a page just mapped. */
		if (vpin_snap_read(snap, NULL, gpa, &word, sizeof(word)) ||
		    (word && word >> 16 != (gpa - GPA) / SZ_4K))
			reader->nr_wrong++;
		reader->nr_reads++;
		vpin_snap_put(snap);
		cond_resched();
	}
	return 0;
}

/*
 * Readers, who pin what is absent, while pages are taken and followed: each finds
 * the page that belongs there, and what is followed is what is mapped.
 */
static void readers_while_pages_go(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	unsigned long addr = user_mmap(test, MANY, RW), round, i, wrong = 0;
	struct reader readers[3];

	KUNIT_ASSERT_EQ(test, map(owner, GPA, MANY << PAGE_SHIFT, addr), 0);
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i] = (struct reader) { .owner = owner };
		readers[i].task = kthread_run(reader_thread, &readers[i],
					      "vpin-reader-%lu", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(readers[i].task));
	}
	for (round = 1; round <= ROUNDS; round++) {
		unsigned long page = round % BUSY;
		u32 word = page << 16 | round;

		punch(test, addr + page * SZ_4K, 1);
		wrong += !!put_user(word, (u32 __user *)(addr + page * SZ_4K));
		wrong += !!follow(owner);
		wrong += word_at(owner, GPA + page * SZ_4K) != word;
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, wrong, 0UL);
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		kthread_stop(readers[i].task);
		KUNIT_EXPECT_EQ(test, readers[i].nr_wrong, 0UL);
		KUNIT_EXPECT_GT(test, readers[i].nr_reads, 0UL);
	}
	KUNIT_EXPECT_EQ(test, follow(owner), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)MANY);
}

static struct kunit_case vpin_mem_follow_cases[] = {
	KUNIT_CASE(a_page_is_followed),
	KUNIT_CASE_PARAM(holes_are_followed, hole_gen_params),
	KUNIT_CASE(who_began_before_keeps_the_page),
	KUNIT_CASE(nothing_is_pinned_before_it_is_accessed),
	KUNIT_CASE(nothing_is_to_be_done_for_what_is_absent),
	KUNIT_CASE(nothing_changes_if_nothing_is_gone),
	KUNIT_CASE(successors_of_successors),
	KUNIT_CASE(unmapped_by_its_owner),
	KUNIT_CASE(mapped_without_the_permission),
	KUNIT_CASE(behind_until_it_can_be_seen),
	KUNIT_CASE(a_batch_is_followed),
	KUNIT_CASE(lost_pages_have_a_limit),
	KUNIT_CASE(a_hole_in_a_file),
	KUNIT_CASE(memory_comes_at_once),
	KUNIT_CASE(a_place_is_brought),
	KUNIT_CASE(the_end_with_pages_absent),
	KUNIT_CASE(lazy_memory_is_pinned_when_accessed),
	KUNIT_CASE(lazy_memory_is_followed),
	KUNIT_CASE(lazy_memory_that_cannot_be_pinned),
	KUNIT_CASE(readers_while_pages_go),
	{}
};

static struct kunit_suite vpin_mem_follow_suite = {
	.name = "vpin_mem_follow",
	.init = owner_init,
	.exit = owner_exit,
	.test_cases = vpin_mem_follow_cases,
};
kunit_test_suite(vpin_mem_follow_suite);

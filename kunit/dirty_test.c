// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log's bits, in memory of which not a byte around it may be touched;
 * and on memory of a process: pinned, charged, and given back.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include "fixture.h"

#define PAGE4K	4096ULL

/* Bytes of memory around a log, and what they hold. */
#define GUARD	8
#define FILL	0x5a

/* Largest log of these tests, in bytes. */
#define MOST	40

struct marked {
	u8 memory[GUARD + MOST + GUARD];
	u8 want[GUARD + MOST + GUARD];
	struct vpin_dirty dirty;
};

/* A log of @size bytes that begins at an odd address, no bit set. */
static struct marked *setup(struct kunit *test, u64 size)
{
	struct marked *m = test->priv;

	memset(m->memory, FILL, sizeof(m->memory));
	memset(m->memory + GUARD, 0, size);
	memcpy(m->want, m->memory, sizeof(m->want));
	m->dirty = (struct vpin_dirty) {
		.bits = m->memory + GUARD,
		.size = size,
	};
	return m;
}

/* Wants bit @page, if the log has it. */
static void want(struct marked *m, u64 page)
{
	if (page < m->dirty.size * 8)
		m->want[GUARD + page / 8] |= 1 << page % 8;
}

static void check(struct kunit *test, struct marked *m)
{
	KUNIT_EXPECT_MEMEQ(test, m->memory, m->want, sizeof(m->want));
}

struct mark_case {
	u64 size;	/* of the log */
	u64 gpa;
	u64 len;
	u64 first;	/* the pages that are wanted; none if @last is before */
	u64 last;
	bool all;	/* they are all there are */
};

static const struct mark_case mark_cases[] = {
	/* A byte, a page, and what half covers one. */
	{ 8, 0, 1, 0, 0, true },
	{ 8, 4095, 1, 0, 0, true },
	{ 8, 4096, 1, 1, 1, true },
	{ 8, 4095, 2, 0, 1, true },
	{ 8, 0, PAGE4K, 0, 0, true },
	{ 8, 0, PAGE4K + 1, 0, 1, true },
	{ 8, 1, PAGE4K, 0, 1, true },
	{ 8, 3 * PAGE4K + 4000, 200, 3, 4, true },
	{ 8, 7 * PAGE4K, PAGE4K, 7, 7, true },
	{ 8, 8 * PAGE4K, PAGE4K, 8, 8, true },
	/* Into the next byte, over it, and over words. */
	{ 8, 7 * PAGE4K + 1, PAGE4K, 7, 8, true },
	{ 8, 6 * PAGE4K, 12 * PAGE4K, 6, 17, true },
	{ 40, 5 * PAGE4K, 123 * PAGE4K, 5, 127, true },
	{ 40, 31 * PAGE4K, 2 * PAGE4K, 31, 32, true },
	{ 40, 63 * PAGE4K, 2 * PAGE4K, 63, 64, true },
	{ 40, 0, 320 * PAGE4K, 0, 319, true },
	/* No byte at all. */
	{ 8, 5 * PAGE4K, 0, 1, 0, true },
	/* Logs of any size: the last bit, and one that is not there. */
	{ 1, 7 * PAGE4K, PAGE4K, 7, 7, true },
	{ 1, 7 * PAGE4K, PAGE4K + 1, 7, 7, false },
	{ 1, 8 * PAGE4K, 1, 1, 0, false },
	{ 1, 0, 100 * PAGE4K, 0, 7, false },
	{ 5, 39 * PAGE4K, PAGE4K, 39, 39, true },
	{ 5, 38 * PAGE4K, 3 * PAGE4K, 38, 39, false },
	{ 5, 40 * PAGE4K, PAGE4K, 1, 0, false },
	{ 13, 90 * PAGE4K, 14 * PAGE4K, 90, 103, true },
	{ 13, 90 * PAGE4K, 15 * PAGE4K, 90, 103, false },
	{ 13, 104 * PAGE4K - 1, 2, 103, 103, false },
	/* Far beyond, and as long as can be. */
	{ 8, 1ULL << 40, PAGE4K, 1, 0, false },
	{ 8, U64_MAX, 1, 1, 0, false },
	{ 8, 62 * PAGE4K, U32_MAX, 62, 63, false },
	{ 8, 62 * PAGE4K, U64_MAX - 62 * PAGE4K, 62, 63, false },
	{ 8, 0, U64_MAX, 0, 63, false },
	/* The length wraps: it ends with the last address. */
	{ 8, U64_MAX, 2, 1, 0, false },
	{ 8, U64_MAX - 4095, 2 * PAGE4K, 1, 0, false },
	{ 8, 61 * PAGE4K, U64_MAX, 61, 63, false },
};

static void mark_case_name(const struct mark_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%llu bytes, %#llx at %#llx",
		 c->size, c->len, c->gpa);
}
KUNIT_ARRAY_PARAM(mark, mark_cases, mark_case_name);

static void marks_what_was_written(struct kunit *test)
{
	const struct mark_case *c = test->param_value;
	struct marked *m = setup(test, c->size);
	u64 page;

	for (page = c->first; page <= c->last; page++)
		want(m, page);
	KUNIT_EXPECT_EQ(test, vpin_dirty_mark(&m->dirty, c->gpa, c->len), c->all);
	check(test, m);
	/* What is set stays, and so does the answer. */
	KUNIT_EXPECT_EQ(test, vpin_dirty_mark(&m->dirty, c->gpa, c->len), c->all);
	check(test, m);
}

/* Each stretch of pages of a log of 5 bytes, and each bit before it set. */
static void marks_each_stretch(struct kunit *test)
{
	u64 first, last, page;

	for (first = 0; first < 40; first++) {
		for (last = first; last < 40; last++) {
			struct marked *m = setup(test, 5);

			m->memory[GUARD] |= 0x81;
			m->want[GUARD] |= 0x81;
			for (page = first; page <= last; page++)
				want(m, page);
			KUNIT_ASSERT_TRUE(test, vpin_dirty_mark(&m->dirty,
								first * PAGE4K + 77,
								(last - first) * PAGE4K + 1));
			check(test, m);
		}
	}
}

/* V15: of logs of each size, with stretches that begin and end everywhere. */
static void v15_nothing_beyond_the_log(struct kunit *test)
{
	u64 size, first, nr, page;

	for (size = 1; size <= 9; size++) {
		for (first = 0; first < 80; first++) {
			for (nr = 1; nr < 80; nr += 3) {
				struct marked *m = setup(test, size);

				for (page = first; page < first + nr; page++)
					want(m, page);
				KUNIT_ASSERT_EQ(test,
						vpin_dirty_mark(&m->dirty,
								first * PAGE4K,
								nr * PAGE4K),
						first + nr <= size * 8);
				KUNIT_ASSERT_EQ(test, memcmp(m->memory, m->want,
							     sizeof(m->want)), 0);
			}
		}
	}
}

static int marked_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct marked), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static struct kunit_case vpin_dirty_cases[] = {
	KUNIT_CASE_PARAM(marks_what_was_written, mark_gen_params),
	KUNIT_CASE(marks_each_stretch),
	KUNIT_CASE(v15_nothing_beyond_the_log),
	{}
};

static struct kunit_suite vpin_dirty_suite = {
	.name = "vpin_dirty",
	.init = marked_init,
	.test_cases = vpin_dirty_cases,
};
kunit_test_suite(vpin_dirty_suite);

/* Memory of the process that a test is. */
#define USER_PAGES	3UL

static unsigned long user_mmap(struct kunit *test, int prot)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, USER_PAGES << PAGE_SHIFT, prot,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!addr)
		kunit_skip(test, "this kernel gives no process to a module's tests");
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/*
 * A log that begins and ends inside of pages: bits are set where the process has
 * them, and its pages are charged while it is there.
 */
static void log_of_a_process(struct kunit *test)
{
	struct vpin_mem *mem = test->priv;
	unsigned long addr = user_mmap(test, PROT_READ | PROT_WRITE);
	u64 size = PAGE_SIZE + 2 * 4001, charged, bit = size * 8 - 1;
	struct vpin_dirty *dirty;
	u8 bytes[2] = {};

	KUNIT_ASSERT_EQ(test, vpin_mem_bind(mem), 0);
	charged = atomic64_read(&current->mm->pinned_vm);
	dirty = vpin_dirty_create(mem, addr + 95, size);
	KUNIT_ASSERT_FALSE(test, IS_ERR(dirty));
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&current->mm->pinned_vm),
			charged + USER_PAGES);
	KUNIT_EXPECT_TRUE(test, vpin_dirty_mark(dirty, 3 * PAGE4K, 1));
	KUNIT_EXPECT_TRUE(test, vpin_dirty_mark(dirty, bit * PAGE4K, 1));
	KUNIT_EXPECT_FALSE(test, vpin_dirty_mark(dirty, (bit + 1) * PAGE4K, 1));
	vpin_dirty_destroy(dirty);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&current->mm->pinned_vm), charged);
	KUNIT_EXPECT_EQ(test, copy_from_user(&bytes[0], (void __user *)addr + 95, 1),
			0UL);
	KUNIT_EXPECT_EQ(test, bytes[0], 1 << 3);
	KUNIT_EXPECT_EQ(test, copy_from_user(bytes, (void __user *)addr + 95 + size - 1,
					     2), 0UL);
	KUNIT_EXPECT_EQ(test, bytes[0], 0x80);
	KUNIT_EXPECT_EQ(test, bytes[1], 0);
}

static int create_error(struct vpin_mem *mem, u64 uaddr, u64 size)
{
	struct vpin_dirty *dirty = vpin_dirty_create(mem, uaddr, size);

	if (!IS_ERR(dirty))
		vpin_dirty_destroy(dirty);
	return PTR_ERR_OR_ZERO(dirty);
}

/* V15: sizes that wrap, and memory that is none. */
static void v15_no_such_log(struct kunit *test)
{
	struct vpin_mem *mem = test->priv;
	unsigned long addr = user_mmap(test, PROT_READ);
	u64 charged = atomic64_read(&current->mm->pinned_vm);

	KUNIT_EXPECT_EQ(test, create_error(mem, addr, 8), -EPERM);
	KUNIT_ASSERT_EQ(test, vpin_mem_bind(mem), 0);
	KUNIT_EXPECT_EQ(test, create_error(mem, 0, 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, create_error(mem, addr, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, create_error(mem, addr, U64_MAX), -EINVAL);
	KUNIT_EXPECT_EQ(test, create_error(mem, addr, -(u64)addr), -EINVAL);
	KUNIT_EXPECT_EQ(test, create_error(mem, U64_MAX - 7, 8), -EINVAL);
	KUNIT_EXPECT_EQ(test, create_error(mem, (u64)&mem, 8), -EFAULT);
	KUNIT_EXPECT_EQ(test, create_error(mem, addr, 8), -EFAULT);
	KUNIT_EXPECT_EQ(test, create_error(mem, addr + (USER_PAGES << PAGE_SHIFT) - 1,
					   2), -EFAULT);
	KUNIT_EXPECT_EQ(test, (u64)atomic64_read(&current->mm->pinned_vm), charged);
}

static int user_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct vpin_mem), GFP_KERNEL);
	return test->priv ? vpin_mem_init(test->priv) : -ENOMEM;
}

static void user_exit(struct kunit *test)
{
	if (test->priv)
		vpin_mem_fini(test->priv);
}

static struct kunit_case vpin_dirty_user_cases[] = {
	KUNIT_CASE(log_of_a_process),
	KUNIT_CASE(v15_no_such_log),
	{}
};

static struct kunit_suite vpin_dirty_user_suite = {
	.name = "vpin_dirty_user",
	.init = user_init,
	.exit = user_exit,
	.test_cases = vpin_dirty_user_cases,
};
kunit_test_suite(vpin_dirty_user_suite);

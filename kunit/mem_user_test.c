// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space on memory of a process: pinned, charged, and given back.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include "owner.h"

static u32 nr_failed(struct owner *owner)
{
	struct vpin_snap *snap = vpin_mem_snap(&owner->mem);
	u32 nr = snap->nr_failed;

	vpin_snap_put(snap);
	return nr;
}

/* What the process writes the device reads, and the other way around. */
static void map_shares_memory(struct kunit *test)
{
	struct owner *owner = setup(test);
	static struct vpin_hint hint;
	struct vpin_snap *snap;
	char buf[32] = "";

	KUNIT_ASSERT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, owner->addr), 0);
	KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)owner->addr + 4090,
					   "from the process", 17), 0UL);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + 4090, buf, 17), 0);
	KUNIT_EXPECT_STREQ(test, buf, "from the process");

	snap = vpin_mem_snap(&owner->mem);
	KUNIT_EXPECT_EQ(test, vpin_snap_write(snap, &hint, GPA + 8190,
					      "from the device", 16), 0);
	vpin_snap_put(snap);
	KUNIT_ASSERT_EQ(test, copy_from_user(buf, (void __user *)owner->addr + 8190,
					     16), 0UL);
	KUNIT_EXPECT_STREQ(test, buf, "from the device");
}

struct charge_case {
	u32 offset;
	u32 size;
	s64 pages;
};

static const struct charge_case charge_cases[] = {
	{ 0, 1, 1 }, { 0, 4096, 1 }, { 0, 4097, 2 }, { 4095, 1, 1 },
	{ 4095, 2, 2 }, { 4095, 4097, 2 }, { 4095, 4098, 3 },
	{ 1, 4096, 2 }, { 100, 8000, 2 }, { 0, 65536, 16 },
};

static void charge_case_name(const struct charge_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u bytes at %u", c->size,
		 c->offset);
}
KUNIT_ARRAY_PARAM(charge, charge_cases, charge_case_name);

/* Each page that is touched counts once: 2 bytes at 4095 are 2 pages. */
static void charged_to_the_page(struct kunit *test)
{
	const struct charge_case *c = test->param_value;
	struct owner *owner = setup(test);
	u8 byte;

	KUNIT_ASSERT_EQ(test, map(owner, GPA + 3, c->size, owner->addr + c->offset),
			0);
	KUNIT_EXPECT_EQ(test, charged(owner), c->pages);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + 2, &byte, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + 3, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + 3 + c->size - 1, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + 3 + c->size, &byte, 1),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA + 3, 1), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

/* The same memory at two addresses is pinned twice, and charged twice. */
static void mapped_twice_is_charged_twice(struct kunit *test)
{
	struct owner *owner = setup(test);

	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 4LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
}

/* While a snapshot is held its pages are pinned, whatever the VMM unmaps. */
static void unmap_unpins_with_the_last_snapshot(struct kunit *test)
{
	struct owner *owner = setup(test);
	static struct vpin_hint hint;
	struct vpin_snap *held;
	struct folio *folio;
	u64 len = 1;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_4K, owner->addr), 0);
	held = vpin_mem_snap(&owner->mem);
	folio = virt_to_folio(vpin_snap_resolve(held, &hint, GPA, &len,
						VPIN_PERM_READ));
	folio_get(folio);
	KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(folio));
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_4K), 0);
	KUNIT_EXPECT_TRUE(test, folio_maybe_dma_pinned(folio));
	KUNIT_EXPECT_EQ(test, charged(owner), 1LL);
	vpin_snap_put(held);
	KUNIT_EXPECT_FALSE(test, folio_maybe_dma_pinned(folio));
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	folio_put(folio);
}

/* All is given back when the address space goes, also what an open batch has. */
static void fini_gives_all_back(struct kunit *test)
{
	struct owner *owner = setup(test);
	struct vpin_mem mem;

	KUNIT_ASSERT_EQ(test, vpin_mem_init(&mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_bind(&mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&mem, GPA, SZ_4K, owner->addr,
					   VPIN_PERM_RW), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&mem, GPA + SZ_4K, SZ_8K, owner->addr,
					   VPIN_PERM_RW), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&mem, GPA + SZ_1M, SZ_4K, 0,
					   VPIN_PERM_RW), -EFAULT);
	KUNIT_EXPECT_EQ(test, charged(owner), 3LL);
	vpin_mem_fini(&mem);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

struct map_case {
	const char *name;
	u64 gpa;
	u64 size;
	u32 perm;
	int want;
};

/* Mapped are 2 pages at GPA. */
static const struct map_case map_cases[] = {
	{ "no byte", GPA + SZ_1M, 0, VPIN_PERM_RW, -EINVAL },
	{ "no permission", GPA + SZ_1M, SZ_4K, 0, -EINVAL },
	{ "unknown permission", GPA + SZ_1M, SZ_4K, 4 | VPIN_PERM_RW, -EINVAL },
	{ "wraps", U64_MAX, 2, VPIN_PERM_RW, -EINVAL },
	{ "wraps by much", SZ_4K, U64_MAX, VPIN_PERM_RW, -EINVAL },
	{ "the last byte there is", U64_MAX, 1, VPIN_PERM_RW, 0 },
	{ "overlaps at the front", GPA - 1, 2, VPIN_PERM_RW, -EEXIST },
	{ "overlaps inside", GPA + 100, 1, VPIN_PERM_RW, -EEXIST },
	{ "overlaps at the end", GPA + SZ_8K - 1, 1, VPIN_PERM_RW, -EEXIST },
	{ "adjacent before", GPA - SZ_4K, SZ_4K, VPIN_PERM_RW, 0 },
	{ "adjacent behind", GPA + SZ_8K, SZ_4K, VPIN_PERM_RW, 0 },
	{ "to read only", GPA + SZ_1M, SZ_4K, VPIN_PERM_READ, 0 },
	{ "to write only", GPA + SZ_1M, SZ_4K, VPIN_PERM_WRITE, 0 },
};
KUNIT_ARRAY_PARAM_DESC(map, map_cases, name);

/* What is refused is not charged, and is no failed map, either. */
static void map_checks_its_arguments(struct kunit *test)
{
	const struct map_case *c = test->param_value;
	struct owner *owner = setup(test);

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&owner->mem, c->gpa, c->size,
					   owner->addr + SZ_8K, c->perm), c->want);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 0U);
	if (c->want)
		KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	else
		KUNIT_EXPECT_GT(test, charged(owner), 2LL);
}

static void unmap_checks_its_arguments(struct kunit *test)
{
	struct owner *owner = setup(test);

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, U64_MAX, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA + SZ_8K, SZ_1M), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, 0, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

/* Before VHOST_SET_OWNER there is no one whose memory it could be. */
static void nothing_without_an_owner(struct kunit *test)
{
	struct owner *owner = test->priv;
	unsigned long addr = user_mmap(test, 1, PROT_READ | PROT_WRITE);

	KUNIT_EXPECT_FALSE(test, vpin_mem_is_owner(&owner->mem));
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_4K, addr), -EPERM);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_4K), -EPERM);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), -EPERM);
}

static void bind_once(struct kunit *test)
{
	struct owner *owner = setup(test);

	KUNIT_EXPECT_TRUE(test, vpin_mem_is_owner(&owner->mem));
	KUNIT_EXPECT_EQ(test, vpin_mem_bind(&owner->mem), -EBUSY);
	KUNIT_EXPECT_TRUE(test, vpin_mem_is_owner(&owner->mem));
}

struct stranger {
	struct work_struct work;
	struct owner *owner;
	int map;
	bool is_owner;
};

static void stranger_map(struct work_struct *work)
{
	struct stranger *s = container_of(work, struct stranger, work);

	s->is_owner = vpin_mem_is_owner(&s->owner->mem);
	s->map = map(s->owner, GPA, SZ_4K, s->owner->addr);
}

/* Who has the file but is not the owner maps nothing: his addresses differ. */
static void map_by_a_stranger(struct kunit *test)
{
	struct owner *owner = setup(test);
	struct stranger s = { .owner = owner };

	INIT_WORK_ONSTACK(&s.work, stranger_map);
	queue_work(system_unbound_wq, &s.work);
	flush_work(&s.work);
	destroy_work_on_stack(&s.work);
	KUNIT_EXPECT_EQ(test, s.map, -EPERM);
	KUNIT_EXPECT_FALSE(test, s.is_owner);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

/* A batch is seen at its end, as one; what it unmapped is pinned until then. */
static void batch_is_seen_at_its_end(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_8K, owner->addr), 0);
	/* Begun already: it goes on. */
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_1M, &byte, 1), -EFAULT);
	/* What went need not be charged until the end, what came must be. */
	KUNIT_EXPECT_GE(test, charged(owner), 2LL);

	vpin_mem_batch_end(&owner->mem);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_1M, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	/* Without a batch its end means nothing. */
	vpin_mem_batch_end(&owner->mem);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_1M, &byte, 1), 0);
}

/* In one batch: the same address unmapped and mapped to other memory. */
static void batch_replaces_a_range(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte = 0;

	KUNIT_ASSERT_EQ(test, put_user(1, (u8 __user *)owner->addr), 0);
	KUNIT_ASSERT_EQ(test, put_user(2, (u8 __user *)owner->addr + SZ_4K), 0);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_4K, owner->addr + SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 1);
	vpin_mem_batch_end(&owner->mem);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 2);
}

/* A hole in the middle of 16 pages: nothing of it is mapped or charged. */
static void failed_map_is_remembered(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte;

	KUNIT_ASSERT_EQ(test, vm_munmap(owner->addr + 5 * SZ_4K, SZ_4K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, PAGES << PAGE_SHIFT, owner->addr),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 1U);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), -EFAULT);
}

/* Mapped again where it failed, with memory that is there. */
static void failed_map_is_repaired_by_a_map(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte;

	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_8K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 2U);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 1U);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	/* A part of it is enough, and failing again is one failure. */
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 1U);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 0U);
}

static void failed_map_is_repaired_by_an_unmap(struct kunit *test)
{
	struct owner *owner = setup(test);

	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 0U);
}

/* Forgetting failures leaves what is mapped alone. */
static void failed_maps_are_forgiven(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte;

	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_4K, SZ_4K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, 0), -EFAULT);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 2U);
	KUNIT_EXPECT_EQ(test, vpin_mem_forgive(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 0U);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_forgive(&owner->mem), 0);
}

/* What the process itself may not do with its memory, it cannot let us do. */
static void map_needs_the_process_to_have_access(struct kunit *test)
{
	struct owner *owner = setup(test);
	unsigned long none = user_mmap(test, 1, PROT_NONE);
	unsigned long ro = user_mmap(test, 1, PROT_READ);

	KUNIT_EXPECT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, none,
					   VPIN_PERM_READ), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, ro,
					   VPIN_PERM_RW), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, ro,
					   VPIN_PERM_WRITE), -EFAULT);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	KUNIT_EXPECT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, ro,
					   VPIN_PERM_READ), 0);
	KUNIT_EXPECT_EQ(test, nr_failed(owner), 0U);
	KUNIT_EXPECT_EQ(test, charged(owner), 1LL);
}

/* Memory that the device may only read, never touched before it was mapped. */
static void read_only_map_sees_later_writes(struct kunit *test)
{
	struct owner *owner = setup(test);
	u8 byte = 0;

	KUNIT_ASSERT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K, owner->addr,
					   VPIN_PERM_READ), 0);
	KUNIT_ASSERT_EQ(test, put_user(7, (u8 __user *)owner->addr), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, byte, 7);
}

struct pin_case {
	const char *name;
	u64 uaddr;
	u64 size;
	int want;
};

static const struct pin_case pin_cases[] = {
	{ "address and size wrap", U64_MAX, 2, -EINVAL },
	{ "size is all there is", SZ_4K, U64_MAX, -EINVAL },
	{ "the kernel's half", 0xffff888000000000, SZ_4K, -EFAULT },
	{ "the last page there is", U64_MAX - 4095, SZ_4K - 1, -EFAULT },
	{ "page 0", 0, SZ_4K, -EFAULT },
	{ "into the kernel's half", SZ_4K, 0xffff888000000000, -EFAULT },
};
KUNIT_ARRAY_PARAM_DESC(pin, pin_cases, name);

static void pin_of_what_is_no_user_memory(struct kunit *test)
{
	const struct pin_case *c = test->param_value;
	struct owner *owner = setup(test);
	struct vpin_pin *pin;

	pin = vpin_pin_create(owner->mm, c->uaddr, c->size, true, NULL, false);
	KUNIT_EXPECT_PTR_EQ(test, pin, ERR_PTR(c->want));
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

/* More than the machine has is refused before anything is allocated for it. */
static void pin_of_more_than_the_machine_has(struct kunit *test)
{
	u64 size = (totalram_pages() + 1) << PAGE_SHIFT;
	struct owner *owner = setup(test);
	struct vpin_pin *pin;

	pin = vpin_pin_create(owner->mm, owner->addr, size, true, NULL, false);
	KUNIT_EXPECT_PTR_EQ(test, pin, ERR_PTR(-ENOMEM));
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
}

/* Wherever the machine has put the pages, each is found. */
static void pages_that_are_anywhere(struct kunit *test)
{
	struct owner *owner = setup(test);
	struct vpin_range range = { .last = (PAGES << PAGE_SHIFT) - 1,
				    .perm = VPIN_PERM_READ };
	struct vpin_snap *empty, *snap;
	struct vpin_pin *pin;
	unsigned long i;

	/* Pages that are touched in turns from both ends come as they come. */
	for (i = 0; i < PAGES; i++) {
		unsigned long page = i % 2 ? i / 2 : PAGES - 1 - i / 2;

		KUNIT_ASSERT_EQ(test, put_user(page + 1, (u8 __user *)owner->addr +
					       (page << PAGE_SHIFT)), 0);
	}
	pin = vpin_pin_create(owner->mm, owner->addr, PAGES << PAGE_SHIFT,
			      true, NULL, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(pin));
	KUNIT_EXPECT_EQ(test, pin->nr_pages, PAGES);

	empty = vpin_snap_empty();
	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	range.pin = pin;
	range.offset = owner->addr % VPIN_CHUNK_SIZE;
	snap = vpin_snap_insert(empty, &range);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < PAGES; i++) {
		u8 byte;

		KUNIT_EXPECT_EQ(test, vpin_snap_read(snap, NULL, i << PAGE_SHIFT,
						     &byte, 1), 0);
		KUNIT_EXPECT_EQ(test, byte, i + 1);
	}
	vpin_snap_put(snap);
	vpin_snap_put(empty);
	vpin_pin_put(pin);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	/* To put nothing is fine. */
	vpin_pin_put(NULL);
}

/* From here on this test's thread is an ordinary user's. */
static void drop_ipc_lock(struct kunit *test, unsigned long pages)
{
	struct cred *cred = prepare_creds();

	KUNIT_ASSERT_NOT_NULL(test, cred);
	cap_lower(cred->cap_effective, CAP_IPC_LOCK);
	commit_creds(cred);
	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = pages << PAGE_SHIFT;
}

/* 3 pages are allowed: 2 and 1 fit, a fourth does not, and is not charged. */
static void memlock_limit_to_the_page(struct kunit *test)
{
	struct owner *owner = setup(test);

	drop_ipc_lock(test, charged(owner) + owner->pinned + 3);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, 4 * SZ_4K, owner->addr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_8K, owner->addr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 3LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_8K, 1, owner->addr), -ENOMEM);
	/* What is given back can be had again. */
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 3LL);
}

/*
 * 2 pages are allowed and mapped.  A batch may replace both, though they are
 * held until it ends, and not one page more.  A reader that goes on holding the
 * old ones is charged for beside the new.
 */
static void memlock_of_a_batch_that_replaces_all(struct kunit *test)
{
	struct owner *owner = setup(test);
	struct vpin_snap *held;

	drop_ipc_lock(test, owner->pinned + 2);
	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	held = vpin_mem_snap(&owner->mem);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, owner->addr),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, 0, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr + SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, 1, owner->addr), -ENOMEM);
	/* Mapped and unmapped in the same batch: no more is to be had by it. */
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, 0, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr + SZ_8K), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, 1, owner->addr), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vpin_mem_forgive(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_end(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 4LL);
	vpin_snap_put(held);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
}

/* A hole at the end of 3 pages: the limit is as free as before. */
static void memlock_after_failed_maps(struct kunit *test)
{
	struct owner *owner = setup(test);
	int i;

	KUNIT_ASSERT_EQ(test, vm_munmap(owner->addr + SZ_8K, SZ_4K), 0);
	drop_ipc_lock(test, owner->pinned + 3);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, map(owner, GPA, 3 * SZ_4K, owner->addr),
				-EFAULT);
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
}

/* Who has CAP_IPC_LOCK has no limit, and is charged all the same. */
static void memlock_with_the_capability(struct kunit *test)
{
	struct owner *owner = setup(test);

	current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = 0;
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
}

/* Who follows an address space: says no, or counts what it sees. */
static struct {
	int error;
	unsigned int prepared;
	unsigned int committed;
} follower;

static int follow_prepare(struct vpin_mem *mem, struct vpin_snap *next)
{
	follower.prepared++;
	return follower.error;
}

static void follow_commit(struct vpin_mem *mem)
{
	follower.committed++;
}

static const struct vpin_mem_ops follower_ops = {
	.prepare = follow_prepare,
	.commit = follow_commit,
};

static struct owner *setup_followed(struct kunit *test)
{
	struct owner *owner = setup(test);

	memset(&follower, 0, sizeof(follower));
	owner->mem.ops = &follower_ops;
	return owner;
}

/* S10: who follows cannot: all is as before, and a map that was refused a hole. */
static void s10_change_that_cannot_be_followed(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	struct vpin_snap *snap;
	u8 byte;

	KUNIT_ASSERT_EQ(test, map(owner, GPA, SZ_8K, owner->addr), 0);
	follower.error = -ENOMEM;
	snap = owner->mem.snap;
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), -ENOMEM);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, owner->addr), -ENOMEM);
	KUNIT_EXPECT_PTR_EQ(test, owner->mem.snap, snap);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_1M, &byte, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, follower.committed, 1U);
	KUNIT_EXPECT_TRUE(test, vpin_mem_has_holes(&owner->mem));

	/* A batch stays open, with its charge, and can be ended later. */
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_1M, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_end(&owner->mem), -ENOMEM);
	KUNIT_EXPECT_PTR_EQ(test, owner->mem.snap, snap);
	KUNIT_EXPECT_EQ(test, charged(owner), 2LL);
	follower.error = 0;
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_end(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, charged(owner), 1LL);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA + SZ_1M, &byte, 1), 0);
	KUNIT_EXPECT_EQ(test, user_read(owner, GPA, &byte, 1), -EFAULT);
	/* The map repaired it. */
	KUNIT_EXPECT_FALSE(test, vpin_mem_has_holes(&owner->mem));
}

/* S10: a batch in which all comes in no order, over and between what was there. */
static void s10_batch_sorts(struct kunit *test)
{
	struct owner *owner = setup_followed(test);
	struct vpin_snap *snap;
	u32 i, wrong = 0;

	for (i = 0; i < 32; i++)
		KUNIT_ASSERT_EQ(test, map(owner, GPA + i * SZ_64K, SZ_4K,
					  owner->addr), 0);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_begin(&owner->mem), 0);
	/* Every other goes, and is mapped elsewhere, and once more. */
	for (i = 0; i < 32; i += 2)
		KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA + i * SZ_64K,
						     1), 0);
	for (i = 0; i < 64; i++) {
		u64 gpa = GPA + SZ_8K + (i * 37 % 64) * (u64)SZ_64K;

		KUNIT_EXPECT_EQ(test, map(owner, gpa, SZ_4K, owner->addr + SZ_4K), 0);
		KUNIT_EXPECT_EQ(test, map(owner, gpa + 1, 1, owner->addr), -EEXIST);
	}
	KUNIT_EXPECT_EQ(test, map(owner, GPA, SZ_4K, owner->addr), 0);
	KUNIT_EXPECT_EQ(test, map(owner, GPA + SZ_64K, 1, owner->addr), -EEXIST);
	KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA + SZ_8K, 1), 0);
	KUNIT_EXPECT_EQ(test, follower.committed, 32U);
	KUNIT_EXPECT_EQ(test, vpin_mem_batch_end(&owner->mem), 0);
	KUNIT_EXPECT_EQ(test, follower.committed, 33U);

	snap = vpin_mem_snap(&owner->mem);
	KUNIT_EXPECT_EQ(test, snap->nr, 16U + 64 - 1 + 1);
	for (i = 1; i < snap->nr; i++)
		wrong += snap->ranges[i].first <= snap->ranges[i - 1].last;
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, snap->size, snap->nr * (u64)SZ_4K);
	KUNIT_EXPECT_EQ(test, charged(owner), (s64)snap->nr);
	vpin_snap_put(snap);
}

/* What the device may have written is dirty when it is unpinned. */
static void unmap_marks_dirty(struct kunit *test)
{
	struct owner *owner = setup(test);
	static struct vpin_hint hint;
	struct vpin_snap *snap;
	struct folio *folio;
	u64 len = 1;
	u32 i;

	for (i = 0; i < 2; i++) {
		KUNIT_ASSERT_EQ(test, vpin_mem_map(&owner->mem, GPA, SZ_4K,
						   owner->addr + i * SZ_4K,
						   i ? VPIN_PERM_RW :
						       VPIN_PERM_READ), 0);
		snap = vpin_mem_snap(&owner->mem);
		folio = virt_to_folio(vpin_snap_resolve(snap, &hint, GPA, &len,
							VPIN_PERM_READ));
		folio_get(folio);
		vpin_snap_put(snap);
		folio_clear_dirty(folio);
		KUNIT_EXPECT_EQ(test, vpin_mem_unmap(&owner->mem, GPA, 1), 0);
		KUNIT_EXPECT_EQ(test, folio_test_dirty(folio), i == 1);
		folio_put(folio);
	}
}

static struct kunit_case vpin_mem_user_cases[] = {
	KUNIT_CASE(map_shares_memory),
	KUNIT_CASE_PARAM(charged_to_the_page, charge_gen_params),
	KUNIT_CASE(mapped_twice_is_charged_twice),
	KUNIT_CASE(unmap_unpins_with_the_last_snapshot),
	KUNIT_CASE(fini_gives_all_back),
	KUNIT_CASE_PARAM(map_checks_its_arguments, map_gen_params),
	KUNIT_CASE(unmap_checks_its_arguments),
	KUNIT_CASE(nothing_without_an_owner),
	KUNIT_CASE(bind_once),
	KUNIT_CASE(map_by_a_stranger),
	KUNIT_CASE(batch_is_seen_at_its_end),
	KUNIT_CASE(batch_replaces_a_range),
	KUNIT_CASE(failed_map_is_remembered),
	KUNIT_CASE(failed_map_is_repaired_by_a_map),
	KUNIT_CASE(failed_map_is_repaired_by_an_unmap),
	KUNIT_CASE(failed_maps_are_forgiven),
	KUNIT_CASE(map_needs_the_process_to_have_access),
	KUNIT_CASE(read_only_map_sees_later_writes),
	KUNIT_CASE_PARAM(pin_of_what_is_no_user_memory, pin_gen_params),
	KUNIT_CASE(pin_of_more_than_the_machine_has),
	KUNIT_CASE(pages_that_are_anywhere),
	KUNIT_CASE(memlock_limit_to_the_page),
	KUNIT_CASE(memlock_of_a_batch_that_replaces_all),
	KUNIT_CASE(memlock_after_failed_maps),
	KUNIT_CASE(memlock_with_the_capability),
	KUNIT_CASE(s10_change_that_cannot_be_followed),
	KUNIT_CASE(s10_batch_sorts),
	KUNIT_CASE(unmap_marks_dirty),
	{}
};

static struct kunit_suite vpin_mem_user_suite = {
	.name = "vpin_mem_user",
	.init = owner_init,
	.exit = owner_exit,
	.test_cases = vpin_mem_user_cases,
};
kunit_test_suite(vpin_mem_user_suite);

/* SPDX-License-Identifier: GPL-2.0-only */
/* A process and the address space that it maps: the test's own. */
#ifndef _VPIN_KUNIT_OWNER_H
#define _VPIN_KUNIT_OWNER_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include "fixture.h"

#define GPA	0x40000000ULL

/**
 * struct owner - a process and the address space that it maps
 * @mem: the address space
 * @mm: the process
 * @pinned: pages charged to it before the test
 * @addr: 16 pages of its memory
 */
struct owner {
	struct vpin_mem mem;
	struct mm_struct *mm;
	u64 pinned;
	unsigned long addr;
};

#define PAGES	16UL

/* Memory of the process that this test is. */
static inline unsigned long user_mmap(struct kunit *test, unsigned long pages, int prot)
{
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, pages << PAGE_SHIFT, prot,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!addr)
		kunit_skip(test, "this kernel gives no process to a module's tests");
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

/* Bound to the test's own process, with memory that has all permissions. */
static inline struct owner *setup(struct kunit *test)
{
	struct owner *owner = test->priv;

	owner->addr = user_mmap(test, PAGES, PROT_READ | PROT_WRITE);
	owner->mm = current->mm;
	mmgrab(owner->mm);
	owner->pinned = atomic64_read(&owner->mm->pinned_vm);
	KUNIT_ASSERT_EQ(test, vpin_mem_bind(&owner->mem), 0);
	return owner;
}

/* Pages charged since the test began. */
static inline s64 charged(const struct owner *owner)
{
	return atomic64_read(&owner->mm->pinned_vm) - owner->pinned;
}

static inline int map(struct owner *owner, u64 gpa, u64 size, u64 uaddr)
{
	return vpin_mem_map(&owner->mem, gpa, size, uaddr, VPIN_PERM_RW);
}

static inline int user_read(struct owner *owner, u64 gpa, void *to, u64 len)
{
	struct vpin_snap *snap = vpin_mem_snap(&owner->mem);
	static struct vpin_hint hint;
	int ret = vpin_snap_read(snap, &hint, gpa, to, len);

	vpin_snap_put(snap);
	return ret;
}

static inline int user_write(struct owner *owner, u64 gpa, const void *from,
			     u64 len)
{
	struct vpin_snap *snap = vpin_mem_snap(&owner->mem);
	int ret = vpin_snap_write(snap, NULL, gpa, from, len);

	vpin_snap_put(snap);
	return ret;
}

/* A suite's init. */
static inline int owner_init(struct kunit *test)
{
	struct owner *owner = kunit_kzalloc(test, sizeof(*owner), GFP_KERNEL);

	if (!owner)
		return -ENOMEM;
	test->priv = owner;
	return vpin_mem_init(&owner->mem);
}

/* A suite's exit.  The charge is the test's own affair, but none is left in the end. */
static inline void owner_exit(struct kunit *test)
{
	struct owner *owner = test->priv;

	if (!owner)
		return;
	vpin_mem_fini(&owner->mem);
	if (!owner->mm)
		return;
	KUNIT_EXPECT_EQ(test, charged(owner), 0LL);
	mmdrop(owner->mm);
}

#endif /* _VPIN_KUNIT_OWNER_H */

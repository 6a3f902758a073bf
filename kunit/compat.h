/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the KUnits of the supported kernels.  The suites read as
 * if only the newest one existed.
 */
#ifndef _VPIN_KUNIT_COMPAT_H
#define _VPIN_KUNIT_COMPAT_H

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/mman.h>
#include <linux/shmem_fs.h>
#include <linux/string.h>
#include <linux/version.h>

#ifndef KUNIT_EXPECT_MEMEQ				/* 6.2 */
#define KUNIT_EXPECT_MEMEQ(test, left, right, size) \
	KUNIT_EXPECT_EQ(test, memcmp(left, right, size), 0)
#endif

#ifndef KUNIT_ARRAY_PARAM_DESC				/* 6.8 */
#define KUNIT_ARRAY_PARAM_DESC(name, array, member) \
	static void name##_param_desc(typeof(&(array)[0]) param, char *desc) \
	{ \
		strscpy(desc, param->member, KUNIT_PARAM_DESC_SIZE); \
	} \
	KUNIT_ARRAY_PARAM(name, array, name##_param_desc)
#endif

/* A regular file of zeroes.  Flags of mappings became a type in 7.0. */
static inline struct file *vpin_test_file(loff_t size)
{
#ifdef EMPTY_VMA_FLAGS
	return shmem_file_setup("vpin-test", size, EMPTY_VMA_FLAGS);
#else
	return shmem_file_setup("vpin-test", size, 0);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)

#ifdef MODULE
/* mm_alloc() is not for modules there. */
static inline unsigned long kunit_vm_mmap(struct kunit *test, struct file *file,
					  unsigned long addr, unsigned long len,
					  unsigned long prot,
					  unsigned long flag,
					  unsigned long offset)
{
	return 0;
}
#else
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

/* A test runs in a kernel thread of its own: the mm goes when that ends. */
static inline unsigned long kunit_vm_mmap(struct kunit *test, struct file *file,
					  unsigned long addr, unsigned long len,
					  unsigned long prot,
					  unsigned long flag,
					  unsigned long offset)
{
	unsigned long got;

	if (!current->mm) {
		struct mm_struct *mm = mm_alloc();

		if (!mm)
			return 0;
		mm->task_size = TASK_SIZE;
		arch_pick_mmap_layout(mm, &current->signal->rlim[RLIMIT_STACK]);
		kthread_use_mm(mm);
	}
	got = vm_mmap(file, addr, len, prot, flag, offset);
	return IS_ERR_VALUE(got) ? 0 : got;
}
#endif /* MODULE */

#endif /* < 6.11 */

#endif /* _VPIN_KUNIT_COMPAT_H */

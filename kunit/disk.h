/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk on a file in memory: what a suite of its requests begins and ends with. */
#ifndef _VPIN_KUNIT_DISK_H
#define _VPIN_KUNIT_DISK_H

#include <linux/err.h>
#include <linux/file.h>
#include <vpin/types.h>
#include "rig.h"

#define DISK		SZ_1M

/**
 * struct disk_test - a disk and its driver
 * @rig: the device; queue 0 is used
 * @file: what it is on
 */
struct disk_test {
	struct vpin_rig rig;
	struct file *file;
};

/* @flags: VPIN_ATTACH_* */
static inline int disk_test_attach(struct kunit *test, u64 flags)
{
	struct disk_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->file = vpin_test_file(DISK);
	if (IS_ERR(t->file))
		return PTR_ERR(t->file);
	test->priv = t;
	t->rig.args.flags = flags;
	memcpy(t->rig.args.serial, "vpin-test-disk-00001", VPIN_SERIAL_LEN);
	return vpin_rig_init(&t->rig, test, &vpin_blk_type, t->file);
}

/* A suite's init. */
static inline int disk_test_init(struct kunit *test)
{
	return disk_test_attach(test, 0);
}

/* A suite's exit. */
static inline void disk_test_exit(struct kunit *test)
{
	struct disk_test *t = test->priv;

	if (!t)
		return;
	vpin_rig_exit(&t->rig);
	fput(t->file);
}

#endif /* _VPIN_KUNIT_DISK_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk on a file that does as it is told: it takes less than it was given, says
 * that it would block, ends later, fails; and it keeps what it was asked for.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/uio.h>
#include <linux/virtio_blk.h>
#include <linux/workqueue.h>
#include <vpin/types.h>
#include "request.h"
#include "rig.h"

#define NUM		16
#define DISK		SZ_1M
#define HEADER		GUEST_NEXT
#define STATUS		(GUEST_NEXT + 16)
#define DATA		GUEST_BUF

#define S_OK		VIRTIO_BLK_S_OK
#define S_IOERR		VIRTIO_BLK_S_IOERR

/**
 * struct file_test - a disk, and how its file is to behave
 * @rig: the device; queue 0 is used
 * @file: the file
 * @real: the operations that it had before
 * @cred: who opened it
 * @most: bytes that are taken at a time, if not 0
 * @busy: attempts not to block fail
 * @later: what does not block ends later, with what @end says
 * @end: that result; 0 for what it really is
 * @error: what a transfer fails with, if not 0
 * @sync_error: what fsync fails with
 * @flags: of the last kiocb
 * @nr_tries: transfers that were not to block
 * @nr_blocking: transfers that might
 * @nr_syncs: calls of fsync
 * @nr_strangers: transfers with the rights of somebody else
 * @iocb: the one that ends later
 * @result: what it ends with
 * @work: ends it
 */
struct file_test {
	struct vpin_rig rig;
	struct file *file;
	const struct file_operations *real;
	const struct cred *cred;
	size_t most;
	bool busy;
	bool later;
	long end;
	int error;
	int sync_error;
	int flags;
	unsigned int nr_tries;
	unsigned int nr_blocking;
	unsigned int nr_syncs;
	unsigned int nr_strangers;
	struct kiocb *iocb;
	long result;
	struct work_struct work;
};

/* Of the test that runs: one at a time does. */
static struct file_test *file_test;

static void file_ends_later(struct work_struct *work)
{
	struct file_test *t = container_of(work, struct file_test, work);

	t->iocb->ki_complete(t->iocb, t->end ?: t->result);
}

static ssize_t file_transfer(struct kiocb *iocb, struct iov_iter *iter,
			     ssize_t (*real)(struct kiocb *, struct iov_iter *))
{
	struct file_test *t = file_test;
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	ssize_t ret;

	t->flags = iocb->ki_flags;
	t->nr_tries += nowait;
	t->nr_blocking += !nowait;
	t->nr_strangers += current_cred() != t->cred;
	if (nowait && t->busy)
		return -EAGAIN;
	if (t->error)
		return t->error;
	if (t->most)
		iov_iter_truncate(iter, t->most);
	iocb->ki_flags &= ~IOCB_NOWAIT;
	ret = real(iocb, iter);
	if (!nowait || !t->later)
		return ret;
	t->iocb = iocb;
	t->result = ret;
	schedule_work(&t->work);
	return -EIOCBQUEUED;
}

static ssize_t file_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return file_transfer(iocb, iter, file_test->real->read_iter);
}

static ssize_t file_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return file_transfer(iocb, iter, file_test->real->write_iter);
}

static int file_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	file_test->nr_syncs++;
	return file_test->sync_error;
}

static long file_fallocate(struct file *file, int mode, loff_t pos, loff_t len)
{
	return file_test->real->fallocate(file, mode, pos, len);
}

static const struct file_operations file_ops = {
	.read_iter = file_read_iter,
	.write_iter = file_write_iter,
	.fsync = file_fsync,
	.fallocate = file_fallocate,
};

static int file_test_init(struct kunit *test)
{
	struct file_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct cred *cred;

	if (!t)
		return -ENOMEM;
	t->file = vpin_test_file(DISK);
	if (IS_ERR(t->file))
		return PTR_ERR(t->file);
	INIT_WORK(&t->work, file_ends_later);
	t->real = t->file->f_op;
	t->file->f_op = &file_ops;
	t->file->f_mode |= FMODE_NOWAIT;
	t->file->f_flags |= O_NOATIME;
	cred = prepare_creds();
	if (!cred)
		return -ENOMEM;
	put_cred(t->file->f_cred);
	t->file->f_cred = cred;
	t->cred = cred;
	file_test = t;
	test->priv = t;
	return vpin_rig_init(&t->rig, test, &vpin_blk_type, t->file);
}

static void file_test_exit(struct kunit *test)
{
	struct file_test *t = test->priv;

	if (!t)
		return;
	vpin_rig_exit(&t->rig);
	flush_work(&t->work);
	t->file->f_op = t->real;
	fput(t->file);
}

/* Starts with all that is offered, but for some features. */
static struct file_test *start_without(struct kunit *test, u64 features)
{
	struct file_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(&t->rig, ~features), 0);
	vpin_rig_run(&t->rig, NUM, 0);
	vpin_guest_fill(t->rig.guest, DATA, SZ_8K);
	return t;
}

static struct file_test *start(struct kunit *test)
{
	return start_without(test, 0);
}

static u8 request(struct kunit *test, u32 type, u64 sector, u32 len)
{
	struct file_test *t = test->priv;
	struct vpin_driver *d = &t->rig.drivers[0];
	u8 status = 0xee;

	vpin_request_header(t->rig.guest, HEADER, type, sector);
	vpin_guest_write(t->rig.guest, STATUS, &status, 1);
	vpin_driver_desc(d, 0, HEADER, 16, D_NEXT, 1);
	vpin_driver_desc(d, 1, DATA, len, D_NEXT | (type & 1 ? 0 : D_WRITE), 2);
	vpin_driver_desc(d, 2, STATUS, 1, D_WRITE, 0);
	vpin_driver_offer(d, 0);
	vpin_rig_kick(&t->rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(&t->rig, 0, d->idx));
	vpin_guest_read(t->rig.guest, STATUS, &status, 1);
	return status;
}

static u8 zeroes(struct kunit *test)
{
	struct file_test *t = test->priv;

	vpin_request_range(t->rig.guest, DATA, 8, 8, 0);
	return request(test, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
}

/* 8 KiB out, and then in, where they were spoilt meanwhile. */
static void check_out_and_in(struct kunit *test)
{
	struct file_test *t = test->priv;
	u32 i, wrong = 0;

	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 8, SZ_8K), S_OK);
	memset(vpin_guest_ptr(t->rig.guest, DATA), 0, SZ_4K);
	memset(vpin_guest_ptr(t->rig.guest, DATA + SZ_4K), 0, SZ_4K);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 8, SZ_8K), S_OK);
	for (i = 0; i < SZ_8K; i++)
		wrong += *(u8 *)vpin_guest_ptr(t->rig.guest, DATA + i) !=
			 vpin_guest_pattern(DATA + i);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void what_does_not_block(struct kunit *test)
{
	struct file_test *t = start(test);

	check_out_and_in(test);
	KUNIT_EXPECT_EQ(test, t->nr_tries, 2U);
	KUNIT_EXPECT_EQ(test, t->nr_blocking, 0U);
}

static void what_would_block(struct kunit *test)
{
	struct file_test *t = start(test);

	t->busy = true;
	check_out_and_in(test);
	KUNIT_EXPECT_EQ(test, t->nr_tries, 2U);
	KUNIT_EXPECT_EQ(test, t->nr_blocking, 2U);
}

static void t06_with_the_rights_of_the_opener(struct kunit *test)
{
	struct file_test *t = start(test);

	check_out_and_in(test);
	t->busy = true;
	check_out_and_in(test);
	KUNIT_EXPECT_EQ(test, t->nr_strangers, 0U);
}

/* In pieces of 700 bytes: each time what is left. */
static void less_than_it_was_given(struct kunit *test)
{
	struct file_test *t = start(test);

	t->most = 700;
	check_out_and_in(test);
	KUNIT_EXPECT_GE(test, t->nr_blocking, 22U);
	t->later = true;
	check_out_and_in(test);
}

static void what_ends_later(struct kunit *test)
{
	struct file_test *t = start(test);

	t->later = true;
	check_out_and_in(test);
	/* Whoever could not do it without blocking may find out late. */
	t->end = -EAGAIN;
	check_out_and_in(test);
	KUNIT_EXPECT_EQ(test, t->nr_blocking, 2U);
}

static void errors(struct kunit *test)
{
	struct file_test *t = start(test);

	t->error = -EIO;
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, 512), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 0, 512), S_IOERR);
	t->error = -ENOSPC;
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, 512), S_IOERR);
	t->error = 0;
	check_out_and_in(test);
}

static void s07_no_more_than_the_file_has(struct kunit *test)
{
	struct file_test *t = start(test);

	i_size_write(file_inode(t->file), SZ_8K);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 16, 512), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_IN, 15, 1024), S_IOERR);
	KUNIT_EXPECT_EQ(test, t->nr_tries + t->nr_blocking, 0U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 15, 512), S_OK);
	KUNIT_EXPECT_EQ(test, i_size_read(file_inode(t->file)), (loff_t)SZ_8K);
}

static void s05_write_back(struct kunit *test)
{
	struct file_test *t = start(test);

	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, 512), S_OK);
	KUNIT_EXPECT_FALSE(test, t->flags & IOCB_DSYNC);
	KUNIT_EXPECT_EQ(test, zeroes(test), S_OK);
	KUNIT_EXPECT_EQ(test, t->nr_syncs, 0U);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_FLUSH, 0, 0), S_OK);
	KUNIT_EXPECT_EQ(test, t->nr_syncs, 1U);
}

static void s05_write_through(struct kunit *test)
{
	struct file_test *t;

	t = start_without(test, BIT_ULL(VIRTIO_BLK_F_FLUSH) |
				BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE));
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, 512), S_OK);
	KUNIT_EXPECT_TRUE(test, t->flags & IOCB_DSYNC);
	/* Some kernels have the file do that by its fsync. */
	t->nr_syncs = 0;
	KUNIT_EXPECT_EQ(test, zeroes(test), S_OK);
	KUNIT_EXPECT_EQ(test, t->nr_syncs, 1U);
	t->sync_error = -EIO;
	KUNIT_EXPECT_EQ(test, zeroes(test), S_IOERR);
}

/* A flush fails as often as the file does, and no oftener. */
static void errors_of_a_flush(struct kunit *test)
{
	struct file_test *t = start(test);

	t->sync_error = -EIO;
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_FLUSH, 0, 0), S_IOERR);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_FLUSH, 0, 0), S_IOERR);
	t->sync_error = 0;
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_FLUSH, 0, 0), S_OK);
	KUNIT_EXPECT_EQ(test, request(test, VIRTIO_BLK_T_OUT, 0, 512), S_OK);
}

/* What cannot be served says so where the driver looks. */
static void s01_refused_chain(struct kunit *test)
{
	struct file_test *t = start(test);
	u8 last = 0;

	vpin_blk_type.vq_refuse(&t->rig.dev->vqs[0], &last);
	KUNIT_EXPECT_EQ(test, last, S_IOERR);
	KUNIT_EXPECT_EQ(test, t->rig.dev->chain_max, 256);
}

static struct kunit_case vpin_blk_file_cases[] = {
	KUNIT_CASE(what_does_not_block),
	KUNIT_CASE(what_would_block),
	KUNIT_CASE(t06_with_the_rights_of_the_opener),
	KUNIT_CASE(less_than_it_was_given),
	KUNIT_CASE(what_ends_later),
	KUNIT_CASE(errors),
	KUNIT_CASE(s07_no_more_than_the_file_has),
	KUNIT_CASE(s05_write_back),
	KUNIT_CASE(s05_write_through),
	KUNIT_CASE(errors_of_a_flush),
	KUNIT_CASE(s01_refused_chain),
	{}
};

static struct kunit_suite vpin_blk_file_suite = {
	.name = "vpin_blk_file",
	.init = file_test_init,
	.exit = file_test_exit,
	.test_cases = vpin_blk_file_cases,
};
kunit_test_suite(vpin_blk_file_suite);

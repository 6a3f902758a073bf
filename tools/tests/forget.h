/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that forgets what was not flushed: tools/lab/forget.  One a process,
 * and beside it a disk that shows what a power cut left of it.
 */
#ifndef VPIN_TESTS_FORGET_H
#define VPIN_TESTS_FORGET_H

#include <stdbool.h>
#include <stdint.h>

/* Whether the lab has such disks. */
bool forget_is_there(void);

/*
 * Makes the disk, with options as tools/lab/forget/main.c has them, "" for none;
 * and takes it away, with the file system on it.  0 or -errno.
 */
int forget_add(const char *options);
int forget_remove(void);

/*
 * Making one takes longer than most tests.  In a program with FORGET_HARNESS_MAIN
 * a test may leave the disk, which nobody uses any more, to forget_add() of the
 * next one: there it is as good as new.
 */
int forget_leave(void);

void forget_begin(void);
#define FORGET_HARNESS_MAIN						\
	int main(int argc, char **argv)					\
	{								\
		forget_begin();						\
		return test_harness_run(argc, argv);			\
	}

/* The disk, and after forget_format() the file on it. */
const char *forget_disk(void);
const char *forget_file(void);

/* Makes an ext4 on the disk, mounts it, and makes a file of @size bytes. */
int forget_format(uint64_t size);

/* Mounts an overlay over that, and returns the file as it is seen there, or NULL. */
const char *forget_overlay(void);

/*
 * Cuts the power.  What is left is read by forget_read(), of the disk or of the
 * file on it, until the next cut.  Of what was not stable all is lost with @seed
 * 0, else a half.  0 or -errno.
 */
int forget_cut(uint64_t seed);
int forget_read(void *data, uint64_t length, uint64_t offset);

/* Bytes that a power cut could take. */
long forget_unstable(void);

/* How many requests of a kind there were: "writes", "flushes", "fua", ... */
long forget_count(const char *kind);

/* Keeps requests (1), or does them (0). */
int forget_hold(bool hold);

/*
 * Has requests of a kind fail, "none" to stop that, where they touch the disk's
 * sectors from @first on.
 */
int forget_fail(const char *kind, uint64_t first, uint64_t sectors);

/* The disk's sector where the file begins, which is in one piece.  Or -errno. */
long forget_file_sector(void);

#endif

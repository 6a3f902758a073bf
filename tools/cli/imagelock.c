// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's image locks: bytes of the file that stand for permissions.  Whoever has
 * permission n holds byte 100 + n, whoever lets no other have it holds byte
 * 200 + n.  All of these are shared locks: that one is held says something only
 * to those who ask whether an exclusive lock could be had.  First all bytes are
 * taken, then others' are asked for, so that of two who start together at least
 * one sees the other.
 */
#include <errno.h>
#include <fcntl.h>

#include "imagelock.h"

#define LOCK_HELD	100
#define LOCK_NOT_SHARED	200

/* QEMU's permissions; a disk of a VM needs no others. */
#define PERM_READ	0
#define PERM_WRITE	1
#define PERM_RESIZE	3
#define PERMS		4

static struct flock lock_byte(short type, off_t byte)
{
	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};
}

static int take(int fd, off_t byte)
{
	struct flock lock = lock_byte(F_RDLCK, byte);

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? EAGAIN : errno;
}

/* Has nobody else locked the byte? */
static int ask(int fd, off_t byte)
{
	struct flock lock = lock_byte(F_WRLCK, byte);

	if (fcntl(fd, F_OFD_GETLK, &lock))
		return errno;
	return lock.l_type == F_UNLCK ? 0 : EAGAIN;
}

static int for_each(unsigned int perms, int fd, off_t base, int (*fn)(int fd, off_t byte))
{
	unsigned int i;
	int error = 0;

	for (i = 0; i < PERMS && !error; i++) {
		if (perms & 1U << i)
			error = fn(fd, base + i);
	}
	return error;
}

int imagelock_take(int fd, bool read_only)
{
	unsigned int held = 1U << PERM_READ | (read_only ? 0 : 1U << PERM_WRITE);
	unsigned int not_shared = 1U << PERM_WRITE | 1U << PERM_RESIZE;
	int error;

	error = for_each(held, fd, LOCK_HELD, take);
	if (!error)
		error = for_each(not_shared, fd, LOCK_NOT_SHARED, take);
	if (!error)
		error = for_each(held, fd, LOCK_NOT_SHARED, ask);
	if (!error)
		error = for_each(not_shared, fd, LOCK_HELD, ask);
	return error;
}

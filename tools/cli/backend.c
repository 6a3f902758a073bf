// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "backend.h"
#include "format.h"
#include "holder.h"
#include "imagelock.h"
#include "say.h"

#define SECTOR		512

static noreturn void die_in_use(const struct disk *disk, const struct stat *st)
{
	die(EXIT_FAILURE, "%s is in use: %s\n"
	    "  Two who write to a disk destroy what is on it: end the other's use first.  If\n"
	    "  guests have a cluster file system on it, add ',share' for each of them.",
	    disk->path, holder_of(st));
}

/* A unit sees less of the host than who reads its journal. */
static const char *of_unit(const struct disk *disk)
{
	return !disk->where ? "" :
	       "\n  A unit has nothing below /home, /root, /tmp and /var/tmp, and what is new in its\n"
	       "  file only after 'systemctl daemon-reload'.";
}

static noreturn void die_open(const struct disk *disk, int error, const struct stat *st)
{
	const char *path = disk->path, *unit = of_unit(disk);

	switch (error) {
	case EBUSY:
		die_in_use(disk, st);
	case ENOENT:
		/* A file would be made there, and be gone at the next boot. */
		if (!strncmp(path, "/dev/", 5))
			die(EXIT_FAILURE, "there is no %s\n"
			    "  To see the disks that there are: lsblk -p%s", path, unit);
		die(EXIT_FAILURE, "there is no %s\n"
		    "  To make an empty disk image: truncate -s 10G %s%s", path, path, unit);
	case EACCES:
	case EPERM:
		die(EXIT_FAILURE, "you may not open %s for %s\n"
		    "  Check its permissions%s.%s", path,
		    disk->read_only ? "reading" : "reading and writing",
		    disk->read_only ? "" : ", or add ',ro' if the guest only reads it", unit);
	case EROFS:
		die(EXIT_FAILURE, "%s is on a read-only file system\n"
		    "  Add ',ro' if the guest only reads it.%s", path, unit);
	case EISDIR:
		die(EXIT_FAILURE, "%s is a directory, not a disk", path);
	case ETXTBSY:
		die(EXIT_FAILURE, "%s is in use: the host swaps to it, or runs it\n"
		    "  See swapon --show; swapoff ends it.", path);
	default:
		die(EXIT_FAILURE, "cannot open %s: %s", path, strerror(error));
	}
}

/*
 * O_EXCL on a block device is the claim that mount makes.  One who only reads
 * makes sure that nobody has it, and leaves it to others who only read.
 */
static int open_claimed(const struct disk *disk, struct stat *st)
{
	/* O_NONBLOCK: what is not a disk, such as a FIFO, must not hang us. */
	int flags = (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
	bool there = !stat(disk->path, st);
	bool claim = there && S_ISBLK(st->st_mode) && !disk->share;
	int fd = -1, claimed;

	/* Its owner may have it read without a note of when: that never waits. */
	if (there && S_ISREG(st->st_mode))
		fd = open(disk->path, flags | O_NOATIME);
	if (fd < 0)
		fd = open(disk->path, flags |
			  (claim && !disk->read_only ? O_EXCL : 0));
	if (fd < 0)
		die_open(disk, errno, st);
	if (fstat(fd, st) || (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode)))
		die(EXIT_FAILURE, "%s is neither a regular file nor a block device",
		    disk->path);
	if (S_ISBLK(st->st_mode) && !claim && !disk->share)
		die(EXIT_FAILURE, "%s has become a block device meanwhile", disk->path);
	if (claim && disk->read_only) {
		claimed = open(disk->path, flags | O_EXCL);
		if (claimed < 0)
			die_open(disk, errno, st);
		close(claimed);
	}
	return fd;
}

static void lock(const struct disk *disk, int fd, const struct stat *st)
{
	int error = imagelock_take(fd, disk->read_only);
	const char *loop;

	if (error == EAGAIN)
		die_in_use(disk, st);
	if (error)
		die(EXIT_FAILURE, "cannot lock %s against other VMs: %s\n"
		    "  Is the file system's lock service running (NFS: rpc-statd)?  If you are sure\n"
		    "  that nobody else uses it, add ',share'.", disk->path, strerror(error));

	loop = S_ISREG(st->st_mode) ? holder_loop(st, disk->read_only) : NULL;
	if (loop)
		die(EXIT_FAILURE, "%s is in use: it is the host's /dev/%s\n"
		    "  Unmount that, and then: losetup -d /dev/%s", disk->path, loop, loop);
}

/* In bytes. */
static uint64_t backend_size(int fd, const struct stat *st)
{
	uint64_t size;

	if (S_ISREG(st->st_mode))
		return st->st_size;
	return ioctl(fd, BLKGETSIZE64, &size) ? 0 : size;
}

static void check_format(const struct disk *disk, int fd, uint64_t size)
{
	const struct format *format = format_of(fd, size);
	char command[3 * 4096];

	if (!format)
		return;
	snprintf(command, sizeof(command), format->way_out, disk->path);
	die(EXIT_FAILURE, "%s looks like %s, and vhost-pin serves raw images only\n"
	    "  A guest would take its headers for an empty disk and overwrite them.  Convert\n"
	    "  it: %s\n"
	    "  If this is what the guest itself has on its disk, add ',format=raw'.",
	    disk->path, format->name, command);
}

static void check_length(const struct disk *disk, const struct stat *st, uint64_t size)
{
	uint64_t block = disk->logical_block_size ? disk->logical_block_size : SECTOR;

	if (!size && S_ISREG(st->st_mode))
		die(EXIT_FAILURE, "%s is empty\n"
		    "  To make an empty disk image of it: truncate -s 10G %s",
		    disk->path, disk->path);
	if (size % block == 0)
		return;
	if (S_ISREG(st->st_mode))
		die(EXIT_FAILURE, "%s is %" PRIu64 " bytes long, which is not whole blocks of %" PRIu64 " bytes\n"
		    "  The guest would not see its end.  To pad it with zeroes:\n"
		    "  truncate -s %" PRIu64 " %s",
		    disk->path, size, block, (size + block - 1) / block * block, disk->path);
	die(EXIT_FAILURE, "%s is %" PRIu64 " bytes long, which is not whole blocks of %" PRIu64 " bytes\n"
	    "  Give it a smaller 'logical-block-size'.", disk->path, size, block);
}

/* The block size that a GPT on the disk was made for, in bytes; 0: there is none. */
static unsigned int gpt_block_size(int fd)
{
	static const unsigned int sizes[] = { 512, 4096 };
	char magic[8];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (pread(fd, magic, sizeof(magic), sizes[i]) == sizeof(magic) &&
		    !memcmp(magic, "EFI PART", sizeof(magic)))
			return sizes[i];
	}
	return 0;
}

/* A partition table counts blocks: of another size, it is not found. */
static void check_block_size(const struct disk *disk, int fd, const struct stat *st)
{
	unsigned int made_for = gpt_block_size(fd);
	unsigned int block = disk->logical_block_size;
	int own;

	if (!block && S_ISBLK(st->st_mode) && !ioctl(fd, BLKSSZGET, &own))
		block = own;
	if (!block || !made_for || block == made_for)
		return;
	say("warning: the partitions of %s are counted in blocks of %u bytes, but the guest is told %u\n"
	    "  It will not find them.  Add ',logical-block-size=%u'.",
	    disk->path, made_for, block, made_for);
}

int backend_open(const struct disk *disk)
{
	struct stat st;
	uint64_t size;
	int fd;

	fd = open_claimed(disk, &st);
	if (!disk->share)
		lock(disk, fd, &st);
	size = backend_size(fd, &st);
	check_length(disk, &st, size);
	if (!disk->raw)
		check_format(disk, fd, size);
	check_block_size(disk, fd, &st);
	return fd;
}

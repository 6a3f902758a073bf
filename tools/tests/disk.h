/* SPDX-License-Identifier: GPL-2.0-only */
/* Block devices with properties, and what the host counts of them. */
#ifndef VPIN_TESTS_DISK_H
#define VPIN_TESTS_DISK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A null_blk with memory, of @megabytes, named "vpin-" and @name, with options
 * "name=value" of its configfs, parted by commas, or NULL: an open file, or
 * -errno.
 */
int nullb_create(const char *name, unsigned int megabytes, const char *options);
/* Removes it; its file is closed. */
void nullb_remove(const char *name);
/* Changes an option of one that runs.  0 or -errno. */
int nullb_set(const char *name, const char *option, const char *value);

/* Writes @value to an attribute of the queue of the block device @fd. */
int disk_queue_set(int fd, const char *attribute, const char *value);

/* What the host has counted of the block device @fd since it is there. */
enum disk_count { DISK_READS = 0, DISK_WRITES = 4, DISK_IN_FLIGHT = 8,
		  DISK_DISCARDS = 11, DISK_FLUSHES = 15 };
long disk_count(int fd, enum disk_count which);

/* The block device that the file system of @path is on: an open file. */
int disk_under(const char *path);

/* Writes a string to a file that exists.  0 or -errno. */
int file_set(const char *path, const char *value);

#endif

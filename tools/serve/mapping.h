/* SPDX-License-Identifier: GPL-2.0-only */
/* A piece of a file of the front-end's, mapped into this process to be written. */
#ifndef VPIN_SERVE_MAPPING_H
#define VPIN_SERVE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reason.h"

/* What a descriptor is of. */
struct mapping_file {
	dev_t dev;
	ino_t inode;
	uint64_t size;			/* UINT64_MAX: a device, which has none */
};

/*
 * Looks at a descriptor, whether it may be mapped.  A file can be of a file system of
 * the front-end's own making: who asks that may wait for ever, and in mmap() has the
 * others of the process wait as well.  So all but memory and devices is refused, and
 * not asked, unless @any file may come.  0, or a negative errno with a reason.
 */
int mapping_look(struct mapping_file *file, int fd, bool any, struct reason *why);

/* Whether so many bytes from there on lie within it. */
bool mapping_file_has(const struct mapping_file *file, uint64_t offset, uint64_t size);

struct mapping {
	void *pages;			/* NULL: nothing is mapped */
	size_t size;			/* bytes of them */
	char *start;			/* of the piece */
};

/*
 * Maps @size bytes of @fd from @offset on, which must not wrap, of any alignment.  0
 * or a negative errno.
 */
int mapping_open(struct mapping *mapping, int fd, uint64_t offset, uint64_t size);

/* Also one that has nothing. */
void mapping_close(struct mapping *mapping);

#endif

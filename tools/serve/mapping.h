/* SPDX-License-Identifier: GPL-2.0-only */
/* A piece of a file of the front-end's, mapped into this process to be written. */
#ifndef VPIN_SERVE_MAPPING_H
#define VPIN_SERVE_MAPPING_H

#include <stddef.h>
#include <stdint.h>

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

/* SPDX-License-Identifier: GPL-2.0-only */
/* A file whose file system stops to answer: of a FUSE that this process serves. */
#ifndef VPIN_TESTS_SILENT_H
#define VPIN_TESTS_SILENT_H

#include <stdbool.h>

#define SILENT_SIZE	(1 << 20)

/*
 * Mounts such a file over @path, which is made, and opens it.  What it is the kernel
 * asks once, or, unless @known, whenever somebody wants to know.  Who maps it waits
 * until what was written by another mapping is stored.  The descriptor or -errno.
 */
int silent_open(const char *path, bool known);

/* From now on no question about it, @fd, is answered. */
void silent_begin(int fd);

/* Whoever waits for an answer gets an error. */
void silent_end(const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* A file whose data never comes: of a FUSE that this process serves. */
#ifndef VPIN_TESTS_STUCK_H
#define VPIN_TESTS_STUCK_H

/*
 * Mounts such a file over @path, which is made, and opens it.  /dev/fuse is open in
 * this process, and a thread of it answers all but reads.  The descriptor or -errno.
 */
int stuck_open(const char *path);

/* Whoever waits for its data waits no more. */
void stuck_end(const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* A FUSE that is one file, served by a thread of this process. */
#ifndef VPIN_TESTS_FUSE_H
#define VPIN_TESTS_FUSE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Mounts one over @path, which is made, and opens it; @serve reads what the kernel asks
 * from @device, and answers by fuse_answer().  The descriptor or -errno.
 */
int fuse_open(const char *path, int *device, void *(*serve)(void *unused));
void fuse_answer(int device, uint64_t unique, const void *body, size_t length);

/* Whoever waits for an answer gets an error. */
void fuse_end(const char *path);

#endif

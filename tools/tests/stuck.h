/* SPDX-License-Identifier: GPL-2.0-only */
/* A file whose data comes late, or never: of a FUSE that this process serves. */
#ifndef VPIN_TESTS_STUCK_H
#define VPIN_TESTS_STUCK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Mounts such a file over @path, which is made, and opens it.  /dev/fuse is open in
 * this process, and a thread of it answers all but reads.  The descriptor or -errno.
 */
int stuck_open(const char *path);

/* Of its pages, those from here on come at once. */
#define STUCK_COMES	8192UL

/* How many reads of it wait for an answer. */
unsigned int stuck_asked(void);

/* Answers all reads from now on: with data (0), or with an errno. */
void stuck_answer(int error);

/* What its data is, when it comes: so many of these make a page. */
uint8_t stuck_byte(unsigned long page);

/* Has other data in one page, and @size of it. */
void stuck_set(unsigned long page, const void *data, size_t size);

/* Whoever waits for its data waits no more. */
void stuck_end(const char *path);

#endif

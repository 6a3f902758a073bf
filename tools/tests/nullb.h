/* SPDX-License-Identifier: GPL-2.0-only */
/* A null_blk device of a test's own, made by configfs. */
#ifndef VPIN_TESTS_NULLB_H
#define VPIN_TESTS_NULLB_H


/* Makes it with "option=value" each, up to a NULL: an open file of it, or -errno. */
int nullb_open(const char *name, const char *const *options);
/* Sets an option while it lives.  0 or -errno. */
int nullb_set(const char *name, const char *option, const char *value);
/* Closes the file, if it is one, and takes the device away. */
void nullb_close(const char *name, int fd);

#endif

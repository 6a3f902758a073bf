/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_HOLDER_H
#define VPIN_CLI_HOLDER_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Who uses a block device or an image, for people, as far as one may see it:
 * "it is mounted at /mnt".  Never NULL, never freed.
 */
const char *holder_of(const struct stat *st);

/*
 * The loop device whose backing file the image is, "loop0"; NULL if it is
 * none's, or if all of them only read and @read_only.
 */
const char *holder_loop(const struct stat *st, bool read_only);

#endif

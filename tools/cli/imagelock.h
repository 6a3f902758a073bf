/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_IMAGELOCK_H
#define VPIN_CLI_IMAGELOCK_H

#include <stdbool.h>

/*
 * Takes the locks on the open image that QEMU takes for a disk of a VM, so that
 * either sees the other.  They are the open file's: they last as long as anyone
 * has it, also the module.
 *
 * Returns 0; EAGAIN if someone else's locks forbid it; another errno if the
 * file system cannot lock.  What was taken is left: closing the file ends it.
 */
int imagelock_take(int fd, bool read_only);

#endif

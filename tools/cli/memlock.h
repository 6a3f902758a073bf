/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_MEMLOCK_H
#define VPIN_CLI_MEMLOCK_H

#include "disk.h"

/*
 * Makes room for the pins of a guest with the memory that @vmm_argv asks for
 * (QEMU's -m) and @num @disks: raises the limits as far as we may, and says so
 * when that is not enough, or when memory cannot be pinned at all.
 */
void memlock_prepare(char *const vmm_argv[], const struct disk *disks, unsigned int num);

/* Makes the soft limit the hard one, for a program that we know nothing of. */
void memlock_raise(void);

#endif

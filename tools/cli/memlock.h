/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_MEMLOCK_H
#define VPIN_CLI_MEMLOCK_H

/*
 * Makes room for the pins of a guest with the memory that @vmm_argv asks for
 * (QEMU's -m) and @disks disks: raises the soft limit to the hard one, and
 * says so when that is not enough.
 */
void memlock_prepare(char *const vmm_argv[], unsigned int disks);

#endif

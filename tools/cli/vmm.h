/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_VMM_H
#define VPIN_CLI_VMM_H

#include "disk.h"

/*
 * Exits with a message unless @argv[0] is a QEMU that can use our devices, in the
 * machine of its arguments.
 */
void vmm_check(char *const argv[]);

/*
 * The VMM's arguments @argv with those that hand it @disks appended, for the
 * machine that they ask for.  The result ends with NULL and is never freed: we
 * become the VMM.
 */
char **vmm_argv(char *const argv[], const struct disk *disks, unsigned int num);

#endif

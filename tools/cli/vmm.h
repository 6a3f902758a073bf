/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_VMM_H
#define VPIN_CLI_VMM_H

#include "disk.h"

/* Exits with a message unless @program is a QEMU that can use our devices. */
void vmm_check(const char *program);

/*
 * The VMM's arguments @argv with those that hand it @disks appended.  The
 * result ends with NULL and is never freed: we become the VMM.
 */
char **vmm_argv(char *const argv[], const struct disk *disks, unsigned int num);

#endif

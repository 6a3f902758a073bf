/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_TOKENS_H
#define VPIN_CLI_TOKENS_H

#include "disk.h"

/* Tells a program by its environment (VHOST_PIN_FDS) which files are @disks. */
void tokens_export(const struct disk *disks, unsigned int num);

/*
 * @argv with each {fd} or {fdN} replaced by the number of the first or Nth
 * (from 0) disk's device.  Never freed: we become the program.
 */
char **tokens_replace(char *const argv[], const struct disk *disks, unsigned int num);

#endif

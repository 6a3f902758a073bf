/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_ROOT_H
#define VPIN_CLI_ROOT_H

#include <stdint.h>

#include "say.h"

/* Longest path that root_path() makes. */
#define ROOT_PATH_MAX	4096

/*
 * A path on the host that is looked at: this one, or one that tests have laid out in
 * the directory $VHOST_PIN_ROOT.  Good until the next call of the thread.
 */
const char *root_path(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What is in that file, without the line end, to be freed; NULL if it cannot be read. */
char *root_read(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same, as a number in any base; 0 if it is none. */
uint64_t root_read_number(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_MEMLOCK_H
#define VPIN_CLI_MEMLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"

/* What of this process counts against the limit of locked memory, in bytes. */
struct memlock_state {
	bool unlimited;			/* CAP_IPC_LOCK: it does not count */
	uint64_t limit;
	uint64_t pinned;
};

void memlock_get(struct memlock_state *state);

/*
 * Makes room for the pins of a guest with the memory that @vmm_argv asks for
 * (QEMU's -m) and @num @disks: raises the limits as far as we may, and says so
 * when that is not enough, or when memory cannot be pinned at all.
 */
void memlock_prepare(char *const vmm_argv[], const struct disk *disks, unsigned int num);

/* Makes the soft limit the hard one, for a program that we know nothing of. */
void memlock_raise(void);

#endif

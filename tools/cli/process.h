/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc says of a process of this host. */
#ifndef VPIN_CLI_PROCESS_H
#define VPIN_CLI_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "qemu-system-x86[123]" for a terminal, to be freed; "-" for process 0. */
char *process_name(pid_t pid);

/*
 * The control socket of the process if it is a `vhost-pin serve` that has one, to be
 * freed; NULL if not.  A relative path is made one that we can follow.
 */
char *process_control(pid_t pid);

/* Processor time of a thread, in ticks of sysconf(_SC_CLK_TCK); @pid may not have it. */
uint64_t process_ticks(pid_t pid, pid_t thread);

#endif

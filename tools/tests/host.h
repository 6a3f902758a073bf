/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What vhost-pin holds of the host, and all of it is given back at the end; and
 * what the host lets this process do.
 */
#ifndef VPIN_TESTS_HOST_H
#define VPIN_TESTS_HOST_H

/* Pages that the kernel holds pinned now (FOLL_PIN), by all of its users. */
long host_pins(void);

/* Pages that it has pinned so far, by all of its users. */
long host_pinned_ever(void);

/* The module's worker threads. */
int host_workers(void);

/* Of these, those that do not sleep. */
int host_busy_workers(void);

/* The ids of up to @max of its worker threads.  How many there are. */
int host_worker_ids(int *ids, int max);

/* Open files of this process. */
int host_files(void);

/* How many times longer things take here: kernels that check themselves are slow. */
unsigned int host_patience(void);

/* Of a clock that nobody sets. */
double host_seconds(void);

/* KiB charged to this process's RLIMIT_MEMLOCK as pinned (VmPin). */
long host_charged(void);
/* The same of another one. */
long host_charged_to(pid_t pid);

/* Takes a capability, CAP_*, from this process for good.  0 or -errno. */
int host_drop(int capability);

#endif

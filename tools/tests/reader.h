/* SPDX-License-Identifier: GPL-2.0-only */
/* A process that reads while something else happens. */
#ifndef VPIN_TESTS_READER_H
#define VPIN_TESTS_READER_H

#include <stdbool.h>
#include <sys/types.h>

/* Calls @fn until the process is killed; it exits if a call fails. */
pid_t reader_start(bool (*fn)(void *arg), void *arg);

/* Whether none has failed; it is ended. */
bool reader_still_reads(pid_t pid);

#endif

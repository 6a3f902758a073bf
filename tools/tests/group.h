/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup of a test's own, in the unified hierarchy. */
#ifndef VPIN_TESTS_GROUP_H
#define VPIN_TESTS_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

/* Makes it, below the root: 0 or -errno; -EEXIST is fine. */
int group_make(const char *name);
/* Moves a process there, 0 for the caller; the root's name is "". */
int group_enter(const char *name, pid_t process);
/* Moves the calling thread alone, which takes a threaded group. */
int group_enter_thread(const char *name);
/* Removes it; its processes must have left. */
int group_remove(const char *name);

/* Writes one of its files.  0 or -errno. */
int group_set(const char *name, const char *file, const char *text);
/* Whether one of its files has @text in it. */
bool group_has(const char *name, const char *file, const char *text);

/* Whether a thread is in it. */
bool group_is_of(const char *name, pid_t thread);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* What is shown of devices in sysfs. */
#ifndef VPIN_TESTS_SHOWN_H
#define VPIN_TESTS_SHOWN_H

#include <stddef.h>
#include <sys/types.h>

#define SHOWN_CLASS	"/sys/class/vhost-pin"

/* A file as a string without its last newline.  0 or -errno. */
int shown(const char *path, char *to, size_t size);
int shown_fd(int fd, char *to, size_t size);

/* The directory of a device of this owner's: 0 or -ENOENT. */
int shown_find(pid_t owner, char *path, size_t size);

/* A counter of a queue of this process' device; -1 if there is none. */
long long shown_counter(unsigned int queue, const char *name);

#endif

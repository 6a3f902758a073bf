/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the kernel and its module are: a module of one's own goes missing in more than
 * one way, most of them after an upgrade of the kernel.
 */
#ifndef VPIN_CLI_MODULE_H
#define VPIN_CLI_MODULE_H

#include <stdbool.h>
#include <sys/types.h>

/* The oldest kernel that the module is for. */
#define KERNEL_MAJOR	6
#define KERNEL_MINOR	1

bool kernel_is_too_old(const char *release);

/* Whether what modules are built with is installed. */
bool kernel_has_headers(const char *release);

/* Whether DKMS, or somebody, has its sources. */
bool module_has_sources(void);

/* Whether it is where depmod has found modules of the kernel @release. */
bool module_is_built(const char *release);

/* The file of it, to be freed; NULL if it is not built. */
char *module_file(const char *release);

bool module_is_loaded(void);

/* Whether the udev rule that gives the node to a group is installed. */
bool module_has_rule(void);

/* Who runs us, as other commands have him. */
const char *user_name(void);

/* A group's name; NULL if it has none.  Never freed. */
const char *group_name(gid_t gid);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A file that says which disks are served, as the units have one for each VM:
 * vhost-pin.conf(5).
 */
#ifndef VPIN_SERVE_CONFIG_H
#define VPIN_SERVE_CONFIG_H

/* Where the disks of such files are served. */
#define CONFIG_RUN	"/run/vhost-pin"

/* Longest NAME: the path of a socket may have 107 characters, and more than NAME does. */
#define CONFIG_NAME_MAX	80

/*
 * Reads the file NAME.conf at @path and calls @add for each of its disks, with what
 * --disk takes, its line for say_where(), and the path of the socket:
 * CONFIG_RUN/NAME.sock for the first disk, NAME.2.sock for the second and so on.
 * Both are the callee's.  Exits with a message if something is wrong.
 */
void config_read(const char *path,
		 void (*add)(const char *text, const char *where, char *socket));

#endif

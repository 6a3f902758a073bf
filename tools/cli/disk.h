/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_DISK_H
#define VPIN_CLI_DISK_H

#include <stdbool.h>

#include <linux/vhost_pin.h>

#define VPIN_NODE	"/dev/vhost-pin"

/* A disk as --disk describes it, and the device that serves it. */
struct disk {
	char *path;
	bool read_only;
	bool buffered;
	bool poll;
	unsigned int queues;		/* 0: the module's default */
	unsigned int queue_size;	/* 0: the module's default */
	unsigned int busyloop;		/* microseconds; 0: none */
	bool has_nice;
	int nice;			/* of the queues' threads, if it has one */
	char serial[VPIN_SERIAL_LEN + 1];
	int fd;				/* the attached device; survives exec */
};

/*
 * Reads PATH[,ro][,buffered][,serial=S][,queues=N][,queue-size=N]
 * [,busyloop=US][,poll][,nice=N].  A comma in PATH or S is written twice, as in
 * QEMU.  Exits with a message when the text is wrong.
 */
void disk_parse(struct disk *disk, const char *text);

/* Opens a blank device from @node and attaches the disk, or exits. */
void disk_attach(struct disk *disk, const char *node);

#endif

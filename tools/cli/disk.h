/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_DISK_H
#define VPIN_CLI_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost_pin.h>

/* Most disks of one command. */
#define DISKS_MAX	64

/* What a command's help says of disks. */
extern const char disk_help[];

/* Its options, one a line; "NAME=" if it takes a value: for a shell. */
void disk_words(void);

/* A disk as --disk describes it, and the device that serves it. */
struct disk {
	char *path;
	bool read_only;
	bool buffered;
	bool poll;
	bool write_through;
	bool no_discard;
	bool holes;
	bool share;			/* neither claimed nor locked */
	bool raw;			/* whatever its contents look like */
	unsigned int queues;
	unsigned int queue_size;	/* 0: the module's default */
	unsigned int workers;		/* 0: the module's default */
	unsigned int busyloop;		/* microseconds; 0: none */
	unsigned int logical_block_size;	/* bytes; 0: the backend's */
	unsigned int physical_block_size;	/* bytes; 0: the backend's */
	bool has_nice;
	int nice;			/* of the queues' threads, if it has one */
	char serial[VPIN_SERIAL_LEN + 1];
	char *socket;			/* where `serve` serves it, or NULL */
	const char *where;		/* what asked for it, as say_where() has it, or NULL */
	uint64_t flags;			/* VPIN_ATTACH_* beside those of the options */
	int fd;				/* the attached device; survives exec */
};

/*
 * Reads PATH[,OPTION...]; the options are those of disk_help.  A comma in
 * PATH or in a serial number is written twice, as in QEMU.  Exits with a message
 * when the text is wrong.  It has @queues if it does not say how many.
 */
void disk_parse(struct disk *disk, const char *text, unsigned int queues);

/*
 * Opens a blank device from @node and attaches the disk, or exits.  From then on what
 * is said begins with where the disk is from.
 */
void disk_attach(struct disk *disk, const char *node);

#endif

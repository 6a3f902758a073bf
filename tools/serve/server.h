/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server of one disk: a thread of its own, since what it asks of the disk may
 * take as long as the disk does, and must not keep others.
 */
#ifndef VPIN_SERVE_SERVER_H
#define VPIN_SERVE_SERVER_H

#include "../cli/disk.h"
#include "device.h"
#include "listen.h"
#include "report.h"
#include "session.h"

struct server {
	struct disk disk;
	const char *path;		/* of the disk, when it was opened */
	struct device device;
	char name[16];			/* vpinN; empty: the module does not say */
	struct listener listener;
	struct report report;
	struct session session;
	pid_t front_end;		/* 0: nobody is there; other threads read it */
	bool resizes;			/* by one thread; others look */
};

/* Attaches the disk to a device from @node and listens, or exits with a message. */
void server_open(struct server *server, const char *node);

/* Serves one front-end after the other until the process ends. */
void server_start(struct server *server);

/* Whose the disk is now, as a process; 0 if nobody's.  For any thread. */
pid_t server_front_end(const struct server *server);

/*
 * Has the disk's size read again, in bytes: 0, or a negative errno with a reason.  It
 * takes as long as the disk does; who comes meanwhile gets EBUSY.
 */
int server_resize(struct server *server, uint64_t *size, struct reason *why);

#endif

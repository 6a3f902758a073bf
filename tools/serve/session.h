/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A front-end's session with a disk: from its connection to its end.  A session
 * never waits for the front-end, but it does for the disk: while a queue is
 * stopped, until its requests have ended.
 */
#ifndef VPIN_SERVE_SESSION_H
#define VPIN_SERVE_SESSION_H

#include "device.h"
#include "dirty.h"
#include "memory.h"
#include "message.h"
#include "queue.h"
#include "report.h"

struct session {
	struct device *device;
	struct report *report;
	int socket;			/* -1: there is no front-end */
	int backend;			/* channel for requests of ours, or -1 */
	struct message message;		/* the one that is being received */
	struct memory memory;
	struct dirty dirty;
	struct queue queues[VPIN_QUEUES_MAX];
};

/* Once for each disk; @holes as memory_init() has it. */
void session_init(struct session *session, struct device *device, bool holes,
		  struct report *report);

/* A front-end has connected; @socket becomes the session's, and must not block. */
void session_begin(struct session *session, int socket);

/* There is something to receive.  Ends the session when it is over. */
void session_receive(struct session *session);

/* The device says that config space or its status has changed. */
void session_config_changed(struct session *session);

#endif

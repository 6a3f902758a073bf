/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets to listen on: made at a path, or inherited from a supervisor that made
 * them (LISTEN_FDS and LISTEN_FDNAMES, as systemd has it).
 */
#ifndef VPIN_SERVE_LISTEN_H
#define VPIN_SERVE_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

struct listener {
	const char *name;		/* the path, or the inherited socket's name */
	int fd;
	bool made;			/* at the path, by us */
	dev_t dev;			/* what is at the path then */
	ino_t inode;
};

/*
 * Listens at @name: on the inherited socket of that name or path, or else on one
 * made there, in place of one that nobody listens on any more.  Exits with a
 * message if that cannot be.
 */
void listener_open(struct listener *listener, const char *name);

/* Exits with a message if a socket was inherited that nobody asked for. */
void listener_check_inherited(void);

/*
 * Accepts a connection, which does not block: a descriptor or a negative errno.
 * Where there are no descriptors it takes a while to say so.
 */
int listener_accept(const struct listener *listener);

/*
 * The path where it listens, whoever made it, also if it was given by the name of an
 * inherited socket; the name as given where there is none.  To be freed.
 */
char *listener_path(const struct listener *listener);

/* Removes the path if the listener made it and it is still its own. */
void listener_unlink(const struct listener *listener);

#endif

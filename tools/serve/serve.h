/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_SERVE_H
#define VPIN_SERVE_SERVE_H

struct server;

/* The server whose disk is served at @socket, or NULL. */
struct server *serve_find(const char *socket);

/* The sub-command; @argv[0] is its name. */
int serve_main(int argc, char *argv[]);

#endif

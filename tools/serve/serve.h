/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_SERVE_H
#define VPIN_SERVE_SERVE_H

#include "../cli/command.h"

struct server;

/* Calls @see with each server of this process. */
void serve_each(void (*see)(void *arg, const struct server *server), void *arg);

/*
 * The server whose disk is served at @socket, by its path or as the command line
 * has it, or NULL.
 */
struct server *serve_find(const char *socket);

extern const struct command serve_command;

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A socket by which a running `vhost-pin serve` takes requests: a line each, and a
 * line for an answer, "ok ..." or "error ...".
 *
 *	list		"ok", and then a line for each disk: the process of its
 *			front-end (0: none), its socket and its path, parted by tabs
 *	resize SOCKET	reads again how large the disk is that is served at SOCKET;
 *			the answer is its size in bytes
 */
#ifndef VPIN_SERVE_CONTROL_H
#define VPIN_SERVE_CONTROL_H

#include "listen.h"

/* Answers those who connect, in threads, until the process ends. */
void control_start(const struct listener *listener);

#endif

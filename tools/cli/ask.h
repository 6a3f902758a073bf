/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_ASK_H
#define VPIN_CLI_ASK_H

#include <stdio.h>

/*
 * Sends a line to the control socket of a `vhost-pin serve` and returns its answer,
 * as a stream behind the "ok", or NULL with errno: EREMOTEIO if the answer is an
 * error, whose text is then in @error, of @size bytes; EAGAIN if it took more than
 * @seconds, which are for ever if 0.
 */
FILE *ask(const char *control, const char *request, unsigned int seconds,
	  char *error, size_t size);

#endif

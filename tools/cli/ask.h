/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_ASK_H
#define VPIN_CLI_ASK_H

#include <stddef.h>

/*
 * Sends a line to the control socket of a `vhost-pin serve` and returns its answer,
 * what is behind the "ok", to be freed, or NULL with errno: EREMOTEIO if the answer is
 * an error, whose text is then in @error, of @size bytes; EAGAIN if all of it took more
 * than @seconds, which are for ever if 0.
 */
char *ask(const char *control, const char *request, unsigned int seconds,
	  char *error, size_t size);

#endif

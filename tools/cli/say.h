/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_SAY_H
#define VPIN_CLI_SAY_H

#include <stdnoreturn.h>

#define PRINTF_LIKE(fmt, args)	__attribute__((format(printf, fmt, args)))

/* Exit statuses; 126 and 127 mean what they mean in a shell. */
#define EXIT_USAGE		2
#define EXIT_CANNOT_RUN		126
#define EXIT_NOT_FOUND		127

/* A message for people on stderr.  What to do about it goes on its own line. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What each message begins with, until the next call: the place in a file, or "". */
void say_where(const char *place);

/* What die() does before it says anything. */
void say_last(void (*before)(void));

/* say(), then exit with @status. */
noreturn void die(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif

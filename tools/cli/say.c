// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"
#include "text.h"

static const char *where = "";
static void (*before_last)(void);

void say_where(const char *place)
{
	where = place;
}

void say_last(void (*before)(void))
{
	before_last = before;
}

static void vsay(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	/* Threads say one thing after the other. */
	fprintf(stderr, "vhost-pin: %s%s\n", where, text_clean_lines(text));
	free(text);
}

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(fmt, args);
	va_end(args);
}

noreturn void die(int status, const char *fmt, ...)
{
	va_list args;

	if (before_last)
		before_last();
	va_start(args, fmt);
	vsay(fmt, args);
	va_end(args);
	exit(status);
}

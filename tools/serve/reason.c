// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reason.h"

int reason_errno(struct reason *why, int error)
{
	return reason_is(why, error, "%s", strerror(error));
}

int reason_is(struct reason *why, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -error;
}

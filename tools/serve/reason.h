/* SPDX-License-Identifier: GPL-2.0-only */
/* Why something was refused, for people. */
#ifndef VPIN_SERVE_REASON_H
#define VPIN_SERVE_REASON_H

#include "../cli/say.h"

struct reason {
	char text[256];
};

/* Returns -@error; its text is the kernel's for it unless one is given. */
int reason_errno(struct reason *why, int error);
int reason_is(struct reason *why, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

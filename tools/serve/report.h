/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a disk's front-end did that people should know: a line on stderr.  A
 * front-end can cause as many as it likes, so there is a limit.
 */
#ifndef VPIN_SERVE_REPORT_H
#define VPIN_SERVE_REPORT_H

#include <time.h>

#include "../cli/say.h"

struct report {
	const char *disk;		/* its name in each line */
	unsigned int credit;		/* lines that may be said now */
	unsigned int withheld;		/* lines since that were not */
	time_t since;			/* when the credit was last raised */
};

void report_init(struct report *report, const char *disk);
void report(struct report *report, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif

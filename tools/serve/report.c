// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "report.h"

/* So many lines at once, and one more each second. */
#define CREDIT_MAX	20

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

void report_init(struct report *report, const char *disk)
{
	*report = (struct report){ .disk = disk, .credit = CREDIT_MAX, .since = now() };
}

static bool is_allowed(struct report *report)
{
	time_t passed = now() - report->since;

	report->since += passed;
	report->credit = passed < CREDIT_MAX - report->credit ?
			 report->credit + passed : CREDIT_MAX;
	if (!report->credit) {
		report->withheld++;
		return false;
	}
	report->credit--;
	return true;
}

void report(struct report *report, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (!is_allowed(report))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (report->withheld)
		say("%s: %u lines were withheld", report->disk, report->withheld);
	report->withheld = 0;
	say("%s: %s", report->disk, text);
}

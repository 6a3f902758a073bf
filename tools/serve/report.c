// SPDX-License-Identifier: GPL-2.0-only
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "report.h"

/* Of stderr, among the disks. */
static pthread_mutex_t says = PTHREAD_MUTEX_INITIALIZER;

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
	if (!report->credit)
		return false;
	report->credit--;
	return true;
}

/* How long one may take for his line before others do without theirs, in ms. */
#define PATIENCE_MS	100

static bool is_turn(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return !pthread_mutex_clocklock(&says, CLOCK_MONOTONIC, &until);
}

/* Whether a line goes there at once, however many there are. */
static bool has_room(void)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&pollfd, 1, 0) == 1;
}

static void say_line(struct report *report, const char *text)
{
	if (report->withheld)
		say("%s: %u lines were withheld, then: %s", report->disk, report->withheld, text);
	else
		say("%s: %s", report->disk, text);
	report->withheld = 0;
}

/* Nobody waits for who should read it, and does not. */
void report(struct report *report, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!is_allowed(report) || !is_turn()) {
		report->withheld++;
		return;
	}
	if (has_room())
		say_line(report, text);
	else
		report->withheld++;
	pthread_mutex_unlock(&says);
}

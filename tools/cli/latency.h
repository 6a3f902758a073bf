/* SPDX-License-Identifier: GPL-2.0-only */
/* Histograms of how long requests took, as the module counts them. */
#ifndef VPIN_CLI_LATENCY_H
#define VPIN_CLI_LATENCY_H

#include "host.h"

/* Where bucket @i ends, in microseconds: it has what took less. */
double latency_end(unsigned int i);

/*
 * What @share (0 to 1) of the requests took at most, in microseconds, as far as
 * buckets can say it; negative if there are none.
 */
double latency_of(const struct traffic *traffic, double share);

/* Room for a time of which people read the first digits. */
#define TIME_SIZE	16

/* "1.5ms" in @text, which has TIME_SIZE bytes; "-" if it is negative. */
const char *short_time(char *text, double microseconds);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "latency.h"

double latency_end(unsigned int i)
{
	return (double)(2ULL << i);
}

double latency_of(const struct traffic *traffic, double share)
{
	double total = 0, before = 0;
	unsigned int i;

	for (i = 0; i < traffic->num_buckets; i++)
		total += traffic->buckets[i];
	if (!total)
		return -1;
	for (i = 0; i < traffic->num_buckets; i++) {
		double count = traffic->buckets[i], begin = i ? latency_end(i - 1) : 0;

		/* As if those of a bucket were spread over it. */
		if (count && before + count >= share * total)
			return begin + (latency_end(i) - begin) * (share * total - before) / count;
		before += count;
	}
	return latency_end(i - 1);
}

const char *short_time(char *text, double microseconds)
{
	static const char *const units[] = { "us", "ms", "s" };
	unsigned int unit = 0;

	if (microseconds < 0)
		return "-";
	while (microseconds >= 999.5 && unit < 2) {
		microseconds /= 1000;
		unit++;
	}
	snprintf(text, TIME_SIZE, "%.*f%s", microseconds < 9.95 ? 1 : 0, microseconds,
		 units[unit]);
	return text;
}

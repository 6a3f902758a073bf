/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_BENCH_SAY_H
#define VPIN_BENCH_SAY_H

#include <stdio.h>
#include <stdlib.h>

#define die(format, ...) do {						\
	fprintf(stderr, "io-client: " format "\n", ##__VA_ARGS__);	\
	exit(EXIT_FAILURE);						\
} while (0)

#endif

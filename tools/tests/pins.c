// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "pins.h"

long pins_held(void)
{
	long acquired = 0, released = 0;
	char line[128];
	FILE *file;

	/* The counters are per CPU until someone asks for their sum. */
	file = fopen("/proc/sys/vm/stat_refresh", "w");
	if (file) {
		fputs("1\n", file);
		fclose(file);
	}

	file = fopen("/proc/vmstat", "r");
	if (!file) {
		perror("/proc/vmstat");
		exit(EXIT_FAILURE);
	}
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "nr_foll_pin_acquired %ld", &acquired);
		sscanf(line, "nr_foll_pin_released %ld", &released);
	}
	fclose(file);
	return acquired - released;
}

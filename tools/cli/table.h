/* SPDX-License-Identifier: GPL-2.0-only */
/* Columns of text, as wide as they have to be. */
#ifndef VPIN_CLI_TABLE_H
#define VPIN_CLI_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Most columns of a table. */
#define COLUMNS_MAX	16

struct column {
	const char *title;
	bool right;			/* its cells are at its right edge */
	int min;			/* characters that it has at least */
	int spare;			/* left out where there is no room, 1 first; 0: never */
};

struct table {
	const struct column *columns;
	unsigned int num_columns;
	char **cells;			/* row by row */
	unsigned int num_cells;
	int room;			/* for all columns but the last; 0: any */
};

void table_init(struct table *table, const struct column *columns, unsigned int num_columns);
void table_fini(struct table *table);

/* The next cell; what a terminal would not show as it is becomes '?'. */
void table_add(struct table *table, const char *text);

/*
 * Prints the titles and rows @first to @first + @max, a line each; without spare
 * columns, one by one, as long as there is no room for the others.
 */
void table_print(const struct table *table, FILE *out, unsigned int first, unsigned int max);

/* Room for a number of which people read the first digits. */
#define SHORT_SIZE	16

/* "1.5G" in @text, which has SHORT_SIZE bytes: in steps of 1000, or 1024 for bytes. */
const char *short_number(char *text, double number);
const char *short_bytes(char *text, double bytes);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "table.h"

void table_init(struct table *table, const struct column *columns, unsigned int num_columns)
{
	*table = (struct table){ .columns = columns, .num_columns = num_columns };
}

void table_fini(struct table *table)
{
	unsigned int i;

	for (i = 0; i < table->num_cells; i++)
		free(table->cells[i]);
	free(table->cells);
}

void table_add(struct table *table, const char *text)
{
	char *cell = strdup(text), *c;

	table->cells = reallocarray(table->cells, table->num_cells + 1, sizeof(cell));
	if (!cell || !table->cells)
		die(EXIT_FAILURE, "out of memory");
	for (c = cell; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
	table->cells[table->num_cells++] = cell;
}

static const char *cell_at(const struct table *table, unsigned int row, unsigned int column)
{
	return table->cells[row * table->num_columns + column];
}

/* A row, or the titles: what is longer than @width is cut off. */
static void print_row(const struct table *table, FILE *out, const int *widths,
		      const char *const *cells, unsigned int width)
{
	size_t size;
	char *line;
	FILE *row = open_memstream(&line, &size);
	unsigned int i;

	if (!row)
		die(EXIT_FAILURE, "out of memory");
	for (i = 0; i < table->num_columns; i++) {
		bool last = i == table->num_columns - 1;
		int room = table->columns[i].right ? widths[i] : last ? 0 : -widths[i];

		fprintf(row, "%*s%s", room, cells[i], last ? "" : "  ");
	}
	fclose(row);
	fprintf(out, "%.*s\n", (int)(width ? width : size), line);
	free(line);
}

void table_print(const struct table *table, FILE *out, unsigned int width,
		 unsigned int first, unsigned int max)
{
	unsigned int rows = table->num_cells / table->num_columns, row, i;
	const char *cells[COLUMNS_MAX];
	int widths[COLUMNS_MAX];

	for (i = 0; i < table->num_columns; i++) {
		cells[i] = table->columns[i].title;
		widths[i] = strlen(cells[i]);
		for (row = 0; row < rows; row++) {
			int length = strlen(cell_at(table, row, i));

			if (length > widths[i])
				widths[i] = length;
		}
	}
	print_row(table, out, widths, cells, width);
	for (row = first; row < rows && row - first < max; row++) {
		for (i = 0; i < table->num_columns; i++)
			cells[i] = cell_at(table, row, i);
		print_row(table, out, widths, cells, width);
	}
}

static const char *shorten(char *text, double number, double step)
{
	static const char units[] = "\0KMGTPE";
	unsigned int unit = 0;

	while (number >= step * 0.9995 && unit < sizeof(units) - 2) {
		number /= step;
		unit++;
	}
	if (!unit)
		snprintf(text, SHORT_SIZE, "%.0f", number);
	else
		snprintf(text, SHORT_SIZE, "%.*f%c", number < 9.995 ? 2 : number < 99.95 ? 1 : 0,
			 number, units[unit]);
	return text;
}

const char *short_number(char *text, double number)
{
	return shorten(text, number, 1000);
}

const char *short_bytes(char *text, double bytes)
{
	return shorten(text, bytes, 1024);
}

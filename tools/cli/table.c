// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "table.h"
#include "text.h"

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
	char *cell = strdup(text);

	table->cells = reallocarray(table->cells, table->num_cells + 1, sizeof(cell));
	if (!cell || !table->cells)
		die(EXIT_FAILURE, "out of memory");
	table->cells[table->num_cells++] = text_clean(cell);
}

static const char *cell_at(const struct table *table, unsigned int row, unsigned int column)
{
	return table->cells[row * table->num_columns + column];
}

/* The width of a column that is not shown. */
#define LEFT_OUT	(-1)

/* A row, or the titles. */
static void print_row(const struct table *table, FILE *out, const int *widths,
		      const char *const *cells)
{
	unsigned int i;

	for (i = 0; i < table->num_columns; i++) {
		bool last = i == table->num_columns - 1;
		int room = widths[i] - text_width(cells[i]);

		if (widths[i] == LEFT_OUT)
			continue;
		fprintf(out, "%*s%s%*s%s", table->columns[i].right ? room : 0, "", cells[i],
			table->columns[i].right || last ? 0 : room, "", last ? "\n" : "  ");
	}
}

static void leave_out(const struct table *table, int *widths)
{
	int spare, needed = 0;
	unsigned int i;

	for (i = 0; i < table->num_columns - 1; i++)
		needed += widths[i] + (i ? 2 : 0);
	for (spare = 1; table->room && needed > table->room && spare < COLUMNS_MAX; spare++) {
		for (i = 0; i < table->num_columns; i++) {
			if (table->columns[i].spare != spare)
				continue;
			needed -= widths[i] + 2;
			widths[i] = LEFT_OUT;
		}
	}
}

void table_print(const struct table *table, FILE *out, unsigned int first, unsigned int max)
{
	unsigned int rows = table->num_cells / table->num_columns, row, i;
	const char *cells[COLUMNS_MAX];
	int widths[COLUMNS_MAX];

	for (i = 0; i < table->num_columns; i++) {
		cells[i] = table->columns[i].title;
		widths[i] = strlen(cells[i]);
		if (widths[i] < table->columns[i].min)
			widths[i] = table->columns[i].min;
		for (row = 0; row < rows; row++) {
			int length = text_width(cell_at(table, row, i));

			if (length > widths[i])
				widths[i] = length;
		}
	}
	leave_out(table, widths);
	print_row(table, out, widths, cells);
	for (row = first; row < rows && row - first < max; row++) {
		for (i = 0; i < table->num_columns; i++)
			cells[i] = cell_at(table, row, i);
		print_row(table, out, widths, cells);
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

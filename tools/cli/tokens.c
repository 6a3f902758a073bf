// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "tokens.h"

static FILE *text_open(char **text, size_t *length)
{
	FILE *stream = open_memstream(text, length);

	if (!stream)
		die(EXIT_FAILURE, "out of memory");
	return stream;
}

void tokens_export(const struct disk *disks, unsigned int num)
{
	size_t length;
	unsigned int i;
	char *text;
	FILE *out;

	out = text_open(&text, &length);
	for (i = 0; i < num; i++)
		fprintf(out, "%s%d", i ? ":" : "", disks[i].fd);
	if (fclose(out) || setenv("VHOST_PIN_FDS", text, 1))
		die(EXIT_FAILURE, "out of memory");
	free(text);
}

/* Length of the token at @text, 0 if there is none; its number in @index. */
static size_t token(const char *text, unsigned long *index)
{
	const char *end = text + 3;

	if (strncmp(text, "{fd", 3))
		return 0;
	*index = 0;
	if (isdigit((unsigned char)*end))
		*index = strtoul(end, (char **)&end, 10);
	return *end == '}' ? end + 1 - text : 0;
}

static char *replace(const char *arg, const struct disk *disks, unsigned int num)
{
	unsigned long index;
	size_t length;
	char *text;
	FILE *out;

	out = text_open(&text, &length);
	while (*arg) {
		size_t skip = token(arg, &index);

		if (!skip) {
			fputc(*arg++, out);
			continue;
		}
		if (index >= num)
			die(EXIT_USAGE, "exec: %.*s: there %s only %u disk%s, counted from 0",
			    (int)skip, arg, num == 1 ? "is" : "are", num, num == 1 ? "" : "s");
		fprintf(out, "%d", disks[index].fd);
		arg += skip;
	}
	if (fclose(out))
		die(EXIT_FAILURE, "out of memory");
	return text;
}

char **tokens_replace(char *const argv[], const struct disk *disks, unsigned int num)
{
	unsigned int argc = 0, i;
	char **all;

	while (argv[argc])
		argc++;
	all = calloc(argc + 1, sizeof(*all));
	if (!all)
		die(EXIT_FAILURE, "out of memory");
	for (i = 0; i < argc; i++)
		all[i] = replace(argv[i], disks, num);
	return all;
}

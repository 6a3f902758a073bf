// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root.h"

static const char *vroot_path(const char *fmt, va_list args)
{
	static _Thread_local char path[ROOT_PATH_MAX];
	const char *root = getenv("VHOST_PIN_ROOT");
	int length = snprintf(path, sizeof(path), "%s", root ?: "");

	if (length < (int)sizeof(path))
		vsnprintf(path + length, sizeof(path) - length, fmt, args);
	return path;
}

const char *root_path(const char *fmt, ...)
{
	const char *path;
	va_list args;

	va_start(args, fmt);
	path = vroot_path(fmt, args);
	va_end(args);
	return path;
}

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;
	ssize_t length;

	if (!file)
		return NULL;
	/* Up to a NUL: there is none. */
	length = getdelim(&text, &size, '\0', file);
	if (length < 0 && !ferror(file)) {
		free(text);
		text = strdup("");
		length = 0;
	}
	fclose(file);
	if (length < 0) {
		free(text);
		return NULL;
	}
	while (length && text[length - 1] == '\n')
		text[--length] = '\0';
	return text;
}

char *root_read(const char *fmt, ...)
{
	const char *path;
	va_list args;

	va_start(args, fmt);
	path = vroot_path(fmt, args);
	va_end(args);
	return read_all(path);
}

uint64_t root_read_number(const char *fmt, ...)
{
	uint64_t number = 0;
	const char *path;
	va_list args;
	char *text;

	va_start(args, fmt);
	path = vroot_path(fmt, args);
	va_end(args);
	text = read_all(path);
	if (text)
		number = strtoull(text, NULL, 0);
	free(text);
	return number;
}

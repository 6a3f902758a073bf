// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "args.h"

const char *args_next(char *const **next, const char *name)
{
	char *const *arg;

	for (arg = *next; *arg; arg++) {
		const char *option = *arg;

		if (*option != '-' || !arg[1])
			continue;
		option += option[1] == '-' ? 2 : 1;
		if (strcmp(option, name))
			continue;
		*next = arg + 2;
		return arg[1];
	}
	*next = arg;
	return NULL;
}

const char *args_key(const char *value, const char *key)
{
	size_t length = strlen(key);

	while (value) {
		if (!strncmp(value, key, length) && value[length] == '=')
			return value + length + 1;
		value = strchr(value, ',');
		if (value)
			value++;
	}
	return NULL;
}

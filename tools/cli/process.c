// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "root.h"
#include "text.h"

char *process_name(pid_t pid)
{
	char *comm, *name;

	if (!pid)
		return strdup("-");
	comm = root_read("/proc/%d/comm", pid);
	if (asprintf(&name, "%s[%d]", comm ?: "", pid) < 0)
		die(EXIT_FAILURE, "out of memory");
	free(comm);
	return text_clean(name);
}

/* The next of a process's arguments; false at their end. */
static bool next_argument(FILE *arguments, char **argument, size_t *size)
{
	return getdelim(argument, size, '\0', arguments) > 0;
}

/* The value of --control, of which --cont is enough, among what follows `serve`. */
static char *control_of(FILE *arguments)
{
	static const char option[] = "--control";
	char *argument = NULL, *control = NULL;
	size_t size = 0;

	if (!next_argument(arguments, &argument, &size) ||
	    !next_argument(arguments, &argument, &size) || strcmp(argument, "serve"))
		goto out;
	while (next_argument(arguments, &argument, &size)) {
		size_t length = strcspn(argument, "=");
		const char *value = argument + length;

		if (length < strlen("--cont") || strncmp(argument, option, length))
			continue;
		if (!*value && next_argument(arguments, &argument, &size))
			value = argument;
		else if (*value == '=')
			value++;
		else
			continue;
		free(control);
		control = strdup(value);
	}
out:
	free(argument);
	return control;
}

char *process_control(pid_t pid)
{
	FILE *arguments = fopen(root_path("/proc/%d/cmdline", pid), "re");
	char *control, *path;

	if (!arguments)
		return NULL;
	control = control_of(arguments);
	fclose(arguments);
	if (!control || *control == '/')
		return control;
	path = strdup(root_path("/proc/%d/cwd/%s", pid, control));
	free(control);
	return path;
}

uint64_t process_ticks(pid_t pid, pid_t thread)
{
	uint64_t user = 0, system = 0;
	const char *fields;
	char *stat;

	stat = root_read("/proc/%d/task/%d/stat", pid, thread);
	/* Before Linux 6.10 it is a thread of the kernel's. */
	if (!stat)
		stat = root_read("/proc/%d/task/%d/stat", thread, thread);
	/* The name, in parentheses, may have anything in it. */
	fields = stat ? strrchr(stat, ')') : NULL;
	if (fields)
		sscanf(fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
		       &user, &system);
	free(stat);
	return user + system;
}

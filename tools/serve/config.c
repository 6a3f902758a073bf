// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli/say.h"
#include "config.h"

#define SUFFIX	".conf"
#define DISK	"disk="
#define BLANK	" \t\r\n"

/* What the VM is called: of letters that systemd leaves as they are. */
static char *config_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name = strdup(base ? base + 1 : path);
	size_t length = name ? strlen(name) : 0;

	if (length > strlen(SUFFIX) && !strcmp(name + length - strlen(SUFFIX), SUFFIX))
		name[length - strlen(SUFFIX)] = '\0';
	else
		die(EXIT_USAGE, "--config: %s is not called NAME" SUFFIX, path);
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		die(EXIT_USAGE, "--config: the name '%s' may have letters, digits, - and _ only", name);
	if (strlen(name) > CONFIG_NAME_MAX)
		die(EXIT_USAGE, "--config: the name '%s' may have %d characters only", name,
		    CONFIG_NAME_MAX);
	return name;
}

/* The line without blanks around it. */
static char *config_trim(char *line)
{
	size_t length;

	line += strspn(line, BLANK);
	for (length = strlen(line); length && strchr(BLANK, line[length - 1]); length--)
		line[length - 1] = '\0';
	return line;
}

static char *config_socket(const char *name, unsigned int number)
{
	char *socket;
	int ret;

	if (number == 1)
		ret = asprintf(&socket, CONFIG_RUN "/%s.sock", name);
	else
		ret = asprintf(&socket, CONFIG_RUN "/%s.%u.sock", name, number);
	if (ret < 0)
		die(EXIT_FAILURE, "out of memory");
	return socket;
}

void config_read(const char *path,
		 void (*add)(const char *text, const char *where, char *socket))
{
	char *name = config_name(path), *line = NULL, *where;
	unsigned int number = 0, disks = 0;
	FILE *file = fopen(path, "re");
	size_t size = 0;

	if (!file)
		die(EXIT_USAGE, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &size, file) >= 0) {
		char *text = config_trim(line);

		number++;
		if (!*text || *text == '#')
			continue;
		if (asprintf(&where, "%s" SUFFIX ", line %u: ", name, number) < 0)
			die(EXIT_FAILURE, "out of memory");
		say_where(where);
		if (strncmp(text, DISK, strlen(DISK)))
			die(EXIT_USAGE, "'%s' is not 'disk=PATH[,OPTION...]'", text);
		add(text + strlen(DISK), where, config_socket(name, ++disks));
	}
	say_where("");
	if (ferror(file))
		die(EXIT_USAGE, "cannot read %s: %s", path, strerror(errno));
	if (!disks)
		die(EXIT_USAGE, "%s has no disk\n"
		    "  A line 'disk=PATH[,OPTION...]' each, as for --disk.", path);
	fclose(file);
	free(line);
	free(name);
}

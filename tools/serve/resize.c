// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin resize`: tells a running server that a disk has another size. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli/ask.h"
#include "../cli/host.h"
#include "../cli/say.h"
#include "../cli/text.h"
#include "resize.h"

static const struct opt options[] = {
	{ "control", 'c', false, "PATH",
	  "NAME is the socket of a disk whose server listens at PATH:\n"
	  "for those who may not see the process of the server" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	const char **control = arg;

	(void)key;
	*control = value;
}

/* The disk's socket, and its server's control socket, from what it is called. */
static char *find(const char *name, const char **control)
{
	const struct host_disk **found;
	const struct host_disk *disk;
	struct host host;
	char *socket;

	host_read(&host);
	found = calloc(host.num + 1, sizeof(*found));
	if (!found)
		die(EXIT_FAILURE, "out of memory");
	if (host_find(&host, name, found) > 1)
		die(EXIT_FAILURE, "'%s' is more than one disk: %s, %s\n"
		    "  Give its name or device, as 'vhost-pin list' has it.", name,
		    found[0]->name, found[1]->name);
	disk = found[0];
	if (!disk->control)
		die(EXIT_FAILURE, "whoever serves '%s' (%s) takes no requests from here\n"
		    "  A disk can be resized that is served by 'vhost-pin serve --control PATH', by who\n"
		    "  may connect to PATH (root may).  A disk of 'vhost-pin run' has its new size when\n"
		    "  the guest is started anew.", name, disk->vm_name);
	socket = text_escape(disk->socket);
	*control = strdup(disk->control);
	free(found);
	host_free(&host);
	return socket;
}

static noreturn void die_unanswered(const char *control, const char *error)
{
	switch (errno) {
	case EREMOTEIO:
		die(EXIT_FAILURE, "%s", error);
	case ENAMETOOLONG:
		die(EXIT_USAGE, "the path of a socket may have 107 characters: %s", control);
	case EACCES:
		die(EXIT_FAILURE, "you may not connect to %s\n"
		    "  Whoever may write to it can, and root.", control);
	case EPIPE:
	case EAGAIN:
		die(EXIT_FAILURE, "the server at %s does not answer", control);
	default:
		die(EXIT_FAILURE, "nobody can be reached at %s: %s\n"
		    "  Was 'vhost-pin serve' started with --control %s?", control,
		    strerror(errno), control);
	}
}

static int resize_main(const struct command *command, int argc, char *argv[])
{
	const char *control = NULL, *name;
	char *socket, *request, error[512], *size;
	int next = command_parse(command, argc, argv, take, &control);

	if (argc - next != 1)
		die(EXIT_USAGE, "resize: which disk?  Give its NAME: 'vhost-pin list' has them.");
	name = argv[next];
	socket = control ? text_escape(name) : find(name, &control);
	if (!socket || asprintf(&request, "resize %s", socket) < 0)
		die(EXIT_FAILURE, "out of memory");
	/* It takes as long as the disk does. */
	size = ask(control, request, 0, error, sizeof(error));
	if (!size)
		die_unanswered(control, error);
	size[strcspn(size, "\n")] = '\0';
	puts(text_clean(size));
	free(size);
	return EXIT_SUCCESS;
}

const struct command resize_command = {
	.name = "resize",
	.usage = "[--control PATH] NAME",
	.summary = "tells the guest that a disk of a running 'serve' has another size",
	.about =
"Has the server of a disk read again how large it is, after a file was truncated or\n"
"a volume extended.  The guest is told, and the new size in bytes is printed.  NAME\n"
"is the disk's name, its socket, its path, its device or the process of its VM.\n"
"\n"
"Its server must be a 'vhost-pin serve --control PATH', and you must be allowed to\n"
"connect to that PATH.\n",
	.options = options,
	.operand = OPERAND_DISK,
	.main = resize_main,
};

// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin resize`: tells a running server that a disk has another size. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cli/say.h"
#include "resize.h"

static const char help[] =
"Usage: vhost-pin resize --control PATH SOCKET\n"
"\n"
"Has a running 'vhost-pin serve --control PATH' read again how large the disk is\n"
"that it serves at SOCKET, after a file was truncated or a volume extended.  The\n"
"guest is told, and the new size in bytes is printed.\n";

/* The control socket at @path, as a stream. */
static FILE *open_control(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		die(EXIT_USAGE, "the path of a socket may have %zu characters: %s",
		    sizeof(address.sun_path) - 1, path);
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die(EXIT_FAILURE, "nobody can be reached at %s: %s\n"
		    "  Was 'vhost-pin serve' started with --control %s?", path,
		    strerror(errno), path);
	return fdopen(fd, "r+");
}

static const char *parse(int argc, char *argv[], const char **socket)
{
	static const struct option options[] = {
		{ "control",	required_argument,	NULL, 'c' },
		{ "help",	no_argument,		NULL, 'h' },
		{ }
	};
	const char *control = NULL;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			control = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		case ':':
			die(EXIT_USAGE, "resize: %s needs a value", argv[optind - 1]);
		default:
			die(EXIT_USAGE, "resize: there is no option %s\n"
			    "  See 'vhost-pin resize --help'.", argv[optind - 1]);
		}
	}
	if (!control)
		die(EXIT_USAGE, "resize: which server?  Give its --control PATH.");
	if (argc - optind != 1)
		die(EXIT_USAGE, "resize: which disk?  Give the SOCKET that it is served at.");
	*socket = argv[optind];
	return control;
}

int resize_main(int argc, char *argv[])
{
	const char *socket, *control = parse(argc, argv, &socket);
	FILE *stream = open_control(control);
	char line[512];

	fprintf(stream, "resize %s\n", socket);
	if (fflush(stream) || !fgets(line, sizeof(line), stream))
		die(EXIT_FAILURE, "the server at %s does not answer", control);
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "ok ", 3))
		die(EXIT_FAILURE, "%s", strncmp(line, "error ", 6) ? line : line + 6);
	puts(line + 3);
	return EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "vmm.h"

#define QEMU_DEVICE	"vhost-vdpa-device-pci"

/* First of our fdsets: 'vp', so that it hardly meets one of the user's. */
#define FDSET_BASE	0x7670

/* What "@program @arg1 @arg2" prints on stdout, or exits if it cannot run. */
static char *output_of(const char *program, const char *arg1, const char *arg2)
{
	char *text = NULL;
	size_t length = 0;
	int fds[2], status;
	FILE *stream;
	pid_t child;

	if (pipe(fds))
		die(EXIT_FAILURE, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		die(EXIT_FAILURE, "fork: %s", strerror(errno));
	if (!child) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execlp(program, program, arg1, arg2, (char *)NULL);
		_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
	}

	close(fds[1]);
	stream = fdopen(fds[0], "r");
	if (!stream || getdelim(&text, &length, '\0', stream) < 0)
		text = calloc(1, 1);
	if (stream)
		fclose(stream);
	waitpid(child, &status, 0);

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND)
		die(EXIT_NOT_FOUND, "there is no program '%s'\n"
		    "  On Debian and Ubuntu: apt install qemu-system-x86", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CANNOT_RUN)
		die(EXIT_CANNOT_RUN, "cannot run '%s'", program);
	return text;
}

void vmm_check(const char *program)
{
	int major, minor;
	char *text;

	text = output_of(program, "-device", "help");
	if (strstr(text, "\"" QEMU_DEVICE "\"")) {
		free(text);
		return;
	}
	free(text);

	text = output_of(program, "--version", NULL);
	if (sscanf(text, "QEMU emulator version %d.%d", &major, &minor) != 2)
		die(EXIT_CANNOT_RUN, "'%s' is not a QEMU system emulator\n"
		    "  For another program use 'vhost-pin exec'.", program);
	if (major < 8)
		die(EXIT_CANNOT_RUN, "'%s' is QEMU %d.%d, which is too old: it has no %s\n"
		    "  Install QEMU 8.0 or newer (Debian 13 has 10.0).",
		    program, major, minor, QEMU_DEVICE);
	die(EXIT_CANNOT_RUN, "'%s' (QEMU %d.%d) was built without %s\n"
	    "  Use a QEMU that was configured with --enable-vhost-vdpa.",
	    program, major, minor, QEMU_DEVICE);
}

/* @text as a value of a QEMU option: its commas doubled. */
static char *quote_commas(const char *text)
{
	char *quoted = malloc(2 * strlen(text) + 1);
	char *to = quoted;

	if (!quoted)
		die(EXIT_FAILURE, "out of memory");
	do {
		*to++ = *text;
		if (*text == ',')
			*to++ = ',';
	} while (*text++);
	return quoted;
}

PRINTF_LIKE(1, 2) static char *format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		die(EXIT_FAILURE, "out of memory");
	va_end(args);
	return text;
}

char **vmm_argv(char *const argv[], const struct disk *disks, unsigned int num)
{
	unsigned int argc = 0, i;
	char **all;

	while (argv[argc])
		argc++;
	all = calloc(argc + 4 * num + 1, sizeof(*all));
	if (!all)
		die(EXIT_FAILURE, "out of memory");
	memcpy(all, argv, argc * sizeof(*all));

	for (i = 0; i < num; i++) {
		char *path = quote_commas(disks[i].path);

		all[argc++] = "-add-fd";
		all[argc++] = format("fd=%d,set=%u,opaque=vhost-pin:%s",
				     disks[i].fd, FDSET_BASE + i, path);
		all[argc++] = "-device";
		all[argc++] = format(QEMU_DEVICE ",id=vhost-pin%u,vhostdev=/dev/fdset/%u",
				     i, FDSET_BASE + i);
		free(path);
	}
	return all;
}

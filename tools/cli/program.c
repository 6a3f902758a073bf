// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "say.h"

char *program_output(const char *program, const char *arg1, const char *arg2, int *status)
{
	char *text = NULL;
	size_t length = 0;
	int fds[2], end;
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
	if (!stream || getdelim(&text, &length, '\0', stream) < 0) {
		free(text);
		text = calloc(1, 1);
	}
	if (stream)
		fclose(stream);
	waitpid(child, &end, 0);

	*status = WIFEXITED(end) ? WEXITSTATUS(end) : EXIT_FAILURE;
	if (*status != EXIT_NOT_FOUND && *status != EXIT_CANNOT_RUN)
		return text;
	free(text);
	return NULL;
}

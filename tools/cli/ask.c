// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ask.h"

static int reach(const char *path, unsigned int seconds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = seconds };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* "ok" and a space or the end of the line, of which nothing more is read. */
static int read_verdict(FILE *stream, char *error, size_t size)
{
	char verdict[8] = "";
	int end;

	errno = 0;
	if (fscanf(stream, "%7[a-z]", verdict) != 1)
		return errno ?: EPIPE;
	end = fgetc(stream);
	if (!strcmp(verdict, "ok"))
		return 0;
	*error = '\0';
	if (end == ' ' && fgets(error, size, stream))
		error[strcspn(error, "\n")] = '\0';
	return EREMOTEIO;
}

FILE *ask(const char *control, const char *request, unsigned int seconds,
	  char *error, size_t size)
{
	int fd = reach(control, seconds), failed;
	FILE *stream;

	if (fd < 0)
		return NULL;
	/* Not by the stream: who hangs up on us is no reason to die of SIGPIPE. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ||
	    send(fd, "\n", 1, MSG_NOSIGNAL) < 0) {
		failed = errno;
		close(fd);
		errno = failed;
		return NULL;
	}
	stream = fdopen(fd, "r");
	if (!stream) {
		close(fd);
		return NULL;
	}
	failed = read_verdict(stream, error, size);
	if (!failed)
		return stream;
	fclose(stream);
	errno = failed;
	return NULL;
}

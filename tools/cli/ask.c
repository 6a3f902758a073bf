// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
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

/* Most bytes of an answer: two paths for each disk. */
#define ANSWER_MAX	(1 << 20)

static long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Whether there is something to read before it is @until; 0: whenever that is. */
static bool wait_until(int fd, long long until)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	long long left = until - now_ms();

	errno = EAGAIN;
	return !until || (left > 0 && poll(&pollfd, 1, left) == 1);
}

/* All that comes until the other one hangs up, to be freed; NULL with errno. */
static char *read_all(int fd, unsigned int seconds)
{
	long long until = seconds ? now_ms() + seconds * 1000LL : 0;
	char *text = malloc(ANSWER_MAX + 1);
	size_t length = 0;
	ssize_t got = -1;

	while (text && length < ANSWER_MAX && wait_until(fd, until)) {
		got = read(fd, text + length, ANSWER_MAX - length);
		if (got <= 0)
			break;
		length += got;
	}
	if (got) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

/* What is behind "ok" and a space or the end of the line, or why there is none. */
static const char *see_verdict(const char *text, char *error, size_t size)
{
	size_t length = strcspn(text, "\n ");
	const char *rest = text + length + !!text[length];

	errno = EPIPE;
	if (!length)
		return NULL;
	if (length == 2 && !strncmp(text, "ok", 2))
		return rest;
	errno = EREMOTEIO;
	snprintf(error, size, "%.*s", text[length] == ' ' ? (int)strcspn(rest, "\n") : 0, rest);
	return NULL;
}

char *ask(const char *control, const char *request, unsigned int seconds,
	  char *error, size_t size)
{
	int fd = reach(control, seconds), failed;
	char *text = NULL, *answer = NULL;
	const char *rest;

	if (fd < 0)
		return NULL;
	/* Who hangs up on us is no reason to die of SIGPIPE. */
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) >= 0 &&
	    send(fd, "\n", 1, MSG_NOSIGNAL) >= 0)
		text = read_all(fd, seconds);
	rest = text ? see_verdict(text, error, size) : NULL;
	if (rest)
		answer = strdup(rest);
	failed = errno;
	free(text);
	close(fd);
	errno = failed;
	return answer;
}

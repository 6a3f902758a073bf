// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../cli/say.h"
#include "../cli/text.h"
#include "control.h"
#include "serve.h"
#include "server.h"

/* How long one may take for his line, in milliseconds. */
#define PATIENCE_MS	10000

/* Requests at once, others wait: descriptors and threads are the disks', too. */
#define REQUESTS_MAX	128

static sem_t room;

static void list_one(void *arg, const struct server *server)
{
	char *bound = listener_path(&server->listener);
	char *path = text_escape(server->path), *socket = text_escape(bound);

	fprintf(arg, "%d\t%s\t%s", server_front_end(server), socket ?: "", path ?: "");
	if (*server->name)
		fprintf(arg, "\t%s", server->name);
	fputc('\n', arg);
	free(bound);
	free(path);
	free(socket);
}

static void list(FILE *answer, char *argument)
{
	(void)argument;
	fputs("ok\n", answer);
	serve_each(list_one, answer);
}

/* In one line, whatever is in the text. */
static void PRINTF_LIKE(2, 3) refuse(FILE *answer, const char *fmt, ...)
{
	char *text, *escaped = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text)
		escaped = text_escape(text);
	fprintf(answer, "error %s\n", escaped ?: "no memory");
	free(escaped);
	free(text);
}

static void resize(FILE *answer, char *socket)
{
	struct server *server = serve_find(text_unescape(socket));
	struct reason why;
	uint64_t size;

	if (!server)
		refuse(answer, "no disk is served at %s", socket);
	else if (server_resize(server, &size, &why))
		refuse(answer, "%s", why.text);
	else
		fprintf(answer, "ok %" PRIu64 "\n", size);
}

static const struct {
	const char *name;
	bool takes_argument;
	void (*act)(FILE *answer, char *argument);
} verbs[] = {
	{ "list", false, list },
	{ "resize", true, resize },
};

static void act(FILE *answer, char *line)
{
	char *argument = strchr(line, ' ');
	unsigned int i;

	if (argument)
		*argument++ = '\0';
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(line, verbs[i].name) && verbs[i].takes_argument == !!argument) {
			verbs[i].act(answer, argument);
			return;
		}
	}
	refuse(answer, "'%s' is not a request", line);
}

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Whether there is something to read before it is @until. */
static bool wait_until(int fd, int64_t until)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int64_t left = until - now_ms();

	return left > 0 && poll(&pollfd, 1, left) == 1;
}

/* A line without its end: 0, or -E2BIG, or -EPIPE if none came. */
static int read_line(int fd, char *line, size_t size)
{
	int64_t until = now_ms() + PATIENCE_MS;
	size_t length = 0;
	char *end;

	while (length < size - 1) {
		ssize_t got = wait_until(fd, until) ? read(fd, line + length, size - 1 - length) : 0;

		if (got <= 0)
			return -EPIPE;
		length += got;
		line[length] = '\0';
		end = strchr(line, '\n');
		if (end) {
			*end = '\0';
			return 0;
		}
	}
	return -E2BIG;
}

static void serve_one(int fd)
{
	char line[4096];
	int ret = read_line(fd, line, sizeof(line));
	FILE *stream = ret == -EPIPE ? NULL : fdopen(fd, "w");

	if (!stream) {
		close(fd);
		return;
	}
	if (ret)
		refuse(stream, "a request may have %zu bytes", sizeof(line) - 2);
	else
		act(stream, line);
	fclose(stream);
}

static void *answer(void *arg)
{
	serve_one((intptr_t)arg);
	sem_post(&room);
	return NULL;
}

/* One who waits for his disk keeps no other. */
static void *accept_all(void *arg)
{
	const struct listener *listener = arg;

	for (;;) {
		struct pollfd pollfd = { .fd = listener->fd, .events = POLLIN };
		pthread_t thread;
		int fd;

		poll(&pollfd, 1, -1);
		while (sem_wait(&room))
			;
		fd = listener_accept(listener);
		if (fd >= 0 && !pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd)) {
			pthread_detach(thread);
			continue;
		}
		if (fd >= 0)
			close(fd);
		sem_post(&room);
	}
	return NULL;
}

void control_start(const struct listener *listener)
{
	pthread_t thread;
	int error;

	sem_init(&room, 0, REQUESTS_MAX);
	error = pthread_create(&thread, NULL, accept_all, (void *)listener);

	if (error)
		die(EXIT_FAILURE, "cannot start a thread: %s", strerror(error));
	pthread_detach(thread);
}

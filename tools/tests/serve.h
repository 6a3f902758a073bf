/* SPDX-License-Identifier: GPL-2.0-only */
/* A running `vhost-pin serve`, of the same directory as the test. */
#ifndef VPIN_TESTS_SERVE_H
#define VPIN_TESTS_SERVE_H

#include <stdbool.h>
#include <sys/types.h>

struct serve {
	pid_t pid;
	int log;			/* what it says, as a file */
	int notify;			/* where it tells how it is */
};

/*
 * Starts `vhost-pin serve` with @args, which end with NULL, and waits until it
 * says that it is ready.  @prepare, if given, is run in the new process first.
 * 0, or -ECHILD if it ended instead.
 */
int serve_start(struct serve *serve, const char *const args[], void (*prepare)(void));

/* Ends it by a signal, or waits for its end with 0: its status of waitpid(). */
int serve_end(struct serve *serve, int signal);

/* Whether it has said, or does so within seconds, something with @text in it. */
bool serve_said(const struct serve *serve, const char *text);
/* How often it has said it. */
unsigned int serve_count(const struct serve *serve, const char *text);
/* All that it said, on our own stderr. */
void serve_show(const struct serve *serve);

/* Its open files. */
int serve_files(const struct serve *serve);

/* Runs `vhost-pin` with @args: its exit status; what it printed is in @output. */
int serve_command(const char *const args[], char *output, size_t size);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve.h"

#define READY_MS	30000
#define ARGS_MAX	160

/* `vhost-pin` is where we are. */
static void program(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 16);

	path[length > 0 ? length : 0] = '\0';
	strcpy(strrchr(path, '/') + 1, "vhost-pin");
}

static void become(const char *command, const char *const args[])
{
	const char *argv[ARGS_MAX] = { "vhost-pin" };
	unsigned int num = 1, i;
	char path[4096];

	if (command)
		argv[num++] = command;
	for (i = 0; args[i] && num < ARGS_MAX - 1; i++)
		argv[num++] = args[i];
	program(path, sizeof(path));
	execv(path, (char *const *)argv);
	perror(path);
	_exit(127);
}

/* An abstract socket: nothing is left of it. */
static int notify_socket(char *name, size_t size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(name, size, "@vpin-notify-%d-%d", getpid(), fd);
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	if (bind(fd, (struct sockaddr *)&address,
		 offsetof(struct sockaddr_un, sun_path) + strlen(name))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Whether it says so before it ends. */
static bool is_ready(struct serve *serve)
{
	struct pollfd pollfd = { .fd = serve->notify, .events = POLLIN };
	char said[64] = "";
	siginfo_t ended;
	int waited;

	for (waited = 0; waited < READY_MS; waited += 20) {
		if (poll(&pollfd, 1, 20) == 1)
			return recv(serve->notify, said, sizeof(said) - 1, 0) > 0 &&
			       !strcmp(said, "READY=1");
		ended.si_pid = 0;
		if (waitid(P_PID, serve->pid, &ended, WEXITED | WNOHANG | WNOWAIT) ||
		    ended.si_pid)
			return false;
	}
	return false;
}

int serve_start(struct serve *serve, const char *const args[], void (*prepare)(void))
{
	char name[64];

	serve->log = memfd_create("log", MFD_CLOEXEC);
	fcntl(serve->log, F_SETFL, O_APPEND);
	serve->notify = notify_socket(name, sizeof(name));
	if (serve->log < 0 || serve->notify < 0)
		return -errno;
	serve->pid = fork();
	if (!serve->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("NOTIFY_SOCKET", name, 1);
		dup2(serve->log, STDERR_FILENO);
		if (prepare)
			prepare();
		become("serve", args);
	}
	if (serve->pid < 0)
		return -errno;
	return is_ready(serve) ? 0 : -ECHILD;
}

int serve_end(struct serve *serve, int signal)
{
	int status = -1;

	if (signal)
		kill(serve->pid, signal);
	waitpid(serve->pid, &status, 0);
	serve->pid = -1;
	close(serve->notify);
	return status;
}

static char *log_of(const struct serve *serve)
{
	off_t size = lseek(serve->log, 0, SEEK_END);
	char *text = calloc(1, size + 1);

	if (text && pread(serve->log, text, size, 0) < 0)
		*text = '\0';
	return text;
}

unsigned int serve_count(const struct serve *serve, const char *text)
{
	char *log = log_of(serve), *at = log;
	unsigned int count = 0;

	while (at && (at = strstr(at, text))) {
		count++;
		at += strlen(text);
	}
	free(log);
	return count;
}

bool serve_said(const struct serve *serve, const char *text)
{
	int tries = 250;

	while (tries--) {
		if (serve_count(serve, text))
			return true;
		usleep(20000);
	}
	return false;
}

void serve_show(const struct serve *serve)
{
	char *log = log_of(serve), *line, *rest = log;

	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			fprintf(stderr, "# serve: %s\n", line);
	}
	free(log);
}

int serve_files(const struct serve *serve)
{
	struct dirent *entry;
	char path[64];
	int files = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", serve->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		files += *entry->d_name != '.';
	if (dir)
		closedir(dir);
	return files;
}

int serve_command(const char *const args[], char *output, size_t size)
{
	int log = memfd_create("output", MFD_CLOEXEC);
	pid_t child = fork();
	ssize_t length;
	int status;

	if (!child) {
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		become(NULL, args);
	}
	waitpid(child, &status, 0);
	length = pread(log, output, size - 1, 0);
	output[length > 0 ? length : 0] = '\0';
	close(log);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

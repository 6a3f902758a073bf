// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../cli/say.h"
#include "config.h"
#include "listen.h"

/* First of the inherited sockets, and most of them: a disk each, and one more. */
#define INHERITED_FIRST	3
#define INHERITED_MAX	65

/* Connections that wait: more than one are refused anyway. */
#define BACKLOG		8

/* A path of a socket with its NUL, which the kernel's structure may not have. */
#define SOCKET_PATH_SIZE	(sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

/* How long one waits for descriptors before he tries again. */
#define PATIENCE_MS	100

static bool inherited_used[INHERITED_MAX];

static unsigned int num_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	unsigned long num;

	if (!pid || !fds || strtol(pid, NULL, 10) != getpid())
		return 0;
	num = strtoul(fds, NULL, 10);
	if (num > INHERITED_MAX)
		die(EXIT_USAGE, "LISTEN_FDS: %lu sockets are more than %d", num, INHERITED_MAX);
	return num;
}

/* Where the socket is bound to; empty if nowhere. */
static void path_of(int fd, char path[SOCKET_PATH_SIZE])
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof(address);

	*path = '\0';
	if (getsockname(fd, (struct sockaddr *)&address, &length) ||
	    address.sun_family != AF_UNIX)
		return;
	memcpy(path, address.sun_path, sizeof(address.sun_path));
	path[sizeof(address.sun_path)] = '\0';
}

static bool has_path(int fd, const char *path)
{
	char bound[SOCKET_PATH_SIZE];

	path_of(fd, bound);
	return !strcmp(bound, path);
}

/* Whether the @i'th of names that are parted by colons is @name. */
static bool has_name(unsigned int i, const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t length;

	while (names && i--) {
		names = strchr(names, ':');
		names = names ? names + 1 : NULL;
	}
	if (!names)
		return false;
	length = strcspn(names, ":");
	return strlen(name) == length && !strncmp(names, name, length);
}

static void check_listens(int fd, const char *name)
{
	int type = 0, listens = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) ||
	    type != SOCK_STREAM || !listens)
		die(EXIT_USAGE, "the inherited '%s' is not a stream socket that listens\n"
		    "  With systemd: ListenStream=, and Accept=no.", name);
}

static int find_inherited(const char *name)
{
	unsigned int i, num = num_inherited();

	for (i = 0; i < num; i++) {
		int fd = INHERITED_FIRST + i;

		if (inherited_used[i] || (!has_name(i, name) && !has_path(fd, name)))
			continue;
		check_listens(fd, name);
		inherited_used[i] = true;
		return fd;
	}
	return -1;
}

void listener_check_inherited(void)
{
	unsigned int i, num = num_inherited();

	for (i = 0; i < num; i++) {
		if (!inherited_used[i])
			die(EXIT_USAGE, "the inherited socket %u belongs to no disk\n"
			    "  Its name (FileDescriptorName=) or its path must be that of a 'socket='.\n"
			    "  If it is vhost-pin@NAME.socket's, the file has changed meanwhile: daemon-reload,\n"
			    "  and restart that unit.",
			    i);
	}
}

/* Whoever listens at the address: 0 if nobody does. */
static pid_t listening(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer = { .pid = 0 };
	socklen_t length = sizeof(peer);

	/* EAGAIN: his backlog is full. */
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	else if (errno != ECONNREFUSED)
		peer.pid = -1;
	close(fd);
	return peer.pid;
}

static noreturn void die_live(const char *path, pid_t pid)
{
	char name[64] = "", comm[64];
	FILE *file;

	if (pid == getpid())
		die(EXIT_USAGE, "%s is given twice\n"
		    "  Each disk has a socket of its own, and so has --control.", path);
	snprintf(comm, sizeof(comm), "/proc/%d/comm", pid);
	file = pid > 0 ? fopen(comm, "re") : NULL;
	if (file && fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = '\0';
	if (*name)
		die(EXIT_FAILURE, "%s is in use: process %d (%s) listens there", path, pid, name);
	die(EXIT_FAILURE, "%s is in use: someone listens there", path);
}

/* Makes room at the path, where something is. */
static void clear_path(const char *path, const struct sockaddr_un *address)
{
	struct stat st;
	pid_t pid;

	if (lstat(path, &st))
		return;
	if (!S_ISSOCK(st.st_mode))
		die(EXIT_FAILURE, "%s is there, and is no socket", path);
	pid = listening(address);
	if (pid)
		die_live(path, pid);
	if (unlink(path))
		die(EXIT_FAILURE, "%s is a socket that nobody listens on, and cannot be removed: %s",
		    path, strerror(errno));
}

static noreturn void die_unbound(const char *path)
{
	int length = strrchr(path, '/') ? strrchr(path, '/') - path : 0;
	const char *directory = length ? path : *path == '/' ? "/" : ".";

	length = length ?: 1;
	if (errno == ENOENT)
		die(EXIT_FAILURE, "cannot listen at %s: there is no directory %.*s\n"
		    "  To make it: mkdir -p %.*s", path, length, directory, length, directory);
	if (errno == EACCES && !strncmp(path, CONFIG_RUN "/", strlen(CONFIG_RUN "/")))
		die(EXIT_FAILURE, "nobody listens at %s yet\n"
		    "  It is vhost-pin@NAME.socket that does: daemon-reload, and restart that unit.", path);
	if (errno == EACCES)
		die(EXIT_FAILURE, "cannot listen at %s: you may make nothing in %.*s\n"
		    "  Take a directory of yours, such as $XDG_RUNTIME_DIR.", path, length, directory);
	die(EXIT_FAILURE, "cannot listen at %s: %s", path, strerror(errno));
}

static void make(struct listener *listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = listener->name;
	struct stat st;
	int ret;

	if (strlen(path) >= sizeof(address.sun_path))
		die(EXIT_USAGE, "the path of a socket may have %zu characters: %s",
		    sizeof(address.sun_path) - 1, path);
	strcpy(address.sun_path, path);
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ret = bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
	if (ret && errno == EADDRINUSE) {
		clear_path(path, &address);
		ret = bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
	}
	if (ret || stat(path, &st) || listen(listener->fd, BACKLOG))
		die_unbound(path);
	listener->made = true;
	listener->dev = st.st_dev;
	listener->inode = st.st_ino;
}

void listener_open(struct listener *listener, const char *name)
{
	*listener = (struct listener){ .name = name };
	listener->fd = find_inherited(name);
	if (listener->fd < 0)
		make(listener);
}

int listener_accept(const struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	int error = errno;

	if (fd >= 0)
		return fd;
	if (error == EMFILE || error == ENFILE)
		usleep(PATIENCE_MS * 1000);
	return -error;
}

char *listener_path(const struct listener *listener)
{
	char bound[SOCKET_PATH_SIZE], *path;

	path_of(listener->fd, bound);
	path = *bound ? realpath(bound, NULL) : NULL;
	return path ?: strdup(listener->name);
}

void listener_unlink(const struct listener *listener)
{
	struct stat st;

	if (listener->made && !stat(listener->name, &st) && st.st_dev == listener->dev &&
	    st.st_ino == listener->inode)
		unlink(listener->name);
}

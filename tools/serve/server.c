// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_blk.h>

#include "../cli/root.h"
#include "server.h"

#define SECTOR	512

/*
 * The device's file gets a higher number than any connection will have: when the
 * process ends the kernel lets go of high numbers first, so that who sees his
 * connection end finds everything done that was taken.
 */
static int move_up(int fd)
{
	struct rlimit limit;
	int high;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, (int)limit.rlim_cur - DISKS_MAX);
	if (high < 0)
		die(EXIT_FAILURE, "cannot have %d open files: %s\n"
		    "  See 'ulimit -n'.", (int)limit.rlim_cur, strerror(errno));
	close(fd);
	return high;
}

/* What the module calls the device: since a path may get another file. */
static void set_name(struct server *server)
{
	char *text = root_read("/proc/self/fdinfo/%d", server->disk.fd);
	const char *line = text ? strstr(text, "vhost-pin:") : NULL;

	if (line)
		sscanf(line, "vhost-pin: %15s", server->name);
	free(text);
}

void server_open(struct server *server, const char *node)
{
	struct disk *disk = &server->disk;
	int ret;

	disk_attach(disk, node);
	/* Not later: that may take as long as its file system does. */
	server->path = realpath(disk->path, NULL) ?: disk->path;
	disk->fd = move_up(disk->fd);
	set_name(server);
	ret = device_init(&server->device, disk->fd);
	if (ret)
		die(EXIT_FAILURE, "cannot serve %s: %s%s", disk->path, strerror(-ret),
		    ret == -EAGAIN ? "\n  You may have no more threads: see 'ulimit -u'." : "");
	report_init(&server->report, disk->path);
	session_init(&server->session, &server->device, disk->holes, &server->report);
	listener_open(&server->listener, disk->socket);
}

static pid_t process_of(int socket)
{
	struct ucred peer = { .pid = 0 };
	socklen_t length = sizeof(peer);

	getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	return peer.pid;
}

static void set_front_end(struct server *server, pid_t pid)
{
	__atomic_store_n(&server->front_end, pid, __ATOMIC_RELAXED);
}

pid_t server_front_end(const struct server *server)
{
	return __atomic_load_n(&server->front_end, __ATOMIC_RELAXED);
}

static void accept_one(struct server *server)
{
	int socket = listener_accept(&server->listener);

	if (socket == -EMFILE || socket == -ENFILE)
		report(&server->report, "no front-end is let in: %s", strerror(-socket));
	if (socket < 0)
		return;
	if (server->session.socket < 0) {
		set_front_end(server, process_of(socket));
		session_begin(&server->session, socket);
		return;
	}
	report(&server->report, "another front-end was refused: one is there");
	close(socket);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	struct session *session = &server->session;

	for (;;) {
		/*
		 * Who comes after another one has left must not find him there: so he is
		 * looked for first, and let in last, when all was read.
		 */
		struct pollfd fds[] = {
			{ .fd = server->listener.fd, .events = POLLIN },
			{ .fd = session->socket, .events = POLLIN },
			{ .fd = server->device.config_call, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[2].revents)
			session_config_changed(session);
		if (fds[1].revents)
			session_receive(session);
		else if (fds[0].revents)
			accept_one(server);
		if (session->socket < 0)
			set_front_end(server, 0);
	}
	return NULL;
}

void server_start(struct server *server)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, serve, server);

	if (error)
		die(EXIT_FAILURE, "cannot start a thread: %s", strerror(error));
	pthread_detach(thread);
}

static int resize(struct server *server, uint64_t *size, struct reason *why)
{
	uint64_t sectors;
	int ret = device_resize(&server->device) ?:
		  device_get_config(&server->device,
				    offsetof(struct virtio_blk_config, capacity),
				    sizeof(sectors), &sectors);

	if (ret == -EINVAL)
		return reason_is(why, -ret, "the size of %s is not whole blocks: the kernel's log says how to mend that",
				 server->disk.path);
	if (ret)
		return reason_is(why, -ret, "the size of %s cannot be changed: %s",
				 server->disk.path, strerror(-ret));
	*size = le64toh(sectors) * SECTOR;
	return 0;
}

/* Of those who would wait for a disk that hangs there could be too many for the others. */
int server_resize(struct server *server, uint64_t *size, struct reason *why)
{
	int ret;

	if (__atomic_exchange_n(&server->resizes, true, __ATOMIC_ACQUIRE))
		return reason_is(why, EBUSY, "%s is being resized already", server->disk.path);
	ret = resize(server, size, why);
	__atomic_store_n(&server->resizes, false, __ATOMIC_RELEASE);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse.h"

int fuse_open(const char *path, int *device, void *(*serve)(void *unused))
{
	pthread_t thread;
	struct stat stat;
	char options[80];
	int fd;

	*device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (*device < 0 || fd < 0)
		return -errno;
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0", *device);
	if (mount("fuse", path, "fuse", MS_NODEV | MS_NOSUID, options) ||
	    pthread_create(&thread, NULL, serve, NULL))
		return -errno;
	pthread_detach(thread);
	fd = open(path, O_RDWR | O_CLOEXEC);
	/* Only now the kernel knows how long it is. */
	return fd < 0 || fstat(fd, &stat) ? -errno : fd;
}

void fuse_answer(int device, uint64_t unique, const void *body, size_t length)
{
	char buf[8192];
	struct fuse_out_header *out = (void *)buf;

	*out = (struct fuse_out_header){ .len = sizeof(*out) + length, .unique = unique };
	memcpy(out + 1, body, length);
	if (write(device, buf, out->len) < 0)
		perror("fuse");
}

void fuse_end(const char *path)
{
	umount2(path, MNT_FORCE);
	umount2(path, MNT_DETACH);
	unlink(path);
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend.h"

static int grow(int fd, size_t size)
{
	int ret = fd < 0 || ftruncate(fd, size) ? -errno : fd;

	if (ret < 0 && fd >= 0)
		close(fd);
	return ret;
}

int backend_memfd(size_t size)
{
	return grow(memfd_create("backend", MFD_CLOEXEC), size);
}

int backend_file(const char *directory, size_t size)
{
	return grow(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), size);
}

int backend_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int backend_loop_on(int file, unsigned int sector_size)
{
	struct loop_config config = {
		.fd = file,
		.block_size = sector_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, fd, number;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (number < 0)
		return -errno;

	snprintf(path, sizeof(path), "/dev/loop%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!ioctl(fd, LOOP_CONFIGURE, &config))
		return fd;
	close(fd);
	return -errno;
}

int backend_loop(size_t size, unsigned int sector_size)
{
	int file = backend_memfd(size), fd;

	if (file < 0)
		return file;
	fd = backend_loop_on(file, sector_size);
	close(file);
	return fd;
}

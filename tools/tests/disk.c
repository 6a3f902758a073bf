// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "disk.h"

#define NULLB	"/sys/kernel/config/nullb/vpin-"

int file_set(const char *path, const char *value)
{
	int fd, ret;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int nullb_set(const char *name, const char *option, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), NULLB "%s/%s", name, option);
	return file_set(path, value);
}

/* Sets each "option=value" of a list. */
static int set_all(const char *name, const char *options)
{
	char list[256], *at = list, *option, *value;
	int ret = 0;

	snprintf(list, sizeof(list), "%s", options ?: "");
	while (!ret && (option = strsep(&at, ","))) {
		value = strchr(option, '=');
		if (!value)
			continue;
		*value++ = 0;
		ret = nullb_set(name, option, value);
		if (ret)
			fprintf(stderr, "# null_blk: %s=%s: %s\n", option, value, strerror(-ret));
	}
	return ret;
}

int nullb_create(const char *name, unsigned int megabytes, const char *options)
{
	char path[128], size[16];
	int fd, ret;

	snprintf(path, sizeof(path), NULLB "%s", name);
	rmdir(path);
	if (mkdir(path, 0755))
		return -errno;
	snprintf(size, sizeof(size), "%u", megabytes);
	ret = nullb_set(name, "memory_backed", "1") ?: nullb_set(name, "size", size) ?:
	      set_all(name, options) ?: nullb_set(name, "power", "1");
	snprintf(path, sizeof(path), "/dev/vpin-%s", name);
	fd = ret ? ret : open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	ret = ret ?: -errno;
	nullb_remove(name);
	return ret;
}

void nullb_remove(const char *name)
{
	char path[128];

	nullb_set(name, "power", "0");
	snprintf(path, sizeof(path), NULLB "%s", name);
	rmdir(path);
}

/* A path below the block device's directory. */
static int in_sysfs(int fd, const char *below, char *path, size_t size)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	snprintf(path, size, "/sys/dev/block/%u:%u/%s", major(stat.st_rdev),
		 minor(stat.st_rdev), below);
	return 0;
}

int disk_queue_set(int fd, const char *attribute, const char *value)
{
	char path[128], below[64];

	snprintf(below, sizeof(below), "queue/%s", attribute);
	return in_sysfs(fd, below, path, sizeof(path)) ?: file_set(path, value);
}

long disk_count(int fd, enum disk_count which)
{
	char path[128];
	long count = 0;
	FILE *file;
	int i;

	if (in_sysfs(fd, "stat", path, sizeof(path)))
		return -1;
	file = fopen(path, "r");
	if (!file)
		return -1;
	for (i = 0; i <= (int)which; i++)
		if (fscanf(file, "%ld", &count) != 1)
			count = -1;
	fclose(file);
	return count;
}

int disk_under(const char *path)
{
	char link[64], node[4096 + 8];
	struct stat stat_of;
	ssize_t length;
	int fd;

	if (stat(path, &stat_of))
		return -errno;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(stat_of.st_dev),
		 minor(stat_of.st_dev));
	strcpy(node, "/dev/");
	{
		char target[4096];

		length = readlink(link, target, sizeof(target) - 1);
		if (length < 0)
			return -errno;
		target[length] = 0;
		snprintf(node + 5, sizeof(node) - 5, "%s", strrchr(target, '/') + 1);
	}
	fd = open(node, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

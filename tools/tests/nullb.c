// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "nullb.h"

#define NULLB	"/sys/kernel/config/nullb"

int nullb_set(const char *name, const char *option, const char *value)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), NULLB "/%s/%s", name, option);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int set_all(const char *name, const char *const *options)
{
	char option[64];
	int ret = 0;

	for (; !ret && *options; options++) {
		const char *value = strchr(*options, '=');

		snprintf(option, sizeof(option), "%.*s",
			 (int)(value - *options), *options);
		ret = nullb_set(name, option, value + 1);
	}
	return ret ? ret : nullb_set(name, "power", "1");
}

int nullb_open(const char *name, const char *const *options)
{
	char path[256];
	int ret;

	snprintf(path, sizeof(path), NULLB "/%s", name);
	if (mkdir(path, 0755))
		return -errno;
	ret = set_all(name, options);
	if (!ret) {
		snprintf(path, sizeof(path), "/dev/%s", name);
		ret = backend_device(path);
	}
	if (ret < 0)
		nullb_close(name, -1);
	return ret;
}

void nullb_close(const char *name, int fd)
{
	char path[256];

	if (fd >= 0)
		close(fd);
	nullb_set(name, "power", "0");
	snprintf(path, sizeof(path), NULLB "/%s", name);
	rmdir(path);
}

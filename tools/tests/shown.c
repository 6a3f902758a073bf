// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shown.h"

int shown_fd(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	if (n < 0)
		return -errno;
	to[n] = 0;
	if (n && to[n - 1] == '\n')
		to[n - 1] = 0;
	return 0;
}

int shown(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = shown_fd(fd, to, size);
	close(fd);
	return ret;
}

int shown_find(pid_t owner, char *path, size_t size)
{
	DIR *class = opendir(SHOWN_CLASS);
	struct dirent *entry;
	int ret = -ENOENT;
	char text[32];

	while (class && ret && (entry = readdir(class))) {
		snprintf(path, size, SHOWN_CLASS "/%.16s/owner", entry->d_name);
		if (shown(path, text, sizeof(text)) || atoi(text) != owner)
			continue;
		snprintf(path, size, SHOWN_CLASS "/%.16s", entry->d_name);
		ret = 0;
	}
	if (class)
		closedir(class);
	return ret;
}

long long shown_counter(unsigned int queue, const char *name)
{
	char path[256], text[64];
	size_t length;

	if (shown_find(getpid(), path, sizeof(path)))
		return -1;
	length = strlen(path);
	snprintf(path + length, sizeof(path) - length, "/queues/%u/%s", queue, name);
	return shown(path, text, sizeof(text)) ? -1 : atoll(text);
}

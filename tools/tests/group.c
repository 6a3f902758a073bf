// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "group.h"

#define ROOT	"/sys/fs/cgroup"

static bool has_text(const char *path, const char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char all[4096];
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, all, sizeof(all) - 1);
	close(fd);
	if (length < 0)
		return false;
	all[length] = 0;
	return strstr(all, text);
}

int group_make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "/%s", name);
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

int group_set(const char *name, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "/%s/%s", name, file);
	return file_set(path, text);
}

bool group_has(const char *name, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "/%s/%s", name, file);
	return has_text(path, text);
}

int group_enter(const char *name, pid_t process)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", process);
	return group_set(name, "cgroup.procs", id);
}

int group_enter_thread(const char *name)
{
	return group_set(name, "cgroup.threads", "0");
}

int group_remove(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), ROOT "/%s", name);
	return rmdir(path) ? -errno : 0;
}

bool group_is_of(const char *name, pid_t thread)
{
	char path[64], line[256];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", thread);
	snprintf(line, sizeof(line), "/%s\n", name);
	return has_text(path, line);
}

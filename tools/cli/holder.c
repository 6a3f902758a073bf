// SPDX-License-Identifier: GPL-2.0-only
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holder.h"
#include "node.h"
#include "process.h"
#include "root.h"
#include "say.h"
#include "text.h"

static char said[512];

PRINTF_LIKE(1, 2) static const char *saying(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(said, sizeof(said), fmt, args);
	va_end(args);
	return said;
}

static bool read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, size, file);

	if (file)
		fclose(file);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

/* Is @path the block device @dev? */
static bool is_device(const char *path, dev_t dev)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == dev;
}

static const char *mount_of(dev_t dev)
{
	char line[4096], target[1024], source[1024];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	const char *found = NULL;

	while (mounts && !found && fgets(line, sizeof(line), mounts)) {
		char *rest = strstr(line, " - ");
		unsigned int major, minor;

		if (sscanf(line, "%*d %*d %u:%u %*s %1023s", &major, &minor, target) != 3)
			continue;
		/* btrfs has numbers of its own; the source says what is below. */
		if (makedev(major, minor) == dev ||
		    (rest && sscanf(rest, " - %*s %1023s", source) == 1 &&
		     *source == '/' && is_device(source, dev)))
			found = saying("it is mounted at %s", target);
	}
	if (mounts)
		fclose(mounts);
	return found;
}

static const char *swap_of(dev_t dev)
{
	char line[4096], path[1024];
	FILE *swaps = fopen("/proc/swaps", "re");
	const char *found = NULL;

	while (swaps && !found && fgets(line, sizeof(line), swaps)) {
		if (sscanf(line, "%1023s", path) == 1 && is_device(path, dev))
			found = saying("the host swaps to it");
	}
	if (swaps)
		fclose(swaps);
	return found;
}

/* Devices that are made of this one: LVM, RAID, encryption. */
static const char *stacked_on(dev_t dev)
{
	char pattern[128], name[128];
	const char *found = NULL;
	glob_t paths;

	snprintf(pattern, sizeof(pattern), "/sys/dev/block/%u:%u/holders/*",
		 major(dev), minor(dev));
	if (!glob(pattern, 0, NULL, &paths)) {
		snprintf(pattern, sizeof(pattern), "%.100s/dm/name", paths.gl_pathv[0]);
		if (read_line(pattern, name, sizeof(name)))
			found = saying("/dev/mapper/%s is made of it", name);
		else
			found = saying("%s is made of it", strrchr(paths.gl_pathv[0], '/') + 1);
	}
	globfree(&paths);
	return found;
}

static const char *device_user(dev_t dev)
{
	const char *found = mount_of(dev);

	if (!found)
		found = swap_of(dev);
	return found ? found : stacked_on(dev);
}

/* What @look says of the first path of @pattern of which it says anything. */
static const char *first_said(const char *pattern, const struct stat *wanted,
			      const char *(*look)(char *path, const struct stat *wanted))
{
	const char *found = NULL;
	glob_t paths;
	size_t i;

	if (glob(pattern, 0, NULL, &paths))
		paths.gl_pathc = 0;
	for (i = 0; i < paths.gl_pathc && !found; i++)
		found = look(paths.gl_pathv[i], wanted);
	globfree(&paths);
	return found;
}

static const char *look_at_partition(char *path, const struct stat *wanted)
{
	char line[32], user[256], dev[512];
	unsigned int major, minor;
	const char *found;

	(void)wanted;
	*strrchr(path, '/') = '\0';
	snprintf(dev, sizeof(dev), "%s/dev", path);
	if (!read_line(dev, line, sizeof(line)) || sscanf(line, "%u:%u", &major, &minor) != 2)
		return NULL;
	found = device_user(makedev(major, minor));
	if (!found)
		return NULL;
	snprintf(user, sizeof(user), "%s", found);
	return saying("of its partition %s: %s", strrchr(path, '/') + 1, user);
}

/* Its partitions count too. */
static const char *partition_user(const struct stat *wanted)
{
	char pattern[128];

	snprintf(pattern, sizeof(pattern), "/sys/dev/block/%u:%u/*/partition",
		 major(wanted->st_rdev), minor(wanted->st_rdev));
	return first_said(pattern, wanted, look_at_partition);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A process that has it open; the files of others' only root sees. */
static const char *look_at_process(char *path, const struct stat *wanted)
{
	int pid = atoi(path + strlen("/proc/"));
	char comm[64], name[64];
	struct stat st;

	if (pid == getpid() || stat(path, &st) || !is_same(&st, wanted))
		return NULL;
	snprintf(comm, sizeof(comm), "/proc/%d/comm", pid);
	if (!read_line(comm, name, sizeof(name)))
		return NULL;
	return saying("process %d (%s) has it open", pid, name);
}

/* One of our own disks: the module's reference is in no process. */
static const char *look_at_disk(char *path, const struct stat *wanted)
{
	char *device = path + strlen("/sys/class/vhost-pin/");
	char *backend = root_read("%s", path), *process;
	const char *found = NULL;
	struct stat st;

	if (backend && !stat(text_unescape(backend), &st) && is_same(&st, wanted)) {
		device[strcspn(device, "/")] = '\0';
		process = process_name(root_read_number("/sys/class/vhost-pin/%s/owner",
							device));
		found = saying("it is %s of %s: vhost-pin show %s", device, process, device);
		free(process);
	}
	free(backend);
	return found;
}

const char *holder_of(const struct stat *st)
{
	const char *found = NULL;

	if (S_ISBLK(st->st_mode)) {
		found = device_user(st->st_rdev);
		if (!found)
			found = partition_user(st);
	}
	if (!found)
		found = first_said("/sys/class/vhost-pin/vpin*/backend", st, look_at_disk);
	if (!found)
		found = first_said("/proc/[0-9]*/fd/*", st, look_at_process);
	return found ? found :
		"by a disk of 'vhost-pin list', also of a VM that was killed and whose I/O\n"
		"  has not ended, or by a process that you cannot see";
}

const char *holder_loop(const struct stat *wanted, bool read_only)
{
	char path[256], backing[1024], line[8];
	const char *found = NULL;
	glob_t paths;
	size_t i;

	if (glob("/sys/block/loop*/loop/backing_file", 0, NULL, &paths))
		paths.gl_pathc = 0;
	for (i = 0; i < paths.gl_pathc && !found; i++) {
		char *name = paths.gl_pathv[i] + strlen("/sys/block/");
		struct stat st;

		if (!read_line(paths.gl_pathv[i], backing, sizeof(backing)) ||
		    stat(backing, &st) || !is_same(&st, wanted))
			continue;
		name[strcspn(name, "/")] = '\0';
		snprintf(path, sizeof(path), "/sys/block/%s/ro", name);
		if (read_only && read_line(path, line, sizeof(line)) && *line == '1')
			continue;
		found = saying("%s", name);
	}
	globfree(&paths);
	return found;
}

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

/* Its partitions count too. */
static const char *partition_user(dev_t dev)
{
	char pattern[128], line[32], user[256];
	const char *found = NULL;
	glob_t paths;
	size_t i;

	snprintf(pattern, sizeof(pattern), "/sys/dev/block/%u:%u/*/partition",
		 major(dev), minor(dev));
	if (glob(pattern, 0, NULL, &paths))
		paths.gl_pathc = 0;
	for (i = 0; i < paths.gl_pathc && !found; i++) {
		char *slash = strrchr(paths.gl_pathv[i], '/');
		unsigned int major, minor;
		char path[512];

		*slash = '\0';
		snprintf(path, sizeof(path), "%s/dev", paths.gl_pathv[i]);
		if (!read_line(path, line, sizeof(line)) ||
		    sscanf(line, "%u:%u", &major, &minor) != 2)
			continue;
		found = device_user(makedev(major, minor));
		if (found) {
			snprintf(user, sizeof(user), "%s", found);
			found = saying("of its partition %s: %s",
				       strrchr(paths.gl_pathv[i], '/') + 1, user);
		}
	}
	globfree(&paths);
	return found;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A process that has it open; the files of others' only root sees. */
static const char *process_of(const struct stat *wanted)
{
	const char *found = NULL;
	glob_t paths;
	size_t i;

	if (glob("/proc/[0-9]*/fd/*", GLOB_NOSORT, NULL, &paths))
		paths.gl_pathc = 0;
	for (i = 0; i < paths.gl_pathc && !found; i++) {
		int pid = atoi(paths.gl_pathv[i] + strlen("/proc/"));
		char path[64], name[64];
		struct stat st;

		if (pid == getpid() || stat(paths.gl_pathv[i], &st) || !is_same(&st, wanted))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (read_line(path, name, sizeof(name)))
			found = saying("process %d (%s) has it open", pid, name);
	}
	globfree(&paths);
	return found;
}

/* One of our own disks: the module's reference is in no process. */
static const char *disk_of(const struct stat *wanted)
{
	const char *found = NULL;
	glob_t paths;
	size_t i;

	if (glob("/sys/class/vhost-pin/vpin*/backend", GLOB_NOSORT, NULL, &paths))
		paths.gl_pathc = 0;
	for (i = 0; i < paths.gl_pathc && !found; i++) {
		char *device = paths.gl_pathv[i] + strlen("/sys/class/vhost-pin/");
		char *backend = root_read("%s", paths.gl_pathv[i]), *process;
		struct stat st;

		device[strcspn(device, "/")] = '\0';
		if (backend && !stat(text_unescape(backend), &st) && is_same(&st, wanted)) {
			process = process_name(root_read_number("/sys/class/vhost-pin/%s/owner",
								device));
			found = saying("it is %s of %s: vhost-pin show %s", device,
				       process, device);
			free(process);
		}
		free(backend);
	}
	globfree(&paths);
	return found;
}

const char *holder_of(const struct stat *st)
{
	const char *found = NULL;

	if (S_ISBLK(st->st_mode)) {
		found = device_user(st->st_rdev);
		if (!found)
			found = partition_user(st->st_rdev);
	}
	if (!found)
		found = disk_of(st);
	if (!found)
		found = process_of(st);
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

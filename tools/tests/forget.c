// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "forget.h"

#define CONTROL		"/sys/kernel/debug/forget/"

static char name[16], made_as[128];
static char disk[32], after[32], mounted_at[32], after_at[40], file_path[40];
static char over_at[40], over_path[48];
static bool formatted, covered;
static pid_t program;

/* A file of the disk's in sysfs. */
static const char *attribute(const char *of)
{
	static char path[64];

	snprintf(path, sizeof(path), "/sys/block/%s/forget/%s", name, of);
	return path;
}

bool forget_is_there(void)
{
	return !access(CONTROL "add", F_OK);
}

int forget_add(const char *options)
{
	formatted = covered = false;
	if (!*name)
		snprintf(name, sizeof(name), "fg%d", getpid());
	snprintf(disk, sizeof(disk), "/dev/%s", name);
	snprintf(after, sizeof(after), "/dev/%s-after", name);
	snprintf(mounted_at, sizeof(mounted_at), "/tmp/%s", name);
	snprintf(after_at, sizeof(after_at), "/tmp/%s-after", name);
	snprintf(file_path, sizeof(file_path), "/tmp/%s/disk", name);
	snprintf(over_at, sizeof(over_at), "/tmp/%s-over", name);
	snprintf(over_path, sizeof(over_path), "/tmp/%s-over/disk", name);
	snprintf(made_as, sizeof(made_as), "%s size=20 %s", name, options);
	if (!file_set(CONTROL "add", made_as))
		return 0;
	file_set(CONTROL "remove", name);
	return file_set(CONTROL "add", made_as);
}

static int unformat(void)
{
	if (covered && umount(over_at))
		return -errno;
	covered = false;
	if (formatted && umount(mounted_at))
		return -errno;
	formatted = false;
	return 0;
}

int forget_remove(void)
{
	return unformat() ?: file_set(CONTROL "remove", name);
}

int forget_leave(void)
{
	return unformat() ?: file_set(CONTROL "add", made_as);
}

/* What was left goes with the program: its tests are processes of their own. */
static void take_away(void)
{
	if (getpid() == program)
		file_set(CONTROL "remove", name);
}

/* The tests have the name of their program's disk from here. */
void forget_begin(void)
{
	program = getpid();
	snprintf(name, sizeof(name), "fg%d", program);
	atexit(take_away);
}

const char *forget_disk(void)
{
	return disk;
}

const char *forget_file(void)
{
	return file_path;
}

const char *forget_overlay(void)
{
	static const char * const parts[] = { "lower", "upper", "work" };
	char options[256], path[64];
	unsigned int i;

	mkdir(over_at, 0755);
	for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		snprintf(path, sizeof(path), "%s/%s", mounted_at, parts[i]);
		mkdir(path, 0755);
	}
	/* One file, two names: the disk is looked at without the overlay. */
	snprintf(path, sizeof(path), "%s/upper/disk", mounted_at);
	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
		 mounted_at, mounted_at, mounted_at);
	if (link(file_path, path) || mount("overlay", over_at, "overlay", 0, options))
		return NULL;
	covered = true;
	sync();
	return over_path;
}

int forget_format(uint64_t size)
{
	char command[64];
	int fd;

	mkdir(mounted_at, 0755);
	mkdir(after_at, 0755);
	snprintf(command, sizeof(command), "mkfs.ext4 -q -F -b 4096 %s", disk);
	if (system(command) || mount(disk, mounted_at, "ext4", 0, NULL))
		return -EIO;
	formatted = true;
	fd = open(file_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, size) || fsync(fd))
		return -errno;
	close(fd);
	sync();
	return 0;
}

int forget_cut(uint64_t seed)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)seed);
	return file_set(attribute("cut"), text);
}

int forget_read(void *data, uint64_t length, uint64_t offset)
{
	char left[48];
	int fd, ret = 0;

	/* Mounting replays the journal, as after a power cut. */
	if (formatted && mount(after, after_at, "ext4", 0, NULL))
		return -errno;
	snprintf(left, sizeof(left), "%s/disk", after_at);
	fd = open(formatted ? left : after, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, data, length, offset) != (ssize_t)length)
		ret = -EIO;
	if (fd >= 0)
		close(fd);
	if (formatted && umount(after_at))
		ret = -errno;
	return ret;
}

static long number(const char *path, const char *kind)
{
	FILE *file = fopen(path, "r");
	char line[64], format[32];
	long value = -1;

	if (!file)
		return -errno;
	snprintf(format, sizeof(format), "%s%%ld", kind);
	while (value < 0 && fgets(line, sizeof(line), file))
		sscanf(line, format, &value);
	fclose(file);
	return value;
}

long forget_unstable(void)
{
	return number(attribute("unstable"), "");
}

long forget_count(const char *kind)
{
	return number(attribute("counts"), kind);
}

int forget_hold(bool hold)
{
	return file_set(attribute("hold"), hold ? "1" : "0");
}

int forget_fail(const char *kind, uint64_t first, uint64_t sectors)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %llu %llu", kind, (unsigned long long)first,
		 (unsigned long long)(first + sectors - 1));
	return file_set(attribute("fail"), text);
}

long forget_file_sector(void)
{
	int fd = open(file_path, O_RDONLY | O_CLOEXEC), block = 0;
	long ret = ioctl(fd, FIBMAP, &block) ? -errno : block * 8L;

	close(fd);
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's device node.  A module of one's own goes missing in more than one
 * way, most of them after an upgrade of the kernel: each has its own message.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "node.h"
#include "say.h"

/* The oldest kernel that the module is for. */
#define KERNEL_MAJOR	6
#define KERNEL_MINOR	1

static bool exists(const char *pattern)
{
	glob_t found;
	bool any = !glob(pattern, GLOB_NOSORT, NULL, &found);

	globfree(&found);
	return any;
}

PRINTF_LIKE(1, 2) static bool exists_at(const char *fmt, ...)
{
	char pattern[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(pattern, sizeof(pattern), fmt, args);
	va_end(args);
	return exists(pattern);
}

/* Is it where depmod has found modules of the kernel @release? */
static bool is_built(const char *release)
{
	char path[512], line[4096];
	bool found = false;
	FILE *deps;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	deps = fopen(path, "re");
	if (!deps)
		return exists_at("/lib/modules/%s/updates/dkms/vhost_pin.ko*", release);
	while (!found && fgets(line, sizeof(line), deps)) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "vhost_pin.ko");
	}
	fclose(deps);
	return found;
}

static bool is_too_old(const char *release)
{
	int major, minor;

	return sscanf(release, "%d.%d", &major, &minor) == 2 &&
	       (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR));
}

static noreturn void die_missing(const char *node)
{
	const char *release;
	struct utsname host;

	uname(&host);
	release = host.release;

	if (exists("/sys/module/vhost_pin"))
		die(EXIT_FAILURE, "there is no %s, though the vhost_pin module is loaded\n"
		    "  In a container, hand it in, for instance: --device %s\n"
		    "  Elsewhere udev makes it; is there a /sys/class/misc/vhost-pin?", node, node);
	if (is_too_old(release))
		die(EXIT_FAILURE, "there is no %s: the running kernel, %s, is too old for the vhost_pin module\n"
		    "  It is for Linux %d.%d and newer.", node, release, KERNEL_MAJOR, KERNEL_MINOR);
	if (is_built(release))
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not loaded\n"
		    "  Load it with 'modprobe vhost_pin' as root; to have it at each boot:\n"
		    "  echo vhost_pin > /etc/modules-load.d/vhost_pin.conf\n"
		    "  If that says 'Key was rejected', Secure Boot wants its key: mokutil --import.",
		    node);
	if (!exists("/usr/src/vhost-pin-*") && !exists("/var/lib/dkms/vhost-pin"))
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not installed for the running kernel, %s\n"
		    "  See README.md, 'Use it on a real host': tools/dkms-install, 'dkms install', and\n"
		    "  then 'modprobe vhost_pin'.", node, release);
	if (!exists_at("/lib/modules/%s/build/Makefile", release))
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not built for the running kernel, %s,\n"
		    "  whose headers are not installed.  As root:\n"
		    "  apt install linux-headers-%s && dkms autoinstall && modprobe vhost_pin\n"
		    "  linux-headers-amd64 (or your kernel's flavour) brings them with each upgrade.",
		    node, release, release);
	die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not built for the running kernel, %s\n"
	    "  'dkms status vhost-pin' says for which it is.  As root:\n"
	    "  dkms autoinstall && modprobe vhost_pin\n"
	    "  If that fails, the reason is in /var/lib/dkms/vhost-pin/*/build/make.log.",
	    node, release);
}

/* Not getgrgid(): what it loads, a static program should not. */
static struct group *group_of(gid_t gid)
{
	FILE *groups = fopen("/etc/group", "re");
	struct group *group = NULL;

	while (groups && (group = fgetgrent(groups)) && group->gr_gid != gid)
		;
	if (groups)
		fclose(groups);
	return group;
}

static noreturn void die_forbidden(const char *node)
{
	struct group *group;
	struct stat st;

	if (!stat(node, &st) && (st.st_mode & 060) == 060) {
		group = group_of(st.st_gid);
		if (group)
			die(EXIT_FAILURE, "you may not open %s: you are not in the group '%s'\n"
			    "  As root: usermod -aG %s USER; then log in again.",
			    node, group->gr_name, group->gr_name);
	}
	die(EXIT_FAILURE, "you may not open %s\n"
	    "  Run as root, or have root give you access to it, for instance:\n"
	    "  setfacl -m u:$USER:rw %s", node, node);
}

int node_open(const char *node)
{
	/* No O_CLOEXEC: the device is for the program that we become. */
	int fd = open(node, O_RDWR);

	if (fd >= 0)
		return fd;

	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		die_missing(node);
	case EACCES:
	case EPERM:
		die_forbidden(node);
	default:
		die(EXIT_FAILURE, "cannot open %s: %s", node, strerror(errno));
	}
}

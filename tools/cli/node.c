// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's device node.  A module of one's own goes missing in more than one
 * way, most of them after an upgrade of the kernel: each has its own message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "module.h"
#include "node.h"
#include "say.h"

static noreturn void die_missing(const char *node)
{
	const char *release;
	struct utsname host;

	uname(&host);
	release = host.release;

	if (module_is_loaded() && !access(node, F_OK))
		die(EXIT_FAILURE, "%s is not the vhost_pin module's\n"
		    "  'vhost-pin doctor' says what mends it.", node);
	if (module_is_loaded())
		die(EXIT_FAILURE, "there is no %s, though the vhost_pin module is loaded\n"
		    "  In a container, hand it in, for instance: --device %s\n"
		    "  Elsewhere udev makes it; is there a /sys/class/misc/vhost-pin?", node, node);
	if (kernel_is_too_old(release))
		die(EXIT_FAILURE, "there is no %s: the running kernel, %s, is too old for the vhost_pin module\n"
		    "  It is for Linux %d.%d and newer.", node, release, KERNEL_MAJOR, KERNEL_MINOR);
	if (module_is_built(release))
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not loaded\n"
		    "  Load it with 'modprobe vhost_pin' as root; to have it at each boot:\n"
		    "  echo vhost_pin > /etc/modules-load.d/vhost_pin.conf\n"
		    "  If that says 'Key was rejected', Secure Boot wants its key: mokutil --import.",
		    node);
	if (!module_has_sources())
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not installed for the running kernel, %s\n"
		    "  As root, where its package is: apt install ./vhost-pin-dkms_*.deb && modprobe vhost_pin\n"
		    "  or, from its sources: make install && dkms install vhost-pin/" VPIN_VERSION,
		    node, release);
	if (!kernel_has_headers(release))
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

static noreturn void die_forbidden(const char *node)
{
	const char *group;
	struct stat st;

	if (!stat(node, &st) && (st.st_mode & 060) == 060) {
		group = group_name(st.st_gid);
		if (group)
			die(EXIT_FAILURE, "you may not open %s: you are not in the group '%s'\n"
			    "  As root, and then log in again: usermod -aG %s %s",
			    node, group, group, user_name());
	}
	die(EXIT_FAILURE, "you may not open %s\n"
	    "  Run as root, or as root give it to a group, and then log in again:\n"
	    "  chgrp kvm %s && chmod 660 %s && usermod -aG kvm %s", node, node, node, user_name());
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

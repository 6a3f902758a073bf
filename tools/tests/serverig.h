/* SPDX-License-Identifier: GPL-2.0-only */
/* A server of two disks, files of 16 MiB, and what it leaves behind. */
#ifndef VPIN_TESTS_SERVERIG_H
#define VPIN_TESTS_SERVERIG_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"
#include "serve.h"
#include "udisk.h"

#define DISK_SIZE	(16 << 20)

struct serverig {
	char dir[32];
	char image[2][64];
	char socket[2][64];
	char control[64];
	char arg[2][160];		/* of --disk */
	long pins;			/* before */
	struct serve serve;
};

static inline int serverig_run(struct serverig *rig, void (*prepare)(void))
{
	const char *const args[] = {
		"--disk", rig->arg[0], "--disk", rig->arg[1], "--control", rig->control, NULL,
	};

	return serve_start(&rig->serve, args, prepare);
}

/* Makes the files and their names; @options of the first disk may be "". */
static inline int serverig_init(struct serverig *rig, const char *options)
{
	unsigned int i;
	int fd, ret = 0;

	memset(rig, 0, sizeof(*rig));
	rig->pins = host_pins();
	strcpy(rig->dir, "/tmp/serve.XXXXXX");
	if (!mkdtemp(rig->dir))
		return -errno;
	chmod(rig->dir, 0755);
	snprintf(rig->control, sizeof(rig->control), "%s/control", rig->dir);
	for (i = 0; i < 2 && !ret; i++) {
		snprintf(rig->image[i], sizeof(rig->image[i]), "%s/%c.img", rig->dir, 'a' + i);
		snprintf(rig->socket[i], sizeof(rig->socket[i]), "%s/%c.sock", rig->dir, 'a' + i);
		snprintf(rig->arg[i], sizeof(rig->arg[i]), "%s,socket=%s%s", rig->image[i],
			 rig->socket[i], i ? "" : options);
		fd = open(rig->image[i], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		ret = fd < 0 || ftruncate(fd, DISK_SIZE) || fchmod(fd, 0666) ? -errno : 0;
		close(fd);
	}
	return ret;
}

static inline int serverig_open(struct serverig *rig, const char *options)
{
	return serverig_init(rig, options) ?: serverig_run(rig, NULL);
}

/* Ends the server by SIGTERM, unless it has ended: 0 if all is as it was before. */
static inline int serverig_close(struct serverig *rig)
{
	int status = rig->serve.pid > 0 ? serve_end(&rig->serve, SIGTERM) : 0;
	int left = !access(rig->socket[0], F_OK) || !access(rig->socket[1], F_OK) ||
		   !access(rig->control, F_OK);
	unsigned int i;

	serve_show(&rig->serve);
	close(rig->serve.log);
	for (i = 0; i < 2; i++) {
		unlink(rig->image[i]);
		unlink(rig->socket[i]);
	}
	unlink(rig->control);
	rmdir(rig->dir);
	if (left)
		fprintf(stderr, "# a socket is left\n");
	if (host_pins() != rig->pins)
		fprintf(stderr, "# %ld pages are pinned\n", host_pins() - rig->pins);
	return status ?: left || host_pins() != rig->pins || host_workers() ? -1 : 0;
}

#endif

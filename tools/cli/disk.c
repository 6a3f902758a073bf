// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "disk.h"
#include "say.h"

/* setpriority(2)'s. */
#define NICE_MIN	-20
#define NICE_MAX	19

/* The text up to the next single comma, with doubled ones undoubled. */
static char *next_item(const char **text)
{
	const char *from = *text;
	char *item = malloc(strlen(from) + 1);
	char *to = item;

	if (!item)
		die(EXIT_FAILURE, "out of memory");

	while (*from) {
		if (*from == ',' && *++from != ',')
			break;
		*to++ = *from++;
	}
	*to = '\0';
	*text = from;
	return item;
}

static int parse_number(const char *key, const char *value, int min, int max)
{
	long number;
	char *end;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < min || number > max)
		die(EXIT_USAGE, "--disk: %s=%s is not a number from %d to %d",
		    key, value, min, max);
	return number;
}

static void parse_option(struct disk *disk, char *item)
{
	char *value = strchr(item, '=');

	if (value)
		*value++ = '\0';

	if (!strcmp(item, "ro") && !value) {
		disk->read_only = true;
	} else if (!strcmp(item, "buffered") && !value) {
		disk->buffered = true;
	} else if (!strcmp(item, "poll") && !value) {
		disk->poll = true;
	} else if (!strcmp(item, "serial") && value) {
		if (strlen(value) > VPIN_SERIAL_LEN)
			die(EXIT_USAGE, "--disk: serial=%s is longer than %d characters",
			    value, VPIN_SERIAL_LEN);
		strcpy(disk->serial, value);
	} else if (!strcmp(item, "queues") && value) {
		disk->queues = parse_number(item, value, 1, VPIN_QUEUES_MAX);
	} else if (!strcmp(item, "queue-size") && value) {
		disk->queue_size = parse_number(item, value, 1, VPIN_QUEUE_SIZE_MAX);
		if (disk->queue_size & (disk->queue_size - 1))
			die(EXIT_USAGE, "--disk: queue-size=%s is not a power of two",
			    value);
	} else if (!strcmp(item, "busyloop") && value) {
		disk->busyloop = parse_number(item, value, 1, VPIN_BUSYLOOP_MAX);
	} else if (!strcmp(item, "nice") && value) {
		disk->has_nice = true;
		disk->nice = parse_number(item, value, NICE_MIN, NICE_MAX);
	} else {
		die(EXIT_USAGE, "--disk: '%s%s%s' is not an option of a disk\n"
		    "  It takes PATH[,ro][,buffered][,serial=S][,queues=N][,queue-size=N]\n"
		    "  [,busyloop=US][,poll][,nice=N];\n"
		    "  a comma that is part of PATH or S is written twice.",
		    item, value ? "=" : "", value ? value : "");
	}
}

void disk_parse(struct disk *disk, const char *text)
{
	memset(disk, 0, sizeof(*disk));
	disk->fd = -1;

	disk->path = next_item(&text);
	if (!*disk->path)
		die(EXIT_USAGE, "--disk: the path is empty");

	while (*text) {
		char *item = next_item(&text);

		parse_option(disk, item);
		free(item);
	}
}

static int open_node(const char *node)
{
	/* No O_CLOEXEC: the device is for the program that we become. */
	int fd = open(node, O_RDWR);

	if (fd >= 0)
		return fd;

	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not loaded\n"
		    "  Load it with 'modprobe vhost_pin' as root.  If modprobe does not find it,\n"
		    "  it is not installed for this kernel: see README.md, 'On a real host'.",
		    node);
	case EACCES:
	case EPERM:
		die(EXIT_FAILURE, "you may not open %s\n"
		    "  Run as root, or have root give you access to it, for instance:\n"
		    "  setfacl -m u:$USER:rw %s", node, node);
	default:
		die(EXIT_FAILURE, "cannot open %s: %s", node, strerror(errno));
	}
}

static int open_backend(const struct disk *disk)
{
	const char *path = disk->path;
	struct stat st;
	int fd;

	/* O_NONBLOCK: what is not a disk, such as a FIFO, must not hang us. */
	fd = open(path, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && !fstat(fd, &st) &&
	    !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		die(EXIT_FAILURE, "%s is neither a regular file nor a block device", path);
	if (fd >= 0)
		return fd;

	switch (errno) {
	case ENOENT:
		die(EXIT_FAILURE, "there is no %s\n"
		    "  To make an empty disk image: truncate -s 10G %s", path, path);
	case EACCES:
	case EPERM:
		die(EXIT_FAILURE, "you may not open %s for %s\n"
		    "  Check its permissions%s.", path,
		    disk->read_only ? "reading" : "reading and writing",
		    disk->read_only ? "" : ", or add ',ro' if the guest only reads it");
	case EROFS:
		die(EXIT_FAILURE, "%s is on a read-only file system\n"
		    "  Add ',ro' if the guest only reads it.", path);
	case EISDIR:
		die(EXIT_FAILURE, "%s is a directory, not a disk", path);
	default:
		die(EXIT_FAILURE, "cannot open %s: %s", path, strerror(errno));
	}
}

/* Why the module says no, for people. */
static const char *attach_error(const struct disk *disk, int error)
{
	switch (error) {
	case EBUSY:
		return "the device is attached already";
	case EINVAL:
		return "the module refuses one of the values, or this is not a disk that it can serve";
	case EOPNOTSUPP:
		if (disk->poll)
			return "it cannot be polled\n"
			       "  That takes a block device with queues for it (nvme.poll_queues=N), or drop ',poll'.";
		/* fall through */
	case E2BIG:
		return "the loaded module does not know what is asked for\n"
		       "  The module and this command are of different versions: install the same one.";
	case ENOTTY:
		return "the device node is not the vhost_pin module's";
	case EROFS:
		return "the module sees no write access to the disk\n"
		       "  Add ',ro' if the guest only reads it.";
	case EPERM:
		if (disk->has_nice)
			return "its threads may not be less nice than you\n"
			       "  That takes root (CAP_SYS_NICE) or a limit that allows it (prlimit --nice).";
		/* fall through */
	case EACCES:
		return "you may not attach it";
	case ENOMEM:
		return "the host is out of memory";
	default:
		return strerror(error);
	}
}

void disk_attach(struct disk *disk, const char *node)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.num_queues = disk->queues,
		.queue_size = disk->queue_size,
		.busyloop_us = disk->busyloop,
	};

	if (disk->read_only)
		attach.flags |= VPIN_ATTACH_RO;
	if (disk->buffered)
		attach.flags |= VPIN_ATTACH_BUFFERED;
	if (disk->poll)
		attach.flags |= VPIN_ATTACH_POLL;
	if (disk->has_nice) {
		attach.flags |= VPIN_ATTACH_NICE;
		attach.nice = disk->nice;
	}
	memcpy(attach.serial, disk->serial, strlen(disk->serial));

	disk->fd = open_node(node);
	attach.backend_fd = open_backend(disk);

	if (ioctl(disk->fd, VPIN_ATTACH, &attach))
		die(EXIT_FAILURE, "cannot attach %s: %s", disk->path,
		    attach_error(disk, errno));
	close(attach.backend_fd);
}

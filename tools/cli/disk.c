// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "backend.h"
#include "disk.h"
#include "node.h"
#include "say.h"

/* setpriority(2)'s. */
#define NICE_MIN	-20
#define NICE_MAX	19

#define BLOCK_SIZE_MIN	512

/* Options that are there or not. */
static const struct {
	const char *name;
	size_t field;		/* a bool of struct disk */
	unsigned long long flag;	/* what the module is told */
} switches[] = {
	{ "ro", offsetof(struct disk, read_only), VPIN_ATTACH_RO },
	{ "buffered", offsetof(struct disk, buffered), VPIN_ATTACH_BUFFERED },
	{ "poll", offsetof(struct disk, poll), VPIN_ATTACH_POLL },
	{ "write-through", offsetof(struct disk, write_through), VPIN_ATTACH_WRITETHROUGH },
	{ "holes", offsetof(struct disk, holes), VPIN_ATTACH_HOLES },
	{ "share", offsetof(struct disk, share), 0 },
	{ "format=raw", offsetof(struct disk, raw), 0 },
	{ "discard=off", offsetof(struct disk, no_discard), VPIN_ATTACH_NO_DISCARD },
};

/* Options that are a number. */
static const struct number {
	const char *name;
	size_t field;		/* an unsigned int of struct disk */
	int min, max;
	bool power_of_two;
} numbers[] = {
	{ "queues", offsetof(struct disk, queues), 1, VPIN_QUEUES_MAX, false },
	{ "queue-size", offsetof(struct disk, queue_size),
	  VPIN_QUEUE_SIZE_MIN, VPIN_QUEUE_SIZE_MAX, true },
	{ "workers", offsetof(struct disk, workers), 1, VPIN_QUEUES_MAX, false },
	{ "busyloop", offsetof(struct disk, busyloop), 0, VPIN_BUSYLOOP_MAX, false },
	{ "logical-block-size", offsetof(struct disk, logical_block_size),
	  BLOCK_SIZE_MIN, VPIN_BLOCK_SIZE_MAX, true },
	{ "physical-block-size", offsetof(struct disk, physical_block_size),
	  BLOCK_SIZE_MIN, VPIN_BLOCK_SIZE_MAX, true },
};

const char disk_help[] =
"Options of a disk:\n"
"  ro              the guest may only read it; PATH is opened read-only\n"
"  serial=S        serial number that the guest sees, up to 20 bytes (none)\n"
"  queues=N        request queues, 1 to 64 (1); one a virtual CPU is usual\n"
"  queue-size=N    largest ring, a power of two, 4 to 1024 (1024); QEMU 10.0 has\n"
"                  the guest make rings of 1024 in any case, and then fails\n"
"  workers=N       threads that serve the queues, 1 to queues (as many as queues)\n"
"  busyloop=US     microseconds that a thread looks for more to do before it\n"
"                  sleeps, up to 1000000: less delay for more CPU time (none)\n"
"  poll            poll the block device for what has ended, all the time while\n"
"                  something is under way; it must have queues for that\n"
"  nice=N          nice value of the threads, -20 to 19 (as QEMU's is): less than 0\n"
"                  where they share CPUs with the guest and it must wait for them\n"
"                  less; takes root or prlimit --nice\n"
"  buffered        go through the host's page cache: for disks that may be read on\n"
"                  the host meanwhile, and where data must not change while it is\n"
"                  written, though guests do that: checksums (btrfs,\n"
"                  dm-integrity), parity (RAID 5)\n"
"  write-through   a write is stable when it ends, whatever the guest asks for; by\n"
"                  default the guest flushes, and may choose\n"
"  discard=on|off  may the guest give space back? (on); off keeps an image that\n"
"                  was allocated as a whole that way\n"
"  logical-block-size=N\n"
"                  smallest unit of a transfer, in bytes, 512 to 4096 (the disk's\n"
"                  own): 512 for what was installed on such a disk and now is on\n"
"                  one with 4096; smaller than the disk's goes through the page cache\n"
"  physical-block-size=N\n"
"                  what the guest aligns to, in bytes, up to 4096 and not smaller\n"
"                  than the logical one (the disk's own)\n"
"  holes           start although a piece of the guest's memory cannot be pinned,\n"
"                  such as an NVDIMM in a file on ext4: requests that need it fail\n"
"  share           others may have PATH at the same time: neither claimed nor\n"
"                  locked.  For cluster file systems only; any other is destroyed\n"
"  format=raw      it is a raw image although it begins like one of another format\n"
"PATH is the disk's alone while it is served: a block device is claimed as mount\n"
"claims it, and QEMU's image locks are taken.  With 'ro' others may read it too.\n"
"A comma in PATH or S is written twice.\n";

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

void disk_words(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++)
		puts(switches[i].name);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		printf("%s=\n", numbers[i].name);
	puts("serial=\nsocket=\nnice=\ndiscard=on");
}

static bool *disk_switch(const struct disk *disk, unsigned int i)
{
	return (bool *)((char *)disk + switches[i].field);
}

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

static int parse_int(const char *key, const char *value, int min, int max)
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

static bool parse_switch(struct disk *disk, const char *item)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (!strcmp(item, switches[i].name)) {
			*disk_switch(disk, i) = true;
			return true;
		}
	}
	return false;
}

static bool parse_number(struct disk *disk, const char *key, const char *value)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		const struct number *number = &numbers[i];
		unsigned int parsed;

		if (strcmp(key, number->name))
			continue;
		parsed = parse_int(key, value, number->min, number->max);
		if (number->power_of_two && (parsed & (parsed - 1)))
			die(EXIT_USAGE, "--disk: %s=%s is not a power of two", key, value);
		memcpy((char *)disk + number->field, &parsed, sizeof(parsed));
		return true;
	}
	return false;
}

static bool parse_value(struct disk *disk, const char *key, const char *value)
{
	if (parse_number(disk, key, value))
		return true;
	if (!strcmp(key, "serial")) {
		if (strlen(value) > VPIN_SERIAL_LEN)
			die(EXIT_USAGE, "--disk: serial=%s is longer than %d bytes",
			    value, VPIN_SERIAL_LEN);
		strcpy(disk->serial, value);
	} else if (!strcmp(key, "socket")) {
		if (!*value)
			die(EXIT_USAGE, "--disk: socket= is empty");
		disk->socket = strdup(value);
	} else if (!strcmp(key, "nice")) {
		disk->has_nice = true;
		disk->nice = parse_int(key, value, NICE_MIN, NICE_MAX);
	} else if (!strcmp(key, "discard")) {
		/* "off" is a switch. */
		if (strcmp(value, "on"))
			die(EXIT_USAGE, "--disk: discard=%s is neither on nor off", value);
		disk->no_discard = false;
	} else if (!strcmp(key, "format")) {
		die(EXIT_USAGE, "--disk: format=%s: a disk is raw, whatever it contains\n"
		    "  To turn an image into one: qemu-img convert -O raw IMAGE DISK", value);
	} else {
		return false;
	}
	return true;
}

static void parse_option(struct disk *disk, char *item)
{
	char *value;

	if (parse_switch(disk, item))
		return;
	value = strchr(item, '=');
	if (value) {
		*value = '\0';
		if (parse_value(disk, item, value + 1))
			return;
		*value = '=';
	}
	die(EXIT_USAGE, "--disk: '%s' is not an option of a disk\n"
	    "  'vhost-pin run --help' lists them; a comma that is part of PATH or of a\n"
	    "  serial number is written twice.", item);
}

/* What is wrong with options that are good one by one. */
static void check_options(const struct disk *disk)
{
	if (disk->workers > disk->queues)
		die(EXIT_USAGE, "--disk: workers=%u is more than the disk has queues (%u)",
		    disk->workers, disk->queues);
	if (disk->physical_block_size &&
	    disk->physical_block_size < disk->logical_block_size)
		die(EXIT_USAGE, "--disk: physical-block-size=%u is smaller than logical-block-size=%u",
		    disk->physical_block_size, disk->logical_block_size);
}

void disk_parse(struct disk *disk, const char *text, unsigned int queues)
{
	memset(disk, 0, sizeof(*disk));
	disk->queues = queues;
	disk->fd = -1;

	disk->path = next_item(&text);
	if (!*disk->path)
		die(EXIT_USAGE, "--disk: the path is empty");

	while (*text) {
		char *item = next_item(&text);

		parse_option(disk, item);
		free(item);
	}
	check_options(disk);
}

/* Why the module says no, for people. */
static const char *attach_error(const struct disk *disk, int error)
{
	switch (error) {
	case EBUSY:
		return "the device is attached already";
	case EINVAL:
		if (disk->logical_block_size || disk->physical_block_size)
			return "the module refuses one of the values, or these block sizes for this disk\n"
			       "  Its length must be whole blocks, and its own physical blocks no smaller than\n"
			       "  the logical ones.  Try it without the block sizes.";
		return "the module refuses one of the values, or this is not a disk that it can serve\n"
		       "  The kernel's log may have the reason: dmesg | tail";
	case EOPNOTSUPP:
		if (disk->poll)
			return "it cannot be polled\n"
			       "  That takes a block device with queues for it (nvme.poll_queues=N), or drop ',poll'.";
		/* fall through */
	case E2BIG:
		return "the loaded module does not know what is asked for\n"
		       "  The module and this command are of different versions: install the same one.";
	case ENOTTY:
		return "the device node is not the vhost_pin module's\n"
		       "  'vhost-pin doctor' says what mends it.";
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
		.flags = disk->flags,
		.num_queues = disk->queues,
		.queue_size = disk->queue_size,
		.num_workers = disk->workers,
		.busyloop_us = disk->busyloop,
		.logical_block_size = disk->logical_block_size,
		.physical_block_size = disk->physical_block_size,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (*disk_switch(disk, i))
			attach.flags |= switches[i].flag;
	}
	if (disk->has_nice) {
		attach.flags |= VPIN_ATTACH_NICE;
		attach.nice = disk->nice;
	}
	memcpy(attach.serial, disk->serial, strlen(disk->serial));

	disk->fd = node_open(node);
	if (disk->where)
		say_where(disk->where);
	attach.backend_fd = backend_open(disk);

	if (ioctl(disk->fd, VPIN_ATTACH, &attach))
		die(EXIT_FAILURE, "cannot attach %s: %s", disk->path,
		    attach_error(disk, errno));
	/* The module's reference keeps the file, and with it claim and locks. */
	close(attach.backend_fd);
}

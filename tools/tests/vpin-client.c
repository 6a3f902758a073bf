// SPDX-License-Identifier: GPL-2.0-only
/*
 * vpin-client: drives a disk through vhost-pin from a ring of its own, with no
 * VMM: writes, flushes, reads back, zeroes, discards.  Its data is verified.
 * It destroys what the disk holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blk.h"
#include "dev.h"
#include "host.h"

#define DEPTH_MAX	256

static const char help[] =
"Usage: vpin-client [OPTION...] PATH\n"
"\n"
"Attaches PATH (a file or a block device, which is overwritten) to /dev/vhost-pin\n"
"and writes, flushes, reads, zeroes and discards it with verification.\n"
"\n"
"  --size BYTES      of each request, a multiple of 512 (4096)\n"
"  --depth N         requests in flight, up to 256 (16)\n"
"  --count N         requests of each kind (as many as fit, up to 4096)\n"
"  --ro              attach read-only and only read\n"
"  --no-event-idx    do not negotiate EVENT_IDX\n"
"  --no-indirect     do not negotiate INDIRECT_DESC\n";

static struct {
	const char *path;
	unsigned long size, depth, count;
	bool read_only;
	struct dev_options dev;
} options = { .size = 4096, .depth = 16 };

static struct dev dev;
static uint8_t *buffers;
static struct blk_request requests[DEPTH_MAX];

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("vpin-client: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (end == text || *end || !value || value > max)
		die("'%s' is not a number from 1 to %lu", text, max);
	return value;
}

static void parse(int argc, char *argv[])
{
	static const struct option list[] = {
		{ "size",		required_argument,	NULL, 's' },
		{ "depth",		required_argument,	NULL, 'd' },
		{ "count",		required_argument,	NULL, 'c' },
		{ "ro",			no_argument,		NULL, 'r' },
		{ "no-event-idx",	no_argument,		NULL, 'E' },
		{ "no-indirect",	no_argument,		NULL, 'I' },
		{ "help",		no_argument,		NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		switch (option) {
		case 's':
			options.size = number(optarg, 64 << 20);
			break;
		case 'd':
			options.depth = number(optarg, DEPTH_MAX);
			break;
		case 'c':
			options.count = number(optarg, 1UL << 30);
			break;
		case 'r':
			options.read_only = true;
			options.dev.attach_flags |= VPIN_ATTACH_RO;
			break;
		case 'E':
			options.dev.without |= BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
			break;
		case 'I':
			options.dev.without |= BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		default:
			exit(2);
		}
	}
	if (optind + 1 != argc || options.size % SECTOR) {
		fputs(help, stderr);
		exit(2);
	}
	options.path = argv[optind];
}

static void start(void)
{
	int backend, ret;

	backend = open(options.path, (options.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (backend < 0)
		die("%s: %s", options.path, strerror(errno));

	options.dev.serial = "vpin-client";
	options.dev.queue_size = VPIN_QUEUE_SIZE_MAX;
	options.dev.memory = options.depth * options.size + (8 << 20);
	ret = dev_run(&dev, backend, &options.dev);
	if (ret)
		die("%s on %s: %s", options.path, VPIN_NODE, strerror(-ret));
	close(backend);

	buffers = guest_alloc(&dev.guest, options.depth * options.size, GUEST_PAGE);
	for (unsigned long i = 0; i < options.depth; i++)
		blk_init(&requests[i], &dev.guest);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* The request that came back, which must be one in flight with status 0. */
static unsigned long reap(const char *what)
{
	struct vring_used_elem elem;
	unsigned long i;

	if (vq_wait(&dev.vqs[0], &elem, VQ_TIMEOUT_MS))
		die("%s: no answer for %d s", what, VQ_TIMEOUT_MS / 1000);
	for (i = 0; i < options.depth; i++)
		if (requests[i].head == (int)elem.id)
			break;
	if (i == options.depth)
		die("%s: head %u came back, which is not in flight", what, elem.id);
	if (*requests[i].status != VIRTIO_BLK_S_OK)
		die("%s: status %u", what, *requests[i].status);
	requests[i].head = -1;
	return i;
}

/*
 * One pass over the disk, options.count requests of one type.  What is written
 * is the pattern of @seed; what is read must be it.
 */
static void pass(const char *what, uint32_t type, uint32_t seed)
{
	unsigned long sectors = options.size / SECTOR;
	unsigned long submitted = 0, done = 0;
	uint64_t sector_of[DEPTH_MAX];
	double begin = seconds();

	while (done < options.count) {
		unsigned long i;

		for (i = 0; i < options.depth && submitted < options.count; i++) {
			uint8_t *data = buffers + i * options.size;

			if (requests[i].head >= 0)
				continue;
			sector_of[i] = submitted++ * sectors;
			if (type == VIRTIO_BLK_T_OUT)
				pattern_fill(data, options.size, sector_of[i], seed);
			else
				memset(data, 0x5a, options.size);
			if (blk_add(&dev.vqs[0], &requests[i], type, sector_of[i],
				    data, options.size))
				die("%s: the ring is full", what);
		}
		vq_publish(&dev.vqs[0]);

		i = reap(what);
		if (type == VIRTIO_BLK_T_IN && !options.read_only &&
		    !pattern_is(buffers + i * options.size, options.size, sector_of[i], seed))
			die("%s: wrong data at sector %llu", what,
			    (unsigned long long)sector_of[i]);
		done++;
	}
	printf("%-12s %lu x %lu bytes, depth %lu: %.3f s\n", what, options.count,
	       options.size, options.depth, seconds() - begin);
}

static void one(const char *what, uint32_t type, uint64_t sector,
		void *data, uint32_t length)
{
	int status = blk_do(&dev.vqs[0], &requests[0], type, sector, data, length, NULL);

	requests[0].head = -1;
	if (status)
		die("%s: %s %d", what, status < 0 ? "error" : "status", status);
	printf("%-12s ok\n", what);
}

static void zero_and_discard(void)
{
	struct virtio_blk_discard_write_zeroes *range =
		guest_alloc(&dev.guest, sizeof(*range), 8);
	uint32_t sectors = options.count * options.size / SECTOR;

	range->sector = 0;
	range->num_sectors = sectors < 2048 ? sectors : 2048;
	range->flags = 0;
	if (dev.features & BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES)) {
		one("write-zeroes", VIRTIO_BLK_T_WRITE_ZEROES, 0, range, sizeof(*range));
		one("read", VIRTIO_BLK_T_IN, 0, buffers, SECTOR);
		if (!all_bytes_are(buffers, SECTOR, 0))
			die("write-zeroes: the sector does not read as zeroes");
	}
	if (dev.features & BIT_ULL(VIRTIO_BLK_F_DISCARD))
		one("discard", VIRTIO_BLK_T_DISCARD, 0, range, sizeof(*range));
}

int main(int argc, char *argv[])
{
	long pins = host_pins();
	unsigned long fit;

	parse(argc, argv);
	start();

	fit = dev_capacity(&dev) * SECTOR / options.size;
	if (!options.count)
		options.count = fit < 4096 ? fit : 4096;
	if (!options.count || options.count > fit)
		die("%s has room for only %lu requests", options.path, fit);
	printf("%-12s %llu sectors, features 0x%llx\n", options.path,
	       (unsigned long long)dev_capacity(&dev), (unsigned long long)dev.features);

	one("get-id", VIRTIO_BLK_T_GET_ID, 0, buffers, VIRTIO_BLK_ID_BYTES);
	if (strncmp((char *)buffers, options.dev.serial, VIRTIO_BLK_ID_BYTES))
		die("get-id: '%.20s' is not the serial", buffers);

	if (!options.read_only) {
		pass("write", VIRTIO_BLK_T_OUT, 1);
		one("flush", VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	}
	pass("read", VIRTIO_BLK_T_IN, 1);
	if (!options.read_only)
		zero_and_discard();

	printf("%-12s %ld pages while running\n", "pins", host_pins() - pins);
	dev_close(&dev);
	if (host_pins() != pins)
		die("%ld pages are still pinned after the device is closed",
		    host_pins() - pins);
	puts("ok");
	return EXIT_SUCCESS;
}

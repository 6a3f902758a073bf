// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vhost_pin.h>
#include <linux/virtio_ids.h>

#include "disk.h"
#include "say.h"

static void must(int ret, const char *what)
{
	if (ret < 0)
		die("%s: %s: %s", what, strerror(-ret), blkio_get_error_msg());
}

/* A virtio device of vhost-pin's on the backend. */
static int attach_backend(const struct disk_options *options)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.flags = (options->read_only ? VPIN_ATTACH_RO : 0) |
			 (options->poll_disk ? VPIN_ATTACH_POLL : 0) |
			 (options->nice ? VPIN_ATTACH_NICE : 0),
		.num_queues = options->queues,
		.queue_size = options->queue_size,
		.busyloop_us = options->busyloop_us,
		.nice = options->nice,
	};
	int fd;

	attach.backend_fd = open(options->path,
				 (options->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (attach.backend_fd < 0)
		die("%s: %m", options->path);
	fd = open("/dev/vhost-pin", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("/dev/vhost-pin: %m");
	if (ioctl(fd, VPIN_ATTACH, &attach))
		die("attach to %s: %m", options->path);
	close(attach.backend_fd);
	return fd;
}

static const char *const drivers[] = {
	[DISK_VHOST_PIN] = "virtio-blk-vhost-vdpa",
	[DISK_VDPA] = "virtio-blk-vhost-vdpa",
	[DISK_VHOST_USER] = "virtio-blk-vhost-user",
	[DISK_IO_URING] = "io_uring",
};

static void connect_disk(struct disk *disk)
{
	const struct disk_options *options = &disk->options;
	bool uring = options->kind == DISK_IO_URING;

	must(blkio_create(drivers[options->kind], &disk->blkio), "blkio_create");
	if (options->kind == DISK_VHOST_PIN)
		disk->fd = attach_backend(options);
	if (uring)
		must(blkio_set_bool(disk->blkio, "direct", true), "direct");
	if (options->kind == DISK_VHOST_PIN)
		must(blkio_set_int(disk->blkio, "fd", disk->fd), "fd");
	else
		must(blkio_set_str(disk->blkio, "path", options->path), "path");
	must(blkio_set_bool(disk->blkio, "read-only", options->read_only), "read-only");
	must(blkio_connect(disk->blkio), options->path);
}

/* Bytes of the log: a bit a page, of more memory than any client has. */
#define LOG_SIZE	(1 << 20)

static void start_log(struct disk *disk)
{
	void *bits = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct vpin_log log = { .uaddr = (uintptr_t)bits, .size = LOG_SIZE };

	if (bits == MAP_FAILED || ioctl(disk->fd, VPIN_SET_LOG, &log))
		die("dirty log: %m");
}

/*
 * libblkio uses no indirect descriptors, so a request takes as many entries as
 * it has pieces, most often three.
 */
#define ENTRIES(segments)	((segments) + 3)
#define ENTRIES_MIN		256

static int queue_size(const struct disk *disk)
{
	const struct disk_options *options = &disk->options;
	int size = options->queue_size, max;

	if (!size)
		for (size = ENTRIES_MIN; size < (int)(options->depth * ENTRIES(options->segments)); size *= 2)
			;
	if (options->kind == DISK_IO_URING)
		return size;
	must(blkio_get_int(disk->blkio, "max-queue-size", &max), "max-queue-size");
	if ((int)options->queue_size > max)
		die("%s: its rings have %d entries at most", options->path, max);
	return size < max ? size : max;
}

static void start_disk(struct disk *disk)
{
	const struct disk_options *options = &disk->options;
	bool uring = options->kind == DISK_IO_URING;

	must(blkio_set_int(disk->blkio, "num-queues", options->poll ? 0 : options->queues),
	     "num-queues");
	if (options->poll)
		must(blkio_set_int(disk->blkio, "num-poll-queues", options->queues),
		     "num-poll-queues");
	must(blkio_set_int(disk->blkio, uring ? "num-entries" : "queue-size",
			   queue_size(disk)), "queue-size");
	must(blkio_start(disk->blkio), "blkio_start");
}

void disk_open(struct disk *disk, const struct disk_options *options)
{
	int segment_size = 0;

	memset(disk, 0, sizeof(*disk));
	disk->options = *options;
	connect_disk(disk);
	start_disk(disk);
	if (options->log)
		start_log(disk);
	must(blkio_get_uint64(disk->blkio, "capacity", &disk->capacity), "capacity");
	must(blkio_get_int(disk->blkio, "max-segment-len", &segment_size),
	     "max-segment-len");
	disk->segment_size = segment_size;
}

struct blkioq *disk_queue(struct disk *disk, unsigned int index)
{
	return disk->options.poll ? blkio_get_poll_queue(disk->blkio, index) :
				    blkio_get_queue(disk->blkio, index);
}

void *disk_memory(struct disk *disk, size_t size)
{
	struct blkio_mem_region region;

	must(blkio_alloc_mem_region(disk->blkio, &region, size), "memory");
	/* Pages that were never touched all read as the one zero page. */
	memset(region.addr, 0x5a, size);
	disk_map(disk, &region);
	return region.addr;
}

void disk_map(struct disk *disk, const struct blkio_mem_region *region)
{
	must(blkio_map_mem_region(disk->blkio, region), "mapping memory");
}

void disk_close(struct disk *disk)
{
	blkio_destroy(&disk->blkio);
}

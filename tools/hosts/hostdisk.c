// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostdisk: a guest's driver that does what it is told, for tools/check/hosts.
 *
 * It takes a command a line from its standard input and answers with a line.
 * A guest that runs:
 *
 *   write SECTOR LENGTH SEED [ODD]	a pattern, from ODD bytes after a page
 *   read SECTOR LENGTH SEED [ODD]	"same" if it is that pattern, "differs"
 *   zero SECTOR SECTORS		WRITE_ZEROES
 *   discard SECTOR SECTORS
 *   flush
 *   writeback 0|1			the cache mode in config space
 *   flood QUEUE write|read|flush SECTOR COUNT PIECES BYTES [ODD]
 *					COUNT requests, each of PIECES pieces of
 *					BYTES bytes, none waited for
 *   reap QUEUE COUNT MS		waits: "reaped N bad N", N of them
 *   reset, start			as the guest's driver does it
 *
 * A request's answer is "ok", "status N" or "timeout".  And on the host's side,
 * with no guest needed (hostdisk -):
 *
 *   pwrite direct|cached PATH SECTOR LENGTH SEED
 *   pread direct|cached PATH SECTOR LENGTH SEED
 *
 * whose answer is "ok", "same", "differs" or "errno N".
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tests/blk.h"
#include "../tests/dev.h"

#define MIB		(1UL << 20)
#define DATA		(4 * MIB)
#define TIMEOUT_MS	20000

static struct dev dev;
static struct blk_request request;
static uint8_t *data;

static void __attribute__((noreturn)) die(const char *what, int error)
{
	printf("failed %s: %s\n", what, strerror(error));
	exit(EXIT_FAILURE);
}

static void answer(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void answer(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void answer_status(int status)
{
	if (status == -ETIMEDOUT)
		answer("timeout");
	else if (status)
		answer("status %d", status);
	else
		answer("ok");
}

/* As blk_do(), but with less patience. */
static int act(uint32_t type, uint64_t sector, const void *at, uint32_t length)
{
	struct vring_used_elem elem;
	struct vq *vq = &dev.vqs[0];
	int ret = blk_add(vq, &request, type, sector, at, length);

	if (ret)
		return ret;
	vq_publish(vq);
	ret = vq_wait(vq, &elem, TIMEOUT_MS);
	return ret ? ret : *request.status;
}

static void do_write(uint64_t sector, uint32_t length, uint32_t seed, unsigned int odd)
{
	pattern_fill(data + odd, length, sector, seed);
	answer_status(act(VIRTIO_BLK_T_OUT, sector, data + odd, length));
}

static void do_read(uint64_t sector, uint32_t length, uint32_t seed, unsigned int odd)
{
	int status;

	memset(data + odd, 0x5a, length);
	status = act(VIRTIO_BLK_T_IN, sector, data + odd, length);
	if (status)
		answer_status(status);
	else
		answer(pattern_is(data + odd, length, sector, seed) ? "same" : "differs");
}

static void do_range(uint32_t type, uint64_t sector, uint32_t sectors)
{
	struct virtio_blk_discard_write_zeroes *range = (void *)data;

	*range = (struct virtio_blk_discard_write_zeroes){
		.sector = htole64(sector), .num_sectors = htole32(sectors),
	};
	answer_status(act(type, 0, range, sizeof(*range)));
}

static uint32_t type_of(const char *name)
{
	return !strcmp(name, "write") ? VIRTIO_BLK_T_OUT :
	       !strcmp(name, "read") ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_FLUSH;
}

/*
 * All of a queue's share one indirect table, and so header, data and status: the
 * device cannot know.
 */
static void do_flood(unsigned int queue, const char *name, uint64_t sector,
		     unsigned int count, unsigned int pieces, uint32_t bytes,
		     unsigned int odd)
{
	static struct flood {
		struct vring_desc *table;
		struct blk_request request;
	} floods[DEV_QUEUES_MAX];
	struct flood *flood = &floods[queue];
	struct blk_request *shared = &flood->request;
	struct vring_desc *table;
	struct guest *guest = &dev.guest;
	struct vq *vq = &dev.vqs[queue];
	uint32_t type = type_of(name);
	unsigned int i;

	if (!flood->table) {
		flood->table = guest_alloc(guest, 1024 * sizeof(*table), 16);
		blk_init(shared, guest);
	}
	table = flood->table;
	shared->header->type = htole32(type);
	shared->header->sector = htole64(sector);
	table[0] = (struct vring_desc){ htole64(guest_iova(guest, shared->header)),
		htole32(16), htole16(VRING_DESC_F_NEXT), htole16(1) };
	for (i = 1; i <= pieces; i++)
		/* Each second page: no two are neighbours. */
		table[i] = (struct vring_desc){
			htole64(guest_iova(guest, data + (2 * i * GUEST_PAGE) % DATA + odd)),
			htole32(bytes),
			htole16(VRING_DESC_F_NEXT |
				(type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0)),
			htole16(i + 1) };
	table[i] = (struct vring_desc){ htole64(guest_iova(guest, shared->status)),
		htole32(1), htole16(VRING_DESC_F_WRITE), 0 };

	for (i = 0; i < count && i < vq->size; i++) {
		vq->desc[i] = (struct vring_desc){ htole64(guest_iova(guest, table)),
			htole32((pieces + 2) * sizeof(*table)),
			htole16(VRING_DESC_F_INDIRECT), 0 };
		vq_add_head(vq, i);
	}
	*shared->status = 0;
	vq_publish(vq);
	answer("ok");
}

static void do_reap(unsigned int queue, unsigned int count, int ms)
{
	struct vring_used_elem elem;
	unsigned int reaped = 0, bad = 0;

	while (reaped < count && !vq_wait(&dev.vqs[queue], &elem, ms)) {
		reaped++;
		bad += !elem.len;
	}
	answer("reaped %u bad %u", reaped, bad);
}

static void on_host(bool write, const char *how, const char *path, uint64_t sector,
		    uint32_t length, uint32_t seed)
{
	static uint8_t *buffer;
	off_t offset = sector * SECTOR;
	ssize_t ret;
	int fd;

	if (!buffer)
		buffer = aligned_alloc(GUEST_PAGE, DATA);
	fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC |
			(!strcmp(how, "direct") ? O_DIRECT : 0));
	if (fd < 0) {
		answer("errno %d", errno);
		return;
	}
	if (write)
		pattern_fill(buffer, length, sector, seed);
	ret = write ? pwrite(fd, buffer, length, offset) : pread(fd, buffer, length, offset);
	if (ret != (ssize_t)length)
		answer("errno %d", ret < 0 ? errno : EIO);
	else if (write)
		answer("ok");
	else
		answer(pattern_is(buffer, length, sector, seed) ? "same" : "differs");
	close(fd);
}

static void start(int argc, char *argv[])
{
	struct dev_options options = { .queue_size = 1024, .memory = 32 * MIB };
	int backend, flags = O_RDWR, i, ret;

	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "ro")) {
			options.attach_flags |= VPIN_ATTACH_RO;
			flags = O_RDONLY;
		} else if (!strcmp(argv[i], "buffered")) {
			options.attach_flags |= VPIN_ATTACH_BUFFERED;
		} else if (!strcmp(argv[i], "polled")) {
			options.attach_flags |= VPIN_ATTACH_POLL;
		} else if (!strcmp(argv[i], "writethrough")) {
			options.attach_flags |= VPIN_ATTACH_WRITETHROUGH;
		} else if (!strncmp(argv[i], "queues=", 7)) {
			options.queues = atoi(argv[i] + 7);
		} else if (!strncmp(argv[i], "queue-size=", 11)) {
			options.queue_size = atoi(argv[i] + 11);
		} else if (strcmp(argv[i], "direct")) {
			die(argv[i], EINVAL);
		}
	}
	backend = open(argv[1], flags | O_CLOEXEC);
	if (backend < 0)
		die("open", errno);
	ret = dev_open(&dev, backend, &options);
	if (ret)
		die("attach", -ret);
	ret = dev_start(&dev);
	if (ret)
		die("start", -ret);
	blk_init(&request, &dev.guest);
	data = guest_alloc(&dev.guest, DATA + 2 * GUEST_PAGE, GUEST_PAGE);
	close(backend);
}

static void obey(const char *line)
{
	unsigned long long sector;
	char word[16], path[128];
	unsigned int a, b, c, d, e;

	d = e = 0;
	if (sscanf(line, "write %llu %u %u %u", &sector, &a, &b, &d) >= 3)
		do_write(sector, a, b, d);
	else if (sscanf(line, "read %llu %u %u %u", &sector, &a, &b, &d) >= 3)
		do_read(sector, a, b, d);
	else if (sscanf(line, "zero %llu %u", &sector, &a) == 2)
		do_range(VIRTIO_BLK_T_WRITE_ZEROES, sector, a);
	else if (sscanf(line, "discard %llu %u", &sector, &a) == 2)
		do_range(VIRTIO_BLK_T_DISCARD, sector, a);
	else if (sscanf(line, "flood %u %15s %llu %u %u %u %u",
			&a, word, &sector, &b, &c, &d, &e) >= 6)
		do_flood(a, word, sector, b, c, d, e);
	else if (sscanf(line, "reap %u %u %u", &a, &b, &c) == 3)
		do_reap(a, b, c);
	else if (sscanf(line, "writeback %u", &a) == 1)
		answer_status(vdpa_set_config(dev.fd, offsetof(struct virtio_blk_config, wce),
					      1, &(uint8_t){ a }));
	else if (sscanf(line, "pwrite %15s %127s %llu %u %u", word, path, &sector, &a, &b) == 5)
		on_host(true, word, path, sector, a, b);
	else if (sscanf(line, "pread %15s %127s %llu %u %u", word, path, &sector, &a, &b) == 5)
		on_host(false, word, path, sector, a, b);
	else if (!strncmp(line, "flush", 5))
		answer_status(act(VIRTIO_BLK_T_FLUSH, 0, NULL, 0));
	else if (!strncmp(line, "reset", 5))
		answer_status(dev_stop(&dev));
	else if (!strncmp(line, "start", 5))
		answer_status(dev_start(&dev));
	else
		answer("what?");
}

int main(int argc, char *argv[])
{
	char line[256];

	if (argc < 2) {
		fprintf(stderr, "usage: hostdisk PATH|- [ro|direct|buffered|polled|writethrough|queues=N|queue-size=N]...\n");
		return 2;
	}
	if (strcmp(argv[1], "-")) {
		start(argc, argv);
		answer("ready %llu %#llx", (unsigned long long)dev_capacity(&dev),
		       (unsigned long long)dev.features);
	} else {
		answer("ready");
	}
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	if (data)
		dev_close(&dev);
	return EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stuck.h"

#define SIZE	(64UL << 20)
#define PAGE	4096
#define ASKED	64

struct question {
	uint64_t unique;
	struct fuse_read_in read;
};

static int fuse;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct question asked[ASKED];
static unsigned int nr_asked;
static bool answers;
static int answer_error;
static uint64_t other_page = UINT64_MAX;
static uint8_t other_data[PAGE];

static void answer(uint64_t unique, const void *body, size_t length)
{
	char buf[512];
	struct fuse_out_header *out = (void *)buf;

	*out = (struct fuse_out_header){ .len = sizeof(*out) + length, .unique = unique };
	memcpy(out + 1, body, length);
	write(fuse, buf, out->len);
}

uint8_t stuck_byte(unsigned long page)
{
	return page;
}

static void answer_read(const struct question *question)
{
	const uint64_t first = question->read.offset;
	static char buf[1 << 17];
	struct fuse_out_header *out = (void *)buf;
	size_t i;

	*out = (struct fuse_out_header){ .len = sizeof(*out), .unique = question->unique,
					 .error = -answer_error };
	if (!answer_error)
		out->len += question->read.size;
	for (i = 0; i < out->len - sizeof(*out); i++)
		buf[sizeof(*out) + i] = (first + i) / PAGE == other_page ?
					other_data[(first + i) % PAGE] :
					stuck_byte((first + i) / PAGE);
	write(fuse, buf, out->len);
}

static void ask(uint64_t unique, const struct fuse_read_in *read)
{
	const struct question question = { .unique = unique, .read = *read };

	pthread_mutex_lock(&lock);
	if (answers || read->offset / PAGE >= STUCK_COMES)
		answer_read(&question);
	else if (nr_asked < ASKED)
		asked[nr_asked++] = question;
	pthread_mutex_unlock(&lock);
}

void stuck_set(unsigned long page, const void *data, size_t size)
{
	other_page = page;
	memcpy(other_data, data, size);
}

unsigned int stuck_asked(void)
{
	unsigned int nr;

	pthread_mutex_lock(&lock);
	nr = nr_asked;
	pthread_mutex_unlock(&lock);
	return nr;
}

void stuck_answer(int error)
{
	pthread_mutex_lock(&lock);
	answers = true;
	answer_error = error;
	while (nr_asked)
		answer_read(&asked[--nr_asked]);
	pthread_mutex_unlock(&lock);
}

static void *serve(void *unused)
{
	static char buf[1 << 17];
	const struct fuse_in_header *in = (const void *)buf;

	(void)unused;
	while (read(fuse, buf, sizeof(buf)) > 0) {
		const struct fuse_init_out init = {
			.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096,
			.max_readahead = 4096, .max_background = 16,
			/* Who waits for a page can be killed then. */
			.flags = FUSE_ASYNC_READ,
			.congestion_threshold = 16,
		};
		const struct fuse_attr_out attr = {
			.attr_valid = 1000000,
			.attr = { .ino = 1, .mode = S_IFREG | 0666, .nlink = 1, .size = SIZE,
				  .blksize = 4096 },
		};
		/* Nor may who closes it, or opens it again, have to wait. */
		const struct fuse_open_out open = {
			.fh = 1, .open_flags = FOPEN_NOFLUSH | FOPEN_KEEP_CACHE,
		};

		if (in->opcode == FUSE_INIT)
			answer(in->unique, &init, sizeof(init));
		else if (in->opcode == FUSE_GETATTR)
			answer(in->unique, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			answer(in->unique, &open, sizeof(open));
		else if (in->opcode == FUSE_READ)
			ask(in->unique, (const void *)(in + 1));
	}
	return NULL;
}

int stuck_open(const char *path)
{
	struct stat stat;
	pthread_t thread;
	char options[80];
	int fd;

	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fuse < 0 || fd < 0)
		return -errno;
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0", fuse);
	if (mount("stuck", path, "fuse", MS_NODEV | MS_NOSUID, options) ||
	    pthread_create(&thread, NULL, serve, NULL))
		return -errno;
	fd = open(path, O_RDWR | O_CLOEXEC);
	/* Only now the kernel knows how long it is. */
	return fd < 0 || fstat(fd, &stat) ? -errno : fd;
}

void stuck_end(const char *path)
{
	umount2(path, MNT_FORCE);
	umount2(path, MNT_DETACH);
	unlink(path);
}

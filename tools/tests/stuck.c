// SPDX-License-Identifier: GPL-2.0-only
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse.h"
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
			fuse_answer(fuse, in->unique, &init, sizeof(init));
		else if (in->opcode == FUSE_GETATTR)
			fuse_answer(fuse, in->unique, &attr, sizeof(attr));
		else if (in->opcode == FUSE_OPEN)
			fuse_answer(fuse, in->unique, &open, sizeof(open));
		else if (in->opcode == FUSE_READ)
			ask(in->unique, (const void *)(in + 1));
	}
	return NULL;
}

int stuck_open(const char *path)
{
	return fuse_open(path, &fuse, serve);
}

void stuck_end(const char *path)
{
	fuse_end(path);
}

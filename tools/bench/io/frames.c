// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "frames.h"
#include "random.h"
#include "say.h"

/* Of a call: UIO_MAXIOV. */
#define BLOCKS		1024

/* Frames that are put aside: at first, later, and at most. */
#define ASIDE_FIRST	(64UL << 20)
#define ASIDE_NEXT	(2UL << 20)
#define ASIDE_MAX	(1UL << 30)

/* /proc/self/pagemap: an entry a page */
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_FRAME	((1ULL << 55) - 1)

static char *aside;
static size_t aside_size;

static void read_frames(const char *addr, size_t nr, uint64_t *frames)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t bytes = nr * sizeof(*frames);
	size_t i;

	if (fd < 0 || pread(fd, frames, bytes,
			    (uintptr_t)addr / PAGE * sizeof(*frames)) != bytes)
		die("/proc/self/pagemap cannot be read: %m");
	close(fd);
	for (i = 0; i < nr; i++) {
		if (!(frames[i] & PAGEMAP_PRESENT) || !(frames[i] & PAGEMAP_FRAME))
			die("page %zu has no frame that this program may know", i);
		frames[i] &= PAGEMAP_FRAME;
	}
}

static void put_aside(size_t size)
{
	if (aside_size + size > ASIDE_MAX)
		die("no frames in the right place");
	if (madvise(aside + aside_size, size, MADV_POPULATE_WRITE))
		die("MADV_POPULATE_WRITE: %m");
	aside_size += size;
}

/*
 * Puts aside what lies around in small pieces, which the kernel hands out
 * first, and of a large one what is before the next 2 MiB.
 */
static void align(void)
{
	uint64_t frame;

	if (!aside) {
		aside = mmap(NULL, ASIDE_MAX, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (aside == MAP_FAILED)
			die("mmap: %m");
	}
	put_aside(aside_size ? ASIDE_NEXT : ASIDE_FIRST);
	for (;;) {
		read_frames(aside + aside_size - PAGE, 1, &frame);
		if ((frame + 1) * PAGE % HUGE == 0)
			return;
		put_aside(HUGE - (frame + 1) * PAGE % HUGE);
	}
}

/* The numbers below @nr in an order without order. */
static size_t *shuffled(size_t nr)
{
	uint64_t random = 0x853c49e6748fea9bULL;
	size_t *order = calloc(nr, sizeof(*order)), i;

	if (!order)
		die("no memory");
	for (i = 0; i < nr; i++) {
		size_t j = random_below(&random, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

/*
 * The kernel hands out neighbours one after the other, so that runs come of
 * taking blocks of their length out of order.  A system call takes many.
 */
void frames_take(char *addr, size_t size, size_t run)
{
	size_t nr = size / run, done, i, *order = shuffled(nr);
	int self = syscall(SYS_pidfd_open, getpid(), 0);
	struct iovec blocks[BLOCKS];

	if (self < 0)
		die("pidfd_open: %m");
	/* From here on no other page of this program may be new. */
	explicit_bzero(blocks, sizeof(blocks));
	align();
	for (done = 0; done < nr; done += i) {
		for (i = 0; i < BLOCKS && done + i < nr; i++)
			blocks[i] = (struct iovec){ addr + order[done + i] * run, run };
		if (syscall(SYS_process_madvise, self, blocks, i, MADV_POPULATE_WRITE, 0) !=
		    (long)(i * run))
			die("process_madvise: %m");
	}
	close(self);
	free(order);
}

void frames_look(struct frames_count *count, const char *addr, size_t size)
{
	size_t nr = size / PAGE, length = 0, i;
	uint64_t *frames = calloc(nr, sizeof(*frames));

	if (!frames)
		die("no memory");
	read_frames(addr, nr, frames);
	for (i = 0; i < nr; i++) {
		bool joined = i && frames[i] == frames[i - 1] + 1;

		count->runs += !joined;
		/* Of the piece that this page is in. */
		length = joined && (uintptr_t)(addr + i * PAGE) % HUGE ? length + 1 : 1;
		if (length == HUGE / PAGE)
			count->huge += length;
	}
	count->pages += nr;
	free(frames);
}

void frames_done(void)
{
	if (aside)
		munmap(aside, ASIDE_MAX);
	aside = NULL;
	aside_size = 0;
}

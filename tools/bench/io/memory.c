// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "random.h"
#include "say.h"

#define PAGE		4096UL

/* Bytes that are taken before, so that what follows comes in large pieces. */
#define BALLAST		(64UL << 20)

/* Of a call: UIO_MAXIOV. */
#define BLOCKS		1024

/* /proc/self/pagemap: an entry a page */
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_FRAME	((1ULL << 55) - 1)

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
 * Has the kernel put a page under each address.  It hands out neighbours one
 * after the other, so that runs come of taking blocks of their length out of
 * order; a system call takes many of those.
 */
static void take_pages(char *addr, size_t size, size_t run)
{
	size_t nr = size / run, done, i, *order = shuffled(nr);
	int self = syscall(SYS_pidfd_open, getpid(), 0);
	struct iovec blocks[BLOCKS];

	if (self < 0)
		die("pidfd_open: %m");
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

static void count_runs(struct memory *memory, const char *addr)
{
	size_t nr = memory->region_size / PAGE, i;
	uint64_t *entries = calloc(nr, sizeof(*entries));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t bytes = nr * sizeof(*entries);

	if (!entries)
		die("no memory");
	if (fd < 0 || pread(fd, entries, bytes,
			    (uintptr_t)addr / PAGE * sizeof(*entries)) != bytes)
		die("/proc/self/pagemap cannot be read: %m");
	close(fd);
	for (i = 0; i < nr; i++) {
		if (!(entries[i] & PAGEMAP_PRESENT) || !(entries[i] & PAGEMAP_FRAME))
			die("page %zu has no place that this program may know", i);
		memory->runs += !i || (entries[i] & PAGEMAP_FRAME) !=
				      (entries[i - 1] & PAGEMAP_FRAME) + 1;
	}
	memory->pages += nr;
	free(entries);
}

/* Takes what lies around in small pieces, which the kernel hands out first. */
static char *take_ballast(void)
{
	char *addr = mmap(NULL, BALLAST, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED || madvise(addr, BALLAST, MADV_POPULATE_WRITE))
		die("no memory: %m");
	return addr;
}

/* A file, all of it there, with an unmapped page after them. */
static char *make_region(const struct memory *memory, int *fd)
{
	size_t size = memory->region_size;
	char *addr;

	*fd = memfd_create("guest", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, size))
		die("memfd: %m");

	addr = mmap(NULL, size + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED ||
	    mmap(addr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, *fd, 0) != addr)
		die("mmap: %m");
	take_pages(addr, size, memory->options.run ? memory->options.run * PAGE : size);
	return addr;
}

void memory_map(struct memory *memory, struct disk *disk,
		const struct memory_options *options)
{
	struct blkio_mem_region region = { 0 };
	uint64_t begin;
	unsigned int i;
	char *ballast;

	memset(memory, 0, sizeof(*memory));
	memory->options = *options;
	memory->region_size = options->size / options->regions;
	if (!memory->region_size || options->size % options->regions ||
	    memory->region_size % (PAGE * (options->run ?: 1)))
		die("regions are of one size, a multiple of that of runs");
	memory->regions = calloc(options->regions, sizeof(*memory->regions));
	if (!memory->regions)
		die("no memory");

	ballast = take_ballast();
	region.len = memory->region_size;
	for (i = 0; i < options->regions; i++) {
		memory->regions[i] = make_region(memory, &region.fd);
		region.addr = memory->regions[i];
		count_runs(memory, region.addr);
		begin = now_ns();
		disk_map(disk, &region);
		memory->map_ns += now_ns() - begin;
		/*
		 * User-Mode Linux has a mapping of its host's for each run, and
		 * hosts allow 65530: what is pinned can do without.
		 */
		if (disk->options.kind == DISK_VHOST_PIN &&
		    madvise(region.addr, region.len, MADV_DONTNEED))
			die("MADV_DONTNEED: %m");
	}
	munmap(ballast, BALLAST);
}

void *memory_place(const struct memory *memory, uint64_t *random, size_t size)
{
	uint64_t places = memory->region_size / size;
	uint64_t place = random_below(random, places * memory->options.regions);

	return memory->regions[place / places] + place % places * size;
}

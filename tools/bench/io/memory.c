// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "random.h"
#include "say.h"

/*
 * A file, all of it there, at a multiple of 2 MiB as a VMM has it, with an
 * unmapped page after it.
 */
static char *make_region(const struct memory *memory, int *fd)
{
	size_t size = memory->region_size;
	char *addr;

	*fd = memfd_create("guest", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, size))
		die("memfd: %m");

	addr = mmap(NULL, size + HUGE + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED)
		die("mmap: %m");
	addr += -(uintptr_t)addr % HUGE;
	if (mmap(addr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, *fd, 0) != addr)
		die("mmap: %m");
	frames_take(addr, size, memory->options.run ? memory->options.run * PAGE : size);
	return addr;
}

void memory_map(struct memory *memory, struct disk *disk,
		const struct memory_options *options)
{
	struct blkio_mem_region region = { 0 };
	uint64_t begin;
	unsigned int i;

	memset(memory, 0, sizeof(*memory));
	memory->options = *options;
	memory->region_size = options->size / options->regions;
	if (!memory->region_size || options->size % options->regions ||
	    memory->region_size % (PAGE * (options->run ?: 1)))
		die("regions are of one size, a multiple of that of runs");
	memory->regions = calloc(options->regions, sizeof(*memory->regions));
	if (!memory->regions)
		die("no memory");

	region.len = memory->region_size;
	for (i = 0; i < options->regions; i++) {
		memory->regions[i] = make_region(memory, &region.fd);
		region.addr = memory->regions[i];
		frames_look(&memory->frames, region.addr, region.len);
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
	frames_done();
}

void *memory_place(const struct memory *memory, uint64_t *random, size_t size)
{
	uint64_t places = memory->region_size / size;
	uint64_t place = random_below(random, places * memory->options.regions);

	return memory->regions[place / places] + place % places * size;
}

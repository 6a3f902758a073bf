// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mapping.h"

/* Bytes that offset and length of a mapping must be multiples of. */
static uint64_t unit_of(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return fs.f_bsize;
	return sysconf(_SC_PAGESIZE);
}

int mapping_open(struct mapping *mapping, int fd, uint64_t offset, uint64_t size)
{
	uint64_t unit = unit_of(fd), skip = offset % unit;
	void *pages;

	size += skip;
	/* The kernel rounds a length up when it maps, but not when it unmaps. */
	size += -size % unit;
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset - skip);
	if (pages == MAP_FAILED)
		return -errno;
	madvise(pages, size, MADV_DONTDUMP);
	*mapping = (struct mapping){ .pages = pages, .size = size, .start = (char *)pages + skip };
	return 0;
}

void mapping_close(struct mapping *mapping)
{
	if (mapping->pages)
		munmap(mapping->pages, mapping->size);
	*mapping = (struct mapping){ };
}

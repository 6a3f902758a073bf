// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "mapping.h"

int mapping_look(struct mapping_file *file, int fd, bool any, struct reason *why)
{
	/* What the kernel knows already: its file system is not asked. */
	int how = any ? AT_STATX_SYNC_AS_STAT : AT_STATX_DONT_SYNC;
	/* A memfd, or a file of tmpfs or hugetlbfs: none but these have seals. */
	bool is_memory = fcntl(fd, F_GET_SEALS) >= 0;
	struct statx st;

	/* One that is only a path (O_PATH) can be of any file system's device. */
	if (!is_memory && errno == EBADF)
		return reason_is(why, EBADF, "the descriptor is not open");
	if (statx(fd, "", AT_EMPTY_PATH | how, STATX_BASIC_STATS, &st))
		return reason_errno(why, errno);
	if (!is_memory && !S_ISCHR(st.stx_mode) && !(any && S_ISREG(st.stx_mode)))
		return reason_is(why, ENODEV, "memory must be a memfd, or a file of tmpfs or hugetlbfs");
	*file = (struct mapping_file){
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		/* Device DAX. */
		.size = S_ISCHR(st.stx_mode) ? UINT64_MAX : st.stx_size,
	};
	return 0;
}

bool mapping_file_has(const struct mapping_file *file, uint64_t offset, uint64_t size)
{
	return size <= file->size && offset <= file->size - size;
}

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

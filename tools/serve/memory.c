// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../cli/memlock.h"
#include "memory.h"

#define MIB	((uint64_t)1 << 20)

/* What a session may map: address space is all disks'.  No guest has as much. */
#define BYTES_MAX	((uint64_t)16 << 40)

void memory_init(struct memory *memory, struct device *device, bool holes)
{
	memory->device = device;
	memory->holes = holes;
	memory->num = 0;
}

static bool overlap(const struct vhost_user_region *a, const struct vhost_user_region *b)
{
	/* By their last bytes: what ends at 2^64 would have its end at 0. */
	return a->gpa <= b->gpa + (b->size - 1) && b->gpa <= a->gpa + (a->size - 1);
}

static int check_region(const struct vhost_user_region *at, struct reason *why)
{
	uint64_t last = at->size - 1;

	if (!at->size)
		return reason_is(why, EINVAL, "a region of no bytes");
	if (at->gpa + last < at->gpa || at->uaddr + last < at->uaddr ||
	    at->offset + last < at->offset || at->size >> 48)
		return reason_is(why, EINVAL,
				 "a region of %#" PRIx64 " bytes at %#" PRIx64 " wraps around",
				 at->size, at->gpa);
	return 0;
}

static int check_total(uint64_t bytes, struct reason *why)
{
	if (bytes > BYTES_MAX)
		return reason_is(why, ENOMEM, "%" PRIu64 " MiB in all are more than %" PRIu64,
				 bytes / MIB, BYTES_MAX / MIB);
	return 0;
}

static int check_file(const struct vhost_user_region *at, const struct mapping_file *file,
		      struct reason *why)
{
	if (!mapping_file_has(file, at->offset, at->size))
		return reason_is(why, EINVAL,
				 "the region at %#" PRIx64 ", %#" PRIx64 " bytes from %#" PRIx64
				 ", ends beyond its file of %#" PRIx64,
				 at->gpa, at->size, at->offset, file->size);
	return 0;
}

static int map(struct region *region, const struct vhost_user_region *at,
	       const struct mapping_file *file, int fd, struct reason *why)
{
	int ret = check_file(at, file, why);

	if (ret)
		return ret;
	*region = (struct region){ .at = *at, .file = *file };
	ret = mapping_open(&region->mapping, fd, at->offset, at->size);
	if (ret)
		return reason_is(why, -ret, "cannot map the region at %#" PRIx64 ": %s%s", at->gpa,
				 strerror(-ret), ret == -EACCES ? " (it must be writable)" : "");
	return 0;
}

static void unmap(struct region *region)
{
	mapping_close(&region->mapping);
}

static uint64_t host_bytes(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

/* Why the module did not pin a region, which says no more than that. */
static int pin_error(const struct vhost_user_region *at, int error, struct reason *why)
{
	struct memlock_state state;

	if (error == EFAULT && at->size > host_bytes())
		return reason_is(why, ENOMEM,
				 "the %" PRIu64 " MiB at %#" PRIx64
				 " are more than the host's memory, %" PRIu64 " MiB",
				 at->size / MIB, at->gpa, host_bytes() / MIB);
	memlock_get(&state);
	if (error == EFAULT && !state.unlimited && state.pinned + at->size > state.limit)
		return reason_is(why, ENOMEM,
				 "the limit of locked memory (ulimit -l, RLIMIT_MEMLOCK) is %" PRIu64
				 " MiB, %" PRIu64 " MiB too low: %" PRIu64
				 " MiB are pinned, and the region at %#" PRIx64 " has %" PRIu64,
				 state.limit / MIB,
				 (state.pinned + at->size - state.limit + MIB - 1) / MIB,
				 state.pinned / MIB, at->gpa, at->size / MIB);
	if (error == EFAULT)
		return reason_is(why, EFAULT,
				 "the %" PRIu64 " MiB at %#" PRIx64 " cannot be pinned: dmesg has more",
				 at->size / MIB, at->gpa);
	return reason_is(why, error, "cannot pin the region at %#" PRIx64 ": %s", at->gpa,
			 strerror(error));
}

/* What could not be pinned is not there, unless the disk may do without. */
static int pin(struct memory *memory, struct region *region, struct reason *why)
{
	const struct vhost_user_region *at = &region->at;
	int ret = device_map(memory->device, at->gpa, at->size, region->mapping.start);

	if (!ret || (ret == -EFAULT && memory->holes))
		return 0;
	/* The module remembers a failure until the place is unmapped. */
	device_unmap(memory->device, at->gpa, at->size);
	return pin_error(at, -ret, why);
}

int memory_add(struct memory *memory, const struct vhost_user_region *at, int fd,
	       struct reason *why)
{
	struct region *region = &memory->regions[memory->num];
	struct mapping_file file;
	uint64_t bytes = at->size;
	unsigned int i;
	int ret;

	ret = check_region(at, why);
	if (ret)
		return ret;
	if (memory->num == MEMORY_SLOTS)
		return reason_is(why, ENOSPC, "more than %d regions", MEMORY_SLOTS);
	for (i = 0; i < memory->num; i++) {
		if (overlap(at, &memory->regions[i].at))
			return reason_is(why, EEXIST,
					 "the region at %#" PRIx64 " overlaps that at %#" PRIx64,
					 at->gpa, memory->regions[i].at.gpa);
		bytes += memory->regions[i].at.size;
	}
	ret = check_total(bytes, why) ?: mapping_look(&file, fd, memory->holes, why) ?:
	      map(region, at, &file, fd, why);
	if (ret)
		return ret;
	ret = pin(memory, region, why);
	if (ret)
		unmap(region);
	else
		memory->num++;
	return ret;
}

int memory_remove(struct memory *memory, const struct vhost_user_region *at,
		  struct reason *why)
{
	unsigned int i;
	int ret;

	for (i = 0; i < memory->num; i++) {
		struct region *region = &memory->regions[i];

		if (region->at.gpa != at->gpa || region->at.size != at->size ||
		    region->at.uaddr != at->uaddr)
			continue;
		ret = device_unmap(memory->device, at->gpa, at->size);
		if (ret)
			return reason_errno(why, -ret);
		unmap(region);
		*region = memory->regions[--memory->num];
		return 0;
	}
	return reason_is(why, ENOENT, "there is no region of %#" PRIx64 " bytes at %#" PRIx64,
			 at->size, at->gpa);
}

static struct region *find_same(struct memory *memory, const struct vhost_user_region *at,
				const struct mapping_file *file)
{
	unsigned int i;

	for (i = 0; i < memory->num; i++) {
		struct region *region = &memory->regions[i];

		if (region->file.dev == file->dev && region->file.inode == file->inode &&
		    region->at.offset == at->offset && region->at.gpa == at->gpa &&
		    region->at.size == at->size)
			return region;
	}
	return NULL;
}

/* Of a table that is not to be: what was there stays. */
static void forget(struct region *next, unsigned int num)
{
	while (num--) {
		if (!next[num].kept)
			unmap(&next[num]);
	}
}

/* Fills @next with the table to be, mapped, and marks what of it is there. */
static int prepare(struct memory *memory, struct region *next,
		   const struct vhost_user_region *at, const int *fds, unsigned int num,
		   struct reason *why)
{
	struct mapping_file file;
	struct region *same;
	unsigned int i, j;
	uint64_t bytes = 0;
	int ret = 0;

	for (i = 0; i < memory->num; i++)
		memory->regions[i].kept = false;
	for (i = 0; i < num; i++) {
		ret = check_region(&at[i], why);
		for (j = 0; !ret && j < i; j++) {
			if (overlap(&at[i], &at[j]))
				ret = reason_is(why, EEXIST,
						"the regions at %#" PRIx64 " and %#" PRIx64
						" overlap",
						at[j].gpa, at[i].gpa);
		}
		bytes += at[i].size;
		ret = ret ?: check_total(bytes, why) ?: mapping_look(&file, fds[i], memory->holes, why);
		if (ret)
			break;
		same = find_same(memory, &at[i], &file);
		if (same) {
			same->kept = true;
			next[i] = *same;
			next[i].at.uaddr = at[i].uaddr;
			continue;
		}
		ret = map(&next[i], &at[i], &file, fds[i], why);
		if (ret)
			break;
	}
	if (ret)
		forget(next, i);
	return ret;
}

/* Within a batch.  Of @next those stay, from the first on, that are pinned. */
static int change(struct memory *memory, struct region *next, unsigned int *num,
		  struct reason *why)
{
	unsigned int i, left = 0;
	int ret = 0;

	for (i = 0; i < memory->num; i++) {
		struct region *region = &memory->regions[i];

		if (!region->kept)
			device_unmap(memory->device, region->at.gpa, region->at.size);
	}
	for (i = 0; i < *num; i++) {
		int error = next[i].kept ? 0 : pin(memory, &next[i], why);

		if (error) {
			ret = error;
			unmap(&next[i]);
		} else {
			next[left++] = next[i];
		}
	}
	*num = left;
	return ret;
}

void memory_clear(struct memory *memory)
{
	device_unmap(memory->device, 0, UINT64_MAX);
	/* A length has no room for the last byte. */
	device_unmap(memory->device, UINT64_MAX, 1);
	/* One that could not be ended, for want of memory, is still open. */
	device_batch_end(memory->device);
	while (memory->num)
		unmap(&memory->regions[--memory->num]);
}

int memory_set(struct memory *memory, const struct vhost_user_region *at, const int *fds,
	       unsigned int num, struct reason *why)
{
	struct region next[VHOST_USER_TABLE_MAX];
	unsigned int i;
	int ret, error;

	ret = prepare(memory, next, at, fds, num, why);
	if (ret)
		return ret;
	error = device_batch_begin(memory->device);
	if (error) {
		/* Queues that run would see memory without this or that region. */
		forget(next, num);
		return reason_is(why, -error, "cannot change memory: %s", strerror(-error));
	}
	ret = change(memory, next, &num, why);
	error = device_batch_end(memory->device);

	for (i = 0; i < memory->num; i++) {
		if (!memory->regions[i].kept)
			unmap(&memory->regions[i]);
	}
	memcpy(memory->regions, next, num * sizeof(*next));
	memory->num = num;
	if (!error)
		return ret;
	/* Nobody would see what is added to a batch that is still open. */
	memory_clear(memory);
	return reason_is(why, -error, "cannot change memory: %s", strerror(-error));
}

bool memory_translate(const struct memory *memory, uint64_t uaddr, uint64_t size,
		      uint64_t *gpa)
{
	unsigned int i;

	for (i = 0; i < memory->num; i++) {
		const struct vhost_user_region *at = &memory->regions[i].at;

		if (uaddr < at->uaddr || uaddr - at->uaddr >= at->size ||
		    size > at->size - (uaddr - at->uaddr))
			continue;
		*gpa = at->gpa + (uaddr - at->uaddr);
		return true;
	}
	return false;
}

int memory_read(const struct memory *memory, uint64_t gpa, void *to, size_t size)
{
	struct iovec local = { .iov_base = to, .iov_len = size };
	struct iovec remote = { .iov_len = size };
	unsigned int i;

	for (i = 0; i < memory->num; i++) {
		const struct region *region = &memory->regions[i];
		uint64_t offset = gpa - region->at.gpa;

		if (gpa < region->at.gpa || offset >= region->at.size ||
		    size > region->at.size - offset)
			continue;
		remote.iov_base = region->mapping.start + offset;
		errno = EFAULT;		/* for what is read in part */
		return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size ?
		       0 : -errno;
	}
	return -EFAULT;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dirty.h"

static void unmap(const struct dirty *dirty)
{
	if (dirty->map)
		munmap(dirty->map, dirty->map_size);
}

/* Turns the log on if it is wanted, and off if it is not. */
static int update(struct dirty *dirty, struct reason *why)
{
	bool on = dirty->wanted && dirty->map;
	int ret = 0;

	if (on)
		ret = device_set_log(dirty->device, dirty->bitmap, dirty->size);
	else if (dirty->on)
		ret = device_set_log(dirty->device, NULL, 0);
	if (ret)
		return reason_is(why, -ret, "cannot log to a bitmap of %zu bytes: %s",
				 dirty->size, strerror(-ret));
	dirty->on = on;
	return 0;
}

int dirty_set(struct dirty *dirty, const struct vhost_user_log *log, int fd,
	      struct reason *why)
{
	uint64_t skip = log->offset % sysconf(_SC_PAGESIZE);
	struct dirty next = *dirty;
	int ret;

	if (!log->size || log->size >> 48 || log->offset + log->size < log->offset)
		return reason_is(why, EINVAL, "a bitmap of %#" PRIx64 " bytes", log->size);
	next.size = log->size;
	next.map_size = log->size + skip;
	next.map = mmap(NULL, next.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			log->offset - skip);
	if (next.map == MAP_FAILED)
		return reason_is(why, errno, "cannot map the bitmap: %s", strerror(errno));
	next.bitmap = (char *)next.map + skip;
	ret = update(&next, why);
	if (ret) {
		unmap(&next);
		return ret;
	}
	unmap(dirty);
	*dirty = next;
	return 0;
}

int dirty_want(struct dirty *dirty, bool wanted, struct reason *why)
{
	struct dirty next = *dirty;
	int ret;

	if (wanted == dirty->wanted)
		return 0;
	if (!wanted) {
		dirty_clear(dirty);
		return 0;
	}
	next.wanted = true;
	ret = update(&next, why);
	if (!ret)
		*dirty = next;
	return ret;
}

void dirty_clear(struct dirty *dirty)
{
	if (dirty->on)
		device_set_log(dirty->device, NULL, 0);
	unmap(dirty);
	*dirty = (struct dirty){ .device = dirty->device };
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "dirty.h"

/* As far as any processor's memory can reach: 2^52 bytes, a bit a page. */
#define LOG_SIZE_MAX	(1ULL << (52 - 12 - 3))

/* Turns the log on if it is wanted, and off if it is not. */
static int update(struct dirty *dirty, struct reason *why)
{
	bool on = dirty->wanted && dirty->mapping.pages;
	int ret = 0;

	if (on)
		ret = device_set_log(dirty->device, dirty->mapping.start, dirty->size);
	else if (dirty->on)
		ret = device_set_log(dirty->device, NULL, 0);
	if (ret)
		return reason_is(why, -ret, "cannot log to a bitmap of %zu bytes: %s",
				 dirty->size, strerror(-ret));
	dirty->on = on;
	return 0;
}

static int check_log(const struct vhost_user_log *log, struct reason *why)
{
	if (!log->size || log->size > LOG_SIZE_MAX || log->offset + log->size < log->offset)
		return reason_is(why, EINVAL,
				 "a bitmap of %#" PRIx64 " bytes from %#" PRIx64 ": it may have %#llx",
				 log->size, log->offset, LOG_SIZE_MAX);
	return 0;
}

/* What is beyond its file would take address space, and nothing could be logged there. */
static int check_file(const struct vhost_user_log *log, const struct mapping_file *file,
		      struct reason *why)
{
	if (!mapping_file_has(file, log->offset, log->size))
		return reason_is(why, EINVAL,
				 "the bitmap, %#" PRIx64 " bytes from %#" PRIx64
				 ", ends beyond its file of %#" PRIx64,
				 log->size, log->offset, file->size);
	return 0;
}

int dirty_set(struct dirty *dirty, const struct vhost_user_log *log, int fd,
	      struct reason *why)
{
	struct dirty next = *dirty;
	struct mapping_file file;
	int ret;

	ret = check_log(log, why) ?: mapping_look(&file, fd, false, why) ?:
	      check_file(log, &file, why);
	if (ret)
		return ret;
	ret = mapping_open(&next.mapping, fd, log->offset, log->size);
	if (ret)
		return reason_is(why, -ret, "cannot map the bitmap: %s", strerror(-ret));
	next.size = log->size;
	ret = update(&next, why);
	if (ret) {
		mapping_close(&next.mapping);
		return ret;
	}
	mapping_close(&dirty->mapping);
	*dirty = next;
	return 0;
}

int dirty_want(struct dirty *dirty, bool wanted, struct reason *why)
{
	struct dirty next = *dirty;
	int ret;

	if (wanted == dirty->wanted)
		return 0;
	/* The bitmap stays, for when it is wanted again. */
	next.wanted = wanted;
	ret = update(&next, why);
	if (!ret)
		*dirty = next;
	return ret;
}

void dirty_clear(struct dirty *dirty)
{
	if (dirty->on)
		device_set_log(dirty->device, NULL, 0);
	mapping_close(&dirty->mapping);
	*dirty = (struct dirty){ .device = dirty->device };
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory: regions of files that the front-end sent, each mapped into
 * this process and, from there, pinned by the device.
 *
 * A file belongs to the front-end, who may cut it at any time; so this program
 * never touches a region's bytes itself: what it wants to know it asks the kernel
 * for.
 */
#ifndef VPIN_SERVE_MEMORY_H
#define VPIN_SERVE_MEMORY_H

#include <stdbool.h>

#include "device.h"
#include "mapping.h"
#include "protocol.h"
#include "reason.h"

/* Regions at once.  It must never shrink: QEMU does not come back then. */
#define MEMORY_SLOTS	509

struct region {
	struct vhost_user_region at;
	struct mapping_file file;	/* that it is of */
	struct mapping mapping;
	bool kept;			/* stays in the table that is being set */
};

struct memory {
	struct device *device;
	bool holes;			/* what cannot be pinned may be without: any file */
	struct region regions[MEMORY_SLOTS];
	unsigned int num;
};

void memory_init(struct memory *memory, struct device *device, bool holes);

/*
 * Changes of memory.  They return 0 or a negative errno with a reason; @fd and
 * @fds remain the caller's.
 */

/* Adds a region; a refusal changes nothing. */
int memory_add(struct memory *memory, const struct vhost_user_region *at, int fd,
	       struct reason *why);

/* Removes the region that has this guest address, size and user address. */
int memory_remove(struct memory *memory, const struct vhost_user_region *at,
		  struct reason *why);

/*
 * Makes @num regions all there is.  What is there already, by file, offset, guest
 * address and size, stays pinned; all else changes at once.  A region that cannot
 * be pinned is left out; without memory for the change, all are.
 */
int memory_set(struct memory *memory, const struct vhost_user_region *at, const int *fds,
	       unsigned int num, struct reason *why);

/* Removes all regions. */
void memory_clear(struct memory *memory);

/* The guest's address of @size bytes at the front-end's @uaddr, all in one region. */
bool memory_translate(const struct memory *memory, uint64_t uaddr, uint64_t size,
		      uint64_t *gpa);

/* Reads @size bytes of the guest's memory: 0 or a negative errno. */
int memory_read(const struct memory *memory, uint64_t gpa, void *to, size_t size);

#endif

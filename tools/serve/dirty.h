/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of what the device writes into the guest's memory, for live migration:
 * a bitmap of the front-end's, which the module fills while it is on.
 */
#ifndef VPIN_SERVE_DIRTY_H
#define VPIN_SERVE_DIRTY_H

#include <stdbool.h>

#include "device.h"
#include "mapping.h"
#include "protocol.h"
#include "reason.h"

struct dirty {
	struct device *device;
	struct mapping mapping;		/* of the bitmap, if there is one */
	size_t size;			/* its bytes */
	bool wanted;			/* the front-end wants the log */
	bool on;			/* the module fills it: wanted, and there is a bitmap */
};

/* Both return 0, or a negative errno with a reason; nothing has changed then. */

/* Has another bitmap, also while the log is on; @fd remains the caller's. */
int dirty_set(struct dirty *dirty, const struct vhost_user_log *log, int fd,
	      struct reason *why);
int dirty_want(struct dirty *dirty, bool wanted, struct reason *why);

/* Turns it off and lets go of the bitmap. */
void dirty_clear(struct dirty *dirty);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's half of a split ring, in a guest's memory.
 */
#ifndef _VPIN_KUNIT_DRIVER_H
#define _VPIN_KUNIT_DRIVER_H

#include "fixture.h"

/**
 * struct vpin_driver - a driver's ring
 * @guest: whose memory it is in
 * @num: its entries
 * @desc: GPA of the descriptor area
 * @avail: GPA of the driver area
 * @used: GPA of the device area
 * @idx: index of the next entry to offer
 */
struct vpin_driver {
	struct vpin_guest *guest;
	u16 num;
	u64 desc;
	u64 avail;
	u64 used;
	u16 idx;
};

void vpin_driver_init(struct vpin_driver *driver, struct vpin_guest *guest,
		      u64 gpa, u16 num, u16 base);
void vpin_driver_desc(struct vpin_driver *driver, u16 index, u64 addr, u32 len,
		      u16 flags, u16 next);
void vpin_driver_put(struct vpin_driver *driver, u16 head);
void vpin_driver_set_idx(struct vpin_driver *driver, u16 idx);
void vpin_driver_offer(struct vpin_driver *driver, u16 head);
u16 vpin_driver_used_idx(struct vpin_driver *driver);
u32 vpin_driver_used_id(struct vpin_driver *driver, u16 idx);
u32 vpin_driver_used_len(struct vpin_driver *driver, u16 idx);

#endif /* _VPIN_KUNIT_DRIVER_H */

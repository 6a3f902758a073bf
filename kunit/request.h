/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Block requests as a driver writes them: little-endian, without padding.
 */
#ifndef _VPIN_KUNIT_REQUEST_H
#define _VPIN_KUNIT_REQUEST_H

#include "fixture.h"

void vpin_request_header(struct vpin_guest *guest, u64 gpa, u32 type,
			 u64 sector);
void vpin_request_range(struct vpin_guest *guest, u64 gpa, u64 sector, u32 nr,
			u32 flags);

#endif /* _VPIN_KUNIT_REQUEST_H */

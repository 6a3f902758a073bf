// SPDX-License-Identifier: GPL-2.0-only
#include "request.h"

/* The 16 bytes that each request begins with, at @gpa. */
void vpin_request_header(struct vpin_guest *guest, u64 gpa, u32 type,
			 u64 sector)
{
	struct {
		__le32 type;
		__le32 ioprio;
		__le64 sector;
	} header = {
		.type = cpu_to_le32(type),
		.ioprio = cpu_to_le32(0xdeadbeef),	/* means nothing */
		.sector = cpu_to_le64(sector),
	};

	vpin_guest_write(guest, gpa, &header, sizeof(header));
}

/* A range of a DISCARD or WRITE_ZEROES, 16 bytes at @gpa. */
void vpin_request_range(struct vpin_guest *guest, u64 gpa, u64 sector, u32 nr,
			u32 flags)
{
	struct {
		__le64 sector;
		__le32 nr;
		__le32 flags;
	} range = {
		.sector = cpu_to_le64(sector),
		.nr = cpu_to_le32(nr),
		.flags = cpu_to_le32(flags),
	};

	vpin_guest_write(guest, gpa, &range, sizeof(range));
}

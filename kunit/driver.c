// SPDX-License-Identifier: GPL-2.0-only
#include <asm/barrier.h>
#include "driver.h"

/* Index and entries come behind the flags. */
static __le16 *vpin_driver_avail(struct vpin_driver *driver, u32 at)
{
	return vpin_guest_ptr(driver->guest, driver->avail + at);
}

/**
 * vpin_driver_init - lays out a ring in memory that is mapped
 * @driver: the driver
 * @guest: the guest
 * @gpa: where the areas begin, one behind the other; a multiple of 16
 * @num: entries
 * @base: index of the first entry
 */
void vpin_driver_init(struct vpin_driver *driver, struct vpin_guest *guest,
		      u64 gpa, u16 num, u16 base)
{
	driver->guest = guest;
	driver->num = num;
	driver->desc = gpa;
	driver->avail = gpa + 16 * num;
	driver->used = ALIGN(driver->avail + 6 + 2 * num, 4);
	driver->idx = base;
	vpin_driver_set_idx(driver, base);
}

void vpin_driver_desc(struct vpin_driver *driver, u16 index, u64 addr, u32 len,
		      u16 flags, u16 next)
{
	vpin_guest_desc(driver->guest, driver->desc, index,
			&DESC(addr, len, flags, next));
}

/* Writes the next entry; the device does not know of it yet. */
void vpin_driver_put(struct vpin_driver *driver, u16 head)
{
	u32 slot = driver->idx++ % driver->num;

	WRITE_ONCE(*vpin_driver_avail(driver, 4 + 2 * slot), cpu_to_le16(head));
}

/* Tells the device how far it may go. */
void vpin_driver_set_idx(struct vpin_driver *driver, u16 idx)
{
	/* Entries before the index: pairs with the device's acquire. */
	smp_store_release(vpin_driver_avail(driver, 2), cpu_to_le16(idx));
}

/* One more chain. */
void vpin_driver_offer(struct vpin_driver *driver, u16 head)
{
	vpin_driver_put(driver, head);
	vpin_driver_set_idx(driver, driver->idx);
}

/* How far the device is. */
u16 vpin_driver_used_idx(struct vpin_driver *driver)
{
	__le16 *idx = vpin_guest_ptr(driver->guest, driver->used + 2);

	/* The index before elements: pairs with the device's release. */
	return le16_to_cpu(smp_load_acquire(idx));
}

static u32 vpin_driver_used(struct vpin_driver *driver, u16 idx, u32 field)
{
	__le32 value;

	vpin_guest_read(driver->guest,
			driver->used + 4 + 8 * (idx % driver->num) + field,
			&value, sizeof(value));
	return le32_to_cpu(value);
}

/* Head of the used element with an index. */
u32 vpin_driver_used_id(struct vpin_driver *driver, u16 idx)
{
	return vpin_driver_used(driver, idx, 0);
}

/* Bytes that the device wrote, as it says. */
u32 vpin_driver_used_len(struct vpin_driver *driver, u16 idx)
{
	return vpin_driver_used(driver, idx, 4);
}

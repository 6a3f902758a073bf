/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device with a guest: of any type, driven by the test as by a VMM and by a
 * driver at the same time.
 */
#ifndef _VPIN_KUNIT_RIG_H
#define _VPIN_KUNIT_RIG_H

#include <linux/delay.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/dev.h>
#include "driver.h"

#define RIG_QUEUES	2
#define RIG_NUM_MAX	256

/* All that a VMM sets when its driver is there. */
#define RIG_RUNNING \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
	 VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

/**
 * struct vpin_rig - a device under test
 * @test: the test
 * @guest: its guest, with the typical memory
 * @args: what it was attached with
 * @dev: the device
 * @drivers: the drivers of its queues
 */
struct vpin_rig {
	struct kunit *test;
	struct vpin_guest *guest;
	struct vpin_attach args;
	struct vpin_dev *dev;
	struct vpin_driver drivers[RIG_QUEUES];
};

/* Where queue @q's ring is. */
#define RIG_RING(q)	(GUEST_RAM + 0x2000 * (q))

int vpin_rig_init(struct vpin_rig *rig, struct kunit *test,
		  const struct vpin_dev_type *type, struct file *backend);
void vpin_rig_exit(struct vpin_rig *rig);

/* As a VMM. */
int vpin_rig_set_ring(struct vpin_rig *rig, u16 q,
		      const struct vpin_driver *driver);
int vpin_rig_enable(struct vpin_rig *rig, u16 q, bool on);
int vpin_rig_vq(struct vpin_rig *rig, u16 q, u16 num, u16 base);
u16 vpin_rig_get_base(struct vpin_rig *rig, u16 q);
int vpin_rig_set_features(struct vpin_rig *rig, u64 features);
int vpin_rig_status(struct vpin_rig *rig, u8 status);
u8 vpin_rig_get_status(struct vpin_rig *rig);
int vpin_rig_suspend(struct vpin_rig *rig);
int vpin_rig_resume(struct vpin_rig *rig);
void vpin_rig_run(struct vpin_rig *rig, u16 num, u16 base);
void vpin_rig_see(struct vpin_rig *rig, struct vpin_snap *snap);
void vpin_rig_see_nothing(struct vpin_rig *rig);

/* As a driver. */
void vpin_rig_chain(struct vpin_rig *rig, u16 q, u16 head, u32 len);
void vpin_rig_kick(struct vpin_rig *rig, u16 q);
void vpin_rig_offer(struct vpin_rig *rig, u16 q, u16 head, u16 nr);
bool vpin_rig_used(struct vpin_rig *rig, u16 q, u16 idx);
void vpin_rig_serve(struct vpin_rig *rig, u16 q, u16 nr);

/* A call of the device's or a queue's, with the device locked. */
#define LOCKED(rig, call) ({ \
	typeof(call) _ret; \
	mutex_lock(&(rig)->dev->lock); \
	_ret = (call); \
	mutex_unlock(&(rig)->dev->lock); \
	_ret; \
})

/* Waits, but not for ever.  Return: whether @cond came true. */
#define WAIT_UNTIL(cond) ({ \
	unsigned long _until = jiffies + 20 * HZ; \
	while (!(cond) && time_before(jiffies, _until)) \
		usleep_range(100, 500); \
	(cond); \
})

#endif /* _VPIN_KUNIT_RIG_H */

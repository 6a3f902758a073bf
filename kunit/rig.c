// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include "rig.h"

/* Makes @snap what the device sees, as a map or unmap of the VMM would. */
void vpin_rig_see(struct vpin_rig *rig, struct vpin_snap *snap)
{
	struct vpin_dev *dev = rig->dev;

	mutex_lock(&dev->lock);
	mutex_lock(&dev->mem.lock);
	KUNIT_EXPECT_EQ(rig->test,
			vpin_mem_publish(&dev->mem, vpin_snap_get(snap)), 0);
	mutex_unlock(&dev->mem.lock);
	mutex_unlock(&dev->lock);
}

/* As if all were unmapped. */
void vpin_rig_see_nothing(struct vpin_rig *rig)
{
	struct vpin_snap *empty = vpin_snap_empty();

	KUNIT_ASSERT_FALSE(rig->test, IS_ERR(empty));
	vpin_rig_see(rig, empty);
	vpin_snap_put(empty);
}

/**
 * vpin_rig_init - a device of a type, with a guest
 * @rig: the rig, zeroed but for @rig->args.flags
 * @test: the test
 * @type: the type
 * @backend: its backend
 *
 * Return: 0 or an errno.
 */
int vpin_rig_init(struct vpin_rig *rig, struct kunit *test,
		  const struct vpin_dev_type *type, struct file *backend)
{
	rig->test = test;
	rig->guest = vpin_guest_create(test);
	if (!rig->guest)
		return -ENOMEM;
	vpin_guest_map_typical(rig->guest);

	rig->args.num_queues = RIG_QUEUES;
	rig->args.queue_size = RIG_NUM_MAX;
	rig->dev = vpin_dev_create(type, &rig->args, backend);
	if (IS_ERR(rig->dev)) {
		int ret = PTR_ERR(rig->dev);

		rig->dev = NULL;
		return ret;
	}
	vpin_rig_see(rig, rig->guest->snap);
	return 0;
}

/* Also of one whose init failed. */
void vpin_rig_exit(struct vpin_rig *rig)
{
	if (rig->dev)
		vpin_dev_destroy(rig->dev);
	if (rig->guest)
		vpin_guest_destroy(rig->guest);
}

/* Tells the device how large @driver's ring is and where. */
int vpin_rig_set_ring(struct vpin_rig *rig, u16 q,
		      const struct vpin_driver *driver)
{
	struct vpin_vq *vq = &rig->dev->vqs[q];

	return LOCKED(rig, vpin_vq_set_num(vq, driver->num)) ?:
	       LOCKED(rig, vpin_vq_set_addr(vq, driver->desc, driver->avail,
					    driver->used));
}

int vpin_rig_enable(struct vpin_rig *rig, u16 q, bool on)
{
	return LOCKED(rig, vpin_vq_enable(&rig->dev->vqs[q], on));
}

/* Sets up a queue and enables it.  Return: what the device says. */
int vpin_rig_vq(struct vpin_rig *rig, u16 q, u16 num, u16 base)
{
	struct vpin_driver *driver = &rig->drivers[q];

	vpin_driver_init(driver, rig->guest, RIG_RING(q), num, base);
	return vpin_rig_set_ring(rig, q, driver) ?:
	       LOCKED(rig, vpin_vq_set_base(&rig->dev->vqs[q], base)) ?:
	       vpin_rig_enable(rig, q, true);
}

u16 vpin_rig_get_base(struct vpin_rig *rig, u16 q)
{
	return LOCKED(rig, vpin_vq_get_base(&rig->dev->vqs[q]));
}

int vpin_rig_set_features(struct vpin_rig *rig, u64 features)
{
	return LOCKED(rig, vpin_dev_set_features(rig->dev, features));
}

int vpin_rig_status(struct vpin_rig *rig, u8 status)
{
	return LOCKED(rig, vpin_dev_set_status(rig->dev, status));
}

u8 vpin_rig_get_status(struct vpin_rig *rig)
{
	return LOCKED(rig, vpin_dev_get_status(rig->dev));
}

int vpin_rig_suspend(struct vpin_rig *rig)
{
	return LOCKED(rig, vpin_dev_suspend(rig->dev));
}

int vpin_rig_resume(struct vpin_rig *rig)
{
	return LOCKED(rig, vpin_dev_resume(rig->dev));
}

/* Starts the device with both queues of @num entries from @base on. */
void vpin_rig_run(struct vpin_rig *rig, u16 num, u16 base)
{
	unsigned int q;

	for (q = 0; q < RIG_QUEUES; q++)
		KUNIT_ASSERT_EQ(rig->test, vpin_rig_vq(rig, q, num, base), 0);
	KUNIT_ASSERT_EQ(rig->test, vpin_rig_status(rig, RIG_RUNNING), 0);
}

/* Descriptor @head of queue @q: a chain of @len writable bytes. */
void vpin_rig_chain(struct vpin_rig *rig, u16 q, u16 head, u32 len)
{
	vpin_driver_desc(&rig->drivers[q], head, GUEST_BUF, len, D_WRITE, 0);
}

/* Kicks a queue that runs. */
void vpin_rig_kick(struct vpin_rig *rig, u16 q)
{
	struct vpin_vq *vq = &rig->dev->vqs[q];

	vpin_worker_queue(vq->worker, &vq->work);
}

/* Offers @nr times @head and kicks once. */
void vpin_rig_offer(struct vpin_rig *rig, u16 q, u16 head, u16 nr)
{
	while (nr--)
		vpin_driver_offer(&rig->drivers[q], head);
	vpin_rig_kick(rig, q);
}

/* Waits until the device has used all up to @idx.  Return: whether it has. */
bool vpin_rig_used(struct vpin_rig *rig, u16 q, u16 idx)
{
	return WAIT_UNTIL(vpin_driver_used_idx(&rig->drivers[q]) == idx);
}

/* Offers @nr chains of one writable byte to queue @q and waits for them. */
void vpin_rig_serve(struct vpin_rig *rig, u16 q, u16 nr)
{
	vpin_rig_chain(rig, q, 0, 1);
	vpin_rig_offer(rig, q, 0, nr);
	KUNIT_EXPECT_TRUE(rig->test,
			  vpin_rig_used(rig, q, rig->drivers[q].idx));
}

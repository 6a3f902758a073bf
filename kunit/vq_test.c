// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtqueue: its set-up, its life with a driver, its memory that comes and
 * goes, and drivers that mean no good.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include "fake.h"

#define NUM	8

/* Descriptor @head of queue @q: a chain of @len writable bytes. */
static void chain(struct vpin_rig *rig, u16 q, u16 head, u32 len)
{
	vpin_driver_desc(&rig->drivers[q], head, GUEST_BUF, len, D_WRITE, 0);
}

/* A chain that points at itself. */
static void bad_chain(struct vpin_rig *rig, u16 q, u16 head)
{
	vpin_driver_desc(&rig->drivers[q], head, GUEST_BUF, 1, D_NEXT, head);
}

/* Offers @nr times @head and kicks once. */
static void offer(struct vpin_rig *rig, u16 q, u16 head, u16 nr)
{
	while (nr--)
		vpin_driver_offer(&rig->drivers[q], head);
	vpin_rig_kick(rig, q);
}

static int enable(struct vpin_rig *rig, u16 q, bool on)
{
	return LOCKED(rig, vpin_vq_enable(&rig->dev->vqs[q], on));
}

/* A power of two, up to what the device offers: 256. */
static void set_num_takes_powers_of_two(struct kunit *test)
{
	static const u32 bad[] = {
		0, 3, 6, 255, 257, 512, 32768, 65536, 65536 + 8, 1U << 31,
		U32_MAX,
	};
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];
	unsigned int i;

	for (i = 1; i <= RIG_NUM_MAX; i *= 2) {
		KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, i)), 0);
		KUNIT_EXPECT_EQ(test, vq->num, i);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, bad[i])),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, vq->num, RIG_NUM_MAX);
}

static void set_base_has_16_bits(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, 65535)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_get_base(vq)), 65535);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, 65536)), -EINVAL);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, U32_MAX)), -EINVAL);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_get_base(vq)), 65535);
}

struct addr_case {
	u64 desc;
	u64 avail;
	u64 used;
	int want;
};

/* VIRTIO 1.2, 2.7: aligned to 16, 2 and 4. */
static const struct addr_case addr_cases[] = {
	{ 0x1000, 0x2000, 0x3000, 0 },
	{ 0x1010, 0x2002, 0x3004, 0 },
	{ 0, 0x2000, 0x3000, 0 },
	{ U64_MAX - 15, U64_MAX - 1, U64_MAX - 3, 0 },
	{ 0x1001, 0x2000, 0x3000, -EINVAL },
	{ 0x1002, 0x2000, 0x3000, -EINVAL },
	{ 0x1008, 0x2000, 0x3000, -EINVAL },
	{ 0x100f, 0x2000, 0x3000, -EINVAL },
	{ 0x1000, 0x2001, 0x3000, -EINVAL },
	{ 0x1000, 0x2000, 0x3001, -EINVAL },
	{ 0x1000, 0x2000, 0x3002, -EINVAL },
	{ 0x1000, 0x2000, 0x3003, -EINVAL },
};

static void addr_case_name(const struct addr_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%#llx %#llx %#llx", c->desc,
		 c->avail, c->used);
}
KUNIT_ARRAY_PARAM(addr, addr_cases, addr_case_name);

static void set_addr_checks_alignment(struct kunit *test)
{
	const struct addr_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, c->desc, c->avail,
							   c->used)), c->want);
	KUNIT_EXPECT_EQ(test, vq->addr_set, !c->want);
}

/* With 8 entries the areas take 128, 22 and 70 bytes. */
static const struct addr_case layout_cases[] = {
	/* One right behind the other, in every order. */
	{ 0x10000, 0x10080, 0x10098, 0 },
	{ 0x10060, 0x10046, 0x10000, 0 },
	/* One byte of overlap. */
	{ 0x10000, 0x1007e, 0x10200, -EINVAL },
	{ 0x10000, 0x10200, 0x1007c, -EINVAL },
	{ 0x10200, 0x10000, 0x10014, -EINVAL },
	{ 0x10010, 0x10100, 0xffcc, -EINVAL },
	/* All the same. */
	{ 0x10000, 0x10000, 0x10000, -EINVAL },
	/* The last byte of each is the last there is, or one too many. */
	{ U64_MAX - 127, 0x10000, 0x10100, 0 },
	{ U64_MAX - 111, 0x10000, 0x10100, -EINVAL },
	{ 0x10000, U64_MAX - 21, 0x10100, 0 },
	{ 0x10000, U64_MAX - 19, 0x10100, -EINVAL },
	{ 0x10000, 0x10100, U64_MAX - 71, 0 },
	{ 0x10000, 0x10100, U64_MAX - 67, -EINVAL },
};
KUNIT_ARRAY_PARAM(layout, layout_cases, addr_case_name);

/* Whether the areas are apart is known when the queue starts: it has a size. */
static void start_checks_the_layout(struct kunit *test)
{
	const struct addr_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, c->desc, c->avail,
							   c->used)), 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), c->want);
	KUNIT_EXPECT_EQ(test, fake->nr_started, c->want ? 0U : 1U);
}

/* Addresses, but VHOST_SET_VRING_NUM never came. */
static void start_without_a_size(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, 0x10000, 0x11000,
							   0x12000)), 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
}

/* QEMU enables queues that the guest never set up: they just do not run. */
static void start_without_addresses(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_EQ(test, enable(rig, 1, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, NUM, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 1U);
}

/* Before DRIVER_OK an enable is a note, afterwards it starts the queue. */
static void enable_before_and_after_driver_ok(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, NUM, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 0U);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 1U);
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 1, NUM, 0), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	/* Twice is once. */
	KUNIT_EXPECT_EQ(test, enable(rig, 1, true), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	chain(rig, 1, 0, 1);
	offer(rig, 1, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 1, 1));
}

/* An enable that fails leaves the queue off. */
static void enable_that_fails(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	fake->fail_start = 0;
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, NUM, 0), -ENOMEM);
	KUNIT_EXPECT_FALSE(test, rig->dev->vqs[0].enabled);
	fake->fail_start = U16_MAX;
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
}

/* Off and on again: it goes on at the next entry, the other one never stops. */
static void disable_and_enable_while_running(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 65535);
	chain(rig, 0, 0, 1);
	chain(rig, 1, 0, 1);
	offer(rig, 0, 0, 3);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	KUNIT_EXPECT_EQ(test, enable(rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 1U);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_get_base(&rig->dev->vqs[0])), 2);
	vpin_driver_offer(&rig->drivers[0], 0);
	offer(rig, 1, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 1, 0));
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
}

/* While a queue runs its ring is not the VMM's to move. */
static void set_up_while_running(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	vpin_rig_run(rig, NUM, 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), -EBUSY);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, 3)), -EINVAL);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, 0)), -EBUSY);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, 0x10000, 0x11000,
							   0x12000)), -EBUSY);
	KUNIT_EXPECT_EQ(test, enable(rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
}

/* The length in the used ring is what the device says that it wrote. */
static void used_elements_have_head_and_length(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];

	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 5, 77);
	chain(rig, 0, 2, 0);
	vpin_driver_desc(driver, 7, GUEST_BUF, 99, 0, 0);
	vpin_driver_offer(driver, 5);
	vpin_driver_offer(driver, 2);
	offer(rig, 0, 7, 1);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 0), 5U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 0), 77U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 1), 2U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 1), 0U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 2), 7U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 2), 0U);
}

/* Requests end in an order of their own: 0 is held, 1 to 3 pass it. */
static void requests_end_out_of_order(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	unsigned int i;

	vpin_rig_run(rig, NUM, 0);
	for (i = 0; i < 4; i++)
		chain(rig, 0, i, i + 1);
	WRITE_ONCE(fake->hold, true);
	offer(rig, 0, 0, 1);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == 1));
	WRITE_ONCE(fake->hold, false);
	for (i = 1; i < 4; i++)
		offer(rig, 0, i, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 0), 1U);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 4));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 3), 0U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 3), 1U);
}

/*
 * The ring is full of requests in flight; one ends and the next is taken without
 * a kick, since the driver had no reason for one.
 */
static void a_full_ring_goes_on_by_itself(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, NUM);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == NUM));
	vpin_driver_offer(&rig->drivers[0], 0);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) == NUM + 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
}

/* Only where the guest's ring is: without it, the queue waits, with it goes on. */
static void start_before_the_ring_is_mapped(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *empty = vpin_snap_empty();

	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	vpin_rig_see(rig, empty);
	vpin_snap_put(empty);
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 2);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 0);
	/* Scanned at once, without a kick. */
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
}

/* Any of the three areas will do: the driver area here, from 0x20000 on. */
static void unmap_of_one_area_makes_the_queue_wait(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	struct vpin_vq *vq = &rig->dev->vqs[0];
	struct vpin_snap *less;

	vpin_driver_init(driver, rig->guest, RIG_RING(0), NUM, 0);
	driver->avail = GUEST_NEXT;
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, driver->desc,
							   driver->avail,
							   driver->used)), 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));

	less = vpin_snap_remove(rig->guest->snap, GUEST_NEXT, GUEST_NEXT, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(less));
	vpin_rig_see(rig, less);
	vpin_snap_put(less);
	/* The worker has let go of what was unmapped. */
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(rig->guest, GUEST_NEXT), 1U);
	offer(rig, 0, 0, 1);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(driver), 1);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
}

/*
 * V08: unmapped with requests in flight.  The old snapshot lives as long as
 * they do; what ends meanwhile is kept and comes into the used ring when there
 * is one again.
 */
static void unmap_with_requests_in_flight(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *empty, *full = rig->guest->snap;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 1, false), 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 2);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == 2));

	empty = vpin_snap_empty();
	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	vpin_rig_see(rig, empty);
	vpin_snap_put(empty);
	KUNIT_EXPECT_EQ(test, refcount_read(&full->ref), 2U);
	vpin_fake_release(fake, 1);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 0);

	vpin_rig_see(rig, full);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
}

/* V08: unmapped for good with requests in flight: the device still stops. */
static void stop_of_an_unmapped_queue(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *empty, *full = rig->guest->snap;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 3);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == 3));
	empty = vpin_snap_empty();
	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	vpin_rig_see(rig, empty);
	vpin_snap_put(empty);
	vpin_fake_release(fake, 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&full->ref), 1U);
	KUNIT_EXPECT_EQ(test, fake->nr_ended, 3U);
}

struct place_case {
	const char *name;
	u64 desc;
	u64 avail;
	u64 used;
	bool served;
};

/* On the typical memory: 128, 22 and 70 bytes, around its borders. */
static const struct place_case place_cases[] = {
	{ "h08_descriptors_in_two_adjacent_ranges",
	  GUEST_NEXT - 64, GUEST_RAM, GUEST_RAM + 0x100, true },
	{ "h08_driver_area_in_two_adjacent_ranges",
	  GUEST_RAM, GUEST_NEXT - 6, GUEST_RAM + 0x100, true },
	{ "h08_device_area_in_two_adjacent_ranges",
	  GUEST_RAM, GUEST_RAM + 0x100, GUEST_NEXT - 8, true },
	{ "h08_areas_across_scattered_pages",
	  GUEST_NEXT + 0xfc0, GUEST_NEXT + 0x1ff6, GUEST_NEXT + 0x2ff0, true },
	{ "h08_descriptors_reach_into_a_hole",
	  GUEST_HOLE - 64, GUEST_RAM, GUEST_RAM + 0x100, false },
	{ "h08_driver_area_reaches_into_a_hole",
	  GUEST_RAM, GUEST_HOLE - 20, GUEST_RAM + 0x100, false },
	{ "h08_device_area_reaches_into_a_hole",
	  GUEST_RAM, GUEST_RAM + 0x100, GUEST_HOLE - 68, false },
	{ "h09_descriptors_and_driver_area_read_only",
	  GUEST_RO, GUEST_RO + 0x100, GUEST_RAM, true },
	{ "h09_device_area_read_only",
	  GUEST_RAM, GUEST_RAM + 0x100, GUEST_RO, false },
	{ "h09_descriptors_write_only",
	  GUEST_WO, GUEST_RAM, GUEST_RAM + 0x100, false },
	{ "h09_driver_area_write_only",
	  GUEST_RAM, GUEST_WO, GUEST_RAM + 0x100, false },
	{ "h09_device_area_write_only",
	  GUEST_RAM, GUEST_RAM + 0x100, GUEST_WO, true },
};

static void place_case_name(const struct place_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(place, place_cases, place_case_name);

/* A ring that is not mapped as it is used waits; the device does not mind. */
static void rings_in_places(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	struct vpin_vq *vq = &rig->dev->vqs[0];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, c->desc, c->avail,
							   c->used)), 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	if (!c->served) {
		vpin_rig_kick(rig, 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
		KUNIT_EXPECT_EQ(test, fake->nr_taken, 0U);
		return;
	}

	*driver = (struct vpin_driver) {
		.guest = rig->guest, .num = NUM, .desc = c->desc,
		.avail = c->avail, .used = c->used,
	};
	for (i = 0; i < NUM; i++)
		chain(rig, 0, i, i + 1);
	for (i = 0; i < 3 * NUM; i++) {
		offer(rig, 0, i % NUM, 1);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, i + 1));
		KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, i), i % NUM);
		KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, i),
				i % NUM + 1);
	}
}

/* The ring that broke says so, and nothing else suffers. */
static void check_broken(struct kunit *test, u16 q, u16 used)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(rig->dev->vqs[q].broken)));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig),
			RIG_RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	/* Nothing more is taken, kicked or not, also from a ring made good. */
	vpin_driver_set_idx(&rig->drivers[q], used + 1);
	vpin_rig_kick(rig, q);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[q]), used);
	/* The other queue is served. */
	chain(rig, !q, 0, 1);
	offer(rig, !q, 0, 2);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, !q, rig->drivers[!q].idx));
	/* The device stops and starts over. */
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
	vpin_rig_run(rig, NUM, 0);
	chain(rig, q, 0, 1);
	offer(rig, q, 0, 2);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, q, 2));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
}

/* H03: chains before the bad entry are served. */
static void h03_avail_entry_out_of_range(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_put(&rig->drivers[0], 0);
	offer(rig, 0, NUM, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	check_broken(test, 0, 2);
}

struct idx_case {
	const char *name;
	u16 base;
	u16 ahead;
};

static const struct idx_case idx_cases[] = {
	{ "h12_ahead_by_size_and_1", 0, NUM + 1 },
	{ "h12_ahead_by_size_and_1_around_the_wrap", 65530, NUM + 1 },
	{ "h12_backwards_by_1", 0, 65535 },
	{ "h12_half_way_around", 7, 32768 },
};

static void idx_case_name(const struct idx_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(idx, idx_cases, idx_case_name);

static void h12_avail_index_latches_the_queue(struct kunit *test)
{
	const struct idx_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, c->base);
	chain(rig, 1, 0, 1);
	offer(rig, 1, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 1, c->base + 1));
	vpin_driver_set_idx(&rig->drivers[1], c->base + 1 + c->ahead);
	vpin_rig_kick(rig, 1);
	check_broken(test, 1, c->base + 1);
}

/* H12: exactly size ahead is a full ring, served to the end. */
static void h12_avail_ahead_by_size(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	vpin_rig_run(rig, NUM, 65532);
	for (i = 0; i < NUM; i++) {
		chain(rig, 0, i, 1);
		vpin_driver_put(&rig->drivers[0], i);
	}
	vpin_driver_set_idx(&rig->drivers[0], rig->drivers[0].idx);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 4));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
}

/* H12: broken with requests in flight: they end, and the device stops. */
static void h12_broken_with_requests_in_flight(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 3);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == 3));
	vpin_driver_set_idx(&rig->drivers[0], 100);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(rig->dev->vqs[0].broken)));
	vpin_fake_release(fake, 3);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_dev_suspend(rig->dev)), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 2U);
}

/*
 * H13: head 0 offered 20 times in a ring of 8 with nothing given back: at most
 * 8 are in flight, each in a request of its own (the fake counts faults).
 */
static void h13_the_same_head_many_times(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, NUM);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == NUM));
	offer(rig, 0, 0, NUM);
	msleep(20);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, (unsigned int)NUM);
	for (i = 0; i < NUM; i++)
		vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == NUM));
	offer(rig, 0, 0, 4);
	vpin_fake_release(fake, NUM);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_held) == 4));
	vpin_fake_release(fake, 4);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 20));
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 20U);
}

/*
 * H14: a ring whose three areas lie in memory that another queue's ring is in
 * as well: each does what the other writes, and the host does not mind.
 */
static void h14_two_queues_on_one_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	struct vpin_vq *vq = &rig->dev->vqs[1];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, NUM, 0), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, driver->desc,
							   driver->avail,
							   driver->used)), 0);
	KUNIT_EXPECT_EQ(test, enable(rig, 1, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	chain(rig, 0, 0, 1);
	for (i = 0; i < 100; i++) {
		offer(rig, 0, 0, 1);
		vpin_rig_kick(rig, 1);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, i + 1));
	}
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) == 200));
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
}

/* H15: 200 chains are more than one turn's: other items get theirs between. */
static void h15_a_turn_has_a_budget(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	vpin_rig_run(rig, RIG_NUM_MAX, 0);
	chain(rig, 0, 0, 1);
	for (i = 0; i < 200; i++)
		vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_set_idx(&rig->drivers[0], 200);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 200));
	KUNIT_EXPECT_EQ(test, fake->most_taken, (unsigned int)VPIN_VQ_BUDGET);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 200U);
}

/* H15: bad chains cost of the budget what good ones do. */
static void h15_bad_chains_cost_budget(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	vpin_rig_run(rig, RIG_NUM_MAX, 0);
	bad_chain(rig, 0, 0);
	for (i = 0; i < 200; i++)
		vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_set_idx(&rig->drivers[0], 200);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 200));
	KUNIT_EXPECT_EQ(test, fake->most_taken, (unsigned int)VPIN_VQ_BUDGET);
	KUNIT_EXPECT_EQ(test, fake->nr_bad, 200U);
}

/* H15: the driver never stops offering; the other queue runs, and a stop ends. */
static void h15_endless_producer(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 0);
	chain(rig, 1, 0, 1);
	offer(rig, 1, 0, 3);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 1, 3));

	WRITE_ONCE(fake->endless, true);
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, NUM);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) > 1000));
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_dev_suspend(rig->dev)), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 2U);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, fake->nr_ended);
}

/* H16: 100000 of them are given back with length 0, and nothing else happens. */
static void h16_100000_bad_chains(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	unsigned int done = 0, i;

	vpin_rig_run(rig, RIG_NUM_MAX, 0);
	for (i = 0; i < RIG_NUM_MAX; i++)
		bad_chain(rig, 0, i);
	while (done < 100000) {
		unsigned int nr = min(100000U - done, (unsigned int)RIG_NUM_MAX);

		for (i = 0; i < nr; i++)
			vpin_driver_put(driver, (done + i) % RIG_NUM_MAX);
		done += nr;
		vpin_driver_set_idx(driver, done);
		vpin_rig_kick(rig, 0);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, done));
	}
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, done - 1),
			(done - 1) % RIG_NUM_MAX);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, done - 1), 0U);
	KUNIT_EXPECT_EQ(test, fake->nr_bad, 100000U);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 0U);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].nr_bad_chains, 100000ULL);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
	/* And it still does what it is for. */
	chain(rig, 0, 0, 1);
	offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, done + 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, done), 1U);
}

/* What an eventfd is to a queue: a file that can be polled. */
static __poll_t bell_poll(struct file *file, poll_table *table)
{
	poll_wait(file, file->private_data, table);
	return 0;
}

static const struct file_operations bell_fops = {
	.owner = THIS_MODULE,
	.poll = bell_poll,
};

static wait_queue_head_t *bell_init(struct kunit *test, struct file **file)
{
	wait_queue_head_t *wqh = kunit_kzalloc(test, sizeof(*wqh), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, wqh);
	init_waitqueue_head(wqh);
	*file = anon_inode_getfile("[bell]", &bell_fops, wqh, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(*file));
	return wqh;
}

static void bell_ring(wait_queue_head_t *wqh)
{
	wake_up_poll(wqh, EPOLLIN);
}

static void set_kick(struct vpin_rig *rig, u16 q, struct file *file)
{
	mutex_lock(&rig->dev->lock);
	vpin_vq_set_kick(&rig->dev->vqs[q], file);
	mutex_unlock(&rig->dev->lock);
}

/* H17: kicks before the start, while it runs, after a stop and after a reset. */
static void h17_kicks_at_any_time(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	wait_queue_head_t *wqh;
	struct file *file;

	wqh = bell_init(test, &file);
	set_kick(rig, 0, file);
	bell_ring(wqh);
	vpin_rig_run(rig, NUM, 0);
	chain(rig, 0, 0, 1);
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(wqh);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));

	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_dev_suspend(rig->dev)), 0);
	bell_ring(wqh);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_dev_resume(rig->dev)), 0);
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(wqh);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));

	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	bell_ring(wqh);
	KUNIT_EXPECT_FALSE(test, waitqueue_active(wqh));
}

/* H17: a kick that came before we listened is made up for. */
static void h17_kick_replaced_while_running(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	wait_queue_head_t *old, *new;
	struct file *file;

	vpin_rig_run(rig, NUM, 0);
	old = bell_init(test, &file);
	set_kick(rig, 0, file);
	chain(rig, 0, 0, 1);
	vpin_driver_offer(&rig->drivers[0], 0);
	new = bell_init(test, &file);
	set_kick(rig, 0, file);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_FALSE(test, waitqueue_active(old));
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(new);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	set_kick(rig, 0, NULL);
	KUNIT_EXPECT_FALSE(test, waitqueue_active(new));
}

/* H17: as often as one likes; a queue without work stays without. */
static void h17_1000000_kicks(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	wait_queue_head_t *wqh;
	struct file *file;
	unsigned int i;

	wqh = bell_init(test, &file);
	set_kick(rig, 0, file);
	vpin_rig_run(rig, NUM, 0);
	for (i = 0; i < 1000000; i++) {
		bell_ring(wqh);
		if (!(i % 1024))
			cond_resched();
	}
	chain(rig, 0, 0, 1);
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(wqh);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 1U);
}

static struct kunit_case vpin_vq_cases[] = {
	KUNIT_CASE(set_num_takes_powers_of_two),
	KUNIT_CASE(set_base_has_16_bits),
	KUNIT_CASE_PARAM(set_addr_checks_alignment, addr_gen_params),
	KUNIT_CASE_PARAM(start_checks_the_layout, layout_gen_params),
	KUNIT_CASE(start_without_a_size),
	KUNIT_CASE(start_without_addresses),
	KUNIT_CASE(enable_before_and_after_driver_ok),
	KUNIT_CASE(enable_that_fails),
	KUNIT_CASE(disable_and_enable_while_running),
	KUNIT_CASE(set_up_while_running),
	KUNIT_CASE(used_elements_have_head_and_length),
	KUNIT_CASE(requests_end_out_of_order),
	KUNIT_CASE(a_full_ring_goes_on_by_itself),
	KUNIT_CASE(start_before_the_ring_is_mapped),
	KUNIT_CASE(unmap_of_one_area_makes_the_queue_wait),
	KUNIT_CASE(unmap_with_requests_in_flight),
	KUNIT_CASE(stop_of_an_unmapped_queue),
	KUNIT_CASE_PARAM(rings_in_places, place_gen_params),
	KUNIT_CASE(h03_avail_entry_out_of_range),
	KUNIT_CASE_PARAM(h12_avail_index_latches_the_queue, idx_gen_params),
	KUNIT_CASE(h12_avail_ahead_by_size),
	KUNIT_CASE(h12_broken_with_requests_in_flight),
	KUNIT_CASE(h13_the_same_head_many_times),
	KUNIT_CASE(h14_two_queues_on_one_ring),
	KUNIT_CASE(h15_a_turn_has_a_budget),
	KUNIT_CASE(h15_bad_chains_cost_budget),
	KUNIT_CASE(h15_endless_producer),
	KUNIT_CASE(h16_100000_bad_chains),
	KUNIT_CASE(h17_kicks_at_any_time),
	KUNIT_CASE(h17_kick_replaced_while_running),
	KUNIT_CASE(h17_1000000_kicks),
	{}
};

static struct kunit_suite vpin_vq_suite = {
	.name = "vpin_vq",
	.init = vpin_fake_init,
	.exit = vpin_fake_exit,
	.test_cases = vpin_vq_cases,
};
kunit_test_suite(vpin_vq_suite);

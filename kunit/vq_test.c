// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtqueue: its set-up, its life with a driver, and its memory that comes
 * and goes.  Drivers that mean no good are in vq_hostile_test.c.
 */
#include <linux/err.h>
#include "fake.h"

#define NUM	8

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
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 65535);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, 65536)), -EINVAL);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, U32_MAX)), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 65535);
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
	struct vpin_driver driver = {
		.num = NUM, .desc = c->desc, .avail = c->avail, .used = c->used,
	};

	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(rig, 0, &driver), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
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
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
}

/* QEMU enables queues that the guest never set up: they just do not run. */
static void start_without_addresses(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 1, true), 0);
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
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 1, true), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	vpin_rig_serve(rig, 1, 1);
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
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	vpin_rig_serve(rig, 0, 1);
}

/* Off and on again: it goes on at the next entry, the other one never stops. */
static void disable_and_enable_while_running(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 65535);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_rig_chain(rig, 1, 0, 1);
	vpin_rig_offer(rig, 0, 0, 3);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 1U);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 2);
	vpin_driver_offer(&rig->drivers[0], 0);
	vpin_rig_offer(rig, 1, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 1, 0));
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
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
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, NUM)), 0);
}

/* The length in the used ring is what the device says that it wrote. */
static void used_elements_have_head_and_length(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 5, 77);
	vpin_rig_chain(rig, 0, 2, 0);
	vpin_driver_desc(driver, 7, GUEST_BUF, 99, 0, 0);
	vpin_driver_offer(driver, 5);
	vpin_driver_offer(driver, 2);
	vpin_rig_offer(rig, 0, 7, 1);
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
		vpin_rig_chain(rig, 0, i, i + 1);
	WRITE_ONCE(fake->hold, true);
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 1));
	WRITE_ONCE(fake->hold, false);
	for (i = 1; i < 4; i++)
		vpin_rig_offer(rig, 0, i, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 0), 1U);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 4));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, 3), 0U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 3), 1U);
}

static void release_all(void *fake)
{
	vpin_fake_release(fake, UINT_MAX);
}

/* All of them end before the worker looks: they are used in that order. */
static void used_in_the_order_of_their_ends(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	unsigned int i;

	fake->hold = true;
	vpin_rig_run(rig, NUM, 0);
	for (i = 0; i < NUM; i++) {
		vpin_rig_chain(rig, 0, i, 1);
		vpin_driver_offer(driver, i);
	}
	vpin_rig_kick(rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, NUM));
	/* On the worker's thread, but in no turn of the queue's. */
	vpin_worker_call(rig->dev->vqs[0].worker, release_all, fake);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, NUM));
	for (i = 0; i < NUM; i++)
		KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, i), i);
}

/*
 * The ring is full of requests in flight; one ends and the next is taken without
 * a kick, since the driver had no reason for one.
 */
static void a_full_ring_goes_on_by_itself(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_fake_run_held(fake, NUM, NUM);
	vpin_driver_offer(&rig->drivers[0], 0);
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) == NUM + 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
}

/**
 * struct clockwork - a driver that nothing but the clock wakes
 * @timer: its clock: no thread runs that busy polling would give way to
 * @rig: the device
 * @left: chains that it has yet to offer to queue 0, one a jiffy
 */
struct clockwork {
	struct timer_list timer;
	struct vpin_rig *rig;
	int left;
};

static void clockwork_tick(struct timer_list *timer)
{
	struct clockwork *clock = container_of(timer, struct clockwork, timer);
	struct vpin_driver *driver = &clock->rig->drivers[0];
	__le16 flags;

	vpin_driver_offer(driver, 0);
	/* Pairs with the one in vpin_ring_enable_kick(). */
	smp_mb();
	vpin_guest_read(driver->guest, driver->used, &flags, sizeof(flags));
	if (!(le16_to_cpu(flags) & VRING_USED_F_NO_NOTIFY))
		vpin_rig_kick(clock->rig, 0);
	if (--clock->left)
		mod_timer(timer, jiffies + 1);
}

/* The time of busy polling grows from nothing until it finds something. */
static void busy_polling_finds_what_is_not_kicked(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];
	struct clockwork *clock;

	clock = kunit_kzalloc(test, sizeof(*clock), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, clock);
	clock->rig = rig;
	clock->left = 100;
	vq->busyloop_us = VPIN_BUSYLOOP_MAX;
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);

	timer_setup(&clock->timer, clockwork_tick, 0);
	mod_timer(&clock->timer, jiffies + 1);
	msleep(jiffies_to_msecs(110));
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 100));
	timer_delete_sync(&clock->timer);
	KUNIT_EXPECT_GT(test, READ_ONCE(vq->nr_poll_hits), 0ULL);
	/* It gives way to who wants to stop it. */
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vq->base, 100);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	vpin_rig_serve(rig, 0, 1);
}

/* Unless it is asked for, no one looks. */
static void no_busy_polling_unless_asked_for(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	int i;

	vpin_rig_run(rig, NUM, 0);
	for (i = 0; i < 5; i++)
		vpin_rig_serve(rig, 0, 1);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].nr_poll_hits, 0ULL);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].slept_at, 0ULL);
}

/* Only where the guest's ring is: without it, the queue waits, with it goes on. */
static void start_before_the_ring_is_mapped(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_see_nothing(rig);
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_rig_offer(rig, 0, 0, 2);
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
	struct vpin_snap *less;

	vpin_driver_init(driver, rig->guest, RIG_RING(0), NUM, 0);
	driver->avail = GUEST_NEXT;
	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(rig, 0, driver), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	vpin_rig_serve(rig, 0, 1);

	less = vpin_snap_remove(rig->guest->snap, GUEST_NEXT, GUEST_NEXT, false);
	KUNIT_ASSERT_FALSE(test, IS_ERR(less));
	vpin_rig_see(rig, less);
	vpin_snap_put(less);
	/* The worker has let go of what was unmapped. */
	KUNIT_EXPECT_EQ(test, vpin_guest_pin_refs(rig->guest, GUEST_NEXT), 1U);
	vpin_rig_offer(rig, 0, 0, 1);
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
	struct vpin_snap *full = rig->guest->snap;

	vpin_fake_run_held(fake, NUM, 2);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 1, false), 0);

	vpin_rig_see_nothing(rig);
	KUNIT_EXPECT_EQ(test, refcount_read(&full->ref), 2U);
	vpin_fake_release(fake, 1);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 0);

	vpin_rig_see(rig, full);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
}

/* Three in flight, of which one is told; then the ring goes, and they end. */
static void end_without_a_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_fake_run_held(fake, NUM, 1);
	vpin_rig_chain(rig, 0, 1, 1);
	vpin_rig_chain(rig, 0, 2, 1);
	vpin_rig_offer(rig, 0, 1, 1);
	vpin_rig_offer(rig, 0, 2, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 3));
	vpin_fake_release(fake, 1);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, 1));
	vpin_rig_see_nothing(rig);
	vpin_fake_release(fake, 2);
}

/* There is a ring again: each is told once, and what comes then. */
static void check_all_are_told(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	unsigned int i;

	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 3);
	WRITE_ONCE(fake->hold, false);
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 4));
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, i), i % 3);
		KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, i), 1U);
	}
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 4U);
}

/*
 * The ring comes back, and the queue stops before its worker has had a turn: what
 * ended is told all the same.
 */
static void s08_stop_before_the_turn_that_tells(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	end_without_a_ring(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	/* Who queues the item finds that somebody has. */
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(!test_bit(0, &vq->work.queued)));
	set_bit(0, &vq->work.queued);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	clear_bit(0, &vq->work.queued);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	check_all_are_told(test);
}

/*
 * The ring comes back: what ended is told by then, not by a turn that may come when
 * somebody else serves the ring.
 */
static void s08_told_when_the_ring_is_back(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	end_without_a_ring(test);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(!READ_ONCE(vq->inflight)));
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(!test_bit(0, &vq->work.queued)));
	/* Who queues the item finds that somebody has. */
	set_bit(0, &vq->work.queued);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 3);
	clear_bit(0, &vq->work.queued);
	check_all_are_told(test);
}

static void s08_suspend_without_a_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	end_without_a_ring(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	/* What was not told does not count. */
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 1);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	check_all_are_told(test);
}

static void s08_resume_without_a_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	end_without_a_ring(test);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 1);
		KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	}
	vpin_rig_see(rig, rig->guest->snap);
	check_all_are_told(test);
}

static void s08_disable_without_a_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	end_without_a_ring(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 1);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	check_all_are_told(test);
}

/* A reset forgets them: its rings are others. */
static void s08_reset_without_a_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	end_without_a_ring(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 0);
	WRITE_ONCE(fake->hold, false);
	vpin_rig_see(rig, rig->guest->snap);
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, 0, 1);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
}

/* V08: unmapped for good with requests in flight: the device still stops. */
static void stop_of_an_unmapped_queue(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *full = rig->guest->snap;

	vpin_fake_run_held(fake, NUM, 3);
	vpin_rig_see_nothing(rig);
	vpin_fake_release(fake, 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&full->ref), 1U);
	KUNIT_EXPECT_EQ(test, fake->nr_ended, 3U);
}

/*
 * The memory of a queue that is never idle goes and comes back 200 times: no
 * chain is lost, and no page is used that is not held.
 */
static void memory_comes_and_goes_under_load(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *empty = vpin_snap_empty();
	unsigned int i, taken;

	KUNIT_ASSERT_FALSE(test, IS_ERR(empty));
	WRITE_ONCE(fake->endless, true);
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_rig_offer(rig, 0, 0, NUM);
	for (i = 0; i < 200; i++) {
		vpin_rig_see(rig, empty);
		taken = READ_ONCE(fake->nr_taken);
		vpin_rig_see(rig, rig->guest->snap);
		KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) > taken));
	}
	vpin_snap_put(empty);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, fake->nr_ended);
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
KUNIT_ARRAY_PARAM_DESC(place, place_cases, name);

/* A ring that is not mapped as it is used waits; the device does not mind. */
static void rings_in_places(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	unsigned int i;

	*driver = (struct vpin_driver) {
		.guest = rig->guest, .num = NUM, .desc = c->desc,
		.avail = c->avail, .used = c->used,
	};
	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(rig, 0, driver), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	if (!c->served) {
		vpin_rig_kick(rig, 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
		KUNIT_EXPECT_EQ(test, fake->nr_taken, 0U);
		return;
	}

	for (i = 0; i < NUM; i++)
		vpin_rig_chain(rig, 0, i, i + 1);
	for (i = 0; i < 3 * NUM; i++) {
		vpin_rig_offer(rig, 0, i % NUM, 1);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, i + 1));
		KUNIT_EXPECT_EQ(test, vpin_driver_used_id(driver, i), i % NUM);
		KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, i),
				i % NUM + 1);
	}
}

/* As if the owner had changed his mapping @nr times. */
static void fall_behind(struct vpin_rig *rig, unsigned long nr)
{
	struct vpin_watch *watch = rig->dev->mem.watch;

	spin_lock(&watch->lock);
	watch->changes += nr;
	watch->behind = true;
	spin_unlock(&watch->lock);
}

/* As if all but the last @left of his changes were followed. */
static void catch_up(struct vpin_rig *rig, unsigned long left)
{
	struct vpin_watch *watch = rig->dev->mem.watch;

	mutex_lock(&rig->dev->lock);
	spin_lock(&watch->lock);
	watch->followed = watch->changes - left;
	watch->behind = left;
	spin_unlock(&watch->lock);
	vpin_dev_fresh(&rig->dev->mem);
	mutex_unlock(&rig->dev->lock);
}

/* Chains that may mean memory that is not followed yet are not taken. */
static void chains_wait_until_memory_is_followed(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	u64 runs;

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, 0, 1);
	fall_behind(rig, 1);
	vpin_rig_offer(rig, 0, 0, 2);
	msleep(20);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 1U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);

	/* It sleeps meanwhile. */
	runs = rig->dev->vqs[0].nr_runs;
	msleep(20);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].nr_runs, runs);
	catch_up(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	vpin_rig_serve(rig, 0, 1);
	KUNIT_EXPECT_EQ(test, fake->nr_bad, 0U);
}

/* What came after the chains were seen does not hold them up. */
static void chains_do_not_wait_for_later_changes(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	fall_behind(rig, 1);
	for (i = 0; i < 100; i++) {
		u16 idx = rig->drivers[0].idx;

		vpin_rig_offer(rig, 0, 0, 2);
		msleep(1);
		KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), idx);
		/* Never is all followed. */
		fall_behind(rig, 3);
		catch_up(rig, 3);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, idx + 2));
	}
	catch_up(rig, 0);
	vpin_rig_serve(rig, 0, 1);
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
	KUNIT_CASE(used_in_the_order_of_their_ends),
	KUNIT_CASE(a_full_ring_goes_on_by_itself),
	KUNIT_CASE(start_before_the_ring_is_mapped),
	KUNIT_CASE(busy_polling_finds_what_is_not_kicked),
	KUNIT_CASE(no_busy_polling_unless_asked_for),
	KUNIT_CASE(unmap_of_one_area_makes_the_queue_wait),
	KUNIT_CASE(unmap_with_requests_in_flight),
	KUNIT_CASE(s08_stop_before_the_turn_that_tells),
	KUNIT_CASE(s08_told_when_the_ring_is_back),
	KUNIT_CASE(s08_suspend_without_a_ring),
	KUNIT_CASE(s08_resume_without_a_ring),
	KUNIT_CASE(s08_disable_without_a_ring),
	KUNIT_CASE(s08_reset_without_a_ring),
	KUNIT_CASE(stop_of_an_unmapped_queue),
	KUNIT_CASE(memory_comes_and_goes_under_load),
	KUNIT_CASE(chains_wait_until_memory_is_followed),
	KUNIT_CASE(chains_do_not_wait_for_later_changes),
	KUNIT_CASE_PARAM(rings_in_places, place_gen_params),
	{}
};

static struct kunit_suite vpin_vq_suite = {
	.name = "vpin_vq",
	.init = vpin_fake_init,
	.exit = vpin_fake_exit,
	.test_cases = vpin_vq_cases,
};
kunit_test_suite(vpin_vq_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as a VMM sees it: status, features, suspend, resume and reset.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/workqueue.h>
#include "fake.h"

#define A	VIRTIO_CONFIG_S_ACKNOWLEDGE
#define D	VIRTIO_CONFIG_S_DRIVER
#define F	VIRTIO_CONFIG_S_FEATURES_OK
#define OK	VIRTIO_CONFIG_S_DRIVER_OK
#define FAILED	VIRTIO_CONFIG_S_FAILED

/* One bit after the other, as VIRTIO 1.2, 3.1.1 has it. */
static void status_step_by_step(struct kunit *test)
{
	static const u8 steps[] = { A, A | D, A | D | F, A | D | F | OK };
	struct vpin_fake *fake = test->priv;
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(&fake->rig), 0);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		KUNIT_EXPECT_EQ(test, vpin_rig_status(&fake->rig, steps[i]), 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_get_status(&fake->rig), steps[i]);
	}
}

struct status_case {
	u8 from;
	u8 to;
	int want;
};

static const struct status_case status_cases[] = {
	/* Any superset, also in one step: QEMU starts a device so. */
	{ 0, A, 0 },
	{ 0, RIG_RUNNING, 0 },
	{ A | D, RIG_RUNNING, 0 },
	{ A, A, 0 },
	{ RIG_RUNNING, RIG_RUNNING, 0 },
	{ RIG_RUNNING, RIG_RUNNING | FAILED, 0 },
	/* No bit goes but by a reset. */
	{ A | D, A, -EINVAL },
	{ A | D, D, -EINVAL },
	{ RIG_RUNNING, A | D | F, -EINVAL },
	{ RIG_RUNNING, A | D | OK, -EINVAL },
	{ RIG_RUNNING, FAILED, -EINVAL },
	/* A reset is taken in every state. */
	{ 0, 0, 0 },
	{ A, 0, 0 },
	{ A | D | F, 0, 0 },
	{ RIG_RUNNING, 0, 0 },
	{ RIG_RUNNING | FAILED, 0, 0 },
};

static void status_case_name(const struct status_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%#x to %#x", c->from, c->to);
}
KUNIT_ARRAY_PARAM(status, status_cases, status_case_name);

/* What is refused changes nothing. */
static void status_from_one_to_another(struct kunit *test)
{
	const struct status_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;

	KUNIT_ASSERT_EQ(test, vpin_rig_status(&fake->rig, c->from), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(&fake->rig, c->to), c->want);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(&fake->rig),
			c->want ? c->from : c->to);
}

/* NEEDS_RESET is the device's to set: the driver's is left out. */
static void status_needs_reset_is_not_the_drivers(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	KUNIT_EXPECT_EQ(test, vpin_rig_status(&fake->rig, A |
					      VIRTIO_CONFIG_S_NEEDS_RESET), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(&fake->rig), A);
}

/* A hole that the VMM thinks is memory: the device does not start on it. */
static void driver_ok_with_a_failed_map(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_guest_map_failed(rig->guest, 0x100000, SZ_4K);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, 8, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), -EFAULT);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 0U);
	/* A reset forgets it, so the VMM can start over. */
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	vpin_rig_run(rig, 8, 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
}

/* The second queue does not start: the first does not go on, either. */
static void driver_ok_stops_what_it_started(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	fake->fail_start = 1;
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, 8, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 1, 8, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), -ENOMEM);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 1U);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 1U);
	/* The queues are as they were set up: it can be tried again. */
	fake->fail_start = U16_MAX;
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	vpin_rig_serve(rig, 1, 1);
}

/* QEMU sets bits of its own beside those of the driver. */
static void features_that_were_not_offered(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_dev *dev = fake->rig.dev;

	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(&fake->rig, U64_MAX), 0);
	KUNIT_EXPECT_EQ(test, dev->features, FAKE_FEATURES);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(&fake->rig,
						    BIT_ULL(VIRTIO_F_VERSION_1) |
						    1), 0);
	KUNIT_EXPECT_EQ(test, dev->features, BIT_ULL(VIRTIO_F_VERSION_1));
	KUNIT_EXPECT_TRUE(test, vpin_dev_has(dev, VIRTIO_F_VERSION_1));
	KUNIT_EXPECT_FALSE(test, vpin_dev_has(dev, VIRTIO_RING_F_EVENT_IDX));
}

/* FEATURES_OK ends the haggling; saying the same again is no change. */
static void features_after_features_ok(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, A | D | F), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, 0), -EBUSY);
	KUNIT_EXPECT_EQ(test, rig->dev->features, FAKE_FEATURES);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES | 1), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, rig->dev->features, 0ULL);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, BIT_ULL(VIRTIO_F_VERSION_1)),
			0);
}

/* 3 chains before, 2 after: the second life begins at 3. */
static void suspend_and_resume_lose_nothing(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, 8, 0);
	vpin_rig_serve(rig, 0, 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 2U);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 1), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);

	/* Offered while it sleeps, and taken without a kick when it wakes. */
	vpin_driver_offer(&rig->drivers[0], 0);
	vpin_driver_offer(&rig->drivers[0], 0);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 5));
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 5U);
}

static void suspend_and_resume_out_of_turn(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	/* Not started: there is nothing to do. */
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	vpin_rig_run(rig, 8, 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 2U);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 4U);
	vpin_rig_serve(rig, 0, 1);
}

/* DRIVER_OK said again must not wake a device that is suspended. */
static void suspended_stays_suspended(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, 8, 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 4U);
}

/* The VMM may move a queue of a suspended device: to 65535 here. */
static void resume_goes_on_where_the_vmm_says(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	vpin_rig_run(rig, 8, 0);
	vpin_rig_serve(rig, 0, 3);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_base(vq, 65535)), 0);
	vpin_driver_init(&rig->drivers[0], rig->guest, RIG_RING(0), 8, 65535);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	vpin_rig_serve(rig, 0, 2);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 1);
}

/* A map that failed meanwhile: it does not wake, and can be tried again. */
static void resume_with_a_failed_map(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *good;

	vpin_rig_run(rig, 8, 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	good = vpin_snap_get(rig->guest->snap);
	vpin_guest_map_failed(rig->guest, 0x100000, SZ_4K);
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), -EFAULT);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 2U);
	vpin_rig_see(rig, good);
	vpin_snap_put(good);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 4U);
	vpin_rig_serve(rig, 0, 1);
}

/* A reset in each state: running, suspended, half set up. */
static void reset_forgets_all(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct vpin_vq *vq = &rig->dev->vqs[0];

		KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES), 0);
		vpin_rig_run(rig, 8, 5);
		vpin_rig_serve(rig, 0, 1);
		if (i == 1)
			KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
		KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
		KUNIT_EXPECT_EQ(test, rig->dev->features, 0ULL);
		KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 0);
		KUNIT_EXPECT_FALSE(test, vq->enabled);
		KUNIT_EXPECT_EQ(test, vq->num, 0);
		KUNIT_EXPECT_EQ(test, fake->nr_started, fake->nr_stopped);
		KUNIT_EXPECT_EQ(test, fake->nr_resets, i + 1);
	}
	/* Nothing is left that would start. */
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	KUNIT_EXPECT_EQ(test, fake->nr_started, 6U);
}

/* The guest's memory stays mapped over a reset, and unpins with the device. */
static void reset_keeps_memory(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *snap;

	vpin_rig_run(rig, 8, 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	snap = vpin_mem_snap(&rig->dev->mem);
	KUNIT_EXPECT_EQ(test, snap->nr, rig->guest->snap->nr);
	vpin_snap_put(snap);
}

/* A call that waits, on a thread of its own. */
struct waiter {
	struct work_struct work;
	struct vpin_rig *rig;
	int (*fn)(struct vpin_rig *rig);
	int ret;
	struct completion done;
};

static void waiter_run(struct work_struct *work)
{
	struct waiter *waiter = container_of(work, struct waiter, work);

	waiter->ret = waiter->fn(waiter->rig);
	complete(&waiter->done);
}

static void waiter_begin(struct waiter *waiter)
{
	init_completion(&waiter->done);
	INIT_WORK_ONSTACK(&waiter->work, waiter_run);
	queue_work(system_unbound_wq, &waiter->work);
}

static void waiter_end(struct waiter *waiter)
{
	flush_work(&waiter->work);
	destroy_work_on_stack(&waiter->work);
}

static int reset(struct vpin_rig *rig)
{
	return vpin_rig_status(rig, 0);
}

static int disable(struct vpin_rig *rig)
{
	return vpin_rig_enable(rig, 0, false);
}

static const struct {
	const char *name;
	int (*fn)(struct vpin_rig *rig);
} drain_cases[] = {
	{ "suspend", vpin_rig_suspend },
	{ "reset", reset },
	{ "disable", disable },
};
KUNIT_ARRAY_PARAM_DESC(drain, drain_cases, name);

/*
 * 3 chains are in flight and a fourth is offered: a stop waits for the 3, they
 * are in the used ring when it returns, and the fourth is not taken.
 */
static void stop_waits_for_what_is_in_flight(struct kunit *test)
{
	const typeof(drain_cases[0]) *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	struct waiter waiter = { .rig = rig, .fn = c->fn };
	unsigned int i;

	fake->hold = true;
	vpin_rig_run(rig, 8, 0);
	for (i = 0; i < 3; i++) {
		vpin_rig_chain(rig, 0, i, i + 1);
		vpin_driver_offer(driver, i);
	}
	vpin_rig_kick(rig, 0);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 3));

	waiter_begin(&waiter);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&waiter.done, HZ / 10),
			0UL);
	vpin_driver_offer(driver, 0);
	KUNIT_EXPECT_EQ(test, vpin_fake_release(fake, 2), 2U);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&waiter.done, HZ / 10),
			0UL);
	KUNIT_EXPECT_EQ(test, vpin_fake_release(fake, 1), 1U);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&waiter.done, 20 * HZ),
			0UL);
	waiter_end(&waiter);

	KUNIT_EXPECT_EQ(test, waiter.ret, 0);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(driver), 3);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 2), 3U);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 3U);
}

static void release_all(struct work_struct *work)
{
	struct waiter *waiter = container_of(work, struct waiter, work);

	vpin_fake_release(container_of(waiter->rig, struct vpin_fake, rig),
			  UINT_MAX);
}

/* 200 times: the last request ends on another CPU just as the queue stops. */
static void stop_races_with_the_last_end(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct waiter waiter = { .rig = rig };
	unsigned int i;

	fake->hold = true;
	vpin_rig_run(rig, 8, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	INIT_WORK_ONSTACK(&waiter.work, release_all);
	for (i = 1; i <= 200; i++) {
		vpin_rig_offer(rig, 0, 0, 1);
		KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 1));
		queue_work(system_unbound_wq, &waiter.work);
		KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
		flush_work(&waiter.work);
		KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), i);
		KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	}
	destroy_work_on_stack(&waiter.work);
	KUNIT_EXPECT_EQ(test, fake->nr_ended, 200U);
}

/* With 3 in flight in 2 queues the device is destroyed when they have ended. */
static void destroy_waits_for_what_is_in_flight(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int q;

	fake->hold = true;
	vpin_rig_run(rig, 8, 0);
	for (q = 0; q < RIG_QUEUES; q++) {
		vpin_rig_chain(rig, q, 0, 1);
		vpin_rig_offer(rig, q, 0, 3);
	}
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 6));
	vpin_fake_release(fake, 6);
	vpin_dev_destroy(rig->dev);
	rig->dev = NULL;
	KUNIT_EXPECT_EQ(test, fake->nr_ended, 6U);
	KUNIT_EXPECT_EQ(test, fake->nr_stopped, 2U);
	KUNIT_EXPECT_EQ(test, refcount_read(&rig->guest->snap->ref), 1U);
}

/* Each device has a number of its own, and gives it back. */
static void devices_have_numbers(struct kunit *test)
{
	struct vpin_fake *fake = test->priv, *other;
	int id;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_EQ(test, vpin_rig_init(&other->rig, test,
					    fake->rig.dev->type,
					    fake->backend), 0);
	id = other->rig.dev->id;
	KUNIT_EXPECT_NE(test, id, fake->rig.dev->id);
	vpin_rig_exit(&other->rig);
	memset(other, 0, sizeof(*other));
	KUNIT_ASSERT_EQ(test, vpin_rig_init(&other->rig, test,
					    fake->rig.dev->type,
					    fake->backend), 0);
	KUNIT_EXPECT_EQ(test, other->rig.dev->id, id);
	vpin_rig_exit(&other->rig);
}

struct late_end {
	struct completion begun;
	bool over;
};

/* Like the last vpin_vq_complete(), just before it lets go of its worker. */
static int end_late(void *arg)
{
	struct late_end *late = arg;

	rcu_read_lock();
	complete(&late->begun);
	mdelay(200);
	WRITE_ONCE(late->over, true);
	rcu_read_unlock();
	return 0;
}

/* What it works on lives for as long. */
static void destroy_waits_for_who_still_ends(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct late_end late = {};
	struct task_struct *task;

	vpin_rig_run(&fake->rig, 8, 0);
	vpin_rig_serve(&fake->rig, 0, 1);
	init_completion(&late.begun);
	task = kthread_create(end_late, &late, "vpin-test-late");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	get_task_struct(task);
	wake_up_process(task);
	wait_for_completion(&late.begun);
	vpin_dev_destroy(fake->rig.dev);
	fake->rig.dev = NULL;
	KUNIT_EXPECT_TRUE(test, READ_ONCE(late.over));
	kthread_stop(task);
	put_task_struct(task);
}

/*
 * While a device waits for its first queue the second one's last request ends, and its
 * turn takes long; then the first one's.  Waits for the device's end as the next one does.
 * Return: what the second queue's driver was told by then.
 */
static int end_both_and_wait(struct vpin_rig *rig)
{
	struct vpin_fake *fake = container_of(rig, struct vpin_fake, rig);
	struct vpin_vq *vq = &rig->dev->vqs[1];

	if (!WAIT_UNTIL(READ_ONCE(rig->dev->ending)))
		return -ETIMEDOUT;
	msleep(50);
	WRITE_ONCE(vq->woken, true);
	vpin_fake_release(fake, 1);
	if (!WAIT_UNTIL(!READ_ONCE(vq->inflight)))
		return -ETIMEDOUT;
	vpin_fake_release(fake, 1);
	return vpin_dev_wait_ended(vq->used_at, true) ?:
	       vpin_driver_used_idx(&rig->drivers[1]);
}

/* The next one may be of the same guest, and look in its rings where to go on. */
static void its_end_is_after_all_was_told(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct waiter waiter = { .rig = rig, .fn = end_both_and_wait };
	unsigned int q;

	fake->hold = true;
	fake->resume_ms = 300;
	vpin_rig_run(rig, 8, 0);
	for (q = RIG_QUEUES; q-- > 0;) {
		vpin_rig_chain(rig, q, 0, 1);
		vpin_rig_offer(rig, q, 0, 1);
		KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, RIG_QUEUES - q));
	}

	waiter_begin(&waiter);
	vpin_dev_destroy(rig->dev);
	waiter_end(&waiter);
	rig->dev = NULL;
	KUNIT_EXPECT_EQ(test, waiter.ret, 1);
}

static int destroy(struct vpin_rig *rig)
{
	vpin_dev_destroy(rig->dev);
	return 0;
}

/* Begins to destroy the device, of which something is in flight. */
static void begin_to_destroy(struct vpin_rig *rig, struct waiter *waiter)
{
	*waiter = (struct waiter) { .rig = rig, .fn = destroy };
	waiter_begin(waiter);
	KUNIT_EXPECT_TRUE(rig->test, WAIT_UNTIL(READ_ONCE(rig->dev->ending)));
}

/* What was in flight has ended, or does not until the device is left. */
static void end_of_destroy(struct vpin_rig *rig, struct waiter *waiter)
{
	waiter_end(waiter);
	rig->dev = NULL;
}

/*
 * Where a queue had its ring once, and has nothing in flight, is memory like any
 * other: whoever has a ring there by now does not wait for the queue, and is not told
 * what is left of it.
 */
static void a_ring_that_was_lost_is_lost(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *full = rig->guest->snap;
	u64 used_at[RIG_QUEUES];
	struct waiter waiter;
	unsigned int q;

	fake->hold = true;
	vpin_rig_run(rig, 8, 0);
	for (q = 0; q < RIG_QUEUES; q++) {
		vpin_rig_chain(rig, q, 0, 1);
		vpin_rig_offer(rig, q, 0, 1);
		KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, q + 1));
		used_at[q] = rig->dev->vqs[q].used_at;
	}
	vpin_rig_see_nothing(rig);
	vpin_fake_release(fake, 1);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(!READ_ONCE(rig->dev->vqs[0].inflight)));

	begin_to_destroy(rig, &waiter);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(!vpin_dev_wait_ended(used_at[0], false)));
	KUNIT_EXPECT_EQ(test, vpin_dev_wait_ended(used_at[1], false), -EBUSY);
	vpin_rig_see(rig, full);
	KUNIT_EXPECT_EQ(test, vpin_dev_wait_ended(used_at[0], false), 0);
	vpin_fake_release(fake, 1);
	end_of_destroy(rig, &waiter);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 0);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[1]), 1);
	KUNIT_EXPECT_EQ(test, vpin_dev_wait_ended(used_at[1], false), 0);
}

/* As a_ring_that_was_lost_is_lost(), of a queue that has begun anew without one. */
static void a_ring_of_another_life_is_lost(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *full = rig->guest->snap;
	struct waiter waiter;
	u64 used_at;

	vpin_rig_run(rig, 8, 0);
	used_at = rig->dev->vqs[0].used_at;
	KUNIT_EXPECT_NE(test, used_at, 0ULL);
	vpin_rig_suspend(rig);
	fake->hold = true;
	vpin_rig_see_nothing(rig);
	vpin_rig_resume(rig);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].used_at, 0ULL);
	vpin_rig_see(rig, full);
	KUNIT_EXPECT_EQ(test, rig->dev->vqs[0].used_at, used_at);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(fake, 1));
	begin_to_destroy(rig, &waiter);
	KUNIT_EXPECT_EQ(test, vpin_dev_wait_ended(used_at, false), -EBUSY);
	vpin_fake_release(fake, 1);
	end_of_destroy(rig, &waiter);
}

/*
 * Who was told of a ring while another device served it, and begins when that was
 * closed, does not do the same requests once more.
 */
static void a_ring_of_one_that_was_closed_is_not_started(struct kunit *test)
{
	struct vpin_fake *fake = test->priv, *other;
	struct vpin_rig *rig = &fake->rig;
	struct waiter waiter;

	other = vpin_fake_alloc(test);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_EQ(test, vpin_rig_init(&other->rig, test, rig->dev->type,
					    fake->backend), 0);
	vpin_rig_see(&other->rig, rig->guest->snap);

	vpin_fake_run_held(fake, 8, 1);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(&other->rig, 0, &rig->drivers[0]), 0);
	begin_to_destroy(rig, &waiter);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(&other->rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(&other->rig, RIG_RUNNING), -EBUSY);
	KUNIT_EXPECT_EQ(test, other->nr_started, other->nr_stopped);
	vpin_fake_release(fake, 1);
	end_of_destroy(rig, &waiter);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);

	KUNIT_EXPECT_EQ(test, LOCKED(&other->rig,
				     vpin_vq_set_base(&other->rig.dev->vqs[0], 1)), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(&other->rig, RIG_RUNNING), 0);
	vpin_rig_exit(&other->rig);
	KUNIT_EXPECT_EQ(test, other->nr_taken, 0U);
}

/* Nor who has the ring mapped only then: he is told, and begins anew. */
static void a_ring_of_one_that_was_closed_is_not_mapped(struct kunit *test)
{
	struct vpin_fake *fake = test->priv, *other;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_snap *full = rig->guest->snap;
	struct waiter waiter;

	other = vpin_fake_alloc(test);
	KUNIT_ASSERT_NOT_NULL(test, other);
	KUNIT_ASSERT_EQ(test, vpin_rig_init(&other->rig, test, rig->dev->type,
					    fake->backend), 0);

	vpin_fake_run_held(fake, 8, 1);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(&other->rig, 0, &rig->drivers[0]), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(&other->rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(&other->rig, RIG_RUNNING), 0);
	begin_to_destroy(rig, &waiter);
	vpin_rig_see(&other->rig, full);
	KUNIT_EXPECT_TRUE(test, other->rig.dev->needs_reset);
	KUNIT_EXPECT_TRUE(test, other->rig.dev->vqs[0].broken);
	vpin_fake_release(fake, 1);
	end_of_destroy(rig, &waiter);
	/* Also when it is over: where it would go on is not what he said. */
	vpin_rig_see(&other->rig, full);
	vpin_rig_exit(&other->rig);
	KUNIT_EXPECT_EQ(test, other->nr_taken, 0U);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
}

/* A queue that is on, and is refused to be turned on once more, is on. */
static void refused_to_be_on_is_as_before(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_vq *vq = &rig->dev->vqs[0];

	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	/* All three areas in one place. */
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_num(vq, 8)), 0);
	KUNIT_EXPECT_EQ(test, LOCKED(rig, vpin_vq_set_addr(vq, 0x1000, 0x1000, 0x1000)), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), -EINVAL);
	KUNIT_EXPECT_TRUE(test, vq->enabled);
}

static struct kunit_case vpin_dev_cases[] = {
	KUNIT_CASE(status_step_by_step),
	KUNIT_CASE(refused_to_be_on_is_as_before),
	KUNIT_CASE_PARAM(status_from_one_to_another, status_gen_params),
	KUNIT_CASE(status_needs_reset_is_not_the_drivers),
	KUNIT_CASE(driver_ok_with_a_failed_map),
	KUNIT_CASE(driver_ok_stops_what_it_started),
	KUNIT_CASE(features_that_were_not_offered),
	KUNIT_CASE(features_after_features_ok),
	KUNIT_CASE(suspend_and_resume_lose_nothing),
	KUNIT_CASE(suspend_and_resume_out_of_turn),
	KUNIT_CASE(suspended_stays_suspended),
	KUNIT_CASE(resume_goes_on_where_the_vmm_says),
	KUNIT_CASE(resume_with_a_failed_map),
	KUNIT_CASE(reset_forgets_all),
	KUNIT_CASE(reset_keeps_memory),
	KUNIT_CASE_PARAM(stop_waits_for_what_is_in_flight, drain_gen_params),
	KUNIT_CASE(stop_races_with_the_last_end),
	KUNIT_CASE(destroy_waits_for_what_is_in_flight),
	KUNIT_CASE(devices_have_numbers),
	KUNIT_CASE(destroy_waits_for_who_still_ends),
	KUNIT_CASE(its_end_is_after_all_was_told),
	KUNIT_CASE(a_ring_that_was_lost_is_lost),
	KUNIT_CASE(a_ring_of_another_life_is_lost),
	KUNIT_CASE(a_ring_of_one_that_was_closed_is_not_started),
	KUNIT_CASE(a_ring_of_one_that_was_closed_is_not_mapped),
	{}
};

static struct kunit_suite vpin_dev_suite = {
	.name = "vpin_dev",
	.init = vpin_fake_init,
	.exit = vpin_fake_exit,
	.test_cases = vpin_dev_cases,
};
kunit_test_suite(vpin_dev_suite);

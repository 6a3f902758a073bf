// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues with hostile drivers.  Each case bears the id of the threat that
 * it is one of.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/prandom.h>
#include <linux/workqueue.h>
#include "fake.h"

#define NUM	8

/* A chain that points at itself. */
static void bad_chain(struct vpin_rig *rig, u16 q, u16 head)
{
	vpin_driver_desc(&rig->drivers[q], head, GUEST_BUF, 1, D_NEXT, head);
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
	vpin_rig_serve(rig, !q, 2);
	/* The device stops and starts over. */
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), 0);
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, q, 2);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
}

/* H03: chains before the bad entry are served. */
static void h03_avail_entry_out_of_range(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_rig_offer(rig, 0, NUM, 1);
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
KUNIT_ARRAY_PARAM_DESC(idx, idx_cases, name);

static void h12_avail_index_latches_the_queue(struct kunit *test)
{
	const struct idx_case *c = test->param_value;
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, c->base);
	vpin_rig_serve(rig, 1, 1);
	vpin_driver_set_idx(&rig->drivers[1], c->base + 1 + c->ahead);
	vpin_rig_kick(rig, 1);
	check_broken(test, 1, c->base + 1);
}

/**
 * struct scribbler - a driver that writes to its descriptors all the time
 * @work: it
 * @rig: whose descriptors
 * @stop: it has to stop
 */
struct scribbler {
	struct work_struct work;
	struct vpin_rig *rig;
	bool stop;
};

static void scribble(struct work_struct *work)
{
	struct scribbler *s = container_of(work, struct scribbler, work);
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 10);
	while (!READ_ONCE(s->stop)) {
		u32 r = prandom_u32_state(&rnd);

		/* Buffers, tables and rings; all flags; next up to NUM. */
		vpin_driver_desc(&s->rig->drivers[0], r % NUM,
				 GUEST_RAM + (r >> 8) % SZ_64K, r >> 20,
				 (r >> 3) & 7, (r >> 6) % (NUM + 1));
		cond_resched();
	}
}

/* H10: descriptors change while they are read; each chain comes back, somehow. */
static void h10_driver_scribbles_over_its_chains(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct scribbler s = { .rig = rig };
	unsigned int i, done = 0;

	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, U64_MAX), 0);
	vpin_rig_run(rig, NUM, 0);
	INIT_WORK_ONSTACK(&s.work, scribble);
	queue_work(system_unbound_wq, &s.work);
	while (done < 8000 && vpin_rig_used(rig, 0, done)) {
		for (i = 0; i < NUM; i++)
			vpin_driver_put(&rig->drivers[0], i);
		done += NUM;
		vpin_driver_set_idx(&rig->drivers[0], done);
		vpin_rig_kick(rig, 0);
	}
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, done));
	WRITE_ONCE(s.stop, true);
	flush_work(&s.work);
	destroy_work_on_stack(&s.work);
	KUNIT_EXPECT_EQ(test, done, 8000U);
	KUNIT_EXPECT_EQ(test, fake->nr_taken + fake->nr_bad, 8000U);
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
}

/* H12: exactly size ahead is a full ring, served to the end. */
static void h12_avail_ahead_by_size(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	vpin_rig_run(rig, NUM, 65532);
	for (i = 0; i < NUM; i++) {
		vpin_rig_chain(rig, 0, i, 1);
		vpin_driver_put(&rig->drivers[0], i);
	}
	vpin_driver_set_idx(&rig->drivers[0], rig->drivers[0].idx);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 4));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
}

/* Offers more than its ring has. */
static void break_queue(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, 0, 1);
	vpin_driver_set_idx(driver, driver->idx + NUM + 1);
	vpin_rig_kick(rig, 0);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(rig->dev->vqs[0].broken)));
	/* Repaired, as if nothing had been. */
	vpin_driver_set_idx(driver, driver->idx);
}

static void check_only_a_reset_mends_it(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_driver_offer(&rig->drivers[0], 0);
	msleep(20);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_get_status(rig) &
				VIRTIO_CONFIG_S_NEEDS_RESET);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, 0, 1);
}

static void s09_broken_and_resumed(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	break_queue(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(&fake->rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(&fake->rig), 0);
	/* The other queue goes on. */
	vpin_rig_serve(&fake->rig, 1, 1);
	check_only_a_reset_mends_it(test);
}

static void s09_broken_and_enabled(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	break_queue(test);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(&fake->rig, 0, false), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(&fake->rig, 0, true), 0);
	check_only_a_reset_mends_it(test);
}

/* H12: broken with requests in flight: they end, and the device stops. */
static void h12_broken_with_requests_in_flight(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_fake_run_held(fake, NUM, 3);
	vpin_driver_set_idx(&rig->drivers[0], 100);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(rig->dev->vqs[0].broken)));
	vpin_fake_release(fake, 3);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
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

	vpin_fake_run_held(fake, NUM, NUM);
	vpin_rig_offer(rig, 0, 0, NUM);
	msleep(20);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, (unsigned int)NUM);
	for (i = 0; i < NUM; i++)
		vpin_fake_release(fake, 1);
	KUNIT_EXPECT_TRUE(test, vpin_fake_held(fake, NUM));
	vpin_rig_offer(rig, 0, 0, 4);
	vpin_fake_release(fake, NUM);
	KUNIT_EXPECT_TRUE(test, vpin_fake_held(fake, 4));
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
	unsigned int i;

	KUNIT_EXPECT_EQ(test, vpin_rig_vq(rig, 0, NUM, 0), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_set_ring(rig, 1, &rig->drivers[0]), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 1, true), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	vpin_rig_chain(rig, 0, 0, 1);
	for (i = 0; i < 100; i++) {
		vpin_rig_offer(rig, 0, 0, 1);
		vpin_rig_kick(rig, 1);
		KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, i + 1));
		/* A queue that is left behind by a ring is broken. */
		KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) ==
						   2 * (i + 1)));
	}
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
}

/* 200 times head 0, known to the device all at once, and how it takes them. */
static void check_budget(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	unsigned int i;

	for (i = 0; i < 200; i++)
		vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_set_idx(&rig->drivers[0], 200);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 200));
	KUNIT_EXPECT_EQ(test, fake->most_taken, (unsigned int)VPIN_VQ_BUDGET);
}

/* H15: 200 chains are more than one turn's: other items get theirs between. */
static void h15_a_turn_has_a_budget(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, RIG_NUM_MAX, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	check_budget(test);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 200U);
}

/* H15: bad chains cost of the budget what good ones do. */
static void h15_bad_chains_cost_budget(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, RIG_NUM_MAX, 0);
	bad_chain(rig, 0, 0);
	check_budget(test);
	KUNIT_EXPECT_EQ(test, fake->nr_bad, 200U);
}

/* H15: the driver never stops offering; the other queue runs, and a stop ends. */
static void h15_endless_producer(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_serve(rig, 1, 3);

	WRITE_ONCE(fake->endless, true);
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_rig_offer(rig, 0, 0, NUM);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(fake->nr_taken) > 1000));
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
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
	vpin_rig_serve(rig, 0, 1);
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
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(wqh);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));

	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	bell_ring(wqh);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
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
	vpin_rig_chain(rig, 0, 0, 1);
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
	vpin_rig_chain(rig, 0, 0, 1);
	vpin_driver_offer(&rig->drivers[0], 0);
	bell_ring(wqh);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 1U);
}

#define REFUSED	0xfe

static void refuse(struct vpin_vq *vq, u8 *last)
{
	*last = REFUSED;
}

/* Makes the device one whose drivers look at more than the used length. */
static struct vpin_rig *refusing_rig(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = &fake->rig;
	struct vpin_dev_type *type;

	type = kunit_kmalloc(test, sizeof(*type), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, type);
	*type = *rig->dev->type;
	type->vq_refuse = refuse;
	rig->dev->type = type;
	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, U64_MAX), 0);
	return rig;
}

/* S01: a loop whose last buffer can be written: the refusal is in its last byte. */
static void s01_refused_in_the_last_byte(struct kunit *test)
{
	struct vpin_rig *rig = refusing_rig(test);
	struct vpin_driver *driver = &rig->drivers[0];
	u8 *buf = vpin_guest_ptr(rig->guest, GUEST_BUF);

	vpin_rig_run(rig, NUM, 0);
	memset(buf, 0, 100);
	vpin_driver_desc(driver, 0, GUEST_BUF, 1, D_NEXT, 1);
	vpin_driver_desc(driver, 1, GUEST_BUF + 10, 5, D_NEXT | D_WRITE, 2);
	vpin_driver_desc(driver, 2, GUEST_BUF + 20, 5, D_NEXT | D_WRITE, 1);
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 0), 1U);
	KUNIT_EXPECT_EQ(test, buf[24], REFUSED);
	buf[24] = 0;
	KUNIT_EXPECT_TRUE(test, !memchr_inv(buf, 0, 100));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_status(rig), RIG_RUNNING);
	vpin_rig_serve(rig, 0, 1);
}

/* S01: who has no byte for it is broken, and what is behind him is not taken. */
static void s01_without_a_byte_the_queue_breaks(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = refusing_rig(test);

	vpin_rig_run(rig, NUM, 0);
	vpin_rig_chain(rig, 0, 0, 1);
	bad_chain(rig, 0, 1);
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_put(&rig->drivers[0], 1);
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_driver_set_idx(&rig->drivers[0], 3);
	vpin_rig_kick(rig, 0);
	/* Given back, it could pass for one that was served. */
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_id(&rig->drivers[0], 0), 0U);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 1U);
	check_broken(test, 0, 1);
}

/* S01: 11 of 12 descriptors in a table, in a ring of 8; 13 are too many. */
static void s01_chain_longer_than_the_ring(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = refusing_rig(test);
	struct vpin_driver *driver = &rig->drivers[0];
	u32 i;

	rig->dev->chain_max = 12;
	vpin_rig_run(rig, NUM, 0);
	vpin_driver_desc(driver, 0, GUEST_BUF, 1, D_NEXT, 1);
	vpin_driver_desc(driver, 1, GUEST_BUF + 0x1000, 11 * 16, D_INDIRECT, 0);
	for (i = 0; i < 12; i++)
		vpin_guest_desc(rig->guest, GUEST_BUF + 0x1000, i,
				&DESC(GUEST_BUF, 100, D_WRITE |
				      (i == 10 ? 0 : D_NEXT), i + 1));
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 0), 1100U);

	vpin_driver_desc(driver, 1, GUEST_BUF + 0x1000, 12 * 16, D_INDIRECT, 0);
	vpin_guest_desc(rig->guest, GUEST_BUF + 0x1000, 10,
			&DESC(GUEST_BUF, 100, D_WRITE | D_NEXT, 11));
	vpin_guest_desc(rig->guest, GUEST_BUF + 0x1000, 11,
			&DESC(GUEST_BUF + 200, 1, D_WRITE, 0));
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	KUNIT_EXPECT_EQ(test, vpin_driver_used_len(driver, 1), 1U);
	KUNIT_EXPECT_EQ(test, *(u8 *)vpin_guest_ptr(rig->guest, GUEST_BUF + 200),
			REFUSED);
	KUNIT_EXPECT_EQ(test, fake->nr_bad, 1U);
}

/* H07: a table from a driver that did not take the feature is not followed. */
static void h07_indirect_without_the_feature(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;
	struct vpin_rig *rig = refusing_rig(test);
	u64 without = BIT_ULL(VIRTIO_F_VERSION_1);
	u8 *buf = vpin_guest_ptr(rig->guest, GUEST_BUF);

	KUNIT_EXPECT_EQ(test, vpin_rig_set_features(rig, without), 0);
	vpin_rig_run(rig, NUM, 0);
	*buf = 0;
	vpin_driver_desc(&rig->drivers[0], 0, GUEST_BUF + 0x1000, 16, D_INDIRECT, 0);
	vpin_guest_desc(rig->guest, GUEST_BUF + 0x1000, 0,
			&DESC(GUEST_BUF, 1, D_WRITE, 0));
	vpin_rig_offer(rig, 0, 0, 1);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 1));
	KUNIT_EXPECT_EQ(test, fake->nr_taken, 0U);
	KUNIT_EXPECT_EQ(test, *buf, REFUSED);
}

static struct kunit_case vpin_vq_hostile_cases[] = {
	KUNIT_CASE(s01_refused_in_the_last_byte),
	KUNIT_CASE(s01_without_a_byte_the_queue_breaks),
	KUNIT_CASE(s01_chain_longer_than_the_ring),
	KUNIT_CASE(h07_indirect_without_the_feature),
	KUNIT_CASE(h03_avail_entry_out_of_range),
	KUNIT_CASE(h10_driver_scribbles_over_its_chains),
	KUNIT_CASE_PARAM(h12_avail_index_latches_the_queue, idx_gen_params),
	KUNIT_CASE(h12_avail_ahead_by_size),
	KUNIT_CASE(s09_broken_and_resumed),
	KUNIT_CASE(s09_broken_and_enabled),
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

static struct kunit_suite vpin_vq_hostile_suite = {
	.name = "vpin_vq_hostile",
	.init = vpin_fake_init,
	.exit = vpin_fake_exit,
	.test_cases = vpin_vq_hostile_cases,
};
kunit_test_suite(vpin_vq_hostile_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a queue says to the dirty log: all that it wrote, nothing else, and in
 * order.
 */
#include <linux/err.h>
#include "fake.h"

#define NUM	8
#define LOGS	2

/* Pages of the guest, and bits of a log: all that is mapped, and more. */
#define PAGES		64
#define PAGE(gpa)	BIT_ULL((gpa) >> VPIN_DIRTY_SHIFT)

/* Three places to write, in pages that are no neighbours. */
#define PLACE_A		(GUEST_RAM + 0x9000)
#define PLACE_B		(GUEST_RAM + 0xb000)
#define PLACE_C		(GUEST_RAM + 0xd000)

/**
 * struct dirty_test - a device and its logs
 * @fake: the device
 * @dirty: the logs, in @bits
 * @bits: a bit for each page
 * @nr_looks: how often the order was looked at
 * @nr_faults: how often it was another
 */
struct dirty_test {
	struct vpin_fake *fake;
	struct vpin_dirty dirty[LOGS];
	__le64 bits[LOGS];
	unsigned int nr_looks;
	unsigned int nr_faults;
};

static struct dirty_test dirty_test;

static int dirty_init(struct kunit *test)
{
	struct dirty_test *t = &dirty_test;
	int ret = vpin_fake_init(test), i;

	memset(t, 0, sizeof(*t));
	t->fake = test->priv;
	for (i = 0; i < LOGS; i++) {
		t->dirty[i].bits = (u8 *)&t->bits[i];
		t->dirty[i].size = sizeof(t->bits[i]);
	}
	return ret;
}

static int use(struct dirty_test *t, struct vpin_dirty *dirty)
{
	struct vpin_rig *rig = &t->fake->rig;

	return LOCKED(rig, vpin_dev_use_dirty(rig->dev, dirty));
}

static void dirty_exit(struct kunit *test)
{
	struct dirty_test *t = &dirty_test;

	/* The device does not own what it was given here. */
	if (t->fake && t->fake->rig.dev)
		use(t, NULL);
	vpin_fake_exit(test);
}

static struct vpin_vq *vq_of(struct dirty_test *t)
{
	return &t->fake->rig.dev->vqs[0];
}

/* The pages that the rings are in, which their device areas do not leave. */
#define RINGS	(PAGE(RIG_RING(0)) | PAGE(RIG_RING(0) + 4096) | \
		 PAGE(RIG_RING(1)) | PAGE(RIG_RING(1) + 4096))

/* The bits of a log that are set, but for those of the rings; all are cleared. */
static u64 take(struct dirty_test *t, unsigned int i)
{
	return le64_to_cpu(xchg(&t->bits[i], 0)) & ~RINGS;
}

/* The pages of @len bytes at @gpa, one after the other. */
static u64 pages_of(u64 gpa, u64 len)
{
	u64 pages = 0, end = gpa + len;

	for (; gpa < end; gpa++)
		pages |= PAGE(gpa);
	return pages;
}

/* Descriptor @index of queue 0 and all behind it, up to @nr: what to write. */
static void chain(struct dirty_test *t, u16 index, const struct vpin_desc *bufs,
		  u16 nr)
{
	u16 i;

	for (i = 0; i < nr; i++)
		vpin_driver_desc(&t->fake->rig.drivers[0], index + i, bufs[i].addr,
				 bufs[i].len, bufs[i].flags |
				 (i + 1 < nr ? D_NEXT : 0), index + i + 1);
}

static void place(struct dirty_test *t, u16 index, u64 gpa)
{
	chain(t, index, &DESC(gpa, 1, D_WRITE, 0), 1);
}

/* Queues run, with the first log. */
static struct dirty_test *start(struct kunit *test, u16 num)
{
	struct dirty_test *t = &dirty_test;

	vpin_rig_run(&t->fake->rig, num, 0);
	KUNIT_ASSERT_EQ(test, use(t, &t->dirty[0]), 0);
	/* The first turns are over. */
	vpin_rig_serve(&t->fake->rig, 0, 1);
	take(t, 0);
	return t;
}

/* Offers @head and waits until it is used. */
static void serve(struct kunit *test, struct dirty_test *t, u16 head)
{
	struct vpin_rig *rig = &t->fake->rig;

	vpin_rig_offer(rig, 0, head, 1);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, rig->drivers[0].idx));
}

/* Something in the last turn may come after what the driver sees. */
static void settle(struct dirty_test *t)
{
	mutex_lock(&vq_of(t)->worker->lock);
	mutex_unlock(&vq_of(t)->worker->lock);
}

struct write_case {
	const char *name;
	struct vpin_desc bufs[6];
};

static const struct write_case write_cases[] = {
	{ "a byte", { DESC(PLACE_A, 1, D_WRITE, 0) } },
	{ "not what is read", { DESC(PLACE_A, 100, 0, 0),
				DESC(PLACE_B, 1, D_WRITE, 0) } },
	{ "nothing", { DESC(PLACE_A, 100, 0, 0) } },
	{ "half a page and half a page", { DESC(PLACE_A + 2048, 4096, D_WRITE, 0) } },
	{ "four pages and a byte", { DESC(GUEST_BUF, 16385, D_WRITE, 0) } },
	{ "apart", { DESC(PLACE_A, 512, D_WRITE, 0), DESC(PLACE_C, 512, D_WRITE, 0),
		     DESC(PLACE_B, 1, D_WRITE, 0) } },
	{ "one page in pieces", { DESC(PLACE_B, 512, D_WRITE, 0),
				  DESC(PLACE_B + 512, 512, D_WRITE, 0),
				  DESC(PLACE_B + 4095, 1, D_WRITE, 0) } },
	{ "neighbours", { DESC(PLACE_A, 4096, D_WRITE, 0),
			  DESC(PLACE_A + 4096, 4096, D_WRITE, 0),
			  DESC(PLACE_A + 8192, 1, D_WRITE, 0) } },
	{ "over the border of a page, and on",
	  { DESC(PLACE_A + 4000, 200, D_WRITE, 0),
	    DESC(PLACE_A + 4200, 8192, D_WRITE, 0) } },
	{ "backwards", { DESC(PLACE_A + 8192, 4096, D_WRITE, 0),
			 DESC(PLACE_A + 4096, 4096, D_WRITE, 0),
			 DESC(PLACE_A, 4096, D_WRITE, 0) } },
	{ "long, then short within it", { DESC(GUEST_BUF, 12288, D_WRITE, 0),
					  DESC(GUEST_BUF + 8192, 1, D_WRITE, 0),
					  DESC(GUEST_BUF + 12288, 1, D_WRITE, 0) } },
	{ "to and fro", { DESC(PLACE_A, 1, D_WRITE, 0), DESC(PLACE_B, 1, D_WRITE, 0),
			  DESC(PLACE_A + 1, 1, D_WRITE, 0),
			  DESC(PLACE_B + 1, 1, D_WRITE, 0),
			  DESC(PLACE_C, 1, D_WRITE, 0) } },
	{ "with a piece of nothing", { DESC(PLACE_A, 1, D_WRITE, 0),
				       DESC(PLACE_C, 0, D_WRITE, 0),
				       DESC(PLACE_B, 1, D_WRITE, 0) } },
};
KUNIT_ARRAY_PARAM_DESC(write, write_cases, name);

static void served(struct kunit *test, bool at_once)
{
	const struct write_case *c = test->param_value;
	struct dirty_test *t = start(test, NUM);
	u64 want = 0;
	u16 nr;

	for (nr = 0; nr < 6 && c->bufs[nr].addr; nr++)
		if (c->bufs[nr].flags & D_WRITE)
			want |= pages_of(c->bufs[nr].addr, c->bufs[nr].len);
	chain(t, 0, c->bufs, nr);
	t->fake->at_once = at_once;
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 0), want);
	settle(t);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, VPIN_VQ_EXTENTS);
	/* Without the log nothing is marked, and nothing kept. */
	KUNIT_EXPECT_EQ(test, use(t, NULL), 0);
	take(t, 0);
	serve(test, t, 0);
	settle(t);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(t->bits[0]), 0ULL);
}

/* Exactly the pages that a chain lets the device write. */
static void marks_what_a_request_writes(struct kunit *test)
{
	served(test, false);
}

static void marks_what_is_answered_at_once(struct kunit *test)
{
	served(test, true);
}

/* What the device sees of the log as it writes to one chain after the other. */
static void look_at_the_order(struct vpin_fake *fake, struct vpin_vq *vq)
{
	struct dirty_test *t = &dirty_test;
	struct vpin_driver *driver = &fake->rig.drivers[0];
	u64 marked = le64_to_cpu(t->bits[0]) & ~RINGS;

	/* The first chain is marked then, the second not yet; neither is told. */
	t->nr_faults += marked != (t->nr_looks++ ? PAGE(PLACE_A) : 0) ||
			vpin_driver_used_idx(driver) != 1;
}

/* The data has landed; it is marked; only then the driver is told. */
static void data_then_log_then_used_index(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;

	place(t, 0, PLACE_A);
	place(t, 1, PLACE_B);
	t->fake->hold = true;
	vpin_driver_offer(&rig->drivers[0], 0);
	vpin_rig_offer(rig, 0, 1, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, 2));
	t->fake->writes = look_at_the_order;
	/* Both end in one turn. */
	mutex_lock(&vq_of(t)->worker->lock);
	vpin_fake_release(t->fake, 2);
	mutex_unlock(&vq_of(t)->worker->lock);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, t->nr_looks, 2U);
	KUNIT_EXPECT_EQ(test, t->nr_faults, 0U);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A) | PAGE(PLACE_B));
}

static void at_once_in_the_same_order(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;

	place(t, 0, PLACE_A);
	place(t, 1, PLACE_B);
	t->fake->at_once = true;
	t->fake->writes = look_at_the_order;
	vpin_driver_put(&rig->drivers[0], 0);
	vpin_rig_offer(rig, 0, 1, 1);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, 3));
	KUNIT_EXPECT_EQ(test, t->nr_looks, 2U);
	KUNIT_EXPECT_EQ(test, t->nr_faults, 0U);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A) | PAGE(PLACE_B));
}

/* Has a chain that writes to @gpa in flight. */
static void in_flight(struct kunit *test, struct dirty_test *t, u16 head, u64 gpa)
{
	unsigned int nr = t->fake->nr_held;

	place(t, head, gpa);
	t->fake->hold = true;
	vpin_rig_offer(&t->fake->rig, 0, head, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, nr + 1));
}

/* All that is in flight ends. */
static void end(struct kunit *test, struct dirty_test *t)
{
	struct vpin_rig *rig = &t->fake->rig;

	t->fake->hold = false;
	vpin_fake_release(t->fake, UINT_MAX);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, rig->drivers[0].idx));
	settle(t);
}

/* Where the descriptor pointed when it was walked, not where it points now. */
static void descriptors_edited_in_flight(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);

	in_flight(test, t, 0, PLACE_A);
	place(t, 0, PLACE_B);
	end(test, t);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A));
}

/* Another log while a chain is in flight, and while none is: at once. */
static void replaced_while_running(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);

	in_flight(test, t, 0, PLACE_A);
	KUNIT_EXPECT_EQ(test, use(t, &t->dirty[1]), 0);
	t->bits[0] = 0;
	end(test, t);
	place(t, 1, PLACE_B);
	serve(test, t, 1);
	settle(t);
	KUNIT_EXPECT_EQ(test, take(t, 1), PAGE(PLACE_A) | PAGE(PLACE_B));
	/* Not even the ring's. */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(t->bits[0]), 0ULL);
}

/* Of pages that follow each other it keeps in mind where they begin and end. */
static void neighbours_take_one_extent(struct kunit *test)
{
	static const struct vpin_desc bufs[] = {
		DESC(PLACE_A + 100, 1, D_WRITE, 0), DESC(PLACE_A + 50, 1, D_WRITE, 0),
		DESC(PLACE_A + 4096, 4096, D_WRITE, 0),
		DESC(PLACE_A + 8192, 1, D_WRITE, 0),
	};
	struct dirty_test *t = start(test, NUM);

	chain(t, 0, bufs, ARRAY_SIZE(bufs));
	t->fake->hold = true;
	vpin_rig_offer(&t->fake->rig, 0, 0, 1);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, 1));
	settle(t);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, VPIN_VQ_EXTENTS - 1);
	end(test, t);
	KUNIT_EXPECT_EQ(test, take(t, 0), pages_of(PLACE_A, 8193));
}

/* Without a log: what was in flight marks nothing, and what it took is there. */
static void ended_while_running(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);

	in_flight(test, t, 0, PLACE_A);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, VPIN_VQ_EXTENTS - 1);
	KUNIT_EXPECT_EQ(test, use(t, NULL), 0);
	t->bits[0] = 0;
	end(test, t);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(t->bits[0]), 0ULL);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, VPIN_VQ_EXTENTS);
	/* And again with one. */
	KUNIT_EXPECT_EQ(test, use(t, &t->dirty[1]), 0);
	place(t, 0, PLACE_C);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 1), PAGE(PLACE_C));
}

struct beginning {
	struct work_struct work;
	struct completion done;
	int ret;
};

static void begin(struct work_struct *work)
{
	struct beginning *beginning = container_of(work, struct beginning, work);

	beginning->ret = use(&dirty_test, &dirty_test.dirty[0]);
	complete(&beginning->done);
}

/* It begins when what is in flight has ended, which does not know where it writes. */
static void begins_with_nothing_in_flight(struct kunit *test)
{
	struct beginning beginning = {};
	struct dirty_test *t = &dirty_test;
	struct vpin_rig *rig = &t->fake->rig;

	vpin_rig_run(rig, NUM, 0);
	in_flight(test, t, 0, PLACE_A);
	init_completion(&beginning.done);
	INIT_WORK_ONSTACK(&beginning.work, begin);
	queue_work(system_unbound_wq, &beginning.work);
	KUNIT_EXPECT_EQ(test, wait_for_completion_timeout(&beginning.done, HZ / 10),
			0UL);
	/* One that comes meanwhile is not begun. */
	place(t, 1, PLACE_B);
	vpin_rig_offer(rig, 0, 1, 1);
	msleep(20);
	KUNIT_EXPECT_EQ(test, t->fake->nr_taken, 1U);
	vpin_fake_release(t->fake, 1);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&beginning.done, 20 * HZ),
			0UL);
	flush_work(&beginning.work);
	destroy_work_on_stack(&beginning.work);
	KUNIT_EXPECT_EQ(test, beginning.ret, 0);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, 1));
	end(test, t);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_B));
	place(t, 0, PLACE_C);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_C));
}

/* Stops, starts, resets: the log is the device's, and stays. */
static void stays_over_stops(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;

	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	place(t, 0, PLACE_A);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A));
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, false), 0);
	/* Replaced while it is off. */
	KUNIT_EXPECT_EQ(test, use(t, &t->dirty[1]), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	place(t, 0, PLACE_B);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 1), PAGE(PLACE_B));
	KUNIT_EXPECT_EQ(test, vpin_rig_status(rig, 0), 0);
	vpin_rig_run(rig, NUM, 0);
	place(t, 0, PLACE_C);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 1), PAGE(PLACE_C));
	KUNIT_EXPECT_EQ(test, take(t, 0), 0ULL);
}

/* A log that is there before the queue starts. */
static void set_before_the_start(struct kunit *test)
{
	struct dirty_test *t = &dirty_test;

	KUNIT_ASSERT_EQ(test, use(t, &t->dirty[0]), 0);
	vpin_rig_run(&t->fake->rig, NUM, 0);
	place(t, 0, PLACE_A);
	serve(test, t, 0);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A));
}

/*
 * The ring's device area, which lies in two pages: marked when something was used,
 * and when nothing was but the driver is told whether to kick.
 */
static void marks_the_ring(struct kunit *test)
{
	struct dirty_test *t = &dirty_test;
	struct vpin_rig *rig = &t->fake->rig;
	struct vpin_driver *driver = &rig->drivers[0];
	u64 want = PAGE(GUEST_RAM + 0x2000) | PAGE(GUEST_RAM + 0x3000);

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES), 0);
	KUNIT_ASSERT_EQ(test, use(t, &t->dirty[0]), 0);
	vpin_driver_init(driver, rig->guest, RIG_RING(0), NUM, 0);
	driver->used = GUEST_RAM + 0x2ff0;
	KUNIT_ASSERT_EQ(test, vpin_rig_set_ring(rig, 0, driver), 0);
	KUNIT_ASSERT_EQ(test, vpin_rig_enable(rig, 0, true), 0);
	KUNIT_ASSERT_EQ(test, vpin_rig_status(rig, RIG_RUNNING), 0);
	chain(t, 0, &DESC(PLACE_A, 1, 0, 0), 1);
	serve(test, t, 0);
	settle(t);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(xchg(&t->bits[0], 0)), want);
	vpin_rig_kick(rig, 0);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(READ_ONCE(t->bits[0])));
	KUNIT_EXPECT_EQ(test, le64_to_cpu(xchg(&t->bits[0], 0)), want);
}

/* What ends while there is no ring to tell it in was written all the same. */
static void untold_ends(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;

	in_flight(test, t, 0, PLACE_A);
	vpin_rig_see_nothing(rig);
	take(t, 0);
	vpin_fake_release(t->fake, 1);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A));
	KUNIT_EXPECT_EQ(test, vpin_rig_get_base(rig, 0), 1);
	/* The ring is written when they are told. */
	t->bits[0] = 0;
	vpin_rig_see(rig, rig->guest->snap);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	KUNIT_EXPECT_TRUE(test, vpin_rig_used(rig, 0, 2));
	settle(t);
	KUNIT_EXPECT_TRUE(test, le64_to_cpu(t->bits[0]) & PAGE(rig->drivers[0].used));
}

/* They are told as the queue stops, before its worker has had a turn. */
static void untold_until_the_stop(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;
	struct vpin_vq *vq = vq_of(t);

	in_flight(test, t, 0, PLACE_A);
	vpin_rig_see_nothing(rig);
	vpin_fake_release(t->fake, 1);
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	KUNIT_EXPECT_EQ(test, vpin_rig_resume(rig), 0);
	/* Who queues the item finds that somebody has. */
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(!test_bit(0, &vq->work.queued)));
	set_bit(0, &vq->work.queued);
	vpin_rig_see(rig, rig->guest->snap);
	t->bits[0] = 0;
	KUNIT_EXPECT_EQ(test, vpin_rig_suspend(rig), 0);
	clear_bit(0, &vq->work.queued);
	KUNIT_EXPECT_EQ(test, vpin_driver_used_idx(&rig->drivers[0]), 2);
	KUNIT_EXPECT_TRUE(test, le64_to_cpu(t->bits[0]) & PAGE(rig->drivers[0].used));
}

/* A queue that broke: what it has in flight still writes. */
static void broken_queue(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	struct vpin_rig *rig = &t->fake->rig;
	u16 idx = rig->drivers[0].idx + 1;

	in_flight(test, t, 0, PLACE_A);
	vpin_driver_set_idx(&rig->drivers[0], idx + 1000);
	vpin_rig_kick(rig, 0);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(vq_of(t)->broken)));
	take(t, 0);
	vpin_fake_release(t->fake, 1);
	KUNIT_ASSERT_TRUE(test, vpin_rig_used(rig, 0, idx));
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_A));
}

/* A log of 3 bytes, and a guest with more than 24 pages: those are marked. */
static void v15_log_that_is_too_short(struct kunit *test)
{
	struct dirty_test *t = start(test, NUM);
	u16 i;

	t->dirty[1].size = 3;
	KUNIT_ASSERT_EQ(test, use(t, &t->dirty[1]), 0);
	for (i = 0; i < NUM; i++) {
		place(t, i, 4096 * (20 + i));
		serve(test, t, i);
	}
	KUNIT_EXPECT_EQ(test, take(t, 1), GENMASK_ULL(23, 20));
	KUNIT_EXPECT_TRUE(test, t->dirty[1].short_of);
	KUNIT_EXPECT_FALSE(test, t->dirty[0].short_of);
}

/*
 * V15: chains of as many buffers as there can be, by an indirect table, no two
 * neighbours.  Extents are used up; what waits for them is served when others have
 * ended, and meanwhile the worker does not spin.
 */
static void v15_longest_chains(struct kunit *test)
{
	struct vpin_rig *rig = &dirty_test.fake->rig;
	unsigned int max, i;
	struct dirty_test *t;
	u64 runs;

	KUNIT_ASSERT_EQ(test, vpin_rig_set_features(rig, FAKE_FEATURES), 0);
	t = start(test, RIG_NUM_MAX);
	/* Taken as long as there are enough for any. */
	max = (VPIN_VQ_EXTENTS - RIG_NUM_MAX) / RIG_NUM_MAX + 1;
	for (i = 0; i < RIG_NUM_MAX; i++)
		vpin_guest_desc(rig->guest, GUEST_INDIRECT, i,
				&DESC(i % 2 ? PLACE_B : PLACE_C, 1,
				      D_WRITE | (i + 1 < RIG_NUM_MAX ? D_NEXT : 0),
				      i + 1));
	vpin_driver_desc(&rig->drivers[0], 0, GUEST_INDIRECT, 16 * RIG_NUM_MAX,
			 D_INDIRECT, 0);
	t->fake->hold = true;
	vpin_rig_offer(rig, 0, 0, 3 * max);
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, max));
	settle(t);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, 0U);
	runs = vq_of(t)->nr_runs;
	msleep(20);
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_runs, runs);
	/* One ends, one begins. */
	vpin_fake_release(t->fake, 1);
	KUNIT_ASSERT_TRUE(test, WAIT_UNTIL(READ_ONCE(t->fake->nr_ended) == 2));
	KUNIT_ASSERT_TRUE(test, vpin_fake_held(t->fake, max));
	KUNIT_EXPECT_EQ(test, t->fake->nr_taken, 2 + max);
	end(test, t);
	KUNIT_EXPECT_EQ(test, take(t, 0), PAGE(PLACE_B) | PAGE(PLACE_C));
	KUNIT_EXPECT_EQ(test, vq_of(t)->nr_free_extents, VPIN_VQ_EXTENTS);
}

static struct kunit_case vpin_vq_dirty_cases[] = {
	KUNIT_CASE_PARAM(marks_what_a_request_writes, write_gen_params),
	KUNIT_CASE_PARAM(marks_what_is_answered_at_once, write_gen_params),
	KUNIT_CASE(data_then_log_then_used_index),
	KUNIT_CASE(at_once_in_the_same_order),
	KUNIT_CASE(descriptors_edited_in_flight),
	KUNIT_CASE(replaced_while_running),
	KUNIT_CASE(neighbours_take_one_extent),
	KUNIT_CASE(ended_while_running),
	KUNIT_CASE(begins_with_nothing_in_flight),
	KUNIT_CASE(stays_over_stops),
	KUNIT_CASE(set_before_the_start),
	KUNIT_CASE(marks_the_ring),
	KUNIT_CASE(untold_ends),
	KUNIT_CASE(untold_until_the_stop),
	KUNIT_CASE(broken_queue),
	KUNIT_CASE(v15_log_that_is_too_short),
	KUNIT_CASE(v15_longest_chains),
	{}
};

static struct kunit_suite vpin_vq_dirty_suite = {
	.name = "vpin_vq_dirty",
	.init = dirty_init,
	.exit = dirty_exit,
	.test_cases = vpin_vq_dirty_cases,
};
kunit_test_suite(vpin_vq_dirty_suite);

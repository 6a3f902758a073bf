// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers: that an item runs once for what came before it and once more for
 * what came since, whoever queued it, and that no item keeps others from theirs.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/workqueue.h>
#include <vpin/worker.h>
#include "rig.h"

#define SOON	msecs_to_jiffies(10000)

/**
 * struct item - a work item that takes notes
 * @work: the item
 * @runs: how often it ran
 * @busy: it is running now
 * @overlaps: how often it was run while it ran
 * @more: how often it still says that there is more
 * @endless: it always says so
 * @log: where it writes @name down; may be NULL
 * @name: its letter
 * @gate: if set, it waits for it once it has started
 * @started: completed when it starts
 */
struct item {
	struct vpin_work work;
	atomic_t runs;
	atomic_t busy;
	atomic_t overlaps;
	unsigned int more;
	bool endless;
	char *log;
	char name;
	struct completion *gate;
	struct completion started;
};

static void vpin_test_end_worker(struct vpin_worker *worker)
{
	vpin_worker_end(worker);
	vpin_worker_leave(worker, jiffies + 10 * HZ);
}

static bool item_run(struct vpin_work *work)
{
	struct item *item = container_of(work, struct item, work);

	atomic_add(atomic_inc_return(&item->busy) > 1, &item->overlaps);
	complete(&item->started);
	if (item->gate)
		wait_for_completion(item->gate);
	if (item->log)
		item->log[strlen(item->log)] = item->name;
	atomic_inc(&item->runs);
	atomic_dec(&item->busy);
	return READ_ONCE(item->endless) || (item->more && item->more--);
}

static void item_init(struct item *item, char name, char *log)
{
	memset(item, 0, sizeof(*item));
	vpin_work_init(&item->work, item_run);
	init_completion(&item->started);
	item->name = name;
	item->log = log;
}

static int worker_test_init(struct kunit *test)
{
	struct vpin_worker *worker = vpin_worker_create("vpin-test", NULL);

	if (IS_ERR(worker))
		return PTR_ERR(worker);
	test->priv = worker;
	return 0;
}

static void worker_test_exit(struct kunit *test)
{
	if (test->priv)
		vpin_test_end_worker(test->priv);
}

static void nothing(void *arg)
{
}

/* Everything that was queued before has run. */
static void settle(struct vpin_worker *worker)
{
	struct item last;

	item_init(&last, 'z', NULL);
	vpin_worker_queue(worker, &last.work);
	wait_for_completion(&last.started);
	/* The turn is over, too. */
	vpin_worker_call(worker, nothing, NULL);
}

/* @item runs and waits for @gate: what is queued now is behind it. */
static void hold(struct vpin_worker *worker, struct item *item,
		 struct completion *gate)
{
	item->gate = gate;
	vpin_worker_queue(worker, &item->work);
	wait_for_completion(&item->started);
}

static void queued_once_runs_once(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	struct item item;

	item_init(&item, 'a', NULL);
	vpin_worker_queue(worker, &item.work);
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 1);
	vpin_worker_queue(worker, &item.work);
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 2);
}

/* A runs and waits; B, C and D are queued meanwhile and run in that order. */
static void items_run_in_the_order_of_queueing(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	DECLARE_COMPLETION_ONSTACK(gate);
	struct item a, b, c, d;
	char log[8] = "";

	item_init(&a, 'a', log);
	item_init(&b, 'b', log);
	item_init(&c, 'c', log);
	item_init(&d, 'd', log);
	hold(worker, &a, &gate);
	vpin_worker_queue(worker, &b.work);
	vpin_worker_queue(worker, &c.work);
	vpin_worker_queue(worker, &d.work);
	complete(&gate);
	settle(worker);
	KUNIT_EXPECT_STREQ(test, log, "abcd");
}

/* Queued 3 times before it starts: it runs once and sees all of it. */
static void queued_twice_before_it_starts_runs_once(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	DECLARE_COMPLETION_ONSTACK(gate);
	struct item first, item;

	item_init(&first, 'a', NULL);
	item_init(&item, 'b', NULL);
	hold(worker, &first, &gate);
	vpin_worker_queue(worker, &item.work);
	vpin_worker_queue(worker, &item.work);
	vpin_worker_queue(worker, &item.work);
	complete(&gate);
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

/* Queued while it runs, twice: what it may have missed is one run more. */
static void queued_while_it_runs_runs_once_more(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	DECLARE_COMPLETION_ONSTACK(gate);
	struct item item;

	item_init(&item, 'a', NULL);
	hold(worker, &item, &gate);
	vpin_worker_queue(worker, &item.work);
	vpin_worker_queue(worker, &item.work);
	complete_all(&gate);
	settle(worker);
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.overlaps), 0);
}

/*
 * H15: A always has more, B is queued once: it runs after one turn of A and not
 * after the hundredth.
 */
static void h15_an_item_with_more_does_not_starve_another(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	DECLARE_COMPLETION_ONSTACK(gate);
	char *log = kunit_kzalloc(test, 128, GFP_KERNEL);
	struct item a, b;

	KUNIT_ASSERT_NOT_NULL(test, log);
	item_init(&a, 'a', log);
	item_init(&b, 'b', log);
	a.more = 99;
	hold(worker, &a, &gate);
	vpin_worker_queue(worker, &b.work);
	complete_all(&gate);
	while (atomic_read(&a.runs) < 100)
		settle(worker);
	KUNIT_EXPECT_EQ(test, strlen(log), 101UL);
	KUNIT_EXPECT_EQ(test, strchr(log, 'b') - log, 1L);
}

/* H15: with two that always have more, each gets every other turn. */
static void h15_two_items_with_more_take_turns(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	DECLARE_COMPLETION_ONSTACK(gate);
	struct item first, a, b;
	char log[16] = "";

	item_init(&first, 'x', NULL);
	item_init(&a, 'a', log);
	item_init(&b, 'b', log);
	a.more = 4;
	b.more = 4;
	hold(worker, &first, &gate);
	vpin_worker_queue(worker, &a.work);
	vpin_worker_queue(worker, &b.work);
	complete(&gate);
	while (atomic_read(&a.runs) + atomic_read(&b.runs) < 10)
		settle(worker);
	KUNIT_EXPECT_STREQ(test, log, "ababababab");
}

struct call_note {
	int busy;
	struct item *item;
	int runs;
	struct task_struct *task;
};

static void call_take_note(void *arg)
{
	struct call_note *note = arg;

	note->busy = atomic_read(&note->item->busy);
	note->runs = atomic_read(&note->item->runs);
	note->task = current;
}

/* The caller runs the function, and no item runs meanwhile. */
static void call_sees_items_at_rest(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	struct item item;
	struct call_note note = { .item = &item };
	int i;

	item_init(&item, 'a', NULL);
	for (i = 0; i < 1000; i++) {
		vpin_worker_queue(worker, &item.work);
		vpin_worker_call(worker, call_take_note, &note);
		if (note.busy)
			break;
	}
	KUNIT_EXPECT_EQ(test, note.busy, 0);
	KUNIT_EXPECT_PTR_EQ(test, note.task, current);
	settle(worker);
}

/* It is over when it returns, also with an item that always has more. */
static void call_ends_beside_an_endless_item(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	struct item item;
	struct call_note note = { .item = &item };

	item_init(&item, 'a', NULL);
	item.endless = true;
	vpin_worker_queue(worker, &item.work);
	wait_for_completion(&item.started);
	vpin_worker_call(worker, call_take_note, &note);
	KUNIT_EXPECT_GE(test, note.runs, 1);
	WRITE_ONCE(item.endless, false);
	settle(worker);
	settle(worker);
}

/* Whose thread was killed runs what is queued all the same, also for long. */
static void orphan_runs_what_is_queued(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	struct item item, more;

	item_init(&item, 'a', NULL);
	item_init(&more, 'b', NULL);
	more.more = 3;
	KUNIT_EXPECT_FALSE(test, vpin_worker_is_orphan(worker));
	RCU_INIT_POINTER(worker->thread, NULL);
	synchronize_rcu();
	KUNIT_EXPECT_TRUE(test, vpin_worker_is_orphan(worker));
	vpin_worker_queue(worker, &more.work);
	vpin_worker_queue(worker, &item.work);
	KUNIT_EXPECT_TRUE(test, WAIT_UNTIL(atomic_read(&more.runs) == 4));
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&more.runs), 4);
}

static void destroy_of_an_idle_worker(struct kunit *test)
{
	msleep(20);	/* asleep by now */
	vpin_test_end_worker(test->priv);
	test->priv = NULL;
}

/**
 * struct producer - a context that queues an item over and over
 * @worker: where
 * @item: what
 * @produced: counts what it made; the item compares
 * @done: completed at the end
 * @work: it is a work of the system's workqueue
 */
struct producer {
	struct vpin_worker *worker;
	struct item *item;
	atomic_t *produced;
	struct completion done;
	struct work_struct work;
};

static void producer_run(struct work_struct *work)
{
	struct producer *p = container_of(work, struct producer, work);
	int i;

	for (i = 0; i < 20000; i++) {
		atomic_inc(p->produced);
		vpin_worker_queue(p->worker, &p->item->work);
	}
	complete(&p->done);
}

struct consumer {
	struct item item;
	atomic_t produced;
	int seen;
};

static bool consumer_run(struct vpin_work *work)
{
	struct consumer *c = container_of(work, struct consumer, item.work);

	atomic_add(atomic_inc_return(&c->item.busy) > 1, &c->item.overlaps);
	c->seen = atomic_read(&c->produced);
	atomic_dec(&c->item.busy);
	return false;
}

/*
 * 4 contexts make and queue 20000 times each: no wake-up is lost, so the last
 * of the 80000 is seen without anyone queueing once more; never twice at a time.
 */
static void queued_from_several_contexts(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	struct producer producers[4];
	struct consumer c = {};
	unsigned long until;
	unsigned int i;

	vpin_work_init(&c.item.work, consumer_run);
	for (i = 0; i < ARRAY_SIZE(producers); i++) {
		producers[i].worker = worker;
		producers[i].item = &c.item;
		producers[i].produced = &c.produced;
		init_completion(&producers[i].done);
		INIT_WORK_ONSTACK(&producers[i].work, producer_run);
		queue_work(system_unbound_wq, &producers[i].work);
	}
	for (i = 0; i < ARRAY_SIZE(producers); i++)
		wait_for_completion(&producers[i].done);

	until = jiffies + SOON;
	while (READ_ONCE(c.seen) != 80000 && time_before(jiffies, until))
		msleep(1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(c.seen), 80000);
	KUNIT_EXPECT_EQ(test, atomic_read(&c.item.overlaps), 0);
	for (i = 0; i < ARRAY_SIZE(producers); i++) {
		cancel_work_sync(&producers[i].work);
		destroy_work_on_stack(&producers[i].work);
	}
}

/* From a context that must not sleep. */
static void queued_with_interrupts_off(struct kunit *test)
{
	struct vpin_worker *worker = test->priv;
	unsigned long flags;
	struct item item;

	item_init(&item, 'a', NULL);
	local_irq_save(flags);
	vpin_worker_queue(worker, &item.work);
	local_irq_restore(flags);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&item.started, SOON),
			0UL);
	settle(worker);
	KUNIT_EXPECT_EQ(test, atomic_read(&item.runs), 1);
}

static struct kunit_case vpin_worker_cases[] = {
	KUNIT_CASE(queued_once_runs_once),
	KUNIT_CASE(items_run_in_the_order_of_queueing),
	KUNIT_CASE(queued_twice_before_it_starts_runs_once),
	KUNIT_CASE(queued_while_it_runs_runs_once_more),
	KUNIT_CASE(h15_an_item_with_more_does_not_starve_another),
	KUNIT_CASE(h15_two_items_with_more_take_turns),
	KUNIT_CASE(call_sees_items_at_rest),
	KUNIT_CASE(call_ends_beside_an_endless_item),
	KUNIT_CASE(orphan_runs_what_is_queued),
	KUNIT_CASE(destroy_of_an_idle_worker),
	KUNIT_CASE(queued_from_several_contexts),
	KUNIT_CASE(queued_with_interrupts_off),
	{}
};

static struct kunit_suite vpin_worker_suite = {
	.name = "vpin_worker",
	.init = worker_test_init,
	.exit = worker_test_exit,
	.test_cases = vpin_worker_cases,
};
kunit_test_suite(vpin_worker_suite);

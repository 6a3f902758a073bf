// SPDX-License-Identifier: GPL-2.0-only
/*
 * One fault of each kind that the debug kernel is there to report, chosen by
 * the parameter "fault".  For the lab's own tests: never load it elsewhere.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_SPINLOCK(spin);
static volatile int forty = 40;

/* More than one: of the last, an address may stay on a stack, and hides it. */
static void fault_leak(void)
{
	unsigned int i;

	for (i = 0; i < 8; i++) {
		volatile char *byte = kmalloc(80, GFP_KERNEL);

		if (byte)
			*byte = 1;
	}
}

static void fault_use_after_free(void)
{
	volatile char *byte = kmalloc(80, GFP_KERNEL);

	kfree((void *)byte);
	*byte = 1;
}

static void fault_lock_order(void)
{
	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);

	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
}

static void fault_sleep_in_atomic(void)
{
	spin_lock(&spin);
	msleep(1);
	spin_unlock(&spin);
}

static void fault_shift(void)
{
	pr_info("%d\n", 1 << forty);
}

/* Freed while it is still queued: debug objects, before KASAN can. */
static void fault_live_work(void)
{
	struct delayed_work *work = kmalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	INIT_DELAYED_WORK(work, NULL);
	schedule_delayed_work(work, 10 * HZ);
	kfree(work);
}

static const struct {
	const char *name;
	void (*make)(void);
} faults[] = {
	{ "none", NULL },
	{ "leak", fault_leak },
	{ "use-after-free", fault_use_after_free },
	{ "lock-order", fault_lock_order },
	{ "sleep-in-atomic", fault_sleep_in_atomic },
	{ "shift", fault_shift },
	{ "live-work", fault_live_work },
};

static char *fault = "none";
module_param(fault, charp, 0);

static int __init faults_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(fault, faults[i].name))
			continue;
		if (faults[i].make)
			faults[i].make();
		return 0;
	}
	return -EINVAL;
}

static void __exit faults_exit(void)
{
}

module_init(faults_init);
module_exit(faults_exit);
MODULE_DESCRIPTION("faults on purpose, to test what reports them");
MODULE_LICENSE("GPL");

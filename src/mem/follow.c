// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following an owner's mapping: from what is marked to a new snapshot.
 */
#include <linux/err.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "track.h"

/* A watch that nobody is told by yet.  Return: NULL without memory. */
struct vpin_watch *vpin_watch_create(struct vpin_mem *mem)
{
	struct vpin_watch *watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);

	if (!watch)
		return NULL;
	spin_lock_init(&watch->lock);
	INIT_LIST_HEAD(&watch->marked);
	watch->mem = mem;
	refcount_set(&watch->ref, 1);
	return watch;
}

void vpin_watch_put(struct vpin_watch *watch)
{
	if (refcount_dec_and_test(&watch->ref))
		kfree(watch);
}

/* Nobody is told any more. */
void vpin_watch_end(struct vpin_watch *watch)
{
	spin_lock(&watch->lock);
	watch->mem = NULL;
	spin_unlock(&watch->lock);
}

/* A snapshot of the successors of @old's pins; NULL without memory. */
static struct vpin_snap *vpin_snap_succeed(const struct vpin_snap *old)
{
	struct vpin_snap *new = vpin_snap_alloc(old->nr);
	u32 i;

	if (!new)
		return NULL;
	for (i = 0; i < old->nr; i++) {
		struct vpin_range range = old->ranges[i];

		if (range.pin) {
			range.pin = vpin_pin_newest(range.pin);
			if (!range.pin) {
				vpin_snap_put(new);
				return NULL;
			}
		}
		vpin_snap_set(new, i, &range);
		vpin_pin_put(range.pin);
	}
	return new;
}

/* Lets readers see what is mapped, up to @changes. */
static int vpin_mem_catch_up(struct vpin_mem *mem, unsigned long changes,
			     bool again)
{
	struct vpin_watch *watch = mem->watch;
	struct vpin_snap *next;
	int ret;

	if (mem->batch && mem->bereft && vpin_batch_follow(mem->batch))
		return -ENOMEM;
	if (mem->bereft || again) {
		next = vpin_snap_succeed(mem->snap);
		if (!next)
			return -ENOMEM;
		ret = vpin_mem_publish(mem, next);
		if (ret)
			return ret;
		mem->bereft = false;
	}
	spin_lock(&watch->lock);
	/* Who sees this sees what is published. */
	smp_store_release(&watch->followed, changes);
	WRITE_ONCE(watch->behind, watch->changes != changes);
	spin_unlock(&watch->lock);
	if (mem->ops && mem->ops->fresh)
		mem->ops->fresh(mem);
	return 0;
}

#ifdef CONFIG_MEMCG
/* Who follows need not be the owner, who pays. */
static struct mem_cgroup *vpin_mem_charge_to(struct vpin_mem *mem,
					     struct mem_cgroup **old)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mem->mm);

	*old = set_active_memcg(memcg);
	return memcg;
}

static void vpin_mem_charge_back(struct mem_cgroup *memcg,
				 struct mem_cgroup *old)
{
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}
#else
static struct mem_cgroup *vpin_mem_charge_to(struct vpin_mem *mem,
					     struct mem_cgroup **old)
{
	return NULL;
}

static void vpin_mem_charge_back(struct mem_cgroup *memcg,
				 struct mem_cgroup *old)
{
}
#endif

/**
 * vpin_mem_follow - lets readers see what the owner has mapped now
 * @mem: the address space
 * @again: publish also if nothing has changed: who follows asks for it
 *
 * All that the owner took out of his mapping before the call is absent when it
 * returns, and unpinned as soon as no one uses it any more.  What he changes
 * meanwhile may have to be followed again.
 *
 * Context: may sleep, also until a change that the owner makes has happened.
 * Return: 0; -ESRCH if the owner has ended: he has nothing mapped, and no thread
 * that would serve anybody; -ENOMEM and those of the one who follows: readers are as far behind
 * as before then, and know it.
 */
int vpin_mem_follow(struct vpin_mem *mem, bool again)
{
	struct mem_cgroup *memcg, *old;
	unsigned long changes;
	int ret = 0;

	mutex_lock(&mem->lock);
	if (!mem->mm || !(vpin_watch_is_behind(mem->watch) || again)) {
		/* All is as it should be. */
	} else if (!mmget_not_zero(mem->mm)) {
		ret = -ESRCH;
	} else {
		memcg = vpin_mem_charge_to(mem, &old);
		ret = vpin_watch_look(mem->watch, &mem->bereft, &changes);
		if (!ret)
			ret = vpin_mem_catch_up(mem, changes, again);
		vpin_mem_charge_back(memcg, old);
		/* Whatever his end needs is not for who holds the lock. */
		mmput_async(mem->mm);
	}
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_unfollow - tells nobody any more what the owner changes
 * @mem: the address space; no one reads it any more
 */
void vpin_mem_unfollow(struct vpin_mem *mem)
{
	vpin_watch_end(mem->watch);
}

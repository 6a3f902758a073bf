// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: changes that readers see all at once.
 *
 * What a batch maps is in a tree, and of what readers have a bit says whether
 * the batch unmaps it: a change costs the logarithm of how many there are, and
 * the snapshot is made once, at the end.
 *
 * A VMM that rearranges its guest's memory unmaps all of it and maps it anew in
 * one batch.  Until the batch ends readers hold what went, so that both are
 * pinned; charging for both would ask of the owner twice what he needs.  What
 * an open batch maps is therefore charged in place of what it unmapped: the
 * credit.  It is never more than the batch has mapped, so that no one holds
 * more than twice what he is charged for, in however many batches.  At the end
 * of the batch the credit is charged again, just before those pages are
 * dropped, or for as long as requests in flight still hold them.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <vpin/mem.h>
#include "track.h"

/**
 * struct vpin_batch - an open batch
 * @added: the ranges that it maps, by address; disjoint
 * @nr: ranges that there are at its end
 * @outgoing: pages that it unmapped, and readers hold until it ends
 * @credit: of those, how many the owner is not charged for meanwhile
 * @gone: of each range that readers have, whether it is unmapped
 */
struct vpin_batch {
	struct rb_root added;
	u32 nr;
	unsigned long outgoing;
	unsigned long credit;
	unsigned long gone[];
};

/* A range that a batch maps, with a reference on its pin. */
struct vpin_batch_range {
	struct rb_node node;
	struct vpin_range range;
};

static struct vpin_batch_range *vpin_batch_entry(struct rb_node *node)
{
	return node ? rb_entry(node, struct vpin_batch_range, node) : NULL;
}

/* The first range of @batch's own that ends at or after @gpa, or NULL. */
static struct vpin_batch_range *vpin_batch_search(struct vpin_batch *batch,
						  u64 gpa)
{
	struct rb_node *node = batch->added.rb_node;
	struct vpin_batch_range *found = NULL;

	while (node) {
		struct vpin_batch_range *at = vpin_batch_entry(node);

		if (at->range.last < gpa) {
			node = node->rb_right;
		} else {
			found = at;
			node = node->rb_left;
		}
	}
	return found;
}

static struct vpin_batch_range *vpin_batch_next(struct vpin_batch_range *at)
{
	return vpin_batch_entry(rb_next(&at->node));
}

static void vpin_batch_add(struct vpin_batch *batch,
			   struct vpin_batch_range *new)
{
	struct rb_node **link = &batch->added.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = new->range.first < vpin_batch_entry(parent)->range.first ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &batch->added);
	batch->nr++;
}

static void vpin_batch_drop(struct vpin_batch *batch,
			    struct vpin_batch_range *old)
{
	rb_erase(&old->node, &batch->added);
	vpin_pin_put(old->range.pin);
	kfree(old);
	batch->nr--;
}

/* Whether the open batch has a range of its own that begins at @gpa. */
bool vpin_batch_has(const struct vpin_mem *mem, u64 gpa)
{
	struct vpin_batch_range *at = vpin_batch_search(mem->batch, gpa);

	return at && at->range.first == gpa;
}

/* Whether a byte of [@first, @last] is mapped; what failed is not. */
static bool vpin_batch_overlaps(struct vpin_mem *mem, u64 first, u64 last)
{
	const struct vpin_snap *snap = mem->snap;
	struct vpin_batch_range *at;
	u32 i;

	for (i = vpin_snap_search(snap, first);
	     i < snap->nr && snap->ranges[i].first <= last; i++) {
		if (snap->ranges[i].pin && !test_bit(i, mem->batch->gone))
			return true;
	}
	for (at = vpin_batch_search(mem->batch, first);
	     at && at->range.first <= last; at = vpin_batch_next(at)) {
		if (at->range.pin)
			return true;
	}
	return false;
}

/* Takes out what [@first, @last] touches.  Return: pages that only we had. */
static unsigned long vpin_batch_remove(struct vpin_mem *mem, u64 first, u64 last,
				       bool only_failed)
{
	const struct vpin_snap *snap = mem->snap;
	struct vpin_batch *batch = mem->batch;
	struct vpin_batch_range *at, *next;
	unsigned long fresh = 0;
	u32 i;

	for (i = vpin_snap_search(snap, first);
	     i < snap->nr && snap->ranges[i].first <= last; i++) {
		const struct vpin_pin *pin = snap->ranges[i].pin;

		if ((only_failed && pin) || __test_and_set_bit(i, batch->gone))
			continue;
		batch->nr--;
		if (pin)
			batch->outgoing += pin->nr_pages;
	}
	for (at = vpin_batch_search(batch, first);
	     at && at->range.first <= last; at = next) {
		next = vpin_batch_next(at);
		if (only_failed && at->range.pin)
			continue;
		if (at->range.pin)
			fresh += at->range.pin->nr_pages;
		vpin_batch_drop(batch, at);
	}
	return fresh;
}

/* Charges new pages in place of outgoing ones.  Return: how many of @nr. */
static unsigned long vpin_batch_credit_take(struct vpin_mem *mem,
					    unsigned long nr)
{
	struct vpin_batch *batch = mem->batch;

	nr = min(nr, batch->outgoing - batch->credit);
	atomic64_sub(nr, &mem->mm->pinned_vm);
	batch->credit += nr;
	return nr;
}

/* Charges for outgoing pages again. */
static void vpin_batch_credit_return(struct vpin_mem *mem, unsigned long nr)
{
	if (!nr)
		return;
	atomic64_add(nr, &mem->mm->pinned_vm);
	mem->batch->credit -= nr;
}

/**
 * vpin_batch_map - vpin_mem_map() while a batch is open
 * @mem: the address space, locked
 * @range: what is mapped, without a pin
 * @uaddr: the caller's address of it
 *
 * Return: vpin_mem_map()'s.
 */
int vpin_batch_map(struct vpin_mem *mem, struct vpin_range *range, u64 uaddr)
{
	struct vpin_batch_range *new;
	u32 perm = range->perm;
	unsigned long credit;
	int ret;

	lockdep_assert_held(&mem->lock);
	if (vpin_batch_overlaps(mem, range->first, range->last))
		return -EEXIST;
	vpin_batch_remove(mem, range->first, range->last, true);
	if (mem->batch->nr >= VPIN_MEM_RANGES_MAX)
		return -ENOSPC;
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	/* Failed, until it has a pin. */
	new->range = *range;
	new->range.perm = 0;
	vpin_batch_add(mem->batch, new);

	credit = vpin_batch_credit_take(mem,
					vpin_pin_count(uaddr, range->last -
						       range->first + 1));
	ret = vpin_mem_pin(mem, &new->range, uaddr, perm);
	if (ret)
		vpin_batch_credit_return(mem, credit);
	/* He comes again: until then it has not failed. */
	if (ret == -EINTR)
		vpin_batch_remove(mem, range->first, range->last, true);
	return ret;
}

/**
 * vpin_batch_unmap - vpin_mem_unmap() while a batch is open
 * @mem: the address space, locked
 * @first: first GPA
 * @last: last GPA, inclusive
 */
void vpin_batch_unmap(struct vpin_mem *mem, u64 first, u64 last)
{
	unsigned long fresh;

	lockdep_assert_held(&mem->lock);
	fresh = vpin_batch_remove(mem, first, last, false);
	vpin_batch_credit_return(mem, min(fresh, mem->batch->credit));
}

/* Forgets maps that failed. */
void vpin_batch_forgive(struct vpin_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	vpin_batch_remove(mem, 0, U64_MAX, true);
}

/* The snapshot has no failed ranges any more, of those that @old had. */
void vpin_batch_forgiven(struct vpin_mem *mem, const struct vpin_snap *old)
{
	unsigned long *gone = mem->batch->gone;
	u32 i, kept = 0;

	for (i = 0; i < old->nr; i++) {
		if (old->ranges[i].pin)
			__assign_bit(kept++, gone, test_bit(i, gone));
	}
}

/* Its own pins by their successors.  Return: 0 or -ENOMEM. */
int vpin_batch_follow(struct vpin_batch *batch)
{
	struct rb_node *node;

	for (node = rb_first(&batch->added); node; node = rb_next(node)) {
		struct vpin_range *range = &vpin_batch_entry(node)->range;
		struct vpin_pin *newest;

		if (!range->pin)
			continue;
		newest = vpin_pin_newest(range->pin);
		if (!newest)
			return -ENOMEM;
		vpin_pin_put(range->pin);
		range->pin = newest;
	}
	return 0;
}

/* Ends the open batch, if there is one, with nothing of it published. */
void vpin_batch_free(struct vpin_mem *mem)
{
	struct vpin_batch *batch = mem->batch;
	struct rb_node *node;

	if (!batch)
		return;
	vpin_batch_credit_return(mem, batch->credit);
	while ((node = rb_first(&batch->added)))
		vpin_batch_drop(batch, vpin_batch_entry(node));
	kvfree(batch);
	mem->batch = NULL;
}

/**
 * vpin_mem_batch_begin - gathers changes until vpin_mem_batch_end()
 * @mem: the address space
 *
 * Return: 0, also if a batch is open already; -EPERM if the caller is not the
 * owner; -ENOMEM.
 */
int vpin_mem_batch_begin(struct vpin_mem *mem)
{
	struct vpin_batch *batch;
	int ret = 0;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem)) {
		ret = -EPERM;
	} else if (!mem->batch) {
		batch = kvzalloc(struct_size(batch, gone,
					     BITS_TO_LONGS(mem->snap->nr)),
				 GFP_KERNEL_ACCOUNT);
		if (batch) {
			batch->added = RB_ROOT;
			batch->nr = mem->snap->nr;
			mem->batch = batch;
		} else {
			ret = -ENOMEM;
		}
	}
	mutex_unlock(&mem->lock);
	return ret;
}

/* What the open batch makes of the snapshot; NULL without memory. */
static struct vpin_snap *vpin_batch_snap(struct vpin_mem *mem)
{
	struct vpin_batch_range *at = vpin_batch_entry(rb_first(&mem->batch->added));
	const struct vpin_snap *old = mem->snap;
	u32 nr = mem->batch->nr, i = 0, to;
	struct vpin_snap *new;

	new = vpin_snap_alloc(nr);
	if (!new)
		return NULL;
	for (to = 0; to < nr; to++) {
		while (i < old->nr && test_bit(i, mem->batch->gone))
			i++;
		if (at && (i == old->nr ||
			   at->range.first < old->ranges[i].first)) {
			vpin_snap_set(new, to, &at->range);
			at = vpin_batch_next(at);
		} else {
			vpin_snap_set(new, to, &old->ranges[i++]);
		}
	}
	return new;
}

static int vpin_batch_publish(struct vpin_mem *mem)
{
	struct vpin_snap *next = vpin_batch_snap(mem);
	unsigned long credit = mem->batch->credit;
	int ret;

	if (!next)
		return -ENOMEM;
	vpin_batch_credit_return(mem, credit);
	ret = vpin_mem_publish(mem, next);
	if (ret)
		vpin_batch_credit_take(mem, credit);
	else
		vpin_batch_free(mem);
	return ret;
}

/**
 * vpin_mem_batch_end - publishes what the open batch gathered
 * @mem: the address space
 *
 * Return: 0, also if none is open; -EPERM if the caller is not the owner;
 * -ENOMEM and what the one who follows says: then nothing is published, and the
 * batch is still open.
 */
int vpin_mem_batch_end(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem))
		ret = -EPERM;
	else if (mem->batch)
		ret = vpin_batch_publish(mem);
	mutex_unlock(&mem->lock);
	return ret;
}

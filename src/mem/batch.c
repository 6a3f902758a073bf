// SPDX-License-Identifier: GPL-2.0-only
/*
 * Batches: changes that readers see all at once.
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
#include <linux/minmax.h>
#include <vpin/mem.h>

/* Charges new pages in place of outgoing ones.  Return: how many of @nr. */
unsigned long vpin_mem_credit_take(struct vpin_mem *mem, unsigned long nr)
{
	lockdep_assert_held(&mem->lock);
	nr = min(nr, mem->outgoing - mem->credit);
	atomic64_sub(nr, &mem->mm->pinned_vm);
	mem->credit += nr;
	return nr;
}

/* Charges for outgoing pages again. */
void vpin_mem_credit_return(struct vpin_mem *mem, unsigned long nr)
{
	if (!nr)
		return;
	atomic64_add(nr, &mem->mm->pinned_vm);
	mem->credit -= nr;
}

/*
 * Counts the pages under [first, last] of the open batch: those that readers
 * have as well, and those that only the batch has.
 */
void vpin_mem_batch_count(struct vpin_mem *mem, u64 first, u64 last,
			  unsigned long *outgoing, unsigned long *fresh)
{
	const struct vpin_snap *batch = mem->batch, *snap = mem->snap;
	u32 i, j;

	lockdep_assert_held(&mem->lock);
	for (i = vpin_snap_search(batch, first);
	     i < batch->nr && batch->ranges[i].first <= last; i++) {
		const struct vpin_pin *pin = batch->ranges[i].pin;

		if (!pin)
			continue;
		j = vpin_snap_search(snap, batch->ranges[i].first);
		if (j < snap->nr && snap->ranges[j].pin == pin)
			*outgoing += pin->nr_pages;
		else
			*fresh += pin->nr_pages;
	}
}

/**
 * vpin_mem_batch_begin - gathers changes until vpin_mem_batch_end()
 * @mem: the address space
 *
 * Return: 0, also if a batch is open already; -EPERM if the caller is not the
 * owner.
 */
int vpin_mem_batch_begin(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem))
		ret = -EPERM;
	else if (!mem->batch)
		mem->batch = vpin_snap_get(mem->snap);
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_batch_end - publishes what the open batch gathered
 * @mem: the address space
 *
 * Return: 0, also if none is open; -EPERM if the caller is not the owner.
 */
int vpin_mem_batch_end(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem)) {
		ret = -EPERM;
	} else if (mem->batch) {
		vpin_mem_credit_return(mem, mem->credit);
		mem->outgoing = 0;
		vpin_snap_put(mem->snap);
		mem->snap = mem->batch;
		mem->batch = NULL;
	}
	mutex_unlock(&mem->lock);
	return ret;
}

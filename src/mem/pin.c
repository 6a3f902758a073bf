// SPDX-License-Identifier: GPL-2.0-only
/*
 * One piece of user memory: pinned and charged.
 *
 * Pinning is one pass over the pages, or left to who accesses them.  Releasing a
 * pin cannot fail and allocates nothing.  What is charged is what was asked for,
 * whether a page is absent or not: one that comes cannot fail for the limit.
 */
#include <linux/capability.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <vpin/compat.h>
#include <vpin/mem.h>
#include "track.h"

/* Charges @nr pages to @mm against the caller's RLIMIT_MEMLOCK. */
static int vpin_pin_charge(struct mm_struct *mm, unsigned long nr)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

	if (atomic64_add_return(nr, &mm->pinned_vm) > limit &&
	    !capable(CAP_IPC_LOCK)) {
		atomic64_sub(nr, &mm->pinned_vm);
		return -ENOMEM;
	}
	return 0;
}

static void vpin_pin_uncharge(struct mm_struct *mm, unsigned long nr)
{
	atomic64_sub(nr, &mm->pinned_vm);
}

/* Unpins the first @nr pages of @pin, but for those that are absent. */
static void vpin_pin_unpin(const struct vpin_pin *pin, unsigned long nr,
			   bool dirty)
{
	u64 offset = (u64)pin->skip << PAGE_SHIFT;
	u64 end = offset + ((u64)nr << PAGE_SHIFT);

	while (offset < end) {
		u64 before, len;
		void *addr = vpin_pin_around(pin, offset, 1, &before, &len);

		len = min(len, end - offset);
		if (addr)
			unpin_user_page_range_dirty_lock(virt_to_page(addr),
							 len >> PAGE_SHIFT,
							 dirty);
		offset += len;
		cond_resched();
	}
}

/*
 * Pins the @nr pages from @uaddr on, which are chunk @i's.  @pages has room for
 * them: first it holds each page, then its address.
 */
static int vpin_pin_chunk(struct vpin_pin *pin, unsigned long i, u64 uaddr,
			  unsigned long nr, void **pages)
{
	unsigned long pinned = 0, done = 0;
	long ret = 0;

	while (pinned < nr) {
		ret = vpin_pin_user_pages(pin->mm,
					  uaddr + (pinned << PAGE_SHIFT),
					  nr - pinned, pin->writable, false,
					  (struct page **)pages + pinned);
		if (ret <= 0)
			break;
		pinned += ret;
	}
	for (; done < pinned; done++)
		pages[done] = page_address((struct page *)pages[done]);
	if (pinned == nr) {
		ret = vpin_pin_set_chunk(pin, i, pages);
		if (!ret)
			return 0;
	}

	while (done)
		unpin_user_page(virt_to_page(pages[--done]));
	return ret ?: -EFAULT;
}

/* Pins all of it, chunk by chunk. */
static int vpin_pin_pages(struct vpin_pin *pin, u64 uaddr)
{
	unsigned long done = 0, nr, i;
	void **pages;
	int ret = 0;

	pages = kmalloc_array(VPIN_CHUNK_PAGES, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < pin->nr_chunks && !ret; i++) {
		nr = vpin_chunk_nr(pin, i);
		ret = vpin_pin_chunk(pin, i, uaddr + (done << PAGE_SHIFT), nr,
				     pages);
		if (ret)
			break;
		done += nr;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	kfree(pages);
	if (ret)
		vpin_pin_unpin(pin, done, false);
	return ret;
}

static int vpin_pin_populate(struct vpin_pin *pin, u64 uaddr, bool lazy)
{
	int ret = lazy ? vpin_pin_defer(pin, uaddr) : -EAGAIN;

	if (ret == -EAGAIN) {
		ret = vpin_pin_pages(pin, uaddr);
		if (!ret && pin->watch)
			atomic_long_add(pin->nr_pages, &pin->watch->nr_pinned);
	} else if (ret) {
		/* It may have been killed with a page pinned. */
		atomic_long_sub(vpin_pin_nr_pinned(pin), &pin->watch->nr_pinned);
		vpin_pin_unpin(pin, pin->nr_pages, false);
	}
	return ret;
}

/**
 * vpin_pin_create - pins a piece of the caller's memory
 * @mm: who is charged; must be the caller's
 * @uaddr: user address, in bytes, any alignment
 * @size: length in bytes, not 0
 * @writable: pin for writing
 * @watch: who follows what becomes of it in the caller's mapping; NULL: nobody
 * @lazy: leave pages to who accesses them, where that can be
 *
 * Each page that the piece touches is charged once to @mm->pinned_vm, against
 * the caller's RLIMIT_MEMLOCK unless it has CAP_IPC_LOCK.
 *
 * Return: a pin with one reference, or
 *  -EINVAL	the piece wraps
 *  -EFAULT	not user memory, or not to be pinned (device memory, no such
 *		mapping, not writable)
 *  -ENOMEM	over the limit, more than the machine has, or no memory
 *  -EINTR	killed
 */
struct vpin_pin *vpin_pin_create(struct mm_struct *mm, u64 uaddr, u64 size,
				 bool writable, struct vpin_watch *watch,
				 bool lazy)
{
	struct vpin_pin *pin;
	unsigned long nr;
	u64 end;
	int ret;

	if (check_add_overflow(uaddr, size, &end))
		return ERR_PTR(-EINVAL);
	if (!access_ok((void __user *)uaddr, size))
		return ERR_PTR(-EFAULT);
	nr = vpin_pin_count(uaddr, size);
	if (nr > totalram_pages())
		return ERR_PTR(-ENOMEM);

	pin = vpin_pin_alloc(uaddr, nr);
	if (!pin)
		return ERR_PTR(-ENOMEM);
	pin->writable = writable;
	pin->mm = mm;

	ret = vpin_pin_charge(mm, nr);
	if (ret)
		goto err_pin;
	if (watch) {
		pin->watch = watch;
		ret = vpin_track_start(pin, uaddr);
		if (ret)
			goto err_charge;
	}
	ret = vpin_pin_populate(pin, uaddr & PAGE_MASK, lazy);
	if (ret)
		goto err_track;
	mmgrab(mm);
	if (watch)
		refcount_inc(&watch->ref);
	return pin;

err_track:
	if (pin->track)
		vpin_track_end(pin->track);
err_charge:
	vpin_pin_uncharge(mm, nr);
err_pin:
	vpin_pin_free(pin);
	return ERR_PTR(ret);
}

/* The last pin of its piece has no reader any more. */
static void vpin_pin_end(struct vpin_pin *pin)
{
	if (pin->watch)
		atomic_long_sub(vpin_pin_nr_pinned(pin), &pin->watch->nr_pinned);
	if (pin->track)
		vpin_track_end(pin->track);
	vpin_pin_unpin(pin, pin->nr_pages, pin->writable);
	if (pin->watch)
		vpin_watch_put(pin->watch);
	vpin_pin_uncharge(pin->mm, pin->nr_pages);
	mmdrop(pin->mm);
	vpin_pin_free(pin);
}

/* Drops a reference; the last one unpins.  May sleep. */
void vpin_pin_put(struct vpin_pin *pin)
{
	while (pin && refcount_dec_and_test(&pin->ref)) {
		struct vpin_pin *next = pin->next;

		vpin_pin_unpin_lost(pin);
		if (next)
			kvfree(pin);
		else
			vpin_pin_end(pin);
		pin = next;
	}
}

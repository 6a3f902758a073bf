// SPDX-License-Identifier: GPL-2.0-only
/*
 * One piece of user memory: pinned, charged, and remembered as contiguous
 * runs.
 *
 * Pinning is one pass over the pages.  Their kernel addresses land in a flat
 * array first; where the runs that they form take less room than the array,
 * the runs replace it.  Releasing a pin cannot fail and allocates nothing.
 */
#include <linux/capability.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <vpin/compat.h>
#include <vpin/mem.h>

/* Pages pinned in one go: long enough to amortise, short enough to be killed. */
#define VPIN_PIN_CHUNK	2048UL

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

/* One slot a page; large arrays may be as large as the machine needs. */
static void **vpin_pin_alloc_slots(unsigned long nr)
{
	size_t bytes = array_size(nr, sizeof(void *));
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;

	if (bytes <= SZ_1M)
		return kvmalloc(bytes, gfp);
	return __vmalloc(bytes, gfp);
}

/* Pages [i, the returned index) of @addrs are contiguous. */
static unsigned long vpin_pin_run_end(void **addrs, unsigned long nr,
				      unsigned long i)
{
	do {
		i++;
	} while (i < nr && addrs[i] == addrs[i - 1] + PAGE_SIZE);
	return i;
}

static void vpin_pin_unpin_pages(void **addrs, unsigned long nr, bool dirty)
{
	unsigned long i, end;

	for (i = 0; i < nr; i = end) {
		end = vpin_pin_run_end(addrs, nr, i);
		unpin_user_page_range_dirty_lock(virt_to_page(addrs[i]),
						 end - i, dirty);
		cond_resched();
	}
}

static void vpin_pin_unpin_runs(struct vpin_pin *pin)
{
	unsigned long i;

	for (i = 0; i < pin->nr_runs; i++) {
		unsigned long end = i + 1 == pin->nr_runs ?
			pin->nr_pages : pin->runs[i + 1].index;

		unpin_user_page_range_dirty_lock(virt_to_page(pin->runs[i].addr),
						 end - pin->runs[i].index,
						 pin->writable);
		cond_resched();
	}
}

/* Fills @addrs with the kernel addresses of the pages from @uaddr on. */
static int vpin_pin_pages(void **addrs, u64 uaddr, unsigned long nr,
			  bool writable)
{
	unsigned long done = 0;
	int ret, i;

	while (done < nr) {
		/* Each slot holds the page first, then its address. */
		ret = vpin_pin_user_pages(uaddr + (done << PAGE_SHIFT),
					  min(nr - done, VPIN_PIN_CHUNK),
					  writable,
					  (struct page **)addrs + done);
		if (ret <= 0) {
			ret = ret ?: -EFAULT;
			goto unpin;
		}
		for (i = 0; i < ret; i++, done++)
			addrs[done] = page_address((struct page *)addrs[done]);

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			goto unpin;
		}
		cond_resched();
	}
	return 0;

unpin:
	vpin_pin_unpin_pages(addrs, done, false);
	return ret;
}

/* Replaces the flat array by runs where those are smaller. */
static void vpin_pin_compress(struct vpin_pin *pin)
{
	void **addrs = pin->pages;
	struct vpin_run *runs;
	unsigned long i, nr = 0;

	for (i = 0; i < pin->nr_pages; i = vpin_pin_run_end(addrs, pin->nr_pages, i))
		nr++;
	if (nr * sizeof(*runs) > pin->nr_pages * sizeof(*addrs))
		return;
	runs = kvmalloc_array(nr, sizeof(*runs), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!runs)
		return;		/* the flat array serves as well */

	nr = 0;
	for (i = 0; i < pin->nr_pages; i = vpin_pin_run_end(addrs, pin->nr_pages, i)) {
		runs[nr].index = i;
		runs[nr].addr = addrs[i];
		nr++;
	}
	kvfree(addrs);
	pin->runs = runs;
	pin->nr_runs = nr;
}

/**
 * vpin_pin_create - pins a piece of the caller's memory
 * @mm: who is charged; must be the caller's
 * @uaddr: user address, in bytes, any alignment
 * @size: length in bytes, not 0
 * @writable: pin for writing
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
				 bool writable)
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

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return ERR_PTR(-ENOMEM);
	refcount_set(&pin->ref, 1);
	pin->nr_pages = nr;
	pin->writable = writable;
	pin->mm = mm;

	ret = vpin_pin_charge(mm, nr);
	if (ret)
		goto err_pin;
	pin->pages = vpin_pin_alloc_slots(nr);
	if (!pin->pages) {
		ret = -ENOMEM;
		goto err_charge;
	}
	ret = vpin_pin_pages(pin->pages, uaddr & PAGE_MASK, nr, writable);
	if (ret)
		goto err_slots;

	mmgrab(mm);
	vpin_pin_compress(pin);
	return pin;

err_slots:
	kvfree(pin->pages);
err_charge:
	vpin_pin_uncharge(mm, nr);
err_pin:
	kfree(pin);
	return ERR_PTR(ret);
}

/* Drops a reference; the last one unpins.  May sleep. */
void vpin_pin_put(struct vpin_pin *pin)
{
	if (!pin || !refcount_dec_and_test(&pin->ref))
		return;

	if (pin->nr_runs)
		vpin_pin_unpin_runs(pin);
	else
		vpin_pin_unpin_pages(pin->pages, pin->nr_pages, pin->writable);
	vpin_pin_uncharge(pin->mm, pin->nr_pages);
	mmdrop(pin->mm);
	kvfree(pin->nr_runs ? (void *)pin->runs : (void *)pin->pages);
	kfree(pin);
}

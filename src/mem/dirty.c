// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log: which pages of guest addresses were written, in a bitmap of the
 * owner's, who copies these pages to where the guest goes.
 *
 * Others set and clear bits at the same time: other workers, and whoever reads
 * the log.  So bits are set atomically, a byte at a time, since the bitmap may
 * begin and end anywhere and what is around it is no affair of ours.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <vpin/mem.h>

/* Makes the pinned pages linear; the pin begins at @uaddr. */
static int vpin_dirty_vmap(struct vpin_dirty *dirty, u64 uaddr)
{
	unsigned long nr = dirty->pin->nr_pages, i;
	u64 offset = round_down(uaddr % VPIN_CHUNK_SIZE, PAGE_SIZE);
	struct page **pages;

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		u64 before, after;

		pages[i] = virt_to_page(vpin_pin_around(dirty->pin, offset +
							(i << PAGE_SHIFT), 1,
							&before, &after));
	}
	dirty->vmapped = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!dirty->vmapped)
		return -ENOMEM;
	dirty->bits = dirty->vmapped + offset_in_page(uaddr);
	return 0;
}

/**
 * vpin_dirty_create - a dirty log in the owner's memory
 * @mem: the address space that it is of
 * @uaddr: the caller's address of the bitmap, any alignment, not 0
 * @size: its bytes, not 0
 *
 * Return: the log, or ERR_PTR: -EPERM if the caller is not the owner; -EINVAL if
 * an argument is 0; vpin_pin_create()'s.
 */
struct vpin_dirty *vpin_dirty_create(struct vpin_mem *mem, u64 uaddr, u64 size)
{
	struct vpin_dirty *dirty;
	int ret;

	if (!uaddr || !size)
		return ERR_PTR(-EINVAL);
	dirty = kzalloc(sizeof(*dirty), GFP_KERNEL_ACCOUNT);
	if (!dirty)
		return ERR_PTR(-ENOMEM);
	dirty->size = size;

	mutex_lock(&mem->lock);
	dirty->pin = vpin_mem_owned(mem) ?
		     vpin_pin_create(mem->mm, uaddr, size, true, NULL,
				     false) :
		     ERR_PTR(-EPERM);
	mutex_unlock(&mem->lock);
	ret = PTR_ERR_OR_ZERO(dirty->pin);
	if (ret)
		goto err_dirty;
	ret = vpin_dirty_vmap(dirty, uaddr);
	if (ret)
		goto err_pin;
	return dirty;

err_pin:
	vpin_pin_put(dirty->pin);
err_dirty:
	kfree(dirty);
	return ERR_PTR(ret);
}

/* Lets go of the bitmap; NULL is fine.  May sleep. */
void vpin_dirty_destroy(struct vpin_dirty *dirty)
{
	if (!dirty)
		return;
	vunmap(dirty->vmapped);
	vpin_pin_put(dirty->pin);
	kfree(dirty);
}

/* Only what is not set is written: mostly all is. */
static void vpin_dirty_set(u8 *byte, u8 bits)
{
	u8 old = READ_ONCE(*byte);

	while ((old & bits) != bits && !try_cmpxchg(byte, &old, old | bits))
		;
}

/**
 * vpin_dirty_mark - says that a stretch was written
 * @dirty: the log
 * @gpa: first GPA
 * @len: bytes; beyond the last GPA there are none
 *
 * Context: any.
 * Return: whether each of its pages has a bit; the others are left out.
 */
bool vpin_dirty_mark(struct vpin_dirty *dirty, u64 gpa, u64 len)
{
	u64 end = dirty->size * BITS_PER_BYTE;
	u64 first = gpa >> VPIN_DIRTY_SHIFT, last, wanted, i;

	if (!len)
		return true;
	wanted = (gpa + min(len - 1, U64_MAX - gpa)) >> VPIN_DIRTY_SHIFT;
	last = min(wanted, end - 1);

	/*
	 * The pages before their bits, also before one that is found set: who
	 * clears it after we look at it finds what was written.  Pairs with the
	 * barrier of who clears bits before he copies pages.
	 */
	smp_mb();
	for (i = first / BITS_PER_BYTE; i <= last / BITS_PER_BYTE; i++) {
		u8 bits = U8_MAX;

		if (i == first / BITS_PER_BYTE)
			bits &= U8_MAX << first % BITS_PER_BYTE;
		if (i == last / BITS_PER_BYTE)
			bits &= U8_MAX >> (BITS_PER_BYTE - 1 - last % BITS_PER_BYTE);
		vpin_dirty_set(&dirty->bits[i], bits);
	}
	return last == wanted;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: guest memory that is read and written all the time (rings), seen
 * as one linear piece however its pages lie.
 */
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <vpin/mem.h>

/**
 * vpin_window_phys - where a byte of guest memory is in the host's
 * @snap: the address space
 * @gpa: its guest physical address
 *
 * Return: its physical address; 0 if it is not mapped for writing, or absent.
 */
u64 vpin_window_phys(const struct vpin_snap *snap, u64 gpa)
{
	u64 len = 1;
	void *addr = vpin_snap_resolve(snap, NULL, gpa, &len, VPIN_PERM_WRITE);

	return addr ? PFN_PHYS(page_to_pfn(virt_to_page(addr))) +
		      offset_in_page(addr) : 0;
}

static int vpin_window_vmap(struct vpin_window *window,
			    const struct vpin_snap *snap, u64 gpa, u64 len,
			    u32 perm)
{
	unsigned long i = 0, in_page = 0, nr;
	struct page **pages;
	int ret = -EFAULT;

	nr = DIV_ROUND_UP(len, PAGE_SIZE) + 1;
	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;

	while (len) {
		u64 n = PAGE_SIZE;
		void *addr = vpin_snap_resolve(snap, NULL, gpa, &n, perm);

		if (!addr) {
			ret = -EAGAIN;
			goto free;
		}
		/* Only the first piece may start inside of a page. */
		if (!i)
			in_page = offset_in_page(addr);
		else if (offset_in_page(addr))
			goto free;
		n = min3(n, len, (u64)(PAGE_SIZE - offset_in_page(addr)));
		/* Only the last piece may end inside of one. */
		if (n < len && offset_in_page(addr + n))
			goto free;
		pages[i++] = virt_to_page(addr);
		gpa += n;
		len -= n;
	}

	ret = -ENOMEM;
	window->vmapped = vmap(pages, i, VM_MAP, PAGE_KERNEL);
	if (window->vmapped) {
		window->addr = window->vmapped + in_page;
		ret = 0;
	}
free:
	kvfree(pages);
	return ret;
}

/**
 * vpin_window_open - makes a stretch of guest memory linear
 * @window: what is opened
 * @snap: the address space; must be held until the window is closed
 * @gpa: first GPA
 * @len: bytes, not 0
 * @perm: VPIN_PERM_* that each byte needs
 *
 * Return: 0; -EFAULT if a byte is not mapped with @perm, or if two ranges meet
 * inside of a page; -EAGAIN if its owner has nothing there that can be pinned;
 * -ENOMEM.
 */
int vpin_window_open(struct vpin_window *window, const struct vpin_snap *snap,
		     u64 gpa, u64 len, u32 perm)
{
	u64 n = len;

	if (vpin_snap_check(snap, gpa, len, perm))
		return -EFAULT;
	window->vmapped = NULL;
	window->addr = vpin_snap_resolve(snap, NULL, gpa, &n, perm);
	if (!window->addr)
		return -EAGAIN;
	if (n == len)
		return 0;
	window->addr = NULL;
	return vpin_window_vmap(window, snap, gpa, len, perm);
}

/* Closes a window, also one that never opened but is zeroed.  May sleep. */
void vpin_window_close(struct vpin_window *window)
{
	if (window->vmapped)
		vunmap(window->vmapped);
	window->addr = NULL;
	window->vmapped = NULL;
}

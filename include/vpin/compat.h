/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the supported kernels.  The rest of the source reads as
 * if only the newest one existed.
 */
#ifndef _VPIN_COMPAT_H
#define _VPIN_COMPAT_H

#include <linux/version.h>
#include <linux/blkdev.h>
#include <linux/eventfd.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/vhost.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "vhost-pin needs Linux 6.1 or newer"
#endif

#ifndef CONFIG_64BIT
#error "vhost-pin reaches pinned pages through the direct map: 64-bit kernels only"
#endif

/*
 * Threads of a user's process that run kernel code; 6.10 has them tell when they
 * are killed.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0) && \
	IS_ENABLED(CONFIG_VHOST_TASK)
#include <linux/sched/vhost_task.h>
#define VPIN_HAS_VHOST_TASK
#endif

/* 6.8 dropped the count: every caller passed 1. */
static inline void vpin_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/*
 * Pins up to @nr pages of @mm for long, with GUP's @flags.  What comes from a file
 * system or a monitor of the owner's may never come: who is killed waits no more.
 *
 * Before 6.5 who pins for long cannot let go of the lock while a page is faulted
 * in: so that is done before.
 */
static inline long vpin_pin_pages_of(struct mm_struct *mm, unsigned long start,
				     int nr, unsigned int flags,
				     struct page **pages)
{
	int locked = 1;
	long ret;

	if (mm == current->mm)
		return pin_user_pages_fast(start, nr, flags, pages);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	ret = get_user_pages_remote(mm, start, nr, flags & ~FOLL_LONGTERM, NULL,
				    NULL, &locked);
	if (!locked && mmap_read_lock_killable(mm))
		return -EINTR;
	locked = 1;
	if (ret > 0)
		ret = pin_user_pages_remote(mm, start, ret, flags, pages, NULL,
					    NULL);
#else
	ret = pin_user_pages_remote(mm, start, nr, flags, pages, &locked);
#endif
	if (locked)
		mmap_read_unlock(mm);
	return ret;
}

/*
 * Whether a page of @vma may be some file system's to bring.  To be told not to wait
 * (FOLL_NOWAIT) is enough for others: for memory, and for who monitors it; but not
 * for a file, whose page is read by who faults it in if it cannot be read ahead.
 */
static inline bool vpin_vma_is_file(const struct vm_area_struct *vma)
{
	return vma->vm_file && !vma_is_anonymous((struct vm_area_struct *)vma) &&
	       !is_vm_hugetlb_page((struct vm_area_struct *)vma) &&
	       file_inode(vma->vm_file)->i_sb->s_magic != TMPFS_MAGIC;
}

/* As vpin_pin_pages_of(), for who must not wait: as many as are there at once. */
static inline long vpin_pin_pages_now(struct mm_struct *mm, unsigned long start,
				      int nr, unsigned int flags,
				      struct page **pages)
{
	struct vm_area_struct *vma;
	long ret = -EFAULT;

	/* Who waits for a page has let go of it. */
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, start);
	if (vma) {
		flags |= vpin_vma_is_file(vma) ? FOLL_NOFAULT : FOLL_NOWAIT;
		nr = min_t(unsigned long, nr, (vma->vm_end - start) >> PAGE_SHIFT);
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
		ret = pin_user_pages_remote(mm, start, nr, flags, pages, NULL,
					    NULL);
#else
		ret = pin_user_pages_remote(mm, start, nr, flags, pages, NULL);
#endif
	}
	mmap_read_unlock(mm);
	return ret;
}

/*
 * The pages that are mapped at @start in @mm, with a reference on each, up to the
 * first of @nr where none is.  Nothing is faulted in, and no permission needed.
 * FOLL_DUMP says to 6.1's huge pages what FOLL_NOFAULT says to all others.
 */
static inline long vpin_get_mapped_pages(struct mm_struct *mm,
					 unsigned long start, unsigned long nr,
					 struct page **pages)
{
	unsigned int flags = FOLL_NOFAULT | FOLL_DUMP | FOLL_FORCE;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL, NULL);
#else
	return get_user_pages_remote(mm, start, nr, flags, pages, NULL);
#endif
}

/*
 * Pins up to @nr of @mm's pages for long: as pin_user_pages_fast(); but if it is to
 * be @now, only what need not be waited for.
 *
 * Before 6.2 a pin for reading left the zero page, and pages shared after a
 * fork, in place: a later write of the process went to another page.  Drivers
 * had to force a private copy, which only a shared mapping, where nothing is
 * copied, refuses.  Force also opens what the process may not read: that is
 * tried first.
 */
static inline int vpin_pin_user_pages(struct mm_struct *mm, unsigned long start,
				      int nr, bool writable, bool now,
				      struct page **pages)
{
	long (*pin)(struct mm_struct *mm, unsigned long start, int nr,
		    unsigned int flags, struct page **pages) =
		now ? vpin_pin_pages_now : vpin_pin_pages_of;
	unsigned int flags = FOLL_LONGTERM | (writable ? FOLL_WRITE : 0);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	if (!writable) {
		int ret = pin(mm, start, nr, flags, pages);

		if (ret <= 0)
			return ret;
		nr = ret;
		unpin_user_pages(pages, nr);
		ret = pin(mm, start, nr, flags | FOLL_WRITE | FOLL_FORCE, pages);
		if (ret != -EFAULT)
			return ret;
	}
#endif
	return pin(mm, start, nr, flags, pages);
}

/* 6.11 made it one of the queue's limits. */
static inline bool vpin_bdev_can_poll(struct block_device *bdev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	return test_bit(QUEUE_FLAG_POLL, &bdev_get_queue(bdev)->queue_flags);
#else
	return bdev_get_queue(bdev)->limits.features & BLK_FEAT_POLL;
#endif
}

/* A device that takes writes in order only.  6.8 knows no other zoned ones. */
static inline bool vpin_bdev_is_zoned(struct block_device *bdev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return bdev_zoned_model(bdev) == BLK_ZONED_HM;
#else
	return bdev_is_zoned(bdev);
#endif
}

/* Whether a file's data must not change while it is written.  6.7 asks each. */
static inline bool vpin_mapping_stable_writes(struct address_space *mapping)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return mapping->host->i_sb->s_iflags & SB_I_STABLE_WRITES;
#else
	return mapping_stable_writes(mapping);
#endif
}

/* A string of a trace event.  Since 6.10 the event knows what of. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define vpin_assign_str(dst, src)	__assign_str(dst, src)
#else
#define vpin_assign_str(dst, src)	__assign_str(dst)
#endif

/* The vhost ABI grew; what an older kernel's header lacks, in order of number. */
#ifndef VHOST_VDPA_RESUME			/* 6.6 */
#define VHOST_VDPA_RESUME		_IO(VHOST_VIRTIO, 0x7E)
#endif
#ifndef VHOST_VDPA_GET_VRING_DESC_GROUP		/* 6.7 */
#define VHOST_VDPA_GET_VRING_DESC_GROUP	_IOWR(VHOST_VIRTIO, 0x7F, \
					      struct vhost_vring_state)
#endif
#ifndef VHOST_VDPA_GET_VRING_SIZE		/* 6.9 */
#define VHOST_VDPA_GET_VRING_SIZE	_IOWR(VHOST_VIRTIO, 0x82, \
					      struct vhost_vring_state)
#endif
#ifndef VHOST_BACKEND_F_RESUME			/* 6.6 */
#define VHOST_BACKEND_F_RESUME			0x5
#endif
#ifndef VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK	/* 6.6 */
#define VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK	0x6
#endif
#ifndef VHOST_BACKEND_F_IOTLB_PERSIST		/* 6.7 */
#define VHOST_BACKEND_F_IOTLB_PERSIST		0x8
#endif

#endif /* _VPIN_COMPAT_H */

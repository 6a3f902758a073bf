/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vhost-pin: the ioctls of /dev/vhost-pin that the stock vhost headers do not
 * have.
 *
 * Each open of /dev/vhost-pin is a blank device.  VPIN_ATTACH makes it a
 * virtio device of the given type, served from the given backend.  From then
 * on the file answers the stock ioctls (<linux/vhost.h>) of the chosen ABI,
 * those of this header, and no others.
 */
#ifndef _UAPI_LINUX_VHOST_PIN_H
#define _UAPI_LINUX_VHOST_PIN_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VPIN_IOC_TYPE		0xBE

/* Longest serial number of a virtio-blk device, in bytes, without a NUL. */
#define VPIN_SERIAL_LEN		20

/* Largest ring that a queue can have, in descriptors. */
#define VPIN_QUEUE_SIZE_MAX	1024

/* Smallest that a device may be limited to: a request takes three. */
#define VPIN_QUEUE_SIZE_MIN	4

/* Largest block size that a disk may be given, in bytes. */
#define VPIN_BLOCK_SIZE_MAX	4096

/* Most request queues that a device can have. */
#define VPIN_QUEUES_MAX		64

/* Longest time of busy polling, in microseconds. */
#define VPIN_BUSYLOOP_MAX	1000000

/* vpin_attach.abi: what the file speaks after the attach. */
#define VPIN_ABI_VDPA		0	/* stock vhost-vdpa */

/* vpin_attach.flags */
#define VPIN_ATTACH_RO		(1ULL << 0)	/* the guest may not write */
#define VPIN_ATTACH_BUFFERED	(1ULL << 1)	/* the backend's page cache is used
						 * even where direct I/O could be
						 */
#define VPIN_ATTACH_POLL	(1ULL << 2)	/* a queue's thread polls the block
						 * device for what has ended, all
						 * the time while it waits for it
						 */
#define VPIN_ATTACH_NICE	(1ULL << 3)	/* the device's threads are as nice
						 * as @nice says, not as the owner
						 */
#define VPIN_ATTACH_WRITETHROUGH (1ULL << 4)	/* a write is stable when it ends,
						 * whatever the guest says
						 */
#define VPIN_ATTACH_NO_DISCARD	(1ULL << 5)	/* the guest cannot deallocate */
#define VPIN_ATTACH_HOLES	(1ULL << 6)	/* memory that cannot be pinned does
						 * not keep the device from
						 * starting: requests that need it
						 * fail
						 */
#define VPIN_ATTACH_LIVE_SETUP	(1ULL << 7)	/* a stopped queue can be set up
						 * while others run
						 */
#define VPIN_ATTACH_LAZY	(1ULL << 8)	/* what is mapped is pinned page by
						 * page when it is first accessed;
						 * huge pages, and all where the
						 * kernel has no MMU notifiers, when
						 * they are mapped
						 */
#define VPIN_ATTACH_FLAGS	(VPIN_ATTACH_RO | VPIN_ATTACH_BUFFERED | \
				 VPIN_ATTACH_POLL | VPIN_ATTACH_NICE | \
				 VPIN_ATTACH_WRITETHROUGH | \
				 VPIN_ATTACH_NO_DISCARD | VPIN_ATTACH_HOLES | \
				 VPIN_ATTACH_LIVE_SETUP | VPIN_ATTACH_LAZY)

/**
 * struct vpin_attach - argument of VPIN_ATTACH
 * @size: sizeof(struct vpin_attach) as the caller knows it, in bytes; fields
 *	that the kernel knows and the caller does not count as zero
 * @device_type: a VIRTIO_ID_* of <linux/virtio_ids.h>; VIRTIO_ID_BLOCK (2)
 * @abi: a VPIN_ABI_*
 * @backend_fd: an open block device or regular file; the module keeps its own
 *	reference, and never gets more access than the open file has.  A file
 *	that is not open for writing needs VPIN_ATTACH_RO.
 * @flags: VPIN_ATTACH_*
 * @num_queues: request queues, 1 to VPIN_QUEUES_MAX; 0 stands for 1
 * @queue_size: largest ring that a driver may choose, in descriptors, a power
 *	of two, VPIN_QUEUE_SIZE_MIN to VPIN_QUEUE_SIZE_MAX; 0 stands for the
 *	largest
 * @busyloop_us: how long a queue's thread looks for more to do, at the most,
 *	before it sleeps, in microseconds, up to VPIN_BUSYLOOP_MAX; 0 for not at
 *	all.  VHOST_SET_VRING_BUSYLOOP_TIMEOUT changes it for a queue.
 * @serial: the disk's serial number, padded with NULs; need not end in one
 * @nice: nice value of the device's threads, -20 to 19, with VPIN_ATTACH_NICE; a
 *	lower one than the caller's takes what it takes in nice(2): RLIMIT_NICE
 *	or CAP_SYS_NICE.  Without the flag it must be 0.
 * @num_workers: threads that the queues are given to in turn, up to
 *	@num_queues; 0 stands for one each.  A queue that never runs costs none.
 * @reserved: 0
 * @logical_block_size: smallest unit of transfer that the guest is told, in
 *	bytes, a power of two, 512 to VPIN_BLOCK_SIZE_MAX; 0 stands for the
 *	backend's own.  A smaller one than the backend's is served through the
 *	backend's page cache.
 * @physical_block_size: what the guest is told to align to, in bytes, a power of
 *	two, not smaller than the logical one; 0 stands for the backend's own
 * @reserved2: 0
 */
struct vpin_attach {
	__u32 size;
	__u32 device_type;
	__u32 abi;
	__s32 backend_fd;
	__u64 flags;
	__u16 num_queues;
	__u16 queue_size;
	__u32 busyloop_us;
	__u8  serial[VPIN_SERIAL_LEN];
	__s32 nice;
	__u16 num_workers;
	__u16 reserved;
	__u32 logical_block_size;
	__u32 physical_block_size;
	__u32 reserved2;
};

/*
 * VPIN_ATTACH: makes a blank device a virtio device.
 *
 * Returns 0, or -1 with errno
 *  EBUSY	the file is attached already
 *  EINVAL	a field is out of range, the size is too small, or the backend
 *		is neither a block device nor a regular file
 *  E2BIG	the size is larger than the kernel's and the rest is not zero
 *  EOPNOTSUPP	the device type, the ABI or a flag is not known, or
 *		VPIN_ATTACH_POLL is set and the backend is not a block device
 *		with queues for polled I/O
 *  EBADF	@backend_fd is not open, or only for writing
 *  EPERM	@nice is lower than the caller may have it
 *  EROFS	@backend_fd is not open for writing and VPIN_ATTACH_RO is unset
 *  EFAULT	the argument cannot be read
 *  ENOMEM	no memory
 */
#define VPIN_ATTACH		_IO(VPIN_IOC_TYPE, 0x00)

/**
 * struct vpin_log - argument of VPIN_SET_LOG
 * @uaddr: the caller's address of a bitmap, any alignment; it should be a shared
 *	mapping, and is pinned until it is replaced
 * @size: bytes of it; both 0 for none
 *
 * Bit n % 8 of byte n / 8 is the page [n * 4096, (n + 1) * 4096) of guest
 * addresses, whatever the host's pages and byte order are.
 */
struct vpin_log {
	__u64 uaddr;
	__u64 size;
};

/*
 * VPIN_SET_LOG: has the device set the bit of each page that it writes.
 *
 * Bits are set atomically and never cleared.  Pages without a bit are not
 * logged.  When it returns nothing more is written to the bitmap before.
 * Returns 0, or -1 with errno
 *  ENODEV	the device has no owner
 *  EPERM	the caller is not the owner
 *  EINVAL	one of address and size is 0 and the other is not, or they wrap
 *  EFAULT	the argument cannot be read, or the bitmap cannot be pinned for
 *		writing
 *  ENOMEM	over RLIMIT_MEMLOCK, or no memory
 *  EINTR	killed while what was in flight ended; nothing has changed
 */
#define VPIN_SET_LOG		_IOW(VPIN_IOC_TYPE, 0x01, struct vpin_log)

/*
 * VPIN_RESIZE: looks how large the backend is now, and tells the driver.
 *
 * Returns 0, or -1 with errno
 *  ENODEV	the device has no owner
 *  EPERM	the caller is not the owner
 *  EINVAL	the backend's length is not whole logical blocks
 *  EOPNOTSUPP	the device's type has no size
 *  ENOMEM	no memory
 *  EINTR	killed while the backend did not answer
 *  or what the backend's file system says; nothing has changed then
 */
#define VPIN_RESIZE		_IO(VPIN_IOC_TYPE, 0x02)

#endif /* _UAPI_LINUX_VHOST_PIN_H */

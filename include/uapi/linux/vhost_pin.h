/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vhost-pin: the ioctls of /dev/vhost-pin that the stock vhost headers do not
 * have.
 *
 * Each open of /dev/vhost-pin is a blank device.  VPIN_ATTACH makes it a
 * virtio device of the given type, served from the given backend.  From then
 * on the file answers the stock ioctls (<linux/vhost.h>) of the chosen ABI
 * and no others.
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

/* Most request queues that a device can have. */
#define VPIN_QUEUES_MAX		64

/* Longest time of busy polling, in microseconds. */
#define VPIN_BUSYLOOP_MAX	1000000

/* vpin_attach.abi: what the file speaks after the attach. */
#define VPIN_ABI_VDPA		0	/* stock vhost-vdpa */

/* vpin_attach.flags */
#define VPIN_ATTACH_RO		(1ULL << 0)	/* the guest may not write */
#define VPIN_ATTACH_BUFFERED	(1ULL << 1)	/* a file's page cache is used even
						 * where direct I/O could be
						 */
#define VPIN_ATTACH_POLL	(1ULL << 2)	/* a queue's thread polls the block
						 * device for what has ended, all
						 * the time while it waits for it
						 */
#define VPIN_ATTACH_NICE	(1ULL << 3)	/* queues' threads are as nice as
						 * @nice says, not as whoever
						 * starts them
						 */
#define VPIN_ATTACH_FLAGS	(VPIN_ATTACH_RO | VPIN_ATTACH_BUFFERED | \
				 VPIN_ATTACH_POLL | VPIN_ATTACH_NICE)

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
 *	of two up to VPIN_QUEUE_SIZE_MAX; 0 stands for VPIN_QUEUE_SIZE_MAX
 * @busyloop_us: how long a queue's thread looks for more to do, at the most,
 *	before it sleeps, in microseconds, up to VPIN_BUSYLOOP_MAX; 0 for not at
 *	all.  VHOST_SET_VRING_BUSYLOOP_TIMEOUT changes it for a queue.
 * @serial: the disk's serial number, padded with NULs; need not end in one
 * @nice: nice value of the queues' threads, -20 to 19, with VPIN_ATTACH_NICE; a
 *	lower one than the caller's takes what it takes in nice(2): RLIMIT_NICE
 *	or CAP_SYS_NICE.  Without the flag it must be 0.
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

#endif /* _UAPI_LINUX_VHOST_PIN_H */

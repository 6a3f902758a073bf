/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * <linux/vhost.h>, with what newer kernels' headers have and the oldest
 * supported distribution's (Linux 6.1) lack.  The numbers are ABI.
 */
#ifndef VPIN_TESTS_VHOST_COMPAT_H
#define VPIN_TESTS_VHOST_COMPAT_H

#include <linux/vhost.h>

#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME		_IO(VHOST_VIRTIO, 0x7E)
#endif
#ifndef VHOST_VDPA_GET_VRING_DESC_GROUP
#define VHOST_VDPA_GET_VRING_DESC_GROUP	_IOWR(VHOST_VIRTIO, 0x7F, struct vhost_vring_state)
#endif
#ifndef VHOST_VDPA_GET_VRING_SIZE
#define VHOST_VDPA_GET_VRING_SIZE	_IOWR(VHOST_VIRTIO, 0x82, struct vhost_vring_state)
#endif
#ifndef VHOST_NEW_WORKER
#define VHOST_NEW_WORKER		_IOR(VHOST_VIRTIO, 0x8, __u32)
#endif

/* Backend features, as bits of the word and not as the headers' numbers. */
#define BACKEND_MSG_V2			(1ULL << 1)
#define BACKEND_BATCH			(1ULL << 2)
#define BACKEND_ASID			(1ULL << 3)
#define BACKEND_SUSPEND			(1ULL << 4)
#define BACKEND_RESUME			(1ULL << 5)
#define BACKEND_ENABLE_AFTER_DRIVER_OK	(1ULL << 6)
#define BACKEND_DESC_ASID		(1ULL << 7)
#define BACKEND_PERSIST			(1ULL << 8)

#endif

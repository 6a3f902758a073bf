/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _CORE_LINUX_VIRTIO_BYTEORDER_H
#define _CORE_LINUX_VIRTIO_BYTEORDER_H

#include <asm/byteorder.h>
#include <linux/types.h>
#include <linux/virtio_types.h>

#define VIRTIO_BYTEORDER(bits)						\
static inline u##bits __virtio##bits##_to_cpu(bool little,		\
					      __virtio##bits v)		\
{									\
	return little ? __le##bits##_to_cpu(v) : __be##bits##_to_cpu(v);	\
}									\
									\
static inline __virtio##bits __cpu_to_virtio##bits(bool little, u##bits v) \
{									\
	return little ? __cpu_to_le##bits(v) : __cpu_to_be##bits(v);	\
}

VIRTIO_BYTEORDER(16)
VIRTIO_BYTEORDER(32)
VIRTIO_BYTEORDER(64)

#undef VIRTIO_BYTEORDER

#endif /* _CORE_LINUX_VIRTIO_BYTEORDER_H */

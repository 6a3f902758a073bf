// SPDX-License-Identifier: GPL-2.0-only
/*
 * The messages of the vhost-vdpa ABI: a write() maps or unmaps guest memory.
 *
 * Both message formats are taken at any time: libblkio writes the first one
 * whatever it negotiated, QEMU the second.
 */
#include <linux/uio.h>
#include <linux/vhost.h>
#include <linux/vhost_types.h>
#include "vdpa.h"

/* Bytes of a message up to and with what it means; the rest is padding. */
#define VPIN_MSG_SIZE \
	(offsetof(struct vhost_msg_v2, iotlb) + sizeof(struct vhost_iotlb_msg))

static_assert(offsetof(struct vhost_msg, iotlb) ==
	      offsetof(struct vhost_msg_v2, iotlb));
static_assert(VPIN_PERM_READ == VHOST_ACCESS_RO);
static_assert(VPIN_PERM_WRITE == VHOST_ACCESS_WO);

static int vpin_vdpa_message(struct vpin_dev *dev,
			     const struct vhost_iotlb_msg *msg)
{
	switch (msg->type) {
	case VHOST_IOTLB_UPDATE:
		return vpin_dev_map(dev, msg->iova, msg->size, msg->uaddr,
				    msg->perm);
	case VHOST_IOTLB_INVALIDATE:
		return vpin_dev_unmap(dev, msg->iova, msg->size);
	case VHOST_IOTLB_BATCH_BEGIN:
		return vpin_dev_map_begin(dev);
	case VHOST_IOTLB_BATCH_END:
		return vpin_dev_map_end(dev);
	default:
		return -EINVAL;
	}
}

/**
 * vpin_vdpa_write - takes one message
 * @dev: the device
 * @from: the message; at least VPIN_MSG_SIZE bytes
 *
 * Return: the bytes written; -EINVAL if it is too short, of an unknown format,
 * or maps nothing; -EFAULT for every other refusal, as the reference does it.
 * The log has the reason.
 */
ssize_t vpin_vdpa_write(struct vpin_dev *dev, struct iov_iter *from)
{
	size_t count = iov_iter_count(from);
	struct vhost_msg_v2 msg = {};
	int ret;

	if (count < VPIN_MSG_SIZE)
		return -EINVAL;
	if (!copy_from_iter_full(&msg, VPIN_MSG_SIZE, from))
		return -EFAULT;

	/* The first format has padding, and so garbage, where asid is. */
	if (msg.type == VHOST_IOTLB_MSG)
		msg.asid = 0;
	else if (msg.type != VHOST_IOTLB_MSG_V2)
		return -EINVAL;
	else if (!(dev->backend_features & BIT_ULL(VHOST_BACKEND_F_IOTLB_ASID)))
		msg.asid = 0;

	if (msg.iotlb.type == VHOST_IOTLB_UPDATE && !msg.iotlb.size)
		return -EINVAL;
	ret = msg.asid ? -EINVAL : vpin_vdpa_message(dev, &msg.iotlb);
	if (ret == -EINTR)
		return ret;
	if (ret) {
		vpin_dev_notice(dev, "IOTLB message %u refused (%d)\n",
				msg.iotlb.type, ret);
		return -EFAULT;
	}
	return count;
}

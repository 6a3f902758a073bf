// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dev.h"

static int attach(struct dev *dev, int backend_fd)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.backend_fd = backend_fd,
		.flags = dev->options.attach_flags,
		.nice = dev->options.nice,
		.logical_block_size = dev->options.logical,
		.physical_block_size = dev->options.physical,
		.num_queues = dev->options.queues,
		.num_workers = dev->options.workers,
	};

	if (dev->options.serial)
		memcpy(attach.serial, dev->options.serial,
		       strnlen(dev->options.serial, sizeof(attach.serial)));
	return vpin_attach(dev->fd, &attach);
}

static int init_queues(struct dev *dev)
{
	const struct dev_options *options = &dev->options;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < options->queues; i++)
		ret = vq_init(&dev->vqs[i], &dev->guest, i, options->queue_size,
			      options->ring_offset,
			      dev->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
			      !options->direct &&
			      dev->features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC));
	return ret;
}

int dev_open(struct dev *dev, int backend_fd, const struct dev_options *options)
{
	return dev_open_as(dev, vpin_open(), backend_fd, options);
}

int dev_open_as(struct dev *dev, int fd, int backend_fd, const struct dev_options *options)
{
	int ret;

	memset(dev, 0, sizeof(*dev));
	if (options)
		dev->options = *options;
	if (!dev->options.queues)
		dev->options.queues = 1;
	if (!dev->options.queue_size)
		dev->options.queue_size = 256;
	if (!dev->options.memory)
		dev->options.memory = 8 << 20;

	dev->fd = fd;
	if (dev->fd < 0)
		return dev->fd;
	ret = guest_init(&dev->guest, dev->options.memory, dev->options.iova);
	if (ret)
		goto close;

	ret = attach(dev, backend_fd);
	if (!ret)
		ret = vdpa_get_features(dev->fd, &dev->offered);
	if (ret)
		goto free;

	dev->features = dev->offered & ~dev->options.without;
	ret = init_queues(dev);
	if (!ret)
		ret = vdpa_set_owner(dev->fd);
	if (!ret)
		ret = vdpa_map(dev->fd, dev->options.v1 ? MSG_V1 : MSG_V2,
			       dev->guest.iova, dev->guest.size,
			       dev->guest.memory, VHOST_ACCESS_RW);
	if (!ret)
		return 0;
free:
	guest_free(&dev->guest);
close:
	close(dev->fd);
	dev->fd = -1;
	return ret;
}

int dev_start(struct dev *dev)
{
	unsigned int i;
	int ret;

	ret = vdpa_set_status(dev->fd, STATUS_FOUND);
	if (!ret)
		ret = vdpa_set_features(dev->fd, dev->features);
	if (!ret)
		ret = vdpa_set_status(dev->fd, STATUS_FEATURES);
	for (i = 0; !ret && i < dev->options.queues; i++)
		ret = vq_setup(&dev->vqs[i], dev->fd);
	if (!ret)
		ret = vdpa_set_status(dev->fd, STATUS_RUNNING);
	return ret;
}

int dev_stop(struct dev *dev)
{
	unsigned int i;
	int ret = vdpa_set_status(dev->fd, 0);

	for (i = 0; !ret && i < dev->options.queues; i++)
		vq_reset(&dev->vqs[i]);
	return ret;
}

int dev_stop_and_cont(struct dev *dev)
{
	unsigned int i;
	int ret = vdpa_suspend(dev->fd);

	for (i = 0; !ret && i < dev->options.queues; i++)
		if (vdpa_get_vring_base(dev->fd, i) != dev->vqs[i].next_used)
			ret = -EBADMSG;
	if (!ret)
		ret = vdpa_set_status(dev->fd, 0);
	return ret ?: dev_start(dev);
}

void dev_close(struct dev *dev)
{
	unsigned int i;

	if (dev->fd < 0)
		return;
	close(dev->fd);
	dev->fd = -1;
	for (i = 0; i < dev->options.queues; i++)
		vq_free(&dev->vqs[i]);
	guest_free(&dev->guest);
}

int dev_run(struct dev *dev, int backend_fd, const struct dev_options *options)
{
	int ret = dev_open(dev, backend_fd, options);

	if (ret)
		return ret;
	ret = dev_start(dev);
	if (ret)
		dev_close(dev);
	return ret;
}

uint64_t dev_capacity(const struct dev *dev)
{
	__le64 capacity = 0;

	vdpa_get_config(dev->fd, offsetof(struct virtio_blk_config, capacity),
			sizeof(capacity), &capacity);
	return le64toh(capacity);
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "device.h"

#define STATUS_FOUND	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define STATUS_FEATURES	(STATUS_FOUND | VIRTIO_CONFIG_S_FEATURES_OK)
#define STATUS_RUNNING	(STATUS_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

static int call(struct device *device, unsigned long request, void *arg)
{
	return ioctl(device->fd, request, arg) < 0 ? -errno : 0;
}

static int set_status(struct device *device, uint8_t status)
{
	return call(device, VHOST_VDPA_SET_STATUS, &status);
}

static int set_state(struct device *device, unsigned long request, unsigned int index,
		     unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	return call(device, request, &state);
}

static int set_file(struct device *device, unsigned long request, unsigned int index, int fd)
{
	struct vhost_vring_file file = { .index = index, .fd = fd };

	return call(device, request, &file);
}

int device_init(struct device *device, int fd)
{
	uint32_t num_queues, config_size;
	uint16_t queue_size;
	int ret;

	*device = (struct device){ .fd = fd };
	ret = call(device, VHOST_GET_FEATURES, &device->offered) ?:
	      call(device, VHOST_VDPA_GET_VQS_COUNT, &num_queues) ?:
	      call(device, VHOST_VDPA_GET_VRING_NUM, &queue_size) ?:
	      call(device, VHOST_VDPA_GET_CONFIG_SIZE, &config_size) ?:
	      call(device, VHOST_SET_OWNER, NULL);
	if (ret)
		return ret;
	device->num_queues = num_queues;
	device->queue_size = queue_size;
	device->config_size = config_size;
	device->config_call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (device->config_call < 0)
		return -errno;
	return call(device, VHOST_VDPA_SET_CONFIG_CALL, &device->config_call);
}

int device_set_features(struct device *device, uint64_t features)
{
	if (device->running && features != device->features)
		return -EBUSY;
	device->features = features;
	return 0;
}

int device_get_config(struct device *device, uint32_t offset, uint32_t size, void *data)
{
	struct vhost_vdpa_config *config;
	uint32_t there = 0;
	int ret = 0;

	memset(data, 0, size);
	if (offset < device->config_size)
		there = size < device->config_size - offset ? size : device->config_size - offset;
	if (!there)
		return 0;
	config = calloc(1, sizeof(*config) + there);
	if (!config)
		return -ENOMEM;
	config->off = offset;
	config->len = there;
	ret = call(device, VHOST_VDPA_GET_CONFIG, config);
	if (!ret)
		memcpy(data, config->buf, there);
	free(config);
	return ret;
}

bool device_has_broken(struct device *device)
{
	bool before = device->broken;
	uint8_t status = 0;

	call(device, VHOST_VDPA_GET_STATUS, &status);
	device->broken = status & VIRTIO_CONFIG_S_NEEDS_RESET;
	return device->broken && !before;
}

int device_reset(struct device *device)
{
	int ret = set_status(device, 0);

	if (!ret) {
		device->running = 0;
		device->broken = false;
	}
	return ret;
}

static int iotlb(struct device *device, const struct vhost_iotlb_msg *iotlb)
{
	struct vhost_msg_v2 msg = { .type = VHOST_IOTLB_MSG_V2, .iotlb = *iotlb };

	return write(device->fd, &msg, sizeof(msg)) < 0 ? -errno : 0;
}

int device_map(struct device *device, uint64_t gpa, uint64_t size, const void *uaddr)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_UPDATE,
		.iova = gpa,
		.size = size,
		.uaddr = (uintptr_t)uaddr,
		.perm = VHOST_ACCESS_RW,
	};

	return iotlb(device, &msg);
}

int device_unmap(struct device *device, uint64_t gpa, uint64_t size)
{
	const struct vhost_iotlb_msg msg = {
		.type = VHOST_IOTLB_INVALIDATE,
		.iova = gpa,
		.size = size,
	};

	return iotlb(device, &msg);
}

int device_batch_begin(struct device *device)
{
	const struct vhost_iotlb_msg msg = { .type = VHOST_IOTLB_BATCH_BEGIN };

	return iotlb(device, &msg);
}

int device_batch_end(struct device *device)
{
	const struct vhost_iotlb_msg msg = { .type = VHOST_IOTLB_BATCH_END };

	return iotlb(device, &msg);
}

int device_set_kick(struct device *device, unsigned int index, int eventfd)
{
	return set_file(device, VHOST_SET_VRING_KICK, index, eventfd);
}

int device_set_call(struct device *device, unsigned int index, int eventfd)
{
	return set_file(device, VHOST_SET_VRING_CALL, index, eventfd);
}

int device_set_err(struct device *device, unsigned int index, int eventfd)
{
	return set_file(device, VHOST_SET_VRING_ERR, index, eventfd);
}

static int set_ring(struct device *device, unsigned int index, const struct device_ring *ring)
{
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = ring->desc,
		.avail_user_addr = ring->avail,
		.used_user_addr = ring->used,
	};

	return set_state(device, VHOST_SET_VRING_NUM, index, ring->num) ?:
	       call(device, VHOST_SET_VRING_ADDR, &addr);
}

static int take_features(struct device *device)
{
	return set_status(device, STATUS_FOUND) ?:
	       call(device, VHOST_SET_FEATURES, &device->features) ?:
	       set_status(device, STATUS_FEATURES);
}

int device_set_ring(struct device *device, unsigned int index, const struct device_ring *ring)
{
	int ret = device->running ? 0 : take_features(device);

	ret = ret ?: set_ring(device, index, ring);
	if (ret && !device->running)
		set_status(device, 0);
	return ret;
}

int device_start_queue(struct device *device, unsigned int index, uint16_t base)
{
	int ret = set_state(device, VHOST_SET_VRING_BASE, index, base) ?:
		  set_state(device, VHOST_VDPA_SET_VRING_ENABLE, index, 1);

	if (!device->running) {
		ret = ret ?: set_status(device, STATUS_RUNNING);
		if (ret)
			set_status(device, 0);
	}
	if (!ret)
		device->running++;
	return ret;
}

int device_stop_queue(struct device *device, unsigned int index)
{
	struct vhost_vring_state state = { .index = index };
	int ret;

	ret = set_state(device, VHOST_VDPA_SET_VRING_ENABLE, index, 0) ?:
	      call(device, VHOST_GET_VRING_BASE, &state);
	if (ret)
		return ret;
	if (!--device->running) {
		ret = device_reset(device);
		if (ret)
			return ret;
	}
	return state.num;
}

int device_set_log(struct device *device, const void *bitmap, size_t size)
{
	struct vpin_log log = { .uaddr = (uintptr_t)bitmap, .size = bitmap ? size : 0 };

	return call(device, VPIN_SET_LOG, &log);
}

int device_resize(struct device *device)
{
	return call(device, VPIN_RESIZE, NULL);
}

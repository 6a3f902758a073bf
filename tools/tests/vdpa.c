// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vdpa.h"

int vpin_open(void)
{
	int fd = open(VPIN_NODE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vdpa_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vpin_attach(int fd, const struct vpin_attach *attach)
{
	return vdpa_ioctl(fd, VPIN_ATTACH, (void *)attach);
}

int vpin_attach_default(int fd, int backend_fd, uint64_t flags)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.backend_fd = backend_fd,
		.flags = flags,
	};

	return vpin_attach(fd, &attach);
}

int vdpa_get_features(int fd, uint64_t *features)
{
	return vdpa_ioctl(fd, VHOST_GET_FEATURES, features);
}

int vdpa_set_features(int fd, uint64_t features)
{
	return vdpa_ioctl(fd, VHOST_SET_FEATURES, &features);
}

int vdpa_get_backend_features(int fd, uint64_t *features)
{
	return vdpa_ioctl(fd, VHOST_GET_BACKEND_FEATURES, features);
}

int vdpa_set_backend_features(int fd, uint64_t features)
{
	return vdpa_ioctl(fd, VHOST_SET_BACKEND_FEATURES, &features);
}

int vdpa_set_owner(int fd)
{
	return vdpa_ioctl(fd, VHOST_SET_OWNER, NULL);
}

int vdpa_get_status(int fd)
{
	uint8_t status = 0;
	int ret = vdpa_ioctl(fd, VHOST_VDPA_GET_STATUS, &status);

	return ret ? ret : status;
}

int vdpa_set_status(int fd, uint8_t status)
{
	return vdpa_ioctl(fd, VHOST_VDPA_SET_STATUS, &status);
}

int vdpa_suspend(int fd)
{
	return vdpa_ioctl(fd, VHOST_VDPA_SUSPEND, NULL);
}

int vdpa_resume(int fd)
{
	return vdpa_ioctl(fd, VHOST_VDPA_RESUME, NULL);
}

static int config_ioctl(int fd, unsigned long request, uint32_t offset,
			uint32_t length, void *data, size_t size)
{
	struct vhost_vdpa_config *config;
	int ret;

	config = calloc(1, sizeof(*config) + size);
	if (!config)
		return -ENOMEM;
	config->off = offset;
	config->len = length;
	memcpy(config->buf, data, size);
	ret = vdpa_ioctl(fd, request, config);
	memcpy(data, config->buf, size);
	free(config);
	return ret;
}

int vdpa_get_config(int fd, uint32_t offset, uint32_t length, void *config)
{
	return config_ioctl(fd, VHOST_VDPA_GET_CONFIG, offset, length, config, length);
}

int vdpa_set_config(int fd, uint32_t offset, uint32_t length, const void *config)
{
	return config_ioctl(fd, VHOST_VDPA_SET_CONFIG, offset, length, (void *)config, length);
}

int vdpa_set_config_call(int fd, int eventfd)
{
	return vdpa_ioctl(fd, VHOST_VDPA_SET_CONFIG_CALL, &eventfd);
}

static int get_u32(int fd, unsigned long request)
{
	uint32_t value = ~0U;
	int ret = vdpa_ioctl(fd, request, &value);

	return ret ? ret : (int)value;
}

int vdpa_get_device_id(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_DEVICE_ID);
}

int vdpa_get_vqs_count(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_VQS_COUNT);
}

int vdpa_get_config_size(int fd)
{
	return get_u32(fd, VHOST_VDPA_GET_CONFIG_SIZE);
}

int vdpa_get_vring_num(int fd)
{
	uint16_t num = 0xffff;
	int ret = vdpa_ioctl(fd, VHOST_VDPA_GET_VRING_NUM, &num);

	return ret ? ret : num;
}

static int set_vring_state(int fd, unsigned long request, unsigned int index,
			   unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	return vdpa_ioctl(fd, request, &state);
}

int vdpa_set_vring_num(int fd, unsigned int index, unsigned int num)
{
	return set_vring_state(fd, VHOST_SET_VRING_NUM, index, num);
}

int vdpa_set_vring_base(int fd, unsigned int index, unsigned int base)
{
	return set_vring_state(fd, VHOST_SET_VRING_BASE, index, base);
}

int vdpa_set_vring_enable(int fd, unsigned int index, unsigned int enable)
{
	return set_vring_state(fd, VHOST_VDPA_SET_VRING_ENABLE, index, enable);
}

int vdpa_get_vring_base(int fd, unsigned int index)
{
	struct vhost_vring_state state = { .index = index };
	int ret = vdpa_ioctl(fd, VHOST_GET_VRING_BASE, &state);

	return ret ? ret : (int)state.num;
}

int vdpa_set_vring_addr(int fd, unsigned int index,
			uint64_t desc, uint64_t avail, uint64_t used)
{
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = desc,
		.avail_user_addr = avail,
		.used_user_addr = used,
		.log_guest_addr = used,
	};

	return vdpa_ioctl(fd, VHOST_SET_VRING_ADDR, &addr);
}

static int set_vring_file(int fd, unsigned long request, unsigned int index,
			  int eventfd)
{
	struct vhost_vring_file file = { .index = index, .fd = eventfd };

	return vdpa_ioctl(fd, request, &file);
}

int vdpa_set_vring_kick(int fd, unsigned int index, int eventfd)
{
	return set_vring_file(fd, VHOST_SET_VRING_KICK, index, eventfd);
}

int vdpa_set_vring_call(int fd, unsigned int index, int eventfd)
{
	return set_vring_file(fd, VHOST_SET_VRING_CALL, index, eventfd);
}

int vdpa_set_vring_err(int fd, unsigned int index, int eventfd)
{
	return set_vring_file(fd, VHOST_SET_VRING_ERR, index, eventfd);
}

int vdpa_iotlb(int fd, enum vdpa_msg version, uint32_t asid,
	       const struct vhost_iotlb_msg *iotlb)
{
	/*
	 * One layout serves both: what is asid in V2 is a hole in V1, and
	 * libblkio leaves garbage there.
	 */
	struct vhost_msg_v2 msg = {
		.type = version,
		.asid = version == MSG_V1 ? 0xdeadbeef : asid,
		.iotlb = *iotlb,
	};
	ssize_t written = write(fd, &msg, sizeof(msg));

	if (written < 0)
		return -errno;
	return written == sizeof(msg) ? 0 : -EIO;
}

int vdpa_map(int fd, enum vdpa_msg version, uint64_t iova, uint64_t size,
	     const void *address, uint8_t perm)
{
	const struct vhost_iotlb_msg msg = {
		.iova = iova,
		.size = size,
		.uaddr = (uintptr_t)address,
		.perm = perm,
		.type = VHOST_IOTLB_UPDATE,
	};

	return vdpa_iotlb(fd, version, 0, &msg);
}

int vdpa_unmap(int fd, enum vdpa_msg version, uint64_t iova, uint64_t size)
{
	const struct vhost_iotlb_msg msg = {
		.iova = iova,
		.size = size,
		.type = VHOST_IOTLB_INVALIDATE,
	};

	return vdpa_iotlb(fd, version, 0, &msg);
}

int vdpa_batch_begin(int fd)
{
	const struct vhost_iotlb_msg msg = { .type = VHOST_IOTLB_BATCH_BEGIN };

	return vdpa_iotlb(fd, MSG_V2, 0, &msg);
}

int vdpa_batch_end(int fd)
{
	const struct vhost_iotlb_msg msg = { .type = VHOST_IOTLB_BATCH_END };

	return vdpa_iotlb(fd, MSG_V2, 0, &msg);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls and messages of a vhost-pin device, one thin function each.  They
 * return 0 or what was asked for, and -errno when the kernel says no.
 */
#ifndef VPIN_TESTS_VDPA_H
#define VPIN_TESTS_VDPA_H

#include <stddef.h>
#include <stdint.h>

#include <linux/vhost_pin.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include "vhost-compat.h"

#define VPIN_NODE	"/dev/vhost-pin"

#define BIT_ULL(nr)	(1ULL << (nr))

/* Status values on the way up. */
#define STATUS_FOUND	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define STATUS_FEATURES	(STATUS_FOUND | VIRTIO_CONFIG_S_FEATURES_OK)
#define STATUS_RUNNING	(STATUS_FEATURES | VIRTIO_CONFIG_S_DRIVER_OK)

/* A blank device: the open file. */
int vpin_open(void);
int vpin_attach(int fd, const struct vpin_attach *attach);
/* Attaches @backend_fd as a block device with every default. */
int vpin_attach_default(int fd, int backend_fd, uint64_t flags);

/* Any ioctl: its result or -errno. */
int vdpa_ioctl(int fd, unsigned long request, void *arg);

int vdpa_get_features(int fd, uint64_t *features);
int vdpa_set_features(int fd, uint64_t features);
int vdpa_get_backend_features(int fd, uint64_t *features);
int vdpa_set_backend_features(int fd, uint64_t features);
int vdpa_set_owner(int fd);

int vdpa_get_status(int fd);
int vdpa_set_status(int fd, uint8_t status);
int vdpa_suspend(int fd);
int vdpa_resume(int fd);

int vdpa_get_config(int fd, uint32_t offset, uint32_t length, void *config);
int vdpa_set_config(int fd, uint32_t offset, uint32_t length, const void *config);
int vdpa_set_config_call(int fd, int eventfd);

/* Each returns the number. */
int vdpa_get_device_id(int fd);
int vdpa_get_vqs_count(int fd);
int vdpa_get_vring_num(int fd);
int vdpa_get_config_size(int fd);

int vdpa_set_vring_num(int fd, unsigned int index, unsigned int num);
int vdpa_set_vring_addr(int fd, unsigned int index,
			uint64_t desc, uint64_t avail, uint64_t used);
int vdpa_set_vring_base(int fd, unsigned int index, unsigned int base);
int vdpa_get_vring_base(int fd, unsigned int index);
int vdpa_set_vring_kick(int fd, unsigned int index, int eventfd);
int vdpa_set_vring_call(int fd, unsigned int index, int eventfd);
int vdpa_set_vring_err(int fd, unsigned int index, int eventfd);
int vdpa_set_vring_enable(int fd, unsigned int index, unsigned int enable);

/* IOTLB messages as each kind of client writes them. */
enum vdpa_msg { MSG_V1 = VHOST_IOTLB_MSG, MSG_V2 = VHOST_IOTLB_MSG_V2 };

int vdpa_iotlb(int fd, enum vdpa_msg version, uint32_t asid,
	       const struct vhost_iotlb_msg *msg);
int vdpa_map(int fd, enum vdpa_msg version, uint64_t iova, uint64_t size,
	     const void *address, uint8_t perm);
int vdpa_unmap(int fd, enum vdpa_msg version, uint64_t iova, uint64_t size);
int vdpa_batch_begin(int fd);
int vdpa_batch_end(int fd);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost-user protocol as it is on the wire, in the host's byte order: the
 * numbers and layouts of QEMU's docs/interop/vhost-user.rst that a disk needs.
 */
#ifndef VPIN_SERVE_PROTOCOL_H
#define VPIN_SERVE_PROTOCOL_H

#include <stdint.h>

/* Requests of the front-end. */
enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
};

/* Requests of ours, on the back-end's channel. */
#define VHOST_USER_BACKEND_CONFIG_CHANGE_MSG	2

/* Bits of the header's flags. */
#define VHOST_USER_VERSION_MASK		0x3
#define VHOST_USER_VERSION		0x1
#define VHOST_USER_REPLY		0x4
#define VHOST_USER_NEED_REPLY		0x8

/* Feature bits that are the protocol's and not the device's. */
#define VHOST_USER_F_LOG_ALL		26
#define VHOST_USER_F_PROTOCOL_FEATURES	30

/* Protocol features. */
#define VHOST_USER_PROTOCOL_F_MQ			0
#define VHOST_USER_PROTOCOL_F_LOG_SHMFD			1
#define VHOST_USER_PROTOCOL_F_REPLY_ACK			3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ		5
#define VHOST_USER_PROTOCOL_F_CONFIG			9
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE		13
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS	15

/* What KICK, CALL and ERR say besides their descriptor. */
#define VHOST_USER_VRING_INDEX_MASK	0xff
#define VHOST_USER_VRING_NOFD		0x100

/* Most regions that one SET_MEM_TABLE has; Cloud Hypervisor's bound. */
#define VHOST_USER_TABLE_MAX		32

/* Most bytes of config space that a message has. */
#define VHOST_USER_CONFIG_MAX		256

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;			/* bytes of the payload */
};

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

/* Addresses are the front-end's own, but for @log, which is the guest's. */
struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t uaddr;			/* the front-end's address */
	uint64_t offset;		/* into the descriptor's file */
};

struct vhost_user_table {
	uint32_t num;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_TABLE_MAX];
};

struct vhost_user_slot {
	uint64_t padding;
	struct vhost_user_region region;
};

struct vhost_user_log {
	uint64_t size;
	uint64_t offset;
};

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t data[VHOST_USER_CONFIG_MAX];
};

struct vhost_user_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t num_queues;
	uint16_t queue_size;
};

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_table table;
	struct vhost_user_slot slot;
	struct vhost_user_log log;
	struct vhost_user_config config;
	struct vhost_user_inflight inflight;
};

#endif

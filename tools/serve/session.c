// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "session.h"

#define BIT(nr)	(1ULL << (nr))

/*
 * Of the disk's features, what is not offered.  A cache mode that the guest has
 * chosen would not survive the end of this program; ACCESS_PLATFORM is for guests
 * behind an IOMMU, whose messages we do not speak.
 */
#define FEATURES_MASKED	(BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_F_ACCESS_PLATFORM))
#define FEATURES_OURS	(BIT(VHOST_USER_F_PROTOCOL_FEATURES) | BIT(VHOST_USER_F_LOG_ALL))

#define PROTOCOL_FEATURES					\
	(BIT(VHOST_USER_PROTOCOL_F_MQ) |			\
	 BIT(VHOST_USER_PROTOCOL_F_LOG_SHMFD) |			\
	 BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |			\
	 BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |		\
	 BIT(VHOST_USER_PROTOCOL_F_CONFIG) |			\
	 BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |		\
	 BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))

/* What a handler returns when it has sent the reply itself. */
#define REPLIED	1

static int reply(struct session *session, uint32_t size, int fd, struct reason *why)
{
	int ret = message_reply(&session->message, session->socket, size, fd);

	if (!ret)
		return REPLIED;
	/* Part of it may have gone: nothing can follow. */
	shutdown(session->socket, SHUT_RDWR);
	return reason_is(why, -ret, "no reply could be sent: %s",
			 ret == -EAGAIN ? "the front-end does not read them" : strerror(-ret));
}

static int reply_u64(struct session *session, uint64_t value, struct reason *why)
{
	session->message.payload.u64 = value;
	return reply(session, sizeof(value), -1, why);
}

static uint64_t features_offered(const struct session *session)
{
	return (session->device->offered & ~FEATURES_MASKED) | FEATURES_OURS;
}

static int get_features(struct session *session, struct message *message, struct reason *why)
{
	(void)message;
	return reply_u64(session, features_offered(session), why);
}

/* All queues or, where one does not start, none. */
static int enable_always(struct session *session, bool always, struct reason *why)
{
	bool before = session->queues[0].always_enabled;
	struct reason other;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < session->device->num_queues; i++)
		ret = queue_enable_always(&session->queues[i], always, why);
	while (ret && i--)
		queue_enable_always(&session->queues[i], before, &other);
	return ret;
}

/* What is not the device's: the log, before queues start, and whether they wait for ENABLE. */
static int set_features_ours(struct session *session, uint64_t features, struct reason *why)
{
	bool wanted = session->dirty.wanted;
	struct reason other;
	int ret;

	ret = dirty_want(&session->dirty, features & BIT(VHOST_USER_F_LOG_ALL), why);
	if (ret)
		return ret;
	ret = enable_always(session, !(features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)), why);
	if (ret)
		dirty_want(&session->dirty, wanted, &other);
	return ret;
}

static int set_features(struct session *session, struct message *message, struct reason *why)
{
	uint64_t features = message->payload.u64;
	uint64_t unknown = features & ~features_offered(session);
	uint64_t before = session->device->features;
	int ret;

	if (unknown)
		return reason_is(why, EINVAL, "features %#" PRIx64 " were not offered", unknown);
	ret = device_set_features(session->device, features & ~FEATURES_OURS);
	if (ret)
		return reason_is(why, -ret, "the features change while queues run");
	ret = set_features_ours(session, features, why);
	if (ret)
		device_set_features(session->device, before);
	return ret;
}

static int get_protocol_features(struct session *session, struct message *message,
				 struct reason *why)
{
	(void)message;
	return reply_u64(session, PROTOCOL_FEATURES, why);
}

static int set_protocol_features(struct session *session, struct message *message,
				 struct reason *why)
{
	uint64_t unknown = message->payload.u64 & ~PROTOCOL_FEATURES;

	(void)session;
	return unknown ? reason_is(why, EINVAL, "protocol features %#" PRIx64 " were not offered",
				   unknown) : 0;
}

/* Back to where a queue can be set up; memory and eventfds stay. */
static int reset_device(struct session *session, struct message *message, struct reason *why)
{
	unsigned int i;
	int ret = device_reset(session->device);

	(void)message;
	if (ret)
		return reason_errno(why, -ret);
	for (i = 0; i < session->device->num_queues; i++)
		queue_forget(&session->queues[i]);
	return 0;
}

/* Back to where it began, with one who forgets what it sent us before. */
static int start_over(struct session *session, struct reason *why)
{
	unsigned int i;
	int ret = reset_device(session, NULL, why);

	if (ret)
		return ret;
	session->device->features = 0;
	dirty_clear(&session->dirty);
	for (i = 0; i < session->device->num_queues; i++)
		queue_fini(&session->queues[i]);
	memory_clear(&session->memory);
	return 0;
}

/* QEMU begins anew on the same connection when a device is plugged in again. */
static int set_owner(struct session *session, struct message *message, struct reason *why)
{
	(void)message;
	return start_over(session, why);
}

static int set_mem_table(struct session *session, struct message *message, struct reason *why)
{
	const struct vhost_user_table *table = &message->payload.table;
	size_t size = offsetof(struct vhost_user_table, regions);

	if (table->num > VHOST_USER_TABLE_MAX)
		return reason_is(why, EINVAL, "a table of %u regions: it may have %d", table->num,
				 VHOST_USER_TABLE_MAX);
	size += table->num * sizeof(table->regions[0]);
	if (message->header.size != size)
		return reason_is(why, EINVAL, "it has %u bytes for %u regions, not %zu",
				 message->header.size, table->num, size);
	if (message->num_fds != table->num)
		return reason_is(why, EINVAL, "%u descriptors for %u regions", message->num_fds,
				 table->num);
	return memory_set(&session->memory, table->regions, message->fds, table->num, why);
}

static int get_max_mem_slots(struct session *session, struct message *message,
			     struct reason *why)
{
	(void)message;
	return reply_u64(session, MEMORY_SLOTS, why);
}

static int add_mem_reg(struct session *session, struct message *message, struct reason *why)
{
	return memory_add(&session->memory, &message->payload.slot.region, message->fds[0], why);
}

static int rem_mem_reg(struct session *session, struct message *message, struct reason *why)
{
	return memory_remove(&session->memory, &message->payload.slot.region, why);
}

static int set_log_base(struct session *session, struct message *message, struct reason *why)
{
	int ret = dirty_set(&session->dirty, &message->payload.log, message->fds[0], why);

	return ret ?: reply(session, message->header.size, -1, why);
}

/* Who logs by a bitmap alone needs no event for it. */
static int set_log_fd(struct session *session, struct message *message, struct reason *why)
{
	(void)session;
	(void)message;
	(void)why;
	return 0;
}

static struct queue *queue_of(struct session *session, unsigned int index, struct reason *why)
{
	if (index < session->device->num_queues)
		return &session->queues[index];
	reason_is(why, EINVAL, "there is no queue %u: the disk has %u", index,
		  session->device->num_queues);
	return NULL;
}

static int get_queue_num(struct session *session, struct message *message, struct reason *why)
{
	(void)message;
	return reply_u64(session, session->device->num_queues, why);
}

static int set_vring_num(struct session *session, struct message *message, struct reason *why)
{
	const struct vhost_user_vring_state *state = &message->payload.state;
	struct queue *queue = queue_of(session, state->index, why);

	return queue ? queue_set_num(queue, state->num, why) : -EINVAL;
}

static int set_vring_base(struct session *session, struct message *message, struct reason *why)
{
	const struct vhost_user_vring_state *state = &message->payload.state;
	struct queue *queue = queue_of(session, state->index, why);

	return queue ? queue_set_base(queue, state->num, why) : -EINVAL;
}

static int get_vring_base(struct session *session, struct message *message, struct reason *why)
{
	struct vhost_user_vring_state *state = &message->payload.state;
	struct queue *queue = queue_of(session, state->index, why);
	int ret = queue ? queue_stop(queue, why) : -EINVAL;

	if (ret)
		return ret;
	state->num = queue->base;
	return reply(session, sizeof(*state), -1, why);
}

static int set_vring_addr(struct session *session, struct message *message, struct reason *why)
{
	const struct vhost_user_vring_addr *addr = &message->payload.addr;
	struct queue *queue = queue_of(session, addr->index, why);

	return queue ? queue_set_addr(queue, addr, why) : -EINVAL;
}

static int set_vring_enable(struct session *session, struct message *message,
			    struct reason *why)
{
	const struct vhost_user_vring_state *state = &message->payload.state;
	struct queue *queue = queue_of(session, state->index, why);

	if (state->num > 1)
		return reason_is(why, EINVAL, "queue %u: enable is 0 or 1, not %u", state->index,
				 state->num);
	return queue ? queue_enable(queue, state->num, why) : -EINVAL;
}

/* The queue of KICK, CALL and ERR, and its descriptor, whose owner we are then. */
static struct queue *queue_and_fd(struct session *session, struct message *message, int *fd,
				  struct reason *why)
{
	uint64_t value = message->payload.u64;
	bool none = value & VHOST_USER_VRING_NOFD;
	struct queue *queue = queue_of(session, value & VHOST_USER_VRING_INDEX_MASK, why);

	if (!queue)
		return NULL;
	if (none == message->num_fds) {
		reason_is(why, EINVAL, "%u descriptors where %u should be", message->num_fds,
			  !none);
		return NULL;
	}
	*fd = message_take_fd(message, 0);
	return queue;
}

static int set_vring_kick(struct session *session, struct message *message, struct reason *why)
{
	struct queue *queue;
	int fd;

	/* Without one we would have to look all the time. */
	if (message->payload.u64 & VHOST_USER_VRING_NOFD)
		return reason_is(why, EOPNOTSUPP, "a kick takes an eventfd");
	queue = queue_and_fd(session, message, &fd, why);
	return queue ? queue_set_kick(queue, fd, why) : -EINVAL;
}

static int set_vring_call(struct session *session, struct message *message, struct reason *why)
{
	int fd;
	struct queue *queue = queue_and_fd(session, message, &fd, why);

	return queue ? queue_set_call(queue, fd, why) : -EINVAL;
}

static int set_vring_err(struct session *session, struct message *message, struct reason *why)
{
	int fd;
	struct queue *queue = queue_and_fd(session, message, &fd, why);

	return queue ? queue_set_err(queue, fd, why) : -EINVAL;
}

/* One of another kind can be locked for ever: then who may not wait waits to send. */
static bool is_unix_stream(int fd)
{
	int domain = 0, type = 0;
	socklen_t length = sizeof(int);

	return !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) &&
	       domain == AF_UNIX && type == SOCK_STREAM;
}

static int set_backend_req_fd(struct session *session, struct message *message,
			      struct reason *why)
{
	if (!is_unix_stream(message->fds[0]))
		return reason_is(why, EINVAL, "the channel is no UNIX stream socket");
	if (session->backend >= 0)
		close(session->backend);
	session->backend = message_take_fd(message, 0);
	return 0;
}

static int get_config(struct session *session, struct message *message, struct reason *why)
{
	struct vhost_user_config *config = &message->payload.config;
	int ret;

	if (config->size > VHOST_USER_CONFIG_MAX ||
	    config->offset > VHOST_USER_CONFIG_MAX - config->size) {
		ret = reason_is(why, EINVAL, "%u bytes at %u are beyond %d", config->size,
				config->offset, VHOST_USER_CONFIG_MAX);
	} else {
		ret = device_get_config(session->device, config->offset, config->size,
					config->data);
		if (ret)
			reason_errno(why, -ret);
	}
	/* The protocol's way to say no is a reply of nothing. */
	if (ret) {
		report(session->report, "GET_CONFIG was refused: %s", why->text);
		return reply(session, 0, -1, why);
	}
	return reply(session, offsetof(struct vhost_user_config, data) + config->size, -1, why);
}

static int set_config(struct session *session, struct message *message, struct reason *why)
{
	(void)session;
	(void)message;
	return reason_is(why, EOPNOTSUPP, "nothing of config space may be written");
}

/*
 * Nobody is told that he may ask for it, but who does gets what he needs: nothing
 * is recorded in it, for what was taken is always finished.
 */
static int get_inflight_fd(struct session *session, struct message *message,
			   struct reason *why)
{
	struct vhost_user_inflight *inflight = &message->payload.inflight;
	int fd = memfd_create("inflight", MFD_CLOEXEC);
	int ret;

	inflight->size = sysconf(_SC_PAGESIZE);
	inflight->offset = 0;
	if (fd < 0 || ftruncate(fd, inflight->size))
		ret = reason_errno(why, errno);
	else
		ret = reply(session, message->header.size, fd, why);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int set_inflight_fd(struct session *session, struct message *message,
			   struct reason *why)
{
	(void)session;
	(void)message;
	(void)why;
	return 0;
}

/* What a message must be like before its handler sees it. */
struct handler {
	const char *name;
	int (*handle)(struct session *session, struct message *message, struct reason *why);
	uint16_t size_min, size_max;	/* bytes of the payload */
	uint8_t fds_min, fds_max;
};

#define SIZE(type)	.size_min = sizeof(type), .size_max = sizeof(type)
#define FDS(min, max)	.fds_min = (min), .fds_max = (max)

static const struct handler handlers[] = {
	[VHOST_USER_GET_FEATURES] = { "GET_FEATURES", get_features },
	[VHOST_USER_SET_FEATURES] = { "SET_FEATURES", set_features, SIZE(uint64_t) },
	[VHOST_USER_SET_OWNER] = { "SET_OWNER", set_owner },
	[VHOST_USER_RESET_OWNER] = { "RESET_OWNER", reset_device },
	[VHOST_USER_SET_MEM_TABLE] = {
		"SET_MEM_TABLE", set_mem_table,
		.size_min = offsetof(struct vhost_user_table, regions),
		.size_max = sizeof(struct vhost_user_table),
		FDS(0, VHOST_USER_TABLE_MAX),
	},
	[VHOST_USER_SET_LOG_BASE] = {
		"SET_LOG_BASE", set_log_base, SIZE(struct vhost_user_log), FDS(1, 1),
	},
	[VHOST_USER_SET_LOG_FD] = {
		"SET_LOG_FD", set_log_fd, .size_max = sizeof(uint64_t), FDS(0, 1),
	},
	[VHOST_USER_SET_VRING_NUM] = {
		"SET_VRING_NUM", set_vring_num, SIZE(struct vhost_user_vring_state),
	},
	[VHOST_USER_SET_VRING_ADDR] = {
		"SET_VRING_ADDR", set_vring_addr, SIZE(struct vhost_user_vring_addr),
	},
	[VHOST_USER_SET_VRING_BASE] = {
		"SET_VRING_BASE", set_vring_base, SIZE(struct vhost_user_vring_state),
	},
	[VHOST_USER_GET_VRING_BASE] = {
		"GET_VRING_BASE", get_vring_base, SIZE(struct vhost_user_vring_state),
	},
	[VHOST_USER_SET_VRING_KICK] = {
		"SET_VRING_KICK", set_vring_kick, SIZE(uint64_t), FDS(0, 1),
	},
	[VHOST_USER_SET_VRING_CALL] = {
		"SET_VRING_CALL", set_vring_call, SIZE(uint64_t), FDS(0, 1),
	},
	[VHOST_USER_SET_VRING_ERR] = {
		"SET_VRING_ERR", set_vring_err, SIZE(uint64_t), FDS(0, 1),
	},
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", get_protocol_features },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = {
		"SET_PROTOCOL_FEATURES", set_protocol_features, SIZE(uint64_t),
	},
	[VHOST_USER_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", get_queue_num },
	[VHOST_USER_SET_VRING_ENABLE] = {
		"SET_VRING_ENABLE", set_vring_enable, SIZE(struct vhost_user_vring_state),
	},
	[VHOST_USER_SET_BACKEND_REQ_FD] = {
		"SET_BACKEND_REQ_FD", set_backend_req_fd, .size_max = sizeof(uint64_t), FDS(1, 1),
	},
	[VHOST_USER_GET_CONFIG] = {
		"GET_CONFIG", get_config,
		.size_min = offsetof(struct vhost_user_config, data),
		.size_max = sizeof(struct vhost_user_config),
	},
	[VHOST_USER_SET_CONFIG] = {
		"SET_CONFIG", set_config,
		.size_min = offsetof(struct vhost_user_config, data),
		.size_max = sizeof(struct vhost_user_config),
	},
	[VHOST_USER_GET_INFLIGHT_FD] = {
		"GET_INFLIGHT_FD", get_inflight_fd,
		.size_min = offsetof(struct vhost_user_inflight, queue_size) + sizeof(uint16_t),
		.size_max = sizeof(struct vhost_user_inflight),
	},
	[VHOST_USER_SET_INFLIGHT_FD] = {
		"SET_INFLIGHT_FD", set_inflight_fd,
		.size_min = offsetof(struct vhost_user_inflight, queue_size) + sizeof(uint16_t),
		.size_max = sizeof(struct vhost_user_inflight),
		FDS(1, 1),
	},
	[VHOST_USER_RESET_DEVICE] = { "RESET_DEVICE", reset_device },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", get_max_mem_slots },
	[VHOST_USER_ADD_MEM_REG] = {
		"ADD_MEM_REG", add_mem_reg, SIZE(struct vhost_user_slot), FDS(1, 1),
	},
	[VHOST_USER_REM_MEM_REG] = {
		"REM_MEM_REG", rem_mem_reg, SIZE(struct vhost_user_slot), FDS(0, 1),
	},
};

static const struct handler *handler_of(uint32_t request)
{
	if (request >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[request].handle)
		return NULL;
	return &handlers[request];
}

static const char *from_to(char text[32], unsigned int min, unsigned int max)
{
	if (min == max)
		snprintf(text, 32, "%u", min);
	else
		snprintf(text, 32, "%u to %u", min, max);
	return text;
}

static int handle(struct session *session, const struct handler *handler, struct reason *why)
{
	struct message *message = &session->message;
	uint32_t size = message->header.size;
	char should[32];

	if (!handler)
		return reason_is(why, EOPNOTSUPP, "it is not known");
	if (size < handler->size_min || size > handler->size_max)
		return reason_is(why, EINVAL, "it has %u bytes, and should have %s", size,
				 from_to(should, handler->size_min, handler->size_max));
	if (message->num_fds < handler->fds_min || message->num_fds > handler->fds_max)
		return reason_is(why, EINVAL, "it has %u descriptors, and should have %s",
				 message->num_fds,
				 from_to(should, handler->fds_min, handler->fds_max));
	return handler->handle(session, message, why);
}

static void end(struct session *session)
{
	struct reason why;

	/* Waits until all is done that was taken, so that the ring says so. */
	if (start_over(session, &why))
		report(session->report, "the device cannot be reset: %s", why.text);
	message_clear(&session->message);
	if (session->backend >= 0)
		close(session->backend);
	session->backend = -1;
	close(session->socket);
	session->socket = -1;
}

/* Acts on a whole message.  Returns whether the session goes on. */
static bool dispatch(struct session *session)
{
	struct message *message = &session->message;
	const struct handler *handler = handler_of(message->header.request);
	bool wants_reply = message->header.flags & VHOST_USER_NEED_REPLY;
	struct reason why = { "" };
	int ret;

	ret = handle(session, handler, &why);
	message_close_fds(message);
	if (ret < 0 && handler)
		report(session->report, "%s was refused: %s", handler->name, why.text);
	else if (ret < 0)
		report(session->report, "request %u was refused: %s", message->header.request,
		       why.text);
	if (ret == REPLIED)
		return true;
	/* Who did not ask for an answer learns of a refusal by the end. */
	if (!wants_reply)
		return !ret;
	return reply_u64(session, -ret, &why) == REPLIED;
}

void session_receive(struct session *session)
{
	struct reason why = { "" };
	bool goes_on = true;
	int ret;

	ret = message_receive(&session->message, session->socket, &why);
	if (ret == 1) {
		goes_on = dispatch(session);
		message_clear(&session->message);
	} else if (ret == -ECONNRESET) {
		if (session->message.received)
			report(session->report, "the front-end hung up in the middle of a message");
		goes_on = false;
	} else if (ret) {
		report(session->report, "the front-end sent %s", why.text);
		goes_on = false;
	}
	if (!goes_on)
		end(session);
}

void session_config_changed(struct session *session)
{
	eventfd_t times;
	int ret;

	eventfd_read(session->device->config_call, &times);
	if (device_has_broken(session->device))
		report(session->report,
		       "a ring of the guest's makes no sense: its queue is served again after a reset");
	if (session->backend < 0)
		return;
	ret = message_send(session->backend, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	if (!ret)
		return;
	report(session->report, "the front-end could not be told of a change of the disk: %s",
	       strerror(-ret));
	/* Part of it may have gone. */
	close(session->backend);
	session->backend = -1;
}

void session_init(struct session *session, struct device *device, bool holes,
		  struct report *report)
{
	unsigned int i;

	session->device = device;
	session->report = report;
	session->socket = -1;
	session->backend = -1;
	message_init(&session->message);
	memory_init(&session->memory, device, holes);
	session->dirty = (struct dirty){ .device = device };
	for (i = 0; i < device->num_queues; i++)
		queue_init(&session->queues[i], device, &session->memory, i);
}

void session_begin(struct session *session, int socket)
{
	session->socket = socket;
}

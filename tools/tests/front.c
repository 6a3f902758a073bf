// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "front.h"

/* The kernel takes no more at once. */
#define FDS_MAX	253

int front_connect(struct front *front, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*front = (struct front){ .channel = -1 };
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	front->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!connect(front->socket, (struct sockaddr *)&address, sizeof(address)))
		return 0;
	close(front->socket);
	front->socket = -1;
	return -errno;
}

void front_close(struct front *front)
{
	if (front->socket >= 0)
		close(front->socket);
	if (front->channel >= 0)
		close(front->channel);
	front->socket = front->channel = -1;
}

int front_send_raw(const struct front *front, const void *data, size_t length,
		   const int *fds, unsigned int num)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = length };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (num) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(num * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(num * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, num * sizeof(int));
	}
	return sendmsg(front->socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int front_send(const struct front *front, uint32_t request, uint32_t flags,
	       const void *payload, uint32_t size, const int *fds, unsigned int num)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[4096];
	} message = {
		.header.request = request,
		.header.flags = VHOST_USER_VERSION | flags,
		.header.size = size,
	};

	memcpy(message.payload, payload, size);
	return front_send_raw(front, &message, sizeof(message.header) + size, fds, num);
}

/* Exactly so many bytes. */
static int receive(int socket, void *to, size_t size, int *fd, int timeout_ms)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct pollfd pollfd = { .fd = socket, .events = POLLIN };
	size_t have = 0;

	while (have < size) {
		struct iovec iov = { .iov_base = (char *)to + have, .iov_len = size - have };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		struct cmsghdr *cmsg;
		ssize_t got;

		if (poll(&pollfd, 1, timeout_ms) != 1)
			return -ETIMEDOUT;
		got = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
		if (got <= 0)
			return -ECONNRESET;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg && cmsg->cmsg_type == SCM_RIGHTS)
			memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
		have += got;
	}
	return 0;
}

static int receive_message(int socket, struct front_reply *reply, int timeout_ms)
{
	int ret;

	memset(reply, 0, sizeof(*reply));
	reply->fd = -1;
	ret = receive(socket, &reply->header, sizeof(reply->header), &reply->fd, timeout_ms);
	if (ret)
		return ret;
	if (reply->header.size > sizeof(reply->payload))
		return -EMSGSIZE;
	return receive(socket, &reply->payload, reply->header.size, &reply->fd, timeout_ms);
}

int front_receive(const struct front *front, struct front_reply *reply, int timeout_ms)
{
	int ret = receive_message(front->socket, reply, timeout_ms);

	if (!ret && reply->header.flags != (VHOST_USER_VERSION | VHOST_USER_REPLY))
		return -EPROTO;
	return ret;
}

bool front_is_closed(const struct front *front)
{
	struct front_reply reply;

	return front_receive(front, &reply, FRONT_TIMEOUT_MS) == -ECONNRESET;
}

int front_ask(const struct front *front, uint32_t request, const void *payload,
	      uint32_t size, int fd)
{
	struct front_reply reply;
	int ret;

	ret = front_send(front, request, VHOST_USER_NEED_REPLY, payload, size, &fd, fd >= 0);
	if (!ret)
		ret = front_receive(front, &reply, FRONT_TIMEOUT_MS);
	if (ret)
		return ret == -EPIPE ? -ECONNRESET : ret;
	if (reply.header.request != request || reply.header.size != sizeof(uint64_t))
		return -EPROTO;
	return reply.payload.u64;
}

int front_ask_u64(const struct front *front, uint32_t request, uint64_t value, int fd)
{
	return front_ask(front, request, &value, sizeof(value), fd);
}

int front_ask_state(const struct front *front, uint32_t request, unsigned int index,
		    unsigned int num)
{
	const struct vhost_user_vring_state state = { .index = index, .num = num };

	return front_ask(front, request, &state, sizeof(state), -1);
}

int front_tell(const struct front *front, uint32_t request, const void *payload,
	       uint32_t size, int fd)
{
	return front_send(front, request, 0, payload, size, &fd, fd >= 0);
}

int front_tell_u64(const struct front *front, uint32_t request, uint64_t value, int fd)
{
	return front_tell(front, request, &value, sizeof(value), fd);
}

int front_tell_state(const struct front *front, uint32_t request, unsigned int index,
		     unsigned int num)
{
	const struct vhost_user_vring_state state = { .index = index, .num = num };

	return front_tell(front, request, &state, sizeof(state), -1);
}

static int get(const struct front *front, uint32_t request, const void *payload,
	       uint32_t size, struct front_reply *reply)
{
	int ret = front_send(front, request, 0, payload, size, NULL, 0) ?:
		  front_receive(front, reply, FRONT_TIMEOUT_MS);

	return ret ?: reply->header.request == request ? 0 : -EPROTO;
}

int front_get_u64(const struct front *front, uint32_t request, uint64_t *value)
{
	struct front_reply reply;
	int ret = get(front, request, "", 0, &reply);

	if (!ret && reply.header.size != sizeof(*value))
		return -EPROTO;
	*value = reply.payload.u64;
	return ret;
}

int front_get_base(const struct front *front, unsigned int index, unsigned int *base)
{
	const struct vhost_user_vring_state state = { .index = index };
	struct front_reply reply;
	int ret = get(front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &reply);

	if (!ret && (reply.header.size != sizeof(state) || reply.payload.state.index != index))
		return -EPROTO;
	*base = reply.payload.state.num;
	return ret;
}

int front_get_config(const struct front *front, uint32_t offset, uint32_t size,
		     uint32_t flags, void *config)
{
	const struct vhost_user_config ask = { .offset = offset, .size = size, .flags = flags };
	const size_t head = offsetof(struct vhost_user_config, data);
	struct front_reply reply;
	int ret = get(front, VHOST_USER_GET_CONFIG, &ask, head + size, &reply);

	if (ret)
		return ret;
	if (!reply.header.size)
		return -EINVAL;
	if (reply.header.size != head + size || reply.payload.config.offset != offset ||
	    reply.payload.config.size != size)
		return -EPROTO;
	memcpy(config, reply.payload.config.data, size);
	return 0;
}

struct vhost_user_region front_region(const struct guest *guest)
{
	return (struct vhost_user_region){
		.gpa = guest->iova,
		.size = guest->size,
		.uaddr = (uintptr_t)guest->memory,
	};
}

static int ask_region(const struct front *front, uint32_t request, const struct guest *guest,
		      int fd)
{
	const struct vhost_user_slot slot = { .region = front_region(guest) };

	return front_ask(front, request, &slot, sizeof(slot), fd);
}

int front_add_memory(const struct front *front, const struct guest *guest)
{
	return ask_region(front, VHOST_USER_ADD_MEM_REG, guest, guest->memfd);
}

int front_remove_memory(const struct front *front, const struct guest *guest)
{
	return ask_region(front, VHOST_USER_REM_MEM_REG, guest, -1);
}

int front_set_memory(const struct front *front, const struct vhost_user_region *regions,
		     const int *fds, unsigned int num)
{
	struct vhost_user_table table = { .num = num };
	struct front_reply reply;
	int ret;

	memcpy(table.regions, regions, num * sizeof(*regions));
	ret = front_send(front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY, &table,
			 offsetof(struct vhost_user_table, regions) + num * sizeof(*regions),
			 fds, num) ?:
	      front_receive(front, &reply, FRONT_TIMEOUT_MS);
	return ret ?: (int)reply.payload.u64;
}

int front_addr(const struct front *front, const struct vq *vq, uint32_t flags)
{
	const struct vhost_user_vring_addr addr = {
		.index = vq->index,
		.flags = flags,
		.desc = (uintptr_t)vq->desc,
		.used = (uintptr_t)vq->used,
		.avail = (uintptr_t)vq->avail,
	};

	return front_ask(front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), -1);
}

int front_setup(const struct front *front, const struct vq *vq, unsigned int base)
{
	return front_ask_state(front, VHOST_USER_SET_VRING_NUM, vq->index, vq->size) ?:
	       front_ask_state(front, VHOST_USER_SET_VRING_BASE, vq->index, base) ?:
	       front_addr(front, vq, 0) ?:
	       front_ask_u64(front, VHOST_USER_SET_VRING_KICK, vq->index, vq->kick) ?:
	       front_ask_u64(front, VHOST_USER_SET_VRING_CALL, vq->index, vq->call);
}

int front_enable(const struct front *front, unsigned int index, bool enable)
{
	return front_ask_state(front, VHOST_USER_SET_VRING_ENABLE, index, enable);
}

int front_greet(struct front *front)
{
	uint64_t protocol;

	return front_get_u64(front, VHOST_USER_GET_FEATURES, &front->features) ?:
	       front_get_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol) ?:
	       front_tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol, -1) ?:
	       front_ask(front, VHOST_USER_SET_OWNER, "", 0, -1) ?:
	       front_ask_u64(front, VHOST_USER_SET_FEATURES,
			     front->features & ~FRONT_NOT_TAKEN, -1);
}

int front_open_channel(struct front *front)
{
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	front->channel = ends[0];
	ret = front_ask(front, VHOST_USER_SET_BACKEND_REQ_FD, "", 0, ends[1]);
	close(ends[1]);
	return ret;
}

int front_channel_wait(const struct front *front, int timeout_ms)
{
	struct front_reply request;
	int ret = receive_message(front->channel, &request, timeout_ms);

	return ret ?: (int)request.header.request;
}

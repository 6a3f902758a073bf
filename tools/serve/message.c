// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

void message_init(struct message *message)
{
	memset(message, 0, sizeof(*message));
}

int message_take_fd(struct message *message, unsigned int i)
{
	int fd;

	if (i >= message->num_fds)
		return -1;
	fd = message->fds[i];
	message->fds[i] = -1;
	return fd;
}

void message_close_fds(struct message *message)
{
	unsigned int i;

	for (i = 0; i < message->num_fds; i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	}
	message->num_fds = 0;
}

void message_clear(struct message *message)
{
	message_close_fds(message);
	message_init(message);
}

/* Keeps the descriptors of a piece, as far as there is room; others are closed. */
static bool keep_fds(struct message *message, struct msghdr *piece)
{
	bool all = !(piece->msg_flags & MSG_CTRUNC);
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(piece); cmsg; cmsg = CMSG_NXTHDR(piece, cmsg)) {
		size_t i, num = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < num; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (message->num_fds < MESSAGE_FDS_MAX) {
				message->fds[message->num_fds++] = fd;
			} else {
				close(fd);
				all = false;
			}
		}
	}
	return all;
}

/* Receives up to @size bytes into @to: as message_receive(), but for 1. */
static int receive_piece(struct message *message, int socket, void *to, size_t size,
			 struct reason *why)
{
	char control[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
	struct iovec iov = { .iov_base = to, .iov_len = size };
	struct msghdr piece = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t length;

	do {
		length = recvmsg(socket, &piece, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : reason_errno(why, errno);
	if (!keep_fds(message, &piece))
		return reason_is(why, EMFILE,
				 "more than %d descriptors, or more than we may have open",
				 MESSAGE_FDS_MAX);
	if (!length)
		return reason_is(why, ECONNRESET, "hung up");
	message->received += length;
	return length;
}

static int check_header(const struct message *message, struct reason *why)
{
	const struct vhost_user_header *header = &message->header;

	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return reason_is(why, EPROTO, "a message of protocol version %u, not 1",
				 header->flags & VHOST_USER_VERSION_MASK);
	if (header->flags & VHOST_USER_REPLY)
		return reason_is(why, EPROTO, "a reply (to request %u) that we did not ask for",
				 header->request);
	if (header->size > sizeof(message->payload))
		return reason_is(why, EMSGSIZE,
				 "a message (request %u) of %u bytes: the largest has %zu",
				 header->request, header->size, sizeof(message->payload));
	return 0;
}

int message_receive(struct message *message, int socket, struct reason *why)
{
	const size_t head = sizeof(message->header);
	int ret;

	while (message->received < head) {
		ret = receive_piece(message, socket,
				    (char *)&message->header + message->received,
				    head - message->received, why);
		if (ret <= 0)
			return ret;
	}
	ret = check_header(message, why);
	if (ret)
		return ret;
	while (message->received < head + message->header.size) {
		ret = receive_piece(message, socket,
				    (char *)&message->payload + message->received - head,
				    head + message->header.size - message->received, why);
		if (ret <= 0)
			return ret;
	}
	return 1;
}

static int send_all(int socket, const struct vhost_user_header *header,
		    const void *payload, int fd)
{
	char control[CMSG_SPACE(sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = { 0 };
	struct iovec iov[] = {
		{ .iov_base = (void *)header, .iov_len = sizeof(*header) },
		{ .iov_base = (void *)payload, .iov_len = header->size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;

	if (fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	do {
		sent = sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == sizeof(*header) + header->size ? 0 : -EAGAIN;
}

int message_reply(const struct message *message, int socket, uint32_t size, int fd)
{
	const struct vhost_user_header header = {
		.request = message->header.request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
		.size = size,
	};

	return send_all(socket, &header, &message->payload, fd);
}

int message_send(int socket, uint32_t request)
{
	const struct vhost_user_header header = {
		.request = request,
		.flags = VHOST_USER_VERSION,
	};

	return send_all(socket, &header, NULL, -1);
}

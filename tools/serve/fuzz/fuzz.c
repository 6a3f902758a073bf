// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzzer of the server's side of vhost-user: parser, session, queues, memory, log,
 * on a device that is a stub.  The input is
 *
 *	8 bytes		which of the device's calls fail: stub.c
 *	1 byte		the disk's options: bit 0, holes
 *	then messages, each of
 *	1 byte		descriptors: how many (bits 0 to 3), of which kind (4 to 6),
 *			and whether it comes in two pieces (7)
 *	12 bytes	header
 *	n bytes		payload, as many as the header says, or as are left
 *
 * A message that is all ones in its first byte is none: the file of memory is cut,
 * or grows again.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../session.h"
#include "stub.h"

#define MEMORY_SIZE	(1 << 20)
#define CUT		0xff
#define KINDS		8
#define FDS_MAX		15

static int kinds[KINDS];

static void init(void)
{
	int ends[2];

	kinds[0] = memfd_create("memory", MFD_CLOEXEC);
	kinds[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kinds[2] = memfd_create("other", MFD_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) || ftruncate(kinds[2], 4096))
		abort();
	kinds[3] = ends[0];
	kinds[4] = open("/dev/null", O_RDWR | O_CLOEXEC);
	kinds[5] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		abort();
	kinds[6] = ends[0];
	kinds[7] = memfd_create("empty", MFD_CLOEXEC);
}

static void send_piece(int socket, const uint8_t *data, size_t length, int fd, unsigned int num)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))]
		__attribute__((aligned(__alignof__(struct cmsghdr)))) = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = length };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int i;

	if (!length)
		return;
	if (num) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(num * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(num * sizeof(int));
		for (i = 0; i < num; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Reads all replies, and closes what they bring. */
static void read_replies(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], data[4096];
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };

	for (;;) {
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		struct cmsghdr *cmsg;
		int fd;

		if (recvmsg(socket, &msg, MSG_DONTWAIT) <= 0)
			return;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			close(fd);
		}
	}
}

static void serve(struct session *session)
{
	struct pollfd pollfd = { .events = POLLIN };

	while (session->socket >= 0) {
		pollfd.fd = session->socket;
		if (poll(&pollfd, 1, 0) != 1)
			return;
		session_receive(session);
	}
}

/* Sends one message of the input: how much of that it takes. */
static size_t send_message(int socket, struct session *session, const uint8_t *data, size_t left)
{
	struct vhost_user_header header;
	size_t length = left - 1;
	unsigned int num = data[0] & FDS_MAX;
	int fd = kinds[data[0] >> 4 & (KINDS - 1)];

	if (length >= sizeof(header)) {
		memcpy(&header, data + 1, sizeof(header));
		if (length - sizeof(header) > header.size)
			length = sizeof(header) + header.size;
	}
	if (data[0] & 0x80) {
		send_piece(socket, data + 1, length / 2, fd, num);
		serve(session);
		send_piece(socket, data + 1 + length / 2, length - length / 2, fd, num);
	} else {
		send_piece(socket, data + 1, length, fd, num);
	}
	return 1 + length;
}

static void cut_or_grow(bool *cut)
{
	*cut = !*cut;
	if (ftruncate(kinds[0], *cut ? 0 : MEMORY_SIZE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session session;
	struct device device;
	struct report report;
	uint64_t fail;
	bool cut = true;
	int ends[2], first;

	if (!kinds[0])
		init();
	if (size < 9)
		return 0;
	cut_or_grow(&cut);
	memcpy(&fail, data, sizeof(fail));
	stub_begin(&device, fail);
	report_init(&report, "fuzz");
	session_init(&session, &device, data[8] & 1, &report);
	data += 9;
	size -= 9;

	first = dup(kinds[4]);
	close(first);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		abort();
	session_begin(&session, ends[0]);
	while (size && session.socket >= 0) {
		size_t took = 1;

		if (*data == CUT)
			cut_or_grow(&cut);
		else
			took = send_message(ends[1], &session, data, size);
		data += took;
		size -= took;
		serve(&session);
		read_replies(ends[1]);
	}
	if (session.socket >= 0)
		session_config_changed(&session);
	close(ends[1]);
	serve(&session);

	/* It is over, and nothing is left: no queue, no memory, no open file. */
	if (session.socket >= 0 || session.memory.num)
		abort();
	stub_end(&device);
	if (dup(kinds[4]) != first)
		abort();
	close(first);
	return 0;
}

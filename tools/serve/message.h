/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One message: received piece by piece, as it comes, without ever waiting for the
 * front-end; and the reply to it.
 */
#ifndef VPIN_SERVE_MESSAGE_H
#define VPIN_SERVE_MESSAGE_H

#include <stddef.h>

#include "protocol.h"
#include "reason.h"

#define MESSAGE_FDS_MAX	VHOST_USER_TABLE_MAX

struct message {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fds[MESSAGE_FDS_MAX];
	unsigned int num_fds;
	size_t received;		/* bytes of header and payload */
};

void message_init(struct message *message);

/*
 * Takes what there is of the message from @socket, which must not block.
 *
 * Returns 1 when it is whole, 0 when more has to come, or a negative errno after
 * which nothing can be made of what follows: -ECONNRESET if the other side hung
 * up, others with a reason.
 */
int message_receive(struct message *message, int socket, struct reason *why);

/* Descriptor @i, whose owner the caller now is; -1 if there is none. */
int message_take_fd(struct message *message, unsigned int i);

/* Closes the descriptors that nobody took. */
void message_close_fds(struct message *message);

/* Forgets the message, and its descriptors as above. */
void message_clear(struct message *message);

/*
 * Replies with the first @size bytes of the message's payload, and @fd unless it
 * is negative.  Who does not read what he asked for is not waited for: -EAGAIN.
 * 0 or a negative errno.
 */
int message_reply(const struct message *message, int socket, uint32_t size, int fd);

/* Sends a request without a payload on the back-end's channel; as above. */
int message_send(int socket, uint32_t request);

#endif

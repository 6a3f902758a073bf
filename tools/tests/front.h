/* SPDX-License-Identifier: GPL-2.0-only */
/* A front-end that speaks vhost-user to `vhost-pin serve`, well or badly. */
#ifndef VPIN_TESTS_FRONT_H
#define VPIN_TESTS_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../serve/protocol.h"
#include "guest.h"
#include "vq.h"

/* How long an answer may take before the server counts as hung. */
#define FRONT_TIMEOUT_MS	30000

/* Feature bits that no driver takes: the log, and what only one kind of ring has. */
#define FRONT_NOT_TAKEN	(1ULL << VHOST_USER_F_LOG_ALL)

struct front {
	int socket;
	int channel;			/* for requests of the back-end's, or -1 */
	uint64_t features;		/* that were offered */
};

struct front_reply {
	struct vhost_user_header header;
	union vhost_user_payload payload;
	int fd;				/* that came with it, or -1; the caller's */
};

/* Connects to the server at @path.  0 or -errno. */
int front_connect(struct front *front, const char *path);
void front_close(struct front *front);

/* Sends @length bytes as they are, with descriptors.  0 or -errno. */
int front_send_raw(const struct front *front, const void *data, size_t length,
		   const int *fds, unsigned int num);

/* Sends a message; @flags beside the version.  0 or -errno. */
int front_send(const struct front *front, uint32_t request, uint32_t flags,
	       const void *payload, uint32_t size, const int *fds, unsigned int num);

/* Receives from the server's socket: 0, -ETIMEDOUT, or -ECONNRESET at its end. */
int front_receive(const struct front *front, struct front_reply *reply, int timeout_ms);

/* Waits for the server to hang up, and for nothing else: whether it does. */
bool front_is_closed(const struct front *front);

/*
 * A message that is to be acknowledged: 0, or the positive errno of the server's
 * refusal, or a negative one: -ECONNRESET if it hung up.
 */
int front_ask(const struct front *front, uint32_t request, const void *payload,
	      uint32_t size, int fd);
int front_ask_u64(const struct front *front, uint32_t request, uint64_t value, int fd);
int front_ask_state(const struct front *front, uint32_t request, unsigned int index,
		    unsigned int num);

/* A message that is not.  0 or -errno. */
int front_tell(const struct front *front, uint32_t request, const void *payload,
	       uint32_t size, int fd);
int front_tell_u64(const struct front *front, uint32_t request, uint64_t value, int fd);
int front_tell_state(const struct front *front, uint32_t request, unsigned int index,
		     unsigned int num);

/* A question for a number.  0 or -errno. */
int front_get_u64(const struct front *front, uint32_t request, uint64_t *value);
int front_get_base(const struct front *front, unsigned int index, unsigned int *base);
int front_get_config(const struct front *front, uint32_t offset, uint32_t size,
		     uint32_t flags, void *config);

/* The guest's memory as a region, and its messages, as front_ask(). */
struct vhost_user_region front_region(const struct guest *guest);
int front_add_memory(const struct front *front, const struct guest *guest);
int front_remove_memory(const struct front *front, const struct guest *guest);
int front_set_memory(const struct front *front, const struct vhost_user_region *regions,
		     const int *fds, unsigned int num);

/* Parts of the set-up of a queue, each as front_ask() but for what it tells. */
int front_addr(const struct front *front, const struct vq *vq, uint32_t flags);
int front_setup(const struct front *front, const struct vq *vq, unsigned int base);
int front_enable(const struct front *front, unsigned int index, bool enable);

/* Gets the features and takes all that a driver can, and REPLY_ACK.  0 or -errno. */
int front_greet(struct front *front);

/* Makes the channel for requests of the back-end's.  As front_ask(). */
int front_open_channel(struct front *front);
/* Waits for a request on it: its number or -errno. */
int front_channel_wait(const struct front *front, int timeout_ms);

#endif

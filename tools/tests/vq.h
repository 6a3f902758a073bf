/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of a split virtqueue.  Everything that a hostile driver
 * wants to touch is plain to see: vq->desc, vq->avail, vq->used.
 */
#ifndef VPIN_TESTS_VQ_H
#define VPIN_TESTS_VQ_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include "guest.h"

#define VQ_SIZE_MAX	1024

/* Longest chain that vq_add() puts into an indirect table. */
#define VQ_INDIRECT_MAX	64

/* How long a request may take before the device counts as hung. */
#define VQ_TIMEOUT_MS	60000

struct vq {
	struct guest *guest;
	int fd;
	unsigned int index, size;

	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	struct vring_desc *indirect;	/* a table for each head, or NULL */

	int kick, call, err;		/* eventfds */
	bool event_idx;

	uint16_t next_avail;		/* avail->idx to be */
	uint16_t next_used;		/* first used element not yet taken */
	uint16_t free_head, num_free;
	uint16_t next_free[VQ_SIZE_MAX];
	uint16_t chain_length[VQ_SIZE_MAX];
};

/* A part of a chain, in IOVAs. */
struct vq_buf {
	uint64_t iova;
	uint32_t length;
	bool device_writes;
};

/*
 * Lays the rings out in the guest's memory (the descriptor table at @offset
 * bytes into a page, a multiple of 16) and makes the eventfds.  Needs no
 * device.  0 or -errno.
 */
int vq_init(struct vq *vq, struct guest *guest, unsigned int index,
	    unsigned int size, unsigned int offset, bool event_idx, bool indirect);
void vq_free(struct vq *vq);

/* Forgets what was queued, as a driver does after a reset; base is 0 again. */
void vq_reset(struct vq *vq);

/* Has an empty, stopped queue start at index @base instead of 0. */
void vq_rebase(struct vq *vq, uint16_t base);

/* Tells the device @fd of this queue: NUM, BASE, ADDR, KICK, CALL, ERR, ENABLE. */
int vq_setup(struct vq *vq, int fd);

/* Adds a chain to the avail ring, not yet visible: its head, or -ENOSPC. */
int vq_add(struct vq *vq, const struct vq_buf *bufs, unsigned int num);

/* Adds any head at all to the avail ring, not yet visible. */
void vq_add_head(struct vq *vq, uint16_t head);

/* Makes what was added visible; kicks if the device wants that. */
void vq_publish(struct vq *vq);
void vq_kick(struct vq *vq);

/* Takes a used element if there is one. */
bool vq_take(struct vq *vq, struct vring_used_elem *elem);

/* Takes a used element, waiting for it: 0 or -ETIMEDOUT. */
int vq_wait(struct vq *vq, struct vring_used_elem *elem, int timeout_ms);

/* Waits until an eventfd is signalled and takes the signal: 0 or -ETIMEDOUT. */
int event_wait(int eventfd, int timeout_ms);

#endif

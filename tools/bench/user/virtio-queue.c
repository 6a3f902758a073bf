// SPDX-License-Identifier: GPL-2.0-only
/* rust-vmm's virtio-queue; virtio-queue/src/lib.rs is the rest. */
#include "contestant.h"

void *virtio_queue_open(const struct guest *guest);
void virtio_queue_close(void *self);
__u64 virtio_queue_walk(void *self, __u64 nr);
__u64 virtio_queue_request(void *self, __u64 nr, __u32 batch);

const struct contestant contestant_virtio_queue = {
	.name = "virtio-queue",
	.open = virtio_queue_open,
	.close = virtio_queue_close,
	.walk = virtio_queue_walk,
	.request = virtio_queue_request,
};

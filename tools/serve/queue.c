// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/vhost_types.h>
#include <linux/virtio_ring.h>

#include "queue.h"

void queue_init(struct queue *queue, struct device *device, struct memory *memory,
		unsigned int index)
{
	*queue = (struct queue){
		.device = device,
		.memory = memory,
		.index = index,
		.call = -1,
	};
}

void queue_forget(struct queue *queue)
{
	queue->num = 0;
	queue->has_addr = false;
	queue->base = 0;
	queue->has_kick = false;
	queue->enabled = false;
	queue->running = false;
}

void queue_fini(struct queue *queue)
{
	queue_forget(queue);
	queue->always_enabled = false;
	device_set_kick(queue->device, queue->index, -1);
	device_set_call(queue->device, queue->index, -1);
	device_set_err(queue->device, queue->index, -1);
	if (queue->call >= 0)
		close(queue->call);
	queue->call = -1;
}

static int translate(const struct queue *queue, const char *what, uint64_t uaddr,
		     uint64_t size, uint64_t *gpa, struct reason *why)
{
	if (memory_translate(queue->memory, uaddr, size, gpa))
		return 0;
	if (!queue->memory->num)
		return reason_is(why, EFAULT,
				 "queue %u: its %s is at %#" PRIx64 ", but no memory was sent: is the"
				 " guest's shared (QEMU: memory-backend-memfd,share=on)?",
				 queue->index, what, uaddr);
	return reason_is(why, EFAULT,
			 "queue %u: its %s, at %#" PRIx64 ", is in no region of memory", queue->index, what, uaddr);
}

/* The ring in the guest's addresses. */
static int ring_of(const struct queue *queue, struct device_ring *ring, struct reason *why)
{
	uint64_t num = queue->num;

	ring->num = num;
	return translate(queue, "descriptor table", queue->desc,
			 num * sizeof(struct vring_desc), &ring->desc, why) ?:
	       translate(queue, "avail ring", queue->avail,
			 sizeof(struct vring_avail) + (num + 1) * sizeof(__virtio16),
			 &ring->avail, why) ?:
	       translate(queue, "used ring", queue->used,
			 sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) +
			 sizeof(__virtio16), &ring->used, why);
}

/*
 * Where it goes on: what the ring says was used is what was done, for the module
 * drains a queue before it stops.  What the front-end says may be older, if a
 * server before us was killed, or in other front-ends' opinion newer.
 */
static int read_base(const struct queue *queue, const struct device_ring *ring,
		     uint16_t *base, struct reason *why)
{
	__virtio16 idx;
	int ret = memory_read(queue->memory,
			      ring->used + offsetof(struct vring_used, idx), &idx, sizeof(idx));

	if (ret)
		return reason_is(why, -ret, "queue %u: its used ring cannot be read: %s",
				 queue->index, strerror(-ret));
	*base = le16toh(idx);
	return 0;
}

/*
 * What ended before it started may not have been told: the driver looks again.  Who
 * writes to an eventfd that is full waits for its reader; and who has not read yet will
 * look.
 */
static void signal_call(const struct queue *queue)
{
	struct pollfd pollfd = { .fd = queue->call, .events = POLLOUT };

	if (poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLOUT)
		eventfd_write(queue->call, 1);
}

static int start_error(const struct queue *queue, int error, struct reason *why)
{
	return reason_is(why, error, "queue %u does not start: %s", queue->index,
			 strerror(error));
}

static int set_ring(const struct queue *queue, const struct device_ring *ring,
		    struct reason *why)
{
	int ret = device_set_ring(queue->device, queue->index, ring);

	if (ret == -EBUSY)
		return reason_is(why, EBUSY, "queue %u: the disk does not answer what the last server had under way: wait until it does",
				 queue->index);
	return ret ? start_error(queue, -ret, why) : 0;
}

static int start(struct queue *queue, struct reason *why)
{
	struct device_ring ring;
	uint16_t base = 0;
	int ret;

	ret = ring_of(queue, &ring, why) ?: set_ring(queue, &ring, why);
	if (ret)
		return ret;
	ret = read_base(queue, &ring, &base, why);
	if (ret) {
		/* The first queue's ring is set again with the features. */
		if (!queue->device->running)
			device_reset(queue->device);
		return ret;
	}
	ret = device_start_queue(queue->device, queue->index, base);
	if (ret)
		return start_error(queue, -ret, why);
	queue->running = true;
	signal_call(queue);
	return 0;
}

static int stop(struct queue *queue, struct reason *why)
{
	int base = device_stop_queue(queue->device, queue->index);

	if (base < 0)
		return reason_is(why, -base, "queue %u does not stop: %s", queue->index,
				 strerror(-base));
	queue->running = false;
	queue->base = base;
	return 0;
}

/* Makes it what @next is, and has it run if that has all it takes. */
static int update(struct queue *queue, struct queue next, struct reason *why)
{
	bool run = (next.enabled || next.always_enabled) && next.has_kick && next.num &&
		   next.has_addr;
	int ret = 0;

	if (run && !next.running)
		ret = start(&next, why);
	else if (!run && next.running)
		ret = stop(&next, why);
	if (!ret)
		*queue = next;
	return ret;
}

static int refuse_running(const struct queue *queue, struct reason *why)
{
	return reason_is(why, EBUSY, "queue %u runs", queue->index);
}

int queue_set_num(struct queue *queue, uint32_t num, struct reason *why)
{
	unsigned int max = queue->device->queue_size;
	struct queue next = *queue;

	if (!num || num & (num - 1) || num > max)
		return reason_is(why, EINVAL,
				 "queue %u: a ring of %u entries; it must be a power of two up to %u",
				 queue->index, num, max);
	if (queue->running && num != queue->num)
		return refuse_running(queue, why);
	next.num = num;
	return update(queue, next, why);
}

int queue_set_base(struct queue *queue, uint32_t base, struct reason *why)
{
	if (base > UINT16_MAX)
		return reason_is(why, EINVAL, "queue %u: there is no index %u", queue->index, base);
	if (queue->running)
		return refuse_running(queue, why);
	queue->base = base;
	return 0;
}

int queue_set_addr(struct queue *queue, const struct vhost_user_vring_addr *addr,
		   struct reason *why)
{
	bool same = addr->desc == queue->desc && addr->avail == queue->avail &&
		    addr->used == queue->used;
	struct queue next = *queue;

	/* The module logs the used ring whenever it logs. */
	if (addr->flags & ~(1U << VHOST_VRING_F_LOG))
		return reason_is(why, EOPNOTSUPP, "queue %u: unknown flags %#x", queue->index,
				 addr->flags);
	if (queue->running && !same)
		return refuse_running(queue, why);
	next.desc = addr->desc;
	next.avail = addr->avail;
	next.used = addr->used;
	next.has_addr = true;
	return update(queue, next, why);
}

static int eventfd_error(const struct queue *queue, int error, struct reason *why)
{
	return reason_is(why, error, "queue %u: %s", queue->index,
			 error == EINVAL ? "the descriptor is no eventfd" : strerror(error));
}

int queue_set_kick(struct queue *queue, int eventfd, struct reason *why)
{
	int ret = device_set_kick(queue->device, queue->index, eventfd);
	struct queue next = *queue;

	close(eventfd);
	if (ret)
		return eventfd_error(queue, -ret, why);
	next.has_kick = true;
	return update(queue, next, why);
}

int queue_set_call(struct queue *queue, int eventfd, struct reason *why)
{
	int ret = device_set_call(queue->device, queue->index, eventfd);
	bool had_none = queue->call < 0;

	if (ret) {
		close(eventfd);
		return eventfd_error(queue, -ret, why);
	}
	if (queue->call >= 0)
		close(queue->call);
	queue->call = eventfd;
	if (queue->running && had_none)
		signal_call(queue);
	return 0;
}

int queue_set_err(struct queue *queue, int eventfd, struct reason *why)
{
	int ret = device_set_err(queue->device, queue->index, eventfd);

	if (eventfd >= 0)
		close(eventfd);
	return ret ? eventfd_error(queue, -ret, why) : 0;
}

int queue_enable(struct queue *queue, bool enable, struct reason *why)
{
	struct queue next = *queue;

	next.enabled = enable;
	return update(queue, next, why);
}

int queue_enable_always(struct queue *queue, bool always, struct reason *why)
{
	struct queue next = *queue;

	next.always_enabled = always;
	return update(queue, next, why);
}

int queue_stop(struct queue *queue, struct reason *why)
{
	struct queue next = *queue;

	next.has_kick = false;
	return update(queue, next, why);
}

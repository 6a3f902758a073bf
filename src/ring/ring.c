// SPDX-License-Identifier: GPL-2.0-only
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/prefetch.h>
#include <asm/barrier.h>
#include <vpin/ring.h>

/*
 * The event fields follow the entries: used_event (the driver's wish about
 * signals) in the driver area, avail_event (ours about kicks) in the device
 * area.
 */
static __virtio16 *vpin_ring_used_event(const struct vpin_ring *ring)
{
	return (__virtio16 *)&ring->avail->ring[ring->num];
}

static __virtio16 *vpin_ring_avail_event(const struct vpin_ring *ring)
{
	return (__virtio16 *)&ring->used->ring[ring->num];
}

/**
 * vpin_ring_init - a ring that starts at an index
 * @ring: the ring
 * @num: entries, a power of two, 1 to 32768
 * @base: index of the next entry to take; all before it have been used
 * @event_idx: whether VIRTIO_F_EVENT_IDX was negotiated
 */
void vpin_ring_init(struct vpin_ring *ring, u16 num, u16 base, bool event_idx)
{
	*ring = (struct vpin_ring) {
		.num = num,
		.event_idx = event_idx,
		.last_avail = base,
		.staged = base,
		.avail_idx = base,
		.used_idx = base,
		.used_published = base,
	};
}

/**
 * vpin_ring_set_used - where the used index goes on, if not where the entries do
 * @ring: the ring, just initialised
 * @used: index of the next used entry to write
 */
void vpin_ring_set_used(struct vpin_ring *ring, u16 used)
{
	ring->used_idx = used;
	ring->used_published = used;
}

/**
 * vpin_ring_set_memory - where the ring's areas are
 * @ring: the ring
 * @desc: the descriptor area, which is only ever prefetched here
 * @avail: the driver area, vpin_ring_avail_size() bytes
 * @used: the device area, vpin_ring_used_size() bytes
 *
 * All may move while the ring is in use: its indices go on.
 */
void vpin_ring_set_memory(struct vpin_ring *ring, const struct vring_desc *desc,
			  struct vring_avail *avail, struct vring_used *used)
{
	/* What was read in the old memory is read again. */
	ring->staged = ring->last_avail;
	ring->desc = desc;
	ring->avail = avail;
	ring->used = used;
	/* What we asked of the driver does not stand in the new memory. */
	ring->kicks = VPIN_RING_KICKS_UNKNOWN;
}

/*
 * Copies the entries that come next, and starts loading their descriptors: the
 * driver's CPU has those lines, and their ways here overlap.  Return: 1 if
 * there are any, 0 if not, -EINVAL.
 */
int vpin_ring_stage(struct vpin_ring *ring)
{
	u16 mask = ring->num - 1;
	u16 i, nr;

	if (ring->last_avail == ring->avail_idx) {
		/* Pairs with the driver's write barrier before it moves idx. */
		u16 idx = vpin_ring_to_cpu(smp_load_acquire(&ring->avail->idx));

		ring->looks++;
		if (unlikely((u16)(idx - ring->last_avail) > ring->num))
			return -EINVAL;
		if (idx == ring->last_avail)
			return 0;
		ring->avail_idx = idx;
	}

	nr = min_t(u16, ring->avail_idx - ring->last_avail, VPIN_RING_STAGE);
	for (i = ring->last_avail; nr--; i++) {
		u16 head = vpin_ring_to_cpu(READ_ONCE(ring->avail->ring[i & mask]));

		prefetch(&ring->desc[head & mask]);
		ring->heads[i % VPIN_RING_STAGE] = head;
	}
	ring->staged = i;
	return 1;
}

/* Whether the driver wants a signal for the entries since it was last asked. */
static bool vpin_ring_need_signal(struct vpin_ring *ring)
{
	u16 old = ring->signalled, new = ring->used_published;
	bool valid = ring->signal_valid;
	u16 event;

	/*
	 * used->idx before used_event and flags.  Pairs with the driver's
	 * barrier between asking for a signal and looking at used->idx.
	 */
	smp_mb();

	if (!ring->event_idx)
		return !(vpin_ring_to_cpu(READ_ONCE(ring->avail->flags)) &
			 VRING_AVAIL_F_NO_INTERRUPT);

	ring->signalled = new;
	ring->signal_valid = true;
	if (unlikely(!valid))
		return true;
	event = vpin_ring_to_cpu(READ_ONCE(*vpin_ring_used_event(ring)));
	return vring_need_event(event, new, old);
}

/**
 * vpin_ring_show - shows the driver what was pushed
 * @ring: the ring; something was
 *
 * Return: whether the driver wants a signal.
 */
bool vpin_ring_show(struct vpin_ring *ring)
{
	/* Pairs with the driver's read barrier after it reads idx. */
	smp_store_release(&ring->used->idx,
			  __cpu_to_virtio16(true, ring->used_idx));
	ring->used_published = ring->used_idx;
	return vpin_ring_need_signal(ring);
}

/**
 * vpin_ring_disable_kick - tells the driver that it need not kick
 * @ring: the ring
 *
 * With the event index nothing is written: the event stays behind.
 */
void vpin_ring_disable_kick(struct vpin_ring *ring)
{
	if (ring->kicks == VPIN_RING_KICKS_UNWANTED)
		return;
	ring->kicks = VPIN_RING_KICKS_UNWANTED;
	if (!ring->event_idx)
		WRITE_ONCE(ring->used->flags,
			   __cpu_to_virtio16(true, VRING_USED_F_NO_NOTIFY));
}

/**
 * vpin_ring_enable_kick - asks the driver to kick for the next chain
 * @ring: the ring
 *
 * Return: 1 if there is a chain already, so that no kick may come; 0 if not;
 * -EINVAL as vpin_ring_take().
 */
int vpin_ring_enable_kick(struct vpin_ring *ring)
{
	u16 ahead;

	ring->kicks = VPIN_RING_KICKS_WANTED;
	if (ring->event_idx)
		WRITE_ONCE(*vpin_ring_avail_event(ring),
			   __cpu_to_virtio16(true, ring->last_avail));
	else
		WRITE_ONCE(ring->used->flags, 0);

	/*
	 * The wish before avail->idx.  Pairs with the driver's barrier between
	 * moving idx and looking whether to kick.
	 */
	smp_mb();

	ahead = vpin_ring_to_cpu(READ_ONCE(ring->avail->idx)) - ring->last_avail;
	if (unlikely(ahead > ring->num))
		return -EINVAL;
	return ahead != 0;
}

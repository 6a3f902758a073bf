/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The split ring (VIRTIO 1.2, 2.7): what the driver offers, what the device
 * gives back, and who wants to be told.
 *
 * A ring belongs to one thread, its worker's: nothing in it is locked.  Its
 * memory is three linear kernel mappings, so each access is a load or a store.
 * The driver shares that memory and may write anything there at any time:
 * every field is read once, checked, and used from the copy.
 *
 * Barriers.  Each is paired with one of the driver's:
 *   avail->idx is loaded with acquire	<-> driver's write barrier between ring
 *	entries and avail->idx: entries and descriptors are read after it
 *   used->idx is stored with release	<-> driver's read barrier between
 *	used->idx and entries: entries and data are visible before it
 *   full barrier in vpin_ring_need_signal() <-> driver's, between storing
 *	used_event (or flags) and loading used->idx: one of the two sees the
 *	other's store
 *   full barrier in vpin_ring_enable_kick() <-> driver's, between storing
 *	avail->idx and loading avail_event (or flags): likewise
 */
#ifndef _VPIN_RING_H
#define _VPIN_RING_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/virtio_byteorder.h>
#include <uapi/linux/virtio_ring.h>

/* Entries that are copied at a time: a cache line of them. */
#define VPIN_RING_STAGE	32

/* What the driver was asked to do, in the memory where the ring is now. */
enum vpin_ring_kicks {
	VPIN_RING_KICKS_UNKNOWN,
	VPIN_RING_KICKS_WANTED,
	VPIN_RING_KICKS_UNWANTED,
} __packed;

/**
 * struct vpin_ring - the device's side of a split ring
 * @num: entries, a power of two
 * @event_idx: VIRTIO_F_EVENT_IDX was negotiated
 * @kicks: what the driver was asked to do
 * @signal_valid: @signalled means something
 * @last_avail: index of the next entry to take
 * @staged: the entries before this index and from @last_avail on are in @heads
 * @avail_idx: the driver's index, as last read
 * @looks: how often it was read; wraps
 * @used_idx: index of the next used entry to write
 * @used_published: what used->idx says
 * @signalled: what used->idx said when the driver was last asked about signals
 * @desc: the descriptor area
 * @avail: the driver area
 * @used: the device area
 * @heads: copies of entries, each at its index modulo VPIN_RING_STAGE
 */
struct vpin_ring {
	u16 num;
	bool event_idx;
	enum vpin_ring_kicks kicks;
	bool signal_valid;
	u16 last_avail;
	u16 staged;
	u16 avail_idx;
	u16 used_idx;
	u16 used_published;
	u16 signalled;
	u32 looks;
	const struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 heads[VPIN_RING_STAGE];
};

static inline u16 vpin_ring_to_cpu(__virtio16 v)
{
	return __virtio16_to_cpu(true, v);
}

/* Bytes of the driver area and of the device area, with their event fields. */
static inline u64 vpin_ring_avail_size(u16 num)
{
	return sizeof(struct vring_avail) + sizeof(__virtio16) * ((u64)num + 1);
}

static inline u64 vpin_ring_used_size(u16 num)
{
	return sizeof(struct vring_used) +
	       sizeof(struct vring_used_elem) * (u64)num + sizeof(__virtio16);
}

void vpin_ring_init(struct vpin_ring *ring, u16 num, u16 base, bool event_idx);
void vpin_ring_set_used(struct vpin_ring *ring, u16 used);
void vpin_ring_set_memory(struct vpin_ring *ring, const struct vring_desc *desc,
			  struct vring_avail *avail, struct vring_used *used);

int vpin_ring_stage(struct vpin_ring *ring);
bool vpin_ring_show(struct vpin_ring *ring);
void vpin_ring_disable_kick(struct vpin_ring *ring);
int vpin_ring_enable_kick(struct vpin_ring *ring);

/* Whether something was pushed that the driver has not been shown. */
static inline bool vpin_ring_has_news(const struct vpin_ring *ring)
{
	return ring->used_published != ring->used_idx;
}

/**
 * vpin_ring_publish - shows the driver what was pushed, if something was
 * @ring: the ring
 *
 * Return: whether the driver wants a signal.
 */
static inline bool vpin_ring_publish(struct vpin_ring *ring)
{
	return vpin_ring_has_news(ring) && vpin_ring_show(ring);
}

/* Whether the driver's index is not where we are: there is a chain, or rubbish. */
static inline bool vpin_ring_is_ahead(const struct vpin_ring *ring)
{
	return ring->last_avail != ring->avail_idx ||
	       ring->last_avail != vpin_ring_to_cpu(READ_ONCE(ring->avail->idx));
}

/* Whether the driver kicks for the next chain; nothing was taken since it was told. */
static inline bool vpin_ring_is_kicked(const struct vpin_ring *ring)
{
	return ring->kicks == VPIN_RING_KICKS_WANTED;
}

/* How many chains the driver offers, as far as it can be believed: a guess. */
static inline u16 vpin_ring_offered(const struct vpin_ring *ring)
{
	u16 idx = vpin_ring_to_cpu(READ_ONCE(ring->avail->idx));

	return min_t(u16, idx - ring->last_avail, ring->num);
}

/**
 * vpin_ring_take - takes the next chain that the driver offers
 * @ring: the ring
 * @head: out: index of its first descriptor
 *
 * The driver's index is read only when the entries known from the last reading
 * are used up, and the entries a cache line at a time.
 *
 * Return: 1 with a head, 0 if there is none, -EINVAL if the driver's index is
 * more than the ring's size ahead, or the head is out of range: then the ring
 * cannot be trusted any more (VIRTIO 1.2, 2.7.13.3).
 */
static inline int vpin_ring_take(struct vpin_ring *ring, u16 *head)
{
	if (ring->last_avail == ring->staged) {
		int ret = vpin_ring_stage(ring);

		if (ret <= 0)
			return ret;
	}

	*head = ring->heads[ring->last_avail % VPIN_RING_STAGE];
	if (unlikely(*head >= ring->num))
		return -EINVAL;
	ring->last_avail++;
	return 1;
}

/* The chain that was taken last is the next one again; no memory was set since. */
static inline void vpin_ring_untake(struct vpin_ring *ring)
{
	ring->last_avail--;
}

/**
 * vpin_ring_push - gives a chain back
 * @ring: the ring
 * @head: the index it was taken with
 * @len: bytes that the device wrote into it
 *
 * The driver sees it after the next vpin_ring_publish().
 */
static inline void vpin_ring_push(struct vpin_ring *ring, u16 head, u32 len)
{
	struct vring_used_elem *elem =
		&ring->used->ring[ring->used_idx & (ring->num - 1)];

	WRITE_ONCE(elem->id, __cpu_to_virtio32(true, head));
	WRITE_ONCE(elem->len, __cpu_to_virtio32(true, len));
	ring->used_idx++;
}

#endif /* _VPIN_RING_H */

// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vdpa.h"
#include "vq.h"

/* The words after the rings that EVENT_IDX defines. */
static volatile uint16_t *used_event(struct vq *vq)
{
	return &vq->avail->ring[vq->size];
}

static volatile uint16_t *avail_event(struct vq *vq)
{
	return (volatile uint16_t *)&vq->used->ring[vq->size];
}

static uint16_t load16(const volatile uint16_t *word)
{
	return le16toh(__atomic_load_n(word, __ATOMIC_ACQUIRE));
}

static void store16(volatile uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, htole16(value), __ATOMIC_RELEASE);
}

int vq_init(struct vq *vq, struct guest *guest, unsigned int index,
	    unsigned int size, unsigned int offset, bool event_idx, bool indirect)
{
	char *page;

	memset(vq, 0, sizeof(*vq));
	vq->guest = guest;
	vq->index = index;
	vq->size = size;
	vq->event_idx = event_idx;

	page = guest_alloc(guest, offset + size * sizeof(*vq->desc), GUEST_PAGE);
	vq->desc = (struct vring_desc *)(page + offset);
	vq->avail = guest_alloc(guest, sizeof(*vq->avail) + (size + 1) * sizeof(uint16_t), 2);
	vq->used = guest_alloc(guest, sizeof(*vq->used) + size * sizeof(struct vring_used_elem) +
			       sizeof(uint16_t), 4);
	if (indirect)
		vq->indirect = guest_alloc(guest, size * VQ_INDIRECT_MAX *
					   sizeof(struct vring_desc), 16);

	vq->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vq->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vq->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vq->kick < 0 || vq->call < 0 || vq->err < 0)
		return -errno;

	vq_reset(vq);
	return 0;
}

void vq_free(struct vq *vq)
{
	close(vq->kick);
	close(vq->call);
	close(vq->err);
}

void vq_reset(struct vq *vq)
{
	unsigned int i;

	memset(vq->avail, 0, sizeof(*vq->avail) + (vq->size + 1) * sizeof(uint16_t));
	memset(vq->used, 0, sizeof(*vq->used) + vq->size * sizeof(struct vring_used_elem) +
	       sizeof(uint16_t));
	for (i = 0; i < vq->size; i++)
		vq->next_free[i] = i + 1;
	vq->free_head = 0;
	vq->num_free = vq->size;
	vq->next_avail = 0;
	vq->next_used = 0;
	event_wait(vq->call, 0);
	event_wait(vq->err, 0);
}

void vq_rebase(struct vq *vq, uint16_t base)
{
	vq->next_avail = vq->next_used = base;
	store16(&vq->avail->idx, base);
	store16(&vq->used->idx, base);
}

int vq_setup(struct vq *vq, int fd)
{
	int ret;

	vq->fd = fd;
	ret = vdpa_set_vring_num(fd, vq->index, vq->size);
	if (!ret)
		ret = vdpa_set_vring_base(fd, vq->index, vq->next_used);
	if (!ret)
		ret = vdpa_set_vring_addr(fd, vq->index,
					  guest_iova(vq->guest, vq->desc),
					  guest_iova(vq->guest, vq->avail),
					  guest_iova(vq->guest, vq->used));
	if (!ret)
		ret = vdpa_set_vring_kick(fd, vq->index, vq->kick);
	if (!ret)
		ret = vdpa_set_vring_call(fd, vq->index, vq->call);
	if (!ret)
		ret = vdpa_set_vring_err(fd, vq->index, vq->err);
	if (!ret)
		ret = vdpa_set_vring_enable(fd, vq->index, 1);
	return ret;
}

static void fill_desc(struct vring_desc *desc, const struct vq_buf *buf,
		      uint16_t flags, uint16_t next)
{
	desc->addr = htole64(buf->iova);
	desc->len = htole32(buf->length);
	desc->flags = htole16(flags | (buf->device_writes ? VRING_DESC_F_WRITE : 0));
	desc->next = htole16(next);
}

static int add_indirect(struct vq *vq, const struct vq_buf *bufs, unsigned int num)
{
	uint16_t head = vq->free_head;
	struct vring_desc *table = vq->indirect + head * VQ_INDIRECT_MAX;
	const struct vq_buf whole = {
		.iova = guest_iova(vq->guest, table),
		.length = num * sizeof(*table),
	};
	unsigned int i;

	for (i = 0; i < num; i++)
		fill_desc(&table[i], &bufs[i],
			  i + 1 < num ? VRING_DESC_F_NEXT : 0, i + 1);
	fill_desc(&vq->desc[head], &whole, VRING_DESC_F_INDIRECT, 0);

	vq->free_head = vq->next_free[head];
	vq->num_free--;
	vq->chain_length[head] = 1;
	return head;
}

static int add_direct(struct vq *vq, const struct vq_buf *bufs, unsigned int num)
{
	uint16_t head = vq->free_head, slot = head;
	unsigned int i;

	for (i = 0; i < num; i++) {
		uint16_t next = vq->next_free[slot];

		fill_desc(&vq->desc[slot], &bufs[i],
			  i + 1 < num ? VRING_DESC_F_NEXT : 0, next);
		slot = next;
	}
	vq->free_head = slot;
	vq->num_free -= num;
	vq->chain_length[head] = num;
	return head;
}

int vq_add(struct vq *vq, const struct vq_buf *bufs, unsigned int num)
{
	bool indirect = vq->indirect && num <= VQ_INDIRECT_MAX;
	int head;

	if (vq->num_free < (indirect ? 1 : num))
		return -ENOSPC;
	head = indirect ? add_indirect(vq, bufs, num) : add_direct(vq, bufs, num);
	vq_add_head(vq, head);
	return head;
}

void vq_add_head(struct vq *vq, uint16_t head)
{
	vq->avail->ring[vq->next_avail++ % vq->size] = htole16(head);
}

void vq_kick(struct vq *vq)
{
	eventfd_write(vq->kick, 1);
}

void vq_publish(struct vq *vq)
{
	uint16_t old = load16(&vq->avail->idx);
	bool wanted;

	store16(&vq->avail->idx, vq->next_avail);
	/* The device stores its wish, then looks at the index; we the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);

	if (vq->event_idx)
		wanted = vring_need_event(load16(avail_event(vq)), vq->next_avail, old);
	else
		wanted = !(load16(&vq->used->flags) & VRING_USED_F_NO_NOTIFY);
	if (wanted)
		vq_kick(vq);
}

/* Gives the descriptors of a chain that we made back to the free list. */
static void release(struct vq *vq, uint32_t head)
{
	uint16_t last = head;
	unsigned int i;

	if (head >= vq->size || !vq->chain_length[head])
		return;
	for (i = 1; i < vq->chain_length[head]; i++)
		last = vq->next_free[last];
	vq->next_free[last] = vq->free_head;
	vq->free_head = head;
	vq->num_free += vq->chain_length[head];
	vq->chain_length[head] = 0;
}

bool vq_take(struct vq *vq, struct vring_used_elem *elem)
{
	const struct vring_used_elem *used;

	if (load16(&vq->used->idx) == vq->next_used)
		return false;
	used = &vq->used->ring[vq->next_used++ % vq->size];
	elem->id = le32toh(used->id);
	elem->len = le32toh(used->len);
	release(vq, elem->id);
	return true;
}

static int milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int event_wait(int event, int timeout_ms)
{
	struct pollfd pollfd = { .fd = event, .events = POLLIN };
	eventfd_t count;

	if (poll(&pollfd, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	eventfd_read(event, &count);
	return 0;
}

/*
 * The device may have put other pages into our memory, or taken some from it.
 * User-Mode Linux shows that to a thread when it next enters the kernel.
 */
static bool take_and_see(struct vq *vq, struct vring_used_elem *elem)
{
	if (!vq_take(vq, elem))
		return false;
	getppid();
	return true;
}

int vq_wait(struct vq *vq, struct vring_used_elem *elem, int timeout_ms)
{
	int start = milliseconds(), left;

	for (;;) {
		if (take_and_see(vq, elem))
			return 0;

		/* Ask for a call, then look again: the device does the reverse. */
		if (vq->event_idx)
			store16(used_event(vq), vq->next_used);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (take_and_see(vq, elem))
			return 0;

		/* Without a look after the timeout: a lost call is a fault. */
		left = start + timeout_ms - milliseconds();
		if (event_wait(vq->call, left > 0 ? left : 0))
			return -ETIMEDOUT;
	}
}

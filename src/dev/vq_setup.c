// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM sets up of a virtqueue: its size, its addresses, where it goes on,
 * and its eventfds, which may change at any time.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <vpin/dev.h>

void vpin_vq_init(struct vpin_vq *vq, struct vpin_dev *dev, u16 index)
{
	vq->dev = dev;
	vq->index = index;
	init_llist_head(&vq->done);
	vq->done_end = &vq->done_at_once;
	init_waitqueue_head(&vq->idle);
	vpin_work_init(&vq->work, vpin_vq_work);
}

/* Drops the eventfds of a stopped queue, and what waits for pages. */
void vpin_vq_fini(struct vpin_vq *vq)
{
	vpin_vq_set_kick(vq, NULL);
	vpin_vq_set_call(vq, NULL);
	vpin_vq_set_err(vq, NULL);
	vpin_summon_end(vq->chain_summon);
	vpin_summon_end(vq->ring_summon);
}

/* The ABI may not move a ring that is being served. */
static bool vpin_vq_is_live(const struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	return vq->running;
}

/*
 * What the driver was not told of belongs to a ring that is no more.  The next
 * one goes on where VHOST_GET_VRING_BASE said.
 */
static void vpin_vq_drop_untold(struct vpin_vq *vq)
{
	vq->base -= vq->nr_untold;
	vq->nr_untold = 0;
	kvfree(vq->untold);
	vq->untold = NULL;
}

/**
 * vpin_vq_set_num - VHOST_SET_VRING_NUM
 * @vq: the queue
 * @num: entries of the ring
 *
 * Return: 0; -EINVAL if @num is no power of two or over the device's maximum;
 * -EBUSY while the queue runs.
 */
int vpin_vq_set_num(struct vpin_vq *vq, u32 num)
{
	if (!is_power_of_2(num) || num > vq->dev->queue_size)
		return -EINVAL;
	if (vpin_vq_is_live(vq))
		return -EBUSY;
	if (num == vq->num)
		return 0;
	vpin_vq_drop_untold(vq);
	WRITE_ONCE(vq->num, num);
	return 0;
}

/**
 * vpin_vq_claim - sees to it that no device that was closed still has a ring
 * @vq: the queue whose ring it is to be
 * @snap: guest memory
 * @used: GPA of its device area; if nothing is there, nothing is known
 * @wait: for such a device, as long as its close does
 *
 * Return: 0 or vpin_dev_wait_ended()'s.
 */
int vpin_vq_claim(struct vpin_vq *vq, const struct vpin_snap *snap, u64 used,
		  bool wait)
{
	u64 used_at = vpin_window_phys(snap, used);
	int ret = used_at ? vpin_dev_wait_ended(used_at, wait) : 0;

	if (ret == -EBUSY)
		vpin_dev_notice(vq->dev, "queue %u: its ring is of a device that was closed, and whose backend does not answer\n",
				vq->index);
	return ret;
}

/**
 * vpin_vq_set_addr - VHOST_SET_VRING_ADDR
 * @vq: the queue
 * @desc: GPA of the descriptor area, a multiple of 16
 * @avail: GPA of the driver area, a multiple of 2
 * @used: GPA of the device area, a multiple of 4 (VIRTIO 1.2, 2.7)
 *
 * The memory may be mapped later.  The same addresses are the same ring.  If it is
 * mapped, and a device that was closed still has that ring, that is waited for: what
 * the driver is told until then says where to go on.
 *
 * Return: 0; -EINVAL if one is not aligned; -EBUSY while the queue runs; else
 * vpin_dev_wait_ended()'s.  Nothing has changed then.
 */
int vpin_vq_set_addr(struct vpin_vq *vq, u64 desc, u64 avail, u64 used)
{
	struct vpin_snap *snap;
	int ret;

	if (desc % VRING_DESC_ALIGN_SIZE || avail % VRING_AVAIL_ALIGN_SIZE ||
	    used % VRING_USED_ALIGN_SIZE)
		return -EINVAL;
	if (vpin_vq_is_live(vq))
		return -EBUSY;
	snap = vpin_mem_snap(&vq->dev->mem);
	ret = vpin_vq_claim(vq, snap, used, true);
	vpin_snap_put(snap);
	if (ret)
		return ret;
	if (desc != vq->desc_addr || avail != vq->avail_addr ||
	    used != vq->used_addr)
		vpin_vq_drop_untold(vq);
	vq->desc_addr = desc;
	vq->avail_addr = avail;
	vq->used_addr = used;
	vq->addr_set = true;
	return 0;
}

/**
 * vpin_vq_set_base - VHOST_SET_VRING_BASE
 * @vq: the queue
 * @base: index of the next entry to take, up to 0xffff
 *
 * Who says what VHOST_GET_VRING_BASE told him means the ring as it is, with what
 * was taken from it, maybe in another order, and not told.
 *
 * Return: 0; -EINVAL if @base is out of range; -EBUSY while the queue runs.
 */
int vpin_vq_set_base(struct vpin_vq *vq, u32 base)
{
	if (base > U16_MAX)
		return -EINVAL;
	if (vpin_vq_is_live(vq))
		return -EBUSY;
	if (base == (u16)(vq->base - vq->nr_untold))
		return 0;
	vpin_vq_drop_untold(vq);
	vq->base = base;
	return 0;
}

static void vpin_vq_read_base(void *arg)
{
	struct vpin_vq *vq = arg;

	vq->base = vq->ring.last_avail;
}

/*
 * VHOST_GET_VRING_BASE: the next entry to take, less those that the driver was
 * not told of; moving while the queue runs.
 */
u16 vpin_vq_get_base(struct vpin_vq *vq)
{
	if (vpin_vq_is_live(vq))
		vpin_worker_call(vq->worker, vpin_vq_read_base, vq);
	return vq->base - vq->nr_untold;
}

/**
 * vpin_vq_set_kick - VHOST_SET_VRING_KICK, at any time
 * @vq: the queue
 * @file: an eventfd, whose reference goes to the queue, or NULL
 */
void vpin_vq_set_kick(struct vpin_vq *vq, struct file *file)
{
	vpin_kick_unhook(&vq->kick);
	if (vq->kick.file)
		fput(vq->kick.file);
	vq->kick.file = file;
	if (vq->running && file) {
		vpin_kick_hook(&vq->kick, vq->worker, &vq->work);
		/* It may have been kicked before we listened. */
		vpin_worker_queue(vq->worker, &vq->work);
	}
}

struct vpin_vq_swap {
	struct eventfd_ctx **slot;
	struct eventfd_ctx *ctx;
};

static void vpin_vq_swap(void *arg)
{
	struct vpin_vq_swap *swap = arg;

	swap(*swap->slot, swap->ctx);
}

static void vpin_vq_set_eventfd(struct vpin_vq *vq, struct eventfd_ctx **slot,
				struct eventfd_ctx *ctx)
{
	struct vpin_vq_swap swap = { .slot = slot, .ctx = ctx };

	if (vq->running)
		vpin_worker_call(vq->worker, vpin_vq_swap, &swap);
	else
		vpin_vq_swap(&swap);
	if (swap.ctx)
		eventfd_ctx_put(swap.ctx);
}

/* VHOST_SET_VRING_CALL, at any time; @ctx's reference goes to the queue. */
void vpin_vq_set_call(struct vpin_vq *vq, struct eventfd_ctx *ctx)
{
	vpin_vq_set_eventfd(vq, &vq->call, ctx);
}

/* VHOST_SET_VRING_ERR, at any time; @ctx's reference goes to the queue. */
void vpin_vq_set_err(struct vpin_vq *vq, struct eventfd_ctx *ctx)
{
	vpin_vq_set_eventfd(vq, &vq->err, ctx);
}

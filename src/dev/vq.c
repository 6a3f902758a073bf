// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtqueue's life.
 *
 * stopped --start--> running --drain--> drained --stop--> stopped
 *
 * A running queue has a worker.  Draining stops the taking of chains and waits
 * until those in flight are back in the used ring; after that the index of the
 * next chain says all that is needed to start again.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <vpin/dev.h>

/* Whether [a, a + a_len) and [b, b + b_len) are apart and do not wrap. */
static bool vpin_vq_apart(u64 a, u64 a_len, u64 b, u64 b_len)
{
	u64 a_last = a + (a_len - 1), b_last = b + (b_len - 1);

	return a_last >= a && b_last >= b && (a_last < b || b_last < a);
}

static bool vpin_vq_layout_ok(const struct vpin_vq *vq)
{
	u64 desc = sizeof(struct vring_desc) * (u64)vq->num;
	u64 avail = vpin_ring_avail_size(vq->num);
	u64 used = vpin_ring_used_size(vq->num);

	return vq->num &&
	       vpin_vq_apart(vq->desc_addr, desc, vq->avail_addr, avail) &&
	       vpin_vq_apart(vq->desc_addr, desc, vq->used_addr, used) &&
	       vpin_vq_apart(vq->avail_addr, avail, vq->used_addr, used);
}

/* Points the running half at a view; NULL makes the queue wait. */
static void vpin_vq_set_view(struct vpin_vq *vq, struct vpin_view *view)
{
	vq->view = view;
	if (!view)
		return;
	/* The ring's size is a power of two: a masked index is in the window. */
	vq->table = (struct vpin_desc_table) {
		.base_addr = vq->desc_addr,
		.size = vq->num,
		.snap = view->snap,
		.linear = view->desc.addr,
		.nr_linear = vq->num,
		.mask = vq->num - 1,
	};
	vpin_ring_set_memory(&vq->ring, view->desc.addr, view->avail.addr,
			     view->used.addr);
}

/**
 * vpin_vq_start - starts serving a queue
 * @vq: the queue; nothing happens unless it is enabled and has addresses
 *
 * The ring is scanned at once, without waiting for a kick.  If it is not mapped
 * the queue waits until it is.
 *
 * Return: 0; -EINVAL if the ring has no size, or its areas overlap or wrap;
 * -ENOMEM; what the caller's cgroups say to a new thread.
 */
int vpin_vq_start(struct vpin_vq *vq)
{
	struct vpin_dev *dev = vq->dev;
	struct vpin_view *view;
	struct vpin_snap *snap;
	char name[TASK_COMM_LEN];
	int ret;

	lockdep_assert_held(&dev->lock);
	if (vq->worker || !vq->enabled || !vq->addr_set)
		return 0;
	if (!vpin_vq_layout_ok(vq)) {
		vpin_dev_notice(dev, "queue %u: %s\n", vq->index, vq->num ?
				"the areas of the ring overlap or wrap" :
				"the ring has no size (VHOST_SET_VRING_NUM)");
		return -EINVAL;
	}

	vq->chain.max = vq->num;
	vq->chain.bufs = kvmalloc_array(vq->num, sizeof(*vq->chain.bufs),
					GFP_KERNEL_ACCOUNT);
	if (!vq->chain.bufs)
		return -ENOMEM;
	ret = dev->type->vq_start(vq);
	if (ret)
		goto err_bufs;

	snap = vpin_mem_snap(&dev->mem);
	view = vpin_view_create(vq, snap);
	vpin_snap_put(snap);
	if (IS_ERR(view) && PTR_ERR(view) != -EFAULT) {
		ret = PTR_ERR(view);
		goto err_type;
	}
	if (IS_ERR(view)) {
		vpin_dev_notice(dev, "queue %u waits: its ring is not mapped\n",
				vq->index);
		view = NULL;
	}

	vpin_ring_init(&vq->ring, vq->num, vq->base,
		       vpin_dev_has(dev, VIRTIO_RING_F_EVENT_IDX));
	vpin_vq_set_view(vq, view);
	vq->inflight = 0;
	INIT_LIST_HEAD(&vq->polled);
	vq->poll_ns = 0;
	vq->slept_at = 0;
	vq->broken = false;
	vq->fetching = true;
	vq->stalled = false;

	snprintf(name, sizeof(name), "vpin-%d-%u", dev->id, vq->index);
	vq->worker = vpin_worker_create(name, dev->has_nice ? dev->nice :
					 task_nice(current));
	if (IS_ERR(vq->worker)) {
		ret = PTR_ERR(vq->worker);
		vq->worker = NULL;
		goto err_view;
	}
	vpin_kick_hook(&vq->kick, vq->worker, &vq->work);
	vpin_worker_queue(vq->worker, &vq->work);
	return 0;

err_view:
	vpin_view_put(vq->view);
	vq->view = NULL;
err_type:
	dev->type->vq_stop(vq);
err_bufs:
	kvfree(vq->chain.bufs);
	vq->chain.bufs = NULL;
	return ret;
}

static void vpin_vq_stop_fetching(void *arg)
{
	struct vpin_vq *vq = arg;

	vq->fetching = false;
}

/**
 * vpin_vq_drain - takes no more chains, and waits for those in flight
 * @vq: the queue, running or not
 * @killable: whether a fatal signal ends the wait
 *
 * How long it takes is the backend's affair.
 *
 * Return: 0; -EINTR if killed: the queue still drains then.
 */
int vpin_vq_drain(struct vpin_vq *vq, bool killable)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->worker)
		return 0;
	vpin_kick_unhook(&vq->kick);
	vpin_worker_call(vq->worker, vpin_vq_stop_fetching, vq);
	/* A turn of its own after that: it wakes us if nothing is in flight. */
	vpin_worker_queue(vq->worker, &vq->work);

	if (!killable)
		wait_event(vq->idle, !READ_ONCE(vq->inflight));
	else if (wait_event_killable(vq->idle, !READ_ONCE(vq->inflight)))
		return -EINTR;
	return 0;
}

static void vpin_vq_end(struct vpin_vq *vq)
{
	vpin_worker_destroy(vq->worker);
	vq->worker = NULL;

	vq->base = vq->ring.last_avail;
	vpin_view_put(vq->view);
	vq->view = NULL;
	vq->dev->type->vq_stop(vq);
	kvfree(vq->chain.bufs);
	vq->chain.bufs = NULL;
}

/**
 * vpin_vq_stop - drains queues and ends their workers
 * @vqs: the queues of one device, running or not
 * @nr: how many
 *
 * When it returns, nothing touches guest memory for them any more.
 */
void vpin_vq_stop(struct vpin_vq *vqs, unsigned int nr)
{
	bool ran = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		ran |= !!vqs[i].worker;
		vpin_vq_drain(&vqs[i], false);
	}
	if (!ran)
		return;

	/* Until the last vpin_vq_complete() has let go of its worker. */
	synchronize_rcu();
	for (i = 0; i < nr; i++) {
		if (vqs[i].worker)
			vpin_vq_end(&vqs[i]);
	}
}

/* Stops queues and forgets their set-up, but for the eventfds. */
void vpin_vq_reset(struct vpin_vq *vqs, unsigned int nr)
{
	unsigned int i;

	vpin_vq_stop(vqs, nr);
	for (i = 0; i < nr; i++) {
		vqs[i].num = 0;
		vqs[i].base = 0;
		vqs[i].addr_set = false;
		vqs[i].enabled = false;
		vqs[i].broken = false;
	}
}

struct vpin_vq_refresh {
	struct vpin_vq *vq;
	struct vpin_view *view;
};

static void vpin_vq_change_view(void *arg)
{
	struct vpin_vq_refresh *refresh = arg;
	struct vpin_vq *vq = refresh->vq;

	vpin_view_put(vq->view);
	vpin_vq_set_view(vq, refresh->view);
}

/**
 * vpin_vq_refresh - lets a running queue see another snapshot
 * @vq: the queue, running or not
 * @snap: the snapshot
 *
 * When it returns, the worker starts no access through the old one any more;
 * requests in flight keep it.  If the ring is not mapped in @snap the queue
 * waits for one in which it is.
 *
 * Return: 0, or -ENOMEM: the queue then waits as well.
 */
int vpin_vq_refresh(struct vpin_vq *vq, struct vpin_snap *snap)
{
	struct vpin_vq_refresh refresh = { .vq = vq };
	int ret = 0;

	lockdep_assert_held(&vq->dev->lock);
	if (!vq->worker)
		return 0;

	refresh.view = vpin_view_create(vq, snap);
	if (IS_ERR(refresh.view)) {
		if (PTR_ERR(refresh.view) != -EFAULT)
			ret = PTR_ERR(refresh.view);
		refresh.view = NULL;
	}
	vpin_worker_call(vq->worker, vpin_vq_change_view, &refresh);
	vpin_worker_queue(vq->worker, &vq->work);
	return ret;
}

/**
 * vpin_vq_enable - VHOST_VDPA_SET_VRING_ENABLE
 * @vq: the queue, also one that was never set up
 * @enable: on or off; a running queue that is turned off is drained and stopped
 *
 * Return: 0 or vpin_vq_start()'s.
 */
int vpin_vq_enable(struct vpin_vq *vq, bool enable)
{
	struct vpin_dev *dev = vq->dev;
	int ret = 0;

	lockdep_assert_held(&dev->lock);
	vq->enabled = enable;
	if (!enable)
		vpin_vq_stop(vq, 1);
	else if (vpin_dev_is_running(dev))
		ret = vpin_vq_start(vq);
	if (ret)
		vq->enabled = false;
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtqueue's life.
 *
 * stopped --start--> running --drain--> draining --(idle)--> drained --stop--> stopped
 *
 * A running queue is served by a worker.  Draining stops the taking of chains;
 * the queue is drained when those in flight have ended.  They are in the used
 * ring then, or, where the ring is not mapped, kept until there is one to tell
 * them in.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <vpin/dev.h>
#include <vpin/trace.h>

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

/*
 * Points the running half at a view; NULL makes the queue wait.  What was not told is
 * at once: who is closed has nothing to tell when its turns are over.
 */
static void vpin_vq_set_view(struct vpin_vq *vq, struct vpin_view *view)
{
	unsigned int i;

	vq->view = view;
	if (!view)
		return;
	/* The ring's size is a power of two: a masked index is in the window. */
	vq->table = (struct vpin_desc_table) {
		.base_addr = vq->desc_addr,
		.size = vq->num,
		.chain_max = vq->chain.max,
		.snap = view->snap,
		.linear = view->desc.addr,
		.nr_linear = vq->num,
		.mask = vq->num - 1,
		.hint = &vq->hint,
	};
	WRITE_ONCE(vq->used_at, vpin_window_phys(view->snap, vq->used_addr));
	vpin_ring_set_memory(&vq->ring, view->desc.addr, view->avail.addr,
			     view->used.addr);
	for (i = 0; i < vq->nr_untold; i++) {
		const struct vpin_untold *untold = &vq->untold[i];

		vpin_ring_push(&vq->ring, untold->head, untold->len);
		trace_vpin_return(vq, untold->head, untold->len);
	}
	vq->nr_untold = 0;
	vpin_vq_tell(vq);
	if (vq->dirty)
		vpin_vq_dirty_ring(vq);
}

/* What the driver was not told of stays for as long as it may yet be. */
static void vpin_vq_free(struct vpin_vq *vq)
{
	if (!vq->nr_untold) {
		kvfree(vq->untold);
		vq->untold = NULL;
	}
	kvfree(vq->chain.bufs);
	vq->chain.bufs = NULL;
	kvfree(vq->taken_at);
	vq->taken_at = NULL;
	vpin_vq_dirty_free(vq);
}

/* What a queue waited for before it stopped is wanted for the first time. */
static bool vpin_vq_alloc_summon(struct vpin_vq *vq, struct vpin_summon **summon)
{
	if (*summon)
		vpin_summon_done(*summon);
	else
		*summon = vpin_summon_create(vq);
	return *summon;
}

/* Allocates what a running queue needs, but for the device type's. */
static int vpin_vq_alloc(struct vpin_vq *vq)
{
	vq->chain.max = max(vq->num, vq->dev->chain_max);
	vq->chain.bufs = kvmalloc_array(vq->chain.max, sizeof(*vq->chain.bufs),
					GFP_KERNEL_ACCOUNT);
	if (!vq->untold)
		vq->untold = kvmalloc_array(vq->num, sizeof(*vq->untold),
					    GFP_KERNEL_ACCOUNT);
	vq->taken_at = kvcalloc(vq->num, sizeof(*vq->taken_at),
				GFP_KERNEL_ACCOUNT);
	if (vq->chain.bufs && vq->untold && vq->taken_at &&
	    vpin_vq_alloc_summon(vq, &vq->chain_summon) &&
	    vpin_vq_alloc_summon(vq, &vq->ring_summon) &&
	    !(vq->dev->dirty && vpin_vq_dirty_alloc(vq)))
		return 0;
	vpin_vq_free(vq);
	return -ENOMEM;
}

/* Has the ring's first page brought that is absent. */
static void vpin_vq_summon_ring(struct vpin_vq *vq, const struct vpin_snap *snap)
{
	struct vpin_summon **summon = &vq->ring_summon;

	if (!vpin_summon_begin(summon, snap, vq->desc_addr,
			       sizeof(struct vring_desc) * (u64)vq->num,
			       VPIN_PERM_READ) &&
	    !vpin_summon_begin(summon, snap, vq->avail_addr,
			       vpin_ring_avail_size(vq->num), VPIN_PERM_READ) &&
	    !vpin_summon_begin(summon, snap, vq->used_addr,
			       vpin_ring_used_size(vq->num), VPIN_PERM_WRITE))
		vpin_summon_done(*summon);
}

/* The ring in a snapshot; NULL: there is none, and the queue waits; ERR_PTR. */
static struct vpin_view *vpin_vq_view(struct vpin_vq *vq, struct vpin_snap *snap)
{
	struct vpin_view *view = vpin_view_create(vq, snap);

	if (!IS_ERR(view))
		return view;
	if (PTR_ERR(view) == -EAGAIN) {
		vpin_vq_summon_ring(vq, snap);
		vpin_dev_look_again(vq->dev);
	} else if (PTR_ERR(view) != -EFAULT) {
		return view;
	}
	return NULL;
}

static void vpin_vq_begin_running(void *arg)
{
	struct vpin_vq *vq = arg;

	WRITE_ONCE(vq->running, true);
}

/* From @change on, which lets it, its worker serves a queue: kicked or not. */
static void vpin_vq_serve_from(struct vpin_vq *vq, void (*change)(void *arg))
{
	vpin_worker_call(vq->worker, change, vq);
	vpin_kick_hook(&vq->kick, vq->worker, &vq->work);
	vpin_worker_queue(vq->worker, &vq->work);
}

/**
 * vpin_vq_set_up - does all that can fail of a start
 * @vq: the queue; nothing happens unless it is enabled, has addresses, and is
 *	not broken
 *
 * The owner's mapping has been followed as far as it can be.  Then vpin_vq_serve()
 * or vpin_vq_unset() comes, and no change of memory before.
 *
 * Return: 0; -EINVAL if the ring has no size, or its areas overlap or wrap; -EBUSY
 * if a device that was closed since its addresses were set has it; -ENOMEM;
 * vpin_dev_worker()'s.
 */
int vpin_vq_set_up(struct vpin_vq *vq)
{
	struct vpin_dev *dev = vq->dev;
	struct vpin_worker *worker;
	struct vpin_view *view;
	struct vpin_snap *snap;
	int ret;

	lockdep_assert_held(&dev->lock);
	if (vq->running || !vq->enabled || !vq->addr_set || vq->broken)
		return 0;
	if (!vpin_vq_layout_ok(vq)) {
		vpin_dev_notice(dev, "queue %u: %s\n", vq->index, vq->num ?
				"the areas of the ring overlap or wrap" :
				"the ring has no size (VHOST_SET_VRING_NUM)");
		return -EINVAL;
	}

	worker = vpin_dev_worker(dev, vq->index);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	vq->worker = worker;
	ret = vpin_vq_alloc(vq);
	if (ret)
		return ret;
	ret = dev->type->vq_start(vq);
	if (ret)
		goto err_vq;

	snap = vpin_mem_snap(&dev->mem);
	view = vpin_vq_view(vq, snap);
	vpin_snap_put(snap);
	if (IS_ERR(view)) {
		ret = PTR_ERR(view);
		goto err_type;
	}
	ret = view ? vpin_vq_claim(vq, view->snap, vq->used_addr, false) : 0;
	if (ret)
		goto err_view;
	if (!view)
		vpin_dev_notice(dev, "queue %u waits: its ring is not mapped\n",
				vq->index);

	vpin_ring_init(&vq->ring, vq->num, vq->base,
		       vpin_dev_has(dev, VIRTIO_RING_F_EVENT_IDX));
	vpin_ring_set_used(&vq->ring, vq->base - vq->nr_untold);
	vq->dirty = dev->dirty;
	vpin_vq_set_view(vq, view);
	vq->inflight = 0;
	INIT_LIST_HEAD(&vq->polled);
	vq->poll_ns = 0;
	vq->slept_at = 0;
	vq->fetching = true;
	vq->stalled = false;
	vq->behind = false;
	vq->watch = dev->mem.watch;
	vq->look = vq->ring.looks;
	vq->set_up = true;
	return 0;

err_view:
	vpin_view_put(view);
err_type:
	dev->type->vq_stop(vq);
err_vq:
	vpin_vq_free(vq);
	return ret;
}

/**
 * vpin_vq_serve - starts serving a queue
 * @vq: the queue; nothing happens if it was not set up
 *
 * The ring is scanned at once, without waiting for a kick.  If it is not mapped
 * the queue waits until it is.
 */
void vpin_vq_serve(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->set_up)
		return;
	vq->set_up = false;
	vpin_vq_serve_from(vq, vpin_vq_begin_running);
}

static void vpin_vq_stop_fetching(void *arg)
{
	struct vpin_vq *vq = arg;

	vq->fetching = false;
}

static void vpin_vq_start_fetching(void *arg)
{
	struct vpin_vq *vq = arg;

	vq->fetching = true;
}

/* Takes no more chains; see vpin_vq_is_drained(). */
void vpin_vq_drain(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->running)
		return;
	vpin_kick_unhook(&vq->kick);
	vpin_worker_call(vq->worker, vpin_vq_stop_fetching, vq);
	/* What is in flight may have ended, and wait for its ring. */
	vpin_worker_queue(vq->worker, &vq->work);
}

/* Goes on after a drain. */
void vpin_vq_undrain(struct vpin_vq *vq)
{
	if (vq->running)
		vpin_vq_serve_from(vq, vpin_vq_start_fetching);
}

/* Whether nothing of a queue that drains, or is stopped, is in flight. */
bool vpin_vq_is_drained(const struct vpin_vq *vq)
{
	return !vq->running || !READ_ONCE(vq->inflight);
}

static void vpin_vq_do_turn(void *arg)
{
	struct vpin_vq *vq = arg;

	if (vpin_vq_work(&vq->work))
		vpin_worker_queue(vq->worker, &vq->work);
}

/*
 * Does a turn of a queue that drains: its worker may be frozen or stopped, with who
 * waits for it or not.
 */
void vpin_vq_help(struct vpin_vq *vq)
{
	vpin_worker_try(vq->worker, vpin_vq_do_turn, vq);
}

/* As wait_event_killable_timeout(); but it freezes, too. */
static long vpin_vq_wait_for(struct vpin_vq *vq)
{
	return ___wait_event(vq->idle,
			     ___wait_cond_timeout(vpin_vq_is_drained(vq)),
			     VPIN_DEV_WAITS, 0, VPIN_VQ_HELP,
			     __ret = schedule_timeout(__ret));
}

/**
 * vpin_vq_wait - waits until queues that drain are drained
 * @vqs: the queues of one device, running or not
 * @nr: how many
 *
 * How long it takes is the backend's affair.
 *
 * Return: 0; -EINTR if killed: the queues go on then.
 */
static int vpin_vq_wait(struct vpin_vq *vqs, unsigned int nr)
{
	unsigned int i;
	long ret;

	for (i = 0; i < nr; i++) {
		do {
			ret = vpin_vq_wait_for(&vqs[i]);
			if (!ret)
				vpin_vq_help(&vqs[i]);
		} while (!ret);
		if (ret < 0)
			break;
	}
	if (i == nr)
		return 0;
	for (i = 0; i < nr; i++)
		vpin_vq_undrain(&vqs[i]);
	return -EINTR;
}

/**
 * vpin_vq_pause - drains queues
 * @vqs: the queues of one device, running or not
 * @nr: how many
 *
 * Return: 0: then each goes on with vpin_vq_undrain(); -EINTR if killed: they run
 * on then.
 */
int vpin_vq_pause(struct vpin_vq *vqs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		vpin_vq_drain(&vqs[i]);
	return vpin_vq_wait(vqs, nr);
}

static void vpin_vq_end_running(void *arg)
{
	struct vpin_vq *vq = arg;

	/* What was pushed since the last turn. */
	vpin_vq_tell(vq);
	if (vq->dirty)
		vpin_vq_dirty_ring(vq);
	WRITE_ONCE(vq->running, false);
	WRITE_ONCE(vq->used_at, 0);
	vq->dirty = NULL;
	vq->base = vq->ring.last_avail;
	vpin_view_put(vq->view);
	vq->view = NULL;
}

/**
 * vpin_vq_end - stops a drained queue
 * @vq: the queue, running or not
 *
 * When it returns, nothing touches guest memory for it any more.
 */
void vpin_vq_end(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->running)
		return;
	vpin_worker_call(vq->worker, vpin_vq_end_running, vq);
	vq->dev->type->vq_stop(vq);
	vpin_vq_free(vq);
}

/* Undoes vpin_vq_set_up(): nobody has served the queue yet. */
void vpin_vq_unset(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->set_up)
		return;
	vq->set_up = false;
	vpin_vq_end_running(vq);
	vq->dev->type->vq_stop(vq);
	vpin_vq_free(vq);
}

/**
 * vpin_vq_stop - drains queues and stops them
 * @vqs: the queues of one device, running or not
 * @nr: how many
 *
 * Return: 0; -EINTR if killed: they run on then.
 */
int vpin_vq_stop(struct vpin_vq *vqs, unsigned int nr)
{
	int ret = vpin_vq_pause(vqs, nr);
	unsigned int i;

	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		vpin_vq_end(&vqs[i]);
	return 0;
}

/* Forgets the set-up of a stopped queue, but for the eventfds. */
void vpin_vq_forget(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	WRITE_ONCE(vq->num, 0);
	vq->base = 0;
	vq->nr_untold = 0;
	vq->addr_set = false;
	WRITE_ONCE(vq->enabled, false);
	WRITE_ONCE(vq->broken, false);
	vpin_vq_free(vq);
}

static void vpin_vq_change_view(void *arg)
{
	struct vpin_vq *vq = arg;
	struct vpin_view *next = vq->next_view;

	vq->next_view = NULL;
	/* Who was closed without a ring has none: another one may serve it by now. */
	if (unlikely(vq->dev->ending && !vq->used_at)) {
		vpin_view_put(next);
		return;
	}
	vpin_view_put(vq->view);
	vpin_vq_set_view(vq, next);
	/* Where it would go on is not known: the driver may yet be told of more. */
	if (unlikely(vq->next_is_taken) && !vq->broken)
		vpin_vq_break(vq, "a device that was closed still serves its ring");
}

/**
 * vpin_vq_prepare - makes what a running queue needs to see another snapshot
 * @vq: the queue, running or not
 * @snap: the snapshot
 *
 * If the ring is not mapped in @snap the queue will wait for one in which it is.  If
 * it is, and a device that was closed still serves it, the queue will be broken.
 *
 * Return: 0; -ENOMEM: there is nothing to undo then.
 */
int vpin_vq_prepare(struct vpin_vq *vq, struct vpin_snap *snap)
{
	struct vpin_view *view;

	lockdep_assert_held(&vq->dev->lock);
	if (!vq->running)
		return 0;
	view = vpin_vq_view(vq, snap);
	if (IS_ERR(view))
		return PTR_ERR(view);
	/* A device that ends is among those that are asked. */
	vq->next_is_taken = view && !vq->dev->ending &&
			    vpin_vq_claim(vq, snap, vq->used_addr, false);
	if (vq->next_is_taken) {
		vpin_view_put(view);
		view = NULL;
	}
	vq->next_view = view;
	return 0;
}

/* Undoes vpin_vq_prepare(). */
void vpin_vq_unprepare(struct vpin_vq *vq)
{
	vpin_view_put(vq->next_view);
	vq->next_view = NULL;
}

/**
 * vpin_vq_see - lets a running queue see the snapshot that it was prepared for
 * @vq: the queue, running or not
 *
 * When it returns, the worker starts no access through the old one any more;
 * requests in flight keep it.
 */
void vpin_vq_see(struct vpin_vq *vq)
{
	lockdep_assert_held(&vq->dev->lock);
	if (!vq->running)
		return;
	vpin_worker_call(vq->worker, vpin_vq_change_view, vq);
	vpin_worker_queue(vq->worker, &vq->work);
}

/**
 * vpin_vq_enable - VHOST_VDPA_SET_VRING_ENABLE
 * @vq: the queue, also one that was never set up
 * @enable: on or off; a running queue that is turned off is drained and stopped
 *
 * Return: 0, vpin_vq_set_up()'s or vpin_vq_stop()'s: nothing has changed then.
 */
int vpin_vq_enable(struct vpin_vq *vq, bool enable)
{
	struct vpin_dev *dev = vq->dev;
	bool enabled = vq->enabled;
	int ret;

	lockdep_assert_held(&dev->lock);
	if (!enable) {
		ret = vpin_vq_stop(vq, 1);
		if (!ret)
			WRITE_ONCE(vq->enabled, false);
		return ret;
	}
	WRITE_ONCE(vq->enabled, true);
	if (!vpin_dev_is_running(dev))
		return 0;
	vpin_mem_follow(&dev->mem, false);
	ret = vpin_vq_set_up(vq);
	if (ret)
		WRITE_ONCE(vq->enabled, enabled);
	else
		vpin_vq_serve(vq);
	return ret;
}

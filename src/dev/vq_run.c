// SPDX-License-Identifier: GPL-2.0-only
/*
 * A running virtqueue: what its worker does in a turn.
 *
 * A turn gives ended requests back, takes and starts new ones, shows the driver
 * in one go what became of them, and, when there is nothing more to take, looks
 * around for a while and then asks to be kicked.
 */
#include <linux/rcupdate.h>
#include <uapi/linux/virtio_ring.h>
#include <vpin/compat.h>
#include <vpin/dev.h>
#include <vpin/trace.h>

/**
 * vpin_vq_break - latches a queue whose ring makes no sense
 * @vq: the queue; the guest must reset to go on
 * @why: for the log
 */
void vpin_vq_break(struct vpin_vq *vq, const char *why)
{
	WRITE_ONCE(vq->broken, true);
	trace_vpin_broken(vq, why);
	vpin_dev_notice(vq->dev, "queue %u is broken: %s; waiting for a reset\n",
			vq->index, why);
	if (vq->err)
		vpin_eventfd_signal(vq->err);
	vpin_dev_fail(vq->dev);
}

/**
 * vpin_vq_give_up - breaks a queue whose last chain has no place for an answer
 * @vq: the queue
 * @why: for the log
 *
 * The chain is not given back: it could pass for one that was served.  So it was
 * not taken either, or a queue that starts at that base would tell the driver of
 * one more than there were.
 */
void vpin_vq_give_up(struct vpin_vq *vq, const char *why)
{
	vpin_ring_untake(&vq->ring);
	vpin_vq_break(vq, why);
}

/* Gives a chain back: the driver sees it when it is told. */
static __always_inline void vpin_vq_push(struct vpin_vq *vq, u16 head, u32 len)
{
	vpin_ring_push(&vq->ring, head, len);
	trace_vpin_return(vq, head, len);
	if (static_branch_unlikely(&vpin_timed))
		vpin_vq_time(vq, head);
}

/*
 * Gives back a chain that cannot be walked.  Who looks at more than the used
 * length finds the type's refusal in its last byte.
 */
static noinline void vpin_vq_refuse(struct vpin_vq *vq, u16 head)
{
	const struct vpin_dev_type *type = vq->dev->type;
	struct vpin_salvage salvage;

	if (!type->vq_refuse) {
		vpin_vq_push(vq, head, 0);
		return;
	}
	vq->hint.hurry = true;
	vpin_chain_salvage(&vq->table, head, &salvage);
	vq->hint.hurry = false;
	if (!salvage.last) {
		vpin_vq_give_up(vq, "a malformed chain has no byte for an answer");
		return;
	}
	type->vq_refuse(vq, salvage.last);
	if (unlikely(vq->dirty))
		vpin_vq_dirty_mark(vq, salvage.gpa, 1);
	vpin_vq_push(vq, head, 1);
}

/*
 * The owner has changed his mapping.  A chain may have been offered after that,
 * so that what is mapped now is meant; but what he changes after the driver's
 * index was read has nothing to do with the chains that it told of.  Return:
 * whether they wait.
 */
static noinline bool vpin_vq_must_wait(struct vpin_vq *vq)
{
	if (vq->look != vq->ring.looks) {
		vq->look = vq->ring.looks;
		vq->seen = READ_ONCE(vq->watch->changes);
	}
	/* Pairs with the release in vpin_mem_catch_up(). */
	vq->behind = (long)(smp_load_acquire(&vq->watch->followed) - vq->seen) < 0;
	return vq->behind;
}

/*
 * Has what is missing of the chain at hand brought where that may block: an owner's
 * file system may never answer.  Return: whether the chain waits for it; else it is
 * not to be had.
 */
static bool vpin_vq_summon(struct vpin_vq *vq,
			   const struct vpin_desc_buf *missing)
{
	return missing->len &&
	       vpin_summon_begin(&vq->chain_summon, vq->view->snap, missing->gpa,
				 missing->len,
				 missing->writable ? VPIN_PERM_WRITE :
						     VPIN_PERM_READ);
}

/* Whether a chain that cannot be walked waits for where it is to be told that. */
static bool vpin_vq_salvage_waits(struct vpin_vq *vq, u16 head)
{
	struct vpin_salvage salvage;

	vpin_chain_salvage(&vq->table, head, &salvage);
	return vpin_vq_summon(vq, &salvage.missing_desc) ||
	       vpin_vq_summon(vq, &salvage.missing_byte);
}

/*
 * Walks a chain of which something may be absent, and pins all of it before it is
 * started.  What cannot be had at once is waited for beside the queue, and the chain
 * left until then; so it is where the turn would last too long.  What cannot be had
 * at all is refused.
 *
 * Return: the walk's, or -EAGAIN if the chain has to be left.
 */
static noinline int vpin_vq_walk_absent(struct vpin_vq *vq, u16 head,
					bool indirect)
{
	const struct vpin_snap *snap = vq->view->snap;
	struct vpin_desc_buf missing;
	bool again = false;
	int ret, reach;

	vq->hint.hurry = true;
	vq->hint.fills = 0;
	do {
		vq->chain.indirect.size = 0;
		ret = vpin_chain_walk(&vq->chain, &vq->table, &vq->hint, head,
				      indirect);
		reach = vpin_chain_reach_table(&vq->chain, snap, &vq->hint,
					       &missing);
		/* A table may have come since the walk missed it. */
		again = !again && !reach && ret == -EFAULT;
	} while (again);
	if (!ret)
		reach = vpin_chain_reach(&vq->chain, snap, &vq->hint, &missing);

	/*
	 * The memory of an owner who is being killed cannot be pinned any more: that
	 * is not wrong, and the next owner will have it.
	 */
	if (reach == -EAGAIN)
		vpin_vq_rerun(vq);
	vq->behind = reach == -EAGAIN ||
		     ((reach || ret) && vpin_mem_is_going(&vq->dev->mem)) ||
		     (reach && vpin_vq_summon(vq, &missing)) ||
		     (ret && vpin_vq_salvage_waits(vq, head));
	if (vq->behind)
		return -EAGAIN;
	/* What went since then is waited for. */
	vq->hint.hurry = reach;
	vpin_summon_done(vq->chain_summon);
	return ret;
}

/**
 * vpin_vq_take - takes and walks the next chain
 * @vq: the queue; the chain is in @vq->chain until the next call
 * @head: out: what to return it with
 *
 * Return: 1 with a chain; 0 if there is none, it has to wait until the owner's
 * mapping was followed, a page of his has come, or the dirty log has room, the owner
 * is being killed, or the ring broke; the walk's error for a malformed chain, which
 * has been refused and given back to the driver and counts as one of the budget.
 */
int vpin_vq_take(struct vpin_vq *vq, u16 *head)
{
	bool indirect = vpin_dev_has(vq->dev, VIRTIO_RING_F_INDIRECT_DESC);
	int ret;

	if (unlikely(vq->broken) || vpin_vq_dirty_is_short(vq))
		return 0;
	ret = vpin_ring_take(&vq->ring, head);
	if (unlikely(ret < 0))
		vpin_vq_break(vq, "the driver's ring index or entry is out of range");
	if (ret <= 0)
		return 0;
	/* After the driver's index was read: a change before that is seen. */
	if (unlikely(vpin_watch_is_behind(vq->watch)) && vpin_vq_must_wait(vq)) {
		vpin_ring_untake(&vq->ring);
		return 0;
	}

	if (static_branch_unlikely(&vpin_timed))
		vpin_vq_note(vq, *head);
	if (unlikely(READ_ONCE(vq->watch->absent))) {
		ret = vpin_vq_walk_absent(vq, *head, indirect);
		if (ret == -EAGAIN) {
			vpin_ring_untake(&vq->ring);
			return 0;
		}
	} else {
		ret = vpin_chain_walk(&vq->chain, &vq->table, &vq->hint, *head,
				      indirect);
	}
	if (likely(!ret)) {
		trace_vpin_take(vq, *head);
		return 1;
	}

	vq->nr_bad_chains++;
	trace_vpin_malformed(vq, *head, ret);
	vpin_dev_notice(vq->dev, "queue %u: chain at %u is malformed (%d)\n",
			vq->index, *head, ret);
	vpin_vq_refuse(vq, *head);
	return ret;
}

/**
 * vpin_vq_return - gives the chain at hand back, which never got in flight
 * @vq: the queue
 * @head: as taken
 * @len: bytes written into it
 */
void vpin_vq_return(struct vpin_vq *vq, u16 head, u32 len)
{
	if (unlikely(vq->dirty))
		vpin_vq_dirty_chain(vq);
	vpin_vq_push(vq, head, len);
}

/* Whether this is a turn of the queue's own, which sees all before it is over. */
static bool vpin_vq_in_turn(const struct vpin_vq *vq)
{
	return vq->turn == current && in_task();
}

/**
 * vpin_vq_complete - a request in flight ended; its worker does the rest
 * @req: the request
 *
 * Context: any.
 */
void vpin_vq_complete(struct vpin_req *req)
{
	struct vpin_vq *vq = req->vq;

	trace_vpin_end(req);
	if (vpin_vq_in_turn(vq)) {
		req->node.next = NULL;
		*vq->done_end = &req->node;
		vq->done_end = &req->node.next;
		return;
	}

	/*
	 * Once it is in the list the request may be reaped, as the last one in
	 * flight: vpin_dev_destroy() waits for us before it ends the worker.
	 */
	rcu_read_lock();
	/* Only the first one finds the list empty: the item sees them all. */
	if (llist_add(&req->node, &vq->done))
		vpin_worker_queue_rcu(vq->worker, &vq->work);
	rcu_read_unlock();
}

/**
 * vpin_vq_wake - something happened that the device type deals with in a turn
 * @vq: the queue; a request of it is in flight as long as @node is not in @list
 * @node: what happened
 * @list: where the type looks for it, first and last in each turn
 *
 * Context: any.
 */
void vpin_vq_wake(struct vpin_vq *vq, struct llist_node *node,
		  struct llist_head *list)
{
	bool first;

	/* As in vpin_vq_complete(). */
	rcu_read_lock();
	first = llist_add(node, list);
	/* After that: pairs with vpin_vq_resume(). */
	WRITE_ONCE(vq->woken, true);
	if (first && !vpin_vq_in_turn(vq))
		vpin_worker_queue_rcu(vq->worker, &vq->work);
	rcu_read_unlock();
}

/**
 * vpin_vq_rerun - has the queue run one more turn
 * @vq: the queue; a request of it is in flight until this returns
 *
 * Context: any.
 */
void vpin_vq_rerun(struct vpin_vq *vq)
{
	vpin_worker_queue(vq->worker, &vq->work);
}

/*
 * Gives ended requests back, in order.  Without a ring that is told when there is
 * one; but they let go of what they hold at once: as long as a pin has lost so much
 * that nothing more is pinned for it, there is no ring.
 */
static void vpin_vq_reap_list(struct vpin_vq *vq, struct llist_node *done)
{
	struct vpin_req *req, *next;

	llist_for_each_entry_safe(req, next, done, node) {
		struct vpin_view *view = req->view;
		u16 head = req->head;

		if (unlikely(!list_empty(&req->polled)))
			list_del_init(&req->polled);
		if (!vq->dev->type->vq_end(vq, req))
			continue;
		if (unlikely(req->writes))
			vpin_vq_dirty_end(vq, req);
		if (likely(vq->view))
			vpin_vq_push(vq, head, req->len);
		else
			vq->untold[vq->nr_untold++] = (struct vpin_untold) {
				.head = head,
				.len = req->len,
			};
		vpin_view_put(view);
		WRITE_ONCE(vq->inflight, vq->inflight - 1);
	}
}

/* Empties the list.  Return: what was in it. */
static struct llist_node *vpin_vq_take_done_at_once(struct vpin_vq *vq)
{
	struct llist_node *done = vq->done_at_once;

	vq->done_at_once = NULL;
	vq->done_end = &vq->done_at_once;
	return done;
}

static noinline void vpin_vq_reap_some(struct vpin_vq *vq)
{
	if (!llist_empty(&vq->done))
		vpin_vq_reap_list(vq, llist_reverse_order(llist_del_all(&vq->done)));
	/* One that was sent on its way again may have ended at once. */
	while (vq->done_at_once)
		vpin_vq_reap_list(vq, vpin_vq_take_done_at_once(vq));
}

static void vpin_vq_reap(struct vpin_vq *vq)
{
	if (vq->done_at_once || !llist_empty(&vq->done))
		vpin_vq_reap_some(vq);
}

static bool vpin_vq_can_fetch(const struct vpin_vq *vq)
{
	return vq->fetching && vq->view && !vq->broken &&
	       !vpin_worker_is_orphan(vq->worker);
}

/* Return: whether the budget is used up. */
static bool vpin_vq_fetch(struct vpin_vq *vq)
{
	unsigned int nr;

	vpin_ring_disable_kick(&vq->ring);
	vq->behind = false;
	nr = vq->dev->type->vq_run(vq, VPIN_VQ_BUDGET);
	/* What ended at once goes with the rest. */
	vpin_vq_reap(vq);
	return nr == VPIN_VQ_BUDGET;
}

/*
 * No interrupt ends a polled request: as long as there is one, the worker does
 * not sleep.  Return: whether there is one left.
 */
static bool vpin_vq_poll_backend(struct vpin_vq *vq)
{
	if (list_empty(&vq->polled))
		return false;
	vq->dev->type->vq_poll(vq);
	vpin_vq_reap(vq);
	return !list_empty(&vq->polled);
}

/* Nothing is left to take.  Return: whether there is something after all. */
static bool vpin_vq_rest(struct vpin_vq *vq)
{
	int ret;

	/* The next end runs us: before it nothing more can be started. */
	if (vq->inflight >= vq->num || vq->stalled || vpin_vq_dirty_is_short(vq))
		return false;
	/* So does vpin_dev_fresh(), or who brings a page. */
	if (vq->behind)
		return false;
	if (READ_ONCE(vq->busyloop_us) && vpin_vq_poll(vq))
		return true;
	if (vpin_ring_is_kicked(&vq->ring))
		return false;

	ret = vpin_ring_enable_kick(&vq->ring);
	if (ret < 0)
		vpin_vq_break(vq, "the driver's ring index is out of range");
	return ret > 0;
}

static noinline void vpin_vq_tell_news(struct vpin_vq *vq)
{
	if (!vpin_ring_show(&vq->ring)) {
		vq->nr_suppressed++;
		trace_vpin_tell(vq, false);
		return;
	}
	trace_vpin_tell(vq, true);
	if (vq->call) {
		vq->nr_signals++;
		vpin_eventfd_signal(vq->call);
	}
}

/* Shows the driver what was pushed, and signals it if it wants that. */
void vpin_vq_tell(struct vpin_vq *vq)
{
	if (vq->view && vpin_ring_has_news(&vq->ring))
		vpin_vq_tell_news(vq);
}

/* Goes on with what earlier turns could not do.  Return: whether there is more. */
static noinline bool vpin_vq_resume(struct vpin_vq *vq)
{
	bool more;

	/* Before the type looks: who adds something from here on sets it again. */
	smp_store_mb(vq->woken, false);
	more = vq->dev->type->vq_resume(vq);
	vpin_vq_reap(vq);
	return more;
}

static bool vpin_vq_turn(struct vpin_vq *vq)
{
	bool more = false, polling;

	vq->nr_runs++;
	if (unlikely(vq->slept_at))
		vpin_vq_poll_adapt(vq);
	vq->turn = current;
	vpin_vq_reap(vq);
	if (unlikely(vq->stalled || READ_ONCE(vq->woken)))
		more = vpin_vq_resume(vq);
	if (vpin_vq_can_fetch(vq) && vpin_ring_is_ahead(&vq->ring))
		more |= vpin_vq_fetch(vq);
	polling = vpin_vq_poll_backend(vq);
	vq->turn = NULL;

	vpin_vq_tell(vq);
	if (!vq->fetching && !vq->inflight) {
		wake_up(&vq->idle);
		vpin_dev_idle(vq->dev);
	}
	if (!vpin_vq_can_fetch(vq)) {
		/* Whose memory that is by now is not ours to say. */
		if (!vq->view && !vq->inflight)
			WRITE_ONCE(vq->used_at, 0);
		/* While the queue waits for its ring, so do requests. */
		return (more || polling) && (vq->view || !vq->fetching);
	}
	return more || polling || vpin_vq_rest(vq);
}

bool vpin_vq_work(struct vpin_work *work)
{
	struct vpin_vq *vq = container_of(work, struct vpin_vq, work);
	bool more;

	/* Queued by an end that came late, after all was over. */
	if (unlikely(!vq->running))
		return false;
	more = vpin_vq_turn(vq);
	if (unlikely(vq->dirty))
		vpin_vq_dirty_ring(vq);
	return more;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Busy polling: before a queue asks to be kicked and its worker sleeps, the
 * worker looks for more to do for a while.  A look costs less than a kick and a
 * wake-up, as long as nobody else wants the CPU.
 *
 * The time adapts itself, up to what the VMM allows: it doubles when there was
 * something to do soon after the worker had given up, and halves when not.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <vpin/dev.h>

/* The shortest time that is worth it, in ns. */
#define VPIN_POLL_MIN	10000

static u64 vpin_vq_poll_max(const struct vpin_vq *vq)
{
	return (u64)READ_ONCE(vq->busyloop_us) * NSEC_PER_USEC;
}

/* A turn begins after a polling in vain: learns from how long that was ago. */
void vpin_vq_poll_adapt(struct vpin_vq *vq)
{
	u64 max = vpin_vq_poll_max(vq);
	u64 slept;

	slept = ktime_get_ns() - vq->slept_at;
	vq->slept_at = 0;
	if (slept <= max)
		vq->poll_ns = min(max, max_t(u64, 2 * vq->poll_ns, VPIN_POLL_MIN));
	else if (vq->poll_ns > VPIN_POLL_MIN)
		vq->poll_ns /= 2;
	else
		vq->poll_ns = 0;
}

/**
 * vpin_vq_poll - looks for more to do before the worker sleeps
 * @vq: the queue, its ring mapped, that may poll
 *
 * Return: whether there is more: a chain, or a request that ended.
 */
bool vpin_vq_poll(struct vpin_vq *vq)
{
	u64 max = vpin_vq_poll_max(vq);
	u64 now, until;

	vq->nr_polls++;
	now = ktime_get_ns();
	until = now + min(max, vq->poll_ns);
	while (now < until && !vpin_worker_is_wanted(vq->worker)) {
		if (vpin_ring_is_ahead(&vq->ring) || !llist_empty(&vq->done)) {
			vq->nr_poll_hits++;
			return true;
		}
		cpu_relax();
		now = ktime_get_ns();
	}
	vq->slept_at = now;
	return false;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kicks: the driver's eventfd wakes its wait queue, and our entry there queues
 * the work item, in the context of whoever kicked.  The eventfd's count is
 * never read.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <vpin/trace.h>
#include <vpin/vq.h>

static noinline void vpin_kick_trace(struct vpin_kick *kick)
{
	trace_vpin_kick(container_of(kick, struct vpin_vq, kick));
	vpin_worker_queue(kick->worker, kick->work);
}

static int vpin_kick_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
			  void *key)
{
	struct vpin_kick *kick = container_of(wait, struct vpin_kick, wait);

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	kick->nr++;
	if (trace_vpin_kick_enabled())
		vpin_kick_trace(kick);
	else
		vpin_worker_queue(kick->worker, kick->work);
	return 0;
}

static void vpin_kick_found(struct file *file, wait_queue_head_t *wqh,
			    poll_table *table)
{
	struct vpin_kick *kick = container_of(table, struct vpin_kick, table);

	kick->wqh = wqh;
	add_wait_queue(wqh, &kick->wait);
}

/**
 * vpin_kick_hook - starts listening
 * @kick: the kick; nothing happens if it has no eventfd
 * @worker: where the item is queued on each kick
 * @work: the item
 *
 * A kick that came before is not seen: the caller queues the item once.
 */
void vpin_kick_hook(struct vpin_kick *kick, struct vpin_worker *worker,
		    struct vpin_work *work)
{
	if (!kick->file)
		return;
	kick->worker = worker;
	kick->work = work;
	init_waitqueue_func_entry(&kick->wait, vpin_kick_wake);
	init_poll_funcptr(&kick->table, vpin_kick_found);
	vfs_poll(kick->file, &kick->table);
}

/* Stops listening; when it returns, no kick is being handled. */
void vpin_kick_unhook(struct vpin_kick *kick)
{
	if (!kick->wqh)
		return;
	remove_wait_queue(kick->wqh, &kick->wait);
	kick->wqh = NULL;
	kick->worker = NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/slab.h>
#include <vpin/vq.h>

static void vpin_view_free(struct vpin_view *view)
{
	vpin_window_close(&view->desc);
	vpin_window_close(&view->avail);
	vpin_window_close(&view->used);
	vpin_snap_put(view->snap);
	kfree(view);
}

/**
 * vpin_view_create - a queue's ring in a snapshot
 * @vq: the queue, its size and addresses set
 * @snap: the snapshot; the view takes a reference
 *
 * Return: a view with one user, or ERR_PTR: -EFAULT if an area of the ring is
 * not mapped as the device uses it, -EAGAIN if its owner has nothing there,
 * -ENOMEM.
 */
struct vpin_view *vpin_view_create(struct vpin_vq *vq, struct vpin_snap *snap)
{
	struct vpin_view *view;
	int ret;

	view = kzalloc(sizeof(*view), GFP_KERNEL_ACCOUNT);
	if (!view)
		return ERR_PTR(-ENOMEM);
	view->snap = vpin_snap_get(snap);
	view->users = 1;

	ret = vpin_window_open(&view->desc, snap, vq->desc_addr,
			       sizeof(struct vring_desc) * (u64)vq->num,
			       VPIN_PERM_READ);
	if (!ret)
		ret = vpin_window_open(&view->avail, snap, vq->avail_addr,
				       vpin_ring_avail_size(vq->num),
				       VPIN_PERM_READ);
	if (!ret)
		ret = vpin_window_open(&view->used, snap, vq->used_addr,
				       vpin_ring_used_size(vq->num),
				       VPIN_PERM_WRITE);
	if (ret) {
		vpin_view_free(view);
		return ERR_PTR(ret);
	}
	return view;
}

/* One user less; the last one frees it, and may unpin.  May sleep. */
void vpin_view_put(struct vpin_view *view)
{
	if (view && !--view->users)
		vpin_view_free(view);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk as a device type: a disk is attached to its backend, its queues
 * have their requests.
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <uapi/linux/virtio_ids.h>
#include <vpin/init.h>
#include <vpin/types.h>
#include "blk.h"

static int vpin_blk_attach(struct vpin_dev *dev, const struct vpin_attach *args,
			   struct file *backend)
{
	umode_t mode = file_inode(backend)->i_mode;
	struct vpin_blk *blk;
	int ret;

	if (!(backend->f_mode & FMODE_READ))
		return -EBADF;
	if (!(args->flags & VPIN_ATTACH_RO) && !(backend->f_mode & FMODE_WRITE))
		return -EROFS;

	blk = kzalloc(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	if (!blk)
		return -ENOMEM;
	blk->file = get_file(backend);
	blk->ro = args->flags & VPIN_ATTACH_RO;
	blk->direct = !(args->flags & VPIN_ATTACH_BUFFERED);
	blk->poll = args->flags & VPIN_ATTACH_POLL;
	memcpy(blk->serial, args->serial, sizeof(blk->serial));

	if (S_ISBLK(mode))
		ret = vpin_blk_bdev_attach(blk);
	else if (blk->poll)
		ret = -EOPNOTSUPP;
	else if (S_ISREG(mode))
		ret = vpin_blk_file_attach(blk);
	else
		ret = vpin_blk_bench_attach(blk);
	if (ret)
		goto err;

	dev->priv = blk;
	/* Header and status beside the data: QEMU takes as much. */
	dev->chain_max = VPIN_BLK_SEG_MAX + 2;
	vpin_blk_config_init(dev, blk);
	return 0;

err:
	fput(blk->file);
	kfree(blk);
	return ret;
}

static void vpin_blk_detach(struct vpin_dev *dev)
{
	struct vpin_blk *blk = dev->priv;

	fput(blk->file);
	kfree(blk);
}

static void vpin_blk_queue_free(struct vpin_blk_queue *queue)
{
	unsigned int i;

	for (i = 0; i < VPIN_BLK_BOUNCE_PAGES; i++) {
		if (queue->bounce[i])
			__free_page(queue->bounce[i]);
	}
	kvfree(queue->reqs);
	kfree(queue);
}

static void vpin_blk_put_req(struct vpin_blk_queue *queue,
			     struct vpin_blk_req *req)
{
	req->next = queue->free;
	queue->free = req;
}

/* Everything that a running queue needs is allocated here. */
static int vpin_blk_vq_start(struct vpin_vq *vq)
{
	struct vpin_blk_queue *queue;
	unsigned int i;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return -ENOMEM;
	queue->reqs = kvcalloc(vq->num, sizeof(*queue->reqs),
			       GFP_KERNEL_ACCOUNT);
	if (!queue->reqs)
		goto err;
	for (i = 0; i < VPIN_BLK_BOUNCE_PAGES; i++) {
		queue->bounce[i] = alloc_page(GFP_KERNEL_ACCOUNT);
		if (!queue->bounce[i])
			goto err;
	}
	for (i = vq->num; i > 0; i--)
		vpin_blk_put_req(queue, &queue->reqs[i - 1]);
	vq->priv = queue;
	return 0;

err:
	vpin_blk_queue_free(queue);
	return -ENOMEM;
}

static void vpin_blk_vq_stop(struct vpin_vq *vq)
{
	vpin_blk_queue_free(vq->priv);
	vq->priv = NULL;
}

/*
 * The block layer's requests that are allocated in one go: their tags must be
 * neighbours in a word, which of a disk with 64 tags has 16.
 */
#define VPIN_BLK_TAGS	8U

static unsigned int vpin_blk_vq_run(struct vpin_vq *vq, unsigned int budget)
{
	struct vpin_blk_queue *queue = vq->priv;
	struct blk_plug plug;
	unsigned int nr = 0;

	blk_start_plug(&plug);
	while (nr < budget && queue->free) {
		struct vpin_blk_req *req = queue->free;
		u16 head;
		int ret;

		if (nr % VPIN_BLK_TAGS == 0)
			plug.nr_ios = clamp(vpin_vq_offered(vq), 1U,
					    VPIN_BLK_TAGS);
		ret = vpin_vq_take(vq, &head);
		if (!ret)
			break;
		nr++;
		if (ret < 0)
			continue;

		queue->free = req->next;
		if (!vpin_blk_start(req, vq, head))
			vpin_blk_put_req(queue, req);
	}
	blk_finish_plug(&plug);
	return nr;
}

static void vpin_blk_vq_refuse(struct vpin_vq *vq, u8 *last)
{
	*last = VIRTIO_BLK_S_IOERR;
}

static bool vpin_blk_vq_end(struct vpin_vq *vq, struct vpin_req *vreq)
{
	struct vpin_blk_req *req = container_of(vreq, struct vpin_blk_req, req);

	if (req->flush_after && req->result == VIRTIO_BLK_S_OK) {
		req->flush_after = false;
		atomic_set(&req->parts, 1);
		req->disk->backend->flush(req);
		return false;
	}

	*req->status = req->result;
	vreq->len = 1;
	if (req->type == VIRTIO_BLK_T_IN && req->result == VIRTIO_BLK_S_OK)
		vreq->len += req->len;
	vpin_blk_put_req(vq->priv, req);
	return true;
}

const struct vpin_dev_type vpin_blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.name = "virtio-blk",
	.attach = vpin_blk_attach,
	.detach = vpin_blk_detach,
	.config_write = vpin_blk_config_write,
	.reset = vpin_blk_config_reset,
	.vq_start = vpin_blk_vq_start,
	.vq_stop = vpin_blk_vq_stop,
	.vq_run = vpin_blk_vq_run,
	.vq_refuse = vpin_blk_vq_refuse,
	.vq_end = vpin_blk_vq_end,
	.vq_poll = vpin_blk_bdev_poll,
};

struct workqueue_struct *vpin_blk_wq;

/* Gives the request's own part to @fn, which ends it where it may block. */
void vpin_blk_defer(struct vpin_blk_req *req, work_func_t fn)
{
	INIT_WORK(&req->work, fn);
	queue_work(vpin_blk_wq, &req->work);
}

int vpin_blk_init(void)
{
	int ret = -ENOMEM;

	vpin_blk_wq = alloc_workqueue("vpin_blk", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!vpin_blk_wq)
		return ret;
	ret = vpin_blk_bdev_init();
	if (ret)
		goto err_wq;
	ret = vpin_blk_file_init();
	if (ret)
		goto err_bdev;
	return 0;

err_bdev:
	vpin_blk_bdev_exit();
err_wq:
	destroy_workqueue(vpin_blk_wq);
	return ret;
}

void vpin_blk_exit(void)
{
	vpin_blk_file_exit();
	vpin_blk_bdev_exit();
	destroy_workqueue(vpin_blk_wq);
}

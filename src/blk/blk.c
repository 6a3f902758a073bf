// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk as a device type: a disk is attached to its backend, its queues
 * have their requests.
 */
#include <linux/slab.h>
#include <uapi/linux/virtio_ids.h>
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
	blk->counts = kvcalloc(dev->nr_vqs, sizeof(*blk->counts),
			       GFP_KERNEL_ACCOUNT);
	if (!blk->counts) {
		ret = -ENOMEM;
		goto err;
	}
	blk->dev = dev;
	blk->file = backend;
	blk->mapping = backend->f_mapping;
	blk->written = blk->mapping;
	vpin_blk_pool_init(&blk->pool);
	blk->ro = args->flags & VPIN_ATTACH_RO;
	blk->direct = !(args->flags & VPIN_ATTACH_BUFFERED);
	blk->poll = args->flags & VPIN_ATTACH_POLL;
	blk->discard = !(args->flags & VPIN_ATTACH_NO_DISCARD);
	blk->writethrough = args->flags & VPIN_ATTACH_WRITETHROUGH ||
			    backend->f_flags & O_DSYNC;
	memcpy(blk->serial, args->serial, sizeof(blk->serial));

	if (S_ISBLK(mode))
		ret = vpin_blk_bdev_attach(blk, args);
	else if (blk->poll)
		ret = -EOPNOTSUPP;
	else if (S_ISREG(mode))
		ret = vpin_blk_file_attach(blk, args);
	else
		ret = vpin_blk_bench_attach(blk);
	if (ret)
		goto err;

	dev->priv = blk;
	vpin_blk_config_init(dev, blk);
	return 0;

err:
	kvfree(blk->counts);
	kfree(blk);
	return ret;
}

static void vpin_blk_detach(struct vpin_dev *dev)
{
	struct vpin_blk *blk = dev->priv;

	vpin_blk_pool_empty(&blk->pool);
	kvfree(blk->counts);
	kfree(blk);
}

/* There is a chain that no request can be made of, but somewhere to say so. */
static void vpin_blk_vq_refuse(struct vpin_vq *vq, u8 *last)
{
	*last = VIRTIO_BLK_S_IOERR;
}

const struct vpin_dev_type vpin_blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.name = "blk",
	.groups = vpin_blk_groups,
	.vq_group = &vpin_blk_vq_group,
	.attach = vpin_blk_attach,
	.detach = vpin_blk_detach,
	.config_write = vpin_blk_config_write,
	.features_ok = vpin_blk_config_features_ok,
	.reset = vpin_blk_config_reset,
	.resize = vpin_blk_resize,
	.vq_start = vpin_blk_vq_start,
	.vq_stop = vpin_blk_vq_stop,
	.vq_resume = vpin_blk_vq_resume,
	.vq_run = vpin_blk_vq_run,
	.vq_refuse = vpin_blk_vq_refuse,
	.vq_end = vpin_blk_vq_end,
	.vq_poll = vpin_blk_bdev_poll,
};

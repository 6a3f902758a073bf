// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs, for who looks for a fault of ours: vhost_pin/<device>/state, how it was
 * set up, and vhost_pin/<device>/descriptors, the descriptor areas of its running
 * queues.  What others need to know is in sysfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <vpin/dev.h>
#include <vpin/init.h>

static struct dentry *vpin_debugfs;

static void vpin_debugfs_show_vq(struct seq_file *m, const struct vpin_vq *vq)
{
	seq_printf(m, "queue %u: %s%s, num %u, base %u, desc %#llx, driver %#llx, device %#llx\n",
		   vq->index, vq->enabled ? "enabled" : "disabled",
		   !vq->running ? "" : vq->broken ? ", broken" :
		   vq->view ? ", running" : ", waiting for its memory",
		   vq->num, vq->base, vq->desc_addr, vq->avail_addr,
		   vq->used_addr);
}

static int vpin_debugfs_state_show(struct seq_file *m, void *unused)
{
	struct vpin_dev *dev = m->private;
	struct vpin_snap *snap;
	u32 i;

	/* Whoever has it may wait for a backend. */
	if (mutex_lock_killable(&dev->lock))
		return -EINTR;
	seq_printf(m, "type virtio-%s, status %#x%s, features %#llx of %#llx\n",
		   dev->type->name, vpin_dev_get_status(dev),
		   dev->suspended ? " (suspended)" : "", dev->features,
		   dev->offered);
	snap = vpin_mem_snap(&dev->mem);
	seq_printf(m, "memory: %u ranges, %u failed\n", snap->nr,
		   snap->nr_failed);
	vpin_snap_put(snap);
	if (dev->dirty)
		seq_printf(m, "dirty log: %llu bytes%s\n", dev->dirty->size,
			   READ_ONCE(dev->dirty->short_of) ? ", too few" : "");
	for (i = 0; i < dev->nr_vqs; i++)
		vpin_debugfs_show_vq(m, &dev->vqs[i]);
	mutex_unlock(&dev->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vpin_debugfs_state);

static int vpin_debugfs_descriptors_show(struct seq_file *m, void *unused)
{
	struct vpin_dev *dev = m->private;
	u32 i;

	if (mutex_lock_killable(&dev->lock))
		return -EINTR;
	for (i = 0; i < dev->nr_vqs; i++) {
		/* With the lock held the current view stays current. */
		if (!dev->vqs[i].view)
			continue;
		seq_printf(m, "queue %u: ", i);
		vpin_desc_table_dump(m, &dev->vqs[i].table);
	}
	mutex_unlock(&dev->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vpin_debugfs_descriptors);

void vpin_dev_debugfs_add(struct vpin_dev *dev)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", dev->id);
	dev->debugfs = debugfs_create_dir(name, vpin_debugfs);
	debugfs_create_file("state", 0400, dev->debugfs, dev,
			    &vpin_debugfs_state_fops);
	debugfs_create_file("descriptors", 0400, dev->debugfs, dev,
			    &vpin_debugfs_descriptors_fops);
}

void vpin_dev_debugfs_del(struct vpin_dev *dev)
{
	debugfs_remove(dev->debugfs);
}

void vpin_dev_debugfs_init(void)
{
	vpin_debugfs = debugfs_create_dir("vhost_pin", NULL);
}

void vpin_dev_debugfs_exit(void)
{
	debugfs_remove(vpin_debugfs);
}

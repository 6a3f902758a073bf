// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vhost-pin: each open is a blank device; VPIN_ATTACH makes it one of a
 * type, which an ABI drives.  Nothing here but dispatch.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vhost.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/init.h>
#include "chardev.h"

static int vpin_file_open(struct inode *inode, struct file *file)
{
	struct vpin_file *vfile;

	vfile = kzalloc(sizeof(*vfile), GFP_KERNEL_ACCOUNT);
	if (!vfile)
		return -ENOMEM;
	mutex_init(&vfile->lock);
	file->private_data = vfile;
	return nonseekable_open(inode, file);
}

static int vpin_file_release(struct inode *inode, struct file *file)
{
	struct vpin_file *vfile = file->private_data;

	if (vfile->dev)
		vpin_dev_destroy(vfile->dev);
	mutex_destroy(&vfile->lock);
	kfree(vfile);
	return 0;
}

/*
 * What a signal or the freezer came in between is done again when that is over:
 * nothing has changed then.  Parts of the kernel give up for any signal, among
 * them mm_take_all_locks() and fork().
 */
static long vpin_file_restart(long ret)
{
	return ret == -EINTR && signal_pending(current) ? -ERESTARTNOINTR : ret;
}

static long vpin_file_ioctl(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	struct vpin_file *vfile = file->private_data;
	/* Pairs with the release in vpin_file_attach(). */
	struct vpin_dev *dev = smp_load_acquire(&vfile->dev);
	long ret;

	if (cmd == VPIN_ATTACH)
		return vpin_file_restart(vpin_file_attach(vfile, (void __user *)arg));
	if (!dev)
		return _IOC_TYPE(cmd) == VHOST_VIRTIO ? -ENODEV : -ENOIOCTLCMD;

	if (mutex_lock_killable(&dev->lock))
		return -EINTR;
	ret = vfile->abi->ioctl(dev, cmd, (void __user *)arg);
	mutex_unlock(&dev->lock);
	return vpin_file_restart(ret);
}

static ssize_t vpin_file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct vpin_file *vfile = iocb->ki_filp->private_data;
	/* Pairs with the release in vpin_file_attach(). */
	struct vpin_dev *dev = smp_load_acquire(&vfile->dev);
	ssize_t ret;

	if (!dev)
		return -ENODEV;
	if (mutex_lock_killable(&dev->lock))
		return -EINTR;
	ret = vfile->abi->write(dev, from);
	mutex_unlock(&dev->lock);
	return vpin_file_restart(ret);
}

/*
 * The reference answers a doorbell page that does not exist with ENOTSUPP (524);
 * a number that user space knows serves it better.
 */
static int vpin_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	return -EOPNOTSUPP;
}

/* In /proc/PID/fdinfo: which device of /sys/class/vhost-pin an open file is. */
static void vpin_file_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vpin_file *vfile = file->private_data;
	/* Pairs with the release in vpin_file_attach(). */
	const struct vpin_dev *dev = smp_load_acquire(&vfile->dev);

	if (dev)
		seq_printf(m, "vhost-pin:\tvpin%d\n", dev->id);
}

static const struct file_operations vpin_fops = {
	.owner = THIS_MODULE,
	.open = vpin_file_open,
	.release = vpin_file_release,
	.unlocked_ioctl = vpin_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.write_iter = vpin_file_write_iter,
	.mmap = vpin_file_mmap,
	.show_fdinfo = vpin_file_show_fdinfo,
};

static struct miscdevice vpin_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vhost-pin",
	.mode = 0600,
	.fops = &vpin_fops,
};

int vpin_chardev_init(void)
{
	return misc_register(&vpin_misc);
}

void vpin_chardev_exit(void)
{
	misc_deregister(&vpin_misc);
}

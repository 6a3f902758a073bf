// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <vpin/init.h>

static int __init vpin_init(void)
{
	int ret;

	if (!IS_ENABLED(CONFIG_MMU_NOTIFIER))
		pr_notice("vhost_pin: this kernel has no CONFIG_MMU_NOTIFIER: what an owner takes out of his address space stays pinned, and is what his guest's devices see\n");
	vpin_dev_debugfs_init();
	vpin_bench_init();
	ret = vpin_dev_sysfs_init();
	if (ret)
		goto err_debugfs;
	ret = vpin_blocking_init();
	if (ret)
		goto err_sysfs;
	ret = vpin_worker_init();
	if (ret)
		goto err_blocking;
	ret = vpin_dev_end_init();
	if (ret)
		goto err_worker;
	ret = vpin_chardev_init();
	if (ret)
		goto err_ends;
	return 0;

err_ends:
	vpin_dev_end_exit();
err_worker:
	vpin_worker_exit();
err_blocking:
	vpin_blocking_exit();
err_sysfs:
	vpin_dev_sysfs_exit();
err_debugfs:
	vpin_dev_debugfs_exit();
	return ret;
}

static void __exit vpin_exit(void)
{
	vpin_chardev_exit();
	vpin_dev_end_exit();
	vpin_worker_exit();
	vpin_blocking_exit();
	vpin_dev_sysfs_exit();
	vpin_dev_debugfs_exit();
}

module_init(vpin_init);
module_exit(vpin_exit);
MODULE_DESCRIPTION("virtio devices served from pinned guest memory");
MODULE_AUTHOR("The vhost-pin authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");

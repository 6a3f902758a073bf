// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>

static int __init vpin_init(void)
{
	return 0;
}

static void __exit vpin_exit(void)
{
}

module_init(vpin_init);
module_exit(vpin_exit);
MODULE_DESCRIPTION("virtio devices served from pinned guest memory");
MODULE_LICENSE("GPL");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks come and go by two files in /sys/kernel/debug/forget/:
 *
 *  add		write "NAME [OPTION=N]...", with the options size (MiB), block
 *		(bytes), tags, poll (queues), cache, fua, discard, zeroes.  One
 *		that is there is made blank if it has the same options: EEXIST
 *		if not, EBUSY while it is open
 *  remove	write "NAME"; EBUSY while it is open
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include "forget.h"

static struct dentry *forget_dir;
static DEFINE_MUTEX(forget_lock);
static LIST_HEAD(forget_disks);

static struct forget_disk *forget_find(const char *name)
{
	struct forget_disk *fdisk;

	list_for_each_entry(fdisk, &forget_disks, node) {
		if (!strcmp(fdisk->disk->disk_name, name))
			return fdisk;
	}
	return NULL;
}

static int forget_parse(char *text, struct forget_options *options)
{
	const struct {
		const char *name;
		unsigned int *value;
	} known[] = {
		{ "size=", &options->size },
		{ "block=", &options->block },
		{ "tags=", &options->tags },
		{ "poll=", &options->poll },
		{ "cache=", &options->cache },
		{ "fua=", &options->fua },
		{ "discard=", &options->discard },
		{ "zeroes=", &options->zeroes },
	};
	char *word = strsep(&text, " ");
	unsigned int i;
	size_t len;
	int ret;

	/* Room for "-after". */
	if (!*word || strlen(word) > sizeof(options->name) - 7)
		return -EINVAL;
	strscpy(options->name, word);
	while ((word = strsep(&text, " "))) {
		for (i = 0; i < ARRAY_SIZE(known); i++) {
			len = str_has_prefix(word, known[i].name);
			if (len)
				break;
		}
		if (i == ARRAY_SIZE(known))
			return -EINVAL;
		ret = kstrtouint(word + len, 0, known[i].value);
		if (ret)
			return ret;
	}
	return 0;
}

static int forget_add(char *text)
{
	struct forget_options options = {
		.size = 64, .block = 512, .tags = 64, .cache = 1, .fua = 1,
		.discard = 1, .zeroes = 1,
	};
	struct forget_disk *fdisk;
	int ret;

	ret = forget_parse(text, &options);
	if (ret)
		return ret;
	fdisk = forget_find(options.name);
	if (fdisk)
		return forget_disk_blank(fdisk, &options);
	fdisk = forget_disk_create(&options);
	if (IS_ERR(fdisk))
		return PTR_ERR(fdisk);
	list_add_tail(&fdisk->node, &forget_disks);
	return 0;
}

static int forget_remove(char *name)
{
	struct forget_disk *fdisk = forget_find(name);

	if (!fdisk)
		return -ENOENT;
	if (forget_disk_is_open(fdisk))
		return -EBUSY;
	list_del(&fdisk->node);
	forget_disk_destroy(fdisk);
	return 0;
}

static ssize_t forget_write(struct file *file, const char __user *buf,
			    size_t len, loff_t *pos)
{
	int (*act)(char *text) = file_inode(file)->i_private;
	char text[128];
	int ret;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, len))
		return -EFAULT;
	text[len] = 0;
	mutex_lock(&forget_lock);
	ret = act(strim(text));
	mutex_unlock(&forget_lock);
	return ret ?: len;
}

static const struct file_operations forget_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = forget_write,
};

static int __init forget_init(void)
{
	forget_dir = debugfs_create_dir("forget", NULL);
	debugfs_create_file("add", 0200, forget_dir, forget_add, &forget_fops);
	debugfs_create_file("remove", 0200, forget_dir, forget_remove,
			    &forget_fops);
	return 0;
}

static void __exit forget_exit(void)
{
	struct forget_disk *fdisk, *next;

	debugfs_remove(forget_dir);
	list_for_each_entry_safe(fdisk, next, &forget_disks, node)
		forget_disk_destroy(fdisk);
}

module_init(forget_init);
module_exit(forget_exit);
MODULE_DESCRIPTION("a disk that forgets what was not flushed, for tests");
MODULE_LICENSE("GPL");

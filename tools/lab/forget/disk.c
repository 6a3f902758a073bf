// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that forgets, as the block layer sees it, and its files in
 * /sys/block/NAME/forget/:
 *
 *  unstable	bytes that a power cut could take
 *  counts	"NAME N" a line: requests since the disk is there
 *  cut		write a number: NAME-after becomes what a power cut now would
 *		leave; 0 takes all that is not stable, another number is a seed
 *		for a choice of half of it
 *  hold	write 1: requests are kept; 0: they are done
 *  fail	write "KIND [FIRST LAST]", a kind as in counts: such requests fail,
 *		if they touch one of those sectors; "none": no longer
 */
#include <linux/blkdev.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "forget.h"

/* As in enum forget_count. */
static const char * const forget_disk_kinds[FORGET_COUNTS] = {
	"reads", "writes", "fua", "flushes", "discards", "zeroes", "unmaps",
	"polled",
};

static bool forget_disk_fails(struct forget_disk *fdisk, struct request *rq)
{
	sector_t last = blk_rq_pos(rq) + max(blk_rq_sectors(rq), 1U) - 1;
	bool fails;

	spin_lock(&fdisk->lock);
	fails = fdisk->fail == forget_memory_kind(rq) &&
		(req_op(rq) == REQ_OP_FLUSH ||
		 (blk_rq_pos(rq) <= fdisk->fail_last &&
		  last >= fdisk->fail_first));
	spin_unlock(&fdisk->lock);
	return fails;
}

static void forget_disk_finish(struct forget_disk *fdisk, struct request *rq)
{
	blk_status_t status = BLK_STS_OK;

	if (fdisk->refuse && req_op(rq) == REQ_OP_DISCARD)
		status = BLK_STS_NOTSUPP;
	else if (forget_disk_fails(fdisk, rq))
		status = BLK_STS_IOERR;
	else
		forget_memory_do(&fdisk->memory, rq);
	blk_mq_end_request(rq, status);
}

static blk_status_t forget_disk_queue(struct blk_mq_hw_ctx *hctx,
				      const struct blk_mq_queue_data *data)
{
	struct forget_disk *fdisk = hctx->queue->queuedata;
	struct request *rq = data->rq;
	bool kept = true;

	blk_mq_start_request(rq);
	spin_lock(&fdisk->lock);
	if (fdisk->hold)
		list_add_tail(&rq->queuelist, &fdisk->held);
	else if (hctx->type == HCTX_TYPE_POLL)
		list_add_tail(&rq->queuelist, &fdisk->polled);
	else
		kept = false;
	spin_unlock(&fdisk->lock);
	if (!kept)
		forget_disk_finish(fdisk, rq);
	return BLK_STS_OK;
}

static int forget_disk_poll(struct blk_mq_hw_ctx *hctx,
			    struct io_comp_batch *batch)
{
	struct forget_disk *fdisk = hctx->queue->queuedata;
	struct request *rq, *next;
	LIST_HEAD(list);
	int nr = 0;

	spin_lock(&fdisk->lock);
	list_splice_init(&fdisk->polled, &list);
	spin_unlock(&fdisk->lock);
	list_for_each_entry_safe(rq, next, &list, queuelist) {
		list_del_init(&rq->queuelist);
		forget_disk_finish(fdisk, rq);
		nr++;
	}
	return nr;
}

/* What is held is not lost. */
static enum blk_eh_timer_return forget_disk_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static void forget_disk_map(struct blk_mq_tag_set *set)
{
	struct forget_disk *fdisk = set->driver_data;
	unsigned int offset = 0, i;

	for (i = 0; i < set->nr_maps; i++) {
		struct blk_mq_queue_map *map = &set->map[i];

		map->nr_queues = i == HCTX_TYPE_DEFAULT ? 1 :
				 i == HCTX_TYPE_POLL ? fdisk->poll : 0;
		map->queue_offset = offset;
		offset += map->nr_queues;
		if (map->nr_queues)
			blk_mq_map_queues(map);
	}
}

static const struct blk_mq_ops forget_disk_mq_ops = {
	.queue_rq = forget_disk_queue,
	.poll = forget_disk_poll,
	.timeout = forget_disk_timeout,
	.map_queues = forget_disk_map,
};

static const struct block_device_operations forget_disk_ops = {
	.owner = THIS_MODULE,
};

static struct forget_disk *forget_disk_of(struct device *dev)
{
	return dev_to_disk(dev)->private_data;
}

static ssize_t unstable_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct forget_memory *memory = &forget_disk_of(dev)->memory;

	return sysfs_emit(buf, "%llu\n", forget_memory_unstable(memory));
}
static DEVICE_ATTR_RO(unstable);

static ssize_t counts_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct forget_memory *memory = &forget_disk_of(dev)->memory;
	ssize_t len = 0;
	int i;

	for (i = 0; i < FORGET_COUNTS; i++)
		len += sysfs_emit_at(buf, len, "%s %llu\n",
				     forget_disk_kinds[i],
				     READ_ONCE(memory->counts[i]));
	return len;
}
static DEVICE_ATTR_RO(counts);

static ssize_t cut_store(struct device *dev, struct device_attribute *attr,
			 const char *buf, size_t len)
{
	struct forget_disk *fdisk = forget_disk_of(dev);
	u64 seed;
	int ret = kstrtou64(buf, 0, &seed);

	if (ret)
		return ret;
	if (!fdisk->after)
		return -EINVAL;
	/* Nobody looks at it, so nobody remembers what it held before. */
	if (disk_openers(fdisk->after->disk))
		return -EBUSY;
	forget_memory_cut(&fdisk->memory, fdisk->after->memory.seen, seed);
	return len;
}
static DEVICE_ATTR_WO(cut);

static void forget_disk_hold(struct forget_disk *fdisk, bool hold)
{
	struct request *rq, *next;
	LIST_HEAD(list);

	spin_lock(&fdisk->lock);
	fdisk->hold = hold;
	if (!hold)
		list_splice_init(&fdisk->held, &list);
	spin_unlock(&fdisk->lock);
	list_for_each_entry_safe(rq, next, &list, queuelist) {
		list_del_init(&rq->queuelist);
		forget_disk_finish(fdisk, rq);
	}
}

static ssize_t hold_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t len)
{
	bool hold;
	int ret = kstrtobool(buf, &hold);

	if (ret)
		return ret;
	forget_disk_hold(forget_disk_of(dev), hold);
	return len;
}
static DEVICE_ATTR_WO(hold);

static ssize_t fail_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t len)
{
	struct forget_disk *fdisk = forget_disk_of(dev);
	unsigned long long first = 0, last = fdisk->memory.nr - 1;
	char kind[16];
	int i;

	if (sscanf(buf, "%15s %llu %llu", kind, &first, &last) < 1)
		return -EINVAL;
	for (i = 0; i < FORGET_COUNTS; i++) {
		if (!strcmp(kind, forget_disk_kinds[i]))
			break;
	}
	if (i == FORGET_COUNTS && strcmp(kind, "none"))
		return -EINVAL;
	spin_lock(&fdisk->lock);
	fdisk->fail = i;
	fdisk->fail_first = first;
	fdisk->fail_last = last;
	spin_unlock(&fdisk->lock);
	return len;
}
static DEVICE_ATTR_WO(fail);

static struct attribute *forget_disk_attrs[] = {
	&dev_attr_unstable.attr,
	&dev_attr_counts.attr,
	&dev_attr_cut.attr,
	&dev_attr_hold.attr,
	&dev_attr_fail.attr,
	NULL
};

static const struct attribute_group forget_disk_group = {
	.name = "forget",
	.attrs = forget_disk_attrs,
};

static const struct attribute_group *forget_disk_groups[] = {
	&forget_disk_group,
	NULL
};

static int forget_disk_add(struct forget_disk *fdisk,
			   const struct forget_options *options)
{
	struct queue_limits lim = {
		.logical_block_size = options->block,
		.max_hw_sectors = UINT_MAX,
		.features = (options->cache ? BLK_FEAT_WRITE_CACHE : 0) |
			    (options->fua ? BLK_FEAT_FUA : 0),
		.max_hw_discard_sectors = options->discard ? UINT_MAX : 0,
		.discard_granularity = options->discard ? options->block : 0,
		.max_write_zeroes_sectors = options->zeroes ? UINT_MAX : 0,
	};
	struct gendisk *disk;

	disk = blk_mq_alloc_disk(&fdisk->set, &lim, fdisk);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	fdisk->disk = disk;
	disk->fops = &forget_disk_ops;
	disk->private_data = fdisk;
	strscpy(disk->disk_name, options->name, DISK_NAME_LEN);
	set_capacity(disk, fdisk->memory.nr);
	return device_add_disk(NULL, disk, forget_disk_groups);
}

static struct forget_disk *forget_disk_one(const struct forget_options *options)
{
	struct forget_disk *fdisk = kzalloc(sizeof(*fdisk), GFP_KERNEL);
	int ret;

	if (!fdisk)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&fdisk->held);
	INIT_LIST_HEAD(&fdisk->polled);
	spin_lock_init(&fdisk->lock);
	fdisk->options = *options;
	fdisk->refuse = options->discard > 1;
	fdisk->poll = options->poll;
	fdisk->fail = FORGET_COUNTS;
	ret = forget_memory_init(&fdisk->memory,
				 (sector_t)options->size << (20 - SECTOR_SHIFT),
				 options->cache);
	if (ret)
		goto err_free;

	fdisk->set.ops = &forget_disk_mq_ops;
	fdisk->set.nr_hw_queues = 1 + options->poll;
	fdisk->set.nr_maps = options->poll ? HCTX_MAX_TYPES : 1;
	fdisk->set.queue_depth = options->tags;
	fdisk->set.numa_node = NUMA_NO_NODE;
	fdisk->set.driver_data = fdisk;
	ret = blk_mq_alloc_tag_set(&fdisk->set);
	if (ret)
		goto err_memory;
	ret = forget_disk_add(fdisk, options);
	if (ret)
		goto err_disk;
	return fdisk;

err_disk:
	if (fdisk->disk)
		put_disk(fdisk->disk);
	blk_mq_free_tag_set(&fdisk->set);
err_memory:
	forget_memory_free(&fdisk->memory);
err_free:
	kfree(fdisk);
	return ERR_PTR(ret);
}

/* The disk, and the one that shows what a cut left. */
struct forget_disk *forget_disk_create(const struct forget_options *options)
{
	struct forget_options after = *options;
	struct forget_disk *fdisk = forget_disk_one(options);

	if (IS_ERR(fdisk))
		return fdisk;
	strlcat(after.name, "-after", sizeof(after.name));
	after.cache = after.fua = after.poll = 0;
	fdisk->after = forget_disk_one(&after);
	if (IS_ERR(fdisk->after)) {
		struct forget_disk *err = fdisk->after;

		fdisk->after = NULL;
		forget_disk_destroy(fdisk);
		return err;
	}
	return fdisk;
}

bool forget_disk_is_open(struct forget_disk *fdisk)
{
	return disk_openers(fdisk->disk) || disk_openers(fdisk->after->disk);
}

/* A disk that nobody uses becomes as good as a new one with those @options. */
int forget_disk_blank(struct forget_disk *fdisk,
		      const struct forget_options *options)
{
	if (forget_disk_is_open(fdisk))
		return -EBUSY;
	if (memcmp(&fdisk->options, options, sizeof(*options)) ||
	    bdev_read_only(fdisk->disk->part0))
		return -EEXIST;
	forget_disk_hold(fdisk, false);
	fdisk->fail = FORGET_COUNTS;
	forget_memory_blank(&fdisk->memory);
	forget_memory_blank(&fdisk->after->memory);
	return 0;
}

void forget_disk_destroy(struct forget_disk *fdisk)
{
	if (fdisk->after)
		forget_disk_destroy(fdisk->after);
	forget_disk_hold(fdisk, false);
	del_gendisk(fdisk->disk);
	put_disk(fdisk->disk);
	blk_mq_free_tag_set(&fdisk->set);
	forget_memory_free(&fdisk->memory);
	kfree(fdisk);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a disk shows of itself in sysfs, and what its queues have done.
 */
#include <linux/device.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include "blk.h"

static const struct vpin_blk *vpin_blk_of(struct device *sysfs)
{
	const struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return dev->priv;
}

static ssize_t capacity_show(struct device *sysfs, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(vpin_blk_of(sysfs)->capacity) << SECTOR_SHIFT);
}

static ssize_t logical_block_size_show(struct device *sysfs,
				       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", vpin_blk_of(sysfs)->block_size);
}

static ssize_t physical_block_size_show(struct device *sysfs,
					struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", vpin_blk_of(sysfs)->physical_size);
}

static ssize_t access_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", vpin_blk_of(sysfs)->ro ? "ro" : "rw");
}

static ssize_t cache_show(struct device *sysfs, struct device_attribute *attr,
			  char *buf)
{
	const struct vpin_dev *dev = dev_get_drvdata(sysfs);
	bool chosen = READ_ONCE(dev->status) & VIRTIO_CONFIG_S_FEATURES_OK;

	/* Without a driver it is what the next one finds. */
	return sysfs_emit(buf, "%s\n",
			  (chosen ? vpin_blk_is_writeback(dev) :
				    READ_ONCE(vpin_blk_of(sysfs)->writeback)) ?
			  "write-back" : "write-through");
}

static ssize_t buffered_show(struct device *sysfs, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%d\n", !vpin_blk_of(sysfs)->direct);
}

static ssize_t polled_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(vpin_blk_of(sysfs)->poll));
}

static ssize_t serial_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	const struct vpin_blk *blk = vpin_blk_of(sysfs);
	ssize_t len;

	/* One line that can be printed, whatever is in it: bytes, not characters. */
	len = string_escape_mem(blk->serial,
				strnlen(blk->serial, sizeof(blk->serial)),
				buf, PAGE_SIZE - 1,
				ESCAPE_OCTAL | ESCAPE_NAP | ESCAPE_APPEND, "\\");
	buf[len++] = '\n';
	return len;
}

static DEVICE_ATTR_RO(capacity);
static DEVICE_ATTR_RO(logical_block_size);
static DEVICE_ATTR_RO(physical_block_size);
static DEVICE_ATTR_RO(access);
static DEVICE_ATTR_RO(cache);
static DEVICE_ATTR_RO(buffered);
static DEVICE_ATTR_RO(polled);
static DEVICE_ATTR_RO(serial);

static struct attribute *vpin_blk_attrs[] = {
	&dev_attr_capacity.attr,
	&dev_attr_logical_block_size.attr,
	&dev_attr_physical_block_size.attr,
	&dev_attr_access.attr,
	&dev_attr_cache.attr,
	&dev_attr_buffered.attr,
	&dev_attr_polled.attr,
	&dev_attr_serial.attr,
	NULL
};

static const struct attribute_group vpin_blk_group = {
	.attrs = vpin_blk_attrs,
};

const struct attribute_group *vpin_blk_groups[] = { &vpin_blk_group, NULL };

static const struct vpin_blk_counts *vpin_blk_counts_of(struct kobject *kobj)
{
	const struct vpin_vq *vq = vpin_vq_of_kobj(kobj);
	const struct vpin_blk *blk = vq->dev->priv;

	return &blk->counts[vq->index];
}

/* A row or a column of what is counted. */
struct vpin_blk_counter {
	struct kobj_attribute attr;
	unsigned int which;	/* VIRTIO_BLK_T_* or VIRTIO_BLK_S_* */
};

static unsigned int vpin_blk_counter_of(const struct kobj_attribute *attr)
{
	return container_of(attr, struct vpin_blk_counter, attr)->which;
}

/* Requests of a type, however they ended. */
static u64 vpin_blk_nr_of_type(const struct vpin_blk_counts *counts,
			       unsigned int type)
{
	unsigned int result;
	u64 nr = 0;

	for (result = 0; result < VPIN_BLK_RESULTS; result++)
		nr += READ_ONCE(counts->by[result][type].nr);
	return nr;
}

static ssize_t vpin_blk_type_show(struct kobject *kobj,
				  struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  vpin_blk_nr_of_type(vpin_blk_counts_of(kobj),
					      vpin_blk_counter_of(attr)));
}

static ssize_t others_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	const struct vpin_blk_counts *counts = vpin_blk_counts_of(kobj);
	unsigned int type;
	u64 nr = 0;

	for (type = 0; type < VPIN_BLK_TYPES; type++) {
		switch (type) {
		case VIRTIO_BLK_T_IN:
		case VIRTIO_BLK_T_OUT:
		case VIRTIO_BLK_T_FLUSH:
		case VIRTIO_BLK_T_GET_ID:
		case VIRTIO_BLK_T_DISCARD:
		case VIRTIO_BLK_T_WRITE_ZEROES:
			break;
		default:
			nr += vpin_blk_nr_of_type(counts, type);
		}
	}
	return sysfs_emit(buf, "%llu\n", nr);
}

/* Bytes of the requests of a type that ended well. */
static ssize_t vpin_blk_bytes_show(struct kobject *kobj,
				   struct kobj_attribute *attr, char *buf)
{
	const struct vpin_blk_counts *counts = vpin_blk_counts_of(kobj);
	unsigned int type = vpin_blk_counter_of(attr);

	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(counts->by[VIRTIO_BLK_S_OK][type].bytes));
}

static ssize_t vpin_blk_errors_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	const struct vpin_blk_counts *counts = vpin_blk_counts_of(kobj);
	unsigned int result = vpin_blk_counter_of(attr), type;
	u64 nr = 0;

	for (type = 0; type < VPIN_BLK_TYPES; type++)
		nr += READ_ONCE(counts->by[result][type].nr);
	return sysfs_emit(buf, "%llu\n", nr);
}

static ssize_t bounced_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(vpin_blk_counts_of(kobj)->bounced));
}

static ssize_t blocked_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%lld\n",
			  atomic64_read(&vpin_blk_counts_of(kobj)->blocked));
}

#define VPIN_BLK_COUNTER(_name, _show, _which)				\
	static struct vpin_blk_counter vpin_blk_##_name = {		\
		.attr = __ATTR(_name, 0444, _show, NULL),		\
		.which = _which,					\
	}

VPIN_BLK_COUNTER(reads, vpin_blk_type_show, VIRTIO_BLK_T_IN);
VPIN_BLK_COUNTER(writes, vpin_blk_type_show, VIRTIO_BLK_T_OUT);
VPIN_BLK_COUNTER(flushes, vpin_blk_type_show, VIRTIO_BLK_T_FLUSH);
VPIN_BLK_COUNTER(discards, vpin_blk_type_show, VIRTIO_BLK_T_DISCARD);
VPIN_BLK_COUNTER(write_zeroes, vpin_blk_type_show, VIRTIO_BLK_T_WRITE_ZEROES);
VPIN_BLK_COUNTER(get_ids, vpin_blk_type_show, VIRTIO_BLK_T_GET_ID);
VPIN_BLK_COUNTER(read_bytes, vpin_blk_bytes_show, VIRTIO_BLK_T_IN);
VPIN_BLK_COUNTER(written_bytes, vpin_blk_bytes_show, VIRTIO_BLK_T_OUT);
VPIN_BLK_COUNTER(discarded_bytes, vpin_blk_bytes_show, VIRTIO_BLK_T_DISCARD);
VPIN_BLK_COUNTER(zeroed_bytes, vpin_blk_bytes_show, VIRTIO_BLK_T_WRITE_ZEROES);
VPIN_BLK_COUNTER(errors_io, vpin_blk_errors_show, VIRTIO_BLK_S_IOERR);
VPIN_BLK_COUNTER(errors_unsupported, vpin_blk_errors_show, VIRTIO_BLK_S_UNSUPP);
static struct kobj_attribute vpin_blk_others = __ATTR_RO(others);
static struct kobj_attribute vpin_blk_bounced = __ATTR_RO(bounced);
static struct kobj_attribute vpin_blk_blocked = __ATTR_RO(blocked);

static struct attribute *vpin_blk_vq_attrs[] = {
	&vpin_blk_reads.attr.attr,
	&vpin_blk_writes.attr.attr,
	&vpin_blk_flushes.attr.attr,
	&vpin_blk_discards.attr.attr,
	&vpin_blk_write_zeroes.attr.attr,
	&vpin_blk_get_ids.attr.attr,
	&vpin_blk_others.attr,
	&vpin_blk_read_bytes.attr.attr,
	&vpin_blk_written_bytes.attr.attr,
	&vpin_blk_discarded_bytes.attr.attr,
	&vpin_blk_zeroed_bytes.attr.attr,
	&vpin_blk_errors_io.attr.attr,
	&vpin_blk_errors_unsupported.attr.attr,
	&vpin_blk_bounced.attr,
	&vpin_blk_blocked.attr,
	NULL
};

const struct attribute_group vpin_blk_vq_group = {
	.attrs = vpin_blk_vq_attrs,
};

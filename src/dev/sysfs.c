// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: /sys/class/vhost-pin/vpinN, and queues/M in it for each virtqueue.
 * Documentation/observing.rst says what each file is.
 *
 * Nothing here takes a lock that may be held while a backend hangs: what is shown
 * is read as it is.  A device is taken out of sysfs before anything of it goes, and
 * that waits for those who are reading.  The objects behind it are the driver
 * core's own, so that whoever holds one of them longer keeps nothing of ours.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>
#include <vpin/dev.h>
#include <vpin/init.h>

/* What of a path is shown as its octal digits: the control characters of ASCII. */
static const char vpin_path_escaped[] =
	"\001\002\003\004\005\006\007\010\011\012\013\014\015\016\017\020"
	"\021\022\023\024\025\026\027\030\031\032\033\034\035\036\037\177\\";

static ssize_t backend_show(struct device *sysfs, struct device_attribute *attr,
			    char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);
	ssize_t ret = -ENOMEM;
	char *room, *path;

	room = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!room)
		return -ENOMEM;
	path = d_path(&dev->backend->f_path, room, PATH_MAX);
	ret = PTR_ERR_OR_ZERO(path);
	if (ret)
		goto out;
	/* One line, and harmless to a terminal, whatever it is called. */
	ret = string_escape_str(path, buf, PAGE_SIZE - 1, ESCAPE_OCTAL,
				vpin_path_escaped);
	if (ret >= PAGE_SIZE - 1)
		ret = -ENAMETOOLONG;
	else
		buf[ret++] = '\n';
out:
	kfree(room);
	return ret;
}

static ssize_t backend_type_show(struct device *sysfs,
				 struct device_attribute *attr, char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%s\n", S_ISBLK(file_inode(dev->backend)->i_mode) ?
			  "block" : "file");
}

static ssize_t type_show(struct device *sysfs, struct device_attribute *attr,
			 char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%s\n", dev->type->name);
}

static const char *vpin_dev_state(const struct vpin_dev *dev)
{
	if (READ_ONCE(dev->ending))
		return "ending";
	if (READ_ONCE(dev->needs_reset))
		return "broken";
	if (READ_ONCE(dev->suspended))
		return "suspended";
	if (READ_ONCE(dev->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		return "running";
	return READ_ONCE(dev->owner) ? "owned" : "attached";
}

static ssize_t state_show(struct device *sysfs, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", vpin_dev_state(dev_get_drvdata(sysfs)));
}

static ssize_t owner_show(struct device *sysfs, struct device_attribute *attr,
			  char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);
	/* Pairs with the release in vpin_dev_set_owner(). */
	struct pid *owner = smp_load_acquire(&dev->owner);
	pid_t tgid = 0;

	rcu_read_lock();
	/* Its number may be another's when it is gone. */
	if (pid_task(owner, PIDTYPE_TGID))
		tgid = pid_vnr(owner);
	rcu_read_unlock();
	return sysfs_emit(buf, "%d\n", tgid);
}

static ssize_t workers_show(struct device *sysfs, struct device_attribute *attr,
			    char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < dev->nr_workers; i++) {
		/* Pairs with the release in vpin_dev_start_worker(). */
		struct vpin_worker *worker = smp_load_acquire(&dev->workers[i]);
		pid_t tid = worker ? vpin_worker_tid(worker) : 0;

		if (tid)
			len += sysfs_emit_at(buf, len, len ? " %d" : "%d", tid);
	}
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t status_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%#04x\n",
			  vpin_dev_get_status(dev_get_drvdata(sysfs)));
}

static ssize_t features_show(struct device *sysfs, struct device_attribute *attr,
			     char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "0x%llx\n", READ_ONCE(dev->features));
}

static ssize_t nr_queues_show(struct device *sysfs, struct device_attribute *attr,
			      char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%u\n", dev->nr_vqs);
}

static ssize_t pinned_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%llu\n", vpin_mem_pinned(&dev->mem));
}

static ssize_t repins_show(struct device *sysfs, struct device_attribute *attr,
			   char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%llu\n", vpin_mem_repins(&dev->mem));
}

static ssize_t log_show(struct device *sysfs, struct device_attribute *attr,
			char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%llu\n", READ_ONCE(dev->dirty_size));
}

static ssize_t latency_show(struct device *sysfs, struct device_attribute *attr,
			    char *buf)
{
	struct vpin_dev *dev = dev_get_drvdata(sysfs);

	return sysfs_emit(buf, "%d\n", READ_ONCE(dev->timed_since) != 0);
}

static ssize_t latency_store(struct device *sysfs, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	bool timed;
	int ret = kstrtobool(buf, &timed);

	if (ret)
		return ret;
	vpin_dev_set_timed(dev_get_drvdata(sysfs), timed);
	return count;
}

static DEVICE_ATTR_RO(backend);
static DEVICE_ATTR_RO(backend_type);
static DEVICE_ATTR_RO(type);
static DEVICE_ATTR_RO(state);
static DEVICE_ATTR_RO(owner);
static DEVICE_ATTR_RO(workers);
static DEVICE_ATTR_RO(status);
static DEVICE_ATTR_RO(features);
static DEVICE_ATTR_RO(nr_queues);
static DEVICE_ATTR_RO(pinned);
static DEVICE_ATTR_RO(repins);
static DEVICE_ATTR_RO(log);
static DEVICE_ATTR_RW(latency);

static struct attribute *vpin_dev_attrs[] = {
	&dev_attr_backend.attr,
	&dev_attr_backend_type.attr,
	&dev_attr_type.attr,
	&dev_attr_state.attr,
	&dev_attr_owner.attr,
	&dev_attr_workers.attr,
	&dev_attr_status.attr,
	&dev_attr_features.attr,
	&dev_attr_nr_queues.attr,
	&dev_attr_pinned.attr,
	&dev_attr_repins.attr,
	&dev_attr_log.attr,
	&dev_attr_latency.attr,
	NULL
};
ATTRIBUTE_GROUPS(vpin_dev);

static struct class vpin_class = {
	.name = "vhost-pin",
	.dev_groups = vpin_dev_groups,
};

/**
 * vpin_vq_of_kobj - the queue that is shown as queues/M
 * @kobj: whose attribute is read
 *
 * Return: the queue; it stays for as long as the attribute is read.
 */
struct vpin_vq *vpin_vq_of_kobj(struct kobject *kobj)
{
	struct device *sysfs = kobj_to_dev(kobj->parent->parent);
	struct vpin_dev *dev = dev_get_drvdata(sysfs);
	u16 index;

	/* We have named it. */
	return &dev->vqs[kstrtou16(kobject_name(kobj), 10, &index) ? 0 : index];
}

static ssize_t vpin_vq_state_show(struct kobject *kobj,
				  struct kobj_attribute *attr, char *buf)
{
	const struct vpin_vq *vq = vpin_vq_of_kobj(kobj);
	const char *state = "disabled";

	if (READ_ONCE(vq->broken))
		state = "broken";
	else if (READ_ONCE(vq->running))
		state = "running";
	else if (READ_ONCE(vq->enabled))
		state = "enabled";
	return sysfs_emit(buf, "%s\n", state);
}

static ssize_t vpin_vq_size_show(struct kobject *kobj,
				 struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(vpin_vq_of_kobj(kobj)->num));
}

static ssize_t vpin_vq_inflight_show(struct kobject *kobj,
				     struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(vpin_vq_of_kobj(kobj)->inflight));
}

static ssize_t vpin_vq_latency_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	const struct vpin_vq *vq = vpin_vq_of_kobj(kobj);
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < VPIN_VQ_TIMES; i++)
		len += sysfs_emit_at(buf, len, i ? " %llu" : "%llu",
				     READ_ONCE(vq->times[i]));
	return len + sysfs_emit_at(buf, len, "\n");
}

static struct kobj_attribute vpin_vq_state =
	__ATTR(state, 0444, vpin_vq_state_show, NULL);
static struct kobj_attribute vpin_vq_size =
	__ATTR(size, 0444, vpin_vq_size_show, NULL);
static struct kobj_attribute vpin_vq_inflight =
	__ATTR(inflight, 0444, vpin_vq_inflight_show, NULL);
static struct kobj_attribute vpin_vq_latency =
	__ATTR(latency, 0444, vpin_vq_latency_show, NULL);

/* A counter of the queue's, by where it is in it. */
struct vpin_vq_counter {
	struct kobj_attribute attr;
	size_t offset;
};

static ssize_t vpin_vq_counter_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	const struct vpin_vq_counter *counter =
		container_of(attr, struct vpin_vq_counter, attr);
	const void *vq = vpin_vq_of_kobj(kobj);

	return sysfs_emit(buf, "%llu\n",
			  READ_ONCE(*(const u64 *)(vq + counter->offset)));
}

#define VPIN_VQ_COUNTER(_name, _field)					\
	static struct vpin_vq_counter vpin_vq_##_name = {		\
		.attr = __ATTR(_name, 0444, vpin_vq_counter_show, NULL), \
		.offset = offsetof(struct vpin_vq, _field),		\
	}

VPIN_VQ_COUNTER(errors_malformed, nr_bad_chains);
VPIN_VQ_COUNTER(kicks, kick.nr);
VPIN_VQ_COUNTER(signals, nr_signals);
VPIN_VQ_COUNTER(signals_suppressed, nr_suppressed);
VPIN_VQ_COUNTER(turns, nr_runs);
VPIN_VQ_COUNTER(polls, nr_polls);
VPIN_VQ_COUNTER(poll_hits, nr_poll_hits);

static struct attribute *vpin_vq_attrs[] = {
	&vpin_vq_state.attr,
	&vpin_vq_size.attr,
	&vpin_vq_inflight.attr,
	&vpin_vq_latency.attr,
	&vpin_vq_errors_malformed.attr.attr,
	&vpin_vq_kicks.attr.attr,
	&vpin_vq_signals.attr.attr,
	&vpin_vq_signals_suppressed.attr.attr,
	&vpin_vq_turns.attr.attr,
	&vpin_vq_polls.attr.attr,
	&vpin_vq_poll_hits.attr.attr,
	NULL
};

static const struct attribute_group vpin_vq_group = {
	.attrs = vpin_vq_attrs,
};

static int vpin_vq_sysfs_add(struct vpin_vq *vq)
{
	struct vpin_dev *dev = vq->dev;
	char name[8];
	int ret;

	snprintf(name, sizeof(name), "%u", vq->index);
	vq->sysfs = kobject_create_and_add(name, dev->sysfs_vqs);
	if (!vq->sysfs)
		return -ENOMEM;
	ret = sysfs_create_group(vq->sysfs, &vpin_vq_group);
	if (!ret && dev->type->vq_group)
		ret = sysfs_create_group(vq->sysfs, dev->type->vq_group);
	return ret;
}

/* Takes out of sysfs what is there; nobody reads it when it returns. */
static void vpin_kobj_del(struct kobject *kobj)
{
	kobject_del(kobj);
	kobject_put(kobj);
}

/**
 * vpin_dev_sysfs_add - shows a device in sysfs
 * @dev: the device, attached
 *
 * Return: 0; -ENOMEM or what else sysfs says: nothing is shown then.
 */
int vpin_dev_sysfs_add(struct vpin_dev *dev)
{
	struct device *sysfs;
	unsigned int i;
	int ret = 0;

	sysfs = device_create_with_groups(&vpin_class, NULL, 0, dev,
					  dev->type->groups, "vpin%d", dev->id);
	if (IS_ERR(sysfs))
		return PTR_ERR(sysfs);
	dev->sysfs = sysfs;
	dev->sysfs_vqs = kobject_create_and_add("queues", &sysfs->kobj);
	if (!dev->sysfs_vqs)
		ret = -ENOMEM;
	for (i = 0; i < dev->nr_vqs && !ret; i++)
		ret = vpin_vq_sysfs_add(&dev->vqs[i]);
	if (ret)
		vpin_dev_sysfs_del(dev);
	return ret;
}

/* When it returns nobody reads anything of the device there any more. */
void vpin_dev_sysfs_del(struct vpin_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->nr_vqs; i++)
		vpin_kobj_del(dev->vqs[i].sysfs);
	vpin_kobj_del(dev->sysfs_vqs);
	device_unregister(dev->sysfs);
	vpin_dev_set_timed(dev, false);
}

int vpin_dev_sysfs_init(void)
{
	return class_register(&vpin_class);
}

void vpin_dev_sysfs_exit(void)
{
	class_unregister(&vpin_class);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device, whatever its type and whichever ABI drives it.
 *
 * A device type (struct vpin_dev_type) gives it its features, its config space
 * and what its queues do; an ABI calls the vpin_dev_*() and vpin_vq_*() of this
 * header, all with the device locked.
 */
#ifndef _VPIN_DEV_H
#define _VPIN_DEV_H

#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <uapi/linux/virtio_config.h>
#include <vpin/mem.h>
#include <vpin/vq.h>

struct dentry;
struct device;
struct eventfd_ctx;
struct pid;
struct vpin_attach;
struct vpin_blocking;

/*
 * How a call of an owner's waits: SIGKILL ends that, and he freezes with the
 * machine, whatever lock he holds.  Who else wants the lock does not freeze before he
 * has it: so what is waited for is done without the owner's threads, if it can be.
 */
#define VPIN_DEV_WAITS	(TASK_KILLABLE | TASK_FREEZABLE_UNSAFE)

/**
 * struct vpin_dev_type - what a type of device gives
 * @id: VIRTIO_ID_*
 * @name: for people
 * @groups: what it shows of a device in sysfs; nothing in it may wait
 * @vq_group: what it shows of a queue there, by vpin_vq_of_kobj(); likewise
 * @attach: makes @dev serve @backend: sets @features, @config, @config_size
 *	and @priv of the device; returns 0 or an errno of VPIN_ATTACH
 * @detach: undoes @attach; all queues are stopped
 * @config_write: the driver wrote config space; the bytes lie within it, and
 *	those that the type does not let a driver write are left alone
 * @features_ok: the driver has chosen: @features of the device is final
 * @reset: the device was reset; all queues are stopped
 * @resize: looks how large the backend is now; queues may run.  Returns 1 if
 *	config space is another now, 0 if not, or an errno of VPIN_RESIZE.  NULL if
 *	the type has no size.
 * @vq_start: allocates what a queue needs to run; returns 0 or -ENOMEM
 * @vq_stop: frees it; nothing is in flight
 * @vq_resume: goes on with what earlier turns could not do, whether chains may be
 *	taken or not; first in each turn of a queue that is stalled, or after
 *	vpin_vq_wake().  Returns whether another turn should follow at once; else
 *	what is left is led on by vpin_vq_complete() or vpin_vq_wake().  May be
 *	missing if neither happens.  On the worker.
 * @vq_run: takes up to so many chains (vpin_vq_take()) and starts them; returns
 *	how many it took, or so many if it stopped for another reason and there
 *	may be more.  On the worker.
 * @vq_refuse: a chain cannot be served, @last is the last byte of it that the
 *	device may write: says so there.  One that has no such byte breaks the
 *	queue.  NULL if a used length of 0 says it all.  On the worker.
 * @vq_end: an in-flight request (vpin_vq_complete()) ended: finishes it, sets
 *	its @len.  Returns false if the type has sent it on its way again.  On
 *	the worker.
 * @vq_poll: has the backend end what it can of @polled, and takes out of that
 *	list what ends without; only for types that put requests there.  On the
 *	worker.
 */
struct vpin_dev_type {
	u32 id;
	const char *name;
	const struct attribute_group **groups;
	const struct attribute_group *vq_group;
	int (*attach)(struct vpin_dev *dev, const struct vpin_attach *args,
		      struct file *backend);
	void (*detach)(struct vpin_dev *dev);
	void (*config_write)(struct vpin_dev *dev, u32 offset, const u8 *buf,
			     u32 len);
	void (*features_ok)(struct vpin_dev *dev);
	void (*reset)(struct vpin_dev *dev);
	int (*resize)(struct vpin_dev *dev);
	int (*vq_start)(struct vpin_vq *vq);
	void (*vq_stop)(struct vpin_vq *vq);
	bool (*vq_resume)(struct vpin_vq *vq);
	unsigned int (*vq_run)(struct vpin_vq *vq, unsigned int budget);
	void (*vq_refuse)(struct vpin_vq *vq, u8 *last);
	bool (*vq_end)(struct vpin_vq *vq, struct vpin_req *req);
	void (*vq_poll)(struct vpin_vq *vq);
};

/**
 * struct vpin_hire - what the first worker is asked for: another one
 * @work: its item
 * @index: which
 * @ret: 0, or why not
 * @done: nothing is asked for
 */
struct vpin_hire {
	struct vpin_work work;
	u16 index;
	int ret;
	struct completion done;
};

/**
 * struct vpin_follow - how a device follows its owner's mapping
 * @wq: runs @work
 * @work: follows it
 * @again: a ring could not be pinned, and is looked for again
 * @late: it could not be followed
 */
struct vpin_follow {
	struct workqueue_struct *wq;
	struct delayed_work work;
	bool again;
	bool late;
};

/**
 * struct vpin_dev - a virtio device
 * @lock: serialises everything that an ABI asks for; guards all fields but
 *	those below @config_call_lock
 * @id: number of the device, for names and logs
 * @type: what it is
 * @priv: the type's own
 * @mem: the guest's memory
 * @follow: how that follows the owner's mapping
 * @dirty: the log of what is written to it, or NULL
 * @dirty_size: its bytes
 * @status: VIRTIO_CONFIG_S_*, without NEEDS_RESET
 * @suspended: between suspend and resume; no queue runs
 * @offered: features offered to the driver, bit n is feature n
 * @features: features that the driver took, a subset
 * @backend_features: VHOST_BACKEND_F_* that the VMM took
 * @config: config space, little-endian; written by the type only
 * @config_size: its bytes
 * @queue_size: largest ring, in descriptors
 * @chain_max: descriptors that a chain may have whatever its ring's size; the
 *	type's to set
 * @may_have_holes: it starts though part of the guest's memory could not be
 *	pinned
 * @live_setup: a queue that does not run can be set up while others do
 * @has_nice: its workers are as nice as @nice, not as the owner
 * @nice: -20 to 19
 * @owner: the owner's process; NULL if there is none yet
 * @nr_workers: length of @workers
 * @workers: each serves some of the queues; NULL until one of them runs
 * @hire: how there comes to be one
 * @nr_vqs: number of queues
 * @vqs: the queues
 * @backend: what serves it
 * @blocking: where its work is done that blocks
 * @summons: where pages of its owner's are waited for
 * @debugfs: its directory
 * @sysfs: what it is in sysfs
 * @sysfs_vqs: its queues there
 * @timed_since: since when its queues time their requests, in ns; 0 if they do not
 * @config_call_lock: guards @config_call
 * @config_call: signalled when config space or status changes by themselves
 * @needs_reset: a queue broke
 * @ending: closed
 * @ending_node: in the list of such devices, until it has nothing in flight
 * @left: and left to the module until it is drained
 * @end_work: frees it then
 */
struct vpin_dev {
	struct mutex lock;
	int id;
	const struct vpin_dev_type *type;
	void *priv;
	struct vpin_mem mem;
	struct vpin_follow follow;
	struct vpin_dirty *dirty;
	u64 dirty_size;
	u8 status;
	bool suspended;
	u64 offered;
	u64 features;
	u64 backend_features;
	void *config;
	u32 config_size;
	u16 queue_size;
	u16 chain_max;
	bool may_have_holes;
	bool live_setup;
	bool has_nice;
	s8 nice;
	struct pid *owner;
	u16 nr_workers;
	struct vpin_worker **workers;
	struct vpin_hire hire;
	u16 nr_vqs;
	struct vpin_vq *vqs;
	struct file *backend;
	struct vpin_blocking *blocking;
	struct vpin_blocking *summons;
	struct dentry *debugfs;
	struct device *sysfs;
	struct kobject *sysfs_vqs;
	u64 timed_since;

	spinlock_t config_call_lock;
	struct eventfd_ctx *config_call;
	bool needs_reset;
	bool ending;
	struct list_head ending_node;
	bool left;
	struct delayed_work end_work;
};

#define vpin_dev_notice(dev, fmt, ...) \
	pr_notice_ratelimited("vhost_pin: device %d: " fmt, (dev)->id, \
			      ##__VA_ARGS__)

/* Most bytes of config space that a type may have. */
#define VPIN_CONFIG_MAX	256

/* Whether queues are served: DRIVER_OK, and not suspended. */
static inline bool vpin_dev_is_running(const struct vpin_dev *dev)
{
	return dev->status & VIRTIO_CONFIG_S_DRIVER_OK && !dev->suspended;
}

/* Whether a queue that does not run may be told where its ring is. */
static inline bool vpin_dev_may_set_up(const struct vpin_dev *dev)
{
	return !vpin_dev_is_running(dev) || dev->live_setup;
}

/* Whether the driver took a feature. */
static inline bool vpin_dev_has(const struct vpin_dev *dev, unsigned int feature)
{
	return dev->features & BIT_ULL(feature);
}

struct vpin_dev *vpin_dev_create(const struct vpin_dev_type *type,
				 const struct vpin_attach *args,
				 struct file *backend);
void vpin_dev_destroy(struct vpin_dev *dev);

int vpin_dev_set_owner(struct vpin_dev *dev);
int vpin_dev_set_features(struct vpin_dev *dev, u64 features);
u8 vpin_dev_get_status(struct vpin_dev *dev);
int vpin_dev_set_status(struct vpin_dev *dev, u8 status);
int vpin_dev_suspend(struct vpin_dev *dev);
int vpin_dev_resume(struct vpin_dev *dev);
void vpin_dev_set_config_call(struct vpin_dev *dev, struct eventfd_ctx *ctx);
void vpin_dev_signal_config(struct vpin_dev *dev);
void vpin_dev_fail(struct vpin_dev *dev);

int vpin_dev_map(struct vpin_dev *dev, u64 gpa, u64 size, u64 uaddr, u32 perm);
int vpin_dev_unmap(struct vpin_dev *dev, u64 gpa, u64 size);
int vpin_dev_map_begin(struct vpin_dev *dev);
int vpin_dev_map_end(struct vpin_dev *dev);
int vpin_dev_set_dirty(struct vpin_dev *dev, u64 uaddr, u64 size);
int vpin_dev_use_dirty(struct vpin_dev *dev, struct vpin_dirty *dirty);
int vpin_dev_resize(struct vpin_dev *dev);

/* Between the files of the device. */
int vpin_dev_init_owner(struct vpin_dev *dev, u16 nr_workers);
void vpin_dev_fini_owner(struct vpin_dev *dev);
struct vpin_worker *vpin_dev_worker(struct vpin_dev *dev, u16 index);
void vpin_dev_idle(struct vpin_dev *dev);
int vpin_dev_wait_ended(u64 used, bool wait);
int vpin_dev_init_follow(struct vpin_dev *dev);
void vpin_dev_stop_follow(struct vpin_dev *dev);
void vpin_dev_fini_follow(struct vpin_dev *dev);
void vpin_dev_behind(struct vpin_mem *mem);
void vpin_dev_fresh(struct vpin_mem *mem);
void vpin_dev_look_again(struct vpin_dev *dev);
void vpin_dev_free(struct vpin_dev *dev, unsigned long until);
int vpin_dev_sysfs_add(struct vpin_dev *dev);
void vpin_dev_sysfs_del(struct vpin_dev *dev);
struct vpin_vq *vpin_vq_of_kobj(struct kobject *kobj);
void vpin_dev_set_timed(struct vpin_dev *dev, bool timed);
void vpin_dev_debugfs_add(struct vpin_dev *dev);
void vpin_dev_debugfs_del(struct vpin_dev *dev);

#endif /* _VPIN_DEV_H */

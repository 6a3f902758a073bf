/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtqueue: what the VMM set up, and, while it runs, the ring that its
 * worker serves.
 *
 * While a queue runs, its worker owns the running half: the ABI changes it only
 * through vpin_worker_call(), between two turns of the worker.  So nothing on
 * the data path is locked.
 */
#ifndef _VPIN_VQ_H
#define _VPIN_VQ_H

#include <linux/jump_label.h>
#include <linux/llist.h>
#include <linux/poll.h>
#include <linux/wait.h>
#include <vpin/desc.h>
#include <vpin/mem.h>
#include <vpin/ring.h>
#include <vpin/worker.h>

struct eventfd_ctx;
struct file;
struct kobject;
struct vpin_dev;
struct vpin_summon;

/* Buckets of a histogram of times: see vpin_vq_time(). */
#define VPIN_VQ_TIMES	40

/* Chains taken in one turn before other items of the worker get theirs. */
#define VPIN_VQ_BUDGET	64

/**
 * struct vpin_kick - an eventfd whose wake-ups queue a work item
 * @file: the eventfd; NULL if none is set
 * @worker: where the item is queued; NULL while not hooked
 * @work: the item
 * @wqh: the eventfd's wait queue
 * @wait: our entry in it
 * @table: finds @wqh
 * @nr: kicks that came; who kicks holds the eventfd's lock
 */
struct vpin_kick {
	struct file *file;
	struct vpin_worker *worker;
	struct vpin_work *work;
	wait_queue_head_t *wqh;
	wait_queue_entry_t wait;
	poll_table table;
	u64 nr;
};

void vpin_kick_hook(struct vpin_kick *kick, struct vpin_worker *worker,
		    struct vpin_work *work);
void vpin_kick_unhook(struct vpin_kick *kick);

/**
 * struct vpin_view - guest memory as a queue sees it: one snapshot, and the
 * ring's three areas in it
 * @snap: the snapshot
 * @desc: the descriptor area
 * @avail: the driver area
 * @used: the device area
 * @users: requests in flight that translated through it, and 1 while it is the
 *	queue's current one; the worker's, so a plain number
 */
struct vpin_view {
	struct vpin_snap *snap;
	struct vpin_window desc;
	struct vpin_window avail;
	struct vpin_window used;
	unsigned int users;
};

/**
 * struct vpin_extent - guest addresses that a chain in flight lets the device
 * write, for the dirty log
 * @next: of the same chain, or of those that are not in use
 * @first: first GPA
 * @last: last GPA
 */
struct vpin_extent {
	struct vpin_extent *next;
	u64 first;
	u64 last;
};

/* Extents of a queue; a chain takes no more than it has buffers. */
#define VPIN_VQ_EXTENTS	4096

/**
 * struct vpin_req - a chain in flight; a device type's request begins with one
 * @node: in the list of completed ones
 * @view: what the chain was translated through
 * @vq: its queue
 * @polled: in the queue's list of such, or empty
 * @len: bytes that the device wrote, for the used ring
 * @head: the chain
 * @writes: which of the queue's extents begins what it lets the device write, if
 *	that is to be logged, from 1 on; else 0
 */
struct vpin_req {
	struct llist_node node;
	struct vpin_view *view;
	struct vpin_vq *vq;
	struct list_head polled;
	u32 len;
	u16 head;
	u16 writes;
};

/* A chain that was served, before the driver was told. */
struct vpin_untold {
	u16 head;
	u32 len;	/* bytes that the device wrote */
};

/**
 * struct vpin_vq - a virtqueue
 * @dev: its device
 * @index: its number
 * @num: entries of the ring; 0 until VHOST_SET_VRING_NUM
 * @base: index of the next entry to take when the queue starts
 * @nr_untold: of the entries before it, how many the driver was not told of
 * @addr_set: the three addresses are set; 0 is an address like any other
 * @enabled: VHOST_VDPA_SET_VRING_ENABLE
 * @desc_addr: GPA of the descriptor area
 * @avail_addr: GPA of the driver area
 * @used_addr: GPA of the device area
 * @used_at: where that is in the host's memory, as long as the queue has it there, or
 *	something in flight; else 0
 * @busyloop_us: longest time of busy polling, in microseconds; 0 for none
 * @set_up: all is ready to serve it, which comes next
 * @running: between start and stop
 * @kick: how the driver's kicks arrive
 * @worker: serves the queue; its device's, and the same once it was started
 * @work: its item
 * @next_view: what becomes @view when memory has changed
 * @next_is_taken: a device that was closed still serves the ring that it would have
 * @sysfs: what it is in sysfs
 * @idle: woken when a draining queue has nothing in flight any more
 * @ring_summon: brings what is absent of its ring
 * @chain_summon: brings what is absent of the next chain; the worker's
 * @priv: the device type's own
 * @untold: what ended while there was no ring to tell it in, for @num of them;
 *	the worker's while running
 * @call: eventfd that tells the driver; the worker's while running
 * @err: eventfd that tells the VMM of a broken ring; likewise
 * @turn: the thread that runs a turn of the queue, while it does
 * @done: completed requests, from any context
 * @done_at_once: those completed within a turn, by the worker itself, in order
 * @done_end: where the next one of them is linked
 * @ring: the ring
 * @table: its descriptor area as a table
 * @view: current view; NULL while the ring is not mapped: the queue waits
 * @hint: what it remembers of translations
 * @chain: the chain at hand, with room for the longest that there may be
 * @poll_ns: how long the next busy polling is
 * @slept_at: when the last one found nothing, in ns of ktime_get(); 0 if a turn
 *	has been since
 * @inflight: requests that have not ended
 * @polled: of them, in order, those that end only when the backend is polled
 * @watch: what became of the owner's mapping
 * @look: the reading of the driver's index that @seen belongs to
 * @seen: changes of the mapping that chains of that reading may have come after
 * @behind: chains wait until they are followed, for a page, or for another owner
 * @fetching: chains may be taken
 * @stalled: the device type cannot start more before a request ends; its to
 *	set, and to clear when it is run again
 * @woken: vpin_vq_wake() was called since the type was last resumed
 * @broken: the ring cannot be trusted; nothing is taken until a reset
 * @dirty: the device's dirty log, if it has one
 * @extents: VPIN_VQ_EXTENTS of them, once there was a log while the queue ran
 * @free_extents: those that are not in use
 * @nr_free_extents: how many
 * @nr_bad_chains: malformed chains taken
 * @nr_signals: signals sent to the driver
 * @nr_suppressed: those that it did not want
 * @nr_runs: turns of the worker
 * @nr_polls: how often it looked around for more to do
 * @nr_poll_hits: and there was
 * @taken_at: when the chain of each head was taken, in ns of ktime_get(), if that
 *	was noted
 * @times: how many took how long, likewise
 */
struct vpin_vq {
	/* Set-up: the device's lock. */
	struct vpin_dev *dev;
	u16 index;
	u16 num;
	u16 base;
	u16 nr_untold;
	bool addr_set;
	bool enabled;
	bool set_up;
	bool running;
	u64 desc_addr;
	u64 avail_addr;
	u64 used_addr;
	u64 used_at;
	u32 busyloop_us;
	struct vpin_worker *worker;
	struct vpin_kick kick;
	struct vpin_work work;
	struct vpin_view *next_view;
	bool next_is_taken;
	struct kobject *sysfs;
	wait_queue_head_t idle;
	struct vpin_summon *ring_summon;

	/* Running: the worker's. */
	void *priv;
	struct vpin_summon *chain_summon;
	struct vpin_untold *untold;
	struct eventfd_ctx *call;
	struct eventfd_ctx *err;
	struct llist_head done ____cacheline_aligned_in_smp;
	struct vpin_ring ring ____cacheline_aligned_in_smp;
	struct task_struct *turn;
	struct llist_node *done_at_once;
	struct llist_node **done_end;
	struct vpin_desc_table table;
	struct vpin_view *view;
	struct vpin_hint hint;
	struct vpin_chain chain;
	u64 poll_ns;
	u64 slept_at;
	unsigned int inflight;
	struct list_head polled;
	const struct vpin_watch *watch;
	unsigned long seen;
	u32 look;
	bool behind;
	bool fetching;
	bool stalled;
	bool woken;
	bool broken;
	struct vpin_dirty *dirty;
	struct vpin_extent *extents;
	struct vpin_extent *free_extents;
	unsigned int nr_free_extents;
	/*
	 * Only ever counted up, by who runs a turn: so a reader of 64 bits needs no
	 * lock, and who counts, nothing but an addition.
	 */
	u64 nr_bad_chains;
	u64 nr_signals;
	u64 nr_suppressed;
	u64 nr_runs;
	u64 nr_polls;
	u64 nr_poll_hits;
	u64 *taken_at;
	u64 times[VPIN_VQ_TIMES];
};

DECLARE_STATIC_KEY_FALSE(vpin_timed);

/* How long who waits for a queue leaves it to its worker alone, in jiffies. */
#define VPIN_VQ_HELP	DIV_ROUND_UP(HZ, 20)

/* For an ABI, with the device locked. */
void vpin_vq_init(struct vpin_vq *vq, struct vpin_dev *dev, u16 index);
void vpin_vq_fini(struct vpin_vq *vq);
int vpin_vq_set_num(struct vpin_vq *vq, u32 num);
int vpin_vq_set_addr(struct vpin_vq *vq, u64 desc, u64 avail, u64 used);
int vpin_vq_set_base(struct vpin_vq *vq, u32 base);
u16 vpin_vq_get_base(struct vpin_vq *vq);
int vpin_vq_enable(struct vpin_vq *vq, bool enable);
void vpin_vq_set_kick(struct vpin_vq *vq, struct file *file);
void vpin_vq_set_call(struct vpin_vq *vq, struct eventfd_ctx *ctx);
void vpin_vq_set_err(struct vpin_vq *vq, struct eventfd_ctx *ctx);

/* For the device. */
int vpin_vq_set_up(struct vpin_vq *vq);
void vpin_vq_serve(struct vpin_vq *vq);
void vpin_vq_unset(struct vpin_vq *vq);
int vpin_vq_stop(struct vpin_vq *vqs, unsigned int nr);
int vpin_vq_pause(struct vpin_vq *vqs, unsigned int nr);
void vpin_vq_drain(struct vpin_vq *vq);
void vpin_vq_undrain(struct vpin_vq *vq);
bool vpin_vq_is_drained(const struct vpin_vq *vq);
void vpin_vq_help(struct vpin_vq *vq);
void vpin_vq_end(struct vpin_vq *vq);
void vpin_vq_forget(struct vpin_vq *vq);
int vpin_vq_prepare(struct vpin_vq *vq, struct vpin_snap *snap);
void vpin_vq_unprepare(struct vpin_vq *vq);
void vpin_vq_see(struct vpin_vq *vq);
int vpin_vq_dirty_alloc(struct vpin_vq *vq);
void vpin_vq_dirty_set(struct vpin_vq *vq, struct vpin_dirty *dirty);

/* For a device type, on the worker; the last three from any context. */
int vpin_vq_take(struct vpin_vq *vq, u16 *head);
void vpin_vq_return(struct vpin_vq *vq, u16 head, u32 len);
void vpin_vq_break(struct vpin_vq *vq, const char *why);
void vpin_vq_give_up(struct vpin_vq *vq, const char *why);
void vpin_vq_complete(struct vpin_req *req);
void vpin_vq_wake(struct vpin_vq *vq, struct llist_node *node,
		  struct llist_head *list);
void vpin_vq_rerun(struct vpin_vq *vq);

/* How many chains there are to take; a guess, for what is worth preparing. */
static inline unsigned int vpin_vq_offered(const struct vpin_vq *vq)
{
	return vpin_ring_offered(&vq->ring);
}

/* Between the files of the virtqueue. */
int vpin_vq_claim(struct vpin_vq *vq, const struct vpin_snap *snap, u64 used,
		  bool wait);
struct vpin_view *vpin_view_create(struct vpin_vq *vq, struct vpin_snap *snap);
void vpin_view_put(struct vpin_view *view);
struct vpin_summon *vpin_summon_create(struct vpin_vq *vq);
void vpin_summon_end(struct vpin_summon *summon);
bool vpin_summon_begin(struct vpin_summon **summon, const struct vpin_snap *snap,
		       u64 gpa, u64 len, u32 perm);
void vpin_summon_done(struct vpin_summon *summon);
void vpin_vq_note(struct vpin_vq *vq, u16 head);
void vpin_vq_time(struct vpin_vq *vq, u16 head);
bool vpin_vq_work(struct vpin_work *work);
void vpin_vq_tell(struct vpin_vq *vq);
void vpin_vq_dirty_free(struct vpin_vq *vq);
void vpin_vq_dirty_mark(struct vpin_vq *vq, u64 gpa, u64 len);
void vpin_vq_dirty_ring(struct vpin_vq *vq);
void vpin_vq_dirty_chain(struct vpin_vq *vq);
void vpin_vq_dirty_begin(struct vpin_vq *vq, struct vpin_req *req);
void vpin_vq_dirty_end(struct vpin_vq *vq, struct vpin_req *req);

/**
 * vpin_vq_begin - the chain at hand gets in flight
 * @vq: the queue
 * @req: the request for it; ended by vpin_vq_complete()
 * @head: as taken
 */
static inline void vpin_vq_begin(struct vpin_vq *vq, struct vpin_req *req,
				 u16 head)
{
	req->vq = vq;
	req->head = head;
	req->view = vq->view;
	req->view->users++;
	req->writes = 0;
	if (unlikely(vq->dirty))
		vpin_vq_dirty_begin(vq, req);
	INIT_LIST_HEAD(&req->polled);
	vq->inflight++;
}

/* Whether the next chain may have to wait for extents: until another ends. */
static inline bool vpin_vq_dirty_is_short(const struct vpin_vq *vq)
{
	return unlikely(vq->dirty) && vq->nr_free_extents < vq->chain.max;
}

bool vpin_vq_poll(struct vpin_vq *vq);
void vpin_vq_poll_adapt(struct vpin_vq *vq);

#endif /* _VPIN_VQ_H */

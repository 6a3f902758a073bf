/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-blk (VIRTIO 1.2, 5.2): requests, and the backends that serve them.
 *
 * A request's data is given to the backend in parts, each no longer than the
 * backend takes at once.  The first short one is in the request itself, others
 * come from a pool of the queue's.  A request that runs out of parts, of bounce
 * buffers or of the bytes that a turn may start keeps its place and goes on in
 * a later turn; meanwhile its queue takes no more chains.
 *
 * The worker waits for nothing: what the backend does not take at once is sent
 * again when something else has ended, or goes to where it may block.
 */
#ifndef _VPIN_BLK_H
#define _VPIN_BLK_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/errseq.h>
#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/pagemap.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/virtio_blk.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/blocking.h>
#include <vpin/desc.h>
#include <vpin/dev.h>

/* Pieces of the part that a request holds itself, and of a long one. */
#define VPIN_BLK_VECS		8
#define VPIN_BLK_LONG_VECS	64

/* Long parts of a queue: one for each so many entries of the ring, from, to. */
#define VPIN_BLK_LONG_ENTRIES	4
#define VPIN_BLK_LONG_MIN	8
#define VPIN_BLK_LONG_MAX	48

/* Most bytes of a part, and of the parts that are started in a turn. */
#define VPIN_BLK_PART_MAX	SZ_1M
#define VPIN_BLK_TURN_MAX	SZ_4M

/* Most data segments that a driver is told to use. */
#define VPIN_BLK_SEG_MAX	254

/* Most ranges of one DISCARD or WRITE_ZEROES. */
#define VPIN_BLK_RANGES_MAX	8

/* Most sectors of one WRITE_ZEROES range: it may have to be written out. */
#define VPIN_BLK_ZEROES_MAX	(SZ_16M >> SECTOR_SHIFT)

/* Bytes of config space, as of VIRTIO 1.2 with the zoned fields. */
#define VPIN_BLK_CONFIG_SIZE	96

/* Bounce buffers of a disk, and pages of each. */
#define VPIN_BLK_BOUNCES	4
#define VPIN_BLK_BOUNCE_PAGES	16
#define VPIN_BLK_BOUNCE_SIZE	(VPIN_BLK_BOUNCE_PAGES * PAGE_SIZE)

/* Rows of what is counted: the types that there are, and one for all others. */
#define VPIN_BLK_TYPES		16
#define VPIN_BLK_RESULTS	(VIRTIO_BLK_S_UNSUPP + 1)

struct vpin_blk_req;
struct vpin_blk_backend;
struct vpin_blk_bounce;

/**
 * struct vpin_blk_pool - a disk's bounce buffers
 * @lock: guards the rest; only workers take it
 * @nr: how many there are; 0 before the first queue starts, and if none can be
 *	needed
 * @all: the buffers
 * @free: those that are not in use
 * @waiting: queues that want one, in order
 */
struct vpin_blk_pool {
	spinlock_t lock;
	unsigned int nr;
	struct vpin_blk_bounce *all[VPIN_BLK_BOUNCES];
	struct vpin_blk_bounce *free;
	struct list_head waiting;
};

/* What there was of a type of request, with one result. */
struct vpin_blk_count {
	u64 nr;
	u64 bytes;	/* of data, or of ranges */
};

/**
 * struct vpin_blk_counts - what a queue has done since the disk is there
 * @by: requests by VIRTIO_BLK_S_* and VIRTIO_BLK_T_*: see vpin_blk_count()
 * @bounced: parts that went through a bounce buffer
 * @blocked: parts that were given to a thread that may block; from any context
 *
 * The worker's, but for the last; only ever counted up.
 */
struct vpin_blk_counts {
	struct vpin_blk_count by[VPIN_BLK_RESULTS][VPIN_BLK_TYPES];
	u64 bounced;
	atomic64_t blocked;
} ____cacheline_aligned_in_smp;

/**
 * struct vpin_blk - a disk
 * @backend: what serves it
 * @dev: the device that it is
 * @file: the backend's open file, the device's
 * @mapping: the backend's page cache
 * @written: where what was written through it waits: an overlay has that below
 * @bdev: the block device, if it is one, whichever way it is served
 * @ro: the guest may not write
 * @direct: past the page cache
 * @poll: the block device is polled for what has ended
 * @sleeps: the block device's driver may sleep while it starts a request
 * @discard: the guest may deallocate
 * @writethrough: writes are stable when they end, whatever the guest says
 * @writeback: what a driver chose last in config space, until then the default
 * @capacity: sectors of 512 bytes; may change
 * @block_size: smallest unit of transfer that the guest is told, in bytes
 * @physical_size: what it is told to align to, in bytes
 * @io_min: smallest transfer that suits the backend, in bytes
 * @io_opt: one that suits it best, in bytes; 0 if none does
 * @align_mask: bits that address and length of a piece of data must not have
 *	for the backend to transfer it in place
 * @pool: bounce buffers for data that lies otherwise
 * @counts: what each of its queues has done
 * @serial: the serial number
 * @config: config space
 */
struct vpin_blk {
	const struct vpin_blk_backend *backend;
	struct vpin_dev *dev;
	struct file *file;
	struct address_space *mapping;
	struct address_space *written;
	struct block_device *bdev;
	bool ro;
	bool direct;
	bool poll;
	bool sleeps;
	bool discard;
	bool writethrough;
	bool writeback;
	u64 capacity;
	u32 block_size;
	u32 physical_size;
	u32 io_min;
	u32 io_opt;
	u32 align_mask;
	struct vpin_blk_pool pool;
	struct vpin_blk_counts *counts;
	u8 serial[VPIN_SERIAL_LEN];
	union {
		struct virtio_blk_config config;
		u8 config_bytes[VPIN_BLK_CONFIG_SIZE];
	};
};

/* A range of DISCARD or WRITE_ZEROES, checked. */
struct vpin_blk_range {
	u64 sector;
	u32 nr;		/* sectors */
	bool unmap;	/* the driver would like it deallocated */
};

/* Where a part is. */
enum vpin_blk_part_kind {
	VPIN_BLK_PART_OWN,	/* in its request */
	VPIN_BLK_PART_LONG,	/* in a struct vpin_blk_long of its queue */
	VPIN_BLK_PART_BOUNCE,	/* in the one of a bounce buffer */
};

/**
 * struct vpin_blk_part - a part of a request: one bio or one kiocb
 * @item: goes on where blocking is allowed
 * @node: in its queue's list of ended ones or of refused ones
 * @next: in a list of free ones or of those to be sent again
 * @pos: where on the disk, in bytes
 * @len: bytes
 * @nr_vecs: pieces; they follow the part
 * @kind: where it is, enum vpin_blk_part_kind
 * @bio: on a block device
 * @iocb: on a file
 * @done: bytes of it that the file has transferred so far
 * @since: what of the page cache was known to be lost when it began
 */
struct vpin_blk_part {
	union {
		struct vpin_blocking_item item;
		struct llist_node node;
		struct vpin_blk_part *next;
	};
	u64 pos;
	u32 len;
	u16 nr_vecs;
	u8 kind;
	union {
		struct bio bio;
		struct {
			struct kiocb iocb;
			u32 done;
			errseq_t since;
		};
	};
};

/**
 * struct vpin_blk_req - a request
 * @req: the chain in flight
 * @next: next free one
 * @disk: the disk
 * @status: where the driver wants the status byte
 * @sector: first sector of data
 * @type: VIRTIO_BLK_T_*
 * @len: bytes of data
 * @parts: parts that have not ended, and 1 while there may be more of them
 * @result: VIRTIO_BLK_S_*; any part may turn it bad
 * @nr_ranges: length of @ranges
 * @stable: what it writes must be stable when it ends
 * @part: a part of its own
 * @vecs: the pieces of @part
 * @ranges: of DISCARD and WRITE_ZEROES
 *
 * Six cache lines.  Not aligned to them most would have seven, which 32 requests in
 * flight feel.
 */
struct vpin_blk_req {
	struct vpin_req req;
	union {
		struct vpin_blk_req *next;
		struct vpin_blk *disk;
	};
	u8 *status;
	u64 sector;
	u32 type;
	u32 len;
	atomic_t parts;
	u8 result;
	u8 nr_ranges;
	bool stable;
	struct vpin_blk_part part;
	union {
		struct bio_vec vecs[VPIN_BLK_VECS];
		struct vpin_blk_range ranges[VPIN_BLK_RANGES_MAX];
	};
} __aligned(64);

/**
 * struct vpin_blk_long - a part with more pieces than a request holds itself
 * @req: whose part it is now
 * @part: the part
 * @vecs: its pieces
 */
struct vpin_blk_long {
	struct vpin_blk_req *req;
	struct vpin_blk_part part;
	struct bio_vec vecs[VPIN_BLK_LONG_VECS];
};

/* Documentation/architecture.rst says what a queue takes. */
static_assert(sizeof(struct vpin_blk_req) <= 384);
static_assert(sizeof(struct vpin_blk_long) <= 1216);
static_assert(offsetof(struct vpin_blk_req, vecs) ==
	      offsetofend(struct vpin_blk_req, part));
static_assert(offsetof(struct vpin_blk_long, vecs) ==
	      offsetofend(struct vpin_blk_long, part));

/**
 * struct vpin_blk_build - a request that is being cut into parts
 * @req: the request; NULL if there is none
 * @data: the data that is left
 * @pos: where it goes, in bytes
 * @left: bytes of it
 * @own_used: the request's own part has been used
 * @bouncing: the rest goes through a bounce buffer
 * @busy: which is being transferred
 * @waits: only an end lets it go on
 * @bounce: the bounce buffer, if it has one
 */
struct vpin_blk_build {
	struct vpin_blk_req *req;
	struct vpin_cursor data;
	u64 pos;
	u32 left;
	bool own_used;
	bool bouncing;
	bool busy;
	bool waits;
	struct vpin_blk_bounce *bounce;
};

/**
 * struct vpin_blk_queue - what a running queue has
 * @free: requests that are not in flight
 * @free_longs: long parts that are not in use
 * @counts: what it has done, the disk's
 * @left: bytes that may still be started in this turn; may be overdrawn by one
 *	part
 * @build: the request that has not been cut into parts to its end
 * @kept: parts that the device did not take, to be sent again
 * @kept_end: where the next one of them is linked
 * @nr_kept: how many
 * @reqs: all requests, one for each entry of the ring
 * @longs: all long parts
 * @nr_longs: how many
 * @handed: a bounce buffer that another queue handed on; the pool's lock
 * @waiting: in the pool's list of queues that want one; the pool's lock
 * @vq: the queue
 * @ended: parts that ended and are not a request's own, from any context
 * @refused: parts that the device did not take, from any context
 */
struct vpin_blk_queue {
	struct vpin_blk_req *free;
	struct vpin_blk_part *free_longs;
	struct vpin_blk_counts *counts;
	long left;
	struct vpin_blk_build build;
	struct vpin_blk_part *kept;
	struct vpin_blk_part **kept_end;
	unsigned int nr_kept;

	struct vpin_blk_req *reqs;
	struct vpin_blk_long *longs;
	unsigned int nr_longs;
	struct vpin_blk_bounce *handed;
	struct list_head waiting;
	struct vpin_vq *vq;

	struct llist_head ended ____cacheline_aligned_in_smp;
	struct llist_head refused;
};

/**
 * struct vpin_blk_backend - how a disk is served
 * @submit: starts a part without waiting, and ends it by vpin_blk_part_end()
 *	sooner or later.  On the worker.
 * @block: starts a part that @submit did not, waiting for what it takes
 * @flush: makes stable what was written, and ends the request's own part
 * @ranges: does DISCARD and WRITE_ZEROES, and ends the request's own part.  Where
 *	it may block.
 */
struct vpin_blk_backend {
	void (*submit)(struct vpin_blk_req *req, struct vpin_blk_part *part);
	void (*block)(struct vpin_blocking_item *item);
	void (*flush)(struct vpin_blk_req *req);
	void (*ranges)(struct vpin_blocking_item *item);
};

extern const struct vpin_blk_backend vpin_blk_bdev;
extern const struct vpin_blk_backend vpin_blk_file;

int vpin_blk_bdev_attach(struct vpin_blk *blk, const struct vpin_attach *args);
bool vpin_blk_bdev_sleeps(const struct vpin_blk *blk);
void vpin_blk_bdev_poll(struct vpin_vq *vq);
int vpin_blk_bdev_do_range(struct vpin_blk *blk, u32 type,
			   const struct vpin_blk_range *range);
void vpin_blk_bdev_ranges(struct vpin_blocking_item *item);
int vpin_blk_file_attach(struct vpin_blk *blk, const struct vpin_attach *args);
void vpin_blk_file_serve(struct vpin_blk *blk);
bool vpin_blk_file_has(const struct vpin_blk *blk, u64 pos, u64 len);
void vpin_blk_file_begin(const struct vpin_blk_req *req,
			 struct vpin_blk_part *part);
bool vpin_blk_file_has_lost(const struct vpin_blk_req *req,
			    const struct vpin_blk_part *part);
void vpin_blk_file_flush(struct vpin_blk_req *req);
void vpin_blk_file_ranges(struct vpin_blocking_item *item);

/* Whatever else a bench may be served from: see bench/ceiling.c. */
#ifdef VPIN_BENCH
int vpin_blk_bench_attach(struct vpin_blk *blk);
#else
static inline int vpin_blk_bench_attach(struct vpin_blk *blk)
{
	return -EINVAL;
}
#endif

/* geometry.c */
int vpin_blk_geometry(struct vpin_blk *blk, const struct vpin_attach *args,
		      u64 bytes, u32 block_size, u32 physical_size);
int vpin_blk_resize(struct vpin_dev *dev);

/* config.c */
void vpin_blk_config_init(struct vpin_dev *dev, struct vpin_blk *blk);
void vpin_blk_config_capacity(struct vpin_blk *blk);
void vpin_blk_config_write(struct vpin_dev *dev, u32 offset, const u8 *buf,
			   u32 len);
void vpin_blk_config_features_ok(struct vpin_dev *dev);
void vpin_blk_config_reset(struct vpin_dev *dev);
bool vpin_blk_is_writeback(const struct vpin_dev *dev);

/* sysfs.c */
extern const struct attribute_group *vpin_blk_groups[];
extern const struct attribute_group vpin_blk_vq_group;

/* request.c */
bool vpin_blk_parse(struct vpin_blk_req *req, const struct vpin_dev *dev,
		    const struct vpin_chain *chain, struct vpin_cursor *out);
bool vpin_blk_start(struct vpin_blk_req *req, struct vpin_vq *vq, u16 head);

/* part.c */
bool vpin_blk_build(struct vpin_vq *vq, struct vpin_blk_build *build);
void vpin_blk_part_block(struct vpin_blk_req *req, struct vpin_blk_part *part,
			 void (*fn)(struct vpin_blocking_item *));
void vpin_blk_part_end_other(struct vpin_blk_req *req,
			     struct vpin_blk_part *part);
void vpin_blk_part_refused(struct vpin_blk_req *req,
			   struct vpin_blk_part *part);

/* queue.c */
int vpin_blk_vq_start(struct vpin_vq *vq);
void vpin_blk_vq_stop(struct vpin_vq *vq);
unsigned int vpin_blk_vq_run(struct vpin_vq *vq, unsigned int budget);
bool vpin_blk_vq_resume(struct vpin_vq *vq);
bool vpin_blk_vq_end(struct vpin_vq *vq, struct vpin_req *vreq);
void *vpin_blk_alloc(size_t size);
void vpin_blk_free(void *addr, size_t size);

/* bounce.c */
void vpin_blk_pool_init(struct vpin_blk_pool *pool);
int vpin_blk_pool_fill(struct vpin_blk_pool *pool, unsigned int nr);
void vpin_blk_pool_empty(struct vpin_blk_pool *pool);
bool vpin_blk_bounce(struct vpin_vq *vq, struct vpin_blk_build *build);

/* errand.c */
int vpin_blk_errand(struct vpin_blk *blk, int (*fn)(struct file *file, u64 *result),
		    u64 *result);

/* coherent.c */
int vpin_blk_cohere_all(struct vpin_blk *blk);
int vpin_blk_cohere(struct vpin_blk *blk, u64 pos, u64 len, bool write);
void vpin_blk_uncache(struct vpin_blk *blk, u64 pos, u64 len);
bool vpin_blk_has_pages(const struct vpin_blk *blk, u64 pos, u64 len);

/*
 * Whether the host's page cache has something of a stretch of the block device:
 * mostly it has nothing at all.  Context: any.
 */
static inline bool vpin_blk_is_cached(const struct vpin_blk *blk, u64 pos,
				      u64 len)
{
	return unlikely(READ_ONCE(blk->mapping->nrpages)) &&
	       vpin_blk_has_pages(blk, pos, len);
}

static inline bool vpin_blk_is_write(const struct vpin_blk_req *req)
{
	return req->type == VIRTIO_BLK_T_OUT;
}

/* Any part may fail, at any time: the first to say why is as good as another. */
static inline void vpin_blk_fail(struct vpin_blk_req *req, u8 result)
{
	WRITE_ONCE(req->result, result);
}

static inline struct bio_vec *vpin_blk_part_vecs(struct vpin_blk_part *part)
{
	return (struct bio_vec *)(part + 1);
}

/* Whose part it is. */
static inline struct vpin_blk_req *vpin_blk_part_req(struct vpin_blk_part *part)
{
	if (part->kind == VPIN_BLK_PART_OWN)
		return container_of(part, struct vpin_blk_req, part);
	return container_of(part, struct vpin_blk_long, part)->req;
}

/*
 * A request was answered.  What it asked for chooses where that is counted, and how
 * it ended: nothing is compared.  @type is less than VPIN_BLK_TYPES.  Context: the
 * worker.
 */
static inline void vpin_blk_count(struct vpin_blk_counts *counts, u32 type,
				  u8 result, u64 bytes)
{
	struct vpin_blk_count *count = &counts->by[result][type];

	count->nr++;
	count->bytes += bytes;
}

static inline void vpin_blk_req_get(struct vpin_blk_req *req)
{
	atomic_inc(&req->parts);
}

/*
 * A part ended; the last one to end completes the request.  Who finds himself
 * alone is the last one: only another part could start one more.  Context: any.
 */
static inline void vpin_blk_req_put(struct vpin_blk_req *req)
{
	if (likely(atomic_read_acquire(&req->parts) == 1) ||
	    atomic_dec_and_test(&req->parts))
		vpin_vq_complete(&req->req);
}

/* A part ended, with VIRTIO_BLK_S_*.  Context: any. */
static inline void vpin_blk_part_end(struct vpin_blk_req *req,
				     struct vpin_blk_part *part, u8 result)
{
	if (unlikely(result != VIRTIO_BLK_S_OK))
		vpin_blk_fail(req, result);
	if (likely(part == &req->part))
		vpin_blk_req_put(req);
	else
		vpin_blk_part_end_other(req, part);
}

#endif /* _VPIN_BLK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-blk (VIRTIO 1.2, 5.2): requests, and the backends that serve them.
 */
#ifndef _VPIN_BLK_H
#define _VPIN_BLK_H

#include <linux/bio.h>
#include <linux/fs.h>
#include <linux/mempool.h>
#include <linux/uio.h>
#include <linux/virtio_blk.h>
#include <linux/workqueue.h>
#include <uapi/linux/vhost_pin.h>
#include <vpin/desc.h>
#include <vpin/dev.h>

/* Pieces that a request holds itself; longer ones go out in several parts. */
#define VPIN_BLK_VECS		32

/* Most data segments that a driver is told to use. */
#define VPIN_BLK_SEG_MAX	254

/* Most ranges of one DISCARD or WRITE_ZEROES. */
#define VPIN_BLK_RANGES_MAX	16

/* Most sectors of one WRITE_ZEROES range: it may have to be written out. */
#define VPIN_BLK_ZEROES_MAX	(SZ_16M >> SECTOR_SHIFT)

/* Bytes of config space, as of VIRTIO 1.2 with the zoned fields. */
#define VPIN_BLK_CONFIG_SIZE	96

/* Pages of a queue's bounce buffer. */
#define VPIN_BLK_BOUNCE_PAGES	16

struct vpin_blk_req;
struct vpin_blk_backend;

/**
 * struct vpin_blk - a disk
 * @backend: what serves it
 * @file: the backend's open file
 * @bdev: the block device, if it is one
 * @ro: the guest may not write
 * @capacity: sectors of 512 bytes
 * @block_size: smallest unit of transfer, in bytes
 * @align_mask: bits that address and length of a piece of data must not have
 *	for the backend to transfer it in place
 * @direct: the file takes direct I/O
 * @poll: the block device is polled for what has ended
 * @discard: the backend can deallocate
 * @serial: the serial number
 * @config: config space
 */
struct vpin_blk {
	const struct vpin_blk_backend *backend;
	struct file *file;
	struct block_device *bdev;
	bool ro;
	u64 capacity;
	u32 block_size;
	u32 align_mask;
	bool direct;
	bool poll;
	bool discard;
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

/**
 * struct vpin_blk_part - a part of a file's request: one kiocb
 * @iocb: the kiocb
 * @req: the request
 * @vecs: its pieces
 * @nr_vecs: how many
 * @len: bytes
 * @done: bytes transferred so far
 * @pos: where in the file, in bytes
 * @direct: past the page cache
 * @work: goes on where blocking is allowed
 */
struct vpin_blk_part {
	struct kiocb iocb;
	struct vpin_blk_req *req;
	struct bio_vec *vecs;
	unsigned int nr_vecs;
	size_t len;
	size_t done;
	loff_t pos;
	bool direct;
	struct work_struct work;
};

/**
 * struct vpin_blk_req - a request
 * @req: the chain in flight
 * @next: next free one
 * @disk: the disk
 * @status: where the driver wants the status byte
 * @type: VIRTIO_BLK_T_*
 * @result: VIRTIO_BLK_S_*; any part may turn it bad
 * @flush_after: flush before it ends well: the cache is write-through
 * @fua: writes must be stable when they end
 * @sector: first sector of data
 * @len: bytes of data
 * @nr_ranges: length of @ranges
 * @parts: parts that have not ended; the first is the request's own
 * @bio: first part on a block device
 * @part: first part on a file
 * @work: what has to block
 * @vecs: pieces of the first part
 * @ranges: of DISCARD and WRITE_ZEROES
 */
struct vpin_blk_req {
	struct vpin_req req;
	union {
		struct vpin_blk_req *next;
		struct vpin_blk *disk;
	};
	u8 *status;
	u32 type;
	u8 result;
	bool flush_after;
	bool fua;
	u8 nr_ranges;
	u64 sector;
	u32 len;
	atomic_t parts;
	union {
		struct bio bio;
		struct vpin_blk_part part;
		struct work_struct work;
	};
	union {
		struct bio_vec vecs[VPIN_BLK_VECS];
		struct vpin_blk_range ranges[VPIN_BLK_RANGES_MAX];
	};
} ____cacheline_aligned_in_smp;

/**
 * struct vpin_blk_queue - what a running queue has
 * @reqs: its requests, one for each entry of the ring
 * @free: those not in flight
 * @bounce: pages for data that the backend cannot transfer in place
 */
struct vpin_blk_queue {
	struct vpin_blk_req *reqs;
	struct vpin_blk_req *free;
	struct page *bounce[VPIN_BLK_BOUNCE_PAGES];
};

/**
 * struct vpin_blk_backend - how a disk is served
 * @rw: transfers @len bytes of data
 * @flush: makes what was written stable
 * @discard: deallocates @ranges
 * @write_zeroes: zeroes @ranges
 *
 * Each is called with the request's own part under way, and ends it or gives it
 * to the last thing that it starts; more are started by vpin_blk_part_begin().
 * All run on the worker.
 */
struct vpin_blk_backend {
	void (*rw)(struct vpin_blk_req *req, struct vpin_cursor *data);
	void (*flush)(struct vpin_blk_req *req);
	void (*discard)(struct vpin_blk_req *req);
	void (*write_zeroes)(struct vpin_blk_req *req);
};

extern const struct vpin_blk_backend vpin_blk_bdev;
extern const struct vpin_blk_backend vpin_blk_file;

int vpin_blk_bdev_attach(struct vpin_blk *blk);
void vpin_blk_bdev_poll(struct vpin_vq *vq);
int vpin_blk_file_attach(struct vpin_blk *blk);

/* Whatever else a bench may be served from: see bench/ceiling.c. */
#ifdef VPIN_BENCH
int vpin_blk_bench_attach(struct vpin_blk *blk);
#else
static inline int vpin_blk_bench_attach(struct vpin_blk *blk)
{
	return -EINVAL;
}
#endif

void vpin_blk_file_flush(struct vpin_blk_req *req);
void vpin_blk_file_ranges(struct vpin_blk_req *req);

int vpin_blk_bdev_init(void);
void vpin_blk_bdev_exit(void);
int vpin_blk_file_init(void);
void vpin_blk_file_exit(void);

/* Where requests go on that have to block. */
extern struct workqueue_struct *vpin_blk_wq;

void vpin_blk_defer(struct vpin_blk_req *req, work_func_t fn);

void vpin_blk_config_init(struct vpin_dev *dev, struct vpin_blk *blk);
void vpin_blk_config_write(struct vpin_dev *dev, u32 offset, const u8 *buf,
			   u32 len);
void vpin_blk_config_reset(struct vpin_dev *dev);
bool vpin_blk_is_writeback(const struct vpin_dev *dev);

bool vpin_blk_parse(struct vpin_blk_req *req, const struct vpin_dev *dev,
		    const struct vpin_chain *chain, struct vpin_cursor *out,
		    struct vpin_cursor *in);
bool vpin_blk_start(struct vpin_blk_req *req, struct vpin_vq *vq, u16 head);

void vpin_blk_bounce(struct vpin_blk_req *req, struct vpin_cursor *data,
		     u64 sector, u32 len);

static inline bool vpin_blk_is_write(const struct vpin_blk_req *req)
{
	return req->type == VIRTIO_BLK_T_OUT;
}

/* Any part may fail, at any time: the first to say why is as good as another. */
static inline void vpin_blk_fail(struct vpin_blk_req *req, u8 result)
{
	WRITE_ONCE(req->result, result);
}

static inline void vpin_blk_part_begin(struct vpin_blk_req *req)
{
	atomic_inc(&req->parts);
}

/*
 * A part ended; the last one to end completes the request.  Who finds himself
 * alone is the last one: only another part could start one more.  Context: any.
 */
static inline void vpin_blk_part_end(struct vpin_blk_req *req)
{
	if (likely(atomic_read_acquire(&req->parts) == 1) ||
	    atomic_dec_and_test(&req->parts))
		vpin_vq_complete(&req->req);
}

#endif /* _VPIN_BLK_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: events/vhost_pin in tracefs.  Documentation/observing.rst says what
 * each is, and its fields.  src/dev/trace.c has their bodies.
 *
 * A request is known by its device, queue and head from vpin_take to vpin_return.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vhost_pin

#if !defined(_VPIN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VPIN_TRACE_H

#include <linux/tracepoint.h>
#include <linux/virtio_blk.h>
#include <vpin/compat.h>
#include <vpin/dev.h>

#define vpin_show_blk_type(type)					\
	__print_symbolic(type,						\
			 { VIRTIO_BLK_T_IN,		"read" },	\
			 { VIRTIO_BLK_T_OUT,		"write" },	\
			 { VIRTIO_BLK_T_FLUSH,		"flush" },	\
			 { VIRTIO_BLK_T_GET_ID,		"get_id" },	\
			 { VIRTIO_BLK_T_DISCARD,	"discard" },	\
			 { VIRTIO_BLK_T_WRITE_ZEROES,	"write_zeroes" })

#define vpin_show_blk_status(status)					\
	__print_symbolic(status,					\
			 { VIRTIO_BLK_S_OK,		"ok" },		\
			 { VIRTIO_BLK_S_IOERR,		"ioerr" },	\
			 { VIRTIO_BLK_S_UNSUPP,		"unsupp" })

/* The life of a request. */

TRACE_EVENT(vpin_kick,
	TP_PROTO(const struct vpin_vq *vq),
	TP_ARGS(vq),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
	),
	TP_printk("dev=%d queue=%u", __entry->dev, __entry->queue)
);

TRACE_EVENT(vpin_take,
	TP_PROTO(const struct vpin_vq *vq, u16 chain),
	TP_ARGS(vq, chain),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(u32, bufs)
		__field(u32, readable)
		__field(u32, writable)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->bufs = vq->chain.nr;
		__entry->readable = vq->chain.readable;
		__entry->writable = vq->chain.writable;
	),
	TP_printk("dev=%d queue=%u head=%u bufs=%u readable=%u writable=%u",
		  __entry->dev, __entry->queue, __entry->head, __entry->bufs,
		  __entry->readable, __entry->writable)
);

TRACE_EVENT(vpin_blk_start,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u32 type, u64 sector, u32 len),
	TP_ARGS(vq, chain, type, sector, len),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(u32, type)
		__field(u32, len)
		__field(u64, sector)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->type = type;
		__entry->len = len;
		__entry->sector = sector;
	),
	TP_printk("dev=%d queue=%u head=%u type=%s sector=%llu len=%u",
		  __entry->dev, __entry->queue, __entry->head,
		  vpin_show_blk_type(__entry->type), __entry->sector,
		  __entry->len)
);

DECLARE_EVENT_CLASS(vpin_blk_part,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u64 pos, u32 len),
	TP_ARGS(vq, chain, pos, len),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(u64, pos)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->pos = pos;
		__entry->len = len;
	),
	TP_printk("dev=%d queue=%u head=%u pos=%llu len=%u", __entry->dev,
		  __entry->queue, __entry->head, __entry->pos, __entry->len)
);

DEFINE_EVENT(vpin_blk_part, vpin_blk_block,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u64 pos, u32 len),
	TP_ARGS(vq, chain, pos, len)
);

DEFINE_EVENT(vpin_blk_part, vpin_blk_bounce,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u64 pos, u32 len),
	TP_ARGS(vq, chain, pos, len)
);

TRACE_EVENT(vpin_end,
	TP_PROTO(const struct vpin_req *req),
	TP_ARGS(req),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
	),
	TP_fast_assign(
		__entry->dev = req->vq->dev->id;
		__entry->queue = req->vq->index;
		__entry->head = req->head;
	),
	TP_printk("dev=%d queue=%u head=%u", __entry->dev, __entry->queue,
		  __entry->head)
);

DECLARE_EVENT_CLASS(vpin_blk_answer,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u32 type, u64 sector, u8 status),
	TP_ARGS(vq, chain, type, sector, status),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(u32, type)
		__field(u8, status)
		__field(u64, sector)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->type = type;
		__entry->status = status;
		__entry->sector = sector;
	),
	TP_printk("dev=%d queue=%u head=%u type=%s sector=%llu status=%s",
		  __entry->dev, __entry->queue, __entry->head,
		  vpin_show_blk_type(__entry->type), __entry->sector,
		  vpin_show_blk_status(__entry->status))
);

DEFINE_EVENT(vpin_blk_answer, vpin_blk_done,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u32 type, u64 sector, u8 status),
	TP_ARGS(vq, chain, type, sector, status)
);

TRACE_EVENT(vpin_return,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u32 len),
	TP_ARGS(vq, chain, len),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->len = len;
	),
	TP_printk("dev=%d queue=%u head=%u len=%u", __entry->dev,
		  __entry->queue, __entry->head, __entry->len)
);

TRACE_EVENT(vpin_tell,
	TP_PROTO(const struct vpin_vq *vq, bool signal),
	TP_ARGS(vq, signal),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, used_idx)
		__field(bool, signal)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->used_idx = vq->ring.used_published;
		__entry->signal = signal;
	),
	TP_printk("dev=%d queue=%u used_idx=%u signal=%d", __entry->dev,
		  __entry->queue, __entry->used_idx, __entry->signal)
);

/* What a guest does wrong. */

DEFINE_EVENT(vpin_blk_answer, vpin_blk_refuse,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, u32 type, u64 sector, u8 status),
	TP_ARGS(vq, chain, type, sector, status)
);

TRACE_EVENT(vpin_malformed,
	TP_PROTO(const struct vpin_vq *vq, u16 chain, int error),
	TP_ARGS(vq, chain, error),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, head)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->head = chain;
		__entry->error = error;
	),
	TP_printk("dev=%d queue=%u head=%u error=%d", __entry->dev,
		  __entry->queue, __entry->head, __entry->error)
);

TRACE_EVENT(vpin_broken,
	TP_PROTO(const struct vpin_vq *vq, const char *reason),
	TP_ARGS(vq, reason),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u16, queue)
		__field(u16, next_avail)
		__string(reason, reason)
	),
	TP_fast_assign(
		__entry->dev = vq->dev->id;
		__entry->queue = vq->index;
		__entry->next_avail = vq->ring.last_avail;
		vpin_assign_str(reason, reason);
	),
	TP_printk("dev=%d queue=%u next_avail=%u reason=\"%s\"", __entry->dev,
		  __entry->queue, __entry->next_avail, __get_str(reason))
);

/* What becomes of its memory. */

TRACE_EVENT(vpin_map,
	TP_PROTO(int dev, u64 gpa, u64 size, u64 uaddr, u32 perm, int ret),
	TP_ARGS(dev, gpa, size, uaddr, perm, ret),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(int, ret)
		__field(u64, gpa)
		__field(u64, size)
		__field(u64, uaddr)
		__field(u32, perm)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->ret = ret;
		__entry->gpa = gpa;
		__entry->size = size;
		__entry->uaddr = uaddr;
		__entry->perm = perm;
	),
	TP_printk("dev=%d gpa=%#llx size=%#llx uaddr=%#llx perm=%s%s ret=%d",
		  __entry->dev, __entry->gpa, __entry->size, __entry->uaddr,
		  __entry->perm & VPIN_PERM_READ ? "r" : "",
		  __entry->perm & VPIN_PERM_WRITE ? "w" : "", __entry->ret)
);

TRACE_EVENT(vpin_unmap,
	TP_PROTO(int dev, u64 gpa, u64 size, int ret),
	TP_ARGS(dev, gpa, size, ret),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(int, ret)
		__field(u64, gpa)
		__field(u64, size)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->ret = ret;
		__entry->gpa = gpa;
		__entry->size = size;
	),
	TP_printk("dev=%d gpa=%#llx size=%#llx ret=%d", __entry->dev,
		  __entry->gpa, __entry->size, __entry->ret)
);

TRACE_EVENT(vpin_batch,
	TP_PROTO(int dev, bool begin, int ret),
	TP_ARGS(dev, begin, ret),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(int, ret)
		__field(bool, begin)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->ret = ret;
		__entry->begin = begin;
	),
	TP_printk("dev=%d %s ret=%d", __entry->dev,
		  __entry->begin ? "begin" : "end", __entry->ret)
);

TRACE_EVENT(vpin_lose,
	TP_PROTO(int dev, u64 uaddr, unsigned long span, unsigned long pages),
	TP_ARGS(dev, uaddr, span, pages),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u64, uaddr)
		__field(unsigned long, span)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->uaddr = uaddr;
		__entry->span = span;
		__entry->pages = pages;
	),
	TP_printk("dev=%d uaddr=%#llx span=%lu pages=%lu", __entry->dev,
		  __entry->uaddr, __entry->span, __entry->pages)
);

TRACE_EVENT(vpin_repin,
	TP_PROTO(int dev, u64 uaddr, unsigned long pages),
	TP_ARGS(dev, uaddr, pages),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u64, uaddr)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->uaddr = uaddr;
		__entry->pages = pages;
	),
	TP_printk("dev=%d uaddr=%#llx pages=%lu", __entry->dev, __entry->uaddr,
		  __entry->pages)
);

#endif /* _VPIN_TRACE_H */

/* Found by the same -I as this header is. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH vpin
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

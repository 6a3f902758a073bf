/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptor tables and the chains in them (VIRTIO 1.2, 2.7).
 *
 * A table is a stretch of guest memory that holds descriptors: a queue's
 * descriptor area, or an indirect table, whose base and size come from a
 * descriptor.  A chain is walked once, by an iterator that reads each
 * descriptor once, checks it, and hands out the copy; what the guest writes
 * afterwards changes nothing.  Every operation that looks at a chain is a use
 * of that iterator.
 *
 * A table is never changed after its init: any number of readers may use it at
 * the same time.
 */
#ifndef _VPIN_DESC_H
#define _VPIN_DESC_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#include <linux/virtio_byteorder.h>
#include <uapi/linux/virtio_ring.h>
#include <vpin/snap.h>

struct seq_file;

/* Most entries of a table; a ring has at most 32768 (VIRTIO 1.2, 2.7). */
#define VPIN_TABLE_MAX	65535

/* One descriptor in the CPU's byte order. */
struct vpin_desc {
	u64 addr;	/* GPA */
	u32 len;	/* bytes */
	u16 flags;	/* VRING_DESC_F_* */
	u16 next;	/* index in the same table, if VRING_DESC_F_NEXT */
};

/**
 * struct vpin_desc_table - a descriptor table in guest memory
 * @base_addr: GPA of descriptor 0
 * @size: number of descriptors
 * @chain_max: descriptors that a chain may have which begins here, @size or more:
 *	no more than @size of them here, but any number in an indirect table
 * @snap: the address space that the table and its buffers are in
 * @linear: kernel address of descriptor 0, if all that @mask reaches is one piece
 *	there; else NULL, and each descriptor is translated
 * @nr_linear: descriptors that are there: @size or 0
 * @mask: what an index can be after it was masked: the table, up to a power of
 *	two of descriptors
 * @hint: what the reader remembers of translations, or NULL
 *
 * An index is compared with @nr_linear, and masked: what a CPU loads before it
 * knows how the comparison ends is the guest's memory, too.
 */
struct vpin_desc_table {
	u64 base_addr;
	u32 size;
	u32 chain_max;
	struct vpin_snap *snap;
	const struct vring_desc *linear;
	u32 nr_linear;
	u32 mask;
	struct vpin_hint *hint;
};

/* A data buffer of a chain. */
struct vpin_desc_buf {
	u64 gpa;
	u32 len;	/* bytes */
	bool writable;	/* by the device */
};

int vpin_desc_table_init(struct vpin_desc_table *table, struct vpin_snap *snap,
			 u64 base_addr, u32 size);
void vpin_desc_table_set(struct vpin_desc_table *table, struct vpin_snap *snap,
			 struct vpin_hint *hint, u64 base_addr, u32 size);
void vpin_desc_table_fini(struct vpin_desc_table *table);
void vpin_desc_table_clone(struct vpin_desc_table *to,
			   const struct vpin_desc_table *from);

/* Whether @table is usable: bound to an address space, not empty, base set. */
static inline bool vpin_desc_table_is_valid(const struct vpin_desc_table *table)
{
	return table->snap && table->size;
}

/* Bytes of @table: 16 a descriptor. */
static inline u64 vpin_desc_table_total_size(const struct vpin_desc_table *table)
{
	return (u64)table->size * sizeof(struct vring_desc);
}

int vpin_desc_addr(const struct vpin_desc_table *table, u32 index, u64 *gpa);
int vpin_desc_read_slow(const struct vpin_desc_table *table, u32 index,
			struct vpin_desc *desc);
int vpin_desc_write(const struct vpin_desc_table *table, u32 index,
		    const struct vpin_desc *desc);

/* Loads each field once: the guest may be writing them. */
static inline void vpin_desc_load(struct vpin_desc *desc,
				  const struct vring_desc *wire)
{
	desc->addr = __virtio64_to_cpu(true, READ_ONCE(wire->addr));
	desc->len = __virtio32_to_cpu(true, READ_ONCE(wire->len));
	desc->flags = __virtio16_to_cpu(true, READ_ONCE(wire->flags));
	desc->next = __virtio16_to_cpu(true, READ_ONCE(wire->next));
}

/**
 * vpin_desc_read - copies one descriptor
 * @table: the table
 * @index: which one
 * @desc: out: the copy, in the CPU's byte order
 *
 * Nothing is checked but the index.  Guest memory is read once.
 *
 * Return: 0; -ENODEV if the table is not bound; -EINVAL beyond its size;
 * -EFAULT if it is not mapped.
 */
static __always_inline int vpin_desc_read(const struct vpin_desc_table *table,
					  u32 index, struct vpin_desc *desc)
{
	if (likely(index < table->nr_linear)) {
		vpin_desc_load(desc, &table->linear[index & table->mask]);
	} else {
		/* Of its own, so that @desc can be in registers. */
		struct vpin_desc slow;
		int ret = vpin_desc_read_slow(table, index, &slow);

		if (ret < 0)
			return ret;
		*desc = slow;
	}
	return 0;
}

int vpin_desc_follow_chain(const struct vpin_desc_table *table, u16 head,
			   struct vpin_desc *descs, u32 max);
int vpin_desc_chain_length(const struct vpin_desc_table *table, u16 head,
			   u32 *len);
int vpin_desc_validate_chain(const struct vpin_desc_table *table, u16 head);
int vpin_desc_get_data_buffers(const struct vpin_desc_table *table, u16 head,
			       u32 device_type, struct vpin_desc_buf *bufs,
			       u32 max);
int vpin_desc_get_status_addr(const struct vpin_desc_table *table, u16 head,
			      u64 *gpa);

void vpin_desc_table_show(struct seq_file *m,
			  const struct vpin_desc_table *table);
void vpin_desc_table_dump(struct seq_file *m,
			  const struct vpin_desc_table *table);

/**
 * struct vpin_chain_iter - one walk along a chain
 * @table: where the next descriptor is: the ring's table, or an indirect one
 * @indirect: what becomes the indirect table's if the chain goes there; NULL if
 *	it must not, or has
 * @hint: what the reader remembers of translations, or NULL
 * @next: index of the next descriptor in @table
 * @flags: of the last descriptor: with VRING_DESC_F_NEXT there is a next one
 * @writable: VRING_DESC_F_WRITE if the last one had it, else 0
 * @left: descriptors that the chain may still have
 * @total: bytes so far
 *
 * Nothing takes its address, so that all of it can be in registers; and it has
 * no padding, so that a compiler that zeroes what is on the stack sees that all
 * of it is set.
 */
struct vpin_chain_iter {
	const struct vpin_desc_table *table;
	struct vpin_desc_table *indirect;
	struct vpin_hint *hint;
	u32 next;
	u32 flags;
	u32 writable;
	u32 left;
	u64 total;
};

/**
 * vpin_chain_begin - starts a walk
 * @iter: the walk
 * @table: the ring's table, bound for as long as the walk lasts
 * @indirect: room for an indirect table, for as long; NULL if
 *	VIRTIO_F_INDIRECT_DESC was not negotiated
 * @hint: what the reader remembers of translations, or NULL
 * @head: index of the first descriptor
 */
static inline void vpin_chain_begin(struct vpin_chain_iter *iter,
				    const struct vpin_desc_table *table,
				    struct vpin_desc_table *indirect,
				    struct vpin_hint *hint, u16 head)
{
	iter->table = table;
	iter->indirect = indirect;
	iter->hint = hint;
	iter->next = head;
	iter->flags = VRING_DESC_F_NEXT;
	iter->writable = 0;
	iter->left = table->size;
	iter->total = 0;
}

int vpin_chain_enter(struct vpin_desc_table *indirect, struct vpin_snap *snap,
		     struct vpin_hint *hint, u64 gpa, u32 len);

/* vpin_chain_next(), but that the buffer may wrap the address space. */
static __always_inline int vpin_chain_step(struct vpin_chain_iter *iter,
					   struct vpin_desc *desc)
{
	u32 index = iter->next, writable, more;
	int ret;

	if (!(iter->flags & VRING_DESC_F_NEXT))
		return unlikely(iter->total >> 32) ? -EMSGSIZE : 0;
	/* Also after an error. */
	iter->flags = 0;
again:
	if (unlikely(check_sub_overflow(iter->left, 1U, &iter->left)))
		return vpin_desc_table_is_valid(iter->table) ? -ELOOP : -ENODEV;
	ret = vpin_desc_read(iter->table, index, desc);
	if (unlikely(ret < 0))
		return ret;

	if (unlikely(desc->flags & VRING_DESC_F_INDIRECT)) {
		/*
		 * VIRTIO 1.2, 2.7.5.3.2: it may follow ordinary descriptors,
		 * and its own WRITE flag means nothing.
		 */
		if (!iter->indirect || desc->flags & VRING_DESC_F_NEXT)
			return -EINVAL;
		ret = vpin_chain_enter(iter->indirect, iter->table->snap,
				       iter->hint, desc->addr, desc->len);
		if (ret < 0)
			return ret;
		more = iter->table->chain_max - iter->table->size;
		iter->table = iter->indirect;
		iter->indirect = NULL;
		/* The table is in place of this descriptor. */
		iter->left = min(iter->left + 1 + more, iter->table->size);
		index = 0;
		goto again;
	}

	/* What the device reads comes before what it writes. */
	writable = desc->flags & VRING_DESC_F_WRITE;
	if (unlikely(writable < iter->writable))
		return -EINVAL;
	iter->writable = writable;
	iter->total += desc->len;
	iter->flags = desc->flags;
	iter->next = desc->next;
	return 1;
}

/* Whether a buffer wraps the address space: the last byte of all is before 0. */
static inline bool vpin_desc_wraps(const struct vpin_desc *desc)
{
	u64 end;

	return check_add_overflow(desc->addr, (u64)desc->len, &end) && end;
}

/**
 * vpin_chain_next - the next descriptor of a walk
 * @iter: the walk
 * @desc: out: the copy
 *
 * After an error the walk is over; what was handed out before is still good.
 * Inline, so that a walk's state stays in registers.
 *
 * Return: 1 with a descriptor, 0 at the end, or
 *  -ENODEV	the table is not bound
 *  -EINVAL	an index out of range, readable after writable, or an indirect
 *		table that VIRTIO forbids
 *  -ELOOP	longer than the ring's table or the indirect one, or than the
 *		ring's @chain_max
 *  -EFAULT	a table is not mapped, or a buffer wraps the address space
 *  -EMSGSIZE	at the end: the lengths sum to more than 2^32-1
 */
static __always_inline int vpin_chain_next(struct vpin_chain_iter *iter,
					   struct vpin_desc *desc)
{
	int ret = vpin_chain_step(iter, desc);

	if (ret > 0 && unlikely(vpin_desc_wraps(desc))) {
		iter->flags = 0;
		return -EFAULT;
	}
	return ret;
}

/**
 * struct vpin_chain_buf - a buffer of a chain, found in memory
 * @gpa: where it is
 * @addr: kernel address of its first byte, if all of it is one piece there and
 *	the reader remembered where; else NULL, and it is translated as it is used
 * @len: bytes
 * @writable: VRING_DESC_F_WRITE if the device writes it, 0 if it reads it
 */
struct vpin_chain_buf {
	u64 gpa;
	void *addr;
	u32 len;
	u32 writable;
};

/* So that a descriptor's flags say what it may not be denied. */
static_assert(VRING_DESC_F_WRITE == VPIN_PERM_WRITE);

/**
 * vpin_chain_next_buf - the next buffer of a walk
 * @iter: the walk; its hint is bound to the table's address space
 * @buf: out: the buffer
 *
 * Return: vpin_chain_next()'s.
 */
static __always_inline int vpin_chain_next_buf(struct vpin_chain_iter *iter,
					       struct vpin_chain_buf *buf)
{
	struct vpin_desc desc;
	int ret = vpin_chain_step(iter, &desc);

	if (ret <= 0)
		return ret;
	buf->gpa = desc.addr;
	buf->len = desc.len;
	buf->writable = iter->writable;
	if (likely(vpin_hint_find(iter->hint, desc.addr, desc.len,
				  desc.flags, &buf->addr)))
		return 1;
	/* Only what was not found whole can wrap. */
	if (unlikely(vpin_desc_wraps(&desc))) {
		iter->flags = 0;
		return -EFAULT;
	}
	return 1;
}

/**
 * struct vpin_chain - a chain that was walked: copies of its descriptors
 * @bufs: the caller's array; buffers without a byte are left out
 * @max: length of @bufs; the ring's table's @chain_max is always enough
 * @nr: buffers; the readable ones come first
 * @nr_readable: how many of them the device reads
 * @readable: bytes that the device reads
 * @writable: bytes that the device writes
 * @indirect: its indirect table, if it has one
 */
struct vpin_chain {
	struct vpin_chain_buf *bufs;
	u32 max;
	u32 nr;
	u32 nr_readable;
	u32 readable;
	u32 writable;
	struct vpin_desc_table indirect;
};

int vpin_chain_walk(struct vpin_chain *chain,
		    const struct vpin_desc_table *table, struct vpin_hint *hint,
		    u16 head, bool allow_indirect);

/* How often something absent is pinned at once; each time up to 64 KiB. */
#define VPIN_REACH_FILLS	128

int vpin_chain_reach_table(const struct vpin_chain *chain,
			   const struct vpin_snap *snap,
			   struct vpin_hint *hint,
			   struct vpin_desc_buf *missing);
int vpin_chain_reach(const struct vpin_chain *chain,
		     const struct vpin_snap *snap, struct vpin_hint *hint,
		     struct vpin_desc_buf *missing);

/**
 * struct vpin_salvage - what can be said into a chain that cannot be walked
 * @last: the last byte that the device may write, of those that are there; NULL
 *	if there is none
 * @gpa: where the guest has it; 0 if there is none
 * @missing_desc: the first descriptor that could not be read; its length is 0 if
 *	there is none
 * @missing_byte: a byte behind @last that is not there; likewise
 */
struct vpin_salvage {
	u8 *last;
	u64 gpa;
	struct vpin_desc_buf missing_desc;
	struct vpin_desc_buf missing_byte;
};

void vpin_chain_salvage(const struct vpin_desc_table *table, u16 head,
			struct vpin_salvage *salvage);

/**
 * struct vpin_cursor - a place in the bytes of one half of a chain
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 * @buf: the buffer it is in
 * @end: one past the last buffer of the half
 * @offset: bytes into @buf
 * @perm: what the half is used for, VPIN_PERM_*
 */
struct vpin_cursor {
	const struct vpin_snap *snap;
	struct vpin_hint *hint;
	const struct vpin_chain_buf *buf;
	const struct vpin_chain_buf *end;
	u32 offset;
	u32 perm;
};

/* A cursor at the first byte that the device reads. */
static inline void vpin_cursor_readable(struct vpin_cursor *cursor,
					const struct vpin_chain *chain,
					const struct vpin_snap *snap,
					struct vpin_hint *hint)
{
	*cursor = (struct vpin_cursor) {
		.snap = snap,
		.hint = hint,
		.buf = chain->bufs,
		.end = chain->bufs + chain->nr_readable,
		.perm = VPIN_PERM_READ,
	};
}

/* A cursor at the first byte that the device writes. */
static inline void vpin_cursor_writable(struct vpin_cursor *cursor,
					const struct vpin_chain *chain,
					const struct vpin_snap *snap,
					struct vpin_hint *hint)
{
	*cursor = (struct vpin_cursor) {
		.snap = snap,
		.hint = hint,
		.buf = chain->bufs + chain->nr_readable,
		.end = chain->bufs + chain->nr,
		.perm = VPIN_PERM_WRITE,
	};
}

/**
 * vpin_cursor_next - the next contiguous piece, and steps over it
 * @cursor: the cursor
 * @len: in: bytes wanted, not 0; out: bytes of the piece, at least 1
 *
 * Return: its kernel address, valid as long as the snapshot is held, or NULL
 * at the end of the half and where the memory is not mapped as it is used.
 */
static inline void *vpin_cursor_next(struct vpin_cursor *cursor, u32 *len)
{
	const struct vpin_chain_buf *buf = cursor->buf;
	void *addr;
	u64 n;

	if (unlikely(buf == cursor->end))
		return NULL;
	n = min(*len, buf->len - cursor->offset);
	if (likely(buf->addr)) {
		addr = buf->addr + cursor->offset;
	} else {
		addr = vpin_snap_resolve(cursor->snap, cursor->hint,
					 buf->gpa + cursor->offset, &n,
					 cursor->perm);
		if (unlikely(!addr))
			return NULL;
	}

	cursor->offset += n;
	if (cursor->offset == buf->len) {
		cursor->buf++;
		cursor->offset = 0;
	}
	*len = n;
	return addr;
}

int vpin_cursor_copy(struct vpin_cursor *cursor, void *buf, u32 len);

/**
 * vpin_cursor_read - copies the next bytes that the device reads
 * @cursor: a readable one
 * @buf: where to
 * @len: bytes, best a constant
 *
 * Return: vpin_cursor_copy()'s.
 */
static __always_inline int vpin_cursor_read(struct vpin_cursor *cursor,
					    void *buf, u32 len)
{
	u32 n = len;
	const void *addr = vpin_cursor_next(cursor, &n);

	if (unlikely(!addr))
		return -EFAULT;
	if (likely(n == len)) {
		memcpy(buf, addr, len);
		/* Once: what is used afterwards is the copy. */
		barrier();
		return 0;
	}
	memcpy(buf, addr, n);
	return vpin_cursor_copy(cursor, buf + n, len - n);
}

/**
 * vpin_chain_last_byte - where the last byte is that the device writes
 * @chain: the chain
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 *
 * Return: its kernel address, or NULL if the device writes nothing, or it is
 * not mapped for writing.
 */
static inline void *vpin_chain_last_byte(const struct vpin_chain *chain,
					 const struct vpin_snap *snap,
					 struct vpin_hint *hint)
{
	const struct vpin_chain_buf *last;
	u64 len = 1;

	if (unlikely(chain->nr == chain->nr_readable))
		return NULL;
	last = &chain->bufs[chain->nr - 1];
	if (likely(last->addr))
		return last->addr + (last->len - 1);
	return vpin_snap_resolve(snap, hint, last->gpa + (last->len - 1), &len,
				 VPIN_PERM_WRITE);
}

#endif /* _VPIN_DESC_H */

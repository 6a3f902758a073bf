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

#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
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
 * @snap: the address space that the table and its buffers are in
 * @linear: kernel address of descriptor 0 if the table is one piece there;
 *	else NULL, and each descriptor is translated
 */
struct vpin_desc_table {
	u64 base_addr;
	u32 size;
	struct vpin_snap *snap;
	void *linear;
};

/* A data buffer of a chain. */
struct vpin_desc_buf {
	u64 gpa;
	u32 len;	/* bytes */
	bool writable;	/* by the device */
};

int vpin_desc_table_init(struct vpin_desc_table *table, struct vpin_snap *snap,
			 u64 base_addr, u32 size);
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
int vpin_desc_read_slow(const struct vpin_snap *snap, u64 base_addr, u32 size,
			u32 index, struct vpin_desc *desc);
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

/* vpin_desc_read() of a table in pieces, which may all be in registers. */
static __always_inline int
vpin_desc_fetch(const struct vpin_snap *snap, const void *linear, u64 base_addr,
		u32 size, u32 index, struct vpin_desc *desc)
{
	const struct vring_desc *wire = linear;

	if (unlikely(!wire || index >= size)) {
		/* Of its own, so that @desc can be in registers, too. */
		struct vpin_desc slow;
		int ret = vpin_desc_read_slow(snap, base_addr, size, index,
					      &slow);

		if (!ret)
			*desc = slow;
		return ret;
	}
	vpin_desc_load(desc, &wire[array_index_nospec(index, size)]);
	return 0;
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
static inline int vpin_desc_read(const struct vpin_desc_table *table, u32 index,
				 struct vpin_desc *desc)
{
	return vpin_desc_fetch(table->snap, table->linear, table->base_addr,
			       table->size, index, desc);
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
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 * @linear: of the table where the next descriptor is read, which is the ring's
 *	and then the indirect one if the chain goes there; see vpin_desc_table
 * @base_addr: of that table
 * @size: of that table
 * @next: index of the next descriptor in that table, or VPIN_CHAIN_END
 * @left: descriptors that the chain may still have
 * @total: bytes so far
 * @seen: flags of the descriptors so far
 * @allow_indirect: VIRTIO_F_INDIRECT_DESC was negotiated
 *
 * Without padding, so that a compiler that zeroes what is on the stack sees
 * that all of it is set.
 */
struct vpin_chain_iter {
	struct vpin_snap *snap;
	struct vpin_hint *hint;
	void *linear;
	u64 base_addr;
	u32 size;
	u32 next;
	u32 left;
	u32 total;
	u32 seen;
	u32 allow_indirect;
};

/* No index: a table has at most VPIN_TABLE_MAX entries. */
#define VPIN_CHAIN_END	(~0U)

/**
 * vpin_chain_begin - starts a walk
 * @iter: the walk
 * @table: the ring's table, bound for as long as the walk lasts
 * @hint: what the reader remembers of translations, or NULL
 * @head: index of the first descriptor
 * @allow_indirect: whether VIRTIO_F_INDIRECT_DESC was negotiated
 */
static inline void vpin_chain_begin(struct vpin_chain_iter *iter,
				    const struct vpin_desc_table *table,
				    struct vpin_hint *hint, u16 head,
				    bool allow_indirect)
{
	iter->snap = table->snap;
	iter->linear = table->linear;
	iter->base_addr = table->base_addr;
	iter->size = table->size;
	iter->hint = hint;
	iter->next = head;
	iter->left = table->size;
	iter->total = 0;
	iter->seen = 0;
	iter->allow_indirect = allow_indirect;
}

void *vpin_chain_enter(const struct vpin_snap *snap, struct vpin_hint *hint,
		       u64 gpa, u32 len);

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
 *  -ELOOP	longer than the ring or the indirect table
 *  -EFAULT	a table is not mapped, or a buffer wraps the address space
 *  -EMSGSIZE	the lengths sum to more than 2^32-1
 */
static __always_inline int vpin_chain_next(struct vpin_chain_iter *iter,
					   struct vpin_desc *desc)
{
	u32 index = iter->next;
	u64 end;
	int ret;

	if (index == VPIN_CHAIN_END)
		return 0;
	/* Also after an error. */
	iter->next = VPIN_CHAIN_END;
again:
	if (unlikely(!iter->left--))
		return iter->snap && iter->size ? -ELOOP : -ENODEV;
	ret = vpin_desc_fetch(iter->snap, iter->linear, iter->base_addr,
			      iter->size, index, desc);
	if (unlikely(ret))
		return ret;

	if (desc->flags & VRING_DESC_F_INDIRECT) {
		/*
		 * VIRTIO 1.2, 2.7.5.3.2: it may follow ordinary descriptors,
		 * and its own WRITE flag means nothing.
		 */
		if (unlikely(!iter->allow_indirect ||
			     iter->seen & VRING_DESC_F_INDIRECT ||
			     desc->flags & VRING_DESC_F_NEXT))
			return -EINVAL;
		iter->linear = vpin_chain_enter(iter->snap, iter->hint,
						desc->addr, desc->len);
		if (IS_ERR(iter->linear))
			return PTR_ERR(iter->linear);
		iter->base_addr = desc->addr;
		iter->size = desc->len / sizeof(struct vring_desc);
		/* The table is in place of this descriptor. */
		iter->left = min(iter->left + 1, iter->size);
		iter->seen |= VRING_DESC_F_INDIRECT;
		index = 0;
		goto again;
	}

	/* What the device reads comes before what it writes. */
	if (unlikely(iter->seen & ~desc->flags & VRING_DESC_F_WRITE))
		return -EINVAL;
	iter->seen |= desc->flags;
	/* The last byte of all is just before 0. */
	if (unlikely(check_add_overflow(desc->addr, (u64)desc->len, &end) && end))
		return -EFAULT;
	if (unlikely(check_add_overflow(iter->total, desc->len, &iter->total)))
		return -EMSGSIZE;

	if (desc->flags & VRING_DESC_F_NEXT)
		iter->next = desc->next;
	return 1;
}

/**
 * struct vpin_chain - a chain that was walked: copies of its descriptors
 * @descs: the caller's array; descriptors without a byte are left out
 * @max: length of @descs; a ring's size is always enough
 * @nr: descriptors; the readable ones come first
 * @nr_readable: how many of them the device reads
 * @readable: bytes that the device reads
 * @writable: bytes that the device writes
 */
struct vpin_chain {
	struct vpin_desc *descs;
	u32 max;
	u32 nr;
	u32 nr_readable;
	u32 readable;
	u32 writable;
};

int vpin_chain_walk(struct vpin_chain *chain,
		    const struct vpin_desc_table *table, struct vpin_hint *hint,
		    u16 head, bool allow_indirect);

/**
 * struct vpin_cursor - a place in the bytes of one half of a chain
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 * @desc: the descriptor it is in
 * @end: one past the last descriptor of the half
 * @offset: bytes into @desc
 * @perm: what the half is used for, VPIN_PERM_*
 */
struct vpin_cursor {
	const struct vpin_snap *snap;
	struct vpin_hint *hint;
	const struct vpin_desc *desc;
	const struct vpin_desc *end;
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
		.desc = chain->descs,
		.end = chain->descs + chain->nr_readable,
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
		.desc = chain->descs + chain->nr_readable,
		.end = chain->descs + chain->nr,
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
	const struct vpin_desc *desc = cursor->desc;
	void *addr;
	u64 n;

	if (unlikely(desc == cursor->end))
		return NULL;
	n = min(*len, desc->len - cursor->offset);
	addr = vpin_snap_resolve(cursor->snap, cursor->hint,
				 desc->addr + cursor->offset, &n, cursor->perm);
	if (unlikely(!addr))
		return NULL;

	cursor->offset += n;
	if (cursor->offset == desc->len) {
		cursor->desc++;
		cursor->offset = 0;
	}
	*len = n;
	return addr;
}

int vpin_cursor_copy(struct vpin_cursor *cursor, void *buf, u32 len);

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
	const struct vpin_desc *last;
	u64 len = 1;

	if (unlikely(chain->nr == chain->nr_readable))
		return NULL;
	last = &chain->descs[chain->nr - 1];
	return vpin_snap_resolve(snap, hint, last->addr + (last->len - 1), &len,
				 VPIN_PERM_WRITE);
}

#endif /* _VPIN_DESC_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chain iterator, the one walk that everything else uses; its steps are in
 * <vpin/desc.h>.
 *
 * It guarantees of the descriptors that it hands out:
 *  - each was read from guest memory once, and is a copy;
 *  - there are at most as many as the ring's table allows, and in each table
 *    at most as many as it has, so it ends;
 *  - all readable ones come before the first writable one (VIRTIO 1.2,
 *    2.7.4.2);
 *  - none wraps the address space, and if the walk ends without an error their
 *    lengths sum to at most 2^32-1;
 *  - none refers to an indirect table: those are followed, once, where the
 *    feature allows it (2.7.5.3).
 * Whether a buffer is mapped is known when it is translated.
 */
#include <linux/err.h>
#include <vpin/desc.h>

/**
 * vpin_chain_enter - the indirect table that a descriptor refers to
 * @indirect: out: the table
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 * @gpa: the descriptor's address
 * @len: the descriptor's length
 *
 * Return: 0; -EINVAL for a length that no table has; -EFAULT if it is not mapped.
 */
int vpin_chain_enter(struct vpin_desc_table *indirect, struct vpin_snap *snap,
		     struct vpin_hint *hint, u64 gpa, u32 len)
{
	if (!len || len % sizeof(struct vring_desc) ||
	    len / sizeof(struct vring_desc) > VPIN_TABLE_MAX)
		return -EINVAL;
	vpin_desc_table_set(indirect, snap, hint, gpa,
			    len / sizeof(struct vring_desc));
	if (!indirect->linear && vpin_snap_check(snap, gpa, len, VPIN_PERM_READ))
		return -EFAULT;
	return 0;
}

/**
 * vpin_chain_walk - walks a chain and keeps copies of its descriptors
 * @chain: out: the chain; its @descs and @max are the caller's
 * @table: the ring's table
 * @hint: what the reader remembers of translations
 * @head: index of the first descriptor
 * @allow_indirect: whether VIRTIO_F_INDIRECT_DESC was negotiated
 *
 * Descriptors of length 0 are dropped: the outcome is as if they were not
 * there.
 *
 * Return: 0, vpin_chain_next()'s errors, or -EMSGSIZE if @descs is too small.
 * After an error @chain holds what came before it.
 */
int vpin_chain_walk(struct vpin_chain *chain,
		    const struct vpin_desc_table *table, struct vpin_hint *hint,
		    u16 head, bool allow_indirect)
{
	u32 nr = 0, nr_readable = 0, readable = 0;
	struct vpin_chain_iter iter;
	struct vpin_chain_buf buf;
	int ret;

	if (likely(table->snap))
		vpin_hint_bind(hint, table->snap);
	vpin_chain_begin(&iter, table, allow_indirect ? &chain->indirect : NULL,
			 hint, head);
	while ((ret = vpin_chain_next_buf(&iter, &buf)) > 0) {
		if (unlikely(!buf.len))
			continue;
		if (unlikely(nr == chain->max)) {
			ret = -EMSGSIZE;
			break;
		}
		chain->bufs[nr++] = buf;
		if (!buf.writable) {
			nr_readable = nr;
			readable = iter.total;
		}
	}

	chain->nr = nr;
	chain->nr_readable = nr_readable;
	chain->readable = readable;
	chain->writable = iter.total - readable;
	return ret;
}

/*
 * Finds a buffer in memory; what is not there of it is left.  Return: 0; -EFAULT if
 * something is not; -EAGAIN if as much was pinned as is for once.
 */
static int vpin_desc_buf_reach(struct vpin_desc_buf *buf,
			       const struct vpin_snap *snap,
			       struct vpin_hint *hint)
{
	while (buf->len) {
		u64 n = buf->len;

		if (hint->fills >= VPIN_REACH_FILLS)
			return -EAGAIN;
		if (!vpin_snap_resolve(snap, hint, buf->gpa, &n,
				       buf->writable ? VPIN_PERM_WRITE :
						       VPIN_PERM_READ))
			return -EFAULT;
		buf->gpa += n;
		buf->len -= n;
	}
	return 0;
}

/**
 * vpin_chain_reach_table - finds a chain's indirect table in memory
 * @chain: the chain, walked or not
 * @snap: its address space; what of it is absent is pinned
 * @hint: what the reader remembers of translations, and how often it has pinned
 * @missing: out: the rest of the table, from what is not there on
 *
 * Return: as vpin_chain_reach().
 */
int vpin_chain_reach_table(const struct vpin_chain *chain,
			   const struct vpin_snap *snap,
			   struct vpin_hint *hint,
			   struct vpin_desc_buf *missing)
{
	*missing = (struct vpin_desc_buf) {
		.gpa = chain->indirect.base_addr,
		.len = vpin_desc_table_total_size(&chain->indirect),
	};
	return vpin_desc_buf_reach(missing, snap, hint);
}

/* The same of the last byte that the device writes, if it writes any. */
static int vpin_chain_reach_last(const struct vpin_chain *chain,
				 const struct vpin_snap *snap,
				 struct vpin_hint *hint,
				 struct vpin_desc_buf *missing)
{
	const struct vpin_chain_buf *last;

	if (chain->nr == chain->nr_readable)
		return 0;
	last = &chain->bufs[chain->nr - 1];
	if (last->addr)
		return 0;
	*missing = (struct vpin_desc_buf) {
		.gpa = last->gpa + (last->len - 1),
		.len = 1,
		.writable = true,
	};
	return vpin_desc_buf_reach(missing, snap, hint);
}

/**
 * vpin_chain_reach - finds a chain's buffers in memory
 * @chain: the chain
 * @snap: its address space; what of it is absent is pinned
 * @hint: what the reader remembers of translations, and how often it has pinned
 * @missing: out: what is not there: the rest of a buffer
 *
 * The last byte that the device writes comes first: whatever else is not to be
 * had, that can be said there.
 *
 * Return: 0 if all of it is there; -EFAULT if something is missing; -EAGAIN if as
 * much was pinned as is for once.
 */
int vpin_chain_reach(const struct vpin_chain *chain,
		     const struct vpin_snap *snap, struct vpin_hint *hint,
		     struct vpin_desc_buf *missing)
{
	int ret = vpin_chain_reach_last(chain, snap, hint, missing);
	u32 i;

	for (i = 0; i < chain->nr && !ret; i++) {
		const struct vpin_chain_buf *buf = &chain->bufs[i];

		if (buf->addr)
			continue;
		*missing = (struct vpin_desc_buf) {
			.gpa = buf->gpa,
			.len = buf->len,
			.writable = buf->writable,
		};
		ret = vpin_desc_buf_reach(missing, snap, hint);
	}
	return ret;
}

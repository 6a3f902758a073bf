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

/* Whether all of a buffer is there; else it becomes what is left from there on. */
static bool vpin_desc_buf_reach(struct vpin_desc_buf *buf,
				const struct vpin_snap *snap,
				struct vpin_hint *hint)
{
	while (buf->len) {
		u64 n = buf->len;

		if (!vpin_snap_resolve(snap, hint, buf->gpa, &n,
				       buf->writable ? VPIN_PERM_WRITE :
						       VPIN_PERM_READ))
			return false;
		buf->gpa += n;
		buf->len -= n;
	}
	return true;
}

/**
 * vpin_chain_reach - finds a chain's indirect table and all its buffers in memory
 * @chain: the chain; of one that cannot be walked, what came before that
 * @snap: its address space
 * @hint: what the reader remembers of translations
 * @missing: out: what is not there: the rest of a buffer, or of the table
 *
 * What is absent is pinned.
 *
 * Return: whether all of it is there.
 */
bool vpin_chain_reach(const struct vpin_chain *chain,
		      const struct vpin_snap *snap, struct vpin_hint *hint,
		      struct vpin_desc_buf *missing)
{
	u32 i;

	*missing = (struct vpin_desc_buf) {
		.gpa = chain->indirect.base_addr,
		.len = vpin_desc_table_total_size(&chain->indirect),
	};
	if (!vpin_desc_buf_reach(missing, snap, hint))
		return false;
	for (i = 0; i < chain->nr; i++) {
		const struct vpin_chain_buf *buf = &chain->bufs[i];

		if (buf->addr)
			continue;
		*missing = (struct vpin_desc_buf) {
			.gpa = buf->gpa,
			.len = buf->len,
			.writable = buf->writable,
		};
		if (!vpin_desc_buf_reach(missing, snap, hint))
			return false;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chain iterator, the one walk that everything else uses; its steps are in
 * <vpin/desc.h>.
 *
 * It guarantees of the descriptors that it hands out:
 *  - each was read from guest memory once, and is a copy;
 *  - there are at most as many as the ring has entries, so it ends;
 *  - all readable ones come before the first writable one (VIRTIO 1.2,
 *    2.7.4.2);
 *  - none wraps the address space, and their lengths sum to at most 2^32-1;
 *  - none refers to an indirect table: those are followed, once, where the
 *    feature allows it (2.7.5.3).
 * Whether a buffer is mapped is known when it is translated.
 */
#include <linux/err.h>
#include <vpin/desc.h>

/**
 * vpin_chain_enter - where the indirect table is that a descriptor refers to
 * @snap: the address space
 * @hint: what the reader remembers of translations, or NULL
 * @gpa: the descriptor's address; unlike the ring's table it may be any
 * @len: the descriptor's length
 *
 * Return: the kernel address of the table, or NULL if it is mapped but not one
 * piece there; ERR_PTR: -EINVAL for a length that no table has, -EFAULT if it is
 * not mapped.
 */
void *vpin_chain_enter(const struct vpin_snap *snap, struct vpin_hint *hint,
		       u64 gpa, u32 len)
{
	u64 linear_len = len;
	void *linear;

	if (!len || len % sizeof(struct vring_desc) ||
	    len / sizeof(struct vring_desc) > VPIN_TABLE_MAX)
		return ERR_PTR(-EINVAL);
	linear = vpin_snap_resolve(snap, hint, gpa, &linear_len, VPIN_PERM_READ);
	if (linear && linear_len == len)
		return linear;
	if (vpin_snap_check(snap, gpa, len, VPIN_PERM_READ))
		return ERR_PTR(-EFAULT);
	return NULL;
}

/**
 * vpin_chain_walk - walks a chain and keeps copies of its descriptors
 * @chain: out: the chain; its @descs and @max are the caller's
 * @table: the ring's table
 * @hint: what the reader remembers of translations, or NULL
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
	struct vpin_desc *to = chain->descs, *end = to + chain->max;
	u32 readable = 0, writable = 0, nr_readable = 0;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	int ret;

	vpin_chain_begin(&iter, table, hint, head, allow_indirect);
	while ((ret = vpin_chain_next(&iter, &desc)) > 0) {
		if (unlikely(!desc.len))
			continue;
		if (unlikely(to == end)) {
			ret = -EMSGSIZE;
			break;
		}
		if (desc.flags & VRING_DESC_F_WRITE) {
			writable += desc.len;
		} else {
			readable += desc.len;
			nr_readable++;
		}
		*to++ = desc;
	}

	chain->nr = to - chain->descs;
	chain->nr_readable = nr_readable;
	chain->readable = readable;
	chain->writable = writable;
	return ret;
}

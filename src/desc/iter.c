// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chain iterator: the one walk that everything else uses.
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
#include <linux/errno.h>
#include <linux/overflow.h>
#include <vpin/desc.h>

/**
 * vpin_chain_begin - starts a walk
 * @iter: the walk
 * @table: the ring's table, bound for as long as the walk lasts
 * @hint: last hit of translations
 * @head: index of the first descriptor
 * @allow_indirect: whether VIRTIO_F_INDIRECT_DESC was negotiated
 */
void vpin_chain_begin(struct vpin_chain_iter *iter,
		      const struct vpin_desc_table *table,
		      struct vpin_hint *hint, u16 head, bool allow_indirect)
{
	iter->table = *table;
	iter->hint = hint;
	iter->next = head;
	iter->left = table->size;
	iter->total = 0;
	iter->more = true;
	iter->indirect = false;
	iter->allow_indirect = allow_indirect;
	iter->writing = false;
}

/*
 * Goes on in the indirect table that @desc refers to.  Unlike the ring's, it
 * may start at any address.  VIRTIO 1.2, 2.7.5.3.2: it may follow ordinary
 * descriptors, and its own WRITE flag means nothing.
 */
static int vpin_chain_enter(struct vpin_chain_iter *iter,
			    const struct vpin_desc *desc)
{
	u32 size = desc->len / sizeof(struct vring_desc);
	u64 len = desc->len;

	if (!iter->allow_indirect || iter->indirect ||
	    desc->flags & VRING_DESC_F_NEXT)
		return -EINVAL;
	if (!size || desc->len % sizeof(struct vring_desc) ||
	    size > VPIN_TABLE_MAX)
		return -EINVAL;

	iter->table.linear = vpin_snap_resolve(iter->table.snap, iter->hint,
					       desc->addr, &len,
					       VPIN_PERM_READ);
	if (!iter->table.linear)
		return -EFAULT;
	if (len < desc->len) {
		iter->table.linear = NULL;
		if (vpin_snap_check(iter->table.snap, desc->addr, desc->len,
				    VPIN_PERM_READ))
			return -EFAULT;
	}
	iter->table.base_addr = desc->addr;
	iter->table.size = size;
	iter->next = 0;
	iter->left = min(iter->left, size);
	iter->indirect = true;
	return 0;
}

/* vpin_chain_next(), where the caller is the data path. */
static __always_inline int vpin_chain_step(struct vpin_chain_iter *iter,
					   struct vpin_desc *desc)
{
	int ret;

	if (!iter->more)
		return 0;
	iter->more = false;
again:
	if (unlikely(!iter->left))
		return vpin_desc_table_is_valid(&iter->table) ? -ELOOP : -ENODEV;
	ret = vpin_desc_read(&iter->table, iter->next, desc);
	if (unlikely(ret))
		return ret;

	if (desc->flags & VRING_DESC_F_INDIRECT) {
		ret = vpin_chain_enter(iter, desc);
		if (unlikely(ret))
			return ret;
		goto again;
	}

	iter->left--;
	if (desc->flags & VRING_DESC_F_WRITE)
		iter->writing = true;
	else if (unlikely(iter->writing))
		return -EINVAL;
	if (unlikely(desc->len && desc->addr + (desc->len - 1) < desc->addr))
		return -EFAULT;
	if (unlikely(check_add_overflow(iter->total, desc->len, &iter->total)))
		return -EMSGSIZE;

	if (desc->flags & VRING_DESC_F_NEXT) {
		iter->next = desc->next;
		iter->more = true;
	}
	return 1;
}

/**
 * vpin_chain_next - the next descriptor of a walk
 * @iter: the walk
 * @desc: out: the copy
 *
 * After an error the walk is over; what was handed out before is still good.
 *
 * Return: 1 with a descriptor, 0 at the end, or
 *  -ENODEV	the table is not bound
 *  -EINVAL	an index out of range, readable after writable, or an indirect
 *		table that VIRTIO forbids
 *  -ELOOP	longer than the ring or the indirect table
 *  -EFAULT	a table is not mapped, or a buffer wraps the address space
 *  -EMSGSIZE	the lengths sum to more than 2^32-1
 */
int vpin_chain_next(struct vpin_chain_iter *iter, struct vpin_desc *desc)
{
	return vpin_chain_step(iter, desc);
}

/**
 * vpin_chain_walk - walks a chain and keeps copies of its descriptors
 * @chain: out: the chain; its @descs and @max are the caller's
 * @table: the ring's table
 * @hint: last hit of translations
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
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	int ret;

	chain->nr = 0;
	chain->nr_readable = 0;
	chain->readable = 0;
	chain->writable = 0;

	vpin_chain_begin(&iter, table, hint, head, allow_indirect);
	while ((ret = vpin_chain_step(&iter, &desc)) > 0) {
		if (unlikely(!desc.len))
			continue;
		if (unlikely(chain->nr == chain->max))
			return -EMSGSIZE;
		if (desc.flags & VRING_DESC_F_WRITE) {
			chain->writable += desc.len;
		} else {
			chain->readable += desc.len;
			chain->nr_readable++;
		}
		chain->descs[chain->nr++] = desc;
	}
	return ret;
}

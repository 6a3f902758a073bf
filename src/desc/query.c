// SPDX-License-Identifier: GPL-2.0-only
/*
 * Questions about a whole chain, each answered by one walk of its own.
 *
 * The data path asks none of them: it walks once (vpin_chain_walk()) and keeps
 * the copy.  Who asks two of these about a chain that a guest can write gets
 * two answers that need not agree.
 *
 * Indirect tables are followed.  A chain has at most as many descriptors as its
 * ring, wherever they are, unless the table's @chain_max says otherwise.
 */
#include <linux/errno.h>
#include <linux/virtio_ids.h>
#include <vpin/desc.h>

/**
 * vpin_desc_follow_chain - copies the descriptors of a chain
 * @table: the ring's table
 * @head: index of the first descriptor
 * @descs: out: the copies, in order
 * @max: length of @descs
 *
 * Return: how many, or vpin_chain_next()'s errors, or -EMSGSIZE if @descs is
 * too small.
 */
int vpin_desc_follow_chain(const struct vpin_desc_table *table, u16 head,
			   struct vpin_desc *descs, u32 max)
{
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	u32 nr = 0;
	int ret;

	vpin_chain_begin(&iter, table, &indirect, NULL, head);
	while ((ret = vpin_chain_next(&iter, &desc)) > 0) {
		if (nr == max)
			return -EMSGSIZE;
		descs[nr++] = desc;
	}
	return ret ?: nr;
}

/**
 * vpin_desc_chain_length - the sum of the lengths of a chain's buffers
 * @table: the ring's table
 * @head: index of the first descriptor
 * @len: out: the sum in bytes
 *
 * Return: 0 or vpin_chain_next()'s errors; -EMSGSIZE if the sum is over 2^32-1.
 */
int vpin_desc_chain_length(const struct vpin_desc_table *table, u16 head,
			   u32 *len)
{
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	int ret;

	vpin_chain_begin(&iter, table, &indirect, NULL, head);
	do {
		ret = vpin_chain_next(&iter, &desc);
	} while (ret > 0);
	if (!ret)
		*len = iter.total;
	return ret;
}

/**
 * vpin_desc_validate_chain - whether a chain is one that a device can serve
 * @table: the ring's table
 * @head: index of the first descriptor
 *
 * Checks what the iterator checks, and that each byte of each buffer is mapped
 * with the permission that its descriptor asks for.
 *
 * Return: 0 if it is; else vpin_chain_next()'s errors; -EFAULT for a buffer
 * that is not mapped.
 */
int vpin_desc_validate_chain(const struct vpin_desc_table *table, u16 head)
{
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	int ret;

	vpin_chain_begin(&iter, table, &indirect, NULL, head);
	while ((ret = vpin_chain_next(&iter, &desc)) > 0) {
		u32 perm = desc.flags & VRING_DESC_F_WRITE ? VPIN_PERM_WRITE :
							     VPIN_PERM_READ;

		if (vpin_snap_check(table->snap, desc.addr, desc.len, perm))
			return -EFAULT;
	}
	return ret;
}

/**
 * vpin_desc_get_data_buffers - the buffers of a chain that carry data
 * @table: the ring's table
 * @head: index of the first descriptor
 * @device_type: a VIRTIO_ID_*; of a block device's chain the first descriptor
 *	(the header) and the last (the status) are left out
 * @bufs: out: the buffers, in order
 * @max: length of @bufs
 *
 * Return: how many; vpin_chain_next()'s errors; -EMSGSIZE if @bufs is too
 * small; -EINVAL if a block device's chain has not both header and status.
 */
int vpin_desc_get_data_buffers(const struct vpin_desc_table *table, u16 head,
			       u32 device_type, struct vpin_desc_buf *bufs,
			       u32 max)
{
	u32 frame = device_type == VIRTIO_ID_BLOCK ? 1 : 0;
	struct vpin_desc_buf held = {};
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc;
	u32 seen = 0, nr = 0;
	int ret;

	/*
	 * Each buffer is held back until its successor shows that it is not
	 * the last; a frame's first one is never held.
	 */
	vpin_chain_begin(&iter, table, &indirect, NULL, head);
	while ((ret = vpin_chain_next(&iter, &desc)) > 0) {
		if (seen > frame) {
			if (nr == max)
				return -EMSGSIZE;
			bufs[nr++] = held;
		}
		held.gpa = desc.addr;
		held.len = desc.len;
		held.writable = desc.flags & VRING_DESC_F_WRITE;
		seen++;
	}
	if (ret)
		return ret;
	if (frame)
		return seen < 2 ? -EINVAL : nr;
	if (nr == max)
		return -EMSGSIZE;
	bufs[nr++] = held;
	return nr;
}

/**
 * vpin_desc_get_status_addr - where a block device's chain wants its status
 * @table: the ring's table
 * @head: index of the first descriptor
 * @gpa: out: GPA of the last descriptor's buffer
 *
 * Return: 0; vpin_chain_next()'s errors; -EINVAL if the last descriptor is not
 * writable or has no byte.
 */
int vpin_desc_get_status_addr(const struct vpin_desc_table *table, u16 head,
			      u64 *gpa)
{
	struct vpin_desc_table indirect;
	struct vpin_chain_iter iter;
	struct vpin_desc desc = {};
	int ret;

	vpin_chain_begin(&iter, table, &indirect, NULL, head);
	do {
		ret = vpin_chain_next(&iter, &desc);
	} while (ret > 0);
	if (ret)
		return ret;
	if (!(desc.flags & VRING_DESC_F_WRITE) || !desc.len)
		return -EINVAL;
	*gpa = desc.addr;
	return 0;
}

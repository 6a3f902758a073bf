// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cursors over the bytes of a walked chain: one over its readable half, one
 * over its writable half.
 *
 * Where a driver puts the borders between descriptors means nothing (VIRTIO
 * 1.2, 2.7.4), so devices read and write through cursors and never look at
 * single descriptors.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <vpin/desc.h>

/* A cursor at the first byte that the device reads. */
void vpin_cursor_readable(struct vpin_cursor *cursor,
			  const struct vpin_chain *chain,
			  const struct vpin_snap *snap, struct vpin_hint *hint)
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
void vpin_cursor_writable(struct vpin_cursor *cursor,
			  const struct vpin_chain *chain,
			  const struct vpin_snap *snap, struct vpin_hint *hint)
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
 * vpin_cursor_copy - copies between a buffer and the next bytes
 * @cursor: the cursor: a readable one fills @buf, a writable one is filled
 *	from it
 * @buf: the buffer
 * @len: bytes
 *
 * Return: 0; -EFAULT if the half ends before, or is not mapped; a part may have
 * been copied then.
 */
int vpin_cursor_copy(struct vpin_cursor *cursor, void *buf, u32 len)
{
	while (len) {
		u32 n = len;
		void *addr = vpin_cursor_next(cursor, &n);

		if (!addr)
			return -EFAULT;
		if (cursor->perm == VPIN_PERM_WRITE)
			memcpy(addr, buf, n);
		else
			memcpy(buf, addr, n);
		buf += n;
		len -= n;
	}
	return 0;
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
void *vpin_chain_last_byte(const struct vpin_chain *chain,
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

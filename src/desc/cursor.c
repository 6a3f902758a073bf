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

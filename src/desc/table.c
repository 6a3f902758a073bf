// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor table: where it is, and its descriptors one by one.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <vpin/desc.h>

/**
 * vpin_desc_table_set - says where a table is that is known to be mapped
 * @table: the table
 * @snap: the address space, held for as long as the table is used
 * @hint: what the reader remembers of translations, or NULL
 * @base_addr: GPA of descriptor 0; an indirect table's may be any
 * @size: descriptors, 1 to VPIN_TABLE_MAX; as many as a chain may have
 */
void vpin_desc_table_set(struct vpin_desc_table *table, struct vpin_snap *snap,
			 struct vpin_hint *hint, u64 base_addr, u32 size)
{
	u64 reach = roundup_pow_of_two(size) * sizeof(struct vring_desc);
	u64 len = reach;

	table->base_addr = base_addr;
	table->size = size;
	table->chain_max = size;
	table->snap = snap;
	table->hint = hint;
	table->linear = vpin_snap_resolve(snap, hint, base_addr, &len,
					  VPIN_PERM_READ);
	if (len < reach)
		table->linear = NULL;
	table->nr_linear = table->linear ? size : 0;
	table->mask = roundup_pow_of_two(size) - 1;
}

/**
 * vpin_desc_table_init - binds a table to a stretch of guest memory
 * @table: the table
 * @snap: the address space; the table takes a reference
 * @base_addr: GPA of descriptor 0, a multiple of 16 (VIRTIO 1.2, 2.7); 0 is an
 *	address like any other
 * @size: descriptors, 1 to VPIN_TABLE_MAX; so many a chain may have, too,
 *	wherever they are
 *
 * Return: 0, or, and then the table is not bound,
 *  -ENODEV	no address space
 *  -EINVAL	no descriptor, too many, not aligned, or the table wraps
 *  -EFAULT	not mapped for reading as a whole
 */
int vpin_desc_table_init(struct vpin_desc_table *table, struct vpin_snap *snap,
			 u64 base_addr, u32 size)
{
	u64 bytes = (u64)size * sizeof(struct vring_desc);

	memset(table, 0, sizeof(*table));
	if (!snap)
		return -ENODEV;
	if (!size || size > VPIN_TABLE_MAX)
		return -EINVAL;
	if (base_addr % VRING_DESC_ALIGN_SIZE ||
	    base_addr + (bytes - 1) < base_addr)
		return -EINVAL;
	if (vpin_snap_check(snap, base_addr, bytes, VPIN_PERM_READ))
		return -EFAULT;

	vpin_desc_table_set(table, vpin_snap_get(snap), NULL, base_addr, size);
	return 0;
}

/* Drops the reference on the address space; the table is then not bound. */
void vpin_desc_table_fini(struct vpin_desc_table *table)
{
	vpin_snap_put(table->snap);
	memset(table, 0, sizeof(*table));
}

/* A copy with a reference of its own on the address space; another reader's. */
void vpin_desc_table_clone(struct vpin_desc_table *to,
			   const struct vpin_desc_table *from)
{
	*to = *from;
	to->hint = NULL;
	if (to->snap)
		vpin_snap_get(to->snap);
}

/**
 * vpin_desc_addr - where a descriptor is
 * @table: the table
 * @index: which one
 * @gpa: out: its GPA
 *
 * Return: 0; -ENODEV if the table is not bound; -EINVAL beyond its size.
 */
int vpin_desc_addr(const struct vpin_desc_table *table, u32 index, u64 *gpa)
{
	if (!vpin_desc_table_is_valid(table))
		return -ENODEV;
	if (index >= table->size)
		return -EINVAL;
	*gpa = table->base_addr + (u64)index * sizeof(struct vring_desc);
	return 0;
}

/* vpin_desc_read() of what is not one load away. */
int vpin_desc_read_slow(const struct vpin_desc_table *table, u32 index,
			struct vpin_desc *desc)
{
	struct vring_desc wire;
	u64 gpa;
	int ret;

	ret = vpin_desc_addr(table, index, &gpa);
	if (ret)
		return ret;
	if (vpin_snap_read(table->snap, table->hint, gpa, &wire,
			   sizeof(wire)))
		return -EFAULT;
	vpin_desc_load(desc, &wire);
	return 0;
}

/**
 * vpin_desc_write - writes one descriptor
 * @table: the table
 * @index: which one
 * @desc: what is written, in the CPU's byte order
 *
 * A device never writes its driver's table: this is for tests and for tools
 * that stand in for a driver.
 *
 * Return: 0; -ENODEV if the table is not bound; -EINVAL beyond its size;
 * -EFAULT if it is not mapped for writing.
 */
int vpin_desc_write(const struct vpin_desc_table *table, u32 index,
		    const struct vpin_desc *desc)
{
	struct vring_desc wire = {
		.addr = __cpu_to_virtio64(true, desc->addr),
		.len = __cpu_to_virtio32(true, desc->len),
		.flags = __cpu_to_virtio16(true, desc->flags),
		.next = __cpu_to_virtio16(true, desc->next),
	};
	u64 gpa;
	int ret;

	ret = vpin_desc_addr(table, index, &gpa);
	if (ret)
		return ret;
	return vpin_snap_write(table->snap, NULL, gpa, &wire, sizeof(wire));
}

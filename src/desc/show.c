// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptor tables in words, for debugfs.
 */
#include <linux/seq_file.h>
#include <vpin/desc.h>

/**
 * vpin_desc_table_show - one line about a table
 * @m: where to
 * @table: the table, also one that is not bound
 */
void vpin_desc_table_show(struct seq_file *m,
			  const struct vpin_desc_table *table)
{
	if (!vpin_desc_table_is_valid(table)) {
		seq_puts(m, "descriptor table: not bound\n");
		return;
	}
	seq_printf(m, "descriptor table: %u descriptors, %llu bytes at %#llx\n",
		   table->size, vpin_desc_table_total_size(table),
		   table->base_addr);
}

/**
 * vpin_desc_table_dump - the line, then one line for each descriptor
 * @m: where to
 * @table: the table
 *
 * Descriptors that are all zero are left out.
 */
void vpin_desc_table_dump(struct seq_file *m,
			  const struct vpin_desc_table *table)
{
	struct vpin_desc desc;
	u32 i;

	vpin_desc_table_show(m, table);
	for (i = 0; i < table->size; i++) {
		if (vpin_desc_read(table, i, &desc)) {
			seq_printf(m, "%5u: not mapped\n", i);
			continue;
		}
		if (!desc.addr && !desc.len && !desc.flags && !desc.next)
			continue;
		seq_printf(m, "%5u: addr %#llx len %u%s%s%s next %u\n", i,
			   desc.addr, desc.len,
			   desc.flags & VRING_DESC_F_WRITE ? " write" : " read",
			   desc.flags & VRING_DESC_F_NEXT ? " next" : "",
			   desc.flags & VRING_DESC_F_INDIRECT ? " indirect" : "",
			   desc.next);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be said into a chain that cannot be walked.
 *
 * A driver that offers such a chain may look nowhere but into its last byte for
 * what became of it, and take what it finds there for an answer.  So that byte
 * is looked for, with none of the walk's rules: next is followed, and so are
 * indirect tables, of any length and in each other, as far as they can be read.
 * A loop ends before its first descriptor comes again.
 *
 * All of it is bounded by a count of reads; a guest that writes meanwhile gets
 * the answer somewhere else in its own memory.
 */
#include <linux/minmax.h>
#include <vpin/desc.h>

/*
 * Descriptors that are read for one chain, at most: enough for any loop in a
 * ring of 1024.
 */
#define VPIN_SALVAGE_READS	4096

/* Tables in tables, at most. */
#define VPIN_SALVAGE_DEPTH	3

/**
 * struct vpin_search - a search
 * @left: reads that it still has
 * @found: what it has found so far
 */
struct vpin_search {
	u32 left;
	struct vpin_salvage *found;
};

static bool vpin_salvage_read(struct vpin_search *search,
			      const struct vpin_desc_table *table, u32 index,
			      struct vpin_desc *desc)
{
	struct vpin_desc_buf *missing = &search->found->missing_desc;
	int ret;

	if (!search->left)
		return false;
	search->left--;
	ret = vpin_desc_read(table, index, desc);
	if (ret == -EFAULT && !missing->len) {
		missing->gpa = table->base_addr +
			       index * sizeof(struct vring_desc);
		missing->len = sizeof(struct vring_desc);
	}
	return !ret;
}

/* Goes to the next descriptor.  Return: whether there is one. */
static bool vpin_salvage_step(struct vpin_search *search,
			      const struct vpin_desc_table *table, u32 *index)
{
	struct vpin_desc desc;

	if (!vpin_salvage_read(search, table, *index, &desc) ||
	    !(desc.flags & VRING_DESC_F_NEXT))
		return false;
	*index = desc.next;
	return true;
}

/*
 * How many descriptors follow each other from @start on until the first one
 * comes again; if none does, at least as many as there are.
 */
static u32 vpin_salvage_count(struct vpin_search *search,
			      const struct vpin_desc_table *table, u32 start)
{
	u32 size = table->size, a = start, b, i, loop = 1, lead = 0;

	for (i = 0; i < size; i++) {
		if (!vpin_salvage_step(search, table, &a))
			return size;
	}
	/* After so many steps it must be in a loop: of which length, */
	b = a;
	while (vpin_salvage_step(search, table, &b) && b != a && loop < size)
		loop++;
	/* and behind how many that are not in it? */
	a = start;
	b = start;
	for (i = 0; i < loop; i++)
		vpin_salvage_step(search, table, &b);
	while (a != b && lead + loop < size &&
	       vpin_salvage_step(search, table, &a) &&
	       vpin_salvage_step(search, table, &b))
		lead++;
	return lead + loop;
}

static void vpin_salvage_note(struct vpin_search *search,
			      const struct vpin_desc_table *table,
			      const struct vpin_desc *desc)
{
	u64 gpa = desc->addr + (desc->len - 1), n = 1;
	struct vpin_salvage *found = search->found;
	u8 *last;

	if (!(desc->flags & VRING_DESC_F_WRITE) || !desc->len)
		return;
	last = vpin_snap_resolve(table->snap, table->hint, gpa, &n,
				 VPIN_PERM_WRITE);
	found->missing_byte = (struct vpin_desc_buf) {
		.gpa = gpa,
		.len = !last,
		.writable = true,
	};
	if (!last)
		return;
	found->last = last;
	found->gpa = gpa;
}

static void vpin_salvage_table(struct vpin_search *search,
			       const struct vpin_desc_table *table, u32 index,
			       unsigned int depth)
{
	u32 left = vpin_salvage_count(search, table, index);
	struct vpin_desc_table inner;
	struct vpin_desc desc;

	while (left-- && vpin_salvage_read(search, table, index, &desc)) {
		if (!(desc.flags & VRING_DESC_F_INDIRECT)) {
			vpin_salvage_note(search, table, &desc);
		} else if (desc.len && depth < VPIN_SALVAGE_DEPTH) {
			vpin_desc_table_set(&inner, table->snap, table->hint,
					    desc.addr,
					    min((desc.len - 1) / 16 + 1,
						(u32)VPIN_TABLE_MAX));
			vpin_salvage_table(search, &inner, 0, depth + 1);
		}
		if (!(desc.flags & VRING_DESC_F_NEXT))
			break;
		index = desc.next;
	}
}

/**
 * vpin_chain_salvage - looks for the last byte that the device may write of a bad
 * chain
 * @table: the ring's table
 * @head: index of the first descriptor
 * @salvage: out: what was found; its address is good as long as the table's address
 *	space is held
 *
 * For chains that vpin_chain_walk() refuses: it takes long.
 */
void vpin_chain_salvage(const struct vpin_desc_table *table, u16 head,
			struct vpin_salvage *salvage)
{
	struct vpin_search search = {
		.left = VPIN_SALVAGE_READS,
		.found = salvage,
	};

	*salvage = (struct vpin_salvage) {};
	if (vpin_desc_table_is_valid(table))
		vpin_salvage_table(&search, table, head, 0);
}

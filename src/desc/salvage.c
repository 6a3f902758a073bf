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
 * struct vpin_salvage - a search
 * @left: reads that it still has
 * @last: last byte so far that the device may write; NULL if there is none
 * @gpa: where the guest has it
 */
struct vpin_salvage {
	u32 left;
	u8 *last;
	u64 gpa;
};

static bool vpin_salvage_read(struct vpin_salvage *search,
			      const struct vpin_desc_table *table, u32 index,
			      struct vpin_desc *desc)
{
	if (!search->left)
		return false;
	search->left--;
	return !vpin_desc_read(table, index, desc);
}

/* Goes to the next descriptor.  Return: whether there is one. */
static bool vpin_salvage_step(struct vpin_salvage *search,
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
static u32 vpin_salvage_count(struct vpin_salvage *search,
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

static void vpin_salvage_note(struct vpin_salvage *search,
			      const struct vpin_desc_table *table,
			      const struct vpin_desc *desc)
{
	u64 gpa = desc->addr + (desc->len - 1), n = 1;
	u8 *last;

	if (!(desc->flags & VRING_DESC_F_WRITE) || !desc->len)
		return;
	last = vpin_snap_resolve(table->snap, table->hint, gpa, &n,
				 VPIN_PERM_WRITE);
	if (!last)
		return;
	search->last = last;
	search->gpa = gpa;
}

static void vpin_salvage_table(struct vpin_salvage *search,
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
 * vpin_chain_salvage - the last byte that the device may write of a bad chain
 * @table: the ring's table
 * @head: index of the first descriptor
 * @gpa: out: its GPA, if there is one
 *
 * For chains that vpin_chain_walk() refuses: it takes long.
 *
 * Return: its kernel address, valid as long as the table's address space is
 * held; NULL if there is none that could be found.
 */
u8 *vpin_chain_salvage(const struct vpin_desc_table *table, u16 head, u64 *gpa)
{
	struct vpin_salvage search = { .left = VPIN_SALVAGE_READS };

	if (vpin_desc_table_is_valid(table))
		vpin_salvage_table(&search, table, head, 0);
	*gpa = search.gpa;
	return search.last;
}

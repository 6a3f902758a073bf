// SPDX-License-Identifier: GPL-2.0-only
#include <linux/err.h>
#include <linux/gfp.h>
#include "fixture.h"

/* A mapped stretch: @pages has the kernel address of each of its pages. */
struct vpin_guest_piece {
	struct list_head node;
	u64 first;
	u64 last;
	u64 offset;
	struct vpin_pin *pin;
	void *block;
	size_t block_size;
	void **pages;
};

/* Where page @i of @nr is in its block, in pages. */
static unsigned long vpin_guest_place(enum vpin_guest_layout layout,
				      unsigned long nr, unsigned long i)
{
	switch (layout) {
	case VPIN_GUEST_SCATTERED:
		return 2 * (nr - 1 - i);
	case VPIN_GUEST_PAIRS:
		return i + i / 2;
	default:
		return i;
	}
}

static void vpin_guest_make_pin(struct kunit *test,
				struct vpin_guest_piece *piece,
				unsigned long nr_pages,
				enum vpin_guest_layout layout)
{
	u64 uaddr = layout == VPIN_GUEST_CHUNKS ? VPIN_CHUNK_SIZE - PAGE_SIZE : 0;
	unsigned long done = 0, i;

	piece->pin = vpin_pin_alloc(uaddr, nr_pages);
	KUNIT_ASSERT_NOT_NULL(test, piece->pin);
	piece->pin->writable = true;
	for (i = 0; i < piece->pin->nr_chunks; i++) {
		KUNIT_ASSERT_EQ(test, vpin_pin_set_chunk(piece->pin, i,
							 piece->pages + done), 0);
		done += vpin_chunk_nr(piece->pin, i);
	}
}

static struct vpin_guest_piece *vpin_guest_piece(struct vpin_guest *guest,
						 unsigned long nr_pages,
						 enum vpin_guest_layout layout)
{
	struct kunit *test = guest->test;
	struct vpin_guest_piece *piece;
	unsigned long i;

	piece = kunit_kzalloc(test, sizeof(*piece), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, piece);
	piece->pages = kunit_kcalloc(test, nr_pages, sizeof(void *), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, piece->pages);

	piece->block_size = nr_pages << PAGE_SHIFT;
	if (layout != VPIN_GUEST_RUN && layout != VPIN_GUEST_CHUNKS)
		piece->block_size *= 2;
	piece->block = alloc_pages_exact(piece->block_size,
					 GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, piece->block);
	list_add(&piece->node, &guest->pieces);
	for (i = 0; i < nr_pages; i++)
		piece->pages[i] = piece->block +
			(vpin_guest_place(layout, nr_pages, i) << PAGE_SHIFT);

	vpin_guest_make_pin(test, piece, nr_pages, layout);
	return piece;
}

static void vpin_guest_insert(struct vpin_guest *guest,
			      const struct vpin_range *range)
{
	struct vpin_snap *snap = vpin_snap_insert(guest->snap, range);

	KUNIT_ASSERT_FALSE(guest->test, IS_ERR(snap));
	vpin_snap_put(guest->snap);
	guest->snap = snap;
}

/**
 * vpin_guest_map_at - maps fresh memory, zeroed
 * @guest: the guest
 * @gpa: first GPA
 * @size: bytes
 * @offset: where in its first page the first byte lies, or in a later one
 * @perm: VPIN_PERM_*
 * @layout: how it lies in our memory
 *
 * Return: the pin.
 */
struct vpin_pin *vpin_guest_map_at(struct vpin_guest *guest, u64 gpa, u64 size,
				   u64 offset, u32 perm,
				   enum vpin_guest_layout layout)
{
	struct vpin_guest_piece *piece =
		vpin_guest_piece(guest, PAGE_ALIGN(offset + size) >> PAGE_SHIFT,
				 layout);
	struct vpin_range range = {
		.first = gpa,
		.last = gpa + (size - 1),
		.pin = piece->pin,
		.offset = ((u64)piece->pin->skip << PAGE_SHIFT) + offset,
		.perm = perm,
	};

	piece->first = range.first;
	piece->last = range.last;
	piece->offset = offset;
	vpin_guest_insert(guest, &range);
	return piece->pin;
}

/* vpin_guest_map_at() with the same place in the page here and there. */
struct vpin_pin *vpin_guest_map(struct vpin_guest *guest, u64 gpa, u64 size,
				u32 perm, enum vpin_guest_layout layout)
{
	return vpin_guest_map_at(guest, gpa, size, offset_in_page(gpa), perm,
				 layout);
}

/* A range that the VMM asked for and that could not be pinned. */
void vpin_guest_map_failed(struct vpin_guest *guest, u64 gpa, u64 size)
{
	struct vpin_range range = {
		.first = gpa,
		.last = gpa + (size - 1),
		.perm = VPIN_PERM_RW,
	};

	vpin_guest_insert(guest, &range);
}

/* The memory map that the header shows. */
void vpin_guest_map_typical(struct vpin_guest *guest)
{
	vpin_guest_map(guest, GUEST_RAM, SZ_64K, VPIN_PERM_RW, VPIN_GUEST_RUN);
	vpin_guest_map(guest, GUEST_NEXT, SZ_16K, VPIN_PERM_RW,
		       VPIN_GUEST_SCATTERED);
	vpin_guest_map(guest, GUEST_RO, SZ_4K, VPIN_PERM_READ, VPIN_GUEST_RUN);
	vpin_guest_map(guest, GUEST_WO, SZ_4K, VPIN_PERM_WRITE, VPIN_GUEST_RUN);
}

static struct vpin_guest_piece *vpin_guest_find(struct vpin_guest *guest,
						u64 gpa)
{
	struct vpin_guest_piece *piece;

	list_for_each_entry(piece, &guest->pieces, node) {
		if (gpa >= piece->first && gpa <= piece->last)
			return piece;
	}
	KUNIT_FAIL(guest->test, "the test has nothing mapped at %#llx", gpa);
	return NULL;
}

/* Unmaps the piece that @gpa is in; the guest still holds its pin. */
void vpin_guest_unmap(struct vpin_guest *guest, u64 gpa)
{
	struct vpin_guest_piece *piece = vpin_guest_find(guest, gpa);
	struct vpin_snap *snap;

	KUNIT_ASSERT_NOT_NULL(guest->test, piece);
	snap = vpin_snap_remove(guest->snap, piece->first, piece->last, false);
	KUNIT_ASSERT_FALSE(guest->test, IS_ERR(snap));
	vpin_snap_put(guest->snap);
	guest->snap = snap;
	/* Nothing is in it any more. */
	piece->first = 1;
	piece->last = 0;
}

/* Who uses the pin at @gpa, but for the guest itself. */
unsigned int vpin_guest_pin_refs(struct vpin_guest *guest, u64 gpa)
{
	struct vpin_guest_piece *piece = vpin_guest_find(guest, gpa);

	return piece ? refcount_read(&piece->pin->ref) - 1 : 0;
}

/* Kernel address of the byte at @gpa; the next page is anywhere. */
void *vpin_guest_ptr(struct vpin_guest *guest, u64 gpa)
{
	struct vpin_guest_piece *piece = vpin_guest_find(guest, gpa);
	u64 at;

	KUNIT_ASSERT_NOT_NULL(guest->test, piece);
	at = gpa - piece->first + piece->offset;
	return piece->pages[at >> PAGE_SHIFT] + offset_in_page(at);
}

void vpin_guest_read(struct vpin_guest *guest, u64 gpa, void *to, u64 len)
{
	u8 *byte = to;

	while (len--)
		*byte++ = *(u8 *)vpin_guest_ptr(guest, gpa++);
}

void vpin_guest_write(struct vpin_guest *guest, u64 gpa, const void *from,
		      u64 len)
{
	const u8 *byte = from;

	while (len--)
		*(u8 *)vpin_guest_ptr(guest, gpa++) = *byte++;
}

/* A byte that tells neighbours, pages and ranges apart. */
u8 vpin_guest_pattern(u64 gpa)
{
	return gpa ^ (gpa >> 8) * 7 ^ (gpa >> 16) * 13;
}

/* Writes the pattern to [@gpa, @gpa + @len). */
void vpin_guest_fill(struct vpin_guest *guest, u64 gpa, u64 len)
{
	while (len--) {
		*(u8 *)vpin_guest_ptr(guest, gpa) = vpin_guest_pattern(gpa);
		gpa++;
	}
}

/* Writes a descriptor as a driver does: little-endian. */
void vpin_guest_desc(struct vpin_guest *guest, u64 table, u32 index,
		     const struct vpin_desc *desc)
{
	struct {
		__le64 addr;
		__le32 len;
		__le16 flags;
		__le16 next;
	} wire = {
		.addr = cpu_to_le64(desc->addr),
		.len = cpu_to_le32(desc->len),
		.flags = cpu_to_le16(desc->flags),
		.next = cpu_to_le16(desc->next),
	};

	vpin_guest_write(guest, table + 16 * (u64)index, &wire, sizeof(wire));
}

/* Descriptors 0 to @nr - 1, as they are. */
void vpin_guest_descs(struct vpin_guest *guest, u64 table,
		      const struct vpin_desc *descs, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		vpin_guest_desc(guest, table, i, &descs[i]);
}

/* Links @nr buffers into a chain from descriptor 0 of GUEST_TABLE on. */
void vpin_guest_chain(struct vpin_guest *guest, const struct vpin_desc *descs,
		      u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		struct vpin_desc desc = descs[i];

		if (i + 1 < nr) {
			desc.flags |= D_NEXT;
			desc.next = i + 1;
		}
		vpin_guest_desc(guest, GUEST_TABLE, i, &desc);
	}
}

/* Maps the typical memory, and binds @table to GUEST_TABLE in it. */
void vpin_guest_table(struct vpin_guest *guest, struct vpin_desc_table *table,
		      u32 size)
{
	vpin_guest_map_typical(guest);
	KUNIT_ASSERT_EQ(guest->test, vpin_desc_table_init(table, guest->snap,
							  GUEST_TABLE, size), 0);
}

void vpin_walk_begin(struct vpin_walk *walk, bool allow_indirect)
{
	static struct vpin_hint hint;

	vpin_chain_begin(&walk->iter, &walk->table,
			 allow_indirect ? &walk->indirect : NULL, &hint, 0);
}

/* Return: as vpin_chain_next(). */
int vpin_walk_next(struct vpin_walk *walk)
{
	return vpin_chain_next(&walk->iter, &walk->desc);
}

/* A guest without memory.  Return: NULL without memory of ours. */
struct vpin_guest *vpin_guest_create(struct kunit *test)
{
	struct vpin_guest *guest;

	guest = kunit_kzalloc(test, sizeof(*guest), GFP_KERNEL);
	if (!guest)
		return NULL;
	guest->test = test;
	INIT_LIST_HEAD(&guest->pieces);
	guest->snap = vpin_snap_empty();
	return IS_ERR(guest->snap) ? NULL : guest;
}

/* Whoever held the memory has to have dropped it by now. */
void vpin_guest_destroy(struct vpin_guest *guest)
{
	struct kunit *test = guest->test;
	struct vpin_guest_piece *piece;
	bool held = refcount_read(&guest->snap->ref) > 1;

	KUNIT_EXPECT_FALSE_MSG(test, held, "the snapshot is still held");
	vpin_snap_put(guest->snap);
	list_for_each_entry(piece, &guest->pieces, node) {
		if (!held) {
			KUNIT_EXPECT_EQ_MSG(test,
					    refcount_read(&piece->pin->ref), 1U,
					    "the pin at %#llx is still held",
					    piece->first);
			vpin_pin_free(piece->pin);
		}
		free_pages_exact(piece->block, piece->block_size);
	}
}

/* A suite's init: the guest is the test's private data. */
int vpin_guest_init(struct kunit *test)
{
	test->priv = vpin_guest_create(test);
	return test->priv ? 0 : -ENOMEM;
}

/* A suite's exit. */
void vpin_guest_exit(struct kunit *test)
{
	if (test->priv)
		vpin_guest_destroy(test->priv);
}

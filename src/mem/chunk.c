// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the pages of a pin are: a table with a word for each 2 MiB of user
 * addresses.
 *
 * Pages that are contiguous throughout a chunk, as huge pages are, need no more
 * than that word; else it leads to an array with a word for each page.  Either
 * way a page is found in constant time.
 *
 * The table changes under its readers, who lock nothing: a page that its owner
 * took out is absent from then on, until one is added in its place.  An array
 * stays where it is for as long as there is a reader.
 */
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <asm/barrier.h>
#include <vpin/mem.h>

/* The array of a chunk that has no page at all. */
static void *const vpin_chunk_nothing[VPIN_CHUNK_PAGES];
#define VPIN_CHUNK_NOTHING \
	((unsigned long)vpin_chunk_nothing | VPIN_CHUNK_ARRAY)

/* Index, in its chunk, of the first page of chunk @i that is @pin's. */
static unsigned int vpin_chunk_from(const struct vpin_pin *pin, unsigned long i)
{
	return i ? 0 : pin->skip;
}

/* The array of a chunk that has one: an entry for each of its 512 pages. */
static void **vpin_chunk_array(unsigned long chunk)
{
	return (void **)(chunk & ~VPIN_CHUNK_ARRAY);
}

/**
 * vpin_pin_alloc - a pin whose pages are not known yet
 * @uaddr: user address, in bytes; where in its chunk it is matters
 * @nr_pages: length in pages, not 0
 *
 * Return: the pin with one reference, for vpin_pin_free(); NULL without memory.
 */
struct vpin_pin *vpin_pin_alloc(u64 uaddr, unsigned long nr_pages)
{
	unsigned int skip = (uaddr % VPIN_CHUNK_SIZE) >> PAGE_SHIFT;
	struct vpin_pin *pin;
	unsigned long nr;

	nr = (skip + nr_pages + VPIN_CHUNK_PAGES - 1) / VPIN_CHUNK_PAGES;
	pin = kvzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return NULL;
	pin->chunks = kvcalloc(nr, sizeof(*pin->chunks), GFP_KERNEL_ACCOUNT);
	if (!pin->chunks) {
		kvfree(pin);
		return NULL;
	}
	refcount_set(&pin->ref, 1);
	pin->nr_pages = nr_pages;
	pin->nr_chunks = nr;
	pin->skip = skip;
	return pin;
}

static bool vpin_chunk_has_array(unsigned long chunk)
{
	return chunk & VPIN_CHUNK_ARRAY && chunk != VPIN_CHUNK_NOTHING;
}

/* Frees the memory of a pin without a successor, and nothing else. */
void vpin_pin_free(struct vpin_pin *pin)
{
	unsigned long i;

	for (i = 0; i < pin->nr_chunks; i++) {
		if (vpin_chunk_has_array(pin->chunks[i]))
			kvfree(vpin_chunk_array(pin->chunks[i]) +
			       vpin_chunk_from(pin, i));
	}
	kvfree(pin->chunks);
	kvfree(pin);
}

/* Makes an array that holds @addrs chunk @i's.  Return: 0 or -ENOMEM. */
static int vpin_pin_set_array(struct vpin_pin *pin, unsigned long i,
			      void *const *addrs)
{
	unsigned long nr = vpin_chunk_nr(pin, i);
	void **array = kvmalloc_array(nr, sizeof(*array), GFP_KERNEL_ACCOUNT);

	if (!array)
		return -ENOMEM;
	memcpy(array, addrs, nr * sizeof(*array));
	/* Who finds the array finds what is in it. */
	smp_store_release(&pin->chunks[i],
			  (unsigned long)(array - vpin_chunk_from(pin, i)) |
			  VPIN_CHUNK_ARRAY);
	return 0;
}

/**
 * vpin_pin_set_chunk - says where the pages of a chunk are
 * @pin: the pin
 * @i: the chunk's index; it must not have been set before
 * @addrs: kernel addresses of those of its pages that are the pin's
 *
 * Return: 0 or -ENOMEM.
 */
int vpin_pin_set_chunk(struct vpin_pin *pin, unsigned long i,
		       void *const *addrs)
{
	unsigned int from = vpin_chunk_from(pin, i);
	unsigned int nr = vpin_chunk_nr(pin, i), page;

	for (page = 1; page < nr; page++) {
		if (addrs[page] != addrs[page - 1] + PAGE_SIZE)
			break;
	}
	if (page == nr) {
		pin->chunks[i] = (unsigned long)addrs[0] - from * PAGE_SIZE;
		return 0;
	}

	return vpin_pin_set_array(pin, i, addrs);
}

/* All pages of a pin that has none yet are absent. */
void vpin_pin_empty(struct vpin_pin *pin)
{
	unsigned long i;

	for (i = 0; i < pin->nr_chunks; i++)
		pin->chunks[i] = VPIN_CHUNK_NOTHING;
}

/**
 * vpin_pin_get_chunk - where the pages of a chunk are
 * @pin: the pin
 * @i: the chunk's index
 * @addrs: out: kernel addresses of those of its pages that are the pin's; NULL
 *	for an absent one
 *
 * Return: how many are not absent.
 */
unsigned long vpin_pin_get_chunk(const struct vpin_pin *pin, unsigned long i,
				 void **addrs)
{
	unsigned long chunk = READ_ONCE(pin->chunks[i]);
	unsigned int from = vpin_chunk_from(pin, i);
	unsigned int nr = vpin_chunk_nr(pin, i), page;
	unsigned long present = 0;

	for (page = 0; page < nr; page++) {
		addrs[page] = chunk & VPIN_CHUNK_ARRAY ?
			      READ_ONCE(vpin_chunk_array(chunk)[from + page]) :
			      (void *)chunk + (from + page) * PAGE_SIZE;
		present += !!addrs[page];
	}
	return present;
}

/**
 * vpin_pin_drop - pages of a chunk are absent from now on
 * @pin: the pin
 * @i: the chunk's index
 * @kept: where those of its pages are that are the pin's and stay; else NULL
 * @gone: where those are that become absent; else NULL
 *
 * Nobody else drops pages; some that are in neither may be added meanwhile.
 *
 * Return: 0, or -ENOMEM: nothing has changed then.
 */
int vpin_pin_drop(struct vpin_pin *pin, unsigned long i, void *const *kept,
		  void *const *gone)
{
	unsigned long chunk = READ_ONCE(pin->chunks[i]);
	unsigned int from = vpin_chunk_from(pin, i);
	unsigned int nr = vpin_chunk_nr(pin, i), page;

	if (chunk & VPIN_CHUNK_ARRAY) {
		for (page = 0; page < nr; page++) {
			if (gone[page])
				WRITE_ONCE(vpin_chunk_array(chunk)[from + page],
					   NULL);
		}
		return 0;
	}
	/* All of it was there, so that nothing is added. */
	for (page = 0; page < nr; page++) {
		if (kept[page])
			return vpin_pin_set_array(pin, i, kept);
	}
	WRITE_ONCE(pin->chunks[i], VPIN_CHUNK_NOTHING);
	return 0;
}

/* The place of the page at @offset, from the start of chunk 0, if it has one. */
static void **vpin_pin_place(const struct vpin_pin *pin, u64 offset)
{
	unsigned long chunk = READ_ONCE(pin->chunks[offset / VPIN_CHUNK_SIZE]);

	if (!(chunk & VPIN_CHUNK_ARRAY))
		return NULL;
	return &vpin_chunk_array(chunk)[offset % VPIN_CHUNK_SIZE >> PAGE_SHIFT];
}

/* Whether the page at @offset, from the start of chunk 0, is absent. */
bool vpin_pin_is_absent(const struct vpin_pin *pin, u64 offset)
{
	void **place = vpin_pin_place(pin, offset);

	return place && !READ_ONCE(*place);
}

/* What vpin_pin_add() may need, for kvfree(); NULL without memory. */
void **vpin_pin_make_room(const struct vpin_pin *pin, u64 offset)
{
	return kvcalloc(vpin_chunk_nr(pin, offset / VPIN_CHUNK_SIZE),
			sizeof(void *), GFP_KERNEL_ACCOUNT);
}

/**
 * vpin_pin_add - says where a page is that was absent
 * @pin: the pin, locked against others who add
 * @offset: of the page, from the start of chunk 0
 * @addr: its kernel address
 * @room: vpin_pin_make_room()'s of the chunk; NULL afterwards if it was needed
 *
 * Return: whether it was absent; else nothing has changed.
 */
bool vpin_pin_add(struct vpin_pin *pin, u64 offset, void *addr, void ***room)
{
	unsigned long i = offset / VPIN_CHUNK_SIZE;

	if (!vpin_pin_is_absent(pin, offset))
		return false;
	if (pin->chunks[i] == VPIN_CHUNK_NOTHING) {
		/* Who finds the array finds it empty. */
		smp_store_release(&pin->chunks[i],
				  (unsigned long)(*room - vpin_chunk_from(pin, i)) |
				  VPIN_CHUNK_ARRAY);
		*room = NULL;
	}
	WRITE_ONCE(*vpin_pin_place(pin, offset), addr);
	return true;
}

/*
 * The byte at @offset, and how many lie @before it and from it on: @after.  NULL
 * if its page is absent; @after is then what is left of the page.
 */
static void *vpin_pin_at(const struct vpin_pin *pin, u64 offset, u64 *before,
			 u64 *after)
{
	u64 start = (u64)pin->skip << PAGE_SHIFT;
	unsigned long chunk, at;
	void *page;

	offset = start + array_index_nospec(offset - start,
					    pin->nr_pages << PAGE_SHIFT);
	chunk = READ_ONCE(pin->chunks[offset / VPIN_CHUNK_SIZE]);
	at = offset % VPIN_CHUNK_SIZE;
	if (!(chunk & VPIN_CHUNK_ARRAY)) {
		*before = at;
		*after = VPIN_CHUNK_SIZE - at;
		return (void *)(chunk + at);
	}
	*before = offset_in_page(at);
	*after = PAGE_SIZE - offset_in_page(at);
	page = READ_ONCE(vpin_chunk_array(chunk)[at >> PAGE_SHIFT]);
	return page ? page + offset_in_page(at) : NULL;
}

/**
 * vpin_pin_around - where a byte of a pin is, and what lies around it
 * @pin: the pin
 * @offset: of the byte, from the start of chunk 0
 * @len: bytes wanted from there on, not 0, all of them the pin's
 * @before: out: bytes that lie contiguous before it; maybe not the pin's
 * @after: out: bytes that lie contiguous from it on, at least 1; maybe more
 *	than were wanted, and not the pin's
 *
 * Return: its kernel address; NULL if its page is absent: then @after is what is
 * left of it.
 */
void *vpin_pin_around(const struct vpin_pin *pin, u64 offset, u64 len,
		      u64 *before, u64 *after)
{
	void *addr = vpin_pin_at(pin, offset, before, after);

	while (addr && *after < len) {
		u64 none, more;

		if (vpin_pin_at(pin, offset + *after, &none, &more) !=
		    addr + *after)
			break;
		*after += more;
	}
	return addr;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the pages of a pin are: a table with a word for each 2 MiB of user
 * addresses.
 *
 * Pages that are contiguous throughout a chunk, as huge pages are, need no more
 * than that word; else it leads to an array with a word for each page.  Either
 * way a page is found in constant time.
 */
#include <linux/errno.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <vpin/mem.h>

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
	pin = kvzalloc(struct_size(pin, chunks, nr), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return NULL;
	refcount_set(&pin->ref, 1);
	pin->nr_pages = nr_pages;
	pin->nr_chunks = nr;
	pin->skip = skip;
	return pin;
}

/* Frees a pin's memory, and nothing else. */
void vpin_pin_free(struct vpin_pin *pin)
{
	unsigned long i;

	for (i = 0; i < pin->nr_chunks; i++) {
		if (pin->chunks[i] & VPIN_CHUNK_ARRAY)
			kvfree(vpin_chunk_array(pin->chunks[i]) +
			       vpin_chunk_from(pin, i));
	}
	kvfree(pin);
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
	void **array;

	for (page = 1; page < nr; page++) {
		if (addrs[page] != addrs[page - 1] + PAGE_SIZE)
			break;
	}
	if (page == nr) {
		pin->chunks[i] = (unsigned long)addrs[0] - from * PAGE_SIZE;
		return 0;
	}

	array = kvmalloc_array(nr, sizeof(*array), GFP_KERNEL_ACCOUNT);
	if (!array)
		return -ENOMEM;
	memcpy(array, addrs, nr * sizeof(*array));
	pin->chunks[i] = (unsigned long)(array - from) | VPIN_CHUNK_ARRAY;
	return 0;
}

/* The byte at @offset, and how many lie @before it and from it on: @after. */
static void *vpin_pin_at(const struct vpin_pin *pin, u64 offset, u64 *before,
			 u64 *after)
{
	u64 start = (u64)pin->skip << PAGE_SHIFT;
	unsigned long chunk, at;

	offset = start + array_index_nospec(offset - start,
					    pin->nr_pages << PAGE_SHIFT);
	chunk = pin->chunks[offset / VPIN_CHUNK_SIZE];
	at = offset % VPIN_CHUNK_SIZE;
	if (!(chunk & VPIN_CHUNK_ARRAY)) {
		*before = at;
		*after = VPIN_CHUNK_SIZE - at;
		return (void *)(chunk + at);
	}
	*before = offset_in_page(at);
	*after = PAGE_SIZE - offset_in_page(at);
	return vpin_chunk_array(chunk)[at >> PAGE_SHIFT] + offset_in_page(at);
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
 * Return: its kernel address.
 */
void *vpin_pin_around(const struct vpin_pin *pin, u64 offset, u64 len,
		      u64 *before, u64 *after)
{
	void *addr = vpin_pin_at(pin, offset, before, after);

	while (*after < len) {
		u64 none, more;

		if (vpin_pin_at(pin, offset + *after, &none, &more) !=
		    addr + *after)
			break;
		*after += more;
	}
	return addr;
}

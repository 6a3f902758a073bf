// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include "guest.h"

#define GUEST_PAGE	4096

#define REGION_SIZE	(2UL << 20)
/*
 * From one region to the next.  Not a power of two: what a contestant keeps for
 * each page or region would all fall into the same set of the cache.
 */
#define REGION_STRIDE	((4UL << 20) + 8 * GUEST_PAGE)

/* Offsets in a region; the rings are in the first one only. */
#define AT_DESC		0x10000
#define AT_AVAIL	0x11000
#define AT_USED		0x12000
#define AT_TABLES	0x20000
#define AT_BUFFERS	0x100000
#define NR_BUFFERS	256

/* A region's memory, aligned as VMMs align it; NULL with errno. */
static char *guest_alloc(void)
{
	char *host = mmap(NULL, 2 * REGION_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (host == MAP_FAILED)
		return NULL;
	return host + REGION_SIZE - (unsigned long)host % REGION_SIZE;
}

/* Return: 0, or -1 with errno. */
int guest_init(struct guest *guest)
{
	unsigned int i;

	memset(guest, 0, sizeof(*guest));
	for (i = 0; i < GUEST_REGIONS_MAX; i++) {
		struct guest_region *region = &guest->regions[i];

		region->gpa = i * REGION_STRIDE;
		region->size = REGION_SIZE;
		region->host = guest_alloc();
		if (!region->host)
			return -1;
	}
	return 0;
}

/* Where a GPA of one of the regions is. */
void *guest_host(const struct guest *guest, __u64 gpa)
{
	return guest->regions[gpa / REGION_STRIDE].host + gpa % REGION_STRIDE;
}

/* Buffer number @nr of a chain: one of a block request's shape. */
static struct vring_desc guest_buffer(const struct guest_shape *shape,
				      unsigned int chain, unsigned int nr)
{
	unsigned int seq = chain * shape->len + nr;
	unsigned int region = shape->one_region ? shape->nr_regions / 2 :
						  seq % shape->nr_regions;
	unsigned int page = shape->one_region ? seq : seq / shape->nr_regions;
	struct vring_desc desc = {
		.len = GUEST_PAGE,
	};

	/* Any odd factor gives each page to one buffer. */
	if (shape->scattered)
		page = page * 77 % NR_BUFFERS;
	desc.addr = region * REGION_STRIDE + AT_BUFFERS + page * GUEST_PAGE;
	if (shape->len > 1 && !nr)
		desc.len = 16;
	else if (nr)
		desc.flags = VRING_DESC_F_WRITE;
	if (nr && nr == shape->len - 1)
		desc.len = 1;
	return desc;
}

/* A chain in @table from index @first on. */
static void guest_chain(const struct guest_shape *shape,
			struct vring_desc *table, unsigned int first,
			unsigned int chain)
{
	unsigned int i;

	for (i = 0; i < shape->len; i++) {
		struct vring_desc *desc = &table[first + i];

		*desc = guest_buffer(shape, chain, i);
		if (i < shape->len - 1) {
			desc->flags |= VRING_DESC_F_NEXT;
			desc->next = first + i + 1;
		}
	}
}

/* A chain in an indirect table; the tables lie close, as a slab's objects do. */
static void guest_indirect(struct guest *guest, struct vring_desc *desc,
			   unsigned int chain)
{
	const struct guest_shape *shape = &guest->shape;
	__u64 size = shape->len * sizeof(*desc);
	__u64 slot = (size + 63) & ~63UL;
	unsigned int region = shape->one_region ? shape->nr_regions / 2 :
						  chain % shape->nr_regions;

	desc->addr = region * REGION_STRIDE + AT_TABLES + chain * slot;
	desc->len = size;
	desc->flags = VRING_DESC_F_INDIRECT;
	desc->next = 0;
	guest_chain(shape, guest_host(guest, desc->addr), 0, chain);
}

/**
 * guest_lay_out - makes the chains
 * @guest: the guest; nobody works on it now
 * @shape: what they look like
 *
 * As many as the ring has room for, so that direct and indirect ones compare.
 */
void guest_lay_out(struct guest *guest, const struct guest_shape *shape)
{
	unsigned int i, nr = GUEST_CHAINS_MAX;
	struct vring_desc *table;
	struct vring_avail *avail;

	while (nr * shape->len > GUEST_QUEUE_SIZE)
		nr /= 2;
	guest->shape = *shape;
	guest->nr_regions = shape->nr_regions;
	guest->nr_chains = nr;
	guest->desc = AT_DESC;
	guest->avail = AT_AVAIL;
	guest->used = AT_USED;

	table = guest_host(guest, guest->desc);
	avail = guest_host(guest, guest->avail);
	memset(table, 0, GUEST_QUEUE_SIZE * sizeof(*table));
	for (i = 0; i < nr; i++) {
		guest->heads[i] = shape->indirect ? i : i * shape->len;
		if (shape->indirect)
			guest_indirect(guest, &table[i], i);
		else
			guest_chain(shape, table, guest->heads[i], i);
	}

	memset(avail, 0, sizeof(*avail));
	guest->avail_idx = &avail->idx;
	for (i = 0; i < GUEST_QUEUE_SIZE; i++)
		avail->ring[i] = guest->heads[i % nr];
	/* The driver's used_event: a signal once in 65536 requests. */
	avail->ring[GUEST_QUEUE_SIZE] = 0x7fff;
	memset(guest_host(guest, guest->used), 0,
	       sizeof(struct vring_used) +
	       GUEST_QUEUE_SIZE * sizeof(struct vring_used_elem));
}

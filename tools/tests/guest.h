/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's memory: one memfd, seen by the device at an IOVA of our choice. */
#ifndef VPIN_TESTS_GUEST_H
#define VPIN_TESTS_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE	4096

struct guest {
	int memfd;
	uint8_t *memory;
	size_t size;
	size_t used;		/* guest_alloc() takes from here on */
	uint64_t iova;		/* of the first byte */
};

/* 0 or -errno. */
int guest_init(struct guest *guest, size_t size, uint64_t iova);
void guest_free(struct guest *guest);

/* Zeroed memory of the guest; exits the program when there is no more. */
void *guest_alloc(struct guest *guest, size_t size, size_t align);

uint64_t guest_iova(const struct guest *guest, const void *address);

#endif

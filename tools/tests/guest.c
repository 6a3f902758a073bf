// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest.h"

int guest_init(struct guest *guest, size_t size, uint64_t iova)
{
	*guest = (struct guest){ .size = size, .iova = iova };

	guest->memfd = memfd_create("guest", MFD_CLOEXEC);
	if (guest->memfd < 0)
		return -errno;
	if (ftruncate(guest->memfd, size))
		goto fail;
	guest->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     guest->memfd, 0);
	if (guest->memory != MAP_FAILED)
		return 0;
fail:
	close(guest->memfd);
	return -errno;
}

void guest_free(struct guest *guest)
{
	munmap(guest->memory, guest->size);
	close(guest->memfd);
}

void *guest_alloc(struct guest *guest, size_t size, size_t align)
{
	size_t start = (guest->used + align - 1) / align * align;

	if (size > guest->size || start > guest->size - size) {
		fprintf(stderr, "the guest is out of memory\n");
		exit(EXIT_FAILURE);
	}
	guest->used = start + size;
	return guest->memory + start;
}

uint64_t guest_iova(const struct guest *guest, const void *address)
{
	return guest->iova + ((const uint8_t *)address - guest->memory);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device can be attached to, made for a test and gone with it. */
#ifndef VPIN_TESTS_BACKEND_H
#define VPIN_TESTS_BACKEND_H

#include <stddef.h>

/* Each returns an open file of @size bytes of zeroes, or -errno. */
int backend_memfd(size_t size);
int backend_file(const char *directory, size_t size);
/* A loop device of sectors of @sector_size bytes over an open file, or a memfd. */
int backend_loop_on(int file, unsigned int sector_size);
int backend_loop(size_t size, unsigned int sector_size);

/* An existing block device, -ENOENT if there is none. */
int backend_device(const char *path);

#endif

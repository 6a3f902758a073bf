/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_FORMAT_H
#define VPIN_CLI_FORMAT_H

#include <stdint.h>

/*
 * A format of disk images that has headers of its own, so that a guest which
 * takes one for its disk destroys it.
 */
struct format {
	const char *name;
	const char *way_out;	/* a command; the image's path comes twice, %1$s */
};

/* The format of the file, which is @size bytes long; NULL: none that is known. */
const struct format *format_of(int fd, uint64_t size);

#endif

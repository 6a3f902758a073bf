// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is at fixed places of an image and says that it is not raw.  Not LUKS,
 * partition tables or file systems: a guest's own disk may begin with those.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "format.h"

#define CONVERT	"qemu-img convert -O raw %1$s %1$s.raw"

/* A footer is in the last sector. */
#define FOOTER	512

static const struct {
	struct format format;
	int offset;		/* from the start, or if negative from the end */
	const char *magic;
	unsigned char length;	/* of the magic, in bytes */
} formats[] = {
#define MAGIC(text)	(text), sizeof(text) - 1
	{ { "qcow2", CONVERT }, 0, MAGIC("QFI\xfb") },	/* and the older qcow */
	{ { "qed", CONVERT }, 0, MAGIC("QED\0") },
	{ { "vmdk", CONVERT }, 0, MAGIC("KDMV") },
	{ { "vmdk", CONVERT }, 0, MAGIC("COWD") },
	{ { "vmdk", CONVERT }, 0, MAGIC("# Disk DescriptorFile") },
	{ { "vdi", CONVERT }, 64, MAGIC("\x7f\x10\xda\xbe") },
	{ { "vhdx", CONVERT }, 0, MAGIC("vhdxfile") },
	{ { "vpc (VHD)", CONVERT }, 0, MAGIC("conectix") },
	{ { "vpc (VHD)", CONVERT }, -FOOTER, MAGIC("conectix") },
	{ { "parallels", CONVERT }, 0, MAGIC("WithoutFreeSpace") },
	{ { "parallels", CONVERT }, 0, MAGIC("WithouFreSpacExt") },
	{ { "dmg", CONVERT }, -FOOTER, MAGIC("koly") },
	{ { "bochs", CONVERT }, 0, MAGIC("Bochs Virtual HD Image") },
	{ { "cloop", CONVERT }, 0, MAGIC("#!/bin/sh\n#V2.0 Format\nmodprobe cloop") },
	{ { "gzip", "gunzip -k %1$s" }, 0, MAGIC("\x1f\x8b\x08") },
	{ { "xz", "unxz -k %1$s" }, 0, MAGIC("\xfd" "7zXZ\0") },
	{ { "zstd", "unzstd %1$s" }, 0, MAGIC("\x28\xb5\x2f\xfd") },
	{ { "bzip2", "bunzip2 -k %1$s" }, 0, MAGIC("BZh91AY&SY") },
	{ { "zip", "unzip %1$s" }, 0, MAGIC("PK\3\4") },
#undef MAGIC
};

const struct format *format_of(int fd, uint64_t size)
{
	char bytes[64];
	unsigned int i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		int offset = formats[i].offset;
		off_t at = offset < 0 ? (off_t)size + offset : offset;
		size_t length = formats[i].length;

		if (at >= 0 && pread(fd, bytes, length, at) == (ssize_t)length &&
		    !memcmp(bytes, formats[i].magic, length))
			return &formats[i].format;
	}
	return NULL;
}

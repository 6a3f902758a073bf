/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_BACKEND_H
#define VPIN_CLI_BACKEND_H

#include "disk.h"

/*
 * Opens the image or block device for the disk alone (unless it is shared), and
 * makes sure that a guest can have it as a disk, or exits.  The claim and the
 * locks belong to the open file: they last until the module closes it too.
 */
int backend_open(const struct disk *disk);

#endif

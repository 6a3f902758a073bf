/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_FUZZ_STUB_H
#define VPIN_SERVE_FUZZ_STUB_H

#include "../device.h"

/* A device as it is when it was attached; each bit of @fail is a call that fails. */
void stub_begin(struct device *device, uint64_t fail);

/* Aborts unless all was given back. */
void stub_end(const struct device *device);

#endif

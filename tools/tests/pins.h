/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_TESTS_PINS_H
#define VPIN_TESTS_PINS_H

/* Pages that the kernel holds pinned now (FOLL_PIN), by all of its users. */
long pins_held(void);

#endif

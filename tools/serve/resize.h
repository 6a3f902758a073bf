/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_RESIZE_H
#define VPIN_SERVE_RESIZE_H

/* The sub-command; @argv[0] is its name. */
int resize_main(int argc, char *argv[]);

#endif

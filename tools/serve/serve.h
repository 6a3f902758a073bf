/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_SERVE_SERVE_H
#define VPIN_SERVE_SERVE_H

/* The sub-command; @argv[0] is its name. */
int serve_main(int argc, char *argv[]);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VPIN_CLI_ARGS_H
#define VPIN_CLI_ARGS_H

/*
 * The value of the next option @name, written with one dash or two, in QEMU's
 * arguments from @*next on, which moves behind it; NULL: there is none.
 */
const char *args_next(char *const **next, const char *name);

/*
 * The text behind "KEY=" in the value of an option, up to its comma or end;
 * NULL if it is not there.
 */
const char *args_key(const char *value, const char *key);

#endif

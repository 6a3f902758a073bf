/* SPDX-License-Identifier: GPL-2.0-only */
/* A terminal of which each key is heard at once, and the whole of which is drawn. */
#ifndef VPIN_CLI_TERMINAL_H
#define VPIN_CLI_TERMINAL_H

#include <stdbool.h>

/* What terminal_key() returns beside characters. */
enum {
	KEY_NONE = -1,			/* the time is over, or the size has changed */
	KEY_END = -2,			/* there will be no more */
	KEY_UP = 256, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME,
};

/*
 * From now on keys come one by one and are not shown, on a screen of our own; exits
 * where stdin or stdout is no terminal.  It is as it was before when the process ends,
 * also by a signal, and while it is stopped.
 */
void terminal_begin(void);

/* Rows and columns as they are now. */
void terminal_size(unsigned int *rows, unsigned int *columns);

/* The next key, for which it waits up to @milliseconds. */
int terminal_key(int milliseconds);

/* Lines, as much of them as the screen has room for, in place of those before. */
void terminal_draw(const char *text);

/* Asks for a line below the text of @row, from 0; false if the answer is Esc or empty. */
bool terminal_ask(unsigned int row, const char *question, char *answer, unsigned int size);

#endif

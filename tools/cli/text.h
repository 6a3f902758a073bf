/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that others chose, such as paths and names of processes: any bytes, which a
 * terminal must not obey, and which JSON and OpenMetrics take as UTF-8 alone.
 */
#ifndef VPIN_CLI_TEXT_H
#define VPIN_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD, for bytes that are no UTF-8. */
#define TEXT_REPLACEMENT	"\xef\xbf\xbd"

/* Bytes of the character that @text begins with; 0 if it is none in UTF-8. */
size_t text_character(const char *text);

/* @text itself, where what a terminal would not show as it is has become '?'. */
char *text_clean(char *text);

/* The same, but for line ends. */
char *text_clean_lines(char *text);

/* Whether the character of @length bytes is one that a terminal may obey, or hides. */
bool text_is_control(const char *text, size_t length);

/*
 * As the module writes a path, so that it is one line that no terminal obeys: control
 * characters of ASCII, and a backslash, as their octal digits, "\\012".  To be freed; NULL
 * without memory.
 */
char *text_escape(const char *text);

/* @text itself, with those digits the bytes again. */
char *text_unescape(char *text);

/* Columns of a terminal that @text takes, and bytes of what fits in so many @columns. */
size_t text_width(const char *text);
size_t text_bytes(const char *text, size_t columns);

#endif

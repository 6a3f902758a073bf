// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "text.h"

size_t text_character(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;
	/* The least that takes so many bytes. */
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned long code;
	size_t length, i;

	if (*bytes < 0x80)
		return 1;
	length = *bytes >= 0xf0 ? 4 : *bytes >= 0xe0 ? 3 : 2;
	if (*bytes < 0xc0 || *bytes > 0xf4)
		return 0;
	code = *bytes & (0x7f >> length);
	for (i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return length;
}

/* ECMA-48's, of one byte or of two, and Unicode's that turn the direction of a line. */
bool text_is_control(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;

	switch (length) {
	case 1:
		return iscntrl(*bytes);
	case 2:
		return bytes[0] == 0xc2 && bytes[1] < 0xa0;	/* U+0080 to U+009F */
	case 3:
		if (bytes[0] != 0xe2)
			return false;
		/* U+2028 to U+202E, U+2066 to U+2069 */
		return (bytes[1] == 0x80 && bytes[2] >= 0xa8 && bytes[2] <= 0xae) ||
		       (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9);
	}
	return false;
}

static char *clean(char *text, bool lines)
{
	char *from = text, *to = text;

	while (*from) {
		size_t length = text_character(from);

		if (!length || (text_is_control(from, length) && !(lines && *from == '\n'))) {
			*to++ = '?';
			from += length ? length : 1;
			continue;
		}
		memmove(to, from, length);
		to += length;
		from += length;
	}
	*to = '\0';
	return text;
}

char *text_clean(char *text)
{
	return clean(text, false);
}

char *text_clean_lines(char *text)
{
	return clean(text, true);
}

char *text_escape(const char *text)
{
	char *escaped = malloc(4 * strlen(text) + 1), *to = escaped;

	if (!escaped)
		return NULL;
	for (; *text; text++) {
		unsigned char byte = *text;

		if (byte < ' ' || byte == '\177' || byte == '\\')
			to += sprintf(to, "\\%03o", byte);
		else
			*to++ = byte;
	}
	*to = '\0';
	return escaped;
}

char *text_unescape(char *text)
{
	char *from = text, *to = text;

	while (*from) {
		unsigned int code;

		if (sscanf(from, "\\%3o", &code) == 1 && strspn(from + 1, "01234567") >= 3) {
			*to++ = code;
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	return text;
}

/*
 * The columns of the character that @text begins with, and its bytes: two for a wide one,
 * none for an accent of the one before.  Where the C library has no C.UTF-8 it is one.
 */
static size_t columns_of(const char *text, size_t *length)
{
	mbstate_t state = { };
	wchar_t character;
	int columns = 1;

	*length = text_character(text) ?: 1;
	if (mbrtowc(&character, text, *length, &state) == *length)
		columns = wcwidth(character);
	return columns < 0 ? 1 : columns;
}

size_t text_bytes(const char *text, size_t columns)
{
	size_t length, needed, bytes = 0;

	for (; text[bytes]; bytes += length) {
		needed = columns_of(text + bytes, &length);
		if (needed > columns)
			break;
		columns -= needed;
	}
	return bytes;
}

size_t text_width(const char *text)
{
	size_t length, width = 0;

	for (; *text; text += length)
		width += columns_of(text, &length);
	return width;
}

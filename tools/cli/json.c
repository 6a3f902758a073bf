// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>

#include "json.h"
#include "text.h"

static void begin(struct json *json, const char *name)
{
	if (json->follows)
		fputc(',', json->out);
	if (json->depth)
		fprintf(json->out, "\n%*s", 2 * json->depth, "");
	if (name)
		fprintf(json->out, "\"%s\": ", name);
	json->follows = true;
}

void json_open(struct json *json, const char *name, char bracket)
{
	begin(json, name);
	fputc(bracket, json->out);
	json->depth++;
	json->follows = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->follows && !json->row)
		fprintf(json->out, "\n%*s", 2 * json->depth, "");
	fputc(bracket, json->out);
	json->row = false;
	json->follows = json->depth;
	if (!json->depth)
		fputc('\n', json->out);
}

/* Of a character that is one of at most three bytes. */
static unsigned int code_of(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	unsigned int code = length == 1 ? *bytes : *bytes & (0x3f >> (length - 1));

	while (--length)
		code = code << 6 | (*++bytes & 0x3f);
	return code;
}

void json_text(struct json *json, const char *name, const char *text)
{
	begin(json, name);
	if (!text) {
		fputs("null", json->out);
		return;
	}
	fputc('"', json->out);
	while (*text) {
		size_t length = text_character(text);

		if (!length)
			fputs(TEXT_REPLACEMENT, json->out);
		else if (*text == '"' || *text == '\\')
			fprintf(json->out, "\\%c", *text);
		else if (text_is_control(text, length))
			fprintf(json->out, "\\u%04x", code_of(text, length));
		else
			fwrite(text, 1, length, json->out);
		text += length ? length : 1;
	}
	fputc('"', json->out);
}

void json_number(struct json *json, const char *name, uint64_t number)
{
	/* Of an array they are on one line. */
	if (!name) {
		fprintf(json->out, "%s%" PRIu64, json->follows ? ", " : "", number);
		json->follows = true;
		json->row = true;
		return;
	}
	begin(json, name);
	fprintf(json->out, "%" PRIu64, number);
}

void json_bool(struct json *json, const char *name, bool value)
{
	begin(json, name);
	fputs(value ? "true" : "false", json->out);
}

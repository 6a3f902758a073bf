/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON, written as one goes; names are ours and need no escapes. */
#ifndef VPIN_CLI_JSON_H
#define VPIN_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	int depth;
	bool follows;		/* something came before on this level */
	bool row;		/* that was a number of an array */
};

/* @name is NULL in an array, and for what is outermost. */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);

/* "null" for NULL; what is no UTF-8 becomes U+FFFD, what a terminal obeys "\\u001b". */
void json_text(struct json *json, const char *name, const char *text);
void json_number(struct json *json, const char *name, uint64_t number);
void json_bool(struct json *json, const char *name, bool value);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>

#include "command.h"
#include "disk.h"
#include "say.h"

/* Most options of a command. */
#define OPTIONS_MAX	16

/* Keys of options that have no letter begin here. */
#define LETTERS		256

/* Where the text of an option begins, unless its name is longer. */
#define COLUMN_MAX	28

static const struct opt help_option = {
	"help", 'h', true, NULL, "this text",
};

/* The @i'th option, and --help behind the last; NULL behind that. */
static const struct opt *option_at(const struct command *command, unsigned int i)
{
	unsigned int last = 0;

	while (command->options && command->options[last].name)
		last++;
	if (i < last)
		return &command->options[i];
	return i == last ? &help_option : NULL;
}

static void name_of(const struct opt *opt, char *name, size_t size)
{
	char brief[8] = "";

	if (opt->brief && opt != &help_option)
		snprintf(brief, sizeof(brief), "-%c, ", opt->key);
	snprintf(name, size, "%s--%s%s%s", brief, opt->name, opt->value ? " " : "",
		 opt->value ? opt->value : "");
}

static void print_option(const struct opt *opt, int column)
{
	const char *line = opt->help;
	char name[80];

	name_of(opt, name, sizeof(name));
	if ((int)strlen(name) + 4 > column)
		printf("  %s\n%*s", name, column, "");
	else
		printf("  %-*s", column - 2, name);
	for (;;) {
		int length = strcspn(line, "\n");

		printf("%.*s\n", length, line);
		if (!line[length])
			return;
		line += length + 1;
		printf("%*s", column, "");
	}
}

void command_usage(const struct command *command, const char *title)
{
	const char *line = command->usage;

	for (;;) {
		int length = strcspn(line, "\n");

		printf("%-6s vhost-pin %s%s%.*s\n", title, command->name, length ? " " : "",
		       length, line);
		if (!line[length])
			return;
		line += length + 1;
		title = "";
	}
}

void command_help(const struct command *command)
{
	const struct opt *opt;
	unsigned int i;
	int column = 0;

	command_usage(command, "Usage:");
	printf("\n%s\nOptions:\n", command->about);
	for (i = 0; (opt = option_at(command, i)); i++) {
		char name[80];
		int length;

		name_of(opt, name, sizeof(name));
		length = strlen(name) + 4;
		if (length > column && length <= COLUMN_MAX)
			column = length;
	}
	for (i = 0; (opt = option_at(command, i)); i++)
		print_option(opt, column);
	if (command->takes_disks)
		printf("\n%s", disk_help);
	if (command->more)
		printf("\n%s", command->more);
}

void command_words(const struct command *command)
{
	static const char *const operands[] = {
		[OPERAND_PROGRAM] = "PROGRAM", [OPERAND_DISK] = "DISK",
		[OPERAND_COMMAND] = "COMMAND",
	};
	const struct opt *opt;
	unsigned int i;

	for (i = 0; (opt = option_at(command, i)); i++)
		printf("--%s%s\n", opt->name, opt->value ? "=" : "");
	if (command->operand)
		puts(operands[command->operand]);
}

/* What getopt knows an option by: no letter, if there is none. */
static int key_of(const struct opt *opt)
{
	return opt->brief ? opt->key : LETTERS + opt->key;
}

/* @arg is not an option, or @known is none of its letters; a known one has a value. */
static noreturn void die_option(const struct command *command, const char *arg, int known)
{
	const char *name = command->name;
	const struct opt *opt;
	unsigned int i;

	for (i = 0; known && (opt = option_at(command, i)); i++) {
		if (key_of(opt) == known)
			die(EXIT_USAGE, "%s: --%s takes no value\n"
			    "  See 'vhost-pin %s --help'.", name, opt->name, name);
	}
	if (known)
		die(EXIT_USAGE, "%s: there is no option -%c\n"
		    "  See 'vhost-pin %s --help'.", name, known, name);
	die(EXIT_USAGE, "%s: there is no option %s\n"
	    "  See 'vhost-pin %s --help'.", name, arg, name);
}

int command_parse(const struct command *command, int argc, char *argv[],
		  void (*take)(void *arg, int key, const char *value), void *arg)
{
	struct option options[OPTIONS_MAX + 1] = { };
	char brief[3 + 2 * OPTIONS_MAX] = "", *to = brief;
	const char *name = command->name;
	const struct opt *opt;
	unsigned int i;
	int key;

	/* A program's own options are not ours. */
	if (command->operand == OPERAND_PROGRAM)
		*to++ = '+';
	*to++ = ':';
	for (i = 0; i < OPTIONS_MAX && (opt = option_at(command, i)); i++) {
		options[i] = (struct option){
			.name = opt->name, .has_arg = opt->value != NULL, .val = key_of(opt),
		};
		if (!opt->brief)
			continue;
		*to++ = opt->key;
		if (opt->value)
			*to++ = ':';
	}

	opterr = 0;
	while ((key = getopt_long(argc, argv, brief, options, NULL)) != -1) {
		switch (key) {
		case 'h':
			command_help(command);
			exit(EXIT_SUCCESS);
		case ':':
			die(EXIT_USAGE, "%s: %s needs a value\n"
			    "  See 'vhost-pin %s --help'.", name, argv[optind - 1], name);
		case '?':
			die_option(command, argv[optind - 1], optopt);
		default:
			take(arg, key % LETTERS, optarg);
		}
	}
	return optind;
}

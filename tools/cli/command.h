/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a sub-command takes, in one table: its usage, its help, its getopt and the
 * shell's completion are made from it.
 */
#ifndef VPIN_CLI_COMMAND_H
#define VPIN_CLI_COMMAND_H

#include <stdbool.h>

struct opt {
	const char *name;	/* without its dashes */
	int key;		/* what the command knows it by */
	bool brief;		/* "-KEY" is the same */
	const char *value;	/* what it takes, for people; NULL: nothing */
	const char *help;	/* lines */
};

/* What stands behind the options, for completion. */
enum operand {
	OPERAND_NONE,
	OPERAND_PROGRAM,	/* a program to become, with its own arguments */
	OPERAND_DISK,		/* a disk of this host */
	OPERAND_COMMAND,	/* one of us */
};

struct command {
	const char *name;
	const char *usage;	/* what follows the name; a line for each way */
	const char *summary;	/* a line or more of `vhost-pin --help` */
	const char *about;	/* paragraphs before the options */
	const struct opt *options;	/* up to one without a name; --help is everybody's */
	bool takes_disks;	/* the help has the options of --disk, too */
	const char *more;	/* paragraphs behind the options */
	enum operand operand;
	int (*main)(const struct command *command, int argc, char *argv[]);
};

/*
 * Has @take know each option of @argv, and returns the index of what is behind
 * them, where it has put what is none (but for a program and its arguments).
 * Answers --help, and exits with a message when an option is wrong.
 */
int command_parse(const struct command *command, int argc, char *argv[],
		  void (*take)(void *arg, int key, const char *value), void *arg);

/* "Usage: vhost-pin run ...", a line for each way; @title is as wide as "Usage:". */
void command_usage(const struct command *command, const char *title);

/* The help of one command, on stdout. */
void command_help(const struct command *command);

/*
 * Its options for completion, one a line; "--name=" if it takes a value.  Then what
 * stands behind them: PROGRAM, DISK or COMMAND.
 */
void command_words(const struct command *command);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/* vhost-pin: serves disks to virtual machines through the vhost_pin module. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../serve/resize.h"
#include "../serve/serve.h"
#include "command.h"
#include "disk.h"
#include "doctor.h"
#include "list.h"
#include "metrics.h"
#include "run.h"
#include "say.h"
#include "show.h"
#include "top.h"

static const struct command help_command;

static const struct command *const commands[] = {
	&run_command, &exec_command, &serve_command,
	&list_command, &show_command, &top_command, &resize_command,
	&doctor_command, &metrics_command, &help_command,
};

#define NUM_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < NUM_COMMANDS; i++) {
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	}
	die(EXIT_USAGE, "there is no command '%s'.  See 'vhost-pin --help'.", name);
}

static void print_summary(const struct command *command)
{
	const char *line = command->summary;
	const char *name = command->name;

	for (;; name = "") {
		int length = strcspn(line, "\n");

		printf("  %-8s %.*s\n", name, length, line);
		if (!line[length])
			return;
		line += length + 1;
	}
}

static void print_help(void)
{
	unsigned int i;

	printf("Serves disk images and block devices to virtual machines from inside the host\n"
	       "kernel, by the vhost_pin module.\n\n");
	for (i = 0; i < NUM_COMMANDS; i++)
		command_usage(commands[i], i ? "" : "Usage:");
	putchar('\n');
	for (i = 0; i < NUM_COMMANDS; i++)
		print_summary(commands[i]);
	printf("\n'vhost-pin help COMMAND' says more, and so does vhost-pin(1).\n"
	       "\n"
	       "  --help, --version\n");
}

/* What can be typed, for a shell: commands, a command's options, or a disk's. */
static void print_words(const char *of)
{
	unsigned int i;

	if (!strcmp(of, "commands")) {
		for (i = 0; i < NUM_COMMANDS; i++)
			puts(commands[i]->name);
	} else if (!strcmp(of, "disk")) {
		disk_words();
	} else {
		command_words(find(of));
	}
}

static const struct opt help_options[] = {
	{ "words", 'w', false, "OF",
	  "for a shell: the words of OF, which is 'commands', a command or\n"
	  "'disk', whose words are the options of --disk" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	const char **words = arg;

	(void)key;
	*words = value;
}

static int help_main(const struct command *command, int argc, char *argv[])
{
	const char *words = NULL;
	int next = command_parse(command, argc, argv, take, &words);

	if (argc - next > 1)
		die(EXIT_USAGE, "help: it takes one command");
	if (words)
		print_words(words);
	else if (argv[next])
		command_help(find(argv[next]));
	else
		print_help();
	return EXIT_SUCCESS;
}

static const struct command help_command = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "what a command takes",
	.about = "Says what a command does and which options it has.\n",
	.options = help_options,
	.operand = OPERAND_COMMAND,
	.main = help_main,
};

/*
 * Where input, output or stderr is closed, the next file that is opened would be it: a
 * disk, into which we would write what we have to say.  What takes its place cannot be
 * read or written, either.
 */
static void take_standard_files(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(EXIT_FAILURE);
	}
}

/* However we end. */
static void end_output(void)
{
	if (!fflush(stdout))
		return;
	say("cannot write what was to be said: %s", strerror(errno));
	_exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
	const struct command *command;

	take_standard_files();
	atexit(end_output);
	/* All text is UTF-8, wherever we run: how wide is it? */
	setlocale(LC_CTYPE, "C.UTF-8");
	if (argc < 2)
		die(EXIT_USAGE, "what shall I do?  See 'vhost-pin --help'.");
	if (!strcmp(argv[1], "--version")) {
		puts("vhost-pin " VPIN_VERSION);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return EXIT_SUCCESS;
	}
	command = find(argv[1]);
	return command->main(command, argc - 1, argv + 1);
}

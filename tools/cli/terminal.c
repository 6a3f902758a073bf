// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "say.h"
#include "terminal.h"
#include "text.h"

/* Sequences of ECMA-48, which every terminal of today knows. */
#define SCREEN_OURS	"\033[?1049h\033[?25l\033[H\033[J"
#define SCREEN_BACK	"\033[?25h\033[?1049l"
#define TO_THE_TOP	"\033[H"
#define NEXT_LINE	"\033[K\n"
#define END_OF_SCREEN	"\033[K\033[J"

#define ESC		'\033'
#define BACKSPACE	'\177'

/* How long the rest of a key's sequence may take to come, in milliseconds. */
#define SEQUENCE_MS	50

static struct termios before;
static sigset_t unblocked;	/* signals while we wait for a key */
static volatile sig_atomic_t is_ours;

static void put(const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t done = write(STDOUT_FILENO, text, length);

		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			text += done;
			length -= done;
		}
	}
}

static void take(void)
{
	struct termios raw = before;

	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put(SCREEN_OURS);
	is_ours = true;
}

static void give_back(void)
{
	if (!is_ours)
		return;
	is_ours = false;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	put(SCREEN_BACK);
}

/* All in here may be called from a signal's handler. */
static void on_end(int signal)
{
	give_back();
	raise(signal);		/* its default, once we return */
}

static void on_stop(int signal)
{
	int error = errno;

	(void)signal;
	give_back();
	raise(SIGSTOP);
	/* Here we go on. */
	take();
	errno = error;
}

/* It only has ppoll() return, which is where it comes. */
static void on_resize(int signal)
{
	(void)signal;
}

static void handle(int signal, void (*handler)(int signal), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(signal, &action, NULL);
}

void terminal_begin(void)
{
	const char *type = getenv("TERM");
	sigset_t resized;

	/* A dumb one, such as an editor's, shows sequences and obeys none. */
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    (type && !strcmp(type, "dumb")) || tcgetattr(STDIN_FILENO, &before))
		die(EXIT_USAGE, "top: this is no terminal, or one that shows lines alone\n"
		    "  For a file or a pipe: vhost-pin top -b, and -n N for N screenfuls.");
	atexit(give_back);
	/* Our screen vanishes, with what is said on it. */
	say_last(give_back);
	handle(SIGINT, on_end, SA_RESETHAND);
	handle(SIGTERM, on_end, SA_RESETHAND);
	handle(SIGHUP, on_end, SA_RESETHAND);
	handle(SIGQUIT, on_end, SA_RESETHAND);
	handle(SIGTSTP, on_stop, 0);
	handle(SIGWINCH, on_resize, 0);
	sigemptyset(&resized);
	sigaddset(&resized, SIGWINCH);
	sigprocmask(SIG_BLOCK, &resized, &unblocked);
	take();
}

void terminal_size(unsigned int *rows, unsigned int *columns)
{
	struct winsize size = { };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	*rows = size.ws_row ?: 24;
	*columns = size.ws_col ?: 80;
}

static int next_byte(int milliseconds)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec time = {
		.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L,
	};
	unsigned char byte;

	if (ppoll(&input, 1, milliseconds < 0 ? NULL : &time, &unblocked) != 1)
		return KEY_NONE;
	return read(STDIN_FILENO, &byte, 1) == 1 ? byte : KEY_END;
}

/* What a key sends behind Esc and '[' or 'O'. */
static int named_key(void)
{
	int byte = next_byte(SEQUENCE_MS), last;

	switch (byte) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'H':
		return KEY_HOME;
	}
	/* "5~", "1;5C" and the like end in what is no digit. */
	for (last = byte; last == ';' || isdigit(last); last = next_byte(SEQUENCE_MS))
		;
	if (last == '~' && byte == '5')
		return KEY_PAGE_UP;
	if (last == '~' && byte == '6')
		return KEY_PAGE_DOWN;
	return last == '~' && byte == '1' ? KEY_HOME : KEY_NONE;
}

int terminal_key(int milliseconds)
{
	int byte = next_byte(milliseconds);

	if (byte != ESC)
		return byte;
	byte = next_byte(SEQUENCE_MS);
	if (byte == '[' || byte == 'O')
		return named_key();
	return byte == KEY_NONE ? ESC : byte;
}

void terminal_draw(const char *text)
{
	unsigned int rows, columns, row;
	char *screen;
	size_t size;
	FILE *out = open_memstream(&screen, &size);

	if (!out)
		die(EXIT_FAILURE, "out of memory");
	terminal_size(&rows, &columns);
	fputs(TO_THE_TOP, out);
	for (row = 0; *text && row < rows; row++) {
		int length = strcspn(text, "\n"), shown = text_bytes(text, columns);

		/* The last line has no end, or the terminal would scroll. */
		fprintf(out, "%s%.*s", row ? NEXT_LINE : "",
			length < shown ? length : shown, text);
		text += length + (text[length] == '\n');
	}
	fputs(END_OF_SCREEN, out);
	fclose(out);
	put(screen);
	free(screen);
}

bool terminal_ask(unsigned int row, const char *question, char *answer, unsigned int size)
{
	unsigned int length = 0;
	char line[256];
	int key;

	*answer = '\0';
	for (;;) {
		snprintf(line, sizeof(line), "\033[%u;1H\033[K%s %s", row + 1, question, answer);
		put(line);
		key = terminal_key(-1);
		if (key == ESC || key == KEY_END)
			return false;
		if (key == '\n' || key == '\r')
			return length;
		if ((key == BACKSPACE || key == '\b') && length)
			answer[--length] = '\0';
		if (key < 256 && isprint(key) && length < size - 1) {
			answer[length++] = key;
			answer[length] = '\0';
		}
	}
}

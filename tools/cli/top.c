// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin top`: what the disks of this host are doing, again and again. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host.h"
#include "latency.h"
#include "root.h"
#include "say.h"
#include "table.h"
#include "terminal.h"
#include "top.h"

/* Seconds: between screenfuls, at least, and until there is the first. */
#define DELAY		2.0
#define DELAY_MIN	0.1
#define DELAY_FIRST	0.3

/* What a disk did in a second. */
struct rates {
	const struct host_disk *disk;
	double requests, reads, writes;
	double read_bytes, written_bytes;
	double errors;
	double half, most;	/* took at most so many microseconds; < 0: not taken */
	double cpu;		/* percent of one processor */
};

struct view {
	bool batch;
	unsigned long frames;	/* 0: no end */
	double delay;
	char sort;
	bool reverse;
	bool no_idle;
	bool help;
	unsigned int first;	/* of the rows that are shown */
	char message[128];	/* of the last key */
};

static const struct opt options[] = {
	{ "batch", 'b', true, NULL, "no keys, no screen: for files and pipes" },
	{ "iterations", 'n', true, "N", "show it N times, then end" },
	{ "delay", 'd', true, "S", "seconds between, 0.1 or more (2)" },
	{ "sort", 'o', true, "KEY", "order: one of the keys P, Q, B, L, M, N below (Q)" },
	{ }
};

/* What the command's help and its own key say. */
#define KEYS_HELP \
"Keys:\n" \
"  q           ends it                  Q  sort by requests\n" \
"  d, s        another delay            B  sort by bytes\n" \
"  space       look now                 L  sort by latency (99 %)\n" \
"  i           hide disks that idle     P  sort by CPU time\n" \
"  R           the other way round      M  sort by pinned memory\n" \
"  l           take latencies, or not   N  sort by name\n" \
"  arrows      further up, down         h  this help\n" \
"\n" \
"Columns, all of the time since the screenful before:\n" \
"  REQ/S, READ/S, WRITE/S   requests a second: all, and two of their types\n" \
"  RB/S, WB/S               bytes a second read and written\n" \
"  50%, 99%                 half of the requests, and all but one in a hundred,\n" \
"                           took no longer; '-' if it is not taken (key l)\n" \
"  DEPTH                    requests that are in flight now\n" \
"  CPU%                     time of the disk's threads; 100 is one processor\n" \
"  ERR/S                    requests a second that failed\n" \
"K, M and G are thousands, of bytes 1024.\n" \
"Where there is no room for all, WRITE/S, READ/S and 50% are left out.\n"

static double parse_delay(const char *text)
{
	char *end;
	double delay = strtod(text, &end);

	return end != text && !*end && delay >= DELAY_MIN && delay < 1e6 ? delay : 0;
}

static bool set_sort(struct view *view, int key)
{
	if (key >= 256 || key <= 0 || !strchr("PQBLMN", key))
		return false;
	view->sort = key;
	return true;
}

static void take(void *arg, int key, const char *value)
{
	struct view *view = arg;
	char *end;

	switch (key) {
	case 'b':
		view->batch = true;
		break;
	case 'n':
		view->frames = strtoul(value, &end, 10);
		if (end == value || *end || *value == '-' || !view->frames)
			die(EXIT_USAGE, "top: -n %s is not a number of screenfuls", value);
		break;
	case 'd':
		view->delay = parse_delay(value);
		if (!view->delay)
			die(EXIT_USAGE, "top: -d %s is not a number of seconds, 0.1 or more", value);
		break;
	default:
		if (value[1] || !set_sort(view, *value))
			die(EXIT_USAGE, "top: -o %s is none of P, Q, B, L, M and N", value);
	}
}

static const struct host_disk *same_disk(const struct host *host, const struct host_disk *disk)
{
	unsigned int i;

	for (i = 0; i < host->num; i++) {
		/* Another disk may have its number. */
		if (host->disks[i].life == disk->life)
			return &host->disks[i];
	}
	return NULL;
}

/* What came to @before, whose end is @after. */
static void subtract(struct traffic *done, const struct traffic *after,
		     const struct traffic *before)
{
	unsigned int i;

	*done = *after;
	for (i = 0; i < NUM_COUNTERS; i++)
		done->counts[i] -= before->counts[i];
	for (i = 0; i < done->num_buckets; i++)
		done->buckets[i] -= before->buckets[i];
}

/* What @disk did since the host was as in @before, where it may not have been. */
static void rates_of(struct rates *rates, const struct host_disk *disk,
		     const struct host *host)
{
	const struct host_disk nothing = { .looked = host->looked };
	const struct host_disk *before = same_disk(host, disk) ?: &nothing;
	double seconds = disk->looked - before->looked;
	struct traffic done;
	uint64_t ticks;

	subtract(&done, &disk->traffic, &before->traffic);
	/* Threads come and go with the queues. */
	ticks = disk->ticks > before->ticks ? disk->ticks - before->ticks : 0;
	*rates = (struct rates){
		.disk = disk,
		.requests = traffic_requests(&done) / seconds,
		.reads = done.counts[READS] / seconds,
		.writes = done.counts[WRITES] / seconds,
		.read_bytes = done.counts[READ_BYTES] / seconds,
		.written_bytes = done.counts[WRITTEN_BYTES] / seconds,
		.errors = traffic_errors(&done) / seconds,
		.half = disk->numbers[LATENCY] ? latency_of(&done, 0.5) : -1,
		.most = disk->numbers[LATENCY] ? latency_of(&done, 0.99) : -1,
		.cpu = 100.0 * ticks / sysconf(_SC_CLK_TCK) / seconds,
	};
}

static double sort_value(const struct rates *rates, char key)
{
	switch (key) {
	case 'P':
		return rates->cpu;
	case 'B':
		return rates->read_bytes + rates->written_bytes;
	case 'L':
		return rates->most;
	case 'M':
		return rates->disk->numbers[PINNED];
	default:
		return rates->requests;
	}
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct rates *one = a, *other = b;
	const struct view *view = arg;
	double difference = 0;
	int order;

	if (view->sort != 'N')
		difference = sort_value(other, view->sort) - sort_value(one, view->sort);
	order = difference > 0 ? 1 : difference < 0 ? -1 : 0;
	if (!order)
		order = strverscmp(one->disk->name, other->disk->name);
	return view->reverse ? -order : order;
}

static void add_row(struct table *table, const struct rates *rates)
{
	char text[SHORT_SIZE];

	table_add(table, rates->disk->name);
	table_add(table, rates->disk->texts[STATE]);
	table_add(table, short_number(text, rates->requests));
	table_add(table, short_number(text, rates->reads));
	table_add(table, short_number(text, rates->writes));
	table_add(table, short_bytes(text, rates->read_bytes));
	table_add(table, short_bytes(text, rates->written_bytes));
	table_add(table, short_time(text, rates->half));
	table_add(table, short_time(text, rates->most));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)rates->disk->traffic.inflight);
	table_add(table, text);
	snprintf(text, sizeof(text), "%.1f", rates->cpu);
	table_add(table, text);
	table_add(table, short_number(text, rates->errors));
	table_add(table, rates->disk->vm_name);
}

static void print_head(FILE *out, const struct view *view, const struct host *host,
		       const struct rates *rates)
{
	char requests[SHORT_SIZE], read[SHORT_SIZE], written[SHORT_SIZE], pinned[SHORT_SIZE];
	struct rates sum = { };
	unsigned int i, running = 0, broken = 0;
	uint64_t memory = 0;
	char clock[16];
	time_t t = time(NULL);

	for (i = 0; i < host->num; i++) {
		const struct host_disk *disk = rates[i].disk;

		running += !strcmp(disk->texts[STATE], "running");
		broken += !strcmp(disk->texts[STATE], "broken");
		memory += disk->numbers[PINNED];
		sum.requests += rates[i].requests;
		sum.read_bytes += rates[i].read_bytes;
		sum.written_bytes += rates[i].written_bytes;
		sum.errors += rates[i].errors;
		sum.cpu += rates[i].cpu;
	}
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&t));
	fprintf(out, "vhost-pin top - %s, %u disks, %u running, %u broken; every %g s\n",
		clock, host->num, running, broken, view->delay);
	fprintf(out, "%s requests/s, %s bytes/s read, %s written; %.1f %% CPU; %s pinned; %.0f errors/s\n",
		short_number(requests, sum.requests), short_bytes(read, sum.read_bytes),
		short_bytes(written, sum.written_bytes), sum.cpu, short_bytes(pinned, memory),
		sum.errors);
	fprintf(out, "%s\n", view->message);
}

static void print_disks(FILE *out, struct view *view, const struct host *host,
			const struct rates *rates, unsigned int rows, unsigned int width)
{
	static const struct column columns[] = {
		{ .title = "NAME", .min = 12 },
		{ .title = "STATE", .min = 9 },
		{ .title = "REQ/S", .right = true, .min = 5 },
		{ .title = "READ/S", .right = true, .min = 6, .spare = 2 },
		{ .title = "WRITE/S", .right = true, .min = 7, .spare = 1 },
		{ .title = "RB/S", .right = true, .min = 5 },
		{ .title = "WB/S", .right = true, .min = 5 },
		{ .title = "50%", .right = true, .min = 5, .spare = 3 },
		{ .title = "99%", .right = true, .min = 5 },
		{ .title = "DEPTH", .right = true, .min = 5 },
		{ .title = "CPU%", .right = true, .min = 5 },
		{ .title = "ERR/S", .right = true, .min = 5 },
		{ .title = "VM" },
	};
	struct table table;
	unsigned int i, num = 0;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < host->num; i++) {
		if (view->no_idle && !rates[i].requests && !rates[i].disk->traffic.inflight)
			continue;
		add_row(&table, &rates[i]);
		num++;
	}
	if (view->first >= num)
		view->first = num ? num - 1 : 0;
	table.room = width;
	table_print(&table, out, view->first, rows);
	table_fini(&table);
}

/* Rows of the head and the titles. */
#define HEAD_ROWS	4
#define MESSAGE_ROW	2

static void show(struct view *view, const struct host *host, const struct host *before)
{
	struct rates *rates = calloc(host->num + 1, sizeof(*rates));
	unsigned int rows = UINT_MAX, width = 0, i;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!rates || !out)
		die(EXIT_FAILURE, "out of memory");
	for (i = 0; i < host->num; i++)
		rates_of(&rates[i], &host->disks[i], before);
	qsort_r(rates, host->num, sizeof(*rates), compare, view);
	if (!view->batch) {
		terminal_size(&rows, &width);
		rows = rows > HEAD_ROWS ? rows - HEAD_ROWS : 0;
	}
	if (view->help) {
		fputs(KEYS_HELP "\nAny key goes back.\n", out);
	} else {
		print_head(out, view, host, rates);
		print_disks(out, view, host, rates, rows, width);
	}
	fclose(out);
	if (view->batch)
		printf("%s\n", text);
	else
		terminal_draw(text);
	fflush(stdout);
	free(text);
	free(rates);
}

/* Has the module take the times of all disks, or none. */
static void switch_latency(struct view *view, const struct host *host)
{
	unsigned int i;
	bool on = false;

	for (i = 0; i < host->num; i++)
		on |= !host->disks[i].numbers[LATENCY];
	*view->message = '\0';
	for (i = 0; i < host->num; i++) {
		int fd = open(root_path("/sys/class/vhost-pin/%s/latency", host->disks[i].device),
			      O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, on ? "1" : "0", 1) != 1)
			snprintf(view->message, sizeof(view->message),
				 "latencies cannot be switched: %s; root can", strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (!*view->message)
		snprintf(view->message, sizeof(view->message), "latencies are %s",
			 on ? "taken" : "not taken any more");
}

static void ask_delay(struct view *view)
{
	char answer[16];
	double delay;

	if (!terminal_ask(MESSAGE_ROW, "seconds between screenfuls:", answer, sizeof(answer)))
		return;
	delay = parse_delay(answer);
	if (delay)
		view->delay = delay;
	else
		snprintf(view->message, sizeof(view->message),
			 "'%s' is not a number of seconds, 0.1 or more", answer);
}

/* Does what a key says; whether there is to be another screenful. */
static bool obey(struct view *view, const struct host *host, int key)
{
	unsigned int rows, width;

	if (key == KEY_NONE)
		return true;
	*view->message = '\0';
	if (view->help) {
		view->help = false;
		return key != KEY_END;
	}
	terminal_size(&rows, &width);
	rows = rows > HEAD_ROWS ? rows - HEAD_ROWS : 1;
	switch (key) {
	case 'q':
	case KEY_END:
		return false;
	case 'd':
	case 's':
		ask_delay(view);
		break;
	case 'h':
	case '?':
		view->help = true;
		break;
	case 'i':
		view->no_idle = !view->no_idle;
		break;
	case 'R':
		view->reverse = !view->reverse;
		break;
	case 'l':
		switch_latency(view, host);
		break;
	case KEY_UP:
		view->first -= view->first > 0;
		break;
	case KEY_DOWN:
		view->first++;
		break;
	case KEY_PAGE_UP:
		view->first -= view->first < rows ? view->first : rows;
		break;
	case KEY_PAGE_DOWN:
		view->first += rows;
		break;
	case KEY_HOME:
		view->first = 0;
		break;
	case ' ':
	case '\n':
	case '\r':
		break;
	default:
		if (!set_sort(view, key))
			snprintf(view->message, sizeof(view->message),
				 "there is no such key: h shows those that there are");
	}
	return true;
}

/*
 * Shows what there is until it is time to look again; whether it is.  A key that
 * changes how it is shown has it shown anew, of the same time.
 */
static bool wait_for_keys(struct view *view, const struct host *host,
			  const struct host *before)
{
	double until = host_clock() + view->delay;
	double left;

	while ((left = until - host_clock()) > 0) {
		int key = terminal_key(left * 1000 + 1);

		if (!obey(view, host, key))
			return false;
		if (key == ' ' || key == '\n' || key == '\r')
			return true;
		if (key == 'd' || key == 's')
			until = host_clock() + view->delay;
		if (until > host_clock())
			show(view, host, before);
	}
	return true;
}

static void sleep_for(double seconds)
{
	struct timespec time = {
		.tv_sec = (time_t)seconds, .tv_nsec = (seconds - (time_t)seconds) * 1e9,
	};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static int top_main(const struct command *command, int argc, char *argv[])
{
	struct view view = { .delay = DELAY, .sort = 'Q' };
	struct host before, host;
	unsigned long frame;

	if (argv[command_parse(command, argc, argv, take, &view)])
		die(EXIT_USAGE, "top: it takes no name\n"
		    "  All of one disk: vhost-pin show NAME");
	host_read(&before);
	if (!view.batch) {
		terminal_begin();
		strcpy(view.message, "h shows the keys, q ends it");
	}
	sleep_for(view.batch ? view.delay : DELAY_FIRST);
	for (frame = 1;; frame++) {
		host_read(&host);
		show(&view, &host, &before);
		if (frame == view.frames)
			break;
		if (view.batch)
			sleep_for(view.delay);
		else if (!wait_for_keys(&view, &host, &before))
			break;
		host_free(&before);
		before = host;
	}
	host_free(&before);
	host_free(&host);
	return EXIT_SUCCESS;
}

const struct command top_command = {
	.name = "top",
	.usage = "[-b] [-n N] [-d S] [-o KEY]",
	.summary = "what the disks do, live: requests, bytes, latency, depth, CPU time",
	.about =
"Shows what the disks of this host are doing, the busiest first, every 2 seconds.\n"
"With -b it is written line by line; each time is then of the S seconds before it.\n",
	.options = options,
	.more = KEYS_HELP,
	.main = top_main,
};
